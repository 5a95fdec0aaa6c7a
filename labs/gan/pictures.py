"""The lab's figures. README.md says what to look for in each."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from torch import Tensor

from common.plots import plain

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


def plot_sheet(
    X: Tensor, columns: int, title: str = "", *, numbered: bool = False, inches: float = 4.5, title_size: int = 12
) -> Figure:
    """Images (N, 1, H, W) in [0, 1] as a sheet, numbered from 1 (as gan.jl's titles) if asked."""
    picture = sheet(X, columns)
    height, width = picture.shape
    figure = Figure(figsize=(inches, inches * height / width + (0.1 + title_size / 60) * bool(title)))
    axis = figure.add_axes((0, 0, 1, inches * height / width / figure.get_figheight()))
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    axis.set_title(title, fontsize=title_size, pad=4)
    if numbered:
        side = X.shape[-1] + GAP
        for i in range(len(X)):
            x, y = i % columns * side + GAP, i // columns * side + GAP
            axis.text(x + 0.5, y + 0.5, str(i + 1), color="#fdae61", fontsize=max(11, 1.8 * inches), va="top")
    return figure


def draw_losses(axis, history: Sequence[Mapping[str, float]], x: str = "step", prefix: str = "") -> None:
    """Both losses over the steps or epochs, with the values they have when nobody can tell real from generated."""
    steps = [row[x] for row in history]
    for name, colour, level, style in (("discriminator", REAL, "ln 4", "-"), ("generator", FAKE, "ln 2", "--")):
        losses = [row[f"{prefix}{name}_loss"] for row in history]
        axis.plot(steps, losses, style, color=colour, linewidth=1.4, label=f"L_{name[0].upper()}, {name}")
        axis.axhline(np.log(float(level[-1])), color=colour, linestyle=":", label=f"{level}, where D = ½")
    axis.set(ylim=(0, None))
    name_axes(axis, x, "loss (nats)")
    legend_above(axis)


def name_axes(axis, x: str, y: str) -> None:
    """Names of both axes, and a grid, to be read from the last row."""
    axis.set_xlabel(x, fontsize=12)
    axis.set_ylabel(y, fontsize=12)
    axis.tick_params(labelsize=11)
    axis.grid(alpha=0.3)


def legend_above(axis, columns: int = 2) -> None:
    """The legend above the panel, where it covers no curve."""
    axis.legend(fontsize=10, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.2)


def plot_training(history: Sequence[Mapping[str, float]]) -> Figure:
    """Losses, D(x) and D(G(z)), classes covered and Fréchet distance over the epochs, in four panels."""
    figure = Figure(figsize=(9.5, 5.8), layout="constrained")
    (losses, outputs), (coverage, distance) = figure.subplots(2, 2, sharex=True)
    epochs = [row["epoch"] for row in history]

    def line(axis, name: str, colour: str, style: str, label: str) -> None:
        values = [row[name] for row in history]
        axis.plot(epochs, values, style, color=colour, marker="o", markersize=3, label=label)

    draw_losses(losses, history, "epoch", "train_")
    line(outputs, "train_d_real", REAL, "-", "D(x), real images")
    line(outputs, "train_d_fake", FAKE, "--", "D(G(z)), generated")
    outputs.axhline(0.5, color="grey", linestyle=":", label="½: cannot tell")
    outputs.set(ylim=(0, 1))
    line(coverage, "sample_coverage", FAKE, "-", "classes with ≥ 1 % of the samples")
    coverage.set(ylim=(0, 10.5))
    coverage.yaxis.get_major_locator().set_params(integer=True)
    line(distance, "sample_frechet_distance", FAKE, "-", "Fréchet distance to real images: less is better")
    low, high = (bound(row["sample_frechet_distance"] for row in history) for bound in (min, max))
    distance.set(yscale="log", ylim=(max(low, 1e-3) / 2, max(high, 1e-3) * 2))
    distance.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    distance.yaxis.set_major_formatter("{x:g}")
    distance.yaxis.set_minor_locator(NullLocator())
    names = ("loss (nats)", "probability of being real", "classes of 10", "distance (log scale)")
    for axis, name in zip((losses, outputs, coverage, distance), names, strict=True):
        name_axes(axis, "epoch", name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        legend_above(axis)
    return figure


def plot_classes(X: Tensor, predicted: Tensor, shares: Tensor, classes: Sequence[str], columns: int = 16) -> Figure:
    """A row per class: samples the judge takes for it, and its share. An empty row is a class never drawn."""
    height, width = X.shape[-2:]
    rows = X.new_zeros(len(classes) * columns, 1, height, width)
    for label in range(len(classes)):
        found = X[predicted == label][:columns]
        rows[label * columns : label * columns + len(found)] = found
    picture = sheet(rows, columns)
    names = [f"{plain(name)}   {share:.1%}" for name, share in zip(classes, shares.tolist(), strict=True)]
    room = 0.1 + 0.09 * max(map(len, names))  # inches for the longest
    across = 8 * picture.shape[0] / picture.shape[1]
    figure = Figure(figsize=(room + 8, 0.35 + across))
    axis = figure.add_axes((room / (room + 8), 0, 8 / (room + 8), across / (0.35 + across)))
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axis.set_yticks([GAP + height / 2 + i * (height + GAP) for i in range(len(classes))], names, fontsize=11)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title("samples by the class that the judge sees, and its share of all samples", fontsize=12, pad=5)
    return figure


def plot_shares(fake: Tensor, real: Tensor, classes: Sequence[str]) -> Figure:
    """Share of each class among generated and real images, as the judge sees them."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(classes))
    axis.bar(places - 0.2, 100 * real.cpu().numpy(), 0.4, color=REAL, label="real test images")
    axis.bar(places + 0.2, 100 * fake.cpu().numpy(), 0.4, color=FAKE, hatch="//", edgecolor="white", label="generated")
    axis.axhline(1, color="black", linestyle=":", linewidth=1.5, label="1 %: covered from here on")
    names = [plain(name) for name in classes]
    name_axes(axis, "class that the judge sees", "share (%)")
    axis.set_xticks(places, names, rotation=30 if max(map(len, names)) > 3 else 0)
    legend_above(axis, columns=3)
    return figure


def plot_neighbours(X: Tensor, neighbours: Tensor, distances: Tensor) -> Figure:
    """A column per sample: on top the sample (N, 1, H, W), below its nearest training images (N, K, H, W)."""
    n, k = distances.shape
    picture = sheet(torch.cat([X, *neighbours.split(1, dim=1)]), n)  # row by row: samples, nearest, second, …
    side = X.shape[-1] + GAP
    figure = Figure(figsize=(0.75 * n + 1, 0.75 * (k + 1) + 0.4), layout="constrained")
    axis = figure.subplots()
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.axhline(side + GAP / 2 - 0.5, color="#fdae61", linewidth=2)
    axis.set_yticks([side * (i + 0.5) for i in range(k + 1)], ["generated", *(f"real, no. {i + 1}" for i in range(k))])
    axis.set_xticks([side * (i + 0.5) for i in range(n)], [f"{d:.1f}" for d in distances[:, 0].tolist()])
    axis.set_xlabel("distance to the nearest, in pixels' brightness", fontsize=11)
    axis.tick_params(length=0, labelsize=11)
    axis.spines[:].set_visible(False)
    return figure
