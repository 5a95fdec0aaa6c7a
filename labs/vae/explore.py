"""What the notebook draws: one latent's distribution, the decoder under one's hands, what an image's code says."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Normal

from common.runs import Run
from labs.vae.anomaly import detect
from labs.vae.autoencoder import VAE, decode, encode, generate, kl_divergence, reconstruct, traverse
from labs.vae.information import gaussian_kl
from labs.vae.vae import load_run, open_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRIOR, CODE = "grey", "#1b7837"
DRAWS = 9  # noises ε, as evenly spread as N(0, 1) would have them
STEPS = 9  # images along each latent


def draw_gaussian(mu: float, sigma: float) -> tuple["Figure", str]:
    """One latent: q(z|x) = N(μ, σ²) beside the prior N(0, 1), with the KL between; and how noise ε becomes z."""
    from matplotlib.figure import Figure

    z = torch.linspace(-6, 6, 601)
    q, p = Normal(mu, sigma), Normal(0.0, 1.0)
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    left.plot(z, p.log_prob(z).exp(), color=PRIOR, label="prior N(0, 1)")
    left.plot(z, q.log_prob(z).exp(), color=CODE, label="code N(μ, σ²)")
    integrand = q.log_prob(z).exp() * (q.log_prob(z) - p.log_prob(z))
    left.fill_between(z, integrand, color=CODE, alpha=0.25, label="q ln(q/p): its area over all z is the KL")
    left.set(xlabel="z", ylabel="density", ylim=(-0.4, max(1.0, 1.05 * float(integrand.max()))))
    left.legend(fontsize=10, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)

    epsilon = torch.special.ndtri((torch.arange(DRAWS) + 0.5) / DRAWS)
    codes = mu + sigma * epsilon
    right.plot(torch.stack([epsilon, codes]).numpy(), [[1.0] * DRAWS, [0.0] * DRAWS], color=CODE, linewidth=0.8)
    right.plot(epsilon, [1.0] * DRAWS, "o", color=PRIOR)
    right.plot(codes, [0.0] * DRAWS, "o", color=CODE)
    right.set_yticks([1, 0], ["ε ~ N(0, 1)", "z = μ + σε"])
    right.set(xlim=(-6, 6), ylim=(-0.3, 1.3))
    right.grid(axis="x", alpha=0.3)

    kl, wrong = gaussian_kl(mu, sigma)["formula"], gaussian_kl(mu, sigma**2)["formula"]
    return figure, (
        f"KL = ½(σ² + μ² − 1) − ln σ = {kl:.6f} nats\n"
        f"    of which μ: ½μ² = {mu**2 / 2:.6f}, and σ: ½(σ² − 1) − ln σ = {kl - mu**2 / 2:.6f}\n"
        f"σ² taken for σ: {wrong:.6f} (the classic bug)"
    )


def share_beyond(z: Tensor) -> float:
    """The share of codes from the prior N(0, I) that lie at least as far from the origin as z (d,): χ² with d."""
    return float(torch.special.gammaincc(torch.tensor(len(z) / 2), z.square().sum() / 2))


def draw_code(model: VAE, X: Tensor, codes: Tensor, **latents: float) -> tuple["Figure", str]:
    """What the decoder makes of a code, given number by number: z1=…, z2=…, as many as the model has latents.

    Beside it the image of X (N, 1, 28, 28) whose code, of `codes` (N, latent_dim), is nearest, and what each slider
    would do from there: a row of images as one number goes from −3 to 3, marked where it is.
    """
    from matplotlib.figure import Figure

    z = torch.tensor(list(latents.values()))
    distances = (codes - z).norm(dim=1)
    nearest = int(distances.argmin())
    figure = Figure(figsize=(9, 0.5 + 0.65 * len(z)), layout="constrained")
    grid = figure.add_gridspec(len(z), 3, width_ratios=[1, 1, 2.9])
    pictures = {"decoded": decode(model, z[None])[0, 0], "nearest test image": X[nearest, 0]}
    for column, (title, image) in enumerate(pictures.items()):
        axis = figure.add_subplot(grid[:, column])
        axis.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=12)
        axis.set_axis_off()
    for i, (name, value) in enumerate(latents.items()):
        row = traverse(model, z, i, STEPS)[:, 0]
        half = 3 / (STEPS - 1)  # of the distance between two images
        axis = figure.add_subplot(grid[i, 2])
        where = (-3 - half, 3 + half, 0, 2 * half)  # so that the picture's x is the latent's value
        axis.imshow(torch.cat(list(row), dim=1).numpy(), cmap="gray", vmin=0, vmax=1, extent=where)
        axis.axvline(value, color="#fdae61", linewidth=2)
        axis.set_yticks([half], [name], fontsize=12)
        axis.tick_params(length=0, labelbottom=i == len(z) - 1, labelsize=11)
    return figure, (
        f"length of z: {z.norm():.2f}; {share_beyond(z):.1%} of the prior's codes lie further out\n"
        f"distance to the nearest test image's code: {distances[nearest]:.2f}"
    )


def draw_new(model: VAE, seed: int) -> "Figure":
    """Sixty new images, from codes of the prior."""
    from common.plots import plot_mosaic

    return plot_mosaic(generate(model, 60, torch.Generator().manual_seed(seed)), columns=15)


def space_of(model: VAE, run: Run) -> tuple[VAE, Tensor, Tensor]:
    """The model with the run's test images (N, 1, 28, 28) and their codes μ (N, latent_dim), both on the CPU."""
    _, data = open_run(run.path)
    return model, data.test[0], encode(model, data.test[0])[0]


