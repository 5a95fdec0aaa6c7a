"""What the notebook draws: a kernel on a picture, a digit on its way through a network, points to separate."""

import functools
import io
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from common.datasets import class_names
from common.device import derive_seed, seed_everything
from common.errors import InputError
from common.layers import plot_layers
from common.notebook import Control, Upload, pick
from common.playground import Playground, Points, draw_trained
from common.runs import Run
from labs.cnn.cnn import Data, HyperParams, build_model, get_data, load_run, predict, score
from labs.cnn.figures import plot_feature_maps, plot_readings, plot_samples, plot_window
from labs.cnn.inside import draw_all, explain, feature_maps
from labs.cnn.kernels import EXAMPLES, convolve, draw_kernel, explain_pixel, get_picture, parse_kernel, to_grey
from labs.cnn.own_pictures import PICTURES, find_digit, open_picture
from labs.cnn.shapes import Request, describe, list_layers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COARSE = 56  # pixels of the longer side of a picture whose pixels one points at
BRUSHED = 300  # points that are thrown on a painted plane


def draw_convolved(
    picture: str, file: bytes | None, kernel: str, numbers: str, bias: float = 0.0, relu: bool = False
) -> "Figure":
    """`kernels.draw_kernel` for a picture by name, or the content of an uploaded file, and a kernel or own numbers."""
    return draw_kernel(chosen_picture(picture, file), numbers.strip() or kernel, bias, relu)


def chosen_picture(name: str, file: bytes | None) -> Tensor:
    """Brightness (H, W) in [0, 1] of the uploaded file; without one, of the picture of that name."""
    return get_picture(name) if file is None else to_grey(open_picture(Upload(file)))


def coarse_picture(name: str, file: bytes | None) -> Tensor:
    """The same with so few pixels that one can point at each."""
    X = chosen_picture(name, file)
    picture = Image.fromarray((X.numpy() * 255).round().astype(np.uint8))
    picture.thumbnail((COARSE, COARSE))
    return to_grey(picture)


def point_at_picture(picture: str, file: bytes | None) -> Control:
    """The picture, whose pixels one points at; the first of the lab's if the file is none, as `draw_products` says."""
    try:
        X = coarse_picture(picture, file)
    except InputError:
        X = coarse_picture(EXAMPLES[0], None)
    rows, columns = X.shape
    return pick(X, rows, columns, hover=True, width=420)


