"""A first network on images, from tensors to a tested classifier: the introductions' hands-on parts 1 to 4.

A multi-layer perceptron (dense layers, ReLU between them) learns to read digits or to tell clothes apart. It has a
training, a validation and a test part, so that learning by heart can be seen, and what weight decay, dropout, early
stopping and more data do about it. README.md has what was measured.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed, expectations, runs
from common.data import ArrayLoader, stratified_split
from common.datasets import ImageData, load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.expectations import Expected
from common.metrics import accuracy, confusion_matrix, describe_share
from common.optimizers import OptimizerName, make_optimizer
from common.runs import Run
from common.settings import UNGIVEN, Better, Count, Counts, NotNegative, OptionalCount, Share, TrainingFlags, Usual
from common.trainer import evaluate, fit, for_step

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a multi-layer perceptron on images, and see when it learns by heart."""

    COMMAND: ClassVar[str] = "labs.foundations"
    SHARES_BATCHES: ClassVar[bool] = True
    BETTER: ClassVar[dict[str, Better]] = {"val_loss": "smaller", "val_accuracy": "larger"}

    dataset: Literal["auto", "mnist", "fashion_mnist", "kmnist", "digits"] = "auto"  # auto: MNIST, else digits
    epochs: Usual[Count] = UNGIVEN  # passes over the training part; none: 10, or 30 for the digits
    hidden: Counts = (128, 64)  # units of each hidden layer
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"  # what follows each hidden layer
    optimizer: OptimizerName = "adam"  # update rule
    l2: NotNegative = 0.0  # weight decay (λ): adds λ/2 Σ w² to the loss
    dropout: Share = 0.0  # share of each hidden layer's outputs set to 0 in training
    patience: OptionalCount = None  # early stopping: end after N epochs without a better validation loss, keep the best

    def usual(self) -> dict[str, Any]:
        return {} if self.dataset == "auto" else {"epochs": 30 if self.dataset == "digits" else 10}


@dataclass(frozen=True)
class Data:
    """The images as loaded, and the three parts: X (N, 1, 28, 28) in [0, 1] and labels y (N,)."""

    images: ImageData
    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def get_data(args: HyperParams, device: torch.device) -> Data:
    """A fifth of the published training images validates; the test part is as published. All on `device`."""
    images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    learn, check = stratified_split(images.y_train, (0.8, 0.2), seed=args.seed)
    if args.limit:
        generator = torch.Generator().manual_seed(derive_seed(args.seed))
        learn = learn[torch.randperm(len(learn), generator=generator)[: args.limit]]
    X, y = images.X_train.to(device), images.y_train.to(device)
    test = images.X_test.to(device), images.y_test.to(device)
    return Data(images, (X[learn], y[learn]), (X[check], y[check]), test)


def build_model(args: HyperParams | None = None) -> nn.Sequential:
    """(N, 1, 28, 28) → (N, 10) logits; 109 386 parameters by default."""
    args = args or HyperParams()
    layers: list[nn.Module] = [nn.Flatten()]  # (N, 784)
    size = 28 * 28
    for units in args.hidden:
        layers += [nn.Linear(size, units), ACTIVATIONS[args.activation]()]  # (N, units)
        layers += [nn.Dropout(args.dropout)] if args.dropout else []
        size = units
    return nn.Sequential(*layers, nn.Linear(size, 10))  # (N, 10) logits


