"""What the notebook draws: two boxes and what they share, scenes, cells, what NMS leaves, a picture of one's own."""

import functools
from typing import TYPE_CHECKING, Any, cast

import torch

from common.notebook import Upload
from common.runs import Run
from labs.cnn.detection.boxes import area, intersection, iou
from labs.cnn.detection.detection import Data, Detector, HyperParams, box_sizes, get_data, predict
from labs.cnn.detection.figures import Mark, found_marks, plot_cells, plot_pictures, plot_scenes, plot_suppressed
from labs.cnn.detection.figures import plot_detections as plot_judged
from labs.cnn.detection.grid import assign, fit_anchors
from labs.cnn.detection.own_scenes import PICTURES, to_scene
from labs.cnn.detection.scenes import SIDE, Scenes, draw_scenes
from labs.cnn.own_pictures import open_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIXED = (30.0, 30.0, 66.0, 66.0)  # the box that the other is held against


def draw_two_boxes(x: int, y: int, width: int, height: int) -> tuple["Figure", str]:
    """A fixed box and one whose corner and size are given, what they share, and the arithmetic of their IoU."""
    a, b = torch.tensor([FIXED]), torch.tensor([[x, y, x + width, y + height]]).float()
    shared = float(intersection(a, b)[0, 0])
    sizes = float(area(a)[0]), float(area(b)[0])
    both = sum(sizes) - shared
    said = (
        f"intersection {shared:.0f}, union {sizes[0]:.0f} + {sizes[1]:.0f} − {shared:.0f} = {both:.0f}\n"
        f"IoU = {shared:.0f}/{both:.0f} = {float(iou(a, b)[0, 0]):.3f}"
    )
    common = torch.cat([torch.maximum(a[0, :2], b[0, :2]), torch.minimum(a[0, 2:], b[0, 2:])])
    picture = torch.zeros(1, SIDE, SIDE)
    if shared:
        x1, y1, x2, y2 = common.int().tolist()
        picture[:, y1:y2, x1:x2] = 0.5
    return plot_pictures([picture], [[Mark(a[0], "fixed", "true"), Mark(b[0], "yours", "anchor")]], 1), said


@functools.cache
def load(dataset: str) -> Data:
    """The digits of which scenes are made, on the CPU."""
    return get_data(HyperParams(dataset=cast(Any, dataset)), torch.device("cpu"))


def scenes_of(dataset: str, number: int, n: int = 6, digits: int = 6, overlap: float = 0.3) -> Scenes:
    """`n` scenes of test digits, always the same ones for a number."""
    return draw_scenes(load(dataset).test, n, torch.Generator().manual_seed(number), digits, overlap)


def draw_new_scenes(dataset: str, number: int, digits: int, overlap: float) -> tuple["Figure", str]:
    """Six scenes with their boxes, and how many digits they have."""
    scenes = scenes_of(dataset, number, 6, digits, overlap)
    return plot_scenes(scenes, load(dataset).classes), f"{int((scenes.labels >= 0).sum())} digits in 6 scenes"


def draw_grid(dataset: str, number: int, cell: int, anchors: int) -> tuple["Figure", str]:
    """A scene with its cells and anchors, and the four numbers that each digit's box becomes."""
    scenes = scenes_of(dataset, number, 1)
    shapes = fit_anchors(box_sizes(load(dataset).train, HyperParams(dataset=cast(Any, dataset))), anchors)
    target = assign(scenes.boxes, scenes.labels, shapes, cell)
    lines = ["anchors " + ", ".join(f"{w:.0f}×{h:.0f}" for w, h in shapes.tolist())]
    _, which, rows, columns = (t.tolist() for t in target.where)
    for label, a, row, column, inner, size in zip(
        target.labels.tolist(), which, rows, columns, target.inner.tolist(), target.size.tolist(), strict=True
    ):
        lines.append(
            f"{load(dataset).classes[label]}: row {row}, column {column}, anchor {a + 1}; "
            f"σ(tx) {inner[0]:.2f}, σ(ty) {inner[1]:.2f}, tw {size[0]:+.2f}, th {size[1]:+.2f}"
        )
    return plot_cells(scenes.X[0], scenes.boxes[0], scenes.labels[0], shapes, cell), "\n".join(lines)


def draw_found(model: Detector, run: Run, number: int, threshold: float) -> tuple["Figure", str]:
    """What the trained detector finds in three scenes that it has not seen, and where it errs."""
    dataset = getattr(run.settings, "dataset", "digits")
    scenes = scenes_of(dataset, number, 3)
    found = predict(model, scenes.X, threshold)
    said = f"{sum(len(f.labels) for f in found)} boxes; {int((scenes.labels >= 0).sum())} digits"
    return plot_judged(scenes, found, load(dataset).classes, 3), said


def draw_suppression(model: Detector, run: Run, number: int, threshold: float, overlap: float) -> "Figure":
    """All boxes of a scene that are sure enough, and those that non-maximum suppression leaves."""
    dataset = getattr(run.settings, "dataset", "digits")
    scenes = scenes_of(dataset, number, 1)
    found = predict(model, scenes.X, threshold, overlap=1.0)[0]
    return plot_suppressed(scenes.X[0], found, load(dataset).classes, overlap)


def draw_own(model: Detector, run: Run, file: bytes | None, side: int, threshold: float) -> tuple["Figure", str]:
    """What is found in an uploaded picture; without one, in the sheet that comes with the lab."""
    picture = open_picture(PICTURES / "sheet.png" if file is None else Upload(file))
    X, factor = to_scene(picture, side)
    found = predict(model, X[None], threshold)[0]
    marks = found_marks(found, load(getattr(run.settings, "dataset", "digits")).classes)
    return plot_pictures([X], [marks], 1), f"{len(found.labels)} found; one pixel here is {factor:.1f} of the picture"
