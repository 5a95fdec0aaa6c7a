"""Grid worlds with exact answers: the slides' worlds, the exam's, FrozenLake and CliffWalking.

Theory pages of the course (Markov decision process, V^π, Q^π, Bellman); no Julia file. `python -m
labs.reinforcement_learning.gridworld` prints each slide's answer beside the exact one; with `--world` it solves one
world step by step. Learning in the same worlds, without their table: `python -m labs.reinforcement_learning --env
sorcery/GridWorld3x3-v0`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy import ndarray

from common import cli
from common.errors import InputError
from labs.reinforcement_learning.environments import OWN, YesNo, make_slippery, table_of
from labs.reinforcement_learning.planning import (
    MDP,
    greedy,
    model,
    optimal,
    policy_iteration,
    reachable,
    uniform,
    value_iteration,
)
from labs.reinforcement_learning.slides import answers
from labs.reinforcement_learning.worlds import MOVES, WORLDS, Convention, Pit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Layout:
    """How an environment's states lie on a grid, for printing and drawing."""

    shape: tuple[int, int]
    letters: str  # one for each state, row by row
    moves: tuple[tuple[int, int], ...]  # (row, column) of each action
    start: int
    shown: ndarray  # (S,): states that an episode can come to

    def arrows(self, probabilities: ndarray) -> str:
        """The actions that a policy takes in a state, as arrows."""
        signs = {(-1, 0): "↑", (0, 1): "→", (1, 0): "↓", (0, -1): "←"}
        return "".join(signs[move] for move, p in zip(self.moves, probabilities, strict=True) if p > 0.01)

    def text(self, V: ndarray, policy: ndarray | None = None, digits: int = 4) -> str:
        """Values as a grid of text, with arrows if there is a policy."""
        cells = []
        for state, letter in enumerate(self.letters):
            value = f"{V[state]:.{digits}f}" if self.shown[state] else letter
            acts = policy is not None and self.shown[state] and letter not in "GH"
            cells.append(f"{value} {self.arrows(policy[state])}" if acts else value)
        width = max(map(len, cells))
        columns = self.shape[1]
        rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        return "\n".join("    " + "   ".join(f"{cell:<{width}}" for cell in row).rstrip() for row in rows)


def layout(env: gymnasium.Env) -> Layout | None:
    """The grid of an environment: the lab's own, FrozenLake or CliffWalking; None for any other."""
    own, table = env.unwrapped, table_of(env)
    moves = MOVES
    if hasattr(own, "world"):  # GridWorld
        shape, letters, start = own.world.shape, "".join(own.world.map), own.start
    elif hasattr(own, "track"):  # RandomWalk1D
        shape, letters, start, moves = (1, len(own.track)), own.track, own.track.index("S"), ((0, -1), (0, 1))
    elif env.spec.name.startswith("FrozenLake"):
        shape, letters = own.desc.shape, b"".join(own.desc.flatten()).decode().replace("F", ".")
        start, moves = letters.index("S"), ((0, -1), (1, 0), (0, 1), (-1, 0))
    elif env.spec.name.startswith("CliffWalking"):
        shape, start = own.shape, own.start_state_index
        letters = "".join("S" if s == start else "G" if s == len(table) - 1 else "." for s in table)
    else:
        return None
    return Layout(tuple(shape), letters, moves, start, reachable(table, start))


