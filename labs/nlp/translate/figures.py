"""The figures of a run of labs.nlp.translate, and of its notebook."""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from common.metrics import confidence_interval
from common.plots import BAD, GOOD, plain
from labs.nlp.translate.alignment import Translation
from labs.nlp.translate.dates import Pair

WIDEST = 34  # tokens of a source that can be drawn
SHOWN_FIRST = ("English date", "German number", "French date", "Spanish number", "Italian date")


def choose(found: Sequence[Translation], pairs: Sequence[Pair], count: int = 4) -> list[Translation]:
    """Translations to be drawn: short enough, right if there are such, the longest of each of several kinds."""
    fits = [i for i, t in enumerate(found) if len(t.source) <= WIDEST and t.target]
    fits.sort(key=lambda i: (found[i].text != pairs[i].target, -len(found[i].source)))
    first: dict[str, int] = {}
    for i in fits:
        first.setdefault(pairs[i].kind or str(i), i)
    order = sorted(first, key=lambda kind: SHOWN_FIRST.index(kind) if kind in SHOWN_FIRST else len(SHOWN_FIRST))
    return [found[first[kind]] for kind in order[:count]]


def plot_alignments(translations: Sequence[Translation]) -> Figure:
    """A panel per translation: a row for each token written, dark where the network looked in what it read."""
    rows = -(-len(translations) // 2) or 1
    figure = Figure(figsize=(12, 3.6 * rows), layout="constrained")
    axes = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axis in axes[len(translations) :]:
        axis.set_axis_off()
    for axis, each in zip(axes, translations, strict=False):
        axis.set_title("\n".join(textwrap.wrap(plain(f"written: {each.text}"), 60)), fontsize=13)
        if not each.target:
            axis.set_axis_off()
            continue
        axis.imshow(each.weights.numpy(), cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        names = [plain(name.replace(" ", "␣")) for name in each.source]
        upright = max(map(len, names)) > 2
        axis.set_xticks(range(len(names)), names, fontsize=12, rotation=60 if upright else 0)
        axis.set_yticks(range(len(each.target)), [plain(name.replace(" ", "␣")) for name in each.target], fontsize=12)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
    return figure


def plot_kinds(found: Sequence[Translation], pairs: Sequence[Pair]) -> Figure:
    """The share of wrong translations of each kind of pair, with its 95 % interval."""
    kinds = sorted({pair.kind for pair in pairs}, reverse=True)
    figure = Figure(figsize=(8, 0.8 + 0.4 * len(kinds)), layout="constrained")
    axis = figure.subplots()
    for row, kind in enumerate(kinds):
        wrong = [t.text != pair.target for t, pair in zip(found, pairs, strict=True) if pair.kind == kind]
        share = sum(wrong) / len(wrong)
        low, high = confidence_interval(share, len(wrong))
        axis.plot([100 * low, 100 * high], [row, row], color="grey", linewidth=2)
        axis.plot(100 * share, row, "o", color=BAD if share else GOOD, markersize=8)
    counts = {kind: sum(pair.kind == kind for pair in pairs) for kind in kinds}
    axis.set_yticks(range(len(kinds)), [f"{kind} ({counts[kind]})" for kind in kinds], fontsize=13)
    axis.set_xlim(left=-0.05)
    axis.set_xlabel("wrong, % of the kind (line: 95 % interval)", fontsize=13)
    axis.tick_params(labelsize=12)
    axis.grid(alpha=0.3, axis="x")
    return figure


def plot_mistakes(found: Sequence[Translation], pairs: Sequence[Pair], most: int = 12) -> Figure:
    """What was read, what was written and what was wanted, of the surest mistakes."""
    wrong = [(t, pair) for t, pair in zip(found, pairs, strict=True) if t.text != pair.target]
    wrong = sorted(wrong, key=lambda each: -each[0].log_p)[:most]
    rows = [tuple(textwrap.shorten(text, 44) for text in (p.source, t.text, p.target)) for t, p in wrong]
    figure = Figure(figsize=(10, 0.9 + 0.36 * max(1, len(rows))), layout="constrained")
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set(xlim=(0, 1), ylim=(len(rows) + 0.5, -0.7))
    widths = [max([10, *(len(row[column]) for row in rows)]) for column in range(3)]
    places = [0, widths[0] / sum(widths), (widths[0] + widths[1]) / sum(widths)]
    heads = ("read", "written", "wanted") if rows else ("no mistake in the test pairs", "", "")
    for x, head in zip(places, heads, strict=True):
        axis.text(x, 0, head, fontsize=14, weight="bold", va="center")
    for y, row in enumerate(rows, 1):
        for x, text, colour in zip(places, row, ("black", BAD, GOOD), strict=True):
            axis.text(x, y, plain(text), fontsize=13, color=colour, va="center")
    return figure


def plot_sureness(translation: Translation, sure: Sequence[float], second: Sequence[str]) -> Figure:
    """Where the network looked for each token; beside it how probable that token was, and which came second."""
    figure = Figure(figsize=(11, 1.3 + 0.32 * max(3, len(sure))), layout="constrained")
    look, bars = figure.subplots(1, 2, width_ratios=(3, 1))
    if not sure:
        look.set_axis_off()
        bars.set_axis_off()
        look.text(0, 0.5, "nothing written", fontsize=13)
        return figure
    look.imshow(translation.weights.numpy(), cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    names = [plain(name.replace(" ", "␣")) for name in translation.source]
    look.set_xticks(range(len(names)), names, fontsize=12 if len(names) < 50 else 8)
    look.set_yticks(range(len(sure)), [plain(name.replace(" ", "␣")) for name in translation.target], fontsize=12)
    look.xaxis.tick_top()
    look.tick_params(length=0)
    bars.barh(range(len(sure)), sure, color=[GOOD if p > 0.9 else BAD for p in sure], height=0.7)
    for row, (p, other) in enumerate(zip(sure, second, strict=True)):
        place, colour = (0.03, "white") if p > 0.5 else (p + 0.03, "black")  # dark bars carry white letters
        bars.text(place, row, plain(other), fontsize=11, va="center", color=colour)
    bars.set(xlim=(0, 1), ylim=(len(sure) - 0.5, -0.5), yticks=[])
    bars.set_xlabel("p, then the next likeliest", fontsize=12)
    bars.tick_params(labelsize=11)
    return figure


def plot_forcing(shares: Mapping[str, tuple[float, float, float]], length: float) -> Figure:
    """Of each kind of text: right tokens given right ones (across) and texts exact (up), and the curve aᵁ, U `length`.

    shares   of a kind: both shares, and its mean number of tokens
    """
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axis = figure.subplots()
    least = max(0.0, min([0.98, *(accuracy for accuracy, _, _ in shares.values())]) - 0.005)
    places = [least + (1 - least) * i / 200 for i in range(201)]
    curve = [100 * a**length for a in places]
    axis.plot([100 * a for a in places], curve, "--", color="grey", label=f"aᵁ, U = {length:.1f}")
    families = {"date": ("o", "#2166ac"), "number": ("s", "#b2182b")}
    for family, (marker, colour) in families.items():
        own = [(100 * a, 100 * e) for kind, (a, e, _) in shares.items() if family in kind]
        axis.plot(*zip(*own, strict=True), marker, color=colour, markersize=9, alpha=0.7, label=f"a kind of {family}s")
    axis.set(xlim=(100 * least, 100.2), ylim=(-3, 104))
    axis.set_xlabel("right tokens, given the right ones before, %", fontsize=13)
    axis.set_ylabel("texts exact, by itself, %", fontsize=13)
    axis.tick_params(labelsize=12)
    axis.legend(fontsize=12, loc="lower right")
    axis.grid(alpha=0.3)
    return figure
