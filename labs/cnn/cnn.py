"""A convolutional network learns to read digits.

Mirrors cnn.jl of the course (same order, names and numbers); `--model lenet` is its notebook's network and
`--model task2` the lab manual's (Task № 2). After LeCun et al. 1998, "Gradient-based learning applied to
document recognition". Reaches 98.3–99.0 % on MNIST with the course's settings; README.md has what was measured.
"""

from dataclasses import dataclass
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
from common.metrics import accuracy, confusion_matrix, describe_share, most_confused
from common.optimizers import OptimizerName, make_optimizer
from common.runs import Run
from common.schedules import SCHEDULES, ScheduleName
from common.settings import UNGIVEN, Count, Counts, Floats, OptionalCount, Positive, Range, Share, TrainingFlags, Usual
from common.trainer import evaluate, fit, for_step


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a small convolutional network on handwritten digits (or clothes, or Japanese characters)."""

    COMMAND: ClassVar[str] = "labs.cnn"
    SHARES_BATCHES: ClassVar[bool] = True

    dataset: Literal["auto", "mnist", "fashion_mnist", "kmnist", "digits"] = "auto"  # auto: MNIST, else digits
    epochs: Usual[Count] = UNGIVEN  # passes over the training set; none: 8, or 30 for the digits (far fewer images)
    lr: Positive = 3e-3  # learning rate (η)
    optimizer: OptimizerName = "adam"  # update rule
    schedule: Usual[ScheduleName] = UNGIVEN  # of η; cosine: falls to 0. none: constant, for lenet cosine
    model: Literal["course", "lenet", "task2"] = "course"  # cnn.jl's network, the notebook's, the lab manual's
    split: Floats = ()  # train,validation,test shares of all samples pooled, e.g. 0.6,0.2,0.2; none: as published
    patience: OptionalCount = None  # stop after N epochs without a better validation loss (needs --split)
    filters: Counts = (32, 64)  # task2: filters of each convolution, as many convolutions as numbers
    kernel_size: Count = 3  # task2: side of the filters
    dropout: Share = 0.0  # task2: share of the dense layer's inputs set to 0 in training
    batch_norm: bool = False  # task2: normalise each feature map over the batch
    degrees: Annotated[float, Range(0, 180)] = 0.0  # augmentation: turn each image by up to ±DEGREES
    zoom: Share = 0.0  # augmentation: scale each image by 1 ± ZOOM
    flip: bool = False  # augmentation: mirror half of the images (for clothes, not for digits)

    def usual(self) -> dict[str, Any]:
        known = {} if self.dataset == "auto" else {"epochs": 30 if self.dataset == "digits" else 8}
        return known | {"schedule": "cosine" if self.model == "lenet" else "constant"}

    def check(self) -> None:
        self.require("split", len(self.split) in (0, 3), "three shares: train,validation,test")
        if self.patience and not self.split:
            raise InputError("--patience needs a validation part; add --split 0.6,0.2,0.2")
        varied = self.model == "task2"
        self.refuse_unused(
            {"filters": varied, "kernel_size": varied, "dropout": varied, "batch_norm": varied},
            f"on the network {self.model!r}; add --model task2",
        )


@dataclass(frozen=True)
class Data:
    """What a run trains and tests on: `images` as loaded, and the parts cut from them."""

    images: ImageData
    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor] | None
    test: tuple[Tensor, Tensor]


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
    if args.limit:
        generator = torch.Generator().manual_seed(derive_seed(args.seed))
        chosen = torch.randperm(len(train[1]), generator=generator)[: args.limit]
        train = train[0][chosen], train[1][chosen]

    def there(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return part[0].to(device), part[1].to(device)

    return Data(images, there(train), val and there(val), there(test))


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


def lenet() -> nn.Sequential:
    """The notebook's variant of LeNet-5: 44 426 parameters."""
    network = nn.Sequential(  # (N,  1, 28, 28)
        nn.Conv2d(1, 6, kernel_size=5),  # (N,  6, 24, 24)
        nn.MaxPool2d(2),  # (N,  6, 12, 12)
        nn.ReLU(),
        nn.Conv2d(6, 16, kernel_size=5),  # (N, 16,  8,  8)
        nn.MaxPool2d(2),  # (N, 16,  4,  4)
        nn.ReLU(),
        nn.Flatten(),  # (N, 256)
        nn.Linear(256, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),  # (N, 10) logits
    )
    for layer in network:  # as Flux does it; torch's own start is smaller, which suits tanh less (Glorot & Bengio 2010)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))
    return network


