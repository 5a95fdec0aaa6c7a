"""The figures of the cells: what each can add, how long its gradients are, what its gates do."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from common.plots import plain
from labs.nlp.cells.adding import GUESSING, LUCK
from labs.nlp.cells.equations import CELLS, LSTM
from labs.nlp.cells.gradients import trace

STYLE: dict[str, dict[str, Any]] = {  # colour is not the only sign
    "rnn": {"color": "#b2182b", "linestyle": ":", "marker": "s"},
    "lstm": {"color": "#2166ac", "linestyle": "-", "marker": "o"},
    "gru": {"color": "#1b7837", "linestyle": "--", "marker": "^"},
}
GATES = {  # which of a cell's letters are drawn, and what they stand for
    "i": "input gate i: what is written",
    "f": "forget gate f: what is kept",
    "o": "output gate o: what is said",
    "c": "cell c: what is in mind",
    "z": "update gate z: what is kept",
    "r": "reset gate r: what the candidate sees",
    "h": "state h",
}
LEAST = 1e-12  # shorter gradients are drawn at the lower edge


def plot_by_length(table: Sequence[Mapping[str, float]], longest: int) -> Figure:
    """The share of right sums over the length of the sequences; a line marks the longest of the training."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    lengths = [row["length"] for row in table]
    for name in CELLS:
        right = [100 * row[f"{name}_accuracy"] for row in table]
        axis.plot(lengths, right, linewidth=2, markersize=8, label=name.upper(), **STYLE[name])
    axis.axhline(100 * LUCK, color="grey", linewidth=1, label="always saying 1")
    axis.axvline(longest, color="grey", linewidth=1, linestyle="-.", label="longest in training")
    axis.set_xscale("log", base=2)
    axis.set_xticks(lengths, [f"{length:.0f}" for length in lengths], fontsize=12)
    axis.set_ylim(0, 103)
    axis.tick_params(labelsize=12)
    axis.set_xlabel("numbers in the sequence", fontsize=13)
    axis.set_ylabel("sums that are right, %", fontsize=13)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=12)
    return figure


def plot_learning(history: Sequence[Mapping[str, float]]) -> Figure:
    """The mean squared error on the longest test sequences, over the epochs, and what guessing would have."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    for name in CELLS:
        points = [(row["epoch"], row[f"test_{name}_mse"]) for row in history]
        axis.plot(*zip(*points, strict=True), linewidth=2, markersize=6, label=name.upper(), **STYLE[name])
    axis.axhline(GUESSING, color="grey", linewidth=1, label="always saying 1")
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.locator_params(axis="x", integer=True)
    axis.tick_params(labelsize=12)
    axis.set_xlabel("epoch", fontsize=13)
    axis.set_ylabel("mean squared error", fontsize=13)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=12)
    return figure


def draw_lengths(axis: Any, lengths: Mapping[str, Tensor], name: str) -> None:
    """The length of ∂h_T/∂h_t over T − t of one cell; of an LSTM that of ∂h_T/∂c_t, too, as a thin line."""
    for letter, values in lengths.items():
        back = values.flip(0).detach().clamp(min=LEAST).tolist()
        looks = STYLE[name] | {"markevery": max(1, len(back) // 8), "markersize": 7, "linewidth": 2}
        if letter == "c":
            looks |= {"linewidth": 1, "markerfacecolor": "white"}
        axis.plot(range(len(back)), back, label=f"{name.upper()}: {letter}", **looks)


def plot_gradients(panels: Mapping[str, Mapping[str, Mapping[str, Tensor]]]) -> Figure:
    """Panels of gradient lengths: title → cell → state → (T,)."""
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (title, cells) in zip(axes, panels.items(), strict=True):
        for name, lengths in cells.items():
            draw_lengths(axis, lengths, name)
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_title(title, fontsize=14)
        axis.set_xlabel("steps back, T − t", fontsize=13)
        axis.locator_params(axis="x", integer=True)
        axis.tick_params(labelsize=12)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("length of ∂h(T)/∂h(t), ∂h(T)/∂c(t)", fontsize=13)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), fontsize=12)
    return figure


def draw_units(axis: Any, values: Tensor, title: str, signed: bool) -> Any:
    """A map of one letter's values (T, H): steps from left to right, a row per unit."""
    colours = {"cmap": "RdBu", "vmin": -1, "vmax": 1} if signed else {"cmap": "viridis", "vmin": 0, "vmax": 1}
    drawn = axis.imshow(values.T.numpy(), aspect="auto", interpolation="nearest", **colours)
    axis.set_title(title, fontsize=12)
    axis.set_yticks([])
    axis.set_ylabel(f"{values.shape[1]} units", fontsize=11)
    return drawn


def plot_gates(seen: Mapping[str, Tensor], words: Sequence[str]) -> Figure:
    """What a cell's gates and state did over a sentence: a panel per letter, a column per word, a row per unit.

    The units are in the order of how much they keep in the mean; of a plain RNN, of how large they are.
    """
    letters = [letter for letter in GATES if letter in seen and not (letter == "h" and "c" in seen)]
    keeps = next((letter for letter in "fz" if letter in seen), "h")
    order = seen[keeps].mean(dim=0).argsort(descending=True)
    width = min(13.0, max(9.0, 2.4 + 0.42 * len(words)))
    figure = Figure(figsize=(width, 0.9 + 1.2 * len(letters)), layout="constrained")
    axes = figure.subplots(len(letters), 1, sharex=True, squeeze=False)[:, 0]
    for axis, letter in zip(axes, letters, strict=True):
        signed = letter in "ch"
        values = seen[letter][:, order]
        drawn = draw_units(axis, torch.tanh(values) if letter == "c" else values, GATES[letter], signed)
        bar = figure.colorbar(drawn, ax=axis, ticks=[-1, 0, 1] if signed else [0, 0.5, 1], pad=0.01)
        bar.ax.tick_params(labelsize=11)
        if letter == "c":
            bar.set_label("tanh c", fontsize=11)
    axes[-1].set_xticks(range(len(words)), list(map(plain, words)), rotation=60, ha="right", fontsize=12)
    return figure


def plot_adding(cell: LSTM, X: Tensor) -> Figure:
    """A trained LSTM reads one sequence X (T, 2) of the adding problem: the marks, its gates, its cells."""
    seen = trace(cell, X)
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[1, 1.2, 1.2, 1.4])
    places, marked = range(len(X)), X[:, 1] > 0
    axes[0].bar(places, X[:, 0].tolist(), color=["#b2182b" if m else "#cccccc" for m in marked.tolist()])
    for t in marked.nonzero()[:, 0].tolist():
        axes[0].text(t, 1.08, f"{X[t, 0]:.2f}", ha="center", fontsize=12, color="#b2182b")
    axes[0].set_ylim(0, 1.45)
    axes[0].set_title("the numbers; those in red are marked", fontsize=12)
    axes[0].set_yticks([0, 1])
    order = (seen["i"][marked].mean(dim=0) - seen["i"][~marked].mean(dim=0)).argsort(descending=True)
    for axis, letter in zip(axes[1:], "ifc", strict=True):
        values = torch.tanh(seen[letter]) if letter == "c" else seen[letter]
        drawn = draw_units(axis, values[:, order], GATES[letter], letter == "c")
        bar = figure.colorbar(drawn, ax=axis, ticks=[-1, 0, 1] if letter == "c" else [0, 0.5, 1], pad=0.01)
        bar.ax.tick_params(labelsize=11)
    axes[3].set_xlabel("step", fontsize=12)
    axes[3].locator_params(axis="x", integer=True)
    axes[3].tick_params(labelsize=11)
    return figure
