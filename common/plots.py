"""Figures, one function each. They return matplotlib figures and draw on no screen; `run.save_figure` writes them."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from common.files import write_atomically

GOOD, BAD = "#1b7837", "#b2182b"


def write_figure(path: Path, figure: Figure) -> Path:
    """The figure as a PNG file, written atomically; returns its path."""
    content = io.BytesIO()
    figure.savefig(content, dpi=120)
    write_atomically(path, content.getvalue())
    return path


def write_image(path: Path, image: Tensor) -> Path:
    """One grey image (1, H, W) in [0, 1] as a PNG file of exactly its pixels, written atomically; returns its path."""
    content = io.BytesIO()
    Image.fromarray((image[0] * 255).round().byte().cpu().numpy()).save(content, "PNG")
    write_atomically(path, content.getvalue())
    return path


def plain(text: str) -> str:
    """A text that comes from data, as it is: between two dollar signs matplotlib would read mathematics."""
    return text.replace("$", r"\$")


def panels(n: int, columns: int, size: float) -> tuple[Figure, list[Any]]:
    """A figure with n places for pictures of `size` inches, `columns` of them in a row: the figure and its axes."""
    rows = -(-n // columns)
    figure = Figure(figsize=(columns * size, rows * size * 1.15), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    return figure, axes


def show_image(axis: Any, image: Tensor, **kws: Any) -> None:
    """Draw one image (C, H, W) or (H, W), grey or colour, into an axis."""
    image = image.detach().cpu().float()
    if image.ndim == 3:
        image = image[0] if len(image) == 1 else image.permute(1, 2, 0).clip(0, 1)
    axis.imshow(image.numpy(), cmap="gray", interpolation="nearest", **kws)


def mosaic(X: Tensor, columns: int) -> Tensor:
    """Images (N, C, H, W) side by side as one image (C, rows·H, columns·W), the missing ones of the last row black."""
    n, channels, height, width = X.shape
    rows = -(-n // columns)
    sheet = X.new_zeros(rows * columns, channels, height, width)
    sheet[:n] = X
    return (
        sheet.view(rows, columns, channels, height, width)
        .permute(2, 0, 3, 1, 4)
        .reshape(channels, rows * height, columns * width)
    )


def plot_rows(rows: Mapping[str, Tensor], columns: int | None = None) -> Figure:
    """Images (N, C, H, W) in [0, 1] in named rows, at most `columns` of each; rows may differ in length."""
    rows = {name: images[:columns] for name, images in rows.items() if len(images)}
    columns = max((len(images) for images in rows.values()), default=1)
    fontsize = 10 if len(rows) < 8 else min(24, 5 + len(rows))  # a high figure is made smaller to be shown
    names = 0.3 + 0.0085 * fontsize * max(map(len, rows), default=0)  # inches for the longest
    figure = Figure(figsize=(names + 0.65 * columns, 0.3 + 0.65 * max(1, len(rows))), layout="constrained")
    axis = figure.subplots()
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    if rows:
        blank = torch.ones_like(next(iter(rows.values()))[:1])
        cells = [torch.cat([images, blank.expand(columns - len(images), -1, -1, -1)]) for images in rows.values()]
        X = F.pad(torch.cat(cells), (1, 1, 1, 1), value=1.0)  # a white line between neighbours
        show_image(axis, mosaic(X, columns), vmin=0, vmax=1)
        places = [(i + 0.5) * X.shape[2] for i in range(len(rows))]
        axis.set_yticks(places, [plain(name) for name in rows], fontsize=fontsize)
        axis.set_anchor("W")
        axis.tick_params(length=0)
    return figure


def plot_samples(X: Tensor, y: Tensor, classes: Sequence[str], per_class: int = 12) -> Figure:
    """A row of images per class: what the data look like. X is (N, C, H, W)."""
    return plot_rows({name: X[y == label][:per_class] for label, name in enumerate(classes)}, per_class)


def plot_class_counts(labels: Mapping[str, Tensor], classes: Sequence[str]) -> Figure:
    """How many samples of each class every part (train, validation, test) has."""
    figure = Figure(figsize=(max(7, 0.38 * len(classes)), 3.8), layout="constrained")
    axis = figure.subplots()
    bottom = np.zeros(len(classes))
    for i, (part, y) in enumerate(labels.items()):
        counts = np.bincount(y.cpu().numpy(), minlength=len(classes))
        hatch = ("", "//", "..")[i % 3]  # colour is not the only sign
        names, label = [plain(name) for name in classes], f"{part} ({len(y)})"
        axis.bar(names, counts, bottom=bottom, hatch=hatch, edgecolor="white", label=label)
        bottom += counts
    axis.set_xlabel("class", fontsize=12)
    axis.set_ylabel("samples", fontsize=12)
    axis.tick_params(labelsize=11)
    axis.tick_params(axis="x", rotation=30 if max(map(len, classes)) > 3 else 0)
    figure.legend(loc="outside upper center", ncols=len(labels), fontsize=11)
    return figure


def plot_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Every metric over the epochs, one panel per metric, one line per part (train, val, test)."""
    metrics: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for row in history for name in row):
        if name not in ("epoch", "seconds"):
            metrics.setdefault(name.split("_", 1)[-1], []).append(name)
    width = 4 if len(metrics) > 2 else 5  # inches of a panel
    figure = Figure(figsize=(width * max(1, len(metrics)), 3.6), layout="constrained")
    axes = figure.subplots(1, max(1, len(metrics)), squeeze=False)[0]
    for axis, (metric, names) in zip(axes, metrics.items(), strict=False):
        for i, name in enumerate(names):  # colour is not the only sign
            points = [(row["epoch"], row[name]) for row in history if name in row]
            style = {"marker": "osv"[i % 3], "linestyle": ("-", "--", ":")[i % 3], "markersize": 5}
            axis.plot(*zip(*points, strict=True), **style, markevery=-(-len(points) // 15), label=name.split("_", 1)[0])
        axis.set_xlabel("epoch", fontsize=12)
        axis.set_ylabel(metric.replace("_", " "), fontsize=12)
        axis.tick_params(labelsize=11)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if len(history) == 1:  # else the axis has ticks within the epoch
            axis.set_xticks([history[0]["epoch"]])
        axis.grid(alpha=0.3)
        axis.legend(fontsize=11)
    return figure


def plot_confusion(matrix: Tensor, classes: Sequence[str]) -> Figure:
    """Counts of (label, prediction), and on the right which share of each class was recognised.

    The colour of a mistake is its share of the class, on a scale to 20 %, so that a single one stays pale; what is
    right lies on a green diagonal.
    """
    k = len(classes)
    counts = matrix.cpu().numpy()
    sizes = counts.sum(axis=1)
    shares = counts / np.maximum(1, sizes)[:, None]
    right = np.eye(k, dtype=bool)
    size, cell = (11, 0.54) if k < 12 else (15, 0.46)  # the larger a figure, the more it is made smaller to be shown
    figure = Figure(figsize=(2.6 + cell * max(5, k), 1.4 + 0.85 * cell * max(5, k)), layout="constrained")
    axis = figure.subplots()
    mistakes = axis.imshow(np.where(right, np.nan, 100 * shares), cmap="Reds", vmin=0, vmax=20)
    axis.imshow(np.where(right, shares, np.nan), cmap="Greens", vmin=0, vmax=2)  # pale: the number is to be read
    for i, j in np.argwhere(counts):
        dark = i != j and shares[i, j] > 0.12
        colour, weight = ("white" if dark else "black"), ("bold" if i == j else "normal")
        axis.text(j, i, counts[i, j], ha="center", va="center", fontsize=size, color=colour, weight=weight)
    names = [plain(name) for name in classes]
    axis.set_xticks(range(k), names, rotation=45 if max(map(len, classes)) > 3 else 0, ha="center", fontsize=size)
    axis.set_yticks(range(k), names, fontsize=size)
    recognised = axis.secondary_yaxis("right")
    shown = ["100%" if share == 1 else f"{share:.1%}" for share in shares.diagonal()]
    recognised.set_yticks(range(k), shown, fontsize=size)
    recognised.set_ylabel("of the class recognised", fontsize=size)
    recognised.tick_params(length=0)
    bar = figure.colorbar(mistakes, ax=axis, extend="max", shrink=0.8, ticks=[0, 5, 10, 15, 20])
    bar.set_label("mistakes, % of the class", fontsize=size)
    bar.ax.tick_params(labelsize=size - 1)
    axis.set_xlabel("predicted", fontsize=size + 1)
    axis.set_ylabel("label", fontsize=size + 1)
    axis.set_title(f"{np.trace(counts) / max(1, counts.sum()):.2%} of {counts.sum()} right", fontsize=size + 2)
    return figure


def plot_predictions(X: Tensor, y: Tensor, probabilities: Tensor, classes: Sequence[str]) -> Figure:
    """Images (N, C, H, W) with the predicted class, its probability, and the label where the two differ."""
    figure, axes = panels(len(X), 6, 1.6)
    for axis, image, label, p in zip(axes, X, y.tolist(), probabilities, strict=False):
        predicted = int(p.argmax())
        show_image(axis, image)
        title = f"{'✓' if predicted == label else '✗'} {plain(classes[predicted])}  {p[predicted]:.0%}"
        if predicted != label:
            title += f"\nlabel: {plain(classes[label])}"
        axis.set_title(title, fontsize=11, color=GOOD if predicted == label else BAD)
    return figure


def plot_confused_pairs(
    pairs: Sequence[tuple[int, int, int]], X: Tensor, y: Tensor, predicted: Tensor, classes: Sequence[str]
) -> Figure:
    """For each (label, predicted, count) a row of images that were mistaken so."""
    rows = {
        f"{classes[label]} taken for {classes[guess]}: {count}×": X[(y == label) & (predicted == guess)]
        for label, guess, count in pairs
    }
    return plot_rows(rows, columns=10)


def plot_runs(
    histories: Mapping[str, Sequence[Mapping[str, float]]], metrics: Sequence[str], length: str = "epoch"
) -> Figure:
    """The same metrics of several runs over the length of training, one panel per metric, one line per run.

    `length` names the column that says how long a run has been going: epoch, steps, episodes.
    """
    columns = 2 if len(metrics) == 4 else min(3, len(metrics))
    rows = -(-len(metrics) // columns)
    width = (4 if columns > 2 else 5) * columns  # inches
    ncols = max(1, int(width / (0.7 + 0.09 * max(map(len, histories), default=0))))  # as many names as a line holds
    longest = int((width - 0.7) / 0.09)  # of a longer one the end is shown: a path's beginning is that of all
    legend = 0.15 + 0.25 * -(-len(histories) // ncols)
    figure = Figure(figsize=(width, (3.6 if rows == 1 else 3.0) * rows + legend), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[len(metrics) :]:
        axis.set_axis_off()
    for axis, metric in zip(axes, metrics, strict=False):
        for i, (name, history) in enumerate(histories.items()):
            shown = name if len(name) <= longest else "…" + name[1 - longest :]
            points = [(row.get(length, row["epoch"]), row[metric]) for row in history if metric in row]
            if points:  # colour is not the only sign
                style = {"linestyle": ("-", "--", ":", "-.")[i // 10 % 4], "color": f"C{i % 10}"}
                mark = {"marker": "osvD^<>PX*"[i % 10], "markersize": 5, "markevery": -(-len(points) // 15)}
                axis.plot(*zip(*points, strict=True), **style, **mark, label=plain(shown))
        axis.set_xlabel(length, fontsize=12)
        axis.set_ylabel(metric.replace("_", " "), fontsize=12)
        axis.tick_params(labelsize=11)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    lines = {line.get_label(): line for axis in axes for line in axis.get_lines()}
    figure.legend(lines.values(), lines, loc="outside upper left", ncols=ncols, fontsize=11)
    return figure


def plot_mosaic(X: Tensor, columns: int, title: str = "") -> Figure:
    """Many images (N, C, H, W) in [0, 1] without gaps, such as samples of a generator."""
    rows = -(-len(X) // columns)
    figure = Figure(figsize=(0.6 * columns, 0.6 * rows + 0.4 * bool(title)), layout="constrained")
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set_title(title, fontsize=10)
    show_image(axis, mosaic(X, columns), vmin=0, vmax=1)
    return figure
