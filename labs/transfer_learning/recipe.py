"""What a training is told: its settings, what they are unless given, and what `--dataset auto` comes to."""

import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from common import weights
from common.datasets import DIGITS, SOURCES, fetch_dataset
from common.errors import InputError
from common.optimizers import OptimizerName
from common.schedules import ScheduleName
from common.settings import (
    UNGIVEN,
    Better,
    Count,
    DataDir,
    Floats,
    OptionalCount,
    OptionalFolder,
    OptionalPositive,
    Positive,
    Range,
    Role,
    RunFlags,
    Share,
    Usual,
    Whole,
    default,
    flag,
    of_record,
    read_record,
)
from common.sources import FetchError, data_dir_from_environment
from labs.transfer_learning import backbones, pictures
from labs.transfer_learning.characters import OWN

# The course's three: the backbone as a fixed feature extractor; fine-tuned; as the initial weights of a new model. The
# control: the same network without pretraining.
Strategy = Literal["feature_extraction", "fine_tuning", "initialisation", "from_scratch"]
Side = Annotated[int, Range(8, 1_024)]
STRATEGIES: tuple[Strategy, ...] = ("from_scratch", "feature_extraction", "fine_tuning", "initialisation")

# What a setting that is not given is, with ImageNet's networks and with the embedded pair of tasks (drawn characters →
# handwritten digits), which is for where nothing can be fetched.
IMAGENET = {"train_images": 512, "test_images": 128, "lr": 3e-3, "schedule": "constant", "baseline": False}
EMBEDDED = {
    "train_images": 50,
    "test_images": 0,
    "epochs": 60,
    "lr": 1e-3,
    "schedule": "cosine",
    "baseline": True,
}
# What a training that goes on from another's network has of it: the network, and the images, for what one has learnt
# from may not be among those that the other is tested on.
TAKEN_OVER = (
    *("dataset", "train_images", "test_images", "limit", "split", "seed"),
    *("backbone", "weights", "image_size", "hidden", "standardize"),
)


@dataclass(frozen=True)
class Recipe(RunFlags):
    """What every training of the lab can be told, be it alone or one of several that are laid side by side."""

    dataset: str = "auto"  # cifar10, mnist, fashion_mnist, kmnist, digits, folder:PATH (one a class); auto: cifar10
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # where data sets and weights lie
    weights: str = "auto"  # imagenet, none (random), a .safetensors, .npz or .pth file; auto: the backbone's own
    unfreeze: OptionalCount = None  # fine_tuning: only the last N blocks of the backbone; none: all
    batch_size: Count = 16  # samples per gradient step
    lr: Usual[Positive] = UNGIVEN  # learning rate (η) of the head; none: 3e-3, with the embedded pair 1e-3
    backbone_lr: OptionalPositive = None  # fine_tuning: that of the backbone; none: 1e-4
    schedule: Usual[ScheduleName] = UNGIVEN  # of η; cosine: falls to 0. none: so with the embedded pair, else constant
    optimizer: OptimizerName = "adam"  # update rule
    hidden: Annotated[int, Range(0, 10_000)] = 256  # units of the head's first layer; 0: the head is one layer
    standardize: bool = False  # bring each feature to mean 0 and deviation 1 before the head (by batch normalisation)
    dropout: Share = 0.0  # share of the head's hidden units set to 0 in training
    image_size: Usual[Side] = UNGIVEN  # side to which images are brought; none: that of the backbone's training
    test_images: Usual[Whole] = UNGIVEN  # test (and validation) images; 0: all. none: 128, with --split all
    degrees: Annotated[float, Range(0, 180)] = 0.0  # augmentation: turn each image by up to ±DEGREES
    zoom: Share = 0.0  # augmentation: scale each image by 1 ± ZOOM
    flip: bool = False  # augmentation: mirror half of the images (not for digits)
    brightness: Share = 0.0  # augmentation: make each image brighter or darker by a factor of 1 ± BRIGHTNESS
    precision: Annotated[Literal["float32", "bfloat16"], Role.CHANCE] = "float32"  # bfloat16: mixed, for recent GPUs
    compile: Annotated[bool, Role.CHANCE] = False  # torch.compile what learns: slow to start, faster on a GPU

    @property
    def augments(self) -> bool:
        """Whether training images are changed at random."""
        return bool(self.degrees or self.zoom or self.flip or self.brightness)


