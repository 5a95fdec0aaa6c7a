"""What do skip connections do to the loss surface? A deep network with and without them, and the plane around each.

After Li et al. 2018, "Visualizing the loss landscape of neural nets". Their claim: a shallow network has a smooth bowl
around it either way; a deep one (ResNet-56) has it with skip connections only, and without them ends, worse trained, in
a narrow place among cliffs. Here a ResNet-56 of 8, 16 and 32 channels reads the embedded handwritten digits: the same
is seen, and some of it with 20 layers (`--blocks 3`) already. README.md has the numbers, losslandscape.com/explorer the
paper's own surfaces.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from tqdm import tqdm

from common import cli, distributed
from common.data import ArrayLoader
from common.datasets import load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.metrics import accuracy
from common.optimizers import make_optimizer
from common.runs import Run
from common.trainer import evaluate, fit, prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"with_skips": "with skip connections", "without_skips": "without skip connections"}
HIGHEST = 1e3  # nats: losses beyond are drawn as this
NONCONVEX = 0.1  # of the larger curvature: a downward one beyond it counts


@dataclass(frozen=True)
class LossLandscape(cli.TrainingFlags):
    """Train a deep network with and without skip connections, then draw the loss around the weights of each."""

    dataset: Literal["digits", "mnist", "fashion_mnist", "kmnist"] = "digits"  # data set; digits comes with the labs
    epochs: int = 15  # passes over the training set
    lr: float = 3e-3  # learning rate (η) at first; it falls to 0 along a cosine
    blocks: int = 9  # residual blocks of each of the three widths; the network has 6 layers for each, and 2 more
    width: int = 8  # channels of the first blocks; the next have twice, the last four times as many
    images: int = 256  # training images whose mean loss is drawn
    radius: float = 1.0  # how far the plane reaches; at 1 each filter is changed by as much as it is long
    points: int = 21  # places along each side of the plane, an odd number: the trained weights are the middle

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("blocks", "width", "images"):
            self.require(name, getattr(self, name) >= 1, "at least 1")
        self.require("radius", 0 < self.radius < float("inf"), "greater than 0")
        self.require("points", self.points >= 3 and self.points % 2 == 1, "an odd number of at least 3")


def get_data(args: LossLandscape, device: torch.device) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training and test images (N, 1, 28, 28) in [0, 1] with their labels, on `device`, shuffled by the seed."""
    images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    order = torch.randperm(len(images.y_train), generator=torch.Generator().manual_seed(derive_seed(args.seed)))
    chosen = order[: args.limit]
    train, test = (images.X_train[chosen], images.y_train[chosen]), (images.X_test, images.y_test)
    return tuple((X.to(device), y.to(device)) for X, y in (train, test))


class Block(nn.Module):
    """Two convolutions and the skip connection past them, relu(f(x) + x); without it relu(f(x))."""

    def __init__(self, channels_in: int, channels: int, stride: int, skip: bool):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.stride, self.missing, self.skip = stride, channels - channels_in, skip

    def forward(self, x: Tensor) -> Tensor:
        f = self.residual(x)
        if self.skip:  # without parameters: every second pixel, channels of zeros (He et al. 2016, option A)
            f = f + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing))
        return f.relu()


def build_network(args: LossLandscape, *, skip: bool) -> nn.Sequential:
    """6·blocks + 2 layers; with and without skip connections it has the same parameters."""
    layers: list[nn.Module] = [  # (N, 1, 28, 28)
        nn.Conv2d(1, args.width, kernel_size=4, stride=4, bias=False),  # (N, 8, 7, 7)
        nn.BatchNorm2d(args.width),
        nn.ReLU(),
    ]
    channels = args.width
    for stage in range(3):  # (N, 8, 7, 7), (N, 16, 4, 4), (N, 32, 2, 2)
        for i in range(args.blocks):
            stride = 2 if stage > 0 and i == 0 else 1
            layers.append(Block(channels, args.width * 2**stage, stride, skip))
            channels = args.width * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))  # (N, 10) logits


