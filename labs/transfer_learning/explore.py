"""What the notebook's sliders draw: the old task and the new one, augmentation, a handful of labels."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from common.device import seed_everything
from common.notebook import Upload
from common.plots import plot_mosaic
from labs.transfer_learning import characters
from labs.transfer_learning.grad_cam import explain, plot_heat
from labs.transfer_learning.labelled_images import Data, augment, choose_evenly
from labs.transfer_learning.labels_per_class import LabelsPerClass, settings_of_draw
from labs.transfer_learning.pictures import open_picture
from labs.transfer_learning.pretrained_network import Network, build_model
from labs.transfer_learning.recipe import HyperParams
from labs.transfer_learning.transfer_learning import learn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 100  # gradient steps of the head: a fraction of a second


def draw_characters(seed: int) -> "Figure":
    """48 drawings of the old task."""
    X, _ = characters.draw(48, seed)
    return plot_mosaic(X.float() / 255, columns=16)


def draw_augmented(X: Tensor, degrees: int, zoom: float, brightness: float) -> "Figure":
    """Images (N, C, H, W), as bytes, above what augmentation makes of them, three times."""
    args = HyperParams(degrees=degrees, zoom=zoom, brightness=brightness)
    seed_everything(0)
    return plot_mosaic(torch.cat([X.float() / 255, *(augment(X, args) for _ in range(3))]), columns=len(X))


def draw_few_labels(data: Data, labels: int, draw: int) -> tuple["Figure", str]:
    """The labelled images of one draw, `labels` of each class, and what frozen features make of just these.

    The comparison is the same network and head with random weights, frozen as well.
    """
    reached = {}
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


def draw_heat(model: Network, data: Data, picture: bytes | None, example: int) -> "Figure":
    """What speaks for the likeliest two classes of a picture (a file's content), or else of a test image."""
    y = None
    if picture is None:
        X, y = data.test[0][example : example + 1], data.test[1][example : example + 1]
    else:
        X = open_picture(Upload(picture), model.prepare.image_size)[None]
    p, heat, _ = explain(model, X)
    return plot_heat(X / 255, y, p, heat, data.classes)
