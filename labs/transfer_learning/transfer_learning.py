"""What a pretrained network is worth: its features frozen, fine-tuned, or the same network trained from scratch.

The core of both labs: transfer_learning_cifar.py and transfer_learning_mnist.py mirror the course's Julia files and
only choose settings. After Yosinski et al. 2014, "How transferable are features in deep neural networks?".
README.md has what was measured.
"""

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed
from common.data import ArrayLoader, stratified_split
from common.datasets import SOURCES, fetch_dataset, load_images
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.images import random_affine
from common.metrics import accuracy, confidence_half_width, confusion_matrix, most_confused
from common.optimizers import OptimizerName, make_optimizer
from common.runs import Run
from common.sources import FetchError
from common.trainer import evaluate, fit, prepare
from labs.transfer_learning import backbones, features, pictures, weights
from labs.transfer_learning.backbones import CHARACTERS
from labs.transfer_learning.pretrained_network import Network, build_model, count, layer_table

Strategy = Literal["feature_extraction", "fine_tuning", "from_scratch"]

# What a setting that is not given is, with ImageNet's networks and with the embedded pair of tasks (drawn characters →
# handwritten digits), which is for where nothing can be fetched.
IMAGENET = {
    "strategy": "feature_extraction",
    "train_images": 512,
    "test_images": 128,
    "lr": 3e-3,
    "schedule": "constant",
    "baseline": False,
}
EMBEDDED = {
    "strategy": "feature_extraction",
    "train_images": 50,
    "test_images": 0,
    "epochs": 60,
    "lr": 1e-3,
    "schedule": "cosine",
    "baseline": True,
}


@dataclass(frozen=True)
class HyperParams(cli.TrainingFlags):
    """Teach a pretrained network other classes, from few labelled images."""

    dataset: str = "auto"  # cifar10, mnist, fashion_mnist, kmnist, digits, folder:PATH (one a class); auto: cifar10
    backbone: cli.OptionalName = None  # torchvision's name of a classification model, or characters; none: resnet18
    weights: str = "auto"  # imagenet, none (random), a .safetensors, .npz or .pth file; auto: the backbone's own
    strategy: Strategy | None = None  # what is done with the backbone; none: feature_extraction (it is frozen)
    unfreeze: cli.OptionalInt = None  # fine_tuning: only the last N blocks of the backbone; none: all
    epochs: cli.OptionalInt = None  # passes over the training set; none: 8, with the embedded pair 60
    batch_size: int = 16  # samples per gradient step
    lr: cli.OptionalFloat = None  # learning rate (η) of the head; none: 3e-3, with the embedded pair 1e-3
    backbone_lr: cli.OptionalFloat = None  # fine_tuning: that of the backbone; none: 1e-4
    schedule: Literal["constant", "cosine"] | None = None  # of η; cosine: falls to 0. none: so with the embedded pair
    optimizer: OptimizerName = "adam"  # update rule
    hidden: int = 256  # units of the head's first layer; 0: the head is one layer
    standardize: bool = False  # bring each feature to mean 0 and deviation 1 before the head (by batch normalisation)
    dropout: float = 0.0  # share of the head's hidden units set to 0 in training
    image_size: cli.OptionalInt = None  # side to which images are brought; none: that of the backbone's training
    train_images: cli.OptionalInt = None  # training images, evenly of all classes; 0: all. none: 512, with --split all
    test_images: cli.OptionalInt = None  # test (and validation) images; 0: all. none: 128, with --split all
    split: cli.Floats = ()  # train,validation,test shares of all samples pooled: 0.7,0.15,0.15; none: as published
    patience: cli.OptionalInt = None  # stop after N epochs without a better validation loss (needs --split)
    degrees: float = 0.0  # augmentation: turn each image by up to ±DEGREES
    zoom: float = 0.0  # augmentation: scale each image by 1 ± ZOOM
    flip: bool = False  # augmentation: mirror half of the images (not for digits)
    brightness: float = 0.0  # augmentation: make each image brighter or darker by a factor of 1 ± BRIGHTNESS
    no_cache: bool = False  # feature_extraction: run the backbone in every epoch instead of once per image
    baseline: bool | None = None  # train the same network from scratch, too; none: with the embedded pair

    COURSE = ("cifar10", "resnet18")  # what --dataset auto and no --backbone mean
    EPOCHS = 8  # what no --epochs means
    strategies = ()  # of a command that lays several side by side

    def __post_init__(self) -> None:
        super().__post_init__()
        known = (*SOURCES, "digits", "auto")
        if self.dataset not in known and not pictures.is_folder(self.dataset):
            raise InputError(f"--dataset {self.dataset} is none of {', '.join(known)}, folder:PATH")
        self.require("unfreeze", self.unfreeze is None or self.unfreeze >= 1, "at least 1")
        self.require("backbone_lr", self.backbone_lr is None or 0 < self.backbone_lr < float("inf"), "greater than 0")
        self.require("hidden", self.hidden >= 0, "at least 0")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")
        self.require("image_size", self.image_size is None or self.image_size >= 8, "at least 8")
        for name in ("train_images", "test_images"):
            self.require(name, getattr(self, name) is None or getattr(self, name) >= 0, "at least 0")
        self.require("split", len(self.split) in (0, 3), "three shares: train,validation,test")
        self.require("patience", self.patience is None or self.patience >= 1, "at least 1")
        self.require("degrees", 0 <= self.degrees <= 180, "between 0 and 180")
        self.require("zoom", 0 <= self.zoom < 1, "at least 0 and less than 1")
        self.require("brightness", 0 <= self.brightness < 1, "at least 0 and less than 1")
        if self.patience and not self.split:
            raise InputError("--patience needs a validation part; add --split 0.7,0.15,0.15")
        if self.strategies and self.strategy:
            raise InputError(f"--strategy {self.strategy} is for a single training; this command takes --strategies")
        if "fine_tuning" not in (self.strategy, *self.strategies) and (self.unfreeze or self.backbone_lr):
            flag = "--unfreeze" if self.unfreeze else "--backbone-lr"
            raise InputError(f"{flag} has an effect only with --strategy fine_tuning")
        if self.strategy == "from_scratch" and self.weights not in ("auto", "none"):
            raise InputError(f"--weights {self.weights} contradicts --strategy from_scratch; leave one of them away")

    @property
    def augments(self) -> bool:
        """Whether training images are changed at random."""
        return bool(self.degrees or self.zoom or self.flip or self.brightness)


