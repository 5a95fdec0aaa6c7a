"""A convolutional network learns to read digits.

Mirrors cnn.jl of the course (same order, names and numbers); `--model lenet` is its notebook's network and
`--model task2` the lab manual's (Task № 2). After LeCun et al. 1998, "Gradient-based learning applied to
document recognition". Reaches 98.3–99.0 % on MNIST with the course's settings, and 99 % soonest with
`--preset fast`; README.md has what was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed, expectations, runs
from common.data import ArrayLoader, stratified_split
from common.datasets import ImageData, load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.images import random_affine
from common.metrics import accuracy, describe_share
from common.optimizers import OptimizerName, make_optimizer
from common.runs import Run
from common.schedules import SCHEDULES, constant
from common.settings import (
    UNGIVEN,
    Better,
    Count,
    Counts,
    Floats,
    NotNegative,
    OptionalCount,
    OptionalShare,
    Positive,
    Range,
    Share,
    TrainingFlags,
    Usual,
)
from common.trainer import evaluate, fit, for_step
from labs.cnn.fast import PRESETS, OneCycle, orthogonal, random_shift, strided
from labs.cnn.lenet import lenet
from labs.cnn.task2 import Padding, Pooling, task2

Rates = Literal["constant", "cosine", "warmup_cosine", "one_cycle"]
Model = Literal["course", "lenet", "task2", "strided"]


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a small convolutional network on handwritten digits (or clothes, or Japanese characters)."""

    COMMAND: ClassVar[str] = "labs.cnn"
    SHARES_BATCHES: ClassVar[bool] = True
    BETTER: ClassVar[Mapping[str, Better]] = {"val_loss": "smaller", "val_accuracy": "larger"}

    dataset: Literal["auto", "mnist", "fashion_mnist", "kmnist", "digits"] = "auto"  # auto: MNIST, else digits
    preset: Literal["course", "fast"] = "course"  # cnn.jl's settings, or the shortest way to 99 % of MNIST
    epochs: Usual[Count] = UNGIVEN  # passes over the training set; none: 8, 2 (by preset), or 30 for the digits
    batch_size: Usual[Count] = UNGIVEN  # samples per gradient step; none: 64, 128
    lr: Usual[Positive] = UNGIVEN  # learning rate (η); none: 3e-3, 1e-2
    optimizer: OptimizerName = "adam"  # update rule
    weight_decay: Usual[NotNegative] = UNGIVEN  # pull of all weights to 0 (λ); none: 0, for adamw 0.01
    schedule: Usual[Rates] = UNGIVEN  # of η; cosine: falls to 0. none: constant, for lenet cosine; fast: one_cycle
    model: Usual[Model] = UNGIVEN  # cnn.jl's network, the notebook's, the manual's, a fast one; none: course, strided
    start: Usual[Literal["own", "orthogonal"]] = UNGIVEN  # the first weights: as the network has them, or orthogonal
    split: Floats = ()  # train,validation,test shares of all samples pooled, e.g. 0.6,0.2,0.2; none: as published
    patience: OptionalCount = None  # stop after N epochs without a better validation loss (--split, --hold-out)
    hold_out: OptionalShare = None  # share of the training images that becomes a validation part
    filters: Counts = (32, 64)  # task2: filters of each convolution, as many convolutions as numbers
    kernel_size: Annotated[int, Range(1, 28)] = 3  # task2: side of the filters
    padding: Padding = "valid"  # task2: same: zeros around the maps, so that a convolution keeps their size
    stride: Annotated[int, Range(1, 28)] = 1  # task2: pixels from one place of a convolution's window to the next
    pooling: Pooling = "max"  # task2: what becomes of 2×2 pixels: the greatest, their mean, or all stay
    dropout: Share = 0.0  # task2: share of the dense layer's inputs set to 0 in training
    batch_norm: bool = False  # task2: normalise each feature map over the batch
    degrees: Annotated[float, Range(0, 180)] = 0.0  # augmentation: turn each image by up to ±DEGREES
    zoom: Share = 0.0  # augmentation: scale each image by 1 ± ZOOM
    shift: Usual[Annotated[int, Range(0, 27)]] = UNGIVEN  # augmentation: move by up to ±SHIFT pixels; none: 0, 1
    flip: bool = False  # augmentation: mirror half of the images (for clothes, not for digits)
    label_smoothing: Share = 0.0  # share of each label that is spread evenly over all classes, in training

    def usual(self) -> dict[str, Any]:
        known = {"schedule": "cosine" if self.model == "lenet" else "constant", **PRESETS[self.preset]}
        if self.dataset in ("auto", "digits"):  # auto: not known before the data are there
            known |= {"epochs": 30 if self.dataset == "digits" else None}
        return known | {"weight_decay": 0.01 if self.optimizer == "adamw" else 0.0}

    def check(self) -> None:
        self.require("split", len(self.split) in (0, 3), "three shares: train,validation,test")
        if self.split and self.hold_out:
            raise InputError(f"--hold-out {self.hold_out} and --split both cut a validation part; leave one away")
        if self.patience and not (self.split or self.hold_out):
            raise InputError("--patience needs a validation part; add --split 0.6,0.2,0.2 or --hold-out 0.1")
        used = dict.fromkeys(VARIED, self.model == "task2")
        self.refuse_unused(used, f"on the network {self.model!r}; add --model task2")
        if self.padding == "same":
            self.require("kernel_size", self.kernel_size % 2 == 1, "odd with --padding same: p = (k − 1)/2")


