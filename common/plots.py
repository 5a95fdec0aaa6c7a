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
    names = 0.3 + 0.1 * max(map(len, rows), default=0)  # inches for the longest
    figure = Figure(figsize=(names + 0.65 * columns, 0.3 + 0.65 * max(1, len(rows))), layout="constrained")
    axis = figure.subplots()
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    if rows:
        blank = torch.ones_like(next(iter(rows.values()))[:1])
        cells = [torch.cat([images, blank.expand(columns - len(images), -1, -1, -1)]) for images in rows.values()]
        X = F.pad(torch.cat(cells), (1, 1, 1, 1), value=1.0)  # a white line between neighbours
        show_image(axis, mosaic(X, columns), vmin=0, vmax=1)
        axis.set_yticks([(i + 0.5) * X.shape[2] for i in range(len(rows))], list(rows), fontsize=9)
        axis.set_anchor("W")
        axis.tick_params(length=0)
    return figure


def plot_samples(X: Tensor, y: Tensor, classes: Sequence[str], per_class: int = 12) -> Figure:
    """A row of images per class: what the data look like. X is (N, C, H, W)."""
    return plot_rows({name: X[y == label][:per_class] for label, name in enumerate(classes)}, per_class)


def plot_class_counts(labels: Mapping[str, Tensor], classes: Sequence[str]) -> Figure:
    """How many samples of each class every part (train, validation, test) has."""
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axis = figure.subplots()
    bottom = np.zeros(len(classes))
    for part, y in labels.items():
        counts = np.bincount(y.cpu().numpy(), minlength=len(classes))
        axis.bar(classes, counts, bottom=bottom, label=f"{part} ({len(y)})")
        bottom += counts
    axis.set_ylabel("samples")
    axis.tick_params(axis="x", rotation=30 if max(map(len, classes)) > 3 else 0)
    axis.legend(loc="lower right")
    return figure


def plot_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Every metric over the epochs, one panel per metric, one line per part (train, val, test)."""
    metrics: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for row in history for name in row):
        if name not in ("epoch", "seconds"):
            metrics.setdefault(name.split("_", 1)[-1], []).append(name)
    figure = Figure(figsize=(5 * max(1, len(metrics)), 3.6), layout="constrained")
    axes = figure.subplots(1, max(1, len(metrics)), squeeze=False)[0]
    for axis, (metric, names) in zip(axes, metrics.items(), strict=False):
        for name in names:
            points = [(row["epoch"], row[name]) for row in history if name in row]
            axis.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name.split("_", 1)[0])
        axis.set(xlabel="epoch", ylabel=metric.replace("_", " "))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    return figure


def plot_confusion(matrix: Tensor, classes: Sequence[str]) -> Figure:
    """Counts of (label, prediction). The colour shows the mistakes: the diagonal is left out of its scale."""
    k = len(classes)
    counts = matrix.cpu().numpy()
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    figure = Figure(figsize=(1.5 + 0.55 * k, 1.2 + 0.5 * k), layout="constrained")
    axis = figure.subplots()
    axis.imshow(mistakes, cmap="Reds", vmax=max(1, mistakes.max()))
    for i in range(k):
        for j in range(k):
            if counts[i, j]:
                dark = i != j and mistakes[i, j] > 0.6 * mistakes.max()
                colour = "white" if dark else GOOD if i == j else "black"
                axis.text(j, i, counts[i, j], ha="center", va="center", fontsize=8, color=colour)
    axis.set_xticks(range(k), classes, rotation=45 if max(map(len, classes)) > 3 else 0, ha="center")
    axis.set_yticks(range(k), classes)
    right = np.trace(counts) / max(1, counts.sum())
    axis.set(xlabel="predicted", ylabel="label", title=f"{right:.2%} of {counts.sum()} right")
    return figure


def plot_predictions(X: Tensor, y: Tensor, probabilities: Tensor, classes: Sequence[str]) -> Figure:
    """Images (N, C, H, W) with the predicted class, its probability, and the label where the two differ."""
    figure, axes = panels(len(X), 4, 1.9)
    for axis, image, label, p in zip(axes, X, y.tolist(), probabilities, strict=False):
        predicted = int(p.argmax())
        show_image(axis, image)
        title = f"{classes[predicted]}  {p[predicted]:.0%}"
        if predicted != label:
            title += f"\nlabel: {classes[label]}"
        axis.set_title(title, fontsize=9, color=GOOD if predicted == label else BAD)
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


def plot_runs(histories: Mapping[str, Sequence[Mapping[str, float]]], metrics: Sequence[str]) -> Figure:
    """The same metrics of several runs over the epochs, one panel per metric, one line per run."""
    figure = Figure(figsize=(5.5 * len(metrics), 4), layout="constrained")
    for axis, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        for name, history in histories.items():
            points = [(row["epoch"], row[metric]) for row in history if metric in row]
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", markersize=3, label=plain(name))
        axis.set(xlabel="epoch", ylabel=metric.replace("_", " "))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
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
