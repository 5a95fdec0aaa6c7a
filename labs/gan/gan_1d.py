"""The slides' one-dimensional GAN: every question worked out, then the game played to its end.

Real data {2, 3, 4}; G(z) = 2z + 1; D(x) = σ(wx + b) with w = 0.5, b = −1. `python -m labs.gan.gan_1d` prints the
slide's answers beside the exact ones, trains the two and draws how they chase one another.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli
from common.device import seed_everything
from common.optimizers import make_optimizer
from common.settings import Count, Positive, Range, Role, Seed, Settings

REAL = torch.tensor([[2.0], [3.0], [4.0]])
Units = Annotated[int, Range(0, 10_000)]


@dataclass(frozen=True)
class HyperParams(Settings):
    """Work out the slides' one-dimensional GAN and train it."""

    steps: Count = 2000  # updates of each network
    lr: Positive = 0.05  # learning rate (η) of both, plain gradient descent
    hidden: Units = 0  # 0: the slide's linear discriminator; N: one with a hidden layer of N, which sees the spread too
    seed: Seed = 0  # fixes every random draw
    out: Annotated[Path, Role.PLACE] = Path("runs/gan_1d")  # folder for the figures


def build_model(hidden: int = 0) -> nn.ModuleDict:
    """generator: z (N, 1) → x (N, 1); discriminator: x → logits (N, 1). Weights as on the slide."""
    model = nn.ModuleDict({"generator": nn.Linear(1, 1), "discriminator": nn.Linear(1, 1)})
    with torch.no_grad():
        for name, weight, bias in (("generator", 2.0, 1.0), ("discriminator", 0.5, -1.0)):
            model[name].get_parameter("weight").fill_(weight)
            model[name].get_parameter("bias").fill_(bias)
    if hidden:
        model["discriminator"] = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    return model


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """−ln D(x) − ln(1 − D(G(z))), mean over the batch. −ln σ(u) = softplus(−u)."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """−ln D(G(z)), mean over the batch."""
    return F.softplus(-fake_logits).mean()


@dataclass(frozen=True)
class Answer:
    """A question of the slide: what the slide says (None: only a direction), and the exact value."""

    question: str
    slide: float | None
    exact: float


def answers() -> list[Answer]:
    """The slide's questions, answered by the networks and by autograd."""
    model = build_model()
    generator, discriminator = model["generator"], model["discriminator"]
    x, fake = torch.tensor([[3.0]]), generator(torch.tensor([[0.0], [1.0]])).detach()
    real_logit, fake_logits = discriminator(x), discriminator(fake)
    # The slide's discriminator sees 3 as real and G(0) = 1 as fake; its generator has made G(1) = 3.
    real_part, fake_part = F.softplus(-real_logit).sum(), F.softplus(fake_logits[0]).sum()

    def gradient(loss: Tensor, of: str) -> float:
        return torch.autograd.grad(loss, discriminator.get_parameter(of), retain_graph=True)[0].item()

    return [
        Answer("G(0)", 1, fake[0].item()),
        Answer("G(1)", 3, fake[1].item()),
        Answer("D(3) = σ(0.5)", 0.62, real_logit.sigmoid().item()),
        Answer("D(G(0)) = σ(−0.5)", 0.38, fake_logits[0].sigmoid().item()),
        Answer("L_D = −ln D(3) − ln(1 − D(G(0)))", 0.96, (real_part + fake_part).item()),
        Answer("L_G = −ln D(G(1))", 0.48, generator_loss(fake_logits[1:]).item()),
        Answer("∂L_D/∂w, the real part", None, gradient(real_part, "weight")),
        Answer("∂L_D/∂w, the fake part", None, gradient(fake_part, "weight")),
        Answer("∂L_D/∂w", None, gradient(real_part + fake_part, "weight")),
        Answer("∂L_D/∂b", None, gradient(real_part + fake_part, "bias")),
    ]