@dataclass(frozen=True)
class Data:
    """What a run trains and tests on: images as bytes (N, C, H, W) in their own size, labels (N,)."""

    name: str
    classes: tuple[str, ...]
    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor] | None
    test: tuple[Tensor, Tensor]


def resolve(args: HyperParams) -> HyperParams:
    """The settings with data set and backbone chosen. `auto` is the course's pair, if its files can be had.

    If not, it is the embedded pair, with a warning that says what was not reachable.
    """
    name, backbone = args.COURSE
    source = {"offline": args.offline, "quiet": args.quiet}
    own = args.weights in ("auto", "none")  # of a file only the reader knows which network it is of
    if args.dataset == "auto":
        try:  # the weights first: they are fetched sooner
            if args.backbone is None and args.weights == "auto" and args.strategy != "from_scratch":
                weights.find_published(backbone, args.data_dir, **source)
            fetch_dataset(name, args.data_dir, **source)
        except FetchError as error:
            name = "digits"
            network = ", and a network that has learnt drawn characters," if args.backbone is None and own else ""
            warnings.warn(f"{error}. Using the embedded handwritten digits{network} instead", stacklevel=2)
    else:
        name = args.dataset
    chosen = args.backbone or (CHARACTERS if name == "digits" and own else backbone)
    backbones.check_name(chosen)
    small = chosen == CHARACTERS
    usual = EMBEDDED if small and name == "digits" else {**IMAGENET, "epochs": args.EPOCHS}
    if args.split:
        usual = {**usual, "train_images": 0, "test_images": 0}
    given = {key: getattr(args, key) if getattr(args, key) is not None else value for key, value in usual.items()}
    if given["strategy"] == "from_scratch":
        given |= {"weights": "none", "baseline": False}
    elif args.weights == "auto":
        given["weights"] = CHARACTERS if small else "imagenet"
    if given["strategy"] == "fine_tuning":
        given["backbone_lr"] = args.backbone_lr or 1e-4
    given["image_size"] = args.image_size or backbones.preparation(chosen).image_size
    return dataclasses.replace(args, dataset=name, backbone=chosen, **given)