VARIED = ("filters", "kernel_size", "padding", "stride", "pooling", "dropout", "batch_norm")  # task2's settings


@dataclass(frozen=True)
class Data:
    """What a run trains and tests on: `images` as loaded, and the parts cut from them."""

    images: ImageData
    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor] | None
    test: tuple[Tensor, Tensor]

    def to(self, device: torch.device) -> "Data":
        """The same, its parts on `device`."""

        def there(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            return part[0].to(device), part[1].to(device)

        return Data(self.images, there(self.train), self.val and there(self.val), there(self.test))


def get_data(args: HyperParams, device: torch.device) -> Data:
    """Images (N, 1, 28, 28) in [0, 1] and labels (N,), on `device`. Julia: (W, H, C, N)."""
    # Julia divides by 255 once more; these pixels are in [0, 1] already. Whether a network learns from images that are
    # 255 times too dark is a matter of luck (README.md, exercise 4).
    images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    train, test = (images.X_train, images.y_train), (images.X_test, images.y_test)
    val: tuple[Tensor, Tensor] | None = None
    if args.split:
        X, y = torch.cat([images.X_train, images.X_test]), torch.cat([images.y_train, images.y_test])
        train, val, test = ((X[part], y[part]) for part in stratified_split(y, args.split, seed=args.seed))
    elif args.hold_out:  # the test images stay those that all the world tests on
        (X, y), shares = train, (1 - args.hold_out, args.hold_out)
        train, val = ((X[part], y[part]) for part in stratified_split(y, shares, seed=args.seed))
    if args.limit:
        generator = torch.Generator().manual_seed(derive_seed(args.seed))
        chosen = torch.randperm(len(train[1]), generator=generator)[: args.limit]
        train = train[0][chosen], train[1][chosen]
    return Data(images, train, val, test).to(device)


# Flux writes Conv(…, relu), then MaxPool. Here the pool comes first: relu(maxpool(x)) = maxpool(relu(x)),
# and the ReLU has a quarter of the values to go through.


def course() -> nn.Sequential:
    """cnn.jl's network: 30 810 parameters."""
    return nn.Sequential(  # (N,  1, 28, 28)
        nn.Conv2d(1, 16, kernel_size=5),  # (N, 16, 24, 24)
        nn.MaxPool2d(2),  # (N, 16, 12, 12)
        nn.ReLU(),
        nn.Conv2d(16, 16, kernel_size=3),  # (N, 16, 10, 10)
        nn.MaxPool2d(2),  # (N, 16,  5,  5)
        nn.ReLU(),
        nn.Flatten(),  # (N, 400)
        nn.Linear(400, 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 10),  # (N, 10) logits
    )


def build_model(args: HyperParams | None = None) -> nn.Sequential:
    """The network that the settings ask for (cnn.jl's by default): (N, 1, 28, 28) → (N, 10) logits."""
    args = args or HyperParams()
    if args.model == "task2":
        network = task2(**{name: getattr(args, name) for name in VARIED})
    else:
        network = {"course": course, "lenet": lenet, "strided": strided}[args.model]()
    network = orthogonal(network) if args.start == "orthogonal" else network
    return network.to(memory_format=torch.channels_last)  # the layout in which convolutions are fastest


def score(model: nn.Module, batch: tuple[Tensor, Tensor], smoothing: float = 0.0) -> dict[str, Tensor]:
    """Loss (cross-entropy in nats, −1/n Σ ln p(label), mean over the batch) and accuracy."""
    X, y = batch
    logits = model(X)
    return {"loss": F.cross_entropy(logits, y, label_smoothing=smoothing), "accuracy": accuracy(logits, y)}


def augment(X: Tensor, args: HyperParams) -> Tensor:
    """Images (N, 1, 28, 28) as the network is shown them in training: moved, turned, scaled, mirrored at random."""
    X = random_shift(X, args.shift)
    return random_affine(X, degrees=args.degrees, zoom=args.zoom, flip=args.flip)


def train(data: Data | None = None, network: nn.Sequential | None = None, **kws: Any) -> tuple[nn.Sequential, Run]:
    """Train as Julia's `train(epochs=2, η=1f-3)`: `train(epochs=2, lr=1e-3)`. Returns the model and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name); `data` and `network` are
    built from them unless given.
    """
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    data = data.to(device) if data else get_data(args, device)
    args = args.but(dataset=data.images.name, device=str(device))
    seed_everything(args.seed)
    model = (network or build_model(args)).to(device)
    optimizer = make_optimizer(args.optimizer, model.parameters(), args.lr, weight_decay=args.weight_decay)
    net = for_step(model, compile=args.compile)

    # Flux: withgradient(model) do m … end; update!(…)
    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        X, y = batch
        X = augment(X, args)
        with autocast(device, args.precision):
            logs = score(net, (X, y), args.label_smoothing)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    loader = ArrayLoader(*data.train, batch_size=args.batch_size, shuffle=True, seed=args.seed)
    batches = OneCycle(loader, optimizer, args.epochs) if args.schedule == "one_cycle" else loader

    def evaluation(part: tuple[Tensor, Tensor]):
        return evaluate(lambda batch: score(model, batch), ArrayLoader(*part, batch_size=1000), [model])

    # With a validation part, it chooses the epoch and the test part is looked at once, at the end.
    watched, part = ("val", data.val) if data.val else ("test", data.test)
    with Run(args) as run:
        parameters = sum(p.numel() for p in model.parameters())
        run.say(
            f"{args.model} network, {parameters:,} parameters; {data.images.name}, {len(data.train[1])} training and "
            f"{len(data.test[1])} test images; {len(loader)} steps an epoch on {device}"
        )
        fit(
            step,
            batches,
            modules=[model],
            optimizers=[optimizer],
            schedule=SCHEDULES.get(args.schedule, constant),  # one_cycle: by the step, not by the epoch
            epochs=args.epochs,
            seed=args.seed,
            evaluations={watched: lambda: evaluation(part)},
            run=run,
            monitor="val_loss" if data.val else None,
            patience=args.patience,
            quiet=args.quiet,
        )
        run.save_model(model)
        tested = evaluation(data.test)
        if distributed.is_main():
            save_figures(run, model, data)
        run.finish(
            {f"test_{k}": v for k, v in tested.items()},
            verdict(args, tested["accuracy"], len(data.test[1])),
            look=("curves", "confusion", "predictions"),
            then="python -m labs.cnn.load_predict",
        )
    return model, run


# What was measured (README.md says how): the course's settings, the notebook's network with a smaller rate, `fast`.
EXPECTED = (
    Expected("test_accuracy", 0.983, 0.990, {"dataset": "mnist"}),
    Expected("test_accuracy", 0.989, settings={"dataset": "mnist", "model": "lenet", "lr": 1e-3}),
    Expected("test_accuracy", 0.989, settings={"dataset": "mnist", "preset": "fast"}),
    Expected("test_accuracy", 0.960, settings={"dataset": "digits"}),
)


def verdict(args: HyperParams, reached: float, n: int) -> str:
    """What was reached and what to expect, in a sentence."""
    return f"test accuracy {describe_share(reached, n)} on {n} images{expectations.sentence(EXPECTED, args)}"


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, nn.Sequential]:
    """A run's network, ready to predict, and its settings; the newest run's if none is named."""
    return runs.load(path, HyperParams, build_model)


@torch.inference_mode()
def predict(model: nn.Module, X: Tensor) -> Tensor:
    """Probabilities (N, 10), on the CPU, of the classes for images (N, 1, 28, 28) in [0, 1], wherever they are."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(x.to(device)).softmax(dim=1) for x in X.split(1000)]).cpu()


def save_figures(run: Run, model: nn.Sequential, data: Data) -> None:
    """The figures of a run, and per_class.csv; README.md says what to look for in each."""
    from labs.cnn import run_figures  # here, so that --help need not wait for matplotlib

    args, data = cast(HyperParams, run.settings), data.to(torch.device("cpu"))
    parts = {"train": data.train} | ({"validation": data.val} if data.val else {}) | {"test": data.test}
    shown = partial(augment, args=args) if args.degrees or args.zoom or args.flip or args.shift else None
    run_figures.save(run, model, parts, data.images.classes, predict(model, data.test[0]), shown)


def main() -> None:
    """The command `python -m labs.cnn`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
