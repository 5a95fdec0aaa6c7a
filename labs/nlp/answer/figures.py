"""The pictures of a run: when to be silent, how often the passage is found, and the scores that decide."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from common.loop import Row
from labs.nlp.answer.measures import interval, top
from labs.nlp.answer.questions import PARTS, Question
from labs.nlp.answer.retrieval import METHODS
from labs.nlp.answer.thresholds import curve, precision_and_share

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
