"""Names beside the points of a figure, none over another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

# Where a name may stand: in which direction from its point, and which of its sides looks back.
SIDES = (
    *((0, 1, "center", "bottom"), (1, 0, "left", "center"), (-1, 0, "right", "center"), (0, -1, "center", "top")),
    *((0.7, 0.7, "left", "bottom"), (-0.7, 0.7, "right", "bottom"), (0.7, -0.7, "left", "top")),
    (-0.7, -0.7, "right", "top"),
)
FARTHER = tuple((far * x, far * y, across, up) for far in (2.2, 3.6) for x, y, across, up in SIDES)


def place_labels(
    axis: "Axes",
    places: np.ndarray,
    names: Sequence[str],
    looks: Sequence[dict[str, Any]] | None = None,
    distance: float = 5,
) -> list[str]:
    """Write names beside places (N, 2), the first first; one that has room on no side is left out.

    looks      of each name: colour, weight, size
    distance   from a place to its name, in points

    The axis must have its limits. Returns the names that are written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from common.plots import plain  # here, so that --help need not wait for matplotlib

    figure = axis.get_figure()
    assert isinstance(figure, Figure)  # not a part of one
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()  # so that the layout is final
    inside = axis.get_window_extent(renderer)
    taken: list[Bbox] = []
    written: list[str] = []
    for i, (place, name) in enumerate(zip(places, names, strict=True)):
        for x, y, across, up in (*SIDES, *FARTHER):
            where: dict[str, Any] = {"xytext": (distance * x, distance * y), "textcoords": "offset points"}
            look = {"fontsize": 10, "ha": across, "va": up, **(looks[i] if looks else {})}
            text = axis.annotate(plain(name), place, **where, **look)
            box = text.get_window_extent(renderer).padded(2)
            free = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
            if free and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                written.append(name)
                break
            text.remove()
    return written
