"""The pictures of a summary: weights, the graph and a walk over it, the SVD, the text with its marks, ROUGE."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from common.plots import plain
from labs.nlp.summarise.extraction import count_matrix, different_words, rank, sentence_per_dimension, walk

CHOSEN, OTHER = "#2166ac", "#bdbdbd"
MOST = 30  # sentences drawn; of a longer text the first
NAMES = {"rouge_1": "ROUGE-1", "rouge_2": "ROUGE-2", "rouge_l": "ROUGE-L"}
STEPS = 30  # of a walk, drawn
LABELS = {"textrank": "TextRank", "lsa": "LSA", "gong_liu": "LSA, Gong–Liu"}
MARKS = {"textrank": ("T", "#2166ac"), "lsa": ("L", "#b2182b"), "gong_liu": ("G", "#762a83"), "lead": ("1", "#444444")}


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


def plot_steps(graph: np.ndarray, damping: float, step: int) -> Figure:
    """Where a reader is after so many steps beside where the walk ends, and how far the two are apart at each step."""
    path, end = list(islice(walk(graph, damping), STEPS + 1)), rank(graph, damping, 10_000, 1e-12)
    apart = [float(np.abs(ranks - end).sum()) for ranks in path]
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    places = np.arange(1, min(len(end), MOST) + 1)
    left.bar(places, path[step][: len(places)], 0.7, color=CHOSEN, label=f"at step {step}")
    left.bar(places, end[: len(places)], 0.9, fill=False, edgecolor="black", linewidth=1.5, label="in the end")
    left.set_xlabel("sentence", fontsize=13)
    left.set_ylabel("probability", fontsize=13)
    left.set_ylim(0, 1.35 * max(end.max(), path[step].max()))  # room for the legend
    left.legend(fontsize=12, loc="upper right", ncols=2, frameon=False)
    seen = np.maximum(apart, 1e-10)  # further down rounding is all there is
    right.semilogy(seen, color=CHOSEN, marker="o", markersize=4, label="distance to the end")
    if damping > 0:
        bound = np.maximum(2 * damping ** np.arange(STEPS + 1.0), 1e-10)
        right.semilogy(bound, color="black", linestyle="--", label="at most: 2 dⁿ")
    right.plot(step, seen[step], "s", color=CHOSEN, markersize=10, markeredgecolor="black")
    right.set_xlabel("steps n", fontsize=13)
    right.set_ylim(5e-11, 60)
    right.legend(fontsize=12, loc="upper right", ncols=2, frameon=False)
    right.grid(alpha=0.3)
    for axis in (left, right):
        axis.tick_params(labelsize=12)
    return figure


def plot_dimensions(words: Sequence[Sequence[str]], number: int) -> Figure:
    """How much each sentence, given as its words, has of the first dimensions of the SVD, and its length in them.

    A dimension is called by its heaviest words; framed is the sentence that Gong & Liu take from it. Its sign is
    arbitrary: here the heaviest word has a plus.
    """
    counts, vocabulary = count_matrix(words), different_words(words)
    u, sigma, vt = np.linalg.svd(counts, full_matrices=False)
    number = min(number, len(sigma))
    heaviest = np.abs(vt[:number]).argsort(axis=1)[:, ::-1]
    signs = np.sign(np.take_along_axis(vt[:number], heaviest[:, :1], axis=1))[:, 0]
    has = (u * sigma)[:, :number] * signs
    shown = np.column_stack([has, np.linalg.norm(has, axis=1)])[:MOST]
    figure = Figure(figsize=(1.2 + 1.75 * (number + 1), 1.7 + 0.42 * len(shown)), layout="constrained")
    axis = figure.subplots()
    most = max(float(np.abs(shown).max()), 1e-12)
    axis.imshow(shown, cmap="RdBu", vmin=-1.3 * most, vmax=1.3 * most, aspect="auto")
    for (i, k), value in np.ndenumerate(shown):
        axis.text(k, i, f"{round(value, 2) + 0.0:.2f}".replace("-", "−"), ha="center", va="center", fontsize=13)
    for k, i in enumerate(sentence_per_dimension(counts, number)):
        if i < len(shown):
            axis.add_patch(Rectangle((k - 0.47, i - 0.45), 0.94, 0.9, fill=False, edgecolor="black", linewidth=2.5))
    axis.axvline(number - 0.5, color="black")
    names = ["\n".join(vocabulary[j] for j in row[:3]) for row in heaviest]
    axis.set_xticks(range(number + 1), [*map(plain, names), f"length in\nthese {number}"], fontsize=12)
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(shown)), [str(i + 1) for i in range(len(shown))], fontsize=13)
    axis.set_ylabel("sentence", fontsize=13)
    return figure


def plot_marked(sentences: Sequence[str], chosen: Mapping[str, Sequence[int]]) -> Figure:
    """The text, with a mark before each sentence for each method that takes it; what somebody takes is in black."""
    lines = [textwrap.wrap(sentence, 78) for sentence in sentences[:MOST]]
    height = sum(map(len, lines)) + 0.5 * len(lines)
    figure = Figure(figsize=(10, 0.8 + 0.27 * height), layout="constrained")
    axis = figure.subplots()
    y = 0.0
    for i, own in enumerate(lines):
        taken = [method for method in chosen if i in chosen[method]]
        for method in taken:
            letter, colour = MARKS[method]
            x = list(chosen).index(method)
            axis.add_patch(Rectangle((x + 0.08, y - 0.5), 0.84, 1.0, color=colour))
            axis.text(x + 0.5, y, letter, color="white", fontsize=12, ha="center", va="center", weight="bold")
        colour = "black" if taken else "#777777"
        for k, line in enumerate(own):
            axis.text(len(chosen) + 0.3, y + k, plain(line), fontsize=12, va="center", color=colour)
        y += len(own) + 0.5
    axis.set_xlim(0, 40)
    axis.set_ylim(y, -0.8)
    axis.set_axis_off()
    names = ", ".join(f"{MARKS[method][0]} {LABELS.get(method, method)}" for method in chosen)
    axis.set_title(f"taken by: {names}", fontsize=13, loc="left")
    return figure


def plot_choices(reached: Mapping[str, Mapping[str, float]]) -> Figure:
    """The F1 of some choices of sentences, a group of bars per choice, a bar per measure."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    axis = figure.subplots()
    looks = {"rouge_1": (CHOSEN, ""), "rouge_2": (OTHER, "//"), "rouge_l": ("#92c5de", "..")}
    for offset, (measure, (colour, hatch)) in zip((-0.27, 0, 0.27), looks.items(), strict=True):
        values = [row[measure] for row in reached.values()]
        bars = axis.bar(np.arange(len(values)) + offset, values, 0.26, color=colour, hatch=hatch, edgecolor="white",
                        label=NAMES[measure])  # fmt: skip
        axis.bar_label(bars, fmt="%.2f", fontsize=11)
    axis.set_xticks(range(len(reached)), [LABELS.get(name, name) for name in reached], fontsize=13)
    axis.set_ylabel("F1", fontsize=13)
    axis.margins(y=0.12)
    axis.tick_params(axis="y", labelsize=12)
    figure.legend(loc="outside upper center", ncols=3, fontsize=12)
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
