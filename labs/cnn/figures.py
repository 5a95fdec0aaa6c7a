"""Figures of this lab alone: kernels, what each layer makes of an image, what a network reads in a picture."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from common.plots import GOOD, mosaic, panels, show_image


def plot_filters(weight: Tensor) -> Figure:
    """The kernels (C_out, C_in, H, W) of a convolution, first input channel: red adds, blue subtracts."""
    figure, axes = panels(len(weight), 8, 1.0)
    weight = weight.detach().cpu()
    limit = float(weight[:, 0].abs().max())
    for i, kernel in enumerate(weight[:, 0]):
        axes[i].imshow(kernel.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes[i].set_title(str(i), fontsize=8)
    return figure


def plot_feature_maps(image: Tensor, maps: Mapping[str, Tensor], per_layer: int = 16) -> Figure:
    """One image (C, H, W) and, a row per layer, the first feature maps (C, H, W) it gave rise to.

    Each map is scaled to its own range, from blue (its least value) to yellow (its greatest).
    """
    figure = Figure(figsize=(13, 0.95 * len(maps)), layout="constrained")
    grid = figure.add_gridspec(len(maps), 2, width_ratios=[1, 14])
    axis = figure.add_subplot(grid[0, 0])
    axis.set_axis_off()
    show_image(axis, image)
    axis.set_title("input", fontsize=8)
    for i, (name, channels) in enumerate(maps.items()):
        shown = channels[:per_layer].detach().cpu().float()
        low, high = (f(shown, dim=(1, 2), keepdim=True) for f in (torch.amin, torch.amax))
        shown = (shown - low) / (high - low).clip(min=1e-9)
        axis = figure.add_subplot(grid[i, 1])
        axis.set_axis_off()
        row = mosaic(F.pad(shown[:, None], (1, 1, 0, 0), value=torch.nan), len(shown))[0]
        axis.imshow(row.numpy(), cmap="viridis", interpolation="nearest", aspect="equal")
        axis.set_title(f"{name}  {'×'.join(map(str, channels.shape))}", fontsize=8, loc="left")
    return figure


def plot_readings(read: Sequence[tuple], classes: Sequence[str]) -> Figure:
    """For each (name, picture, what the network saw (1, H, W), probabilities (K,)) the three side by side."""
    figure = Figure(figsize=(9, 2.6 * len(read)), layout="constrained")
    for (name, picture, X, p), row in zip(read, figure.subplots(len(read), 3, squeeze=False), strict=True):
        row[0].imshow(picture, aspect="equal")
        row[0].set_facecolor("#cccccc")  # seen where the picture is transparent
        row[0].set(title=name, xticks=[], yticks=[])
        show_image(row[1], X)
        row[1].set(title="what the network sees", xticks=[], yticks=[])
        best = int(p.argmax())
        row[2].barh(classes, p.tolist(), color=[GOOD if i == best else "#bbbbbb" for i in range(len(classes))])
        row[2].set(title=f"{classes[best]}  {p[best]:.0%}", xlim=(0, 1))
        row[2].invert_yaxis()
    return figure
