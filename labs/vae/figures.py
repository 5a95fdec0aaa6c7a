"""The figures of a run. README.md says what to look for in each."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from common import plots
from labs.vae.autoencoder import VAE, encode, interpolate, kl_divergence, manifold, traverse

SHOWN = 5000  # codes in the scatter: more hide one another
USED = 0.1  # nats: a latent that carries less says nothing
MARKERS = "osvD^PpX<>"  # of the classes


def plot_history(history: Sequence[Mapping[str, float]]) -> Figure:
    """The terms of the loss over the epochs."""
    figure = plots.plot_curves([{k: v for k, v in row.items() if k != "test_mse"} for row in history])
    figure.set_size_inches(3.4 * len(figure.axes), 3.4)
    for axis in figure.axes:
        axis.set_title(axis.get_ylabel().replace("negative elbo", "−ELBO").replace("kl", "KL"), fontsize=13)
        axis.set_ylabel("nats per image", fontsize=12)
    return figure


def principal_components(codes: Tensor) -> tuple[Tensor, Tensor]:
    """The two directions in which `codes` (N, d ≥ 2) vary most: coordinates (N, 2), shares of the variance (2,)."""
    centred = codes - codes.mean(dim=0)
    _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
    variance = singular.square()
    return centred @ directions[:2].T, (variance / variance.sum())[:2]


def plot_codes(codes: Tensor, y: Tensor, classes: Sequence[str]) -> Figure:
    """Codes (N, d) as points coloured by class: as they are for d = 2, by principal components beyond.

    Each class's name stands among its points, so that they can be told without the colours.
    """
    names = ["z₁", "z₂"]
    if codes.shape[1] == 1:
        codes, names = torch.cat([codes, y[:, None].to(codes)], dim=1), ["z", "class"]
    elif codes.shape[1] > 2:
        codes, shares = principal_components(codes)
        names = [f"principal component {i} ({share:.0%} of the variance)" for i, share in enumerate(shares, 1)]
    points, y = codes[:SHOWN], y[:SHOWN]
    figure = Figure(figsize=(7, 5.6), layout="constrained")
    axis = figure.subplots()
    size = min(25, max(7, 9000 / len(points)))  # few points are drawn large
    places = torch.empty(0, 2)  # of the names
    for label, name in enumerate(classes):
        own = points[y == label]
        if not len(own):
            continue
        x, y_ = own.T.numpy()
        marker = MARKERS[label % len(MARKERS)]
        axis.scatter(x, y_, color=f"C{label}", s=size, marker=marker, linewidths=0, label=plots.plain(name))
        # The name stands in the middle; if another is near, as far from it as the middle half of the points allows.
        nearest = own[(own - own.median(dim=0).values).norm(dim=1).argsort()[: 1 + len(own) // 2]]
        far = torch.cdist(nearest, places).amin(dim=1) if len(places) else torch.full((len(nearest),), torch.inf)
        place = nearest[0] if far[0] > float(points.std()) / 4 else nearest[far.argmax()]
        places = torch.cat([places, place[None]])
        middle = place.tolist()
        written = axis.text(
            middle[0], middle[1], plots.plain(name), fontsize=17, weight="bold", ha="center", va="center"
        )
        written.set_path_effects([withStroke(linewidth=4, foreground="white")])
    axis.margins(0.02)
    axis.set_xlabel(names[0], fontsize=12)
    axis.set_ylabel(names[1], fontsize=12)
    axis.set_title(f"codes μ of {len(points)} test images", fontsize=12)
    if names[1] != "class":
        axis.set_aspect("equal", adjustable="datalim")
    axis.tick_params(labelsize=11)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right center", markerscale=6 / size**0.5, fontsize=11, title="class")
    return figure


def plot_kl(kl: Tensor) -> Figure:
    """KL in nats of each latent, largest first: how much of the image each one carries. `kl` is (latent_dim,)."""
    figure = Figure(figsize=(max(4, 0.35 * len(kl) + 1.5), 3.2), layout="constrained")
    axis = figure.subplots()
    order = kl.argsort(descending=True)
    axis.bar([f"z{i + 1}" for i in order.tolist()], kl[order].numpy(), color="#4477aa")
    axis.axhline(USED, color="black", linestyle=":", linewidth=1)
    axis.tick_params(labelsize=10)
    axis.tick_params(axis="x", rotation=90 if len(kl) > 10 else 0)
    axis.set_ylabel("KL (nats per image)", fontsize=11)
    axis.set_title(f"{int((kl > USED).sum())} of {len(kl)} latents carry more than {USED} nats", fontsize=11)
    return figure


def plot_manifold(images: Tensor, side: int) -> Figure:
    """The side² images of `manifold`, with the values of z on the axes: dense in the middle, where the prior is."""
    figure = Figure(figsize=(5.6, 6), layout="constrained")
    axis = figure.subplots()
    plots.show_image(axis, plots.mosaic(images, side), vmin=0, vmax=1, extent=(0, 1, 0, 1))
    values = [-2, -1, -0.5, 0, 0.5, 1, 2]
    places = torch.special.ndtr(torch.tensor(values)).tolist()  # even steps in probability
    names = [f"{z:g}".replace("-", "−") for z in values]
    axis.set_xticks(places, names, fontsize=11)
    axis.set_yticks(places, names, fontsize=11)
    axis.set_xlabel("z₁", fontsize=13)
    axis.set_ylabel("z₂", fontsize=13)
    axis.set_title("what the decoder draws over the plane,\nin even steps of probability", fontsize=12)
    return figure


def plot_traversals(rows: Mapping[str, Tensor]) -> Figure:
    """Named rows of images: in each, one latent goes from −3 to 3."""
    figure = plots.plot_rows(rows)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.5)  # for the values
    (axis,) = figure.axes
    steps = max(map(len, rows.values()))
    left, right = axis.get_xlim()
    places = [left + (i + 0.5) * (right - left) / steps for i in range(steps)]
    axis.set_xticks(places, [f"{z:.1f}".replace("-", "−") for z in torch.linspace(-3, 3, steps).tolist()])
    axis.tick_params(labelsize=10)
    axis.set_xlabel("value of that latent; the others stay as they are", fontsize=11)
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
        figures["manifold"] = plot_manifold(manifold(model, side), side)
    else:
        strongest = kl.argsort(descending=True)[:8].tolist()
        start = first[labels[0]]
        rows = {f"z{i + 1} ({kl[i]:.1f} nats)": traverse(model, start, i, steps) for i in strongest}
        figures["traversal"] = plot_traversals(rows)
    return figures
