"""A picture of one's own, a photograph or a drawing, brought into the form that MNIST's digits have."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy import ndimage
from torch import Tensor

from common.errors import InputError
from common.images import to_mnist_form

PICTURES = Path(__file__).parent / "pictures"  # drawings that come with the lab


def open_picture(path: Path | BinaryIO) -> Image.Image:
    """The picture, upright, with at most 800 pixels a side. Raises InputError for what is no readable image."""
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)  # a phone writes down how it was held
            if picture.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel
                levels = np.asarray(picture, np.float32)
                span = max(levels.max() - levels.min(), 1e-6)
                picture = Image.fromarray(np.uint8(255 * (levels - levels.min()) / span))
            picture = picture.convert("RGBA")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = "it is no image" if isinstance(error, Image.UnidentifiedImageError) else error
        raise InputError(f"{path} cannot be read: {why}; give a PNG, JPEG or the like") from error
    picture.thumbnail((800, 800))
    return picture


def find_digit(picture: Image.Image) -> Tensor:
    """The digit in the picture in MNIST's form, light on black: (1, 28, 28) in [0, 1].

    Raises InputError if there is nothing to be seen in the picture.
    """
    return torch.from_numpy(to_mnist_form(find_ink(brightness(picture))))[None]


def brightness(picture: Image.Image) -> np.ndarray:
    """Brightness (H, W) in [0, 1]. What is transparent counts as a background unlike the drawing."""
    rgba = np.asarray(picture.convert("RGBA"), np.float32) / 255
    grey, alpha = rgba[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32), rgba[..., 3]
    if alpha.min() == 1 or alpha.max() == 0:
        return grey
    background = 1.0 if np.average(grey, weights=alpha) < 0.5 else 0.0
    return alpha * grey + (1 - alpha) * background


def find_ink(grey: np.ndarray) -> np.ndarray:
    """How much ink each pixel of `grey` (H, W) has, in [0, 1]: 0 on the background, whichever of the two is darker.

    The background is a surface of the second degree fitted to the picture's rim, so that a photograph may be darker
    on one side or in its corners.
    """
    height, width = grey.shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    rim = np.ones_like(grey, bool)
    margin = max(1, min(height, width) // 25)
    rim[margin:-margin, margin:-margin] = False
    rim &= abs(grey - np.median(grey[rim])) < 0.25  # a digit may touch the rim
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    background = terms @ np.linalg.lstsq(terms[rim], grey[rim], rcond=None)[0]
    difference = grey - background
    light, dark = difference.clip(min=0), (-difference).clip(min=0)
    ink = light if (light**2).sum() > (dark**2).sum() else dark
    if ink.max() < 0.1:
        raise InputError("there is nothing to read in it: the picture is (almost) of one brightness")
    # Grain of the paper (a fifth of the strongest ink) becomes 0, well-inked strokes become 1.
    strong = np.percentile(ink[ink > 0.3 * ink.max()], 75)
    ink = ((ink / strong - 0.25) / 0.5).clip(0, 1)
    # Keep strokes, drop specks: whatever has less than a tenth of the largest patch.
    patches, count = ndimage.label(ink > 0.5, structure=np.ones((3, 3)))
    sizes = np.bincount(patches.flat, minlength=count + 1)[1:]
    kept = np.isin(patches, 1 + np.flatnonzero(sizes >= sizes.max() / 10))
    return (ink * ndimage.binary_dilation(kept, iterations=2)).astype(np.float32)
