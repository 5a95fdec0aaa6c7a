"""A playground in the plane: a tiny network separates two kinds of points, and one sees how.

After ConvNetJS's demo of 2-D classification, whose network it is by default: dense 6, tanh, dense 2, tanh, dense 2. Its
last hidden layer has two units, so what it makes of the plane can be drawn: the network bends the plane until one
straight line separates the two kinds.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tyro.conf import arg

from common.device import derive_seed, seed_everything
from common.errors import InputError
from common.settings import LARGEST, UNGIVEN, Count, NotNegative, OptionalPath, Range, Seed, Settings, Usual, Whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Shape = Literal["simple", "circle", "spiral", "moons", "random"]
Activation = Literal["tanh", "relu", "sigmoid", "none"]
FEATURES = {"xy": 2, "squares": 5, "all": 7}  # how many numbers of a point the network is given
ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "none": nn.Identity}
COLOURS, MARKERS = ("tab:orange", "tab:blue"), ("o", "^")
SURFACE, GRID, FINE = 160, 17, 601  # places along the surface's side; lines of the grid, and places along each
EDGE = 1.2  # the plane is drawn from −EDGE to EDGE
SHOWN = 8  # neurons of a layer that are drawn
TEST_POINTS = 1000


@dataclass(frozen=True)
class Playground(Settings):
    """Train a tiny network on points in the plane; draw what it decides where, and what its neurons see."""

    shape: Shape = "circle"  # how the points of the two kinds lie; simple: a straight line separates them
    file: OptionalPath = None  # points of your own instead: a CSV file with lines x,y,kind (kind 0 or 1)
    points: Annotated[int, Range(2, 10_000)] = 200  # how many, half of each kind
    noise: NotNegative = 0.1  # how far they stray from that shape
    features: Literal["xy", "squares", "all"] = "xy"  # what it is given; squares: x², y², xy, too; all: also sines
    hidden: Count = 6  # units of each hidden layer but the last
    layers: Annotated[int, Range(1, 100)] = 1  # hidden layers of that size; one of two units, which is drawn, follows
    activation: Activation = "tanh"  # what follows each hidden layer; none: the whole network is one linear map
    steps: Whole = 400  # gradient steps, each on all points
    lr: NotNegative = 0.05  # learning rate (η) of Adam
    weight_decay: NotNegative = 0.0  # pull of all weights to 0 (λ): a smoother border
    seed: Seed = 0  # fixes points and first weights
    out: Usual[Annotated[Path, arg(metavar="PATH")]] = UNGIVEN  # the figure's file; none: runs/classify_2d_SHAPE.png

    def usual(self) -> dict[str, Any]:
        return {"out": Path(f"runs/classify_2d_{self.file.stem if self.file else self.shape}.png")}

    def check(self) -> None:
        drawn = self.file is None
        self.refuse_unused(dict.fromkeys(("shape", "points", "noise"), drawn), f"on the points in {self.file}")


Points = tuple[Tensor, Tensor]  # places (N, 2) and their kinds (N,), 0 or 1


def get_data(args: Playground) -> tuple[Points, Points | None]:
    """Points to learn from, most of them in [−1, 1]², and, unless they come from a file, fresh ones for testing."""
    if args.file:
        return read_points(args.file), None
    return draw_points(args.shape, args.points, args.noise, args.seed), draw_points(
        args.shape, TEST_POINTS, args.noise, derive_seed(args.seed, 1)
    )


def draw_points(shape: Shape, points: int, noise: float, seed: int) -> Points:
    """As many points of each kind as the shape has them, and Gaussian noise of half of `noise` along x and y."""
    rng = np.random.default_rng(seed)
    n = points // 2
    along = rng.uniform(0, 1, n)
    if shape == "simple":  # two clouds
        kinds = rng.normal(0, 0.2, (2, n, 2)) + np.array([[[-0.45, 0.3]], [[0.45, -0.3]]])
    elif shape == "circle":  # a disc, and a ring around it
        angle = rng.uniform(0, 2 * np.pi, (2, n))
        radius = np.stack([0.4 * np.sqrt(along), rng.uniform(0.7, 0.9, n)])
        kinds = radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    elif shape == "spiral":  # two arms, one the other turned by half
        angle, radius = 3.5 * np.pi * along**0.7, 0.08 + 0.85 * along
        arm = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        kinds = np.stack([arm, -arm])
    elif shape == "moons":  # two half circles that reach into one another
        arc = np.stack([np.cos(np.pi * along), np.sin(np.pi * along)], axis=-1)
        kinds = np.stack([arc - [0.5, 0.25], [0.5, 0.25] - arc]) * 0.6
    else:  # no shape at all: the network can only learn them by heart
        kinds = rng.uniform(-0.9, 0.9, (2, n, 2))
    kinds = kinds + noise * rng.normal(0, 0.5, kinds.shape)
    X = torch.from_numpy(kinds.reshape(-1, 2)).float()
    return X, torch.arange(2).repeat_interleave(n)


def read_points(path: Path) -> Points:
    """The points of a CSV file of lines x,y,kind, moved and scaled into [−1, 1]². A first line of names is skipped.

    Raises InputError, naming the line, for what is no point, and for a file without points of both kinds.
    """
    try:
        lines = [line for line in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if line]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a file of points: {error}") from error
    found: list[tuple[float, float, float]] = []
    for number, line in enumerate(lines, 1):
        try:
            x, y, kind = map(float, line)
            if not (abs(x) <= LARGEST and abs(y) <= LARGEST) or kind not in (0, 1):
                raise ValueError
            found.append((x, y, kind))
        except ValueError:
            if number > 1 or any(character.isdigit() for character in "".join(line)):  # no line of names
                said = f"{path}, line {number}: {','.join(line)!r}"
                raise InputError(f"{said} is not x,y,kind with kind 0 or 1") from None
    table = torch.tensor(found).view(-1, 3)
    X, kinds = table[:, :2], table[:, 2].long()
    if len(kinds.unique()) < 2 or len(kinds) > 10_000:
        raise InputError(f"{path} holds {len(kinds)} points; both kinds are needed, and at most 10 000 points")
    low, high = X.amin(dim=0), X.amax(dim=0)
    return 2 * (X - (low + high) / 2) / (high - low).max().clip(min=1e-9), kinds


class Features(nn.Module):
    """Points (…, 2) → (…, 5) with x², y² and xy, or (…, 7) with sin 2x and sin 2y, too; after TensorFlow Playground."""

    def __init__(self, kind: Literal["xy", "squares", "all"]):
        super().__init__()
        self.kind = kind

    def forward(self, X: Tensor) -> Tensor:
        x, y = X.unbind(dim=-1)
        found = [x, y, x.square(), y.square(), x * y, (2 * x).sin(), (2 * y).sin()]
        return torch.stack(found[: FEATURES[self.kind]], dim=-1)


def build_model(args: Playground) -> nn.Sequential:
    """(N, 2) → features, if asked for → hidden layers, the last of two units → (N, 2) logits."""
    layers: list[nn.Module] = [] if args.features == "xy" else [Features(args.features)]
    sizes = [FEATURES[args.features], *[args.hidden] * args.layers, 2]
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(n_in, n_out), ACTIVATIONS[args.activation]()]
    return nn.Sequential(*layers, nn.Linear(2, 2))


@dataclass(frozen=True)
class Trained:
    """A trained network, and its losses (nats): (step, loss on the points, loss on the test points or None)."""

    model: nn.Sequential
    losses: list[tuple[int, float, float | None]] = field(default_factory=list)

    def accuracy(self, points: Points) -> float:
        """Share of the points that it gets right."""
        with torch.no_grad():
            return float((self.model(points[0]).argmax(dim=1) == points[1]).float().mean())


def train(args: Playground, points: Points, test: Points | None = None) -> Trained:
    """Train on the points; the test points are only looked at."""
    *_, trained = training(args, points, test)
    return trained


def training(args: Playground, points: Points, test: Points | None = None) -> Iterator[Trained]:
    """The network while it is trained: at first, then some hundred times, at last. It is always the same object."""
    seed_everything(args.seed)
    trained = Trained(build_model(args))
    model, every = trained.model, max(1, args.steps // 100)
    optimizer = torch.optim.Adam(model.parameters(), args.lr, weight_decay=args.weight_decay)
    for step in range(args.steps + 1):
        loss = F.cross_entropy(model(points[0]), points[1])
        if step % every == 0 or step == args.steps:
            with torch.no_grad():
                tested = float(F.cross_entropy(model(test[0]), test[1])) if test else None
            if not loss.isfinite():
                raise InputError(f"the loss is {loss:.3g} after {step} steps; lower --lr or --weight-decay")
            trained.losses.append((step, float(loss.detach()), tested))
            yield trained
        if step < args.steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def draw_playground(args: Playground) -> tuple["Figure", str]:
    """The figure and, in a sentence, what was reached."""
    return draw_trained(args, *get_data(args))


def draw_trained(args: Playground, points: Points, test: Points | None) -> tuple["Figure", str]:
    """Train, and draw what has come of it."""
    return draw_network(train(args, points, test), points, test)


def watch(frames: int = 15, **kws: Any) -> Iterator[tuple["Figure", str]]:
    """The figure again and again while the network is trained: close together at first, when most happens."""
    args = Playground(**kws)
    points, test = get_data(args)
    moments = {round(100 * (i / frames) ** 2) for i in range(frames + 1)}
    for i, trained in enumerate(training(args, points, test)):
        if i in moments or trained.losses[-1][0] == args.steps:
            figure, said = draw_network(trained, points, test)
            yield figure, f"step {trained.losses[-1][0]}: {said}"


def draw_network(trained: Trained, points: Points, test: Points | None) -> tuple["Figure", str]:
    """The plane as the network decides, with a grid; points and grid as its last hidden layer sees them; the loss; and
    what each neuron answers where. Then, in a sentence, what was reached.
    """
    from matplotlib.figure import Figure

    neurons = neuron_maps(trained.model)
    figure = Figure(figsize=(9.5, 3.3 + 1.35 * len(neurons)), layout="constrained")
    grid = figure.add_gridspec(1 + len(neurons), 3, height_ratios=[3.2, *[1.3] * len(neurons)])
    plane, bent, curves = (figure.add_subplot(grid[0, column]) for column in range(3))
    draw_plane(plane, bent, trained.model, points)
    draw_losses(curves, trained.losses)
    for row, (name, maps) in enumerate(neurons.items(), 1):
        draw_neurons(figure.add_subplot(grid[row, :]), name, maps)
    said = f"{trained.accuracy(points):.0%} of {len(points[1])} points right, loss {trained.losses[-1][1]:.3f}"
    if test is not None:
        said += f"; {trained.accuracy(test):.0%} of {len(test[1])} new ones, loss {trained.losses[-1][2]:.3f}"
    parameters = sum(p.numel() for p in trained.model.parameters())
    return figure, f"{said}; {parameters} parameters"


def draw_plane(plane: Any, bent: Any, model: nn.Sequential, points: Points) -> None:
    """Left the plane, painted as the network decides, right the same as the last hidden layer sees it."""
    from matplotlib.colors import LinearSegmentedColormap

    X, y = points
    side, lines, along = (torch.linspace(-EDGE, EDGE, n) for n in (SURFACE, GRID, FINE))
    with torch.no_grad():
        surface = model(torch.cartesian_prod(side, side)).softmax(dim=1)[:, 1].view(SURFACE, SURFACE).T
        hidden = model[:-1](X)
        # Lines of constant x, then of constant y, each as FINE points.
        grid = torch.stack([torch.cartesian_prod(lines, along), torch.cartesian_prod(lines, along).flip(1)])
        grid = grid.view(2 * GRID, FINE, 2)
        moved = model[:-1](grid)
        last = cast(nn.Linear, model[-1])
        weight, bias = last.weight[1] - last.weight[0], last.bias[1] - last.bias[0]
    cmap = LinearSegmentedColormap.from_list("kinds", [COLOURS[0], "white", COLOURS[1]])
    extent = (-EDGE, EDGE, -EDGE, EDGE)
    plane.imshow(surface.numpy(), origin="lower", extent=extent, cmap=cmap, vmin=0, vmax=1, alpha=0.55)
    for axis, lines_drawn, places in ((plane, grid, X), (bent, moved, hidden)):
        for line in lines_drawn:
            axis.plot(*line.numpy().T, color="gray", linewidth=0.5)
        for kind, (colour, marker) in enumerate(zip(COLOURS, MARKERS, strict=True)):
            own = places[y == kind].numpy().T
            axis.scatter(*own, s=26, color=colour, marker=marker, edgecolors="black", linewidths=0.4, zorder=3)
        axis.set_xticks([])
        axis.set_yticks([])
    # Where both logits are equal: weight · h + bias = 0.
    limits = bent.get_xlim(), bent.get_ylim()
    bent.axline(*line_through(weight, bias), color="black", linewidth=1.5)
    bent.set(xlim=limits[0], ylim=limits[1])
    bent.set_title("what the last hidden layer sees", fontsize=13)
    plane.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    plane.set_title("what the network decides", fontsize=13)


def draw_losses(axis: Any, losses: list[tuple[int, float, float | None]]) -> None:
    """The loss on the points that it learns from, and on new ones: where they part, it learns by heart."""
    axis.plot([step for step, _, _ in losses], [loss for _, loss, _ in losses], "k", label="training points", lw=2)
    tested = [(step, loss) for step, _, loss in losses if loss is not None]
    if tested:
        axis.plot(*zip(*tested, strict=True), "--", color="tab:green", label="new points", lw=2)
    axis.set_ylim(bottom=0)
    axis.set_title("loss", fontsize=13)
    axis.set_xlabel("gradient step", fontsize=12)
    axis.set_ylabel("nats", fontsize=12)
    axis.tick_params(labelsize=12)
    axis.legend(fontsize=12)
    axis.grid(alpha=0.3)


def draw_neurons(axis: Any, name: str, maps: Tensor) -> None:
    """The first maps (units, H, W) of a layer side by side: red where the neuron's answer is above 0, blue below."""
    shown = maps[:SHOWN]
    shown = F.pad(shown, (0, 4, 0, 0), value=torch.nan)
    blanks = shown.new_full((SHOWN - len(shown), *shown.shape[1:]), torch.nan)
    limit = max(float(maps.abs().max()), 1e-9)
    row = torch.cat([*shown, *blanks], dim=1)
    drawn = axis.imshow(row.numpy(), origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
    axis.set_axis_off()
    axis.set_title(name + (f" ({SHOWN} of {len(maps)})" if len(maps) > SHOWN else ""), fontsize=14, loc="left")
    axis.figure.colorbar(drawn, ax=axis, fraction=0.02, pad=0.01).ax.tick_params(labelsize=12)


@torch.no_grad()
def neuron_maps(model: nn.Sequential) -> dict[str, Tensor]:
    """What each neuron of each hidden layer answers, activated, over the plane: layer's name → (units, 60, 60).

    Of a deep network the last four layers.
    """
    side = torch.linspace(-EDGE, EDGE, 60)
    x, maps = torch.cartesian_prod(side, side), {}
    layers = list(model)
    if isinstance(layers[0], Features):
        x = layers.pop(0)(x)
    for i in range(0, len(layers) - 1, 2):  # dense and activation
        x = layers[i + 1](layers[i](x))
        maps[f"hidden layer {i // 2 + 1}: each neuron's answer over the plane"] = x.view(60, 60, -1).permute(2, 1, 0)
    return dict(list(maps.items())[-4:])


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
