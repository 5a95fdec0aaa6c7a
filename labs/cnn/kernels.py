"""What does a kernel do to a picture? `python -m labs.cnn.kernels china --kernel edges`

A convolutional network learns its kernels; these are made by hand. Each pixel of the result is the sum of the pixels
under the kernel, weighted by the kernel's numbers (torch's convolution does not turn the kernel over, as the
mathematical one does; nor does the course's formula). `python -m labs.cnn.kernels exam --kernel exam --bias 1 --relu
--pool 2` is the exam of January 2025, Task 1, with its numbers.
"""

import itertools
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
from common.settings import UNGIVEN, Number, Range, Settings, Usual
from labs.cnn.own_pictures import PICTURES, open_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GAUSSIAN, _WIDE_GAUSSIAN = np.array([1, 2, 1]) / 4, np.array([1, 4, 6, 4, 1]) / 16
_AWAY = np.hypot(*np.mgrid[-3:4, -3:4])  # of each of 7×7 pixels, how far it is from the middle one
_SPOT, _RING = _AWAY < 1.5, (_AWAY >= 1.5) & (_AWAY < 3.5)

KERNELS: dict[str, tuple[float, ...]] = {
    "identity": (0, 0, 0, 0, 1, 0, 0, 0, 0),
    "blur": (1 / 9,) * 9,
    "gaussian": tuple(np.outer(_GAUSSIAN, _GAUSSIAN).flat),
    "sharpen": (0, -1, 0, -1, 5, -1, 0, -1, 0),
    "edges": (-1, -1, -1, -1, 8, -1, -1, -1, -1),
    "sobel-vertical": (-1, 0, 1, -2, 0, 2, -1, 0, 1),  # finds vertical edges
    "sobel-horizontal": (-1, -2, -1, 0, 0, 0, 1, 2, 1),
    "emboss": (-2, -1, 0, -1, 1, 1, 0, 1, 2),
    "gaussian-5": tuple(np.outer(_WIDE_GAUSSIAN, _WIDE_GAUSSIAN).flat),
    "blur-7": (1 / 49,) * 49,
    "motion-7": tuple((np.eye(7) / 7).flat),  # as if the camera had moved along the diagonal
    "spot-7": tuple((_SPOT / _SPOT.sum() - _RING / _RING.sum()).flat),  # a bright spot on darker ground
    "exam": (1, -1, 0, 1),  # January 2025
}
EXAM = "1,2,0,1; 3,1,2,2; 0,1,1,0; 2,3,0,1"
EXAMPLES = ("china", "flower", "digit")  # two photographs that come with scikit-learn, and a drawing of the lab's
SIDE = 320  # pixels of the longer side: one sees what a few neighbours can do
LARGEST = 7  # pixels along a kernel's side
READABLE = 10  # pixels along the side of a picture whose numbers are shown
MOST = 1e6  # no number of a kernel or a picture is meant to be larger


@dataclass(frozen=True)
class Request(Settings):
    """Draw a picture, a kernel of up to 7×7 numbers, and the picture convolved with it."""

    # china, flower, digit, exam; an image file; or numbers, rows separated by semicolons: "1,2;3,4"
    picture: Positional[Annotated[str, arg(metavar="PICTURE")]] = "china"
    # identity, blur, gaussian, sharpen, edges, sobel-vertical, sobel-horizontal, emboss, gaussian-5, blur-7, motion-7,
    # spot-7, exam (2×2); or 4, 9, 16, 25, 36 or 49 numbers row by row: --kernel=0,-1,0,-1,5,-1,0,-1,0
    kernel: str = "edges"
    bias: Number = 0.0  # added to every pixel of the result
    relu: bool = False  # cut off what is negative, as the layer's activation does
    pool: Annotated[int, Range(1, 16)] = 1  # keep the greatest of every N×N pixels; 1: keep all
    out: Usual[Annotated[Path, arg(metavar="PATH")]] = (
        UNGIVEN  # the figure's file; none: runs/kernel_PICTURE_KERNEL.png
    )

    def usual(self) -> dict[str, Any]:
        picture = "numbers" if ";" in self.picture else Path(self.picture).stem
        kernel = self.kernel if self.kernel in KERNELS else "own"
        return {"out": Path(f"runs/kernel_{picture}_{kernel}.png")}


