"""Grid worlds with exact answers: the slides' worlds, the exam's, FrozenLake and CliffWalking.

Theory pages of the course (Markov decision process, V^π, Q^π, Bellman); no Julia file. `python -m
labs.reinforcement_learning.gridworld` prints each slide's answer beside the exact one; with `--world` it solves one
world step by step. Learning in the same worlds, without their table: `python -m labs.reinforcement_learning --env
sorcery/GridWorld3x3-v0`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from common import cli
from common.errors import InputError
from common.runs import place
from common.settings import OptionalPath, OptionalProbability, Settings, Whole
from labs.reinforcement_learning.environments import OWN, YesNo, make_slippery, table_of
from labs.reinforcement_learning.grids import Layout, draw_grid, explain_cells, layout, plot_grids
from labs.reinforcement_learning.planning import MDP, greedy, model, optimal, policy_iteration, uniform, value_iteration
from labs.reinforcement_learning.slides import answers
from labs.reinforcement_learning.worlds import WORLDS, Convention, Pit


@dataclass(frozen=True)
class Request(Settings):
    """Solve grid worlds exactly. Without --world: every number of the slides and the exam beside the exact one."""

    world: str = ""  # 2x2, 3x3, mdp, exam, cliff, FrozenLake-v1, CliffWalking-v1, …; none: the slides' four
    gamma: OptionalProbability = None  # discount (γ); none: the slide's, or 0.99
    slippery: YesNo | None = None  # whether the agent may slip; none: as the environment has it, else no
    convention: Convention | None = None  # the goal's reward: A when in G, B for the step into G; none: the slide's
    pit: Pit = "enter"  # mdp's X: entered at its price, the end of the episode, or a wall
    sweeps: Whole = 5  # sweeps of value iteration to print, besides the last
    out: OptionalPath = None  # where the figure goes; none: one in runs/, named after what is asked

    def check(self) -> None:
        one = bool(self.world)
        self.refuse_unused({"gamma": one, "slippery": one, "sweeps": one}, "without --world")
        own = WORLDS.get(self.world)
        self.refuse_unused({"convention": own is not None}, "without a world of the lab's own; add --world 2x2")
        pits = own is not None and any("X" in row for row in own.map)
        self.refuse_unused({"pit": pits}, "without a pit; add --world mdp or cliff")


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
    if args.world:
        return _solve_one(args)
    _compare_all(args)
    return None


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
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    sides: tuple[YesNo, YesNo] = ("no", "yes")
    for axes, slippery in zip(figure.subplots(2, len(slides)), sides, strict=True):
        for axis, name in zip(axes, slides, strict=True):
            _, mdp, grid = open_world(Request(world=name, slippery=slippery))
            Q, V = optimal(mdp)
            title = f"{name}: V*, γ = {mdp.gamma:g}\n{'slippery' if slippery == 'yes' else 'deterministic'}"
            draw_grid(axis, grid, V, greedy(Q), title)
    explain_cells(figure, *(open_world(Request(world=name))[2] for name in slides))
    print(write_figure(args.out or Path(f"{place(args)}.png"), figure))


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
    begun = [(f"value iteration, sweep {number}", sweeps[number - 1], None) for number in moments]
    panels = [*begun, (f"V* (sweep {len(sweeps)}) and π*", V, greedy(Q))]
    print(write_figure(args.out or Path(f"{place(args)}.png"), plot_grids(grid, panels)))
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
