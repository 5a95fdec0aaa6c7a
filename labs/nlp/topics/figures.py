"""The pictures of Task № 1: top terms, word clouds, a map of the documents, mixtures, comparisons."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from common.plots import plain
from labs.nlp.topics.methods import Topics
from labs.nlp.topics.preparation import Corpus

POSITIVE, NEGATIVE = "#2166ac", "#b2182b"
NAMES = {"coherence_npmi": "NPMI", "coherence_umass": "UMass", "nmi": "NMI", "clusters_nmi": "NMI of clusters"}


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
    for one in two:
        name = one.method.lower()
        yield f"terms_{name}", plot_terms(one, corpus.terms, top)
        yield f"clouds_{name}", plot_clouds(one, corpus.terms)
    yield "map", plot_map(two, corpus, seed)
    yield "mixtures", plot_mixtures(two, corpus)
    if len(corpus.y):
        yield "topics_by_class", plot_topics_by_class(two, corpus)
    yield "log_likelihood", plot_log_likelihood(history)
    yield "comparison", plot_comparison(rows)
    by_topics, by_priors = tried
    if by_topics:
        yield "topic_counts", plot_topic_counts(by_topics)
    if by_priors:
        yield "priors", plot_priors(by_priors)


def plot_terms(found: Topics, terms: Sequence[str], top: int) -> Figure:
    """The heaviest terms of each topic as bars; of LSA those with the largest weights of either sign."""
    topics = len(found.topic_terms)
    columns = min(5, topics)
    figure, axes = _panels(topics, columns, 2.5, 0.5 + 0.17 * top)
    for k, axis in enumerate(axes):
        weights = found.topic_terms[k]
        shown = np.argsort(-np.abs(weights), kind="stable")[:top]
        colours = [POSITIVE if w > 0 else NEGATIVE for w in weights[shown]]
        axis.barh(range(len(shown)), weights[shown], color=colours)
        axis.set_yticks(range(len(shown)), [plain(terms[t]) for t in shown], fontsize=7)
        axis.tick_params(axis="x", labelsize=6)
        axis.invert_yaxis()
        axis.set_title(f"topic {k + 1}", fontsize=8)
    signed = "weights; red ones count against the topic" if (found.topic_terms < 0).any() else "probabilities"
    figure.suptitle(f"{found.method}: {signed}", fontsize=10)
    return figure


def plot_clouds(found: Topics, terms: Sequence[str], words: int = 30) -> Figure:
    """A word cloud per topic: the larger, the heavier; red: a negative weight."""
    topics = len(found.topic_terms)
    figure, axes = _panels(topics, min(5, topics), 2.6, 1.9)
    for k, axis in enumerate(axes):
        heaviest = np.argsort(-np.abs(found.topic_terms[k]), kind="stable")[:words]
        word_cloud(axis, [terms[t] for t in heaviest], found.topic_terms[k, heaviest])
        axis.set_title(f"topic {k + 1}", fontsize=8)
    figure.suptitle(found.method, fontsize=10)
    return figure


def word_cloud(axis, words: Sequence[str], weights: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """Draw words, heaviest first, each as near the middle as those before it leave room; returns their rectangles.

    A word walks outwards along a flat spiral until its rectangle meets no other. Letters grow with √|weight|.
    """
    placed: list[tuple[float, float, float, float]] = []  # left, bottom, right, top
    for word, weight in zip(words, weights, strict=True):
        size = max(0.25, (abs(weight) / abs(weights[0])) ** 0.5)
        outline = TextPath((0, 0), plain(word), size=size)
        box = outline.get_extents()
        for step in range(4000):
            x, y = (0.01 * step * f for f in (1.6 * np.cos(0.35 * step), np.sin(0.35 * step)))
            left, bottom = x - box.width / 2, y - box.height / 2
            rectangle = (left - 0.06, bottom - 0.06, left + box.width + 0.06, bottom + box.height + 0.06)
            if not any(_overlap(rectangle, other) for other in placed):
                break
        placed.append(rectangle)
        moved = Affine2D().translate(left - box.x0, bottom - box.y0).transform_path(outline)
        axis.add_patch(PathPatch(moved, color=POSITIVE if weight > 0 else NEGATIVE, linewidth=0))
    corners = np.array(placed)
    axis.set(xlim=(corners[:, 0].min(), corners[:, 2].max()), ylim=(corners[:, 1].min(), corners[:, 3].max()))
    axis.set_aspect("equal")
    axis.set_axis_off()
    return placed


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def plot_map(found: Sequence[Topics], corpus: Corpus, seed: int) -> Figure:
    """Documents on a plane (t-SNE of their rows at unit length), coloured by dominant topic and by class.

    t-SNE keeps neighbours together; distances between groups mean nothing. At most 2000 documents.
    """
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import normalize

    shown = np.random.default_rng(seed).permutation(len(corpus.texts))[:2000]
    columns = 2 if len(corpus.y) else 1
    figure = Figure(figsize=(6 * columns + 1, 5 * len(found)), layout="constrained")
    for one, axes in zip(found, figure.subplots(len(found), columns, squeeze=False), strict=True):
        rows = normalize(one.document_topics[shown]).astype(np.float32)
        perplexity = min(30, (len(shown) - 1) / 3)
        points = TSNE(perplexity=perplexity, init="random", random_state=seed).fit_transform(rows)
        topics = [f"{k + 1}" for k in range(len(one.topic_terms))]
        _scatter(axes[0], points, one.dominant[shown], topics, f"{one.method}, by dominant topic")
        if len(corpus.y):
            _scatter(axes[1], points, corpus.y[shown], corpus.classes, f"{one.method}, by class")
    return figure


def _scatter(axis, points: np.ndarray, groups: np.ndarray, names: Sequence[str], title: str) -> None:
    colours = _colours(len(names))
    for group, name in enumerate(names):
        own = points[groups == group]
        axis.scatter(own[:, 0], own[:, 1], s=10, color=colours[group], label=plain(name))
    axis.set(xticks=[], yticks=[], title=title)
    if len(names) <= 20:
        axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def plot_mixtures(found: Sequence[Topics], corpus: Corpus, documents: int = 12) -> Figure:
    """Topic weights of documents evenly spread over the corpus's classes: LDA's add up to 1, LSA's have signs."""
    order = np.argsort(corpus.y, kind="stable") if len(corpus.y) else np.arange(len(corpus.texts))
    chosen = order[np.linspace(0, len(order) - 1, min(documents, len(order))).astype(int)]
    names = [
        f"{corpus.classes[corpus.y[d]] + ': ' if len(corpus.y) else ''}{' '.join(corpus.texts[d].split()[:4])} …"
        for d in chosen
    ]
    figure = Figure(figsize=(12, 1.2 + 0.36 * len(chosen)), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True)
    for axis, one in zip(axes, found, strict=True):
        colours = _colours(len(one.topic_terms))
        weights = one.document_topics[chosen]
        for part in (np.maximum(weights, 0), np.minimum(weights, 0)):  # each sign piles up on its own side
            start = np.zeros(len(chosen))
            for k in range(weights.shape[1]):
                axis.barh(range(len(chosen)), part[:, k], left=start, color=colours[k])
                start += part[:, k]
        axis.set_title(f"{one.method}: weights of the topics")
        axis.axvline(0, color="black", linewidth=0.6)
    axes[0].set_yticks(range(len(chosen)), list(map(plain, names)), fontsize=8)
    axes[0].invert_yaxis()
    if len(colours) <= 20:
        keys = [axes[-1].barh(0, 0, color=colour) for colour in colours]
        axes[-1].legend(
            keys, [f"topic {k + 1}" for k in range(len(keys))], fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5)
        )
    return figure


