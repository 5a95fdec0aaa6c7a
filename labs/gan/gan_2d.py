"""The exam's two-dimensional GAN (January 2026, Task 1): can the generator find both of two clusters?

`python -m labs.gan.gan_2d` trains it and draws where the generated points lie and what the discriminator says about
every place. The exam's 100 steps hardly move it (--steps 100 shows that); the default goes on for longer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from common import cli
from common.device import seed_everything
from common.optimizers import make_optimizer
from common.settings import Count, Positive, Range, Role, Seed, Settings

CENTRES = torch.tensor([[2.0, 2.0], [-2.0, -2.0]])
SPREAD = 0.5  # standard deviation of each cluster (the exam does not say)
EPS = 1e-8  # keeps the logarithm of 0 away


@dataclass(frozen=True)
class HyperParams(Settings):
    """Train the exam's GAN on points around (2, 2) and (−2, −2)."""

    steps: Count = 5000  # updates of each network; the exam's: 100
    batch_size: Annotated[int, Range(1, 100_000)] = 32  # points per update
    lr: Positive = 2e-4  # the generator's learning rate (η)
    discriminator_lr: Positive = 1e-4  # the discriminator's
    seed: Seed = 0  # fixes every random draw
    out: Annotated[Path, Role.PLACE] = Path("runs/gan_2d")  # folder for the figures


def real_data(n: int) -> Tensor:
    """n points (n, 2), each from one of the two clusters, by the toss of a coin."""
    return CENTRES[torch.randint(2, (n,))] + SPREAD * torch.randn(n, 2)


def build_model() -> nn.ModuleDict:
    """generator: noise (N, 2) → points (N, 2), 82 parameters. discriminator: points → probability (N, 1), 65."""
    return nn.ModuleDict(
        {
            "generator": nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2)),
            # A sigmoid in the model, as the exam has it, and therefore plain logarithms in the losses.
            "discriminator": nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid()),
        }
    )


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−ln D(x) − ln(1 − D(G(z))) of probabilities: 2 ln 2 = 1.3863 at equilibrium, where D says ½ everywhere."""
    return -(real + EPS).log().mean() - (1 - fake + EPS).log().mean()


def generator_loss(fake: Tensor) -> Tensor:
    """−ln D(G(z)): ln 2 = 0.6931 at equilibrium."""
    return -(fake + EPS).log().mean()


def modes_covered(points: Tensor) -> int:
    """How many of the two clusters have at least a tenth of the points within three standard deviations."""
    near = torch.cdist(points, CENTRES) < 3 * SPREAD
    return int((near.float().mean(dim=0) >= 0.1).sum())


def train(**kws: Any) -> tuple[nn.ModuleDict, list[dict[str, float]]]:
    """Train, write the figures, and return the networks and the losses step by step."""
    args = HyperParams.of(**kws)
    seed_everything(args.seed)
    model = build_model()
    generator, discriminator = model["generator"], model["discriminator"]
    g_optimizer = make_optimizer("adam", generator.parameters(), args.lr)
    d_optimizer = make_optimizer("adam", discriminator.parameters(), args.discriminator_lr)
    z = torch.randn(500, 2)  # the same noise in every picture
    X = real_data(500)
    history, frames = [], []
    for step in range(args.steps + 1):
        if step % max(1, args.steps // 40) == 0:
            frames.append((step, *look(model, z)))
        if step == args.steps:
            break
        # 1. The discriminator. Detached: the generator's weights get no gradient here.
        fake = generator(torch.randn(args.batch_size, 2)).detach()
        d_loss = discriminator_loss(discriminator(real_data(args.batch_size)), discriminator(fake))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        # 2. The generator, with fresh noise, as the exam has it.
        g_loss = generator_loss(discriminator(generator(torch.randn(args.batch_size, 2))))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        history.append({"step": step + 1, "discriminator_loss": d_loss.item(), "generator_loss": g_loss.item()})
    save_figures(args.out, frames, X, history)
    last = history[-100:]
    losses = {name: sum(row[name] for row in last) / len(last) for name in ("discriminator_loss", "generator_loss")}
    print(
        f"{modes_covered(frames[-1][1])} of 2 clusters covered after {args.steps} steps; over the last {len(last)} of "
        f"them discriminator loss {losses['discriminator_loss']:.3f} (equilibrium 1.386), "
        f"generator loss {losses['generator_loss']:.3f} (equilibrium 0.693)"
    )
    print(args.out)
    return model, history


def grid() -> Tensor:
    """The places (61 · 61, 2) at which the discriminator is asked for the picture."""
    axis = torch.linspace(-4, 4, 61)
    return torch.cartesian_prod(axis, axis)[:, [1, 0]]


@torch.inference_mode()
def look(model: nn.ModuleDict, z: Tensor) -> tuple[Tensor, Tensor]:
    """The generated points, and D over the plane (61, 61)."""
    return model["generator"](z), model["discriminator"](grid()).view(61, 61)


def save_figures(folder: Path, frames: list[tuple[int, Tensor, Tensor]], X: Tensor, history: list[dict]) -> None:
    """training.gif, snapshots.png and losses.png."""
    from matplotlib.figure import Figure

    from common import animation
    from labs.gan import pictures

    def panel(axis: Any, step: int, points: Tensor, surface: Tensor) -> Any:
        image = axis.imshow(
            surface.numpy(),
            **{"origin": "lower", "extent": (-4, 4, -4, 4), "interpolation": "bilinear"},
            **{"cmap": "RdBu", "vmin": 0, "vmax": 1, "alpha": 0.7},
        )
        axis.scatter(*X.T.numpy(), s=12, color="black", alpha=0.4, linewidths=0, label="real")
        axis.scatter(*points.T.numpy(), s=18, color="#e66101", marker="^", linewidths=0, label="generated")
        axis.set(xlim=(-4, 4), ylim=(-4, 4))
        axis.set_title(f"step {step}", loc="right", fontsize=13)
        axis.set_xlabel("x₁", fontsize=12)
        axis.set_ylabel("x₂", fontsize=12)
        axis.label_outer()
        axis.tick_params(labelsize=11)
        return image

    def page(step: int, points: Tensor, surface: Tensor) -> Figure:
        figure = Figure(figsize=(5, 4.4), layout="constrained")
        axis = figure.subplots()
        figure.colorbar(panel(axis, step, points, surface), label="D: probability of being real")
        pictures.legend_above(axis)
        return figure

    animation.write_gif([animation.as_image(page(*frame)) for frame in frames], folder / "training.gif", 200)

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    chosen = [frames[round(i * (len(frames) - 1) / 5)] for i in range(6)]
    for axis, frame in zip(axes.flat, chosen, strict=True):
        image = panel(axis, *frame)
    pictures.legend_above(axes[0, 0], columns=1)
    figure.colorbar(image, ax=axes, shrink=0.8).set_label("D: probability of being real", fontsize=12)
    animation.write_picture(animation.as_image(figure), folder / "snapshots.png")

    figure = Figure(figsize=(7, 4), layout="constrained")
    pictures.draw_losses(figure.subplots(), history)
    animation.write_picture(animation.as_image(figure), folder / "losses.png")


def main() -> None:
    """The command `python -m labs.gan.gan_2d`."""
    cli.run(train, HyperParams)


if __name__ == "__main__":
    main()
