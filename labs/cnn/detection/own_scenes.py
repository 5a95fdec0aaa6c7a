"""A picture of one's own with several digits, brought into the form of the scenes that a detector has learnt from."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common.errors import InputError
from labs.cnn.detection.scenes import SIDE
from labs.cnn.own_pictures import brightness, find_ink

PICTURES = Path(__file__).parent / "pictures"  # what comes with the lab
LARGEST = 512  # pixels: 28 times the area of a training scene


def to_scene(picture: Image.Image, side: int = SIDE) -> tuple[Tensor, float]:
    """The picture's ink, light on black, and how many pixels of the picture are one of it.

    The ink is (1, H, W) in [0, 1], and the longer of H and W is `side`. The detector has learnt from digits
    12 to 36 pixels high: `side` decides how high those of the picture become. Raises InputError if there is nothing to
    be seen in the picture.
    """
    if not SIDE // 2 <= side <= LARGEST:
        raise InputError(f"--side is {side}; it must be at least {SIDE // 2} and at most {LARGEST}")
    ink = find_ink(brightness(picture))
    factor = max(ink.shape) / side
    height, width = (max(1, round(n / factor)) for n in ink.shape)
    # PIL averages over all the pixels that become one, and a thin line fades: the strongest become 1 again.
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)
    strong = np.percentile(small[small > 0.2 * small.max()], 75)
    return torch.from_numpy((small / strong).clip(0, 1).astype(np.float32))[None], factor