def get_picture(name: str) -> Tensor:
    """One of EXAMPLES or an image file in grey, (H, W) in [0, 1], at most 320 pixels a side; or numbers as they are."""
    if name == "exam" or ";" in name:
        return parse_picture(EXAM if name == "exam" else name)
    if name == "digit":
        picture = open_picture(PICTURES / "8.png")
    elif name in EXAMPLES:
        from sklearn.datasets import load_sample_image

        picture = Image.fromarray(load_sample_image(f"{name}.jpg"))
    else:
        picture = open_picture(Path(name))
    return to_grey(picture)


def parse_picture(text: str) -> Tensor:
    """Numbers (H, W), rows separated by semicolons. Raises InputError unless all rows are equally long."""
    try:
        rows = [[float(word) for word in row.replace(",", " ").split()] for row in text.split(";")]
    except ValueError:
        rows = []
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1 or not in_bounds(rows):
        rule = f"rows of equally many numbers (up to {MOST:g})"
        raise InputError(f"picture {text!r} is not made of {rule}, such as {EXAM!r}")
    return torch.tensor(rows)


def in_bounds(numbers: Any) -> bool:
    """Whether all numbers are between −MOST and MOST; nan is not."""
    return bool((np.abs(numbers) <= MOST).all())


def to_grey(picture: Image.Image) -> Tensor:
    """Brightness (H, W) in [0, 1], at most 320 pixels a side."""
    picture = picture.convert("L")
    picture.thumbnail((SIDE, SIDE))
    return torch.from_numpy(np.array(picture, np.float32)) / 255


def parse_kernel(text: str) -> Tensor:
    """A kernel (k, k), k = 1 … 7, by its name or from k² numbers, row by row, separated by commas or blanks."""
    try:
        numbers = KERNELS.get(text) or tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        numbers = ()
    side = round(len(numbers) ** 0.5)
    if not 1 <= side <= LARGEST or side**2 != len(numbers) or not in_bounds(numbers):
        names = ", ".join(KERNELS)
        raise InputError(f"kernel {text!r} is neither a square of 1, 4, 9, 16, 25, 36 or 49 numbers nor one of {names}")
    return torch.tensor(numbers, dtype=torch.float32).view(side, side)


def convolve(X: Tensor, kernel: Tensor, bias: float = 0.0, *, relu: bool = False, pool: int = 1) -> Tensor:
    """The picture X (H, W) convolved with `kernel` (k, k), without padding: (H − k + 1, W − k + 1).

    O[i, j] = sum over k, l of X[i + k, j + l] · K[k, l], + b; then ReLU, then the greatest of every pool × pool pixels,
    also of those at the rim that do not fill such a window (the course's answer; torch's MaxPool2d drops them).
    """
    if min(X.shape) < len(kernel):
        raise InputError(f"a picture of {X.shape[1]}×{X.shape[0]} is smaller than the kernel")
    result = F.conv2d(X[None, None], kernel[None, None]) + bias
    result = result.relu() if relu else result
    return F.max_pool2d(result, pool, ceil_mode=True)[0, 0]


def explain_pixel(X: Tensor, kernel: Tensor, bias: float, row: int, column: int) -> str:
    """The sum that gives one pixel of the result: 1·1 + 2·(−1) + 3·0 + 1·1 + 1 = 1."""
    window = X[row : row + len(kernel), column : column + len(kernel)]
    products = [f"{number(x)}·{number(w, True)}" for x, w in zip(window.flatten(), kernel.flatten(), strict=True)]
    total = float((window * kernel).sum()) + bias
    return f"O[{row},{column}] = {' + '.join(products)} + {number(bias, True)} = {number(total)}"


def number(value: Tensor | float, bracketed: bool = False) -> str:
    """A number as one writes it by hand: 3, −0.5; in brackets after a sign, if it is negative."""
    text = f"{float(value) or 0.0:.3g}".replace("-", "−")  # not −0
    return f"({text})" if bracketed and text.startswith("−") else text


