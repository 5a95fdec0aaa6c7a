"""What do skip connections do to the loss surface? A deep network with and without them, and the plane around each.

After Li et al. 2018, "Visualizing the loss landscape of neural nets". Their claim: a shallow network has a smooth bowl
around it either way; a deep one (ResNet-56) has it with skip connections only, and without them ends, worse trained, in
a narrow place among cliffs. Here a ResNet-56 of 8, 16 and 32 channels reads the embedded handwritten digits: the same
is seen, and some of it with 20 layers (`--blocks 3`) already. README.md has the numbers, losslandscape.com/explorer the
paper's own surfaces.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from common import cli, expectations
from common.data import ArrayLoader
from common.datasets import load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.expectations import Expected
from common.metrics import accuracy
from common.optimizers import make_optimizer
from common.runs import Run
from common.schedules import cosine
from common.settings import Count, Positive, Range, TrainingFlags
from common.trainer import evaluate, fit, for_step
from labs.transfer_learning.surfaces import (
    loss_surface,
    plot_contours,
    plot_surfaces,
    plot_training,
    random_direction,
    roughness,
)

NAMES = {"with_skips": "with skip connections", "without_skips": "without skip connections"}
Blocks = Annotated[int, Range(1, 100)]
Width = Annotated[int, Range(1, 512)]


@dataclass(frozen=True)
class LossLandscape(TrainingFlags):
    """Train a deep network with and without skip connections, then draw the loss around the weights of each."""

    COMMAND: ClassVar[str] = "labs.transfer_learning.loss_landscape"

    dataset: Literal["digits", "mnist", "fashion_mnist", "kmnist"] = "digits"  # data set; digits comes with the labs
    epochs: Count = 15  # passes over the training set
    lr: Positive = 3e-3  # learning rate (η) at first; it falls to 0 along a cosine
    blocks: Blocks = 9  # residual blocks of each of the three widths; the network has 6 layers for each, and 2 more
    width: Width = 8  # channels of the first blocks; the next have twice, the last four times as many
    images: Annotated[int, Range(1, 10_000)] = 256  # training images whose mean loss is drawn
    radius: Positive = 1.0  # how far the plane reaches; at 1 each filter is changed by as much as it is long
    points: Annotated[int, Range(3, 501)] = 21  # places along each side of the plane, odd: the weights are the middle

    def check(self) -> None:
        self.require("points", self.points % 2 == 1, "an odd number of at least 3")


def get_data(args: LossLandscape, device: torch.device) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training and test images (N, 1, 28, 28) in [0, 1] with their labels, on `device`, shuffled by the seed."""
    images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    order = torch.randperm(len(images.y_train), generator=torch.Generator().manual_seed(derive_seed(args.seed)))
    chosen = order[: args.limit]
    train, test = (images.X_train[chosen], images.y_train[chosen]), (images.X_test, images.y_test)
    return (train[0].to(device), train[1].to(device)), (test[0].to(device), test[1].to(device))


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

    with_skips: nn.Sequential
    without_skips: nn.Sequential

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


def landscape(**kws: Any) -> tuple[Pair, Run]:
    """Train both networks on the same batches, draw the surface around each; returns them and the run."""
    args = LossLandscape.of(**kws)
    device = pick_device(args.device)
    args = args.but(device=str(device))
    train, test = get_data(args, device)
    pair = Pair(args).to(device)
    net = for_step(pair, compile=args.compile)
    optimizer = make_optimizer("adam", pair.parameters(), args.lr)  # one Adam for both is one each

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch)
        optimizer.zero_grad()
        (logs["loss_with_skips"] + logs["loss_without_skips"]).backward()  # neither's gradient reaches the other
        optimizer.step()
        return logs

    with Run(args) as run:
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
            epochs=args.epochs,
            schedule=cosine,
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
        if surfaces:
            save_figures(run, surfaces, args)
        said = verdict(args, metrics) if surfaces else "no surface yet"
        run.finish(metrics, said, look=("contours", "surfaces", "curves"))
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


# What was measured, with three seeds and on two machines (README.md has the rest).
EXPECTED = (Expected("test_accuracy_with_skips", 0.95),)


def verdict(args: LossLandscape, metrics: dict[str, float]) -> str:
    """What was found, in a sentence, and whether it is what the paper says."""
    said, expected = [], {"with_skips": expectations.sentence(EXPECTED, args)}
    for name, shown in NAMES.items():
        n = metrics[f"minima_{name}"]
        minima = "1 minimum" if n == 1 else f"{n} minima"
        said.append(
            f"{shown}: test accuracy {metrics[f'test_accuracy_{name}']:.1%}{expected.get(name, '')}, "
            f"{metrics[f'basin_{name}']:.1%} of the plane below 1 nat, {minima}, "
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
    run.save_figure("curves", plot_training(run.history, NAMES))
    titled = {NAMES[name]: losses for name, losses in surfaces.items()}
    run.save_figure("contours", plot_contours(titled, args.radius))
    run.save_figure("surfaces", plot_surfaces(titled, args.radius))


def main() -> None:
    """The command `python -m labs.transfer_learning.loss_landscape`."""
    raise SystemExit(cli.run(landscape, LossLandscape)[1].exit_status)


if __name__ == "__main__":
    main()