def draw_grid(axis: Any, grid: Layout, V: ndarray, policy: ndarray | None, title: str, digits: int = 2, **kws) -> Any:
    """A heat-map of V with the policy's actions as arrows. Grey cells are never entered, white ones end the episode."""
    ended = np.array([letter in "GH" for letter in grid.letters]) & (V == 0)
    drawn = axis.imshow(np.where(grid.shown & ~ended, V, np.nan).reshape(grid.shape), cmap="viridis", **kws)
    axis.set_facecolor("#999999")
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=9)
    low, high = drawn.get_clim()
    for state in np.flatnonzero(grid.shown):
        y, x = divmod(int(state), grid.shape[1])
        letter = grid.letters[state]
        if ended[state]:
            axis.fill([x - 0.5, x + 0.5, x + 0.5, x - 0.5], [y - 0.5, y - 0.5, y + 0.5, y + 0.5], color="white")
            axis.text(x, y, letter, ha="center", va="center")
            continue
        ink = "black" if V[state] > low + 0.6 * (high - low) else "white"
        said = f"{letter}  " * (letter != ".") + f"{V[state]:.{digits}f}"
        axis.text(x, y - 0.22, said, ha="center", va="center", fontsize=8, color=ink)
        if policy is None or letter in "GH":
            continue
        for (down, right), p in zip(grid.moves, policy[state], strict=True):
            if p > 0.01:
                arrow = {"arrowstyle": "->", "color": ink, "alpha": 0.35 + 0.65 * float(p)}
                axis.annotate("", (x + 0.25 * right, y + 0.2 + 0.22 * down), (x, y + 0.2), arrowprops=arrow)
    axis.set(xlim=(-0.5, grid.shape[1] - 0.5), ylim=(grid.shape[0] - 0.5, -0.5))
    return drawn


