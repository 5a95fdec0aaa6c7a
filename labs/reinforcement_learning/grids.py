"""How states lie on a grid: values and policies as text with arrows, and as heat-maps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from labs.reinforcement_learning.environments import Env, table_of
from labs.reinforcement_learning.planning import reachable
from labs.reinforcement_learning.worlds import MOVES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 0.85  # inches of a cell: its numbers are to be read from a lecture's last row


@dataclass(frozen=True)
class Layout:
    """How an environment's states lie on a grid, for printing and drawing."""

    shape: tuple[int, int]
    letters: str  # one for each state, row by row
    moves: tuple[tuple[int, int], ...]  # (row, column) of each action
    start: int
    shown: ndarray  # (S,): states that an episode can come to
    ends: dict[str, str] = field(default_factory=lambda: {"G": "goal", "H": "hole"})  # what H and G are called
    first: int = 0  # number of the first state: Julia's places of the walk begin with 1

    def arrows(self, probabilities: ndarray) -> str:
        """The actions that a policy takes in a state, as arrows."""
        signs = {(-1, 0): "↑", (0, 1): "→", (1, 0): "↓", (0, -1): "←"}
        return "".join(signs[move] for move, p in zip(self.moves, probabilities, strict=True) if p > 0.01)

    def text(self, V: ndarray, policy: ndarray | None = None, digits: int = 4) -> str:
        """Values as a grid of text, with arrows if there is a policy."""
        cells = []
        for state, letter in enumerate(self.letters):
            value = f"{V[state]:.{digits}f}" if self.shown[state] else letter
            acts = self.shown[state] and letter not in "GH"
            cells.append(f"{value} {self.arrows(policy[state])}" if acts and policy is not None else value)
        width = max(map(len, cells))
        columns = self.shape[1]
        rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        return "\n".join("    " + "   ".join(f"{cell:<{width}}" for cell in row).rstrip() for row in rows)


def layout(env: Env) -> Layout | None:
    """The grid of an environment: the lab's own, FrozenLake or CliffWalking; None for any other."""
    own, table = env.unwrapped, table_of(env)
    moves: tuple[tuple[int, int], ...] = MOVES
    kws: dict[str, Any] = {}
    if table is None:
        return None
    if hasattr(own, "world"):  # GridWorld
        shape, letters, start = own.world.shape, "".join(own.world.map), own.start
    elif hasattr(own, "track"):  # RandomWalk1D
        shape, letters, start, moves = (1, len(own.track)), own.track, own.track.index("S"), ((0, -1), (0, 1))
        kws = {"ends": {"H": "the end\nreward −1", "G": "the end\nreward +1"}, "first": 1}
    elif env.spec.name.startswith("FrozenLake"):
        shape, letters = own.desc.shape, b"".join(own.desc.flatten()).decode().replace("F", ".")
        start, moves = letters.index("S"), ((0, -1), (1, 0), (0, 1), (-1, 0))
    elif env.spec.name.startswith("CliffWalking"):
        shape, start = own.shape, own.start_state_index
        letters = "".join("S" if s == start else "G" if s == len(table) - 1 else "." for s in table)
    else:
        return None
    return Layout(tuple(shape), letters, moves, start, reachable(table, start), **kws)


def draw_grid(
    axis: Any, grid: Layout, V: ndarray, policy: ndarray | None, title: str, digits: int = 2, **kws: Any
) -> Any:
    """A heat-map of V with the states' numbers, and the policy's actions as arrows.

    Grey cells are never entered, white ones end the episode, hatched ones are pits.
    """
    from matplotlib.patches import Rectangle

    ended = np.array([letter in "GH" for letter in grid.letters]) & (V == 0)
    drawn = axis.imshow(np.where(grid.shown & ~ended, V, np.nan).reshape(grid.shape), cmap="viridis", **kws)
    axis.set_facecolor("#999999")
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=12)
    low, high = drawn.get_clim()
    for state in np.flatnonzero(grid.shown):
        y, x = divmod(int(state), grid.shape[1])
        letter = grid.letters[state]
        ink = "white" if not ended[state] and V[state] <= low + 0.6 * (high - low) else "black"
        number = axis.text(x - 0.46, y - 0.46, f"{state + grid.first}", fontsize=10, ha="left", va="top", color=ink)
        if ended[state]:
            axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="white", edgecolor="none", zorder=0.5))
            axis.text(x, y + 0.05, grid.ends[letter], ha="center", va="center", fontsize=11)
            continue
        said = f"{letter} " * (letter != ".") + f"{V[state]:z.{digits}f}".replace("-", "−")
        value = axis.text(x, y + 0.2, said, ha="center", va="center", fontsize=11, color=ink)
        if letter == "X":
            for text in (number, value):  # hatched, they could not be read
                text.set_bbox({"facecolor": "white" if ink == "black" else "black", "edgecolor": "none", "pad": 1.5})
            hatch: dict[str, Any] = {"hatch": "//", "edgecolor": ink, "facecolor": "none", "linewidth": 0, "alpha": 0.5}
            axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **hatch))
        if policy is None or letter in "GH":
            continue
        for (down, right), p in zip(grid.moves, policy[state], strict=True):
            if p > 0.01:
                arrow = {"arrowstyle": "->", "color": ink, "alpha": 0.35 + 0.65 * float(p), "linewidth": 1.5}
                middle = x + 0.22, y - 0.24
                axis.annotate("", (middle[0] + 0.22 * right, middle[1] + 0.22 * down), middle, arrowprops=arrow)
    axis.set(xlim=(-0.5, grid.shape[1] - 0.5), ylim=(grid.shape[0] - 0.5, -0.5))
    return drawn


def explain_cells(figure: "Figure", *grids: Layout) -> None:
    """A legend for what is neither a number nor an arrow: pits, and cells that are never entered, if there are any."""
    from matplotlib.patches import Patch

    handles = []
    if any(letter == "X" and shown for grid in grids for letter, shown in zip(grid.letters, grid.shown, strict=True)):
        handles.append(Patch(label="a pit: entered at its price", facecolor="white", edgecolor="black", hatch="///"))
    if not all(grid.shown.all() for grid in grids):
        handles.append(Patch(label="never entered", facecolor="#999999"))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=11)


def plot_grids(
    grid: Layout, panels: Sequence[tuple[str, ndarray, ndarray | None]], digits: int = 2, cells: int = 16
) -> "Figure":
    """Several (title, V, policy or None) of one environment, on one scale of colours; at most `cells` side by side."""
    from matplotlib.figure import Figure

    rows, columns = grid.shape
    across = 1 if rows == 1 else max(1, min(len(panels), cells // columns))
    down = -(-len(panels) // across)
    height = SIDE if rows * down <= 8 else SIDE / 2  # flat cells, or so tall a figure would be shrunk to be seen
    size = SIDE * columns * across + 1.4, (height * rows + 0.4) * down + 0.5
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    inside = grid.shown & np.array([letter not in "GH" for letter in grid.letters])
    shown = np.concatenate([V[inside] for _, V, _ in panels])
    scale = {"vmin": shown.min(), "vmax": shown.max()}
    for axis, (title, V, policy) in zip(axes, panels, strict=False):
        drawn = draw_grid(axis, grid, V, policy, title, digits, **scale, aspect=height / SIDE)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.colorbar(drawn, ax=axes, shrink=0.6, aspect=15, label="value" if digits else "updates")
    explain_cells(figure, grid)
    return figure