def get_data(args: HyperParams, device: torch.device) -> Data:
    """The parts of a data set, on `device`: as many images as the settings say, as evenly from all classes as can be.

    Images stay in their own size (or, of a folder, at most `--image-size`); each batch is enlarged when it is used.
    All of MNIST as RGB at 224×224 would be 36 GB.
    """
    read: Callable[..., tuple[Tensor, Tensor]]
    if pictures.is_folder(args.dataset):
        classes, found = pictures.list_pictures(Path(args.dataset.removeprefix(pictures.PREFIX)))
        read = functools.partial(pictures.read_pictures, image_size=args.image_size)
    else:
        images = load_images(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
        classes, read = images.classes, lambda X, y: ((X * 255).round().byte(), y)
        found = {"train": (images.X_train, images.y_train), "test": (images.X_test, images.y_test)}
    if args.split or "all" in found:  # without a split of their own a fifth of the pictures is for testing
        items, y = (_concatenate(parts) for parts in zip(*found.values(), strict=True))
        cut = stratified_split(y, args.split or (0.8, 0.2), seed=args.seed)
        parts = [(items[rows.numpy()], y[rows]) for rows in cut]
    else:
        parts = [found["train"], found["test"]]
    train, *others = parts
    wanted = min(args.train_images or len(train[1]), args.limit or len(train[1]))
    chosen = [(train, wanted), *((part, args.test_images or len(part[1])) for part in others)]
    drawn = []
    for i, ((items, y), n) in enumerate(chosen):
        rows = choose_evenly(y, n, derive_seed(args.seed, i))
        X, y = read(items[rows.numpy()], y[rows])
        drawn.append((X.to(device), y.to(device)))
    return Data(args.dataset, classes, drawn[0], drawn[1] if args.split else None, drawn[-1])


def _concatenate(parts: tuple[Tensor | np.ndarray, ...]) -> Tensor | np.ndarray:
    return torch.cat(parts) if isinstance(parts[0], Tensor) else np.concatenate(parts)


def choose_evenly(y: Tensor, n: int, seed: int) -> Tensor:
    """Indices of n samples (or all, if there are fewer) drawn so that no class has two more than another, if it can."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    shuffled = y[order]
    same = torch.zeros(len(y), dtype=torch.long)  # how many of a sample's class come before it
    for label in shuffled.unique():
        same[shuffled == label] = torch.arange(int((shuffled == label).sum()))
    return order[same.argsort(stable=True)][:n]


def score(network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss (cross-entropy in nats, mean over the batch) and accuracy. `network` may be the head, X features."""
    X, y = batch
    logits = network(X)
    return {"loss": F.cross_entropy(logits, y), "accuracy": accuracy(logits, y)}


def augment(X: Tensor, args: HyperParams) -> Tensor:
    """Images (N, C, H, W) turned, scaled, mirrored, brightened at random, in [0, 1]; what comes in is black."""
    X = X.float() / 255
    X = random_affine(X, degrees=args.degrees, zoom=args.zoom, flip=args.flip)
    factor = 1 + args.brightness * (2 * torch.rand(len(X), 1, 1, 1) - 1)  # drawn on the CPU: the same on every device
    return (X * factor.to(X.device)).clamp(0, 1)


def train(data: Data | None = None, network: Network | None = None, **kws) -> tuple[Network, Run]:
    """Train as Julia's `train(epochs=2, η=1f-3)`: `train(epochs=2, lr=1e-3)`. Returns the model and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name); `data` and `network` are
    built from them unless given.
    """
    return train_with(cli.settings(HyperParams, kws), data, network)


def train_with(args: HyperParams, data: Data | None = None, network: Network | None = None) -> tuple[Network, Run]:
    """`train` with the settings as one object, of whichever of the two labs."""
    device = pick_device(args.device)
    args = dataclasses.replace(resolve(args), device=str(device))
    data = data or get_data(args, device)
    seed_everything(args.seed)
    model = (network or build_model(args, len(data.classes))).to(device)
    with Run("transfer_learning", args) as run:
        run.say(
            f"{args.backbone} ({args.weights} weights), {args.strategy}: {count(model):,} of "
            f"{sum(p.numel() for p in model.parameters()):,} parameters learn on {device}\n{layer_table(model)}\n"
            f"{data.name}: {len(data.train[1])} training and {len(data.test[1])} test images of {len(data.classes)} "
            f"classes; an image is {tuple(data.train[0].shape[1:])}, in a batch "
            f"{(args.batch_size, 3, args.image_size, args.image_size)}"
        )
        evaluation, seconds = learn(model, data, args, run)
        run.save_model(model, classes=list(data.classes))
        tested = evaluation("test")
        metrics = {f"test_{name}": value for name, value in tested.items()}
        if data.val:
            metrics["val_accuracy"] = evaluation("val")["accuracy"]
        metrics |= {
            "test_images": len(data.test[1]),
            "blocks": len(backbones.blocks(model.backbone)),
            "trainable_parameters": count(model),
            "feature_seconds": round(seconds, 3),
        }
        if distributed.is_main():
            save_figures(run, model, data)
        if args.baseline and not run.interrupted:
            metrics["scratch_accuracy"], baseline = train_baseline(data, args, run)
            run.interrupted = baseline.interrupted
            save_comparison(run, baseline)
        run.finish(metrics, verdict(args, metrics, len(data.test[1])))
    return model, run


def learn(
    model: Network, data: Data, args: HyperParams, run: Run | None = None
) -> tuple[Callable[[str], dict[str, float]], float]:
    """Train the network in place. Returns a function part → metrics, and the seconds the backbone took for features.

    Without a run nothing is written, and nothing evaluated after each epoch.
    """
    device = data.train[1].device
    parts = {"train": data.train, "test": data.test} | ({"val": data.val} if data.val else {})
    frozen = args.strategy == "feature_extraction"
    trained: nn.Module = model.head if frozen else model
    extract = nn.Sequential(model.prepare, model.backbone)
    keeps_features, seconds = frozen and not args.augments and not args.no_cache, 0.0
    if keeps_features:  # each image goes through the backbone once; from here on the features are the images
        for name, (X, y) in parts.items():
            if run:
                folder = args.data_dir / "features"
                found, took = features.cached(extract, X, folder, args.backbone, args.precision, quiet=args.quiet)
            else:
                found, took = features.compute(extract, X, args.precision, quiet=args.quiet), 0.0
            parts[name], seconds = (found, y), seconds + took
    optimizer = make_optimizer(args.optimizer, model.head.parameters(), args.lr)
    if not frozen:
        learning = [p for p in model.backbone.parameters() if p.requires_grad]
        optimizer.add_param_group({"params": learning, "lr": args.backbone_lr or args.lr})
    fade = {"constant": lambda epoch: 1.0, "cosine": lambda epoch: (1 + math.cos(math.pi * epoch / args.epochs)) / 2}
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, fade[args.schedule])
    net = prepare(trained, compile=args.compile)

    def forward(X: Tensor) -> Tensor:
        if frozen and not keeps_features:
            with torch.no_grad():  # Julia computes the gradient through all of VGG, to throw it away
                X = extract(X)
        return net(X)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:  # Flux: withgradient(model) do m … end; update!(…)
        X, y = batch
        X = augment(X, args) if args.augments else X
        with autocast(device, args.precision):
            logs = score(forward, (X, y))
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def evaluation(name: str) -> dict[str, float]:
        network = model.head if keeps_features else model
        loader = ArrayLoader(*parts[name], batch_size=features.BATCH)
        return evaluate(lambda batch: score(network, batch), loader, [model])

    # Batches as alike in size as can be: BatchNorm's statistics of a last batch of two images would be noise.
    X, y = parts["train"]
    batches = math.ceil(len(y) / args.batch_size)
    loader = ArrayLoader(X, y, batch_size=math.ceil(len(y) / batches), shuffle=True, seed=args.seed)
    # With a validation part, it chooses the epoch and the test part is looked at once, at the end.
    watched = "val" if data.val else "test"
    model.eval()
    fit(
        step,
        loader,
        modules=[trained],
        optimizers=[optimizer],
        schedulers=[scheduler],
        epochs=args.epochs,
        seed=args.seed,
        evaluations={watched: lambda: evaluation(watched)} if run else None,
        run=run,
        monitor="val_loss" if data.val else None,
        patience=args.patience,
        quiet=args.quiet,
    )
    return evaluation, seconds


