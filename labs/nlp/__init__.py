"""Language: words as counts and vectors, topics (LSA, LDA), classifiers, taggers, a language model."""

from labs.nlp.lda import GibbsLDA
from labs.nlp.nlp import (
    Document,
    Embeddings,
    HyperParams,
    NaiveBayes,
    corpus_embeddings,
    cosine_similarity,
    document_term_matrix,
    lda,
    lexical_frequency,
    lexicon,
    load_embeddings,
    lsa,
    prepare,
    tf_idf,
    tokenize,
    walk,
)
from labs.nlp.stemming import stem

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
