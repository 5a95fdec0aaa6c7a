"""How detection came here: the methods, their years, and what each of them changed.

`python -m labs.cnn.detection.timeline`
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from common import cli
from common.runs import place
from common.settings import OptionalFolder, Role, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TIMELINE = (  # year of the conference, method, authors and what was new
    (2001, "Viola & Jones", "a window slides over the image; cheap tests come first"),
    (2005, "HOG", "Dalal & Triggs: windows of gradient directions, and an SVM"),
    (2014, "R-CNN", "Girshick et al.: a CNN for each of 2000 proposed regions"),
    (2015, "Fast R-CNN", "Girshick: one CNN an image; regions are cut from its maps"),
    (2015, "Faster R-CNN", "Ren et al.: the network proposes the regions, by anchors"),
    (2016, "YOLO", "Redmon et al.: no regions: a grid of cells, one pass"),
    (2016, "SSD", "Liu et al.: one pass, anchors on maps of several sizes"),
    (2017, "YOLO9000", "Redmon & Farhadi: anchors by k-means, offsets in the cell"),
    (2017, "FPN", "Lin et al.: coarse maps are handed down to fine ones"),
    (2017, "RetinaNet", "Lin et al.: a loss that forgets the easy background"),
    (2017, "Mask R-CNN", "He et al.: an outline for each box"),
    (2019, "FCOS", "Tian et al.: no anchors: each pixel says how far the edges are"),
    (2020, "DETR", "Carion et al.: a Transformer; a set of boxes, no NMS"),
)


@dataclass(frozen=True)
class Request(Settings):
    """Draw the timeline of object detection."""

    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figure; none: runs/cnn/detection_timeline


def draw(**kws) -> None:
    """Write timeline.png."""
    from common.plots import write_figure

    args = Request.of(**kws)
    folder = args.out or place(args)
    print(write_figure(folder / "timeline.png", draw_timeline()))


def draw_timeline() -> "Figure":
    """What was new, and when; evenly spread, for most of it came within a few years."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 6.2), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-0.1, 1), ylim=(len(TIMELINE) - 0.5, -0.5))
    axis.set_axis_off()
    axis.plot([0, 0], [0, len(TIMELINE) - 1], color="black", linewidth=2)
    for i, (year, name, what) in enumerate(TIMELINE):
        axis.plot(0, i, "o", color="C0", markersize=11)
        axis.text(-0.015, i, str(year), ha="right", va="center", fontsize=14, weight="bold")
        axis.text(0.02, i, name, ha="left", va="center", fontsize=14, weight="bold")
        axis.text(0.2, i, what, ha="left", va="center", fontsize=14)
    return figure


def main() -> None:
    """The command `python -m labs.cnn.detection.timeline`."""
    cli.run(draw, Request)


if __name__ == "__main__":
    main()
