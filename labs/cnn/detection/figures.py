"""Figures of detection: scenes with boxes, cells and anchors, curves, mistakes, what NMS removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from common.plots import panels, plain, show_image
from labs.cnn.detection.average_precision import Curve, match, mean_average_precision
from labs.cnn.detection.boxes import Detection, nms_per_class
from labs.cnn.detection.grid import assign
from labs.cnn.detection.scenes import Scenes

STYLES: dict[str, dict[str, Any]] = {  # on black, and told apart by more than colour
    "true": {"edgecolor": "#7fd17f", "linestyle": "-", "linewidth": 2},
    "right": {"edgecolor": "#7fd17f", "linestyle": "-", "linewidth": 2},
    "false alarm": {"edgecolor": "#ff6b6b", "linestyle": "--", "linewidth": 2},
    "missed": {"edgecolor": "#ffd92f", "linestyle": ":", "linewidth": 3},
    "anchor": {"edgecolor": "#66c2ff", "linestyle": "--", "linewidth": 2},
    "faint": {"edgecolor": "#ff9f40", "linestyle": "-", "linewidth": 1},
}


LEGEND = "solid: right; dashed: false alarm; dotted, with a question mark: missed"


@dataclass(frozen=True)
class Mark:
    """A box (4,) to be drawn into a picture, what is written at it, and which of STYLES it has."""

    box: Tensor
    text: str
    style: str


def draw_marks(axis: Any, image: Tensor, marks: Sequence[Mark], title: str = "", fontsize: int = 12) -> None:
    """An image (C, H, W) in [0, 1] with boxes, in the image's pixels, and their names above or below them."""
    height, width = image.shape[1:]
    show_image(axis, image, vmin=0, vmax=1, extent=(0, width, height, 0))
    for mark in marks:
        x1, y1, x2, y2 = mark.box.tolist()
        style = STYLES[mark.style]
        axis.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, **style))
        if mark.text:
            room_above, room_below = y1 > 0.12 * height, y2 < 0.88 * height
            above = not room_below if mark.style == "missed" else room_above  # so that two names of a box stay apart
            at = (x1, y1) if above else (x1, y2)
            frame = {"boxstyle": "square,pad=0.1", "facecolor": style["edgecolor"], "edgecolor": "none"}
            side = "bottom" if above else "top"
            axis.text(*at, plain(mark.text), fontsize=fontsize, va=side, bbox=frame, clip_on=True)
    axis.set_title(plain(title), fontsize=fontsize)


def true_marks(boxes: Tensor, labels: Tensor, classes: Sequence[str]) -> list[Mark]:
    """The boxes (M, 4) that are there, with their names; label −1 is none."""
    return [Mark(box, classes[label], "true") for box, label in zip(boxes, labels.tolist(), strict=True) if label >= 0]


def found_marks(found: Detection, classes: Sequence[str], style: str = "right") -> list[Mark]:
    """What was found, with its name and score."""
    answers = zip(found.boxes, found.labels.tolist(), found.scores.tolist(), strict=True)
    return [Mark(box, f"{classes[label]} {score:.2f}", style) for box, label, score in answers]