def train_baseline(data: Data, args: HyperParams, run: Run) -> tuple[float, Run]:
    """The same network trained in full, from random weights, on the same images: test accuracy and its run."""
    run.say("and the same network from scratch, for comparison …")
    path = run.path / "from_scratch"
    where = {"resume": path} if path.is_dir() else {"out": path, "resume": None}
    own = {"strategy": "from_scratch", "weights": "none", "unfreeze": None, "backbone_lr": None, "baseline": False}
    args = dataclasses.replace(args, **own, **where, quiet=True)
    seed_everything(args.seed)
    model = build_model(args, len(data.classes)).to(data.train[1].device)
    with Run("transfer_learning", args) as baseline:
        evaluation, _ = learn(model, data, args, baseline)
        baseline.save_model(model, classes=list(data.classes))
    return evaluation("test")["accuracy"], baseline


def verdict(args: HyperParams, metrics: dict[str, float], n: int) -> str:
    """What was reached and what to expect, in a sentence."""
    reached = metrics["test_accuracy"]
    said = f"test accuracy {reached:.2%} ± {confidence_half_width(reached, n):.2%} on {n} images"
    if "scratch_accuracy" in metrics:
        scratch = metrics["scratch_accuracy"]
        said += f"; from scratch {scratch:.2%}: pretraining is worth {100 * (reached - scratch):+.1f} points here"
    return said


