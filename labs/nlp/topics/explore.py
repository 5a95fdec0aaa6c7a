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
from labs.nlp.labels import place_labels
from labs.nlp.nlp import lda
from labs.nlp.stemming import stem
from labs.nlp.topics.methods import Topics, label, lsa
from labs.nlp.topics.panels import NEGATIVE, POSITIVE, word_cloud
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


def describe_topics(found: Found, terms: int = 7) -> str:
    """A line per topic: where most of its weight lies, and its heaviest terms; a minus before those against it."""
    lines = []
    for one in found.methods.values():
        lines.append(one.method)
        for k, weights in enumerate(one.topic_terms):
            heaviest = np.argsort(-np.abs(weights), kind="stable")[:terms]
            words = " ".join(("−" if weights[t] < 0 else "") + found.corpus.words[t] for t in heaviest)
            lines.append(f"{k + 1:>3} {label(one, k, found.corpus):<18}{words}")
    return "\n".join(lines)


def _number(found: Found, topic: int) -> int:
    """A topic counted from 1 as a row; InputError for one that is not there."""
    topics = len(found.methods["LDA"].topic_terms)
    if topic > topics:
        raise InputError(f"there are {topics} topics, and none with number {topic}")
    return topic - 1


def draw_topic(found: Found, method: str, topic: int, documents: int = 3) -> tuple[Figure, str]:
    """One topic, counted from 1: its heaviest terms as bars and as a cloud, and the documents it has most weight in."""
    one, corpus, k = found.methods[method], found.corpus, _number(found, topic)
    weights = one.topic_terms[k]
    order = np.argsort(-np.abs(weights), kind="stable")
    shown = order[:12]
    figure = Figure(figsize=(10, 4), layout="constrained")
    bars, cloud = figure.subplots(1, 2, width_ratios=[2, 3])
    colours = [POSITIVE if w > 0 else NEGATIVE for w in weights[shown]]
    bars.barh([plain(corpus.words[t]) for t in shown], weights[shown], color=colours)
    bars.invert_yaxis()
    bars.set(title=f"{method}, topic {topic}", xlabel="weight; red: against the topic" if method == "LSA" else "φ")
    word_cloud(cloud, [corpus.words[t] for t in order[:25]], weights[order[:25]])
    own = one.document_topics[:, k]
    lines = [f"{label(one, k, corpus).strip() or 'no classes known'}; the documents with most of it:"]
    for d in np.argsort(-own, kind="stable")[:documents]:
        name = f" {corpus.classes[corpus.y[d]]}" if len(corpus.y) else ""
        lines.append(f"{own[d]:.2f}{name}: {' '.join(corpus.texts[d].split())[:160]} …")
    return figure, "\n".join(lines)


def place_topics(found: Found) -> np.ndarray:
    """Topics of LDA on a plane (K, 2), as pyLDAvis has them: far apart are those whose words differ.

    Classical scaling (Torgerson 1952) of the Jensen–Shannon divergences between the rows of φ: the two directions in
    which they differ most.
    """
    phi = found.methods["LDA"].topic_terms
    mean = (phi[:, None] + phi[None]) / 2  # (K, K, V)
    to_mean = (phi[:, None] * np.log(phi[:, None] / mean)).sum(axis=2)
    divergence = (to_mean + to_mean.T) / 2  # (K, K), nats
    centred = divergence - divergence.mean(axis=0)
    centred = -(centred - centred.mean(axis=1, keepdims=True)) / 2  # the divergence is the square of a distance
    values, vectors = np.linalg.eigh(centred)
    return vectors[:, :-3:-1] * np.sqrt(values[:-3:-1].clip(min=0))


def relevance(phi: np.ndarray, shares: np.ndarray, weight: float) -> np.ndarray:
    """λ log φ + (1 − λ) log(φ / p): how well a term tells a topic, (K, V) (Sievert & Shirley 2014, eq. 2).

    phi (K, V), `shares` (V,) of the terms in all of the text, p. λ = `weight` is 1 for the most probable terms, 0 for
    those that are nowhere else.
    """
    return weight * np.log(phi) + (1 - weight) * np.log(phi / shares)


def draw_relevance(found: Found, topic: int, weight: float, terms: int = 15) -> Figure:
    """LDA's topics on a plane, and of one of them (from 1) the terms of largest relevance for λ = `weight`.

    A circle's area is the topic's share of all words. Bars: how often a term occurs, dark in this topic.
    """
    lda, corpus, k = found.methods["LDA"], found.corpus, _number(found, topic)
    tokens = np.asarray(corpus.counts.sum(axis=0)).ravel()  # (V,)
    sizes = np.asarray(corpus.counts.sum(axis=1)).ravel() @ lda.document_topics  # (K,) words of each topic
    figure = Figure(figsize=(10.5, 5), layout="constrained")
    plane, bars = figure.subplots(1, 2, width_ratios=[1, 1])
    places = place_topics(found)
    colours = [POSITIVE if i == k else "#bbbbbb" for i in range(len(places))]
    plane.scatter(*places.T, s=6000 * sizes / sizes.sum(), color=colours, alpha=0.7, edgecolor="white")
    plane.margins(0.2)
    plane.set(xticks=[], yticks=[])
    name, share = plain(lda.names(corpus, 3)[k]), sizes[k] / sizes.sum()
    plane.set_title(f"topics: area is share of the words\n{name}: {share:.0%}")
    shown = np.argsort(-relevance(lda.topic_terms, tokens / tokens.sum(), weight)[k], kind="stable")[:terms]
    names = [plain(corpus.words[t]) for t in shown]
    bars.barh(names, tokens[shown], color="#c6d8ea", label="in all topics")
    own = np.minimum(lda.topic_terms[k, shown] * sizes[k], tokens[shown])
    bars.barh(names, own, color=POSITIVE, label=f"in topic {topic}")
    bars.invert_yaxis()
    bars.tick_params(axis="y", labelsize=11)
    bars.set(xlabel="times the word occurs")
    bars.set_title(f"most relevant terms, λ = {weight:.2f}")
    bars.legend(fontsize=11, loc="lower right")
    looks = [{"fontsize": 12, "weight": "bold"}] * len(places)
    place_labels(plane, places, [str(i + 1) for i in range(len(places))], looks)
    return figure


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
    names = lda.names(found.corpus, 4)
    figure = Figure(figsize=(9, 0.8 + 0.29 * len(theta)), layout="constrained")
    axis = figure.subplots()
    bars = axis.barh(range(len(theta)), theta, color=POSITIVE)
    axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=10)
    axis.set_yticks(range(len(theta)), list(map(plain, names)), fontsize=10)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.08), title="θ: the share of each topic in the text")
    said = ", ".join(
        f"{word} → {k + 1} ({row[k]:.2f})" for (word, _), row in zip(known, p, strict=True) for k in [row.argmax()]
    )
    return figure, f"the words that are known, and the likeliest topic of each: {said}"
