"""The pictures of Task № 1: documents, top terms, word clouds, a map of the documents, mixtures, comparisons.

A topic is called by its number and its first words, and has one colour in all of them: that of the class it is matched
with, where there are classes.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from common.plots import plain
from labs.nlp.labels import place_labels
from labs.nlp.topics import comparisons
from labs.nlp.topics.coherence import coherence
from labs.nlp.topics.matching import classes_of_topics, match, shared_terms
from labs.nlp.topics.methods import Topics
from labs.nlp.topics.panels import NEGATIVE, POSITIVE, colours_of, ink, left_out, panels, ticks, word_cloud
from labs.nlp.topics.preparation import Corpus


def draw(
    corpus: Corpus,
    found: dict[str, Topics],
    rows: dict[str, dict[str, float]],
    tried: tuple[list[dict], list[dict]],
    history: Sequence[dict[str, float]],
    top: int,
    seed: int,
) -> Iterator[tuple[str, Figure]]:
    """Every figure of a run with its name."""
    two = [found["LSA"], found["LDA"]]
    yield "documents", plot_documents(corpus)
    for one in two:
        name = one.method.lower()
        yield f"terms_{name}", plot_terms(one, corpus, top)
        yield f"clouds_{name}", plot_clouds(one, corpus)
    yield "coherence", plot_coherence(two, corpus, top)
    yield "overlap", plot_overlap(two, corpus, top)
    yield "map", plot_map(two, corpus, seed)
    yield "mixtures", plot_mixtures(two, corpus)
    if len(corpus.y):
        yield "topics_by_class", plot_topics_by_class(two, corpus)
    yield "log_likelihood", comparisons.plot_log_likelihood(history)
    yield "comparison", comparisons.plot_comparison(rows)
    by_topics, by_priors = tried
    if by_topics:
        yield "topic_counts", comparisons.plot_topic_counts(by_topics)
    if by_priors:
        yield "priors", comparisons.plot_priors(by_priors)


def plot_documents(corpus: Corpus) -> Figure:
    """How many documents each class has, and how long the documents are."""
    lengths = np.array([len(text.split()) for text in corpus.texts])
    classes = len(corpus.classes) if len(corpus.y) else 0
    figure = Figure(figsize=(10 if classes else 6, max(3.6, 1.2 + 0.28 * classes)), layout="constrained")
    axes = figure.subplots(1, 2 if classes else 1, squeeze=False)[0]
    if classes:
        bars = axes[0].barh(list(map(plain, corpus.classes)), np.bincount(corpus.y, minlength=classes), color=POSITIVE)
        axes[0].bar_label(bars, padding=3)
        axes[0].invert_yaxis()
        axes[0].margins(x=0.12)
        axes[0].set(xlabel="documents", title=f"{len(lengths)} documents, {classes} classes")
    middle = np.median(lengths)
    axes[-1].hist(lengths, bins=min(15, np.ptp(lengths) + 1), color="#999999", edgecolor="white")
    axes[-1].axvline(middle, color="black", linestyle="--")
    axes[-1].set(xlabel="words in a document", ylabel="documents", title=f"half have up to {middle:.0f} (dashed)")
    return figure


def plot_terms(found: Topics, corpus: Corpus, top: int) -> Figure:
    """The heaviest terms of each topic as bars; of LSA those with the largest weights of either sign."""
    names = found.names(corpus)
    figure, axes = panels(len(names), 5, 2.3, 0.6 + 0.18 * top)
    for k, (axis, shown) in enumerate(zip(axes, found.heaviest(top), strict=False)):
        weights = found.topic_terms[k, shown]
        axis.barh(range(len(shown)), weights, color=[POSITIVE if w > 0 else NEGATIVE for w in weights])
        axis.set_yticks(range(len(shown)), [plain(corpus.words[t]) for t in shown], fontsize=11)
        axis.locator_params(axis="x", nbins=2)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.invert_yaxis()
        axis.set_title(plain(names[k]), fontsize=11, loc="right")
    signed = "weights; red ones count against the topic" if (found.topic_terms < 0).any() else "probabilities φ"
    figure.suptitle(f"{found.method}: {signed}{left_out(len(names))}", fontsize=13)
    return figure


def plot_clouds(found: Topics, corpus: Corpus, words: int = 30) -> Figure:
    """A word cloud per topic: the larger, the heavier; red: a negative weight."""
    names = found.names(corpus)
    figure, axes = panels(len(names), 4, 3.2, 2.3)
    for k, (axis, heaviest) in enumerate(zip(axes, found.heaviest(words), strict=False)):
        word_cloud(axis, [corpus.words[t] for t in heaviest], found.topic_terms[k, heaviest].tolist())
        axis.set_title(plain(names[k]), fontsize=14)
    signed = " (red: against the topic)" if (found.topic_terms < 0).any() else ""
    figure.suptitle(f"{found.method}{signed}{left_out(len(names))}", fontsize=16)
    return figure


def plot_coherence(found: Sequence[Topics], corpus: Corpus, top: int) -> Figure:
    """NPMI of each topic, the most coherent first, beside the mean of all."""
    topics = len(found[0].topic_terms)
    figure = Figure(figsize=(5.2 * len(found), 1.2 + 0.26 * topics), layout="constrained")
    for axis, one in zip(figure.subplots(1, len(found), sharex=True, squeeze=False)[0], found, strict=True):
        npmi, _ = coherence(one.top(top), corpus.counts)
        order = np.argsort(-npmi, kind="stable")
        names = one.names(corpus)
        axis.barh(range(topics), npmi[order], color=[POSITIVE if value > 0 else NEGATIVE for value in npmi[order]])
        axis.set_yticks(range(topics), [plain(names[k]) for k in order], fontsize=10)
        axis.invert_yaxis()
        axis.axvline(npmi.mean(), color="black", linestyle="--")
        axis.set(xlabel=f"NPMI of the first {top} terms", title=f"{one.method}: {npmi.mean():.3f} in the mean (dashed)")
    return figure


def plot_overlap(found: Sequence[Topics], corpus: Corpus, top: int) -> Figure:
    """How many of their top terms topics share: within each method, and between the two, with the matching framed."""
    these, those = found
    pairs = [(these, these), (those, those), (those, these)]
    topics = len(these.topic_terms)
    side = min(8.0, 1.3 + 0.25 * topics)
    figure = Figure(figsize=(3 * side, side - 0.2), layout="constrained")
    for axis, (one, other) in zip(figure.subplots(1, 3), pairs, strict=True):
        shared = shared_terms(one.top(top), other.top(top)).astype(float)
        if one is other:
            np.fill_diagonal(shared, np.nan)  # each shares all with itself
        drawn = axis.imshow(shared, cmap="Blues", vmin=0, vmax=top)
        if topics <= 20:
            for (i, j), value in np.ndenumerate(shared):
                if value > 0:
                    colour = "white" if value > 0.6 * top else "black"
                    axis.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=11, color=colour)
        for i, j in [pair for pair in match(shared) if shared[pair]] if one is not other else ():
            axis.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=NEGATIVE, linewidth=1.8))
        axis.set_xticks(**ticks([str(k + 1) for k in range(topics)]), fontsize=10)
        axis.set_yticks(**ticks(one.names(corpus, 1)), fontsize=10)
        framed = " (framed: one to one)" if one is not other else ""
        axis.set(xlabel=f"{other.method} topic", title=f"{one.method} and {other.method}{framed}")
    figure.colorbar(drawn, ax=figure.axes[:3], label=f"terms shared, of {top}", shrink=0.8)
    return figure


def plot_map(found: Sequence[Topics], corpus: Corpus, seed: int) -> Figure:
    """Documents on a plane (t-SNE of their rows at unit length), coloured by dominant topic and by class.

    A topic has the colour of the class it is matched with, and its name stands in the middle of its documents. t-SNE
    keeps neighbours together; distances between groups mean nothing. At most 2000 documents.
    """
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import normalize

    shown = np.random.default_rng(seed).permutation(len(corpus.texts))[:2000]
    columns = 2 if len(corpus.y) else 1
    figure = Figure(figsize=(5.2 * columns, 3 * len(found)), layout="constrained")
    for one, axes in zip(found, figure.subplots(len(found), columns, squeeze=False), strict=True):
        rows = normalize(one.document_topics[shown]).astype(np.float32)
        perplexity = min(30, (len(shown) - 1) / 3)
        points = TSNE(perplexity=perplexity, init="random", random_state=seed).fit_transform(rows)
        title = f"t-SNE of {one.method}'s documents, by"
        names, colours = one.names(corpus, 1), topic_colours(one, corpus)
        _scatter(axes[0], points, one.dominant[shown], names, colours, f"{title} topic")
        if len(corpus.y):
            colours = colours_of(len(corpus.classes))
            _scatter(axes[1], points, corpus.y[shown], corpus.classes, colours, f"{title} class")
    return figure


def _scatter(
    axis: Axes, points: np.ndarray, groups: np.ndarray, names: Sequence[str], colours: np.ndarray, title: str
) -> None:
    """Each group in its colour, its name beside the one of its points that is nearest to its middle."""
    for group in range(len(names)):
        own = points[groups == group]
        axis.scatter(own[:, 0], own[:, 1], s=14, color=colours[group])
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=12)
    there = [group for group in range(len(names)) if (groups == group).any()]
    middles = []
    for group in there:
        own = points[groups == group]
        middles.append(own[np.linalg.norm(own - np.median(own, axis=0), axis=1).argmin()])
    frame = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.85, "linewidth": 1.5}
    looks = [{"bbox": {**frame, "edgecolor": colours[group]}} for group in there]
    place_labels(axis, np.array(middles), [names[group] for group in there], looks, distance=12)


def plot_mixtures(found: Sequence[Topics], corpus: Corpus, documents: int = 12) -> Figure:
    """Topic weights of documents evenly spread over the corpus's classes: LDA's add up to 1, LSA's have signs."""
    order = np.argsort(corpus.y, kind="stable") if len(corpus.y) else np.arange(len(corpus.texts))
    chosen = order[np.linspace(0, len(order) - 1, min(documents, len(order))).astype(int)]
    names = [
        f"{corpus.classes[corpus.y[d]] + ': ' if len(corpus.y) else ''}{' '.join(corpus.texts[d].split()[:3])[:24]} …"
        for d in chosen
    ]
    topics = len(found[0].topic_terms)
    keys_below = -(-topics // 2) if topics <= 20 else 0  # rows of the legends
    figure = Figure(figsize=(10.5, 1.2 + 0.3 * len(chosen) + 0.2 * keys_below), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True)
    for axis, one in zip(axes, found, strict=True):
        colours = topic_colours(one, corpus)
        weights = one.document_topics[chosen]
        span = np.abs(weights).sum(axis=1).max()
        for part in (np.maximum(weights, 0), np.minimum(weights, 0)):  # each sign piles up on its own side
            start = np.zeros(len(chosen))
            for k in range(topics):
                looks = {"color": colours[k], "edgecolor": "white", "linewidth": 0.5}
                axis.barh(range(len(chosen)), part[:, k], left=start, **looks)
                for i in np.flatnonzero(np.abs(part[:, k]) > 0.05 * span):  # room for its number
                    middle = start[i] + part[i, k] / 2
                    axis.text(middle, i, k + 1, ha="center", va="center", fontsize=10, color=ink(colours[k]))
                start += part[:, k]
        axis.set(title=f"{one.method}: weights of the topics", xlabel="weight")
        axis.locator_params(axis="x", nbins=5)
        axis.axvline(0, color="black", linewidth=0.8)
        if topics <= 20:
            keys = [axis.barh(0, 0, color=colour) for colour in colours]
            labels = list(map(plain, one.names(corpus)))
            place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
            axis.legend(keys, labels, fontsize=10, frameon=False, **place)
    axes[0].set_yticks(range(len(chosen)), list(map(plain, names)), fontsize=10)
    axes[0].invert_yaxis()
    return figure


def plot_topics_by_class(found: Sequence[Topics], corpus: Corpus) -> Figure:
    """Mean weight of each topic in the documents of each class: one dark cell a row is a topic that is a class."""
    topics, classes = len(found[0].topic_terms), list(map(plain, corpus.classes))
    height = 2.4 + 0.3 * len(classes)
    width = 4.4 + (0.3 if topics <= 20 else 0.14) * topics * len(found)
    figure = Figure(figsize=(width, height), layout="constrained")
    for axis, one in zip(figure.subplots(1, len(found), sharey=True), found, strict=True):
        means = np.stack([one.document_topics[corpus.y == c].mean(axis=0) for c in range(len(classes))])
        limit = np.abs(means).max()
        signed = bool((means < 0).any())
        scale = {"cmap": "RdBu", "vmin": -limit} if signed else {"cmap": "Blues", "vmin": 0}
        drawn = axis.imshow(means, vmax=limit, aspect="auto", **scale)
        axis.set_yticks(range(len(classes)), classes, fontsize=11)
        axis.set_xticks(**ticks(one.names(corpus)), fontsize=10, rotation=90)
        axis.set_title(f"{one.method} (red: negative)" if signed else one.method, fontsize=12)
        figure.colorbar(drawn, ax=axis, label="mean weight of the topic")
    return figure


def topic_colours(found: Topics, corpus: Corpus) -> np.ndarray:
    """A colour (RGBA) per topic: that of the class it is matched with; of those without a class one of their own."""
    topics = len(found.topic_terms)
    if not len(corpus.y):
        return colours_of(topics)
    matched = classes_of_topics(found.dominant, corpus.y, topics, len(corpus.classes))
    colours = colours_of(len(corpus.classes) + max(0, topics - len(corpus.classes)))
    others = iter(range(len(corpus.classes), len(colours)))
    return np.array([colours[next(others) if own is None else own] for own in matched])
