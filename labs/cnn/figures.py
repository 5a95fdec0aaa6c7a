"""Figures of this lab alone: kernels, what each layer makes of an image, what a network reads in a picture.

Where numbers are drawn as colours, red is above 0, blue below, white 0: in kernels as in feature maps.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from common import plots
from common.plots import GOOD, mosaic, plain, show_image

SIGNED = "RdBu_r"


def percent(p: float) -> str:
    """A probability as a person writes it: 97 %, but neither 0 nor 100 % of what is not certain."""
    if 0.005 <= p <= 0.995:
        return f"{p:.0%}".replace("%", " %")
    if p in (0, 1):
        return f"{p:.0f}00 %" if p else "0 %"
    return "< 0.1 %" if p < 0.001 else "> 99.9 %" if p > 0.999 else f"{100 * p:.1f} %"


def plot_samples(
    X: Tensor, y: Tensor, classes: Sequence[str], augment: Callable[[Tensor], Tensor] | None = None, seed: int = 0
) -> Figure:
    """A row of images (N, C, H, W) per class; with `augment` beside them the same ones as it changes them."""
    if augment is None:
        return plots.plot_samples(X, y, classes)
    n = 6
    rows = [X[y == label][:n] for label in range(len(classes))]
    as_they_are = torch.cat([F.pad(row, (0,) * 7 + (n - len(row),)) for row in rows])  # a rare class: black
    with torch.random.fork_rng(devices=[]):  # a figure changes no number of what comes after it
        torch.manual_seed(seed)
        changed = augment(as_they_are)
    figure = Figure(figsize=(0.9 + 1.3 * n, 0.3 + 0.65 * len(classes)), layout="constrained")
    titles = ("as they are", "as the network is shown them")
    for axis, images, title in zip(figure.subplots(1, 2, sharey=True), (as_they_are, changed), titles, strict=True):
        show_image(axis, mosaic(F.pad(images, (1, 1, 1, 1), value=1.0), n), vmin=0, vmax=1)
        axis.set_title(title, fontsize=14)
        axis.set_xticks([])
        axis.set_yticks([(i + 0.5) * (X.shape[2] + 2) for i in range(len(classes))], map(plain, classes), fontsize=13)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    return figure


def plot_filters(weight: Tensor) -> Figure:
    """The kernels (C_out, C_in, H, W) of a convolution, first input channel: red adds, blue subtracts."""
    weight = weight.detach().cpu()[:, 0]
    figure, axes = plots.panels(len(weight), min(8, len(weight)), 1.05)
    limit = float(weight.abs().max())
    for i, kernel in enumerate(weight):
        drawn = axes[i].imshow(kernel.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit)
        axes[i].set_title(str(i), fontsize=11)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label("weight", fontsize=11)
    bar.ax.tick_params(labelsize=10)
    return figure


def plot_feature_maps(image: Tensor, maps: Mapping[str, Tensor], per_layer: int = 16) -> Figure:
    """One image (C, H, W) and, a row per layer, the first feature maps (C, H, W) it gave rise to.

    All maps of a layer are drawn on one scale, named at the right. A map that is the same everywhere has its value
    written on it.
    """
    figure = Figure(figsize=(10.5, 0.5 + 0.7 * (1 + len(maps))), layout="constrained")
    columns = min(per_layer, max(map(len, maps.values())))
    grid = figure.subplots(1 + len(maps), 2, width_ratios=[4, columns])
    for axis in grid.flat:
        axis.set_axis_off()
    show_image(grid[0, 1], image, vmin=0, vmax=1)
    grid[0, 1].set_anchor("W")
    names = [f"input\n{' × '.join(map(str, image.shape[1:]))} pixels"]
    for (name, channels), axis in zip(maps.items(), grid[1:, 1], strict=True):
        shown = channels[:columns].detach().cpu().float()
        count, height, width = shown.shape
        limit = max(float(shown.abs().max()), 1e-9)
        blanks = shown.new_full((columns - count, height, width), torch.nan)
        gap = max(1, width // 12)
        row = mosaic(F.pad(torch.cat([shown, blanks])[:, None], (0, gap, 0, 0), value=torch.nan), columns)[0]
        drawn = axis.imshow(row.numpy(), cmap=SIGNED, norm=Normalize(-limit, limit), interpolation="nearest")
        for i, one in enumerate(shown):
            left = i * (width + gap) - 0.5
            axis.add_patch(_frame(left, width, height))
            if one.max() == one.min():
                axis.text(left + width / 2, height / 2 - 0.5, f"{one.max():.2g}", fontsize=11, ha="center", va="center")
        bar = figure.colorbar(drawn, ax=axis, fraction=0.02, pad=0.01, aspect=6, ticks=[-limit, 0, limit])
        bar.ax.set_yticklabels([f"−{limit:.1f}", "0", f"{limit:.1f}"], fontsize=10)
        total = f"{count} of {len(channels)}" if count < len(channels) else str(count)
        names.append(f"{name}\n{total} maps of {height} × {width}")
    for axis, name in zip(grid[:, 0], names, strict=True):
        axis.text(1, 0.5, name, fontsize=11, ha="right", va="center", transform=axis.transAxes)
    return figure


def _frame(left: float, width: int, height: int) -> Rectangle:
    return Rectangle((left, -0.5), width, height, fill=False, edgecolor="#888888", linewidth=0.6, clip_on=False)


def plot_window(X: Tensor, K: Tensor, row: int, column: int) -> Figure:
    """A picture X (H, W), the window of K's size (k, k) at (row, column), K, the products, and their sum."""
    k = len(K)
    window = X[row : row + k, column : column + k]
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    whole, *parts = figure.subplots(1, 4)
    whole.imshow(X.numpy(), cmap="gray", vmin=0, vmax=1)
    whole.add_patch(Rectangle((column - 0.5, row - 0.5), k, k, fill=False, edgecolor="#e69f00", linewidth=2.5))
    whole.set(xticks=[], yticks=[])
    whole.set_title(f"row {row}, column {column}", fontsize=13)
    said = f"products, sum {float((window * K).sum()):.2f}".replace("-", "−")
    for axis, values, title in zip(parts, (window, K, window * K), ("pixels", "kernel", said), strict=True):
        limit = max(float(values.abs().max()), 1e-9)
        light = values < 0.5 if title == "pixels" else values.abs() > 0.6 * limit
        look = (
            {"cmap": "gray", "vmin": 0, "vmax": 1}
            if title == "pixels"
            else {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
        )
        axis.imshow(values.numpy(), **look)
        write_numbers(axis, values, light)
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontsize=13)
    return figure


