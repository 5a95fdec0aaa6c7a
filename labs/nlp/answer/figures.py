"""The pictures of a run: when to be silent, how often the passage is found, and the scores that decide."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from common.loop import Row
from common.plots import plain
from labs.nlp.answer.measures import interval, top
from labs.nlp.answer.passages import Passage
from labs.nlp.answer.questions import PARTS, Question
from labs.nlp.answer.retrieval import BM25, METHODS
from labs.nlp.answer.thresholds import curve, precision_and_share
from labs.nlp.sentences import content_words

WORDS = (
    ("#2166ac", ""),
    ("#f4a582", "//"),
    ("#1b7837", ".."),
    ("#92c5de", "xx"),
    ("#762a83", "--"),
    ("#fdb863", "\\\\"),
)
LOOKS = {"tune": ("#888888", "--", "o"), "held_out": ("#2166ac", "-", "s")}
NAMES = {"tune": "tuning part", "held_out": "held out"}


def plot_thresholds(rows: Sequence[Row], questions: Sequence[Question], method: str, threshold: float) -> Figure:
    """Precision over the share of questions answered, a line per part; the mark is the threshold in use."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axis = figure.subplots()
    for part in PARTS:
        own = [row for row, question in zip(rows, questions, strict=True) if question.part == part]
        if not own:
            continue
        scores = np.array([row["score"] for row in own])
        right = np.array([row[f"rank_{method}"] == 1 for row in own])
        colour, line, marker = LOOKS[part]
        axis.plot(*curve(scores, right), color=colour, linestyle=line, linewidth=2, label=NAMES[part])
        precision, share = precision_and_share(scores, right, threshold)
        axis.plot(share, precision, marker, color=colour, markersize=11, markeredgecolor="black")
    axis.set_xlabel("share of all questions that get an answer", fontsize=13)
    axis.set_ylabel("precision: right place", fontsize=13)
    axis.set_title(f"marks: silent below a score of {threshold:.3f}", fontsize=13)
    axis.set_xlim(0, 1.03)
    axis.set_ylim(0, 1.05)
    axis.grid(alpha=0.3)
    axis.tick_params(labelsize=12)
    figure.legend(loc="outside lower center", ncols=2, fontsize=12)
    return figure


def plot_retrieval(rows: Sequence[Row], questions: Sequence[Question]) -> Figure:
    """How often each method has the right passage first, and among the first five, by kind of document."""
    kinds = {"all": "", "lab sheets": "labs/", "essays": "topics/"}
    held = [(row, q) for row, q in zip(rows, questions, strict=True) if q.answers and q.part == "held_out"]
    groups = {name: [row for row, q in held if q.document.startswith(start)] for name, start in kinds.items()}
    groups = {name: own for name, own in groups.items() if own}
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, max(1, len(groups)), sharey=True, squeeze=False)[0]
    for axis, (name, own) in zip(axes, groups.items(), strict=False):
        for place, method in enumerate(METHODS):
            ranks = np.array([row[f"rank_{method}"] for row in own])
            for offset, number, colour, hatch in ((-0.2, 1, "#2166ac", ""), (0.2, 5, "#bdbdbd", "//")):
                share = top(ranks, number)
                label = f"right passage among the first {number}" if number > 1 else "right passage first"
                axis.bar(place + offset, share, 0.38, color=colour, hatch=hatch, edgecolor="white",
                         label=label if axis is axes[0] and not place else None)  # fmt: skip
                axis.plot([place + offset] * 2, interval(share, len(own)), color="black", linewidth=2)
        axis.set_xticks(range(len(METHODS)), METHODS, fontsize=13)
        axis.set_title(f"{name} ({len(own)})", fontsize=14)
        axis.set_ylim(0, 1.05)
        axis.tick_params(labelsize=13)
    axes[0].set_ylabel("share of held-out questions", fontsize=13)
    figure.legend(loc="outside lower center", ncols=2, fontsize=13)
    return figure


def plot_scores(rows: Sequence[Row], questions: Sequence[Question], method: str, threshold: float) -> Figure:
    """The best passage's score of each question: where it is the right one, a wrong one, or where there is none."""
    kinds: dict[str, list[float]] = {"right place": [], "wrong place": [], "no answer there": []}
    for row, question in zip(rows, questions, strict=True):
        found = "right place" if row[f"rank_{method}"] == 1 else "wrong place"
        kinds[found if question.answers else "no answer there"].append(row["score"])
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axis = figure.subplots()
    random = np.random.default_rng(0)  # up and down a little, so that dots do not hide one another
    for place, (name, marker, colour) in enumerate(
        (("right place", "o", "#1b7837"), ("wrong place", "x", "#b2182b"), ("no answer there", "^", "#555555"))
    ):
        jitter = random.uniform(-0.25, 0.25, len(kinds[name]))
        axis.scatter(kinds[name], place + jitter, marker=marker, color=colour, s=40, alpha=0.8)
    axis.axvline(threshold, color="black", linestyle="--")
    axis.set_yticks(range(3), [f"{name} ({len(values)})" for name, values in kinds.items()], fontsize=13)
    axis.set_xlabel("score of the best passage; silent left of the dashed line", fontsize=13)
    axis.tick_params(axis="x", labelsize=12)
    axis.invert_yaxis()
    return figure