def plot_topics_by_class(found: Sequence[Topics], corpus: Corpus) -> Figure:
    """Mean weight of each topic in the documents of each class: one dark cell a row is a topic that is a class."""
    topics = len(found[0].topic_terms)
    figure = Figure(figsize=(3 + 0.7 * topics, 1.5 + 0.32 * len(corpus.classes)), layout="constrained")
    for axis, one in zip(figure.subplots(1, len(found), sharey=True), found, strict=True):
        means = np.stack([one.document_topics[corpus.y == c].mean(axis=0) for c in range(len(corpus.classes))])
        limit = np.abs(means).max()
        axis.imshow(means, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        axis.set_yticks(range(len(corpus.classes)), list(map(plain, corpus.classes)), fontsize=8)
        axis.set_xticks(range(topics), range(1, topics + 1), fontsize=7)
        axis.set(xlabel="topic", title=f"{one.method} (red: negative)" if (means < 0).any() else one.method)
    return figure


def plot_log_likelihood(history: Sequence[dict[str, float]]) -> Figure:
    """Gibbs sampling: log-likelihood per token over the sweeps. Level: the chain has found its way."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.plot([row["epoch"] for row in history], [row["log_likelihood"] for row in history])
    axis.set(xlabel="sweep", ylabel="log-likelihood per token (nats)", title="LDA by Gibbs sampling")
    axis.grid(alpha=0.3)
    return figure


def plot_comparison(rows: dict[str, dict[str, float]]) -> Figure:
    """The methods side by side, one panel per measure."""
    measures = list(rows["LDA"])
    figure = Figure(figsize=(2.3 * len(measures), 3.2), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(measures)), measures, strict=True):
        values = [row[name] for row in rows.values()]
        bars = axis.bar(range(len(values)), values, color=[POSITIVE, "#1b7837", "#999999"][: len(values)])
        axis.bar_label(bars, fmt="%.2f", fontsize=8)
        axis.set_xticks(range(len(values)), [method.replace(" ", "\n") for method in rows], fontsize=8)
        axis.set_title(NAMES.get(name, name), fontsize=10)
        axis.margins(y=0.12)
    return figure


def plot_topic_counts(rows: Sequence[dict]) -> Figure:
    """Every measure over the number of topics, a line per method."""
    measures = [name for name in rows[0] if name not in ("topics", "method")]
    figure = Figure(figsize=(3 * len(measures), 3.2), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(measures)), measures, strict=True):
        for method in dict.fromkeys(row["method"] for row in rows):
            own = [(row["topics"], row[name]) for row in rows if row["method"] == method]
            axis.plot(*zip(*own, strict=True), marker="o", markersize=3, label=method)
        axis.set(xlabel="topics", title=NAMES.get(name, name))
        axis.set_xticks(sorted({row["topics"] for row in rows}))
        axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    return figure


def plot_priors(rows: Sequence[dict]) -> Figure:
    """Every measure over α and β, as tables of colours: the brighter, the larger."""
    measures = [name for name in rows[0] if name not in ("alpha", "beta", "seconds")]
    alphas, betas = (sorted({row[name] for row in rows}) for name in ("alpha", "beta"))
    figure = Figure(figsize=(2.6 * len(measures), 2.9), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(measures)), measures, strict=True):
        table = np.full((len(alphas), len(betas)), np.nan)
        for row in rows:
            table[alphas.index(row["alpha"]), betas.index(row["beta"])] = row[name]
        axis.imshow(table, cmap="viridis")
        middle = (np.nanmin(table) + np.nanmax(table)) / 2
        for (i, j), value in np.ndenumerate(table):
            axis.text(j, i, f"{value:.3f}", ha="center", fontsize=8, color="white" if value < middle else "black")
        axis.set_xticks(range(len(betas)), [f"{b:g}" for b in betas])
        axis.set_yticks(range(len(alphas)), [f"{a:g}" for a in alphas])
        axis.set(xlabel="β", ylabel="α", title=NAMES.get(name, name))
    return figure


def _panels(n: int, columns: int, width: float, height: float) -> tuple[Figure, list]:
    rows = -(-n // columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.4), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[n:]:
        axis.set_axis_off()
    return figure, axes[:n]


def _colours(n: int) -> np.ndarray:
    """n colours as told apart as can be: tab10, tab20, beyond that around the circle of hues."""
    import matplotlib

    if n <= 20:
        return matplotlib.colormaps["tab10" if n <= 10 else "tab20"](range(n))
    return matplotlib.colormaps["hsv"](np.linspace(0, 1, n, endpoint=False))
