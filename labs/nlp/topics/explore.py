"""What if? The topics of a corpus, one after the other, and of a text that the reader types. The notebook's figures.

`find_topics` learns for some seconds; each of the others draws one figure (or says something) in well under one.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from common.errors import InputError
from common.plots import plain
from common.sources import data_dir_from_environment
from common.text.corpora import load_texts
from labs.nlp.nlp import lda
from labs.nlp.stemming import stem
from labs.nlp.topics.figures import NEGATIVE, POSITIVE, word_cloud
from labs.nlp.topics.methods import Topics, label, lsa
from labs.nlp.topics.preparation import Cleaning, Corpus, clean, count_terms


@dataclass(frozen=True)
class Found:
    """A corpus with its topics by LDA and by LSA, and how the sampling went."""

    corpus: Corpus
    methods: dict[str, Topics]
    history: list[dict[str, float]]  # a row per sweep
    alpha: float


def find_topics(
    dataset: str = "topics", k: int = 10, sweeps: int = 60, alpha: float = 0.1, beta: float = 0.1, seed: int = 0
) -> Found:
    """Topics of a corpus (at most 2000 documents) by LDA and by LSA."""
    corpus = count_terms(load_texts(dataset, data_dir_from_environment()), Cleaning(), limit=2000, seed=seed)
    corpus.check_topics(k)
    started = time.perf_counter()
    phi, theta, levels = lda(corpus.counts, k, sweeps, alpha, beta, seed)
    by_lda = Topics("LDA", phi, theta.T, time.perf_counter() - started)
    history = [{"epoch": number, "log_likelihood": level} for number, level in enumerate(levels, 1)]
    return Found(corpus, {"LDA": by_lda, "LSA": lsa(corpus.counts, k, seed=seed)}, history, alpha)


def describe_topics(found: Found, terms: int = 8) -> str:
    """A line per topic: where most of its weight lies, and its heaviest terms; a minus before those against it."""
    lines = []
    for one in found.methods.values():
        lines.append(one.method)
        for k, weights in enumerate(one.topic_terms):
            heaviest = np.argsort(-np.abs(weights), kind="stable")[:terms]
            words = " ".join(("−" if weights[t] < 0 else "") + found.corpus.terms[t] for t in heaviest)
            lines.append(f"{k + 1:>3} {label(one, k, found.corpus):<18}{words}")
    return "\n".join(lines)


def draw_topic(found: Found, method: str, topic: int, documents: int = 3) -> tuple[Figure, str]:
    """One topic, counted from 1: its heaviest terms as bars and as a cloud, and the documents it has most weight in."""
    one, corpus, k = found.methods[method], found.corpus, topic - 1
    weights = one.topic_terms[k]
    order = np.argsort(-np.abs(weights), kind="stable")
    shown = order[:12]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    bars, cloud = figure.subplots(1, 2, width_ratios=[2, 3])
    colours = [POSITIVE if w > 0 else NEGATIVE for w in weights[shown]]
    bars.barh([plain(corpus.terms[t]) for t in shown], weights[shown], color=colours)
    bars.invert_yaxis()
    bars.set(title=f"{method}, topic {topic}", xlabel="weight; red: against the topic" if method == "LSA" else "φ")
    word_cloud(cloud, [corpus.terms[t] for t in order[:25]], weights[order[:25]])
    own = one.document_topics[:, k]
    lines = [f"{label(one, k, corpus).strip() or 'no classes known'}; the documents with most of it:"]
    for d in np.argsort(-own, kind="stable")[:documents]:
        name = f" {corpus.classes[corpus.y[d]]}" if len(corpus.y) else ""
        lines.append(f"{own[d]:.2f}{name}: {' '.join(corpus.texts[d].split())[:160]} …")
    return figure, "\n".join(lines)


def infer(phi: np.ndarray, words: Sequence[int], alpha: float, steps: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Topics of a text that the model has not seen: θ (K,), and of each word p(topic | word, θ) (N, K).

    `words` are columns of φ (K, V), which stays as it is. Expectation–maximisation, from equal shares:
    p(k | word) ∝ θ_k φ_k,word, then θ_k ∝ α + Σ p(k | word).
    """
    own = phi[:, list(words)].T  # (N, K)
    theta = np.full(len(phi), 1 / len(phi))
    for _ in range(steps):
        p = own * theta
        p /= p.sum(axis=1, keepdims=True)
        theta = alpha + p.sum(axis=0)
        theta /= theta.sum()
    return theta, p


def draw_mixture(found: Found, text: str) -> tuple[Figure, str]:
    """What a text is about, by the topics of LDA: the share of each, and the topic of each word the model knows."""
    lda, index = found.methods["LDA"], {term: t for t, term in enumerate(found.corpus.terms)}
    known = [(word, index[stem(word)]) for word in clean(text) if stem(word) in index]
    if not known:
        raise InputError("the corpus has none of these words; write about something it has topics for")
    theta, p = infer(lda.topic_terms, [t for _, t in known], found.alpha)
    names = [f"{k}  {' '.join(found.corpus.terms[t] for t in top)}" for k, top in enumerate(lda.top(4), 1)]
    figure = Figure(figsize=(8.5, 0.7 + 0.25 * len(theta)), layout="constrained")
    axis = figure.subplots()
    bars = axis.barh(range(len(theta)), theta, color=POSITIVE)
    axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axis.set_yticks(range(len(theta)), list(map(plain, names)), fontsize=8)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.08), title="θ: the share of each topic in the text")
    said = ", ".join(
        f"{word} → {k + 1} ({row[k]:.2f})" for (word, _), row in zip(known, p, strict=True) for k in [row.argmax()]
    )
    return figure, f"the words that are known, and the likeliest topic of each: {said}"
