"""Average precision: how good a detector is, in one number for each class (Everingham et al. 2010, Lin et al. 2014).

A detection is right if its box has an IoU of at least `threshold` with a box of its class that no surer one has taken.
Going through all detections of a class from the surest on, `precision` is the share of right ones so far, `recall` the
share of the true boxes found so far. The average precision is the area under that curve, mAP its mean over the classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from labs.cnn.detection.boxes import Detection, iou

STRICT = tuple(0.5 + 0.05 * i for i in range(10))  # COCO's thresholds: 0.5, 0.55, … 0.95


@dataclass(frozen=True)
class Curve:
    """Precision and recall (K,) of a class after each of its detections, the surest first, and its number of boxes."""

    recall: np.ndarray
    precision: np.ndarray
    boxes: int

    @property
    def envelope(self) -> np.ndarray:
        """For each detection the best precision at its recall or a higher one: the curve without its teeth."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]

    @property
    def average_precision(self) -> float:
        """The area under the envelope; 0 if nothing was found, nan if there is no box of the class."""
        if not self.boxes:
            return float("nan")
        return float((np.diff(self.recall, prepend=0.0) * self.envelope).sum())


def match(found: Detection, boxes: Tensor, labels: Tensor, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Which detections of one image are right (K,), and which of its true boxes (L, 4), labels (L,), were found (L,).

    The surest detection chooses first, each time the free box of its class that it overlaps most.
    """
    overlaps = iou(found.boxes, boxes).masked_fill(found.labels[:, None] != labels, -1).numpy()
    right, taken = np.zeros(len(found.labels), bool), np.zeros(len(labels), bool)
    for k, row in enumerate(overlaps):
        free = np.where(taken, -1, row)
        if len(free) and free.max() >= threshold:
            right[k] = taken[free.argmax()] = True
    return right, taken


def curves(
    found: Sequence[Detection], boxes: Sequence[Tensor], labels: Sequence[Tensor], classes: int, threshold: float = 0.5
) -> list[Curve]:
    """Precision and recall of each class over all images. `boxes` (L, 4), `labels` (L,): what is in each image."""
    rights = [match(f, b, y, threshold)[0] for f, b, y in zip(found, boxes, labels, strict=True)]
    right = np.concatenate(rights)
    scores = torch.cat([f.scores for f in found]).numpy()
    named, there = torch.cat([f.labels for f in found]).numpy(), torch.cat(list(labels)).numpy()
    order = np.argsort(-scores, kind="stable")
    result = []
    for label in range(classes):
        hits = np.cumsum(right[order][named[order] == label])
        n = int((there == label).sum())
        result.append(Curve(hits / max(1, n), hits / np.arange(1, len(hits) + 1), n))
    return result


def mean_average_precision(several: Sequence[Curve]) -> float:
    """The mean over the classes that occur; nan if none does."""
    values = [curve.average_precision for curve in several if curve.boxes]
    return float(np.mean(values)) if values else float("nan")
