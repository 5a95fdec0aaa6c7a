"""The lab's figures. README.md says what to look for in each."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

REAL, FAKE = "#2166ac", "#d6604d"
GAP = 2  # pixels between two images of a sheet


def sheet(X: Tensor, columns: int) -> np.ndarray:
    """Images (N, 1, H, W) side by side as one picture (…, …), row by row, on a grey ground."""
    images = X[:, 0].cpu().float().numpy()
    n, height, width = images.shape
    rows = -(-n // columns)
    picture = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP), 0.35, np.float32)
    for i, image in enumerate(images):
        top, left = GAP + i // columns * (height + GAP), GAP + i % columns * (width + GAP)
        picture[top : top + height, left : left + width] = image
    return picture


def plot_sheet(X: Tensor, columns: int, title: str = "", numbered: bool = False, inches: float = 4.5) -> Figure:
    """Images (N, 1, H, W) in [0, 1] as a sheet, numbered from 1 (as gan.jl's titles) if asked."""
    picture = sheet(X, columns)
    height, width = picture.shape
    figure = Figure(figsize=(inches, inches * height / width + (0.3 if title else 0)))
    axis = figure.add_axes((0, 0, 1, inches * height / width / figure.get_figheight()))
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    axis.set_title(title, fontsize=10, pad=4)
    if numbered:
        side = X.shape[-1] + GAP
        for i in range(len(X)):
            x, y = i % columns * side + GAP, i // columns * side + GAP
            axis.text(x + 0.5, y + 0.5, str(i + 1), color="#fdae61", fontsize=9, va="top")
    return figure


def draw_losses(axis, history: Sequence[Mapping[str, float]], x: str = "step", prefix: str = "") -> None:
    """Both losses over the steps or epochs, with the values they have when nobody can tell real from generated."""
    steps = [row[x] for row in history]
    for name, colour, level in (("discriminator", REAL, "ln 4"), ("generator", FAKE, "ln 2")):
        axis.plot(steps, [row[f"{prefix}{name}_loss"] for row in history], color=colour, linewidth=1.2, label=name)
        value = np.log(float(level[-1]))
        axis.axhline(value, color=colour, linestyle=":", label=f"{level}, where D = ½")
    axis.set(xlabel=x, ylabel="loss (nats)", ylim=(0, None))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)


def plot_training(history: Sequence[Mapping[str, float]], stacked: bool = False) -> Figure:
    """Losses, D(x) and D(G(z)), classes covered and Fréchet distance over the epochs: in a row, or `stacked`."""
    figure = Figure(figsize=(9, 7.4) if stacked else (14, 3.6), layout="constrained")
    losses, outputs, coverage = figure.subplots(3, 1) if stacked else figure.subplots(1, 3)
    epochs = [row["epoch"] for row in history]

    def line(axis, name: str, colour: str, label: str) -> None:
        axis.plot(epochs, [row[name] for row in history], color=colour, marker="o", markersize=3, label=label)

    draw_losses(losses, history, "epoch", "train_")
    line(outputs, "train_d_real", REAL, "D(x), real images")
    line(outputs, "train_d_fake", FAKE, "D(G(z)), generated images")
    outputs.axhline(0.5, color="grey", linestyle=":", label="equilibrium")
    outputs.set(ylabel="what the discriminator says", ylim=(0, 1))
    line(coverage, "sample_coverage", REAL, "classes with ≥ 1 % of the samples")
    coverage.set(ylabel="classes covered", ylim=(0, None))
    distance = coverage.twinx()
    line(distance, "sample_frechet_distance", FAKE, "Fréchet distance")
    distance.set(ylabel="Fréchet distance", yscale="log")
    distance.yaxis.set_major_formatter("{x:g}")
    distance.yaxis.set_minor_formatter("{x:g}")
    for axis in (losses, outputs, coverage):
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    outputs.legend(fontsize=8)
    lines = [*coverage.lines, *distance.lines]
    coverage.legend(lines, [x.get_label() for x in lines], fontsize=8, loc="lower center")
    return figure


def plot_classes(X: Tensor, predicted: Tensor, shares: Tensor, classes: Sequence[str], columns: int = 16) -> Figure:
    """A row per class: samples the judge takes for it, and its share. An empty row is a class never drawn."""
    height, width = X.shape[-2:]
    rows = X.new_zeros(len(classes) * columns, 1, height, width)
    for label in range(len(classes)):
        found = X[predicted == label][:columns]
        rows[label * columns : label * columns + len(found)] = found
    picture = sheet(rows, columns)
    figure = Figure(figsize=(9, 0.84 * 9 * picture.shape[0] / picture.shape[1]))
    axis = figure.add_axes((0.16, 0, 0.84, 1))  # the rest is for the names
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    centres = [GAP + height / 2 + i * (height + GAP) for i in range(len(classes))]
    axis.set_yticks(centres, [f"{name}   {share:.1%}" for name, share in zip(classes, shares.tolist(), strict=True)])
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def plot_shares(fake: Tensor, real: Tensor, classes: Sequence[str]) -> Figure:
    """Share of each class among generated and real images, as the judge sees them."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(classes))
    axis.bar(places - 0.2, real.cpu().numpy(), 0.4, color=REAL, label="real test images")
    axis.bar(places + 0.2, fake.cpu().numpy(), 0.4, color=FAKE, label="generated")
    axis.axhline(0.01, color="black", linestyle=":", linewidth=1, label="1 %: below it a class is not covered")
    axis.set_xticks(places, classes)
    axis.set(xlabel="class the judge sees", ylabel="share", ylim=(0, 1.35 * max(fake.max().item(), real.max().item())))
    axis.legend(fontsize=8, loc="upper left")
    return figure


def plot_neighbours(X: Tensor, neighbours: Tensor, distances: Tensor) -> Figure:
    """A column per sample: on top the sample (N, 1, H, W), below its nearest training images (N, K, H, W)."""
    n, k = distances.shape
    picture = sheet(torch.cat([X, *neighbours.split(1, dim=1)]), n)  # row by row: samples, nearest, second, …
    side = X.shape[-1] + GAP
    figure = Figure(figsize=(0.75 * n + 1, 0.75 * (k + 1) + 0.3), layout="constrained")
    axis = figure.subplots()
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.axhline(side + GAP / 2 - 0.5, color="#fdae61", linewidth=2)
    axis.set_yticks([side * (i + 0.5) for i in range(k + 1)], ["generated", *(f"real, no. {i + 1}" for i in range(k))])
    axis.set_xticks([side * (i + 0.5) for i in range(n)], [f"{d:.1f}" for d in distances[:, 0].tolist()])
    axis.set_xlabel("distance to the nearest", fontsize=9)
    axis.tick_params(length=0, labelsize=9)
    axis.spines[:].set_visible(False)
    return figure
