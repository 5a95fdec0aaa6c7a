"""What does a kernel do to a picture? `python -m labs.cnn.kernels china --kernel edges`

A convolutional network learns its kernels; these are made by hand. Each pixel of the result is the sum of the nine
pixels around it, weighted by the kernel's nine numbers (torch's convolution does not turn the kernel over, as the
mathematical one does; nor does the course's formula).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.settings import Number, Settings
from labs.cnn.own_pictures import PICTURES, open_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KERNELS: dict[str, tuple[float, ...]] = {
    "identity": (0, 0, 0, 0, 1, 0, 0, 0, 0),
    "blur": (1 / 9,) * 9,
    "gaussian blur": (1 / 16, 1 / 8, 1 / 16, 1 / 8, 1 / 4, 1 / 8, 1 / 16, 1 / 8, 1 / 16),
    "sharpen": (0, -1, 0, -1, 5, -1, 0, -1, 0),
    "edges": (-1, -1, -1, -1, 8, -1, -1, -1, -1),
    "vertical edges (Sobel)": (-1, 0, 1, -2, 0, 2, -1, 0, 1),
    "horizontal edges (Sobel)": (-1, -2, -1, 0, 0, 0, 1, 2, 1),
    "emboss": (-2, -1, 0, -1, 1, 1, 0, 1, 2),
}
EXAMPLES = ("china", "flower", "digit")  # two photographs that come with scikit-learn, and a drawing of the lab's
SIDE = 320  # pixels of the longer side: one sees what nine neighbours can do


@dataclass(frozen=True)
class Request(Settings):
    """Draw a picture, a 3×3 kernel, and the picture convolved with it."""

    picture: Positional[Annotated[str, arg(metavar="PICTURE")]] = "china"  # china, flower, digit, or an image file
    kernel: str = "edges"  # a kernel's name (a wrong one lists them), or nine numbers: --kernel=0,-1,0,-1,5,-1,0,-1,0
    bias: Number = 0.0  # added to every pixel of the result
    relu: bool = False  # cut off what is negative, as the layer's activation does
    out: Path = Path("runs/kernels.png")  # where the figure goes


def get_picture(name: str) -> Tensor:
    """One of EXAMPLES or an image file, in grey: (H, W) in [0, 1], at most 320 pixels a side."""
    if name == "digit":
        picture = open_picture(PICTURES / "8.png")
    elif name in EXAMPLES:
        from sklearn.datasets import load_sample_image

        picture = Image.fromarray(load_sample_image(f"{name}.jpg"))
    else:
        picture = open_picture(Path(name))
    return to_grey(picture)


def to_grey(picture: Image.Image) -> Tensor:
    """Brightness (H, W) in [0, 1], at most 320 pixels a side."""
    picture = picture.convert("L")
    picture.thumbnail((SIDE, SIDE))
    return torch.from_numpy(np.array(picture, np.float32)) / 255


def parse_kernel(text: str) -> Tensor:
    """A kernel (3, 3) by its name or from nine numbers, row by row, separated by commas or blanks."""
    try:
        numbers = KERNELS.get(text) or tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        numbers = ()
    if len(numbers) != 9 or not np.isfinite(numbers).all():
        raise InputError(f"kernel {text!r} is neither nine numbers nor one of {', '.join(KERNELS)}")
    return torch.tensor(numbers, dtype=torch.float32).view(3, 3)


def convolve(X: Tensor, kernel: Tensor, bias: float = 0.0, *, relu: bool = False) -> Tensor:
    """The picture X (H, W) convolved with `kernel` (3, 3), without padding: (H − 2, W − 2).

    O[i, j] = sum over k, l of X[i + k, j + l] · K[k, l], + b
    """
    if min(X.shape) < 3:
        raise InputError(f"a picture of {X.shape[1]}×{X.shape[0]} is smaller than the kernel")
    result = F.conv2d(X[None, None], kernel[None, None])[0, 0] + bias
    return result.relu() if relu else result


def draw_kernel(X: Tensor, kernel: str, bias: Number = 0.0, relu: bool = False) -> "Figure":
    """Picture, kernel with its numbers, and result. A result with negative values is grey where it is 0."""
    from matplotlib.figure import Figure

    K = parse_kernel(kernel)
    result = convolve(X, K, bias, relu=relu)
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    before, middle, after = figure.subplots(1, 3, width_ratios=[1, 0.55, 1])
    before.imshow(X.numpy(), cmap="gray", vmin=0, vmax=1)
    before.set_title(f"picture, {X.shape[1]}×{X.shape[0]}")
    largest = max(float(K.abs().max()), 1e-9)
    middle.imshow(K.numpy(), cmap="RdBu_r", vmin=-largest, vmax=largest)
    for (row, column), value in np.ndenumerate(K.numpy()):
        colour = "white" if abs(value) > 0.6 * largest else "black"
        middle.text(column, row, f"{value:.3g}", ha="center", va="center", color=colour, fontsize=12)
    middle.set_title(f"kernel, sum {float(K.sum()):.3g}")
    low, high = float(result.min()), float(result.max())
    bound = max(float(result.abs().flatten().quantile(0.99)), 1e-9)  # a few extremes must not make all else grey
    limits = (-bound, bound) if low < 0 else (0, max(1.0, bound))
    after.imshow(result.numpy(), cmap="gray", vmin=limits[0], vmax=limits[1])
    after.set_title(f"result, {result.shape[1]}×{result.shape[0]}, from {low:.2g} to {high:.2g}")
    for axis in (before, middle, after):
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


def convolve_picture(**kws: Any) -> Path:
    """Write the figure and return its path. Keyword arguments are the fields of Request."""
    from common.plots import write_figure

    args = Request(**kws)
    path = write_figure(args.out, draw_kernel(get_picture(args.picture), args.kernel, args.bias, args.relu))
    print(path)
    return path


def main() -> None:
    """The command `python -m labs.cnn.kernels`."""
    cli.run(convolve_picture, Request)


if __name__ == "__main__":
    main()