def plot_pictures(
    images: Sequence[Tensor] | Tensor,
    marks: Sequence[Sequence[Mark]],
    columns: int = 3,
    titles: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Images (1, H, W) side by side, each with its boxes."""
    figure, axes = panels(len(images), columns, min(5.0, 10 / columns))
    for i, (axis, image, own) in enumerate(zip(axes, images, marks, strict=False)):
        draw_marks(axis, image, own, titles[i] if titles else "")
    if title:
        figure.suptitle(plain(title), fontsize=13)
    return figure


def plot_scenes(scenes: Scenes, classes: Sequence[str], n: int = 6) -> Figure:
    """Scenes as the network is shown them, with the boxes that it has to find."""
    shown = Scenes(*(part[:n].cpu() for part in scenes))
    marks = [true_marks(boxes, labels, classes) for boxes, labels in zip(shown.boxes, shown.labels, strict=True)]
    return plot_pictures(shown.X, marks)


def plot_cells(image: Tensor, boxes: Tensor, labels: Tensor, anchors: Tensor, cell: int) -> Figure:
    """One scene (1, H, W): the cells, those that answer for a digit, and the anchor that each of them stretches."""
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    there = labels >= 0
    target = assign(boxes[None], labels[None], anchors, cell)
    _, which, rows, columns = target.where
    true = [Mark(box, "", "true") for box in boxes[there]]
    middle = (boxes[there, :2] + boxes[there, 2:]) / 2
    size = anchors[which]
    stretched = torch.cat([middle - size / 2, middle + size / 2], dim=1)
    shapes = [Mark(box, f"anchor {a + 1}", "anchor") for box, a in zip(stretched, which.tolist(), strict=True)]
    for axis, marks, title in (
        (left, true, f"the cell of a box's centre answers for it ({cell} pixels a side)"),
        (right, [*true, *shapes], "with the anchor (dashed) most like its box"),
    ):
        draw_marks(axis, image, marks, title)
        for at in range(0, image.shape[2] + 1, cell):
            axis.axvline(at, color="white", linewidth=0.5, alpha=0.5)
            axis.axhline(at, color="white", linewidth=0.5, alpha=0.5)
        axis.set_axis_off()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        left.add_patch(Rectangle((column * cell, row * cell), cell, cell, facecolor="#7fd17f", alpha=0.6))
    left.plot(*middle.T.tolist(), "x", color="black", markersize=7, markeredgewidth=2)
    return figure


def plot_learning(history: Sequence[Mapping[str, float]]) -> Figure:
    """The three parts of the loss over the epochs, and the mean average precision."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for i, part in enumerate(("box", "object", "class")):
        for run, line in (("train", "-"), ("test", "--")):
            style = {"color": f"C{i}", "linestyle": line, "marker": "osv"[i]}
            left.plot(epochs, [row[f"{run}_{part}"] for row in history], label=f"{part}, {run}", **style)
    left.set_yscale("log")
    left.set_ylabel("part of the loss, a digit", fontsize=13)
    for name, label, look in (("test_map50", "IoU ≥ 0.5", "o-"), ("test_map50_95", "mean of IoU ≥ 0.5 … 0.95", "s--")):
        right.plot(epochs, [row[name] for row in history], look, label=label)
    right.set_ylim(0, 1)
    right.set_ylabel("mean average precision, test", fontsize=13)
    for axis in (left, right):
        axis.set_xlabel("epoch", fontsize=13)
        axis.tick_params(labelsize=12)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside left upper", fontsize=12)
    right.legend(fontsize=12, loc="lower right")
    return figure


def plot_precision_recall(curves: Sequence[Curve], classes: Sequence[str]) -> Figure:
    """A panel per class: precision over recall, its envelope, and the area under that, which is the AP."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    axes = figure.subplots(2, -(-len(classes) // 2), sharex=True, sharey=True, squeeze=False)
    for i, (axis, curve, name) in enumerate(zip(axes.flat, curves, classes, strict=False)):
        axis.fill_between(curve.recall, curve.envelope, step="pre", color="C0", alpha=0.25)
        axis.plot(curve.recall, curve.precision, color="C0", linewidth=2)
        axis.set_title(f"{plain(name)}   AP {curve.average_precision:.3f}", fontsize=13)
        axis.set(xlim=(0, 1.03), ylim=(0, 1.03))
        axis.set_xticks([0, 0.5, 1])
        axis.tick_params(labelsize=12)
        axis.grid(alpha=0.3)
        if i % axes.shape[1] == 0:
            axis.set_ylabel("precision", fontsize=13)
        if i >= axes.shape[1]:
            axis.set_xlabel("recall", fontsize=13)
    figure.suptitle(f"mAP {mean_average_precision(curves):.3f}", fontsize=14)
    return figure


def plot_detections(scenes: Scenes, found: Sequence[Detection], classes: Sequence[str], n: int = 6) -> Figure:
    """The first scenes with what was found in them, right or not."""
    return plot_pictures(scenes.X[:n], judge(scenes, found, classes)[:n], title=LEGEND)


def plot_mistakes(scenes: Scenes, found: Sequence[Detection], classes: Sequence[str], n: int = 6) -> Figure:
    """The scenes with the most mistakes: what was missed, what was not there."""
    marks = judge(scenes, found, classes)
    worst = sorted(range(len(marks)), key=lambda i: -sum(mark.style != "right" for mark in marks[i]))[:n]
    return plot_pictures(scenes.X[worst], [marks[i] for i in worst], title=LEGEND)


def judge(scenes: Scenes, found: Sequence[Detection], classes: Sequence[str]) -> list[list[Mark]]:
    """For each scene what was found, right or a false alarm, and what was missed."""
    marks = []
    for boxes, labels, own in zip(scenes.boxes, scenes.labels, found, strict=True):
        boxes, labels = boxes[labels >= 0], labels[labels >= 0]
        right, taken = match(own, boxes, labels)
        told = zip(found_marks(own, classes), right, strict=True)
        unseen = zip(boxes, labels.tolist(), taken, strict=True)
        marks.append(
            [Mark(mark.box, mark.text, "right" if hit else "false alarm") for mark, hit in told]
            + [Mark(box, f"{classes[label]}?", "missed") for box, label, seen in unseen if not seen]
        )
    return marks


def plot_suppressed(image: Tensor, found: Detection, classes: Sequence[str], overlap: float = 0.5) -> Figure:
    """One image (1, H, W): all boxes that were found in it, and what non-maximum suppression leaves of them."""
    figure, axes = panels(2, 2, 5.0)
    left = nms_per_class(found, overlap)
    faint = [Mark(box, "", "faint") for box in found.boxes]
    draw_marks(axes[0], image, faint, f"{len(faint)} boxes before", 13)
    said = f"{len(left.labels)} after, at a threshold of {overlap:g}"
    draw_marks(axes[1], image, found_marks(left, classes), said, 13)
    return figure
