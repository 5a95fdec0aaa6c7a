"""Boxes: how much two of them share, and which of many that say the same are kept.

A box is (x1, y1, x2, y2) in pixels: its left, upper, right and lower edge; y grows downwards.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Detection:
    """What was found in one image, the surest first: boxes (K, 4), labels (K,) and scores (K,) in [0, 1]."""

    boxes: Tensor
    labels: Tensor
    scores: Tensor

    def scaled(self, factor: float) -> "Detection":
        """The same in an image whose sides are `factor` times as long."""
        return Detection(self.boxes * factor, self.labels, self.scores)


def area(boxes: Tensor) -> Tensor:
    """Pixels in each box (…, 4) → (…)."""
    return (boxes[..., 2] - boxes[..., 0]).clip(min=0) * (boxes[..., 3] - boxes[..., 1]).clip(min=0)


def intersection(a: Tensor, b: Tensor) -> Tensor:
    """Pixels that each of `a` (…, K, 4) shares with each of `b` (…, L, 4) → (…, K, L)."""
    low = torch.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    return area(torch.cat([low, high], dim=-1))  # edges the wrong way round: they do not meet, and it is 0


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union, in [0, 1], of each of `a` (…, K, 4) with each of `b` (…, L, 4) → (…, K, L)."""
    shared = intersection(a, b)
    union = area(a)[..., :, None] + area(b)[..., None, :] - shared
    return shared / union.clip(min=1e-9)  # two boxes without area: 0


def nms(boxes: Tensor, scores: Tensor, threshold: float = 0.5) -> Tensor:
    """Non-maximum suppression: the indices that stay of boxes (K, 4) with scores (K,), the surest first.

    The surest box stays, those that overlap it with an IoU above `threshold` go; then the surest of the rest stays, …
    """
    overlaps = iou(boxes, boxes)
    left = scores.argsort(descending=True, stable=True)
    kept = []
    while len(left):
        surest, left = left[0], left[1:]
        kept.append(surest)
        left = left[overlaps[surest, left] <= threshold]
    return torch.stack(kept) if kept else left


def nms_per_class(found: Detection, threshold: float = 0.5) -> Detection:
    """NMS among the boxes of each class: a 3 does not push out a 5 that overlaps it."""
    kept = [
        own[nms(found.boxes[own], found.scores[own], threshold)]
        for label in found.labels.unique()
        for own in [(found.labels == label).nonzero()[:, 0]]
    ]
    rows = torch.cat(kept) if kept else found.labels
    rows = rows[found.scores[rows].argsort(descending=True, stable=True)]
    return Detection(found.boxes[rows], found.labels[rows], found.scores[rows])
