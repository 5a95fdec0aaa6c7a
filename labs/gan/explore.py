"""What the notebook's sliders draw: the generator's losses, the best discriminator there is, a walk between two noises.

The losses are Goodfellow et al.'s (2014, section 3), the best discriminator is their proposition 1.
"""

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal

from common.runs import Run
from labs.gan.gan import generate, generator_loss, interpolate, load_run, noise
from labs.gan.pictures import FAKE, REAL, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TWICE = "#777777"
STEPS = 11  # pictures of a walk

# What the generator may minimise, as a function of D's logit u for its image; D(G(z)) = σ(u).
GENERATOR_LOSSES = {
    "ln(1 − D), saturates": (lambda u: -F.softplus(u), REAL),
    "−ln D, this lab's": (generator_loss, FAKE),
    "−ln σ(D), gan.jl's double σ": (lambda u: generator_loss(u.sigmoid()), TWICE),
}


def loss_and_slope(loss, d: Tensor) -> tuple[Tensor, Tensor]:
    """The loss and its derivative with respect to D's logit where D(G(z)) = d, each of the shape of d (N,)."""
    values, slopes = [], []
    for u in d.logit():
        u = u.clone().requires_grad_()
        value = loss(u)
        value.backward()
        values.append(value.detach())
        slopes.append(u.grad)
    return torch.stack(values), torch.stack(slopes)


def draw_generator_losses(d: float) -> tuple["Figure", str]:
    """Three losses of the generator over D(G(z)), and how hard each pushes; marked where D(G(z)) = d."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    everywhere, lines = torch.linspace(0.005, 0.995, 199), []
    for name, (loss, colour) in GENERATOR_LOSSES.items():
        for axis, curve in zip((left, right), loss_and_slope(loss, everywhere), strict=True):
            axis.plot(everywhere, curve.abs() if axis is right else curve, color=colour, label=name)
        value, slope = loss_and_slope(loss, torch.tensor([d]))
        left.plot([d], [value.item()], "o", color=colour)
        right.plot([d], [slope.abs().item()], "o", color=colour)
        lines.append(f"{name:28}  loss {float(value):7.3f}   gradient {float(slope):7.3f}")
    left.set(xlabel="D(G(z))", ylabel="loss", title="what G minimises", ylim=(-5, 5))
    right.set(xlabel="D(G(z))", ylabel="|derivative by D's logit|", title="how hard it pushes", ylim=(-0.03, 1.05))
    left.legend(fontsize=10, loc="lower left")
    for axis in (left, right):
        axis.axvline(d, color="black", linestyle=":", linewidth=1)
        axis.grid(alpha=0.3)
    return figure, "\n".join(lines)


def best_discriminator(mean: float, std: float, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For real data N(0, 1) and fakes N(mean, std²): both densities at places x, and the logit of D* = p/(p + q)."""
    log_p, log_q = Normal(0.0, 1.0).log_prob(x), Normal(mean, std).log_prob(x)
    return log_p.exp(), log_q.exp(), log_p - log_q


def draw_best_discriminator(mean: float, std: float) -> tuple["Figure", str]:
    """Real data N(0, 1), fakes N(mean, std²), the discriminator that no other can beat, and what it reaches."""
    from matplotlib.figure import Figure

    x = torch.linspace(-15, 15, 6001, dtype=torch.float64)
    p, q, logit = best_discriminator(mean, std, x)
    # L_D = E_p[-ln D] + E_q[-ln(1 - D)] = ln 4 - 2 JS(p, q): what is not ln 4 is the distance of the two
    loss = float(torch.trapezoid(p * F.softplus(-logit) + q * F.softplus(logit), x))
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.fill_between(x, p, color=REAL, alpha=0.3, label="real data N(0, 1)")
    axis.fill_between(x, q, color=FAKE, alpha=0.3, label="fakes")
    axis.plot(x, logit.sigmoid(), color="black", label="D*(x) = p/(p + q)")
    axis.axhline(0.5, color="grey", linestyle=":")
    axis.set(xlim=(-6, 6), ylim=(0, 1.3), xlabel="x", ylabel="D*; densities")
    axis.legend(fontsize=10, loc="upper left", ncols=3)
    return figure, (
        f"L_D of this discriminator: {loss:.4f}; ln 4 = {math.log(4):.4f}\n"
        f"Jensen–Shannon divergence of real and fake: (ln 4 − L_D)/2 = {max(0.0, (math.log(4) - loss) / 2):.4f} nats, "
        f"at most ln 2 = {math.log(2):.4f}"
    )


def draw_walk(generator: nn.Module, latent_dim: int, start: int, end: int, t: float) -> tuple["Figure", str]:
    """From the noise of one seed (t = 0) to another's (t = 1): on the arc between the two, and on the straight line."""
    from matplotlib.figure import Figure

    a, b = noise(1, latent_dim, seed=start), noise(1, latent_dim, seed=end)
    fine = torch.linspace(0, 1, 101)[:, None]
    paths = {"arc": interpolate(a, b, steps=101), "straight line": torch.lerp(a, b, fine)}
    here = round(100 * t)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 6])
    for row, (name, path) in enumerate(paths.items()):
        axis = figure.add_subplot(grid[row, 0])
        axis.imshow(generate(generator, path[here : here + 1])[0, 0].cpu().numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set_axis_off()
        axis.set_title(name, fontsize=12)
        axis = figure.add_subplot(grid[row, 1])
        half = 0.5 / (STEPS - 1)
        picture = sheet(generate(generator, path[:: 100 // (STEPS - 1)]), STEPS)
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(-half, 1 + half, 0, 2 * half))
        axis.axvline(t, color="#fdae61", linewidth=2)
        axis.set_yticks([])
        axis.tick_params(labelbottom=bool(row), labelsize=11)
    axis.set_xlabel("t", fontsize=12)
    lengths = {name: float(path[here].norm()) for name, path in paths.items()}
    return figure, (
        f"lengths of the two noises {a.norm():.2f} and {b.norm():.2f}; at t = {t:.2f} "
        + ", ".join(f"{name} {length:.2f}" for name, length in lengths.items())
        + f"; √{latent_dim} = {latent_dim**0.5:.2f}"
    )


def describe_saved(networks: nn.ModuleDict, run: Run) -> str:
    """Whether the generator that the run has saved draws the same as the one in memory."""
    saved = load_run(run.path, next(networks.parameters()).device)
    z = noise(16, saved.settings.latent_dim, seed=1)
    same = torch.equal(*(generate(of["generator"], z) for of in (networks, saved.model)))
    return f"read from {run.path / 'model.safetensors'}; draws the same to the last bit: {'yes' if same else 'no'}"