def train(**kws: Any) -> tuple[nn.ModuleDict, list[dict[str, float]]]:
    """Print the answers, play the game, write the figures. Returns the networks and a row per step."""
    args = HyperParams.of(**kws)
    print(f"{'':36}{'slide':>8}{'exact':>12}")
    for answer in answers():
        slide = "" if answer.slide is None else f"{answer.slide:g}"
        print(f"{answer.question:36}{slide:>8}{answer.exact:12.7f}")
    print("Descent goes against the gradient: it raises w, so that D grows on the right, where the real data are.")

    seed_everything(args.seed)
    model = build_model(args.hidden)
    generator, discriminator = model["generator"], model["discriminator"]
    g_optimizer = make_optimizer("sgd", generator.parameters(), args.lr)
    d_optimizer = make_optimizer("sgd", discriminator.parameters(), args.lr)
    history, frames = [], []
    z_seen = torch.randn(2000, 1)  # the same noise in every picture
    for step in range(args.steps + 1):
        if step % max(1, args.steps // 50) == 0:
            frames.append((step, *look(model, z_seen)))
        if step == args.steps:
            break
        fake = generator(torch.randn(64, 1))
        d_loss = discriminator_loss(discriminator(REAL), discriminator(fake.detach()))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        g_loss = generator_loss(discriminator(fake))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        row = {"step": step + 1, "discriminator_loss": d_loss.item(), "generator_loss": g_loss.item()}
        mean, spread = generator.get_parameter("bias").item(), generator.get_parameter("weight").abs().item()
        history.append(row | {"mean": mean, "spread": spread})
    save_figures(args.out, frames, history)
    last = history[-1]
    print(
        f"after {args.steps} steps the fakes have mean {last['mean']:.2f} and standard deviation {last['spread']:.2f}; "
        f"the real data {REAL.mean():.2f} and {REAL.std(correction=0):.2f}"
    )
    print(args.out)
    return model, history


@torch.inference_mode()
def look(model: nn.ModuleDict, z: Tensor) -> tuple[Tensor, Tensor]:
    """The generated points (N,), and D at 200 places from −4 to 8."""
    return model["generator"](z)[:, 0], model["discriminator"](torch.linspace(-4, 8, 200)[:, None])[:, 0].sigmoid()


def save_figures(folder: Path, frames: list[tuple[int, Tensor, Tensor]], history: list[dict[str, float]]) -> None:
    """training.gif: the points and D, step by step; training.png: mean, spread and losses over the steps."""
    from matplotlib.figure import Figure

    from common import animation
    from labs.gan import pictures

    def page(step: int, fakes: Tensor, d: Tensor) -> Figure:
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axis = figure.subplots()
        axis.hist(fakes.numpy(), bins=48, range=(-4, 8), density=True, color=pictures.FAKE, alpha=0.6, label="G(z)")
        axis.plot(torch.linspace(-4, 8, 200), d, color="black", label="D(x)")
        axis.plot(REAL[:, 0], [0.02] * 3, "^", color=pictures.REAL, markersize=10, label="real data")
        axis.axhline(0.5, color="grey", linestyle=":")
        axis.set(xlim=(-4, 8), ylim=(0, 1))
        axis.set_title(f"step {step}", loc="right", fontsize=12)
        pictures.name_axes(axis, "x", "D(x); density of G(z)")
        pictures.legend_above(axis, columns=3)
        return figure

    animation.write_gif([animation.as_image(page(*frame)) for frame in frames], folder / "training.gif", 150)

    figure = Figure(figsize=(10, 4), layout="constrained")
    moments, losses = figure.subplots(1, 2)
    steps = [row["step"] for row in history]
    real = {"mean": REAL.mean().item(), "spread": REAL.std(correction=0).item()}
    for (name, value), colour in zip(real.items(), (pictures.REAL, pictures.FAKE), strict=True):
        style = "-" if name == "mean" else "--"
        moments.plot(steps, [row[name] for row in history], style, color=colour, label=f"{name} of the fakes")
        moments.axhline(value, color=colour, linestyle=":", label=f"{name} of the real data")
    pictures.name_axes(moments, "step", "x")
    pictures.legend_above(moments)
    pictures.draw_losses(losses, history)
    animation.write_picture(animation.as_image(figure), folder / "training.png")


def main() -> None:
    """The command `python -m labs.gan.gan_1d`."""
    cli.run(train, HyperParams)


if __name__ == "__main__":
    main()
