"""Language: words as counts and vectors, topics (LSA, LDA), classifiers, taggers, a language model."""

from labs.nlp.lda import GibbsLDA
from labs.nlp.nlp import HyperParams, NaiveBayes, document_term_matrix, lda, lsa, tf_idf, walk
from labs.nlp.stemming import stem
from labs.nlp.word_vectors import Embeddings, corpus_embeddings, cosine_similarity, load_embeddings
from labs.nlp.words import Document, lexical_frequency, lexicon, prepare, tokenize

__all__ = [
    "Document",
    "Embeddings",
    "GibbsLDA",
    "HyperParams",
    "NaiveBayes",
    "corpus_embeddings",
    "cosine_similarity",
    "document_term_matrix",
    "lda",
    "lexical_frequency",
    "lexicon",
    "load_embeddings",
    "lsa",
    "prepare",
    "stem",
    "tf_idf",
    "tokenize",
    "walk",
]