SHEET = 5, 18  # rows and columns of test images to point at


def sheet_of_images(X: Tensor) -> Tensor:
    """The first test images as one picture (1, 5 · 28, 18 · 28)."""
    from common.plots import mosaic

    return mosaic(X[: SHEET[0] * SHEET[1]], SHEET[1])


def draw_image_code(model: VAE, X: Tensor, codes: Tensor, place: tuple[int, int] | None) -> "tuple[Figure, str] | str":
    """The code of the test image at a row and column of the sheet: μ ± σ of each latent beside the prior."""
    from matplotlib.figure import Figure

    if place is None:
        return "point at an image above"
    x = X[place[0] * SHEET[1] + place[1]][None]
    mu, log_sigma = encode(model, x)
    assert log_sigma is not None  # the notebook trains VAEs
    (z, sigma), names = (mu[0], log_sigma[0].exp()), [f"z{i + 1}" for i in range(mu.shape[1])]
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 2.4])
    for axis, title, image in ((left, "test image", x), (middle, "decoded from μ", decode(model, mu))):
        axis.imshow(image[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=12)
        axis.set_axis_off()
    right.axvspan(-1, 1, color=PRIOR, alpha=0.25, label="prior 0 ± 1")
    right.errorbar(z, range(len(z)), xerr=sigma, fmt="o", color=CODE, capsize=4, linewidth=2, label="code μ ± σ")
    right.set(xlim=(-4, 4), ylim=(len(z) - 0.5, -0.5))
    right.set_yticks(range(len(z)), names, fontsize=12)
    right.tick_params(axis="x", labelsize=11)
    right.legend(fontsize=10, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    costs = kl_divergence(mu, log_sigma)[0]
    each = ", ".join(f"{name} {cost:.1f}" for name, cost in zip(names, costs, strict=True))
    return figure, f"KL {costs.sum():.1f} nats: {each}"


def draw_anomalies(model: VAE, run: Run) -> "tuple[Path, str]":
    """The easiest and the hardest test images and turned ones, and how well the error tells the two kinds apart."""
    area = detect(run=run.path)
    return run.path / "figures" / "anomaly_rotated_examples.png", f"AUC {area:.4f}"


def describe_saved(model: VAE, run: Run) -> str:
    """Whether the network that the run has saved draws the same as the one in memory."""
    _, X, _ = space_of(model, run)
    saved = load_run(run.path, model.device).model
    same = torch.equal(reconstruct(saved, X), reconstruct(model, X))
    return f"read from {run.path / 'model.safetensors'}; draws the same to the last bit: {'yes' if same else 'no'}"