@torch.inference_mode()
def predict(model: Network, X: Tensor) -> Tensor:
    """Probabilities (N, K) of the classes for images (N, C, H, W), bytes or in [0, 1]."""
    model.eval()
    return torch.cat([model(x).softmax(dim=1) for x in X.split(features.BATCH)])


def save_figures(run: Run, model: Network, data: Data) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots  # here, so that --help need not wait for matplotlib

    X, y = data.test
    probabilities = predict(model, X)
    predicted, X = probabilities.argmax(dim=1), X.float() / 255
    # A folder's name may be anything; in a figure a $ would begin a formula.
    classes = [(name if len(name) <= 16 else f"{name[:15]}…").replace("$", r"\$") for name in data.classes]
    matrix = confusion_matrix(y, predicted, len(classes))
    labels = {"train": data.train[1]} | ({"validation": data.val[1]} if data.val else {}) | {"test": y}
    chosen = torch.randperm(len(X), generator=torch.Generator().manual_seed(run.settings.seed))[:16].to(X.device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # class names in letters that the font lacks
        run.save_figure("samples", plots.plot_samples(data.train[0].float() / 255, data.train[1], classes))
        run.save_figure("class_counts", plots.plot_class_counts(labels, classes))
        run.save_figure("curves", plots.plot_curves(run.history))
        run.save_figure("confusion", plots.plot_confusion(matrix, classes))
        run.save_figure("confused_pairs", plots.plot_confused_pairs(most_confused(matrix, 5), X, y, predicted, classes))
        run.save_figure("predictions", plots.plot_predictions(X[chosen], y[chosen], probabilities[chosen], classes))


def save_comparison(run: Run, baseline: Run) -> None:
    """The run's curves and those of its baseline in one figure."""
    from common import plots

    if distributed.is_main():
        histories = {run.settings.strategy: run.history, "from_scratch": baseline.history}
        watched = [name for name in run.history[-1] if name.startswith(("val_", "test_"))]
        run.save_figure("against_scratch", plots.plot_runs(histories, watched))
