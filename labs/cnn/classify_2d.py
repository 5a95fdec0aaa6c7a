"""A playground in the plane: a tiny network separates two kinds of points. `python -m labs.cnn.classify_2d`

After ConvNetJS's demo of 2-D classification, whose network it is by default: dense 6, tanh, dense 2, tanh, dense 2. Its
last hidden layer has two units, so what it makes of the plane can be drawn: the network bends the plane until one
straight line separates the two kinds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli
from common.device import seed_everything
from common.settings import Count, NotNegative, Range, Seed, Settings, Whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Shape = Literal["circle", "spiral", "moons", "random"]
Activation = Literal["tanh", "relu", "sigmoid", "none"]
ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "none": nn.Identity}
COLOURS = ("tab:orange", "tab:blue")
FINE, GRID = 80, 17  # places along each side of the surface, and lines of the grid


@dataclass(frozen=True)
class Playground(Settings):
    """Train a tiny network on points in the plane; draw what it decides where, and what its last layer sees."""

    shape: Shape = "circle"  # how the points of the two kinds lie
    points: Annotated[int, Range(2, 10_000)] = 200  # how many, half of each kind
    noise: NotNegative = 0.1  # how far they stray from that shape
    hidden: Count = 6  # units of each hidden layer but the last
    layers: Annotated[int, Range(1, 100)] = 1  # hidden layers of that size; one of two units, which is drawn, follows
    activation: Activation = "tanh"  # what follows each hidden layer; none: the whole network is one linear map
    steps: Whole = 400  # gradient steps, each on all points
    lr: NotNegative = 0.05  # learning rate (η) of Adam
    seed: Seed = 0  # fixes points and first weights
    out: Path = Path("runs/classify_2d.png")  # where the figure goes


def get_data(args: Playground) -> tuple[Tensor, Tensor]:
    """Points (N, 2), most of them in [−1, 1]², and their kinds (N,), 0 or 1."""
    rng = np.random.default_rng(args.seed)
    n = args.points // 2
    along = rng.uniform(0, 1, n)
    if args.shape == "circle":  # a disc, and a ring around it
        angle = rng.uniform(0, 2 * np.pi, (2, n))
        radius = np.stack([0.4 * np.sqrt(along), rng.uniform(0.7, 0.9, n)])
        kinds = radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    elif args.shape == "spiral":  # two arms, one the other turned by half
        angle, radius = 3.5 * np.pi * along**0.7, 0.08 + 0.85 * along
        arm = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        kinds = np.stack([arm, -arm])
    elif args.shape == "moons":  # two half circles that reach into one another
        arc = np.stack([np.cos(np.pi * along), np.sin(np.pi * along)], axis=-1)
        kinds = np.stack([arc - [0.5, 0.25], [0.5, 0.25] - arc]) * 0.6
    else:  # no shape at all: the network can only learn them by heart
        kinds = rng.uniform(-0.9, 0.9, (2, n, 2))
    kinds = kinds + args.noise * rng.normal(0, 0.5, kinds.shape)
    X = torch.from_numpy(kinds.reshape(-1, 2)).float()
    return X, torch.arange(2).repeat_interleave(n)


def build_model(args: Playground) -> nn.Sequential:
    """(N, 2) → hidden layers, the last of two units → (N, 2) logits."""
    layers: list[nn.Module] = []
    sizes = [2, *[args.hidden] * args.layers, 2]
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(n_in, n_out), ACTIVATIONS[args.activation]()]
    return nn.Sequential(*layers, nn.Linear(2, 2))


def train(args: Playground, X: Tensor, y: Tensor) -> tuple[nn.Sequential, float, float]:
    """The trained network, its loss (nats) and the share of points it gets right."""
    seed_everything(args.seed)
    model = build_model(args)
    optimizer = torch.optim.Adam(model.parameters(), args.lr)
    for _ in range(args.steps):
        loss = F.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        logits = model(X)
    return model, float(F.cross_entropy(logits, y)), float((logits.argmax(dim=1) == y).float().mean())


def draw_playground(args: Playground) -> tuple["Figure", str]:
    """Left the plane, painted as the network decides, with a grid; right the same as the last hidden layer sees it."""
    from matplotlib.figure import Figure

    X, y = get_data(args)
    model, loss, accuracy = train(args, X, y)
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    plane, bent = figure.subplots(1, 2)
    side = torch.linspace(-1.2, 1.2, FINE)
    lines = torch.linspace(-1.2, 1.2, GRID)
    with torch.no_grad():
        surface = model(torch.cartesian_prod(side, side)).softmax(dim=1)[:, 1].view(FINE, FINE).T
        hidden = model[:-1](X)
        # Lines of constant x, then of constant y, each as FINE points.
        grid = torch.stack([torch.cartesian_prod(lines, side), torch.cartesian_prod(lines, side).flip(1)])
        grid = grid.view(2 * GRID, FINE, 2)
        moved = model[:-1](grid)
        last = cast(nn.Linear, model[-1])
        weight, bias = last.weight[1] - last.weight[0], last.bias[1] - last.bias[0]
    plane.imshow(
        surface.numpy(),
        origin="lower",
        extent=(-1.2, 1.2) * 2,
        cmap="PuOr",
        vmin=0,
        vmax=1,
        alpha=0.6,
        interpolation="bilinear",
    )
    for axis, lines_drawn, points in ((plane, grid, X), (bent, moved, hidden)):
        for line in lines_drawn:
            axis.plot(*line.numpy().T, color="gray", linewidth=0.4)
        for kind, colour in enumerate(COLOURS):
            axis.scatter(*points[y == kind].numpy().T, s=14, color=colour, edgecolors="white", linewidths=0.4, zorder=3)
        axis.set_xticks([])
        axis.set_yticks([])
    # Where both logits are equal: weight · h + bias = 0.
    limits = bent.get_xlim(), bent.get_ylim()
    bent.axline(*line_through(weight, bias), color="black", linewidth=1)
    bent.set(xlim=limits[0], ylim=limits[1], title="what the last hidden layer sees")
    plane.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), title="the plane, painted as the network decides")
    parameters = sum(p.numel() for p in model.parameters())
    return figure, f"{accuracy:.0%} of {len(y)} points right, loss {loss:.3f}, {parameters} parameters"


def line_through(weight: Tensor, bias: Tensor) -> tuple[tuple[float, float], tuple[float, float]]:
    """Two points of the line weight · h + bias = 0."""
    foot = -bias * weight / weight.square().sum().clamp(min=1e-12)
    along = torch.stack([-weight[1], weight[0]])
    return tuple(foot.tolist()), tuple((foot + along / along.norm().clamp(min=1e-12)).tolist())


def play(**kws) -> Path:
    """Write the figure, say what was reached, and return the figure's path."""
    from common.plots import write_figure

    args = Playground(**kws)
    figure, reached = draw_playground(args)
    path = write_figure(args.out, figure)
    print(reached)
    print(path)
    return path


def main() -> None:
    """The command `python -m labs.cnn.classify_2d`."""
    cli.run(play, Playground)


if __name__ == "__main__":
    main()