def explain(X: Tensor, kernel: Tensor, bias: float, relu: bool, pool: int) -> str:
    """Every step of a small picture's convolution, in numbers."""
    result = convolve(X, kernel, bias)
    places = itertools.product(range(result.shape[0]), range(result.shape[1]))
    lines = [f"picture {matrix(X)}, kernel {matrix(kernel)}, bias {number(bias)}"]
    lines += [explain_pixel(X, kernel, bias, row, column) for row, column in places]
    lines.append(f"convolution: {matrix(result)}")
    if relu:
        result = result.relu()
        lines.append(f"ReLU: {matrix(result)}")
    if pool > 1:
        lines.append(f"{pool}×{pool} pooling: {matrix(F.max_pool2d(result[None], pool, ceil_mode=True)[0])}")
        if result.shape[0] % pool or result.shape[1] % pool:
            whole = F.max_pool2d(result[None], pool)[0] if min(result.shape) >= pool else result[:0, :0]
            lines.append(f"(torch's MaxPool2d({pool}) drops windows that are not full: {matrix(whole)})")
    return "\n".join(lines)


def matrix(X: Tensor) -> str:
    """Numbers (H, W) in a line: [[1, 2], [3, −4]]."""
    rows = [f"[{', '.join(map(number, row))}]" for row in X]
    return f"[{', '.join(rows)}]"


def draw_kernel(X: Tensor, kernel: str, bias: Number = 0.0, relu: bool = False, pool: int = 1) -> "Figure":
    """Picture, kernel with its numbers, and result.

    A kernel whose numbers add up to 0 shows differences: its result is grey where it is 0. Any other's is drawn as the
    picture is, and what lies outside the bar is cut off.
    """
    from matplotlib.figure import Figure

    from labs.cnn.figures import SIGNED, write_numbers  # here, so that --help need not wait for matplotlib

    K = parse_kernel(kernel)
    result = convolve(X, K, bias, relu=relu, pool=pool)
    total, small = float(K.sum()), max(X.shape) <= READABLE
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    before, middle, after = figure.subplots(1, 3, width_ratios=[1, 0.8, 1.1])
    white = max(1.0, float(X.max()))
    before.imshow(X.numpy(), cmap="gray", vmin=0, vmax=white)
    before.set_title(f"picture, {X.shape[1]}×{X.shape[0]}", fontsize=13)
    largest = max(float(K.abs().max()), 1e-9)
    middle.imshow(K.numpy(), cmap=SIGNED, vmin=-largest, vmax=largest)
    middle.set_title(f"kernel, {len(K)}×{len(K)}, sum {number(round(total, 6))}", fontsize=13)
    # A few extremes must not make all else grey; but where one reads the numbers, all of them count.
    bound = max(float(result.abs().flatten().quantile(1.0 if small else 0.99)), 1e-9)
    low, high = (0.0, max(white, white * total)) if total > 1e-3 and not small else (-bound, bound)
    low = 0.0 if float(result.min()) >= 0 else low
    drawn = after.imshow(result.numpy(), cmap="gray", vmin=low, vmax=high)
    below, above = bool((result < low - 1e-6).any()), bool((result > high + 1e-6).any())
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")
    figure.colorbar(drawn, ax=after, extend=extend, shrink=0.9).ax.tick_params(labelsize=11)
    after.set_title(
        f"result, {result.shape[1]}×{result.shape[0]}, {number(result.min())} to {number(result.max())}", fontsize=13
    )
    write_numbers(middle, K, abs(K) > 0.6 * largest)
    if small:
        write_numbers(before, X, 0.5 * white > X)
        write_numbers(after, result, result < (low + high) / 2)
    for axis in (before, middle, after):
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


def convolve_picture(**kws: Any) -> Path:
    """Write the figure and return its path; print the sums of a small picture. Keywords are the fields of Request."""
    from common.plots import write_figure

    args = Request(**kws)
    X = get_picture(args.picture)
    figure = draw_kernel(X, args.kernel, args.bias, args.relu, args.pool)
    if max(X.shape) <= READABLE:
        print(explain(X, parse_kernel(args.kernel), args.bias, args.relu, args.pool))
    path = write_figure(args.out, figure)
    print(path)
    return path


def main() -> None:
    """The command `python -m labs.cnn.kernels`."""
    cli.run(convolve_picture, Request)


if __name__ == "__main__":
    main()
