"""The loss around a network's weights: a plane through them, its losses, how rough it is, and its figures.

After Li et al. 2018, "Visualizing the loss landscape of neural nets".
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from tqdm import tqdm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIGHEST = 1e3  # nats: losses beyond are drawn as this
NONCONVEX = 0.1  # of the larger curvature: a downward one beyond it counts


def random_direction(network: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """A random direction in the space of the weights, filter by filter as long as the network's (section 4).

    d_ij ← d_ij · ‖θ_ij‖ / ‖d_ij‖ for filter j of layer i, so that a network with large weights, which a step of a given
    length changes less, is looked at on the same scale as one with small ones. A row of a matrix counts as a filter.
    Biases and BatchNorm's parameters stay as they are: their part is 0.
    """
    direction = {}
    for name, weight in network.named_parameters():
        drawn = torch.randn(weight.shape, generator=generator).to(weight.device)  # on the CPU: the same everywhere
        if weight.ndim < 2:
            direction[name] = torch.zeros_like(weight)
        else:
            lengths = (filters.flatten(1).norm(dim=1) for filters in (weight.detach(), drawn))
            ratio = torch.div(*lengths).view(-1, *[1] * (weight.ndim - 1))
            direction[name] = drawn * ratio
    return direction


@torch.inference_mode()
def loss_surface(
    network: nn.Module,
    batch: tuple[Tensor, Tensor],
    directions: tuple[dict[str, Tensor], dict[str, Tensor]],
    steps: Tensor,
    bar: tqdm | None = None,
) -> Tensor:
    """Mean loss in nats at weights θ + a·δ + b·η, a along a row, b from row to row, of `steps` (S,): (S, S).

    BatchNorm uses its running statistics, as in predicting. What is no number (an overflow) is inf.
    """
    X, y = batch
    network.eval()
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    losses = torch.empty(len(steps), len(steps))
    for i, b in enumerate(steps.tolist()):
        for j, a in enumerate(steps.tolist()):
            moved = {name: w + a * directions[0][name] + b * directions[1][name] for name, w in weights.items()}
            losses[i, j] = F.cross_entropy(functional_call(network, moved, (X,)), y)
            if bar is not None:
                bar.update()
    return losses.nan_to_num(nan=math.inf, posinf=math.inf)


def roughness(losses: Tensor) -> dict[str, float]:
    """What a surface (S, S) looks like, in numbers.

    basin       share of the plane whose loss is below 1 nat: there the network still works (guessing: ln 10 = 2.3)
    minima      places lower than their eight neighbours
    nonconvex   share of the plane where the surface bends downwards in some direction: the Hessian's smaller eigenvalue
                is negative and more than a tenth of the larger one (the paper draws their ratio). Losses beyond HIGHEST
                count as flat
    """
    z = losses.clamp(max=HIGHEST)
    inner = z[1:-1, 1:-1]

    def beside(i: int, j: int) -> Tensor:
        """The neighbours of the inner places, i rows below and j columns to the right."""
        return z[1 + i : len(z) - 1 + i, 1 + j : len(z) - 1 + j]

    around = torch.stack([beside(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j])
    xx = beside(0, 1) + beside(0, -1) - 2 * inner  # second differences, in units of the grid
    yy = beside(1, 0) + beside(-1, 0) - 2 * inner
    xy = (beside(1, 1) + beside(-1, -1) - beside(1, -1) - beside(-1, 1)) / 4
    least, most = torch.linalg.eigvalsh(torch.stack([xx, xy, xy, yy], dim=-1).unflatten(-1, (2, 2))).unbind(-1)
    return {
        "basin": float((losses < 1).float().mean()),
        "minima": int((inner < around.amin(dim=0)).sum()),
        "nonconvex": float((-least > NONCONVEX * most.abs()).float().mean()),
    }


def plot_training(history: Sequence[Mapping[str, float]], names: Mapping[str, str]) -> "Figure":
    """Loss and accuracy over the epochs, all networks on the same axes; `names` is metric's ending → title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axes = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for axis, metric, label in zip(axes, ("loss", "accuracy"), ("loss in nats", "accuracy"), strict=True):
        for colour, marker, (ending, title) in zip(("tab:blue", "tab:red"), "os", names.items(), strict=True):
            for part, line, size in (("train", "--", 0), ("test", "-", 4)):
                values = [row[f"{part}_{metric}_{ending}"] for row in history]
                kws = {"color": colour, "linestyle": line, "marker": marker, "markersize": size}
                axis.plot(epochs, values, label=f"{title}, {'training' if part == 'train' else 'test'}", **kws)
        axis.set(xlabel="epoch", ylabel=label)
        axis.set_ylim(0, None)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def plot_contours(surfaces: Mapping[str, Tensor], radius: float) -> "Figure":
    """Surfaces (S, S) by their titles, from above, contours at the same losses, evenly spaced in their logarithm."""
    import numpy as np
    from matplotlib.figure import Figure

    low = max(1e-3, min(float(losses.min()) for losses in surfaces.values()))
    levels = 10 ** np.linspace(math.floor(math.log10(low)), math.log10(HIGHEST), 31)
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    axes = figure.subplots(1, len(surfaces), sharey=True)
    for axis, (name, losses) in zip(axes, surfaces.items(), strict=True):
        steps = np.linspace(-radius, radius, len(losses))
        z = losses.numpy().clip(levels[0], levels[-1])
        filled = axis.contourf(steps, steps, z, levels, norm="log", cmap="viridis")
        axis.contour(steps, steps, z, levels, colors="black", linewidths=0.4)
        axis.plot(0, 0, marker="+", color="red", markersize=10)
        axis.set(title=name, xlabel="first direction", aspect="equal")
        axis.locator_params(nbins=5)
    axes[0].set_ylabel("second direction")
    bar = figure.colorbar(filled, ax=axes, label="loss in nats", ticks=10.0 ** np.arange(-3, 4))
    bar.ax.set_yscale("log")
    bar.ax.yaxis.set_major_formatter("{x:g}")
    return figure


def plot_surfaces(surfaces: Mapping[str, Tensor], radius: float) -> "Figure":
    """Surfaces (S, S) by their titles, from aside, the height the logarithm of the loss, on the same scale."""
    import numpy as np
    from matplotlib.figure import Figure

    heights = {name: losses.numpy().clip(1e-3, HIGHEST) for name, losses in surfaces.items()}
    low = min(z.min() for z in heights.values())
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    figure.suptitle("height: log₁₀ of the loss in nats", fontsize=12)
    for i, (name, z) in enumerate(heights.items(), 1):
        axis = figure.add_subplot(1, len(heights), i, projection="3d")
        a, b = np.meshgrid(*[np.linspace(-radius, radius, len(z))] * 2)
        limits = math.log10(low), math.log10(HIGHEST)
        kws = {"cmap": "viridis", "vmin": limits[0], "vmax": limits[1], "edgecolor": "black", "linewidth": 0.15}
        axis.plot_surface(a, b, np.log10(z), rstride=1, cstride=1, **kws)
        axis.set(title=name, zlim=limits, xlabel="first direction", ylabel="second direction")
        axis.locator_params(axis="z", nbins=5)
        axis.set(xticks=[-radius, 0, radius], yticks=[-radius, 0, radius])
        axis.view_init(elev=35, azim=-60)
    return figure
