"""Images made ready for a network (MNIST's form, random changes that leave a class alone), or for a web page."""

import io
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from common.errors import InputError
from common.files import write_atomically

LARGEST_PICTURE = 120_000  # bytes


def to_mnist_form(ink: np.ndarray) -> np.ndarray:
    """A digit of any size as MNIST has its digits: (H, W) with 0 for the background → (28, 28) in [0, 1].

    Its aspect ratio kept, it fills a box of 20×20 pixels, whose centre of mass is put into the middle of the
    field (LeCun et al. 1998). `ink` must not be all 0.
    """
    rows, columns = (np.flatnonzero(ink.max(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    # PIL's BICUBIC averages over all the pixels that become one, as MNIST's makers did.
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)).clip(min=0)
    small = small / small.max()  # a thin line fades when it shrinks
    centre = [(small * index).sum() / small.sum() for index in np.indices(small.shape)]
    top, left = (int(np.clip(round(13.5 - c), 0, 28 - n)) for c, n in zip(centre, small.shape, strict=True))
    field = np.zeros((28, 28), np.float32)
    field[top : top + height, left : left + width] = small
    return field


def random_affine(X: Tensor, *, degrees: float = 0.0, zoom: float = 0.0, flip: bool = False) -> Tensor:
    """Each image turned by up to ±`degrees`, scaled by 1 ± `zoom`, mirrored left to right half of the time.

    X is (N, C, H, W); so is the result. What comes in from outside is black (0). Square pixels are assumed:
    a turned H ≠ W image is turned about its centre, not stretched.
    """
    if degrees == 0 and zoom == 0 and not flip:
        return X
    n, _, height, width = X.shape

    def uniform(half_width: float) -> Tensor:  # drawn on the CPU, so that every device sees the same pictures
        return ((2 * torch.rand(n) - 1) * half_width).to(X.device)

    angle, scale = uniform(math.radians(degrees)), 1 + uniform(zoom)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0).to(X.device) if flip else torch.ones_like(scale)
    cos, sin, zero = angle.cos() / scale, angle.sin() / scale, torch.zeros_like(scale)
    # affine_grid's coordinates run from −1 to 1 along either side, hence the aspect ratio.
    matrix = torch.stack(
        [
            torch.stack([cos * mirror, -sin * height / width, zero], dim=1),
            torch.stack([sin * mirror * width / height, cos, zero], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrix, list(X.shape), align_corners=False)
    return F.grid_sample(X, grid.to(X.dtype), align_corners=False)


def shrink_picture(source: Path, out: Path, width: int = 900) -> None:
    """A picture file as a PNG with a palette, at most `width` pixels wide and 120 kB large.

    The palette is the largest that fits (256 colours, 64, 16), the picture's rare colours among them. Raises
    InputError if the file is no picture, or not even 16 colours fit.
    """
    try:
        picture = Image.open(source).convert("RGBA")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{source} is no picture: {error}") from error
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture)
    if flat.width > width:
        flat = flat.resize((width, max(1, round(flat.height * width / flat.width))), Image.Resampling.LANCZOS)
    for colours in (256, 64, 16):
        content = io.BytesIO()
        flat.quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=3).save(content, "PNG", optimize=True)
        if content.tell() <= LARGEST_PICTURE:
            write_atomically(out, content.getvalue())
            return
    raise InputError(f"{source} needs {content.tell() / 1000:.0f} kB even with 16 colours; give a smaller --width")
