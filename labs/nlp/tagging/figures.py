"""Figures of tags: Viterbi's table over a sentence, which tag may follow which, one sentence tagged in several ways."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from torch import Tensor

from common.plots import plain
from labs.nlp.tagging.counting_taggers import HiddenMarkov, greedy, viterbi, viterbi_table

BEST, GREEDY = "#1b7837", "#b2182b"


def plot_table(
    words: Sequence[str], tags: Sequence[str], parts: tuple[Tensor, Tensor, Tensor], most: int = 6, exact: bool = False
) -> Figure:
    """Viterbi's table: scores, where each came from (thin), the best path (thick) and the greedy one (dashed, red).

    parts   emissions (T, K), transitions (K, K), start (K,), as `viterbi` takes them: logarithms of probabilities
    most    rows: the tags of the two paths, then those with the best scores; the others are left out
    exact   show probabilities instead of their logarithms
    """
    table, came_from = viterbi_table(*parts)
    best, quick = viterbi(*parts), greedy(*parts)
    behind = (table - table.max(dim=1, keepdim=True).values).max(dim=0).values  # how far a tag stays behind at most
    chosen = {*best, *quick}
    for tag in behind.argsort(descending=True).tolist():
        if len(chosen) < most:
            chosen.add(tag)
    rows = {tag: row for row, tag in enumerate(sorted(chosen))}
    figure = Figure(figsize=(max(6.5, 1.25 * len(words) + 1.2), 1.2 + 0.62 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for t, previous in enumerate(came_from):
        for tag, row in rows.items():
            if int(previous[tag]) in rows:
                axis.plot([t, t + 1], [rows[int(previous[tag])], row], color="#bbbbbb", linewidth=1, zorder=1)
    looks: list[tuple[str, list[int], dict[str, Any]]] = [  # the greedy one above: where both go, both are seen
        ("best path (Viterbi)", best, {"color": BEST, "linewidth": 4}),
        ("greedy", quick, {"color": GREEDY, "linewidth": 2, "linestyle": (0, (3, 2))}),
    ]
    for name, path, look in looks:
        axis.plot(range(len(words)), [rows[tag] for tag in path], label=name, zorder=2, **look)
    for t in range(len(words)):
        for tag, row in rows.items():
            score = float(table[t, tag])
            shown = f"{math.exp(score):.3g}" if exact else f"{score:.1f}".replace("-", "−")
            edge = BEST if tag == best[t] else GREEDY if tag == quick[t] else "#cccccc"
            box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": edge, "linewidth": 1.5}
            weight = "bold" if tag == best[t] else "normal"
            axis.text(t, row, shown, ha="center", va="center", fontsize=12, weight=weight, bbox=box, zorder=3)
    axis.set_xticks(range(len(words)), [plain(word) for word in words], fontsize=13)
    axis.set_yticks(list(rows.values()), [plain(tags[tag]) for tag in rows], fontsize=13)
    axis.set(xlim=(-0.5, len(words) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, fontsize=12, frameon=False)
    return figure


def choose_sentence(model: HiddenMarkov, sentences: Sequence[Sequence[str]]) -> Sequence[str]:
    """The first sentence of at most eight words of which greedy and Viterbi think differently; else the shortest."""
    for words in sentences:
        parts = model.parts(words)
        if len(words) <= 8 and viterbi(*parts) != greedy(*parts):
            return words
    return min(sentences, key=len)


def plot_transitions(transitions: Tensor, tags: Sequence[str]) -> Figure:
    """A field's scores (K, K) of which tag (column) follows which (row): red speaks against it, blue for it."""
    k, values = len(tags), transitions.detach().cpu()
    size = 12 if k < 12 else 10
    figure = Figure(figsize=(3.2 + 0.62 * max(5, k), 1.8 + 0.46 * max(5, k)), layout="constrained")
    axis = figure.subplots()
    most = max(1e-6, float(values.abs().max()))
    shown = axis.imshow(values.numpy(), cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    for i in range(k):
        for j in range(k):
            value = float(values[i, j])
            colour = "white" if abs(value) > 0.6 * most else "black"
            said = f"{value:.1f}".replace("-", "−")
            axis.text(j, i, said, ha="center", va="center", fontsize=size, color=colour)
    names = [plain(tag) for tag in tags]
    axis.set_xticks(range(k), names, fontsize=size, rotation=45 if max(map(len, tags)) > 3 else 0)
    axis.set_yticks(range(k), names, fontsize=size)
    axis.set_xlabel("this tag", fontsize=size + 1)
    axis.set_ylabel("the tag before", fontsize=size + 1)
    bar = figure.colorbar(shown, ax=axis, shrink=0.8)
    bar.set_label("score", fontsize=size)
    bar.ax.tick_params(labelsize=size)
    return figure


def plot_ways(words: Sequence[str], ways: Mapping[str, Sequence[str]], tags: Sequence[str], width: int = 76) -> Figure:
    """A sentence above its tags by each of the `ways`, a colour a tag; a word on whose tag they differ is framed.

    `width` letters go into a line; longer sentences are continued below.
    """
    colour = {tag: colormaps["tab20"](i % 20) for i, tag in enumerate(tags)}
    names = max(map(len, ways)) + 1
    lines: list[list[int]] = [[]]
    sizes = [max(len(word), *(len(way[i]) for way in ways.values())) + 2 for i, word in enumerate(words)]
    for i, size in enumerate(sizes):
        if lines[-1] and names + sum(sizes[j] for j in lines[-1]) + size > width:
            lines.append([])
        lines[-1].append(i)
    step = len(ways) + 1.6
    figure = Figure(figsize=(width / 8.2, 0.34 * step * len(lines)))
    axis = figure.add_axes((0.01, 0, 0.98, 1))
    axis.set(xlim=(0, width), ylim=(step * len(lines), 0))
    axis.axis("off")
    look: dict[str, Any] = {"fontsize": 12, "family": "monospace", "va": "center"}
    for number, line in enumerate(lines):
        top, x = step * number + 0.7, names
        for row, name in enumerate(ways, 1):
            axis.text(0, top + row, name, fontsize=12, va="center")
        for i in line:
            said = [way[i] for way in ways.values()]
            differ = len(set(said)) > 1
            axis.text(x, top, plain(words[i]), weight="bold" if differ else "normal", **look)
            for row, tag in enumerate(said, 1):
                red, green, blue, _ = colour.get(tag, (1.0, 1.0, 1.0, 1.0))
                pale = (0.5 + red / 2, 0.5 + green / 2, 0.5 + blue / 2)  # the letters stay readable
                edge = "black" if differ else "none"
                axis.text(x, top + row, plain(tag), bbox={"facecolor": pale, "edgecolor": edge, "pad": 2}, **look)
            x += sizes[i]
    return figure