def write_numbers(axis: Any, X: Tensor, light: Tensor) -> None:
    """The numbers (H, W) into a picture's pixels, white where `light`, else black; 0.25 as .25."""
    for (row, column), value in np.ndenumerate(X.numpy()):
        text = f"{float(round(value, 2)) or 0.0:.3g}".replace("-", "−")
        text = re.sub(r"^(−?)0\.", r"\1.", text)
        colour = "white" if light[row, column] else "black"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=10 if len(X) > 4 else 14)


def plot_readings(read: Sequence[tuple], classes: Sequence[str]) -> Figure:
    """For each (name, picture, what the network saw (1, H, W), probabilities (K,)) the three side by side."""
    figure = Figure(figsize=(8.5, 2.2 * len(read) + 0.3), layout="constrained")
    for (name, picture, X, p), row in zip(read, figure.subplots(len(read), 3, squeeze=False), strict=True):
        row[0].imshow(picture, aspect="equal")
        row[0].set_facecolor("#cccccc")  # seen where the picture is transparent
        row[0].set(xticks=[], yticks=[])
        row[0].set_title(plain(name), fontsize=12)
        show_image(row[1], X)
        row[1].set(xticks=[], yticks=[])
        row[1].set_title("what the network sees", fontsize=12)
        best = int(p.argmax())
        row[2].barh(classes, p.tolist(), color=[GOOD if i == best else "#bbbbbb" for i in range(len(classes))])
        row[2].set_xlim(0, 1)
        row[2].set_title(f"{classes[best]}: {percent(float(p[best]))}", fontsize=12)
        row[2].tick_params(labelsize=10)
        row[2].invert_yaxis()
    row[2].set_xlabel("probability", fontsize=12)
    return figure
