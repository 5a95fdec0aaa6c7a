"""The pictures of a summary: each sentence's weight, the graph that TextRank walks over, ROUGE by method."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from common.plots import plain

CHOSEN, OTHER = "#2166ac", "#bdbdbd"
MOST = 30  # sentences drawn; of a longer text the first
NAMES = {"rouge_1": "ROUGE-1", "rouge_2": "ROUGE-2", "rouge_l": "ROUGE-L"}
LABELS = {"textrank": "TextRank", "lsa": "LSA", "gong_liu": "LSA, Gong–Liu"}


def plot_weights(
    sentences: Sequence[str], textrank: np.ndarray, lsa: np.ndarray, chosen: Mapping[str, Sequence[int]]
) -> Figure:
    """A bar per sentence and method; those chosen are dark and hatched."""
    n = min(len(sentences), MOST)
    figure = Figure(figsize=(10, 1.2 + 0.42 * n), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    names = [f"{i + 1}  {textwrap.shorten(sentences[i], 40, placeholder=' …')}" for i in range(n)]
    for axis, (method, weights) in zip(axes, (("textrank", textrank), ("lsa", lsa)), strict=True):
        for i in range(n):
            taken = i in chosen[method]
            axis.barh(i, weights[i], color=CHOSEN if taken else OTHER, hatch="//" if taken else "", edgecolor="white")
        axis.set_title(LABELS[method], fontsize=14)
        axis.set_xlabel("rank (adds up to 1)" if method == "textrank" else "length", fontsize=13)
        axis.tick_params(labelsize=12)
    axes[0].set_yticks(range(n), [plain(name) for name in names], fontsize=12)
    axes[0].invert_yaxis()
    more = "" if n == len(sentences) else f"; the first {n} of {len(sentences)} sentences"
    figure.suptitle(f"dark and hatched: taken into the summary{more}", fontsize=13)
    return figure


def plot_graph(sentences: Sequence[str], graph: np.ndarray, ranks: np.ndarray, chosen: Sequence[int]) -> Figure:
    """Sentences in a circle, the first at the top and on clockwise: a line is as thick as two are alike."""
    n = min(len(sentences), MOST)
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    axis = figure.subplots()
    angles = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    x, y = np.cos(angles), np.sin(angles)
    largest = max(graph[:n, :n].max(), 1e-12)
    for i in range(n):
        for j in range(i):
            if graph[i, j] > 0:
                axis.plot(
                    x[[i, j]], y[[i, j]], color="#555555", linewidth=7 * graph[i, j] / largest, alpha=0.6, zorder=1
                )
    for i in range(n):
        taken = i in chosen
        marker, colour = ("s", CHOSEN) if taken else ("o", "white")
        size = 3000 * ranks[i] / ranks[:n].max() * min(1, 8 / n)
        axis.scatter(x[i], y[i], s=size, marker=marker, color=colour, edgecolor="black", zorder=2)
        axis.annotate(str(i + 1), (x[i], y[i]), ha="center", va="center", fontsize=13, zorder=3,
                      color="white" if taken else "black")  # fmt: skip
    axis.set_aspect("equal")
    axis.margins(0.2)
    axis.set_axis_off()
    axis.set_title("sentences by number; thick line: many shared words; large: high rank; square: taken", fontsize=12)
    return figure


def plot_rouge(
    means: Mapping[str, Mapping[str, float]], bands: Mapping[str, Mapping[str, tuple[float, float]]]
) -> Figure:
    """Mean F1 by method with 95 % intervals, a panel per measure."""
    measures = list(next(iter(means.values())))
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    names = [LABELS.get(method, method) for method in means]
    for axis, measure in zip(axes, measures, strict=True):
        for place, method in enumerate(means):
            low, high = bands[method][measure]
            hatch = "//" if method in ("random", "oracle") else ""
            colour = OTHER if method in ("lead", "random", "oracle") else CHOSEN
            axis.barh(place, means[method][measure], color=colour, hatch=hatch, edgecolor="white")
            axis.plot([low, high], [place, place], color="black", linewidth=2)
        axis.set_title(NAMES[measure], fontsize=14)
        axis.set_xlabel("F1, 95 % interval", fontsize=13)
        axis.tick_params(labelsize=12)
        axis.set_xlim(left=0)
    axes[0].set_yticks(range(len(names)), names, fontsize=13)
    axes[0].invert_yaxis()
    return figure