def task2(
    filters: tuple[int, ...] = (32, 64), kernel_size: int = 3, dropout: float = 0.0, batch_norm: bool = False
) -> nn.Sequential:
    """The lab manual's network and its variations: 225 034 parameters as the manual has it.

    Raises InputError if a 28×28 image is too small for so many convolutions.
    """
    layers: list[nn.Module] = []
    channels, side = 1, 28
    for n in filters:
        layers += [nn.Conv2d(channels, n, kernel_size)]  # (N, n, side − k + 1, …)
        layers += [nn.BatchNorm2d(n)] if batch_norm else []
        layers += [nn.MaxPool2d(2), nn.ReLU()]  # (N, n, half of that, …)
        channels, side = n, (side - kernel_size + 1) // 2
        if side < 1:
            raise InputError(
                f"--filters {','.join(map(str, filters))} with --kernel-size {kernel_size} leaves no pixel of 28×28"
            )
    layers += [nn.Flatten(), nn.Linear(channels * side**2, 128), nn.ReLU()]
    layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(128, 10))  # (N, 10) logits


def build_model(args: HyperParams | None = None) -> nn.Sequential:
    """The network that the settings ask for (cnn.jl's by default): (N, 1, 28, 28) → (N, 10) logits."""
    args = args or HyperParams()
    if args.model == "task2":
        network = task2(args.filters, args.kernel_size, args.dropout, args.batch_norm)
    else:
        network = {"course": course, "lenet": lenet}[args.model]()
    return network.to(memory_format=torch.channels_last)  # the layout in which convolutions are fastest


def score(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss (cross-entropy in nats, mean over the batch) and accuracy."""
    X, y = batch
    logits = model(X)
    return {"loss": F.cross_entropy(logits, y), "accuracy": accuracy(logits, y)}


def train(data: Data | None = None, network: nn.Sequential | None = None, **kws: Any) -> tuple[nn.Sequential, Run]:
    """Train as Julia's `train(epochs=2, η=1f-3)`: `train(epochs=2, lr=1e-3)`. Returns the model and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name); `data` and `network` are
    built from them unless given.
    """
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    data = data or get_data(args, device)
    args = args.but(dataset=data.images.name, device=str(device))
    seed_everything(args.seed)
    model = (network or build_model(args)).to(device)
    optimizer = make_optimizer(args.optimizer, model.parameters(), args.lr)
    net = for_step(model, compile=args.compile)

    # Flux: withgradient(model) do m … end; update!(…)
    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        X, y = batch
        X = random_affine(X, degrees=args.degrees, zoom=args.zoom, flip=args.flip)
        with autocast(device, args.precision):
            logs = score(net, (X, y))
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    loader = ArrayLoader(*data.train, batch_size=args.batch_size, shuffle=True, seed=args.seed)

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
            loader,
            modules=[model],
            optimizers=[optimizer],
            schedule=SCHEDULES[args.schedule],
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
        run.finish({f"test_{k}": v for k, v in tested.items()}, verdict(args, tested["accuracy"], len(data.test[1])))
    return model, run


# What was measured (README.md says how): the course's settings, and the notebook's network with a smaller rate.
EXPECTED = (
    Expected("test_accuracy", 0.983, 0.990, {"dataset": "mnist"}),
    Expected("test_accuracy", 0.989, settings={"dataset": "mnist", "model": "lenet", "lr": 1e-3}),
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
    """Probabilities (N, 10) of the classes for images (N, 1, 28, 28) in [0, 1]."""
    model.eval()
    return torch.cat([model(x).softmax(dim=1) for x in X.split(1000)])


@torch.inference_mode()
def feature_maps(model: nn.Sequential, image: Tensor) -> dict[str, Tensor]:
    """What each layer with feature maps makes of one image (1, 28, 28): layer's name → (C, H, W)."""
    model.eval()
    maps, x = {}, image[None]
    for i, layer in enumerate(model):
        x = layer(x)
        if x.ndim == 4:
            maps[f"{i} {type(layer).__name__}"] = x[0]
    return maps


def save_figures(run: Run, model: nn.Sequential, data: Data) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots  # here, so that --help need not wait for matplotlib
    from labs.cnn import figures

    classes, (X, y) = data.images.classes, data.test
    probabilities = predict(model, X)
    predicted = probabilities.argmax(dim=1)
    matrix = confusion_matrix(y, predicted, len(classes))
    parts = {"train": data.train[1]} | ({"validation": data.val[1]} if data.val else {}) | {"test": y}
    chosen = torch.randperm(len(X), generator=torch.Generator().manual_seed(run.settings.seed))[:16].to(X.device)
    run.save_figure("samples", plots.plot_samples(*data.train, classes))
    run.save_figure("class_counts", plots.plot_class_counts(parts, classes))
    run.save_figure("curves", plots.plot_curves(run.history))
    run.save_figure("confusion", plots.plot_confusion(matrix, classes))
    run.save_figure("confused_pairs", plots.plot_confused_pairs(most_confused(matrix, 5), X, y, predicted, classes))
    run.save_figure("predictions", plots.plot_predictions(X[chosen], y[chosen], probabilities[chosen], classes))
    run.save_figure("filters", figures.plot_filters(cast(nn.Conv2d, model[0]).weight))
    run.save_figure("feature_maps", figures.plot_feature_maps(X[chosen[0]], feature_maps(model, X[chosen[0]])))


def main() -> None:
    """The command `python -m labs.cnn`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
