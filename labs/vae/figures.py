"""The figures of a run. README.md says what to look for in each."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from common import plots
from labs.vae.autoencoder import VAE, encode, interpolate, kl_divergence, manifold, traverse

SHOWN = 5000  # codes in the scatter: more hide one another


def plot_history(history: Sequence[Mapping[str, float]]) -> Figure:
    """The terms of the loss over the epochs."""
    figure = plots.plot_curves([{k: v for k, v in row.items() if k != "test_mse"} for row in history])
    for axis in figure.axes:
        axis.set_ylabel(f"{axis.get_ylabel()} (nats per image)".replace("elbo", "ELBO").replace("kl", "KL"))
    return figure


def principal_components(codes: Tensor) -> tuple[Tensor, Tensor]:
    """The two directions in which `codes` (N, d ≥ 2) vary most: coordinates (N, 2), shares of the variance (2,)."""
    centred = codes - codes.mean(dim=0)
    _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
    variance = singular.square()
    return centred @ directions[:2].T, (variance / variance.sum())[:2]


def plot_codes(codes: Tensor, y: Tensor, classes: Sequence[str]) -> Figure:
    """Codes (N, d) as points coloured by class: as they are for d = 2, by principal components beyond."""
    names = ["z₁", "z₂"]
    if codes.shape[1] == 1:
        codes, names = torch.cat([codes, y[:, None].to(codes)], dim=1), ["z", "class"]
    elif codes.shape[1] > 2:
        codes, shares = principal_components(codes)
        names = [f"principal component {i} ({share:.0%} of the variance)" for i, share in enumerate(shares, 1)]
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    axis = figure.subplots()
    points = codes[:SHOWN].numpy()
    drawn = axis.scatter(points[:, 0], points[:, 1], c=y[:SHOWN].numpy(), cmap="tab10", vmin=-0.5, vmax=9.5, s=5)
    bar = figure.colorbar(drawn, ticks=range(len(classes)), shrink=0.8)
    bar.set_ticklabels(classes)
    axis.set(xlabel=names[0], ylabel=names[1], title=f"codes μ of {len(points)} test images", aspect="equal")
    if names[1] == "class":
        axis.set_aspect("auto")
    axis.grid(alpha=0.3)
    return figure


def plot_kl(kl: Tensor) -> Figure:
    """KL in nats of each latent, largest first: how much of the image each one carries. `kl` is (latent_dim,)."""
    figure = Figure(figsize=(max(4, 0.35 * len(kl) + 1.5), 3.2), layout="constrained")
    axis = figure.subplots()
    order = kl.argsort(descending=True)
    axis.bar([f"z{i + 1}" for i in order.tolist()], kl[order].numpy(), color="#4477aa")
    axis.tick_params(axis="x", labelsize=8, rotation=90 if len(kl) > 10 else 0)
    axis.set(ylabel="KL (nats)", title=f"{int((kl > 0.1).sum())} of {len(kl)} latents carry more than 0.1 nats")
    return figure


def plot_latent_space(
    model: VAE, X: Tensor, y: Tensor, classes: Sequence[str], *, side: int = 20, steps: int = 10
) -> dict[str, Figure]:
    """The figures of a latent space by name, for test images X with labels y; README.md says what to look for.

    side, steps   images along each side of the plane, and along each path
    """
    (mu, log_sigma), y = encode(model, X), y.cpu()
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