def plot_grids(
    grid: Layout, panels: Sequence[tuple[str, ndarray, ndarray | None]], digits: int = 2, cells: int = 16
) -> "Figure":
    """Several (title, V, policy or None) of one environment, on one scale of colours; at most `cells` side by side."""
    from matplotlib.figure import Figure

    rows, columns = grid.shape
    across = 1 if rows == 1 else max(1, min(len(panels), cells // columns))
    down = -(-len(panels) // across)
    figure = Figure(figsize=(0.85 * columns * across + 1.2, (0.85 * rows + 0.35) * down + 0.2), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    inside = grid.shown & np.array([letter not in "GH" for letter in grid.letters])
    shown = np.concatenate([V[inside] for _, V, _ in panels])
    for axis, (title, V, policy) in zip(axes, panels, strict=False):
        drawn = draw_grid(axis, grid, V, policy, title, digits, vmin=shown.min(), vmax=shown.max())
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.colorbar(drawn, ax=axes, shrink=0.6, aspect=15)
    return figure


@dataclass(frozen=True)
class Request:
    """Solve grid worlds exactly. Without --world: every number of the slides and the exam beside the exact one."""

    world: str = ""  # 2x2, 3x3, mdp, exam, cliff, FrozenLake-v1, CliffWalking-v1, or another; none: the slides' four
    gamma: cli.OptionalFloat = None  # discount (γ); none: the slide's, or 0.99
    slippery: YesNo | None = None  # whether the agent may slip; none: as the environment has it, else no
    convention: Convention | None = None  # the goal's reward: A when in G, B for the step into G; none: the slide's
    pit: Pit = "enter"  # mdp's X: entered at its price, the end of the episode, or a wall
    sweeps: int = 5  # sweeps of value iteration to print, besides the last
    out: Path = Path("runs/gridworld.png")  # where the figure goes

    def __post_init__(self) -> None:
        if self.gamma is not None and not 0 <= self.gamma <= 1:
            raise InputError(f"--gamma is {self.gamma}; it must be from 0 to 1")
        if self.sweeps < 0:
            raise InputError(f"--sweeps is {self.sweeps}; it must be at least 0")
        if self.world not in WORLDS and (self.convention or self.pit != "enter"):
            raise InputError("--convention and --pit belong to one of this file's worlds; name it with --world")


def open_world(args: Request) -> tuple[str, MDP, Layout]:
    """Name, model and grid of the world that is asked for; InputError for one without table or grid."""
    kws: dict[str, Any] = {}
    name, gamma = args.world, 0.99
    if name in WORLDS:
        name = next(full for full, (_, _, own) in OWN.items() if own.get("world") == args.world)
        kws = {"convention": args.convention, "pit": args.pit}
        gamma = WORLDS[args.world].gamma
    env = make_slippery(name, args.slippery, **kws)
    table, grid = table_of(env), layout(env)
    if table is None or grid is None:
        raise InputError(
            f"environment {name!r} has no transition table of a grid; take one of {', '.join(WORLDS)}, FrozenLake-v1, "
            "CliffWalking-v1, or learn it: python -m labs.reinforcement_learning --env"
        )
    return name, model(table, gamma if args.gamma is None else args.gamma), grid


def solve(**kws: Any) -> ndarray | None:
    """Print the answers, or one world's solution step by step, and draw it. Returns V* of that world."""
    args = Request(**kws)
    return _solve_one(args) if args.world else _compare_all(args)


def _compare_all(args: Request) -> None:
    from matplotlib.figure import Figure

    from common.plots import write_figure

    found = answers()
    slides = list(dict.fromkeys(answer.world for answer in found))
    for name in slides:
        print(f"\n{name}: {' / '.join(WORLDS[name].map)}, γ = {WORLDS[name].gamma:g}")
        for answer in (answer for answer in found if answer.world == name):
            slide = "–" if answer.slide is None else f"{answer.slide:g}"
            differs = answer.slide is not None and abs(answer.slide - answer.exact) > 6e-3
            note = f"  {answer.note}" if differs or answer.slide is None else ""
            print(f"  {answer.what:<50} slide {slide:>6}  exact {answer.exact:9.6f}{' ≠' if differs else '  '}{note}")
    figure = Figure(figsize=(12.5, 6.2), layout="constrained")
    for axes, slippery in zip(figure.subplots(2, len(slides)), ("no", "yes"), strict=True):
        for axis, name in zip(axes, slides, strict=True):
            _, mdp, grid = open_world(Request(world=name, slippery=slippery))
            Q, V = optimal(mdp)
            title = f"{name}: V*, {'slippery' if slippery == 'yes' else 'deterministic'}, γ = {mdp.gamma:g}"
            draw_grid(axis, grid, V, greedy(Q), title)
    print(write_figure(args.out, figure))


def _solve_one(args: Request) -> ndarray:
    from common.plots import write_figure

    name, mdp, grid = open_world(args)
    print(f"{name}, γ = {mdp.gamma:g}")
    sweeps = list(value_iteration(mdp))
    for number, V in enumerate(sweeps[: args.sweeps], 1):
        print(f"value iteration, sweep {number}\n{grid.text(V)}")
    print(f"value iteration, sweep {len(sweeps)}: no value moves by more than 1e-10\n{grid.text(sweeps[-1])}")
    steps = list(policy_iteration(mdp, uniform(mdp)))
    for number, (policy, V) in enumerate(steps):
        print(f"policy iteration, {f'step {number}' if number else 'start: every action alike'}")
        print(grid.text(V, policy))
    Q, V = optimal(mdp)
    print("Q*\n" + "\n".join(_q_lines(grid, Q)))
    print(f"V* at the start {V[grid.start]:.6f}")
    moments = sorted({round(number) for number in np.geomspace(1, len(sweeps), 4)[:3]})  # one, some, more
    panels = [(f"value iteration, sweep {number}", sweeps[number - 1], None) for number in moments]
    panels.append((f"V* (sweep {len(sweeps)}) and π*", V, greedy(Q)))
    print(write_figure(args.out, plot_grids(grid, panels)))
    return V


def _q_lines(grid: Layout, Q: ndarray) -> list[str]:
    """A line per state: Q of each action."""
    arrows = [grid.arrows(one) for one in np.eye(len(grid.moves))]
    states = [s for s in np.flatnonzero(grid.shown) if grid.letters[s] not in "GH"]
    values = ["  ".join(f"{arrow} {q:9.4f}" for arrow, q in zip(arrows, Q[s], strict=True)) for s in states]
    return [f"    state {s:>3}  {line}" for s, line in zip(states, values, strict=True)]


def main() -> None:
    """The command `python -m labs.reinforcement_learning.gridworld`."""
    cli.run(solve, Request)


if __name__ == "__main__":
    main()
