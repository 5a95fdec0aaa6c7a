"""Scenes: several digits of a data set scattered over a canvas, scaled, stretched and overlapping, with their boxes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from common.device import derive_seed
from labs.cnn.detection.boxes import area, intersection

SIDE = 96  # pixels of the canvas
SCALES = (0.6, 1.8)  # a digit is 20 pixels large in MNIST's form: 12 to 36 here
STRETCH = 1.2  # a digit is up to so many times wider or narrower than it was
INK = 0.3  # what is brighter belongs to the digit, and into its box


class Scenes(NamedTuple):
    """Canvases X (N, 1, 96, 96) in [0, 1], boxes (N, M, 4) in pixels, labels (N, M), −1 where there is no digit."""

    X: Tensor
    boxes: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Digits:
    """Images (K, 1, 28, 28) in [0, 1] and labels (K,) from which scenes are made."""

    X: Tensor
    y: Tensor


def ink_boxes(X: Tensor) -> Tensor:
    """The smallest box around the ink of each image (K, 1, H, W) → (K, 4); the whole image if there is no ink."""
    ink = X[:, 0] > INK
    edges = []
    for axis in (1, 2):  # columns with ink, then rows with ink
        some = ink.any(dim=axis).float()
        low = some.argmax(dim=1)
        high = some.shape[1] - some.flip(1).argmax(dim=1)
        edges.append((low, high))
    (x1, x2), (y1, y2) = edges
    return torch.stack([x1, y1, x2, y2], dim=1).float()


def draw_scenes(digits: Digits, n: int, generator: torch.Generator, most: int = 6, overlap: float = 0.3) -> Scenes:
    """`n` scenes of 1 to `most` digits each, on the device of the digits.

    A digit is left out if it shares more than `overlap` with one that lies there already, as a share of the smaller of
    the two boxes. All is drawn on the CPU, from `generator`: every device sees the same scenes.
    """
    device = digits.X.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, most, *shape, generator=generator)

    chosen = torch.randint(len(digits.y), (n, most), generator=generator).to(device)
    count = torch.randint(1, most + 1, (n, 1), generator=generator)
    scale = uniform(math.log(SCALES[0]), math.log(SCALES[1])).exp()
    stretch = uniform(-math.log(STRETCH), math.log(STRETCH)).exp()
    factors = torch.stack([scale * stretch, scale], dim=-1).to(device)  # of x and of y
    place, brightness = uniform(0, 1, 2).to(device), uniform(0.6, 1).to(device)

    images = digits.X[chosen.flatten()]
    ink = ink_boxes(images).view(n, most, 4)
    size = (ink[..., 2:] - ink[..., :2]) * factors
    corner = place * (SIDE - size)  # anywhere, but within the canvas
    boxes = torch.cat([corner, corner + size], dim=-1)

    there = (torch.arange(most) < count).to(device)
    for m in range(1, most):
        shared = intersection(boxes[:, m : m + 1], boxes[:, :m])[:, 0]
        smaller = torch.minimum(area(boxes[:, m : m + 1]), area(boxes[:, :m]))
        there[:, m] &= ~((shared > overlap * smaller) & there[:, :m]).any(dim=1)

    X = paste(images, ink.flatten(0, 1), corner.flatten(0, 1), factors.flatten(0, 1))
    X = X.view(n, most, SIDE, SIDE) * (brightness * there)[..., None, None]
    labels = digits.y[chosen].where(there, -1)
    return Scenes(X.amax(dim=1, keepdim=True), boxes * there[..., None], labels)


def paste(images: Tensor, ink: Tensor, corner: Tensor, factors: Tensor) -> Tensor:
    """Each image (K, 1, 28, 28) scaled, the corner of its ink put to `corner` of an empty canvas → (K, 1, 96, 96)."""
    # A pixel p of the canvas shows the image's pixel q = (p − corner)/factor + ink's corner. affine_grid wants that in
    # coordinates from −1 to 1: p = (p' + 1) SIDE/2, q = (q' + 1) side/2.
    side = images.shape[-1]
    slope = SIDE / (side * factors)
    shift = slope + (2 / side) * (ink[:, :2] - corner / factors) - 1
    matrix = torch.zeros(len(images), 2, 3, device=images.device)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = slope[:, 0], slope[:, 1], shift
    grid = F.affine_grid(matrix, [len(images), 1, SIDE, SIDE], align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).clip(0, 1)


class SceneLoader:
    """Scenes without end, in batches: each epoch has others, drawn from `seed` and the number of the epoch.

    So epoch 5 is the same whether epochs 1 to 4 ran in this process or not. With `fixed` every pass is the same.
    """

    def __init__(
        self,
        digits: Digits,
        scenes: int,
        batch_size: int = 16,
        seed: int = 0,
        most: int = 6,
        overlap: float = 0.3,
        *,
        fixed: bool = False,
    ):
        self.digits, self.scenes, self.batch_size, self.seed = digits, scenes, batch_size, seed
        self.most, self.overlap, self.fixed = most, overlap, fixed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the scenes of the next pass."""
        self.epoch = 0 if self.fixed else epoch

    def __len__(self) -> int:
        """Batches per pass."""
        return -(-self.scenes // self.batch_size)

    def __iter__(self) -> Iterator[Scenes]:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
        for start in range(0, self.scenes, self.batch_size):
            n = min(self.batch_size, self.scenes - start)
            yield draw_scenes(self.digits, n, generator, self.most, self.overlap)
