"""The figures of networks that learn: returns over the training, what is inside, the spread over seeds."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.runs import read_history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOW = 100  # episodes in a moving average, as in the manual
BLUE, RED = "#2166ac", "#d6604d"


def read_episodes(run: Path) -> np.ndarray:
    """Steps so far, return and length of every training episode of a run: (episodes, 3)."""
    with (Path(run) / "episodes.csv").open(newline="") as file:
        rows = [[float(value) for value in row.values()] for row in csv.DictReader(file)]
    return np.array(rows).reshape(-1, 3)


def moving_average(values: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Mean of the last `window` values at each place; at the start of as many as there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def log_scale(axis: Any) -> None:
    """A logarithmic y-axis, with numbers as a person writes them."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 10 * low else MaxNLocator(5))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())


def plot_learning(episodes: np.ndarray, history: Sequence[Mapping[str, float]], threshold: float | None) -> "Figure":
    """Return of every training episode, its moving average, and what the greedy policy reached meanwhile."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    if len(episodes):
        steps, returns, _ = episodes.T
        axis.plot(steps, returns, ".", color="0.7", markersize=3, label="an episode of the training (with exploration)")
        axis.plot(steps, moving_average(returns), color=BLUE, label=f"moving average over {WINDOW} episodes")
    points = [(row["steps"], row["val_return"]) for row in history]
    axis.plot(*zip(*points, strict=True), "o-", color=RED, markersize=4, label="greedy policy (mean of fresh episodes)")
    if threshold is not None:
        axis.axhline(threshold, color="black", linestyle=":", linewidth=1, label=f"counts as solved: {threshold:g}")
    axis.set(xlabel="steps in the environment", ylabel="return")
    axis.grid(alpha=0.3)
    figure.legend(fontsize=10, loc="outside lower center", ncols=2)
    return figure


def plot_progress(history: Sequence[Mapping[str, float]], gamma: float) -> "Figure":
    """What is inside: ε, the losses, the largest Q-value, the entropy; a panel for each that the run has."""
    from matplotlib.figure import Figure

    names = {
        "epsilon": "ε: share of random actions",
        "train_loss": "loss (TD error)",
        "q_max": "largest Q-value of a minibatch",
        "train_value_loss": "the critic's squared error",
        "entropy": "entropy of the policy (nats)",
    }
    shown = {name: label for name, label in names.items() if any(name in row for row in history)}
    figure = Figure(figsize=(3.4 * len(shown), 3.2), layout="constrained")
    for axis, (name, label) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        points = [(row["steps"], row[name]) for row in history if name in row]
        axis.plot(*zip(*points, strict=True), "o-", color=BLUE, markersize=3)
        if name == "q_max" and gamma < 1 and history[-1]["val_return"] > 0:
            # The sum of 1 + γ + γ² + …: no policy earns more where each step is worth 1.
            axis.axhline(1 / (1 - gamma), color=RED, linestyle=":", label=f"1/(1−γ) = {1 / (1 - gamma):.0f}")
            axis.legend(fontsize=10)
        if name == "train_value_loss":
            log_scale(axis)  # it begins with the scale of the returns and ends near zero
        elif name in ("epsilon", "train_loss"):
            axis.set_ylim(0, None)
        axis.set(xlabel="steps in the environment", title=label)
        axis.title.set_fontsize(11)
        axis.locator_params(axis="x", nbins=4)
        axis.grid(alpha=0.3)
    return figure


def plot_spread(runs: Mapping[str, Path]) -> "Figure":
    """Moving average of the training's returns, and the greedy return, of several runs: each, their mean, the band."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    training, greedy = figure.subplots(1, 2, sharey=True)
    curves: dict[Any, list[tuple[np.ndarray, np.ndarray]]] = {training: [], greedy: []}
    for path in runs.values():
        episodes, history = read_episodes(path), read_history(path)
        if len(episodes):
            curves[training].append((episodes[:, 0], moving_average(episodes[:, 1])))
        curves[greedy].append(tuple(np.array([[row["steps"], row["val_return"]] for row in history]).T))
    for axis, lines in curves.items():
        for i, ((x, y), name) in enumerate(zip(lines, runs, strict=False)):
            axis.plot(x, y, ("-", "--", ":", "-.")[i % 4], linewidth=1.2, label=name)
        if lines:
            grid = np.linspace(max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines), 200)
            values = np.stack([np.interp(grid, x, y) for x, y in lines])
            axis.fill_between(grid, values.min(axis=0), values.max(axis=0), color=BLUE, alpha=0.15)
            axis.plot(grid, values.mean(axis=0), color="black", linewidth=2, label="mean")
        axis.set(xlabel="steps in the environment")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=10)
    training.set(ylabel="return", title=f"training: moving average over {WINDOW} episodes")
    greedy.set(title="greedy policy")
    return figure