@dataclass(frozen=True)
class HyperParams(Recipe):
    """Teach a pretrained network other classes, from few labelled images."""

    COMMAND: ClassVar[str] = "labs.transfer_learning"
    SHARES_BATCHES: ClassVar[bool] = True
    BETTER: ClassVar[Mapping[str, Better]] = {"val_accuracy": "larger", "val_loss": "smaller"}
    COURSE: ClassVar[tuple[str, str]] = ("cifar10", "resnet18")  # what --dataset auto and no --backbone mean
    EPOCHS: ClassVar[int] = 8  # what no --epochs means

    backbone: Usual[str] = UNGIVEN  # torchvision's name of a classification model, or characters; none: resnet18
    strategy: Strategy = "feature_extraction"  # backbone frozen; trained at its own rate; trained as the rest; not used
    start_from: OptionalFolder = None  # begin with the trained network of that run, head and backbone, on its images
    epochs: Annotated[Usual[Count], Role.LENGTH] = UNGIVEN  # passes over the training set; none: 8, embedded pair 60
    train_images: Usual[Whole] = UNGIVEN  # training images, evenly of all classes; 0: all. none: 512, with --split all
    limit: OptionalCount = None  # use only the first N training samples, after shuffling by the seed
    split: Floats = ()  # train,validation,test shares of all samples pooled: 0.7,0.15,0.15; none: as published
    patience: OptionalCount = None  # stop after N epochs without a better validation loss (needs --split)
    no_cache: bool = False  # feature_extraction: run the backbone in every epoch instead of once per image
    baseline: Usual[bool] = UNGIVEN  # train the same network from scratch, too; none: with the embedded pair

    def usual(self) -> dict[str, Any]:
        usual: dict[str, Any] = {"backbone_lr": 1e-4} if self.strategy == "fine_tuning" else {}
        if self.dataset != "auto" and self.backbone:  # or else `resolve` chooses them
            embedded = self.dataset == DIGITS and self.backbone in OWN
            usual |= EMBEDDED if embedded else {**IMAGENET, "epochs": self.EPOCHS}
        if self.split:
            usual |= {"train_images": 0, "test_images": 0}
        if self.strategy == "from_scratch" or self.start_from:
            usual["baseline"] = False
        return usual

    def check(self) -> None:
        known = (*SOURCES, DIGITS, "auto")
        if self.dataset not in known and not pictures.is_folder(self.dataset):
            raise InputError(f"--dataset {self.dataset} is none of {', '.join(known)}, folder:PATH")
        self.require("split", len(self.split) in (0, 3), "three shares: train,validation,test")
        if self.patience and not self.split:
            raise InputError("--patience needs a validation part; add --split 0.7,0.15,0.15")
        if self.strategy == "from_scratch" and self.weights not in ("auto", "none"):
            raise InputError(f"--weights {self.weights} contradicts --strategy from_scratch; leave one of them away")
        if self.strategy == "from_scratch" and self.start_from:
            raise InputError("--start-from contradicts --strategy from_scratch; leave one of them away")
        tuned, frozen = self.strategy == "fine_tuning", self.strategy == "feature_extraction"
        self.refuse_unused({"unfreeze": tuned, "backbone_lr": tuned}, "without --strategy fine_tuning")
        self.refuse_unused({"no_cache": frozen}, "without --strategy feature_extraction")
        self.refuse_unused({"no_cache": not self.augments}, "with augmentation, where no features can be kept")
        self.refuse_unused({"baseline": self.strategy != "from_scratch"}, "with --strategy from_scratch, which it is")
        self.refuse_unused({"dropout": self.hidden > 0}, "on a head of one layer (--hidden 0)")


H = TypeVar("H", bound=HyperParams)


def resolve(args: H) -> H:
    """The settings with data set and backbone chosen. `auto` is the course's pair, if its files can be had.

    If not, it is the embedded pair, with a warning that says what was not reachable.
    """
    if args.start_from and not args.resume:
        args = take_over(args, args.start_from)
    name, backbone = args.COURSE
    own = args.weights in ("auto", "none")  # of a file only the reader knows which network it is of
    if args.dataset == "auto":
        try:  # the weights first: they are fetched sooner
            if args.backbone is None and args.weights == "auto" and args.strategy != "from_scratch":
                weights.find_published(backbone, args.data_dir, offline=args.offline, quiet=args.quiet)
            fetch_dataset(name, args.data_dir, offline=args.offline, quiet=args.quiet)
        except FetchError as error:
            name = DIGITS
            network = ", and a network that has learnt drawn characters," if args.backbone is None and own else ""
            warnings.warn(error.describe_substitute(f"the embedded handwritten digits{network}"), stacklevel=2)
    else:
        name = args.dataset
    chosen = args.backbone or (OWN[0] if name == DIGITS and own else backbone)
    backbones.check_name(chosen)
    found: dict[str, Any] = {"image_size": args.image_size or backbones.preparation(chosen).image_size}
    if args.strategy == "from_scratch":
        found["weights"] = "none"
    elif args.weights == "auto":
        found["weights"] = chosen if chosen in OWN else "imagenet"
    return args.but(dataset=name, backbone=chosen, **found)  # `usual` fills in the rest


def take_over(args: H, path: Path) -> H:
    """The settings with those of the run in `path` for network and images; InputError for one given otherwise.

    Two stages, as in Task № 3 f: a head is trained on a frozen backbone, then the last block of that network learns.
    """
    theirs = of_record(HyperParams, read_record(path), path / "hyperparams.json")
    for name in TAKEN_OVER:
        own, needed = getattr(args, name), getattr(theirs, name)
        if own not in (needed, default(type(args), name), args.usual().get(name)):
            raise InputError(
                f"{flag(name)} {own} differs from {path}, which has {needed}; a training that starts from a network "
                f"keeps its build and its images: leave {flag(name)} away"
            )
    return args.but(**{name: getattr(theirs, name) for name in TAKEN_OVER})


def settings_of(args: Recipe, strategy: Strategy, **own: Any) -> HyperParams:
    """The settings of one training among several: those of `args` that mean anything to its strategy, and its `own`."""
    names = {field.name for field in dataclasses.fields(HyperParams)}
    shared = {field.name: getattr(args, field.name) for field in dataclasses.fields(args) if field.name in names}
    shared |= {"strategy": strategy, "out": None, "resume": None, "baseline": False, "quiet": True}
    if strategy == "from_scratch":
        shared["weights"] = "auto"
    if strategy != "fine_tuning":
        shared |= {"backbone_lr": None, "unfreeze": None}
    if strategy != "feature_extraction":
        shared["no_cache"] = False
    return HyperParams(**{**shared, **own})
