"""Which sentences of a text say most? TextRank and two readings of an SVD; all of them only choose, none writes.

TextRank (Mihalcea & Tarau 2004): sentences that share words with many others are central, as web pages with many links
are. Gong & Liu 2001: the SVD of the word counts finds what a text is about, and each dimension names one sentence.
Steinberger & Ježek 2004: a sentence's length in the first dimensions, so that two may stand for the same one.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

# --- TextRank ---------------------------------------------------------------------------------------------------------


def overlap_weights(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """Similarities (N, N) of sentences given as words: shared different words / (ln |a| + ln |b|), 0 with itself."""
    weights = np.zeros((len(sentences), len(sentences)))
    for i, a in enumerate(sentences):
        for j, b in enumerate(sentences[:i]):
            size = math.log(len(a)) + math.log(len(b)) if a and b else 0.0
            if size > 0:  # two sentences of one word each have ln 1 + ln 1 = 0
                weights[i, j] = weights[j, i] = len(set(a) & set(b)) / size
    return weights


def cosine_weights(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """Similarities (N, N): the cosine of the word counts, each weighed by its idf within the text; 0 with itself."""
    counts = count_matrix(sentences)
    weighed = counts * np.log(len(counts) / np.maximum(1, (counts > 0).sum(axis=0)))
    length = np.linalg.norm(weighed, axis=1, keepdims=True)
    directions = np.divide(weighed, length, out=np.zeros_like(weighed), where=length > 0)
    weights = directions @ directions.T
    np.fill_diagonal(weights, 0)
    return weights


def walk(weights: np.ndarray, damping: float = 0.85) -> Iterator[np.ndarray]:
    """Where a reader of a graph with weights (N, N) is after 0, 1, 2, … steps: probabilities (N,), without an end.

    The reader begins anywhere, follows an edge with probability `damping`, in proportion to its weight, else goes
    anywhere: r_i = (1 − d)/N + d Σ_j r_j w_ji / Σ_k w_jk. Where no edge leaves, the reader goes anywhere, too.
    """
    n = len(weights)
    leaving = weights.sum(axis=1, keepdims=True)
    follow = np.divide(weights, leaving, out=np.full((n, n), 1 / n), where=leaving > 0)
    ranks = np.full(n, 1 / n)
    while True:
        yield ranks
        ranks = (1 - damping) / n + damping * (ranks @ follow)


def rank(weights: np.ndarray, damping: float = 0.85, iterations: int = 100, tolerance: float = 1e-8) -> np.ndarray:
    """PageRank (N,) of a graph, by power iteration: where a walk ends; the ranks add up to 1."""
    steps = walk(weights, damping)
    ranks = next(steps)
    for _ in range(iterations):
        before, ranks = ranks, next(steps)
        if np.abs(ranks - before).sum() < tolerance:
            break
    return ranks


# --- LSA --------------------------------------------------------------------------------------------------------------


def different_words(sentences: Sequence[Sequence[str]]) -> list[str]:
    """The words of sentences, each once, in the order in which they come: the columns of `count_matrix`."""
    return list(dict.fromkeys(word for words in sentences for word in words))


def count_matrix(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """How often each word stands in each sentence (N, V)."""
    index = {word: i for i, word in enumerate(different_words(sentences))}
    counts = np.zeros((len(sentences), max(1, len(index))))
    for row, words in zip(counts, sentences, strict=True):
        for word in words:
            row[index[word]] += 1
    return counts


def sentence_lengths(counts: np.ndarray, dimensions: int) -> np.ndarray:
    """Each sentence's length (N,) in the first dimensions of the SVD: √Σ_k σ_k² u_ik² (Steinberger & Ježek)."""
    u, sigma, _ = np.linalg.svd(counts, full_matrices=False)
    return np.linalg.norm((u * sigma)[:, :dimensions], axis=1)


def sentence_per_dimension(counts: np.ndarray, number: int) -> list[int]:
    """From each dimension of the SVD, the strongest first, its sentence with the largest |u|; none twice (Gong & Liu).

    The sign of a dimension is arbitrary, so that only the size can count.
    """
    u, _, _ = np.linalg.svd(counts, full_matrices=False)
    chosen: list[int] = []
    for dimension in np.abs(u.T)[:number]:
        order = (int(i) for i in np.argsort(-dimension, kind="stable"))
        chosen += [next(i for i in order if i not in chosen)]
    return chosen


def best(scores: np.ndarray, number: int) -> list[int]:
    """The places of the largest scores, in the order of the text; of equals the earlier. Rounding decides nothing."""
    return sorted(int(i) for i in np.argsort(-scores.round(9), kind="stable")[:number])