def plot_parts(question: str, passages: Sequence[Passage], bm25: BM25, number: int = 5) -> Figure:
    """What each of the question's words adds to BM25's score of the first passages, a bar per passage."""
    words = content_words(question)
    order = np.argsort(-bm25.scores(words), kind="stable")[:number]
    rows = [bm25.parts(words, int(i)) for i in order]
    figure = Figure(figsize=(10, 1.9 + 0.5 * len(order)), layout="constrained")
    axis = figure.subplots()
    for place, word in enumerate(dict.fromkeys(words)):
        colour, hatch = WORDS[place % len(WORDS)]
        before = [sum(list(row.values())[:place]) for row in rows]
        own = [row[word] for row in rows]
        axis.barh(range(len(rows)), own, 0.7, left=before, color=colour, hatch=hatch, edgecolor="white",
                  label=plain(word))  # fmt: skip
        for i, value in enumerate(own):
            if value > 0.05 * max(sum(row.values()) for row in rows):
                axis.text(before[i] + value / 2, i, f"{value:.1f}", ha="center", va="center", fontsize=12,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
    names = [textwrap.shorten(passages[int(i)].place, 46, placeholder=" …") for i in order]
    axis.set_yticks(range(len(rows)), [plain(name) for name in names], fontsize=12)
    axis.invert_yaxis()
    axis.set_xlabel("BM25", fontsize=13)
    axis.tick_params(axis="x", labelsize=12)
    figure.suptitle(plain(question), fontsize=13)
    if words:
        figure.legend(loc="outside lower center", ncols=6, fontsize=12)
    return figure


def plot_saturation(k1: float, b: float) -> Figure:
    """By what a word's idf is multiplied when a passage has it so many times, for three lengths of passages."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axis = figure.subplots()
    tf = np.linspace(0, 10, 101)
    for length, style in ((0.5, ":"), (1.0, "-"), (2.0, "--")):
        denominator = tf + k1 * (1 - b + b * length)
        factor = np.divide(tf * (k1 + 1), denominator, out=np.zeros_like(tf), where=denominator > 0)
        axis.plot(tf, factor, style, color="#2166ac", linewidth=2.5, label=f"{length:g} times the mean length")
    axis.axhline(k1 + 1, color="black", linewidth=1)
    axis.text(0.1, k1 + 1.05, f"k₁ + 1 = {k1 + 1:.1f}", fontsize=12, va="bottom")
    axis.set_ylim(0, 1.25 * (k1 + 1))
    axis.set_xlabel("times tf that the passage has the word", fontsize=13)
    axis.set_ylabel("factor of the idf", fontsize=13)
    axis.tick_params(labelsize=12)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=12, title="a passage of", title_fontsize=12)
    return figure


def plot_scatter(shares: np.ndarray, cosines: np.ndarray, right: np.ndarray) -> Figure:
    """Every passage by both scores; the first five of each method are marked, and those that are right (N,)."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.scatter(shares, cosines, s=14, color="#999999", label="a passage")
    for scores, marker, size, name in (
        (shares, "s", 130, "BM25's first five"),
        (cosines, "o", 230, "vectors' first five"),
    ):
        first = np.argsort(-scores, kind="stable")[:5]
        axis.scatter(shares[first], cosines[first], s=size, marker=marker, facecolors="none", edgecolors="#2166ac",
                     linewidths=2, label=name)  # fmt: skip
    if right.any():
        axis.scatter(shares[right], cosines[right], s=160, marker="*", color="#b2182b", zorder=3, label="right place")
    axis.set_xlabel("BM25, as a share of what is possible", fontsize=13)
    axis.set_ylabel("cosine of the vectors", fontsize=13)
    axis.tick_params(labelsize=12)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, fontsize=12)
    return figure


def plot_candidates(
    texts: Sequence[str], probabilities: Sequence[float], parts: Mapping[str, Sequence[float]]
) -> Figure:
    """The likeliest candidates: their probability, and what each feature adds to their logit (a row per feature)."""
    figure = Figure(figsize=(10, 1.4 + 0.42 * len(parts)), layout="constrained")
    axis = figure.subplots()
    table = np.array(list(parts.values()))
    most = max(float(np.abs(table).max()), 1e-12)
    axis.imshow(table, cmap="RdBu", vmin=-1.3 * most, vmax=1.3 * most, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        axis.text(column, row, f"{value:.1f}".replace("-", "−") if abs(value) >= 0.05 else "·", ha="center",
                  va="center", fontsize=12)  # fmt: skip
    names = [
        "\n".join([*textwrap.wrap(plain(text), 17)[:3], f"{share:.0%}"])
        for text, share in zip(texts, probabilities, strict=True)
    ]
    axis.set_xticks(range(len(texts)), names, fontsize=12)
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(parts)), list(parts), fontsize=12)
    return figure