def score(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss (cross-entropy in nats, mean over the batch) and accuracy."""
    X, y = batch
    logits = model(X)
    return {"loss": F.cross_entropy(logits, y), "accuracy": accuracy(logits, y)}


def first_lines() -> list[str]:
    """Hands-on part 1: a tensor, and a derivative that nobody worked out by hand."""
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    z = torch.tensor(3.0, requires_grad=True)
    (z**2 + 2 * z).backward()
    means = x.mean(dim=0).tolist()
    first = f"a tensor: x = {x.tolist()} has shape {tuple(x.shape)}; its columns' means are {means}"
    return [first, f"autograd: of z² + 2z at z = 3 the derivative is 2z + 2 = {z.grad:g}"]


def train(data: Data | None = None, network: nn.Sequential | None = None, **kws: Any) -> tuple[nn.Sequential, Run]:
    """Train; keyword arguments are the fields of HyperParams. Returns the model and its run."""
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    data = data or get_data(args, device)
    args = args.but(dataset=data.images.name, device=str(device))
    seed_everything(args.seed)
    model = (network or build_model(args)).to(device)
    optimizer = make_optimizer(args.optimizer, model.parameters(), args.lr, weight_decay=args.l2)
    net = for_step(model, compile=args.compile)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def evaluation(part: tuple[Tensor, Tensor]) -> dict[str, float]:
        return evaluate(lambda batch: score(model, batch), ArrayLoader(*part, batch_size=1000), [model])

    loader = ArrayLoader(*data.train, batch_size=args.batch_size, shuffle=True, seed=args.seed)
    with Run(args) as run:
        run.say("\n".join(first_lines()))
        sizes = ", ".join(f"{len(part[1])} {name}" for name, part in parts(data).items())
        run.say(f"{sum(p.numel() for p in model.parameters()):,} parameters; {data.images.name}: {sizes}; {device}")
        if not run.resumed:
            before = evaluation(data.val)["loss"]
            run.say(f"loss before the first step: {before:.3f}; no class preferred: ln 10 = {math.log(10):.3f}")
        fit(
            step,
            loader,
            modules=[model],
            optimizers=[optimizer],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"val": lambda: evaluation(data.val)},
            run=run,
            monitor="val_loss" if args.patience else None,
            patience=args.patience,
            quiet=args.quiet,
        )
        run.save_model(model)
        tested = evaluation(data.test)
        if distributed.is_main():
            save_figures(run, model, data)
        n = len(data.test[1])
        said = f"test accuracy {describe_share(tested['accuracy'], n)}{expectations.sentence(EXPECTED, args)}"
        run.finish({f"test_{k}": v for k, v in tested.items()}, said, look=("curves", "predictions"))
    return model, run


EXPECTED = (  # seeds 0 to 4 of the digits, 0 and 1 of MNIST (README.md)
    Expected("test_accuracy", 0.950, settings={"dataset": "digits"}),
    Expected("test_accuracy", 0.974, 0.980, settings={"dataset": "mnist"}),
)


def parts(data: Data) -> dict[str, tuple[Tensor, Tensor]]:
    """The three parts by name."""
    return {"training": data.train, "validation": data.val, "test": data.test}


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, nn.Sequential]:
    """A run's network, ready to predict, and its settings; the newest run's if none is named."""
    return runs.load(path, HyperParams, build_model)


@torch.inference_mode()
def predict(model: nn.Module, X: Tensor) -> Tensor:
    """Probabilities (N, 10) for images (N, 1, 28, 28) in [0, 1]; on the CPU."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(x.to(device)).softmax(dim=1).cpu() for x in X.split(1000)])


def save_figures(run: Run, model: nn.Sequential, data: Data) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots

    classes = data.images.classes
    X, y = (tensor.cpu() for tensor in data.test)
    probabilities = predict(model, X)
    least_sure = probabilities.amax(dim=1).argsort()[:16]
    run.save_figure("samples", plots.plot_samples(*data.train, classes))
    run.save_figure("class_counts", plots.plot_class_counts({k: part[1] for k, part in parts(data).items()}, classes))
    run.save_figure("curves", plots.plot_curves(run.history))
    matrix = confusion_matrix(y, probabilities.argmax(dim=1), len(classes))
    run.save_figure("confusion", plots.plot_confusion(matrix, classes))
    hard = X[least_sure], y[least_sure], probabilities[least_sure]
    run.save_figure("predictions", plots.plot_predictions(*hard, classes))


def main() -> None:
    """The command `python -m labs.foundations`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
