"""What the figures of Task № 1 share: panels side by side, colours, words as a cloud."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from common.plots import plain

POSITIVE, NEGATIVE = "#2166ac", "#b2182b"
MOST_PANELS = 20  # topics that get a panel of their own


def panels(n: int, columns: int, width: float, height: float) -> tuple[Figure, list]:
    n = min(n, MOST_PANELS)
    columns = min(n, columns)
    rows = -(-n // columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.4), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[n:]:
        axis.set_axis_off()
    return figure, axes[:n]


def ticks(names: Sequence[str]) -> dict[str, Sequence]:
    """Where an axis names its topics, for set_xticks and set_yticks: each, or of more than 20 every fifth."""
    step = 1 if len(names) <= 20 else 5
    places = range(0 if step == 1 else step - 1, len(names), step)
    return {"ticks": places, "labels": [plain(names[k]) for k in places]}


def left_out(topics: int) -> str:
    return f"; the first {MOST_PANELS} of {topics} topics" if topics > MOST_PANELS else ""


def ink(colour: np.ndarray) -> str:
    """Black or white, whichever is read better on the colour (RGBA)."""
    return "black" if colour[:3] @ (0.299, 0.587, 0.114) > 0.5 else "white"


def colours_of(n: int) -> np.ndarray:
    """n colours as told apart as can be: tab10, tab20, beyond that around the circle of hues."""
    import matplotlib

    if n <= 20:
        return matplotlib.colormaps["tab10" if n <= 10 else "tab20"](range(n))
    return matplotlib.colormaps["hsv"](np.linspace(0, 1, n, endpoint=False))


def word_cloud(axis, words: Sequence[str], weights: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """Draw words, heaviest first, each as near the middle as those before it leave room; returns their rectangles.

    A word walks outwards along a flat spiral until its rectangle meets no other. Letters grow with √|weight|.
    """
    placed: list[tuple[float, float, float, float]] = []  # left, bottom, right, top
    for word, weight in zip(words, weights, strict=True):
        size = max(0.25, (abs(weight) / abs(weights[0])) ** 0.5)
        outline = TextPath((0, 0), plain(word), size=size)
        box = outline.get_extents()
        for step in range(4000):
            x, y = (0.01 * step * f for f in (1.6 * np.cos(0.35 * step), np.sin(0.35 * step)))
            left, bottom = x - box.width / 2, y - box.height / 2
            rectangle = (left - 0.06, bottom - 0.06, left + box.width + 0.06, bottom + box.height + 0.06)
            if not any(_overlap(rectangle, other) for other in placed):
                break
        placed.append(rectangle)
        moved = Affine2D().translate(left - box.x0, bottom - box.y0).transform_path(outline)
        axis.add_patch(PathPatch(moved, color=POSITIVE if weight > 0 else NEGATIVE, linewidth=0))
    corners = np.array(placed)
    axis.set(xlim=(corners[:, 0].min(), corners[:, 2].max()), ylim=(corners[:, 1].min(), corners[:, 3].max()))
    axis.set_aspect("equal")
    axis.set_axis_off()
    return placed


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