def draw_products(
    picture: str,
    file: bytes | None,
    kernel: str,
    numbers: str,
    place: tuple[int, int] | None,
    bias: float = 0.0,
    relu: bool = False,
) -> tuple["Figure", str]:
    """The pixels under the kernel at `place` (none: in the middle), the kernel, the products and their sum."""
    X, K = coarse_picture(picture, file), parse_kernel(numbers.strip() or kernel)
    k = len(K)
    middle = place or (X.shape[0] // 2, X.shape[1] // 2)
    row, column = (min(max(at - k // 2, 0), side - k) for at, side in zip(middle, X.shape, strict=True))
    total = float(convolve(X, K, bias)[row, column])
    said = explain_pixel(X, K, bias, row, column) if k <= 3 else f"{k * k} products and the bias add up to {total:.2f}"
    return plot_window(X, K, row, column), said + (f"; ReLU: {max(0.0, total):.2f}" if relu else "")


@functools.cache
def load(dataset: str) -> Data:
    """The data set, on the CPU, read once."""
    return get_data(HyperParams(dataset=cast(Any, dataset)), torch.device("cpu"))


def draw_samples(dataset: str) -> tuple["Figure", str]:
    """What the images look like, a row a class, and how many there are. Raises InputError for a set not at hand."""
    data = load(dataset)
    X, y = data.train
    shape = f"{tuple(X.shape)} with values from {X.min():g} to {X.max():g}; {len(data.test[1])} images for testing"
    return plot_samples(X, y, data.images.classes), shape


def draw_network(model: str, padding: str = "valid", stride: int = 1, pooling: str = "max") -> tuple["Figure", str]:
    """The architecture and its table of shapes. Raises InputError for what does not go together."""
    args = Request(model=cast(Any, model), padding=cast(Any, padding), stride=stride, pooling=cast(Any, pooling))
    layers = list_layers(args)
    return plot_layers(layers, model), describe(layers)


def score_untrained(dataset: str) -> str:
    """Loss and accuracy of cnn.jl's network that has learnt nothing, on the test images."""
    args = HyperParams()
    X, y = load(dataset).test
    seed_everything(args.seed)
    with torch.inference_mode():
        logs = score(build_model(args).eval(), (X, y))
    return f"loss {logs['loss']:.3f}, {logs['accuracy']:.1%} of {len(y)} test images right"


def compare_saved(model: nn.Sequential, run: Run) -> str:
    """How far what the saved network says of the test images is from what the trained one says."""
    X, _ = load(getattr(run.settings, "dataset", "digits")).test
    difference = (predict(load_run(run.path).model, X) - predict(model, X)).abs().max()
    return f"largest difference between {10 * len(X):,} probabilities: {difference:.2g}"


def draw_reading(model: nn.Sequential, run: Run, drawing: bytes | None) -> "Figure":
    """What the network makes of a drawn digit (a picture's content; none: one of the lab's).

    Raises InputError if there is nothing to be seen in the drawing.
    """
    picture = open_drawing(drawing)
    X = find_digit(picture)
    classes = class_names(getattr(run.settings, "dataset", "digits"))
    return plot_readings([("the drawing", picture, X, predict(model, X[None])[0])], classes)


def draw_maps(model: nn.Sequential, run: Run, drawing: bytes | None) -> "Figure":
    """The same digit layer by layer, as `plot_feature_maps` shows it. Raises InputError as `draw_reading` does."""
    X = find_digit(open_drawing(drawing))
    return plot_feature_maps(X, feature_maps(model, X))


def point_at_maps(trained: tuple[nn.Sequential, Run] | None, drawing: bytes | None = None) -> Control | None:
    """All maps of the digit, a row a layer, and the ten answers below them, to be clicked; None before the training."""
    if trained is None:
        return None
    try:
        X = find_digit(open_drawing(drawing))
    except InputError:  # too little was drawn; `draw_arithmetic` says so
        X = find_digit(open_drawing(None))
    return pick(*draw_all(trained[0], X, as_png), width=760)


def draw_arithmetic(
    model: nn.Sequential, run: Run, drawing: bytes | None, place: tuple[int, int] | None
) -> tuple["Figure", str]:
    """How the clicked map (none: the first) comes about: inputs, kernels, sums; of an answer up to its probability."""
    return explain(model, find_digit(open_drawing(drawing)), *(place or (0, 0)))


def open_drawing(drawing: bytes | None) -> Image.Image:
    """The picture in `drawing`; none: one that comes with the lab."""
    return open_picture(PICTURES / "8.png" if drawing is None else Upload(drawing))


def as_png(figure: "Figure") -> bytes:
    """A figure as the content of a PNG file, of exactly its size."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()


def draw_painted(drawing: bytes | None, **settings: Any) -> "tuple[Figure, str] | str":
    """The playground with points of one's own: those that fall on what was painted are of the one kind."""
    if drawing is None:
        return "Paint one or more patches above: points that fall on them are blue triangles, the others orange discs."
    args = Playground(**settings)
    painted = np.asarray(Image.open(io.BytesIO(drawing)).convert("L")) > 127
    return draw_trained(args, throw(painted, BRUSHED, args.seed), throw(painted, 1000, derive_seed(args.seed, 1)))


def throw(painted: np.ndarray, n: int, seed: int) -> Points:
    """n places all over [−1, 1]² and whether `painted` (H, W) is true there. InputError unless there are both kinds."""
    X = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    height, width = painted.shape
    row = ((1 - X[:, 1]) / 2 * height).astype(int).clip(0, height - 1)
    column = ((X[:, 0] + 1) / 2 * width).astype(int).clip(0, width - 1)
    y = painted[row, column]
    if y.all() or not y.any():
        raise InputError("all points would be of one kind; paint a part of the plane, larger than a line")
    return torch.from_numpy(X).float(), torch.from_numpy(y).long()
