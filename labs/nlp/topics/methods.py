"""Three ways to find topics, and how good what they found is.

LSA (latent semantic analysis, Deerwester et al. 1990) is a truncated SVD of the document–term matrix; LDA is the
generative model of lda.py, sampled as in nlp.jl, with scikit-learn's variational inference beside it.
"""

import time
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from labs.nlp.lda import GibbsLDA
from labs.nlp.topics.coherence import agreement, coherence
from labs.nlp.topics.matching import diversity
from labs.nlp.topics.preparation import Corpus


@dataclass(frozen=True)
class Topics:
    """What a method found. LSA's weights have signs; LDA's are probabilities, rows that sum to 1."""

    method: str
    topic_terms: np.ndarray  # (K, V)
    document_topics: np.ndarray  # (D, K)
    seconds: float

    def top(self, n: int) -> list[list[int]]:
        """The n terms that speak most for each topic, heaviest first, as columns of the document–term matrix."""
        return np.argsort(-self.topic_terms, axis=1, kind="stable")[:, :n].tolist()

    def heaviest(self, n: int) -> list[list[int]]:
        """The n terms of each topic with the largest weights, whatever their sign. The same as `top` for LDA."""
        return np.argsort(-np.abs(self.topic_terms), axis=1, kind="stable")[:, :n].tolist()

    def names(self, corpus: Corpus, words: int = 2) -> list[str]:
        """What each topic is called in figures: its number from 1, and its first terms."""
        return [f"{k} {' '.join(corpus.words[t] for t in terms)}" for k, terms in enumerate(self.top(words), 1)]

    @property
    def dominant(self) -> np.ndarray:
        """(D,) the topic with the most weight in each document, whatever its sign."""
        return np.abs(self.document_topics).argmax(axis=1)


def weigh(counts: csr_array, weighting: str) -> csr_array:
    """LSA's matrix: counts, or counts · (ln((1 + D) / (1 + df)) + 1). Rows of length 1.

    This smoothed idf has no zeros: plain ln(D / df) is 0 for a term of every document.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer(use_idf=weighting == "tfidf").fit_transform(counts)


def lsa(counts: csr_array, topics: int, weighting: str = "tfidf", seed: int = 0) -> Topics:
    """Truncated SVD, matrix ≈ U Σ Vᵀ: document_topics U Σ, topic_terms Vᵀ, each topic turned so that its heavier
    side is positive (the SVD leaves the sign open)."""
    from sklearn.decomposition import TruncatedSVD

    started = time.perf_counter()
    svd = TruncatedSVD(topics, random_state=seed)
    document_topics = svd.fit_transform(weigh(counts, weighting))
    weights = svd.components_
    sign = np.where((np.maximum(weights, 0) ** 2).sum(axis=1) >= 0.5, 1.0, -1.0)  # rows have length 1
    return Topics("LSA", weights * sign[:, None], document_topics * sign, time.perf_counter() - started)


def variational_lda(counts: csr_array, topics: int, alpha: float, beta: float, seed: int = 0) -> Topics:
    """scikit-learn's LDA: the posterior approached by one that factorises (Blei et al. 2003), batch updates."""
    from sklearn.decomposition import LatentDirichletAllocation

    started = time.perf_counter()
    model = LatentDirichletAllocation(
        topics, doc_topic_prior=alpha, topic_word_prior=beta, max_iter=50, random_state=seed
    )
    theta = model.fit_transform(counts)
    phi = model.components_ / model.components_.sum(axis=1, keepdims=True)
    return Topics("variational LDA", phi, theta, time.perf_counter() - started)


def gibbs_lda(counts: csr_array, topics: int, alpha: float, beta: float, sweeps: int, seed: int = 0) -> Topics:
    """LDA by `sweeps` sweeps of the sampler in lda.py. The last sample counts."""
    started = time.perf_counter()
    sampler = GibbsLDA(counts, topics, alpha, beta, seed)
    for _ in range(sweeps):
        sampler.sweep()
    return Topics("LDA", sampler.topic_words, sampler.document_topics, time.perf_counter() - started)


def measure(found: Topics, corpus: Corpus, top: int, seed: int = 0) -> dict[str, float]:
    """seconds, coherence, diversity and, with classes, agreement: of the dominant topics, and of K clusters by k-means.

    The clusters are found among the documents' rows of unit length, so that methods that assign softly, or with
    signs, are compared by the space they make, too.
    """
    tops = found.top(top)
    npmi, umass = coherence(tops, corpus.counts)
    row = {"seconds": found.seconds, "coherence_npmi": float(npmi.mean()), "coherence_umass": float(umass.mean())}
    row["diversity"] = diversity(tops)
    if len(corpus.y):
        from sklearn.cluster import KMeans
        from sklearn.preprocessing import normalize

        clusters = KMeans(len(found.topic_terms), n_init=4, random_state=seed)
        row |= agreement(found.dominant, corpus.y)
        row["clusters_nmi"] = agreement(clusters.fit_predict(normalize(found.document_topics)), corpus.y)["nmi"]
    return row


def label(found: Topics, k: int, corpus: Corpus) -> str:
    """The class that most of topic k's weight lies in, and its share: "(space 87 %) "; empty without classes."""
    if not len(corpus.y):
        return ""
    mass = np.bincount(corpus.y, np.abs(found.document_topics[:, k]), minlength=len(corpus.classes))
    best = int(mass.argmax())
    return f"({corpus.classes[best]} {mass[best] / mass.sum():.0%}) "
