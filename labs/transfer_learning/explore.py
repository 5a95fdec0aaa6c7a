"""What the notebook shows: the old task and the new one, a pair of them to choose, training, a handful of labels."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common.datasets import DIGITS
from common.device import seed_everything
from common.errors import InputError
from common.notebook import Upload
from common.plots import mosaic, plot_mosaic, plot_samples
from common.runs import Run
from labs.transfer_learning import characters, pictures
from labs.transfer_learning.characters import OWN
from labs.transfer_learning.grad_cam import explain, plot_heat
from labs.transfer_learning.labelled_images import Data, augment, choose_evenly, get_data
from labs.transfer_learning.labels_per_class import LabelsPerClass, settings_of_draw
from labs.transfer_learning.pictures import open_picture
from labs.transfer_learning.pretrained_network import Network, build_model, layer_table
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import learn, load_run, predict, score, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 100  # gradient steps of the head: a fraction of a second
SIDE = 96  # pixels: torchvision's networks are quick enough at that
IMAGES = {"train_images": 500, "test_images": 200}  # of data sets that are larger than the embedded one
DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10", "photographs")
BACKBONES = (*OWN, "squeezenet1_0", "mobilenet_v3_small", "resnet18")
CPU = torch.device("cpu")
ROWS, COLUMNS = 4, 10  # of test images to point at


@dataclass(frozen=True)
class Pair:
    """A data set and a backbone: the (resolved) settings, and the images."""

    settings: HyperParams
    data: Data


Trained = tuple[Network, Run, Pair]


def open_pair(dataset: str, folder: str, backbone: str) -> Pair:
    """The pair that is chosen; `photographs` are those in `folder`, a folder a class. InputError if there are none."""
    if dataset == "photographs":
        if not folder.strip():
            raise InputError("name the folder of your photographs: it holds a folder for each class")
        dataset = f"{pictures.PREFIX}{folder.strip()}"
    images: dict[str, Any] = {"train_images": 0, "test_images": 0} if dataset == DIGITS else dict(IMAGES)
    images["image_size"] = None if backbone in OWN else SIDE
    settings = resolve(HyperParams(dataset=dataset, backbone=backbone, **images))
    return Pair(settings, get_data(settings, CPU))


def train_pair(pair: Pair | None, strategy: str, train_images: int, epochs: int, lr: float) -> Trained:
    """Train on so many images of the pair, as evenly of all classes as can be."""
    if pair is None:
        raise InputError("open a data set first")
    own = pair.settings
    settings = {name: getattr(own, name) for name in ("dataset", "backbone", "image_size", "test_images")}
    settings |= {"standardize": own.backbone not in OWN, "baseline": False}
    model, run = train(**settings, strategy=strategy, train_images=train_images, epochs=epochs, lr=lr)
    return model, run, pair


def name_button(pair: Pair | None) -> str:
    """What the button says; with another pair the form is another one, and waits."""
    return "Train" if pair is None else f"Train {pair.settings.backbone} on {pair.data.name}"


# --- Before training ------------------------------------------------------------------------------------------------


def draw_characters(seed: int) -> "Figure":
    """48 drawings of the old task."""
    X, _ = characters.draw(48, seed)
    return plot_mosaic(X.float() / 255, columns=16)


def draw_samples(pair: Pair) -> tuple["Figure", str]:
    """A row of training images per class, and how many there are."""
    X, y = pair.data.train
    return plot_samples(X.float() / 255, y, pair.data.classes), pair.data.describe()


def draw_augmented(pair: Pair, degrees: int, zoom: float, brightness: float) -> "Figure":
    """Twelve images, as they are, above what augmentation makes of them, three times."""
    args, X = HyperParams(degrees=degrees, zoom=zoom, brightness=brightness), pair.data.train[0][:12]
    seed_everything(0)
    return plot_mosaic(torch.cat([X.float() / 255, *(augment(X, args) for _ in range(3))]), columns=len(X))


def describe_network(pair: Pair) -> str:
    """Which blocks learn and which are frozen; eight images on their way; what the untrained network is worth."""
    seed_everything(0)
    model = build_model(pair.settings, len(pair.data.classes)).eval()
    X, y = pair.data.train
    with torch.no_grad():
        prepared = model.prepare(X[:8])
        features = model.backbone(prepared)
        shapes = [tuple(step.shape) for step in (X[:8], prepared, features, model.head(features))]
        before = score(model, (X[:64], y[:64]))
    way = " → ".join(map(str, shapes))
    guessing = f"guessing would be {math.log(len(pair.data.classes)):.2f}"
    untrained = f"before training: loss {before['loss']:.2f} ({guessing}), {before['accuracy']:.0%} of 64 images right"
    return f"{layer_table(model)}\n\nimages → prepared → features → logits:\n{way}\n\n{untrained}"


# --- After training -------------------------------------------------------------------------------------------------


def figure(name: str) -> Callable[..., Path]:
    """What shows one of the run's figures."""
    return functools.partial(_figure, name=name)


