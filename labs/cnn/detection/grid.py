"""The grid: which cell and which anchor answer for a box, and how a box is written as four numbers.

The network's output is (N, A, 5 + C, H, W): for each anchor of each cell t_x, t_y, t_w, t_h, the logit of there being
an object, and C logits of what it is. With c the side of a cell in pixels, (i, j) its column and row, and p the
anchor's size (Redmon & Farhadi 2017, section 2)

    centre x = c (i + σ(t_x))    width  = p_w exp(t_w)
    centre y = c (j + σ(t_y))    height = p_h exp(t_h)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from labs.cnn.detection.boxes import iou

LARGEST = 4.0  # of t_w and t_h: no box is more than e⁴ = 55 times its anchor; an untrained network may say anything


@dataclass(frozen=True)
class Targets:
    """What K boxes ask of the output: the place that answers for each, as indices, and its four numbers.

    where   scene, anchor, row, column, each (K,)
    inner   (K, 2): where in its cell the centre lies, from 0 to 1: what σ(t_x), σ(t_y) should be
    size    (K, 2): ln(width/p_w), ln(height/p_h): what t_w, t_h should be
    labels  (K,)
    """

    where: tuple[Tensor, Tensor, Tensor, Tensor]
    inner: Tensor
    size: Tensor
    labels: Tensor


def shape_iou(sizes: Tensor, anchors: Tensor) -> Tensor:
    """IoU of sizes (K, 2) with anchors (A, 2) when both lie with their corners at the same place → (K, A)."""
    return iou(*(torch.cat([torch.zeros_like(wh), wh], dim=1) for wh in (sizes, anchors)))


def fit_anchors(sizes: Tensor, k: int) -> Tensor:
    """The k sizes that stand for widths and heights (K, 2) best: k-means with 1 − IoU for a distance → (k, 2).

    After Redmon & Farhadi 2017: with the usual distance large boxes would count for more than small ones. The first
    guess is k boxes from small to large, so that nothing is left to chance.
    """
    order = sizes.prod(dim=1).argsort()
    anchors = sizes[order[((torch.arange(k) + 0.5) / k * len(sizes)).long()]]
    for _ in range(100):
        nearest = shape_iou(sizes, anchors).argmax(dim=1)
        groups = [sizes[nearest == a] for a in range(k)]
        moved = torch.stack([g.mean(dim=0) if len(g) else anchors[a] for a, g in enumerate(groups)])
        if torch.equal(moved, anchors):
            break
        anchors = moved
    return anchors


def assign(boxes: Tensor, labels: Tensor, anchors: Tensor, cell: int) -> Targets:
    """The targets of scenes' boxes (N, M, 4) with labels (N, M), −1 for none.

    The cell in which a box's centre lies answers for it, with the anchor whose shape is most like it. If two boxes ask
    for the same place, both pull at it, and it can learn neither: a place has one answer.
    """
    scene, which = (labels >= 0).nonzero(as_tuple=True)
    boxes, labels = boxes[scene, which], labels[scene, which]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / cell
    sizes = boxes[:, 2:] - boxes[:, :2]
    anchor = shape_iou(sizes, anchors).argmax(dim=1)
    column, row = centre.long().unbind(dim=1)
    return Targets((scene, anchor, row, column), centre - centre.floor(), (sizes / anchors[anchor]).log(), labels)


def decode(output: Tensor, anchors: Tensor, cell: int) -> Tensor:
    """The boxes (N, A, H, W, 4) in pixels that an output (N, A, 5 + C, H, W) speaks of."""
    t = output[:, :, :4].movedim(2, -1)
    rows, columns = torch.meshgrid(*(torch.arange(n, device=output.device) for n in t.shape[2:4]), indexing="ij")
    centre = (torch.stack([columns, rows], dim=-1) + t[..., :2].sigmoid()) * cell
    size = anchors[:, None, None] * t[..., 2:].clip(max=LARGEST).exp()
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)
