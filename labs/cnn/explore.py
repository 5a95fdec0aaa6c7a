"""What the notebook's controls draw: a kernel on a picture, a digit on its way through a network."""

from typing import TYPE_CHECKING

from PIL import Image
from torch import nn

from common.datasets import class_names
from common.notebook import Upload
from labs.cnn.cnn import feature_maps, predict
from labs.cnn.figures import plot_feature_maps, plot_readings
from labs.cnn.kernels import draw_kernel, get_picture, to_grey
from labs.cnn.own_pictures import PICTURES, find_digit, open_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OWN = "my own"  # the choice that stands for the numbers typed in


def draw_convolved(
    picture: str, file: bytes | None, kernel: str, numbers: str, bias: float = 0.0, relu: bool = False
) -> "Figure":
    """`kernels.draw_kernel` for a picture by name, or the content of an uploaded file, and a kernel or own numbers."""
    X = get_picture(picture) if file is None else to_grey(open_picture(Upload(file)))
    return draw_kernel(X, numbers if kernel == OWN else kernel, bias, relu)


def draw_reading(model: nn.Sequential, drawing: bytes | None, dataset: str = "digits") -> "Figure":
    """What the network makes of a drawn digit (a picture's content; none: one of the lab's).

    Raises InputError if there is nothing to be seen in the drawing.
    """
    picture = open_drawing(drawing)
    X = find_digit(picture)
    return plot_readings([("the drawing", picture, X, predict(model, X[None])[0])], class_names(dataset))


def draw_maps(model: nn.Sequential, drawing: bytes | None) -> "Figure":
    """The same digit layer by layer, as `plot_feature_maps` shows it. Raises InputError as `draw_reading` does."""
    X = find_digit(open_drawing(drawing))
    return plot_feature_maps(X, feature_maps(model, X))


def open_drawing(drawing: bytes | None) -> Image.Image:
    """The picture in `drawing`; none: one that comes with the lab."""
    return open_picture(PICTURES / "8.png" if drawing is None else Upload(drawing))