def _figure(model: Network, run: Run, pair: Pair, name: str) -> Path:
    return run.path / "figures" / f"{name}.png"


def reopen(model: Network, run: Run, pair: Pair) -> str:
    """Whether the network that the run has saved says the same of every test image."""
    loaded = load_run(run.path)
    same = torch.equal(
        predict(loaded.model.to(run.settings.device), pair.data.test[0]), predict(model, pair.data.test[0])
    )
    return f"classes {', '.join(loaded.about['classes'])}; the same probabilities, to the last bit: {same}"


def test_mosaic(pair: Pair | None) -> Tensor:
    """The first test images (C, H, W) in [0, 1], side by side, to point at; a black sheet without any."""
    if pair is None:
        return torch.zeros(1, 28 * ROWS, 28 * COLUMNS)
    X = pair.data.test[0][: ROWS * COLUMNS].float() / 255
    return F.interpolate(mosaic(X, COLUMNS)[None], scale_factor=2.0)[0]


def draw_heat(model: Network, run: Run, pair: Pair, picture: bytes | None, place: tuple[int, int] | None) -> "Figure":
    """What speaks for the likeliest two classes of a picture (a file's content), else of the test image clicked at."""
    y = None
    if picture is None:
        row, column = place or (0, 0)
        i = min(row * COLUMNS + column, len(pair.data.test[1]) - 1)
        X, y = pair.data.test[0][i : i + 1], pair.data.test[1][i : i + 1]
    else:
        X = open_picture(Upload(picture), model.prepare.image_size)[None]
    p, heat, _ = explain(model, X)
    return plot_heat(X / 255, y, p, heat, pair.data.classes)


# --- How many labels ------------------------------------------------------------------------------------------------


@functools.cache
def open_digits() -> Data:
    """The embedded handwritten digits."""
    return open_pair(DIGITS, "", OWN[0]).data


def draw_few_labels(labels: int, draw: int) -> tuple["Figure", str]:
    """The labelled digits of one draw, `labels` of each class, and what frozen features make of just these.

    The comparison is the same network and head with random weights, frozen as well.
    """
    reached, data = {}, open_digits()
    for weights in ("auto", "none"):
        args = LabelsPerClass(dataset=data.name, steps=STEPS, device="cpu", offline=True, weights=weights)
        settings = settings_of_draw(args, "feature_extraction", labels, draw, len(data.classes))
        X, y = data.train
        rows = choose_evenly(y, labels * len(data.classes), settings.seed)
        chosen = Data(data.name, data.classes, (X[rows], y[rows]), None, data.test)
        seed_everything(settings.seed)
        evaluation, _ = learn(build_model(settings, len(data.classes)), chosen, settings)
        reached[weights] = evaluation("test")["accuracy"]
    order = y[rows].argsort(stable=True)
    return plot_mosaic(X[rows][order].float() / 255, columns=max(labels, 10)), (
        f"{len(rows)} labelled images, {len(data.test[1])} test images\n"
        f"frozen, pretrained:      {reached['auto']:.1%} right\n"
        f"frozen, random weights:  {reached['none']:.1%} right"
    )


def show_curve(rows: list[dict], run: Run) -> Path:
    """The curve that `labels_per_class` has drawn."""
    return run.path / "figures" / "labels_per_class.png"