class Pair(nn.Module):
    """The network with and without skip connections, from the same initial weights."""

    def __init__(self, args: LossLandscape):
        super().__init__()
        for name in NAMES:
            seed_everything(args.seed)
            self.add_module(name, build_network(args, skip=name == "with_skips"))

    def forward(self, X: Tensor) -> dict[str, Tensor]:
        """Images (N, 1, 28, 28) → name → logits (N, 10)."""
        return {name: network(X) for name, network in self.named_children()}


def score(pair: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss (cross-entropy in nats, mean over the batch) and accuracy of both networks."""
    X, y = batch
    logits = pair(X)
    losses = {f"loss_{name}": F.cross_entropy(logits[name], y) for name in NAMES}
    return losses | {f"accuracy_{name}": accuracy(logits[name], y) for name in NAMES}


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


def landscape(**kws: Any) -> tuple[Pair, Run]:
    """Train both networks on the same batches, draw the surface around each; returns them and the run."""
    args = cli.settings(LossLandscape, kws)
    device = pick_device(args.device)
    args = dataclasses.replace(args, device=str(device))
    train, test = get_data(args, device)
    pair = Pair(args).to(device)
    net = prepare(pair, compile=args.compile)
    optimizer = make_optimizer("adam", pair.parameters(), args.lr)  # one Adam for both is one each
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch)
        optimizer.zero_grad()
        sum(logs[f"loss_{name}"] for name in NAMES).backward()  # neither's gradient reaches the other
        optimizer.step()
        return logs

    with Run("transfer_learning", args) as run:
        parameters = sum(p.numel() for p in pair.with_skips.parameters())
        run.say(
            f"{6 * args.blocks + 2} layers, {parameters:,} parameters, with and without skip connections; "
            f"{args.dataset}: {len(train[1])} training and {len(test[1])} test images; on {device}"
        )
        fit(
            step,
            ArrayLoader(*train, batch_size=args.batch_size, shuffle=True, seed=args.seed),
            modules=[pair],
            optimizers=[optimizer],
            schedulers=[schedule],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"test": lambda: evaluate(lambda batch: score(pair, batch), ArrayLoader(*test), [pair])},
            run=run,
            quiet=args.quiet,
        )
        run.save_model(pair)
        surfaces = {}
        if not run.interrupted:
            try:
                surfaces = draw_surfaces(pair, args, (train[0][: args.images], train[1][: args.images]))
            except KeyboardInterrupt:
                run.interrupted = True
        metrics = {k: v for k, v in (run.history or [{}])[-1].items() if k not in ("epoch", "seconds")}
        for name, losses in surfaces.items():
            metrics |= {f"{measure}_{name}": value for measure, value in roughness(losses).items()}
        if surfaces and distributed.is_main():
            save_figures(run, surfaces, args)
        run.finish(metrics, verdict(metrics) if surfaces else "no surface yet")
    return pair, run


def draw_surfaces(pair: Pair, args: LossLandscape, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Network → its losses (S, S) over the plane, both from the same random numbers."""
    steps = torch.linspace(-args.radius, args.radius, args.points)
    surfaces = {}
    with tqdm(total=2 * args.points**2, desc="places", leave=False, disable=args.quiet or None) as bar:
        for name, network in pair.named_children():
            generator = torch.Generator().manual_seed(derive_seed(args.seed, 1))
            directions = random_direction(network, generator), random_direction(network, generator)
            surfaces[name] = loss_surface(network, batch, directions, steps, bar)
    return surfaces


def verdict(metrics: dict[str, float]) -> str:
    """What was found, in a sentence, and whether it is what the paper says."""
    said = []
    for name, shown in NAMES.items():
        minima = metrics[f"minima_{name}"]
        said.append(
            f"{shown}: test accuracy {metrics[f'test_accuracy_{name}']:.1%}, {metrics[f'basin_{name}']:.1%} of the "
            f"plane below 1 nat, {minima} {'minimum' if minima == 1 else 'minima'}, "
            f"{metrics[f'nonconvex_{name}']:.0%} not convex"
        )
    wider = metrics["basin_with_skips"] > metrics["basin_without_skips"]
    smoother = metrics["nonconvex_with_skips"] < metrics["nonconvex_without_skips"]
    if wider and smoother:
        said.append("as in the paper, skip connections make the basin wider and the surface smoother")
    else:
        said.append("that is not what the paper shows; the difference grows with the depth, --blocks")
    return "; ".join(said)


def save_figures(run: Run, surfaces: dict[str, Tensor], args: LossLandscape) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots

    run.save_figure("curves", plots.plot_curves(run.history))
    run.save_figure("contours", plot_contours(surfaces, args.radius))
    run.save_figure("surfaces", plot_surfaces(surfaces, args.radius))


def plot_contours(surfaces: dict[str, Tensor], radius: float) -> "Figure":
    """The surfaces (S, S) from above, side by side, contours at the same losses, evenly spaced in their logarithm."""
    import numpy as np
    from matplotlib.figure import Figure

    low = max(1e-3, min(float(losses.min()) for losses in surfaces.values()))
    levels = 10 ** np.linspace(math.floor(math.log10(low)), math.log10(HIGHEST), 31)
    figure = Figure(figsize=(10.5, 4.8), layout="constrained")
    axes = figure.subplots(1, len(surfaces), sharey=True)
    for axis, (name, losses) in zip(axes, surfaces.items(), strict=True):
        steps = np.linspace(-radius, radius, len(losses))
        z = losses.numpy().clip(levels[0], levels[-1])
        filled = axis.contourf(steps, steps, z, levels, norm="log", cmap="viridis")
        axis.contour(steps, steps, z, levels, colors="black", linewidths=0.4)
        axis.plot(0, 0, marker="+", color="red", markersize=10)
        axis.set(title=NAMES[name], xlabel="first direction", aspect="equal")
    axes[0].set_ylabel("second direction")
    bar = figure.colorbar(filled, ax=axes, label="loss in nats", ticks=10.0 ** np.arange(-3, 4))
    bar.ax.set_yscale("log")
    return figure


def plot_surfaces(surfaces: dict[str, Tensor], radius: float) -> "Figure":
    """The surfaces (S, S) from aside, the height the logarithm of the loss, on the same scale."""
    import numpy as np
    from matplotlib.figure import Figure

    heights = {name: losses.numpy().clip(1e-3, HIGHEST) for name, losses in surfaces.items()}
    low = min(z.min() for z in heights.values())
    figure = Figure(figsize=(11, 5), layout="constrained")
    for i, (name, z) in enumerate(heights.items(), 1):
        axis = figure.add_subplot(1, len(heights), i, projection="3d")
        a, b = np.meshgrid(*[np.linspace(-radius, radius, len(z))] * 2)
        limits = math.log10(low), math.log10(HIGHEST)
        kws = {"cmap": "viridis", "vmin": limits[0], "vmax": limits[1], "edgecolor": "black", "linewidth": 0.15}
        axis.plot_surface(a, b, np.log10(z), rstride=1, cstride=1, **kws)
        axis.set(title=NAMES[name], zlim=limits, xlabel="first direction", ylabel="second direction")
        axis.set(xticks=[-radius, 0, radius], yticks=[-radius, 0, radius], zlabel="log₁₀ of the loss in nats")
        axis.view_init(elev=35, azim=-60)
    return figure


def main() -> None:
    """The command `python -m labs.transfer_learning.loss_landscape`."""
    raise SystemExit(cli.run(landscape, LossLandscape)[1].exit_status)


if __name__ == "__main__":
    main()
