"""The latent space: where the digits lie in it, and what the decoder draws along a path or over a plane.

`python -m labs.vae.latent --run DIR` draws its figures anew for a trained model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from common import cli
from common.errors import InputError
from labs.vae.sample import interpolate, open_run
from labs.vae.vae import VAE, decode, encode, kl_divergence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 5000  # codes in the scatter: more hide one another


@dataclass(frozen=True)
class Request:
    """Draw the latent space of a trained model: codes of the test images, the plane, paths between digits."""

    run: cli.OptionalPath = None  # the run directory whose model is looked at; none: the newest
    data_dir: cli.OptionalPath = None  # where data sets lie; none: where they lay in training
    side: int = 20  # images along each side of the plane's grid
    steps: int = 10  # images along each path between two digits

    def __post_init__(self) -> None:
        for name in ("side", "steps"):
            if getattr(self, name) < 2:
                raise InputError(f"--{name} is {getattr(self, name)}; it must be at least 2")


def principal_components(codes: Tensor) -> tuple[Tensor, Tensor]:
    """The two directions in which `codes` (N, d ≥ 2) vary most: coordinates (N, 2), shares of the variance (2,)."""
    centred = codes - codes.mean(dim=0)
    _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
    variance = singular.square()
    return centred @ directions[:2].T, (variance / variance.sum())[:2]


def manifold(model: VAE, side: int) -> Tensor:
    """side² images over the plane of a two-dimensional latent space, first row on top: (side², 1, 28, 28).

    Evenly spaced in probability under the prior (Kingma & Welling 2014, fig. 4), not in z.
    """
    z = torch.special.ndtri(torch.linspace(0.5 / side, 1 - 0.5 / side, side))
    plane = torch.cartesian_prod(z.flip(0), z).flip(1)  # z2 falls from row to row, z1 grows along the row
    return decode(model, plane.to(model.encoder.mu.weight.device))


def traverse(model: VAE, start: Tensor, dimension: int, steps: int) -> Tensor:
    """Images (steps, 1, 28, 28) as one number of the code `start` goes from −3 to 3, the others kept."""
    codes = start.repeat(steps, 1)
    codes[:, dimension] = torch.linspace(-3, 3, steps, device=start.device)
    return decode(model, codes)


def plot_codes(codes: Tensor, y: Tensor, classes: Sequence[str]) -> "Figure":
    """Codes (N, d) as points coloured by class: as they are for d = 2, by principal components beyond."""
    from matplotlib.figure import Figure

    names = ["z₁", "z₂"]
    if codes.shape[1] == 1:
        codes, names = torch.cat([codes, y[:, None].to(codes)], dim=1), ["z", "class"]
    elif codes.shape[1] > 2:
        codes, shares = principal_components(codes)
        names = [f"principal component {i} ({share:.0%} of the variance)" for i, share in enumerate(shares, 1)]
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    axis = figure.subplots()
    points = codes[:SHOWN].cpu().numpy()
    drawn = axis.scatter(points[:, 0], points[:, 1], c=y[:SHOWN].cpu(), cmap="tab10", vmin=-0.5, vmax=9.5, s=5)
    bar = figure.colorbar(drawn, ticks=range(len(classes)), shrink=0.8)
    bar.set_ticklabels(classes)
    axis.set(xlabel=names[0], ylabel=names[1], title=f"codes μ of {len(points)} test images", aspect="equal")
    if names[1] == "class":
        axis.set_aspect("auto")
    axis.grid(alpha=0.3)
    return figure


def plot_kl(kl: Tensor) -> "Figure":
    """KL in nats of each latent, largest first: how much of the image each one carries. `kl` is (latent_dim,)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(4, 0.35 * len(kl) + 1.5), 3.2), layout="constrained")
    axis = figure.subplots()
    order = kl.argsort(descending=True)
    axis.bar([f"z{i + 1}" for i in order.tolist()], kl[order].cpu().numpy(), color="#4477aa")
    axis.tick_params(axis="x", labelsize=8, rotation=90 if len(kl) > 10 else 0)
    axis.set(ylabel="KL (nats)", title=f"{int((kl > 0.1).sum())} of {len(kl)} latents carry more than 0.1 nats")
    return figure


def draw_figures(
    model: VAE, X: Tensor, y: Tensor, classes: Sequence[str], *, side: int = 20, steps: int = 10
) -> dict[str, "Figure"]:
    """The figures of a latent space by name, for test images X with labels y; README.md says what to look for."""
    from common import plots

    mu, log_sigma = encode(model, X)
    figures = {"latent_codes": plot_codes(mu, y, classes)}
    first = {int(label): mu[(y == label).nonzero()[0, 0]] for label in y.unique()}
    labels = list(first)
    pairs = list(zip(labels[::2], labels[1::2], strict=False))
    paths = {f"{classes[a]} → {classes[b]}": interpolate(model, first[a], first[b], steps) for a, b in pairs}
    figures["interpolation"] = plots.plot_rows(paths)
    if log_sigma is None:
        return figures
    kl = kl_divergence(mu, log_sigma).mean(dim=0)
    figures["latent_kl"] = plot_kl(kl)
    if mu.shape[1] == 2:
        title = "the plane: z₁ to the right, z₂ upwards, even steps in probability"
        figures["manifold"] = plots.plot_mosaic(manifold(model, side), side, title)
    else:
        strongest = kl.argsort(descending=True)[:8].tolist()
        start = first[labels[0]]
        rows = {f"z{i + 1} ({kl[i]:.1f} nats)": traverse(model, start, i, steps) for i in strongest}
        figures["traversal"] = plots.plot_rows(rows)
    return figures


def draw(run: Path | None = None, data_dir: Path | None = None, side: int = 20, steps: int = 10) -> None:
    """Draw the figures into the run's figures/ and print their paths."""
    from common.plots import write_figure

    run, model, _, data = open_run(run, data_dir)
    X, y = data.test
    for name, figure in draw_figures(model, X, y, data.images.classes, side=side, steps=steps).items():
        print(write_figure(run / "figures" / f"{name}.png", figure))


def main() -> None:
    """The command `python -m labs.vae.latent`."""
    cli.run(draw, Request)


if __name__ == "__main__":
    main()
