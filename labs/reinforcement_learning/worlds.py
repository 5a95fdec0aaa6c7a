"""The grid worlds of the slides and of the exam: their transition tables, and the same to learn in.

Theory pages of the course (Markov decision process, V^π, Q^π, Bellman); no Julia file.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import gymnasium

from labs.reinforcement_learning.planning import Table

UP, RIGHT, DOWN, LEFT = range(4)
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))  # (row, column) of each action, in CliffWalking's order
Convention = Literal["A", "B"]
Pit = Literal["enter", "end", "wall"]


@dataclass(frozen=True)
class World:
    """A map of S start, G goal, X pit, # wall; rewards; the slides' γ; what happens beside the intended move."""

    map: tuple[str, ...]
    goal: float = 10.0  # paid for the goal
    step: float = -1.0  # paid for any other step
    pit: float = -5.0  # paid for entering X
    gamma: float = 0.9
    slip: float = 0.1  # probability of slipping to each side, when slippery
    convention: Convention = "B"

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.map), len(self.map[0])

    def table(self, *, slippery: bool = False, convention: Convention | None = None, pit: Pit = "enter") -> Table:
        """Gymnasium's transition table. States are numbered row by row from 0; against a wall the agent stays.

        Convention A: the step into G costs as any other, and in G the value 10 is paid: one more step, whatever the
        action, ends the episode with it. Convention B: the step into G pays 10 and ends the episode.
        A pit X is entered at its price and left again, or ends the episode, or is a wall.
        """
        letters, columns = "".join(self.map), self.shape[1]
        collect = (convention or self.convention) == "A"
        blocked = "#X" if pit == "wall" else "#"
        table: dict[int, dict[int, list]] = {}
        for state, letter in enumerate(letters):
            table[state] = {}
            for action in range(4):
                outcomes = [(1.0, action)]
                if slippery:
                    sides = [(self.slip, (action + 1) % 4), (self.slip, (action - 1) % 4)]
                    outcomes = [(1 - 2 * self.slip, action), *sides]
                if letter == "G" and collect:
                    table[state][action] = [(1.0, state, self.goal, True)]
                elif letter in f"G{blocked}" or (letter == "X" and pit == "end"):
                    table[state][action] = [(1.0, state, 0.0, True)]  # no episode goes on from here
                else:
                    table[state][action] = []
                    for probability, move in outcomes:
                        row, column = state // columns + MOVES[move][0], state % columns + MOVES[move][1]
                        inside = 0 <= row < self.shape[0] and 0 <= column < columns
                        following = row * columns + column if inside else state
                        following = state if letters[following] in blocked else following
                        entered = letters[following] if following != state else "."
                        reward = {"X": self.pit, "G": self.step if collect else self.goal}.get(entered, self.step)
                        over = (entered == "G" and not collect) or (entered == "X" and pit == "end")
                        table[state][action].append((probability, following, reward, over))
        return table


WORLDS = {
    "2x2": World((".G", "S."), convention="A"),
    "3x3": World(("S..", "...", "..G")),
    "mdp": World(("..G", ".X.", "S..")),
    "exam": World(("S.G", ".#.", "..."), goal=5.0, step=0.0, gamma=0.8, slip=0.15),
    "cliff": World(("......", "......", "SXXXXG"), pit=-10.0),  # no slide's: the short way is the dangerous one
}


class GridWorld(gymnasium.Env[Any, Any]):
    """One of WORLDS to learn in. Observation: the state's number; actions: 0 up, 1 right, 2 down, 3 left.

    `slip` is the probability of slipping to each side, whatever the world's own is.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}

    def __init__(
        self,
        world: str = "3x3",
        is_slippery: bool = False,
        convention: Convention | None = None,
        pit: Pit = "enter",
        slip: float | None = None,
        render_mode: str | None = None,
    ):
        self.world, self.render_mode = WORLDS[world], render_mode
        if slip is not None:
            self.world, is_slippery = replace(self.world, slip=slip), slip > 0
        self.P = self.world.table(slippery=is_slippery, convention=convention, pit=pit)
        self.start = "".join(self.world.map).index("S")
        self.observation_space = gymnasium.spaces.Discrete(len(self.P))
        self.action_space = gymnasium.spaces.Discrete(4)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict]:
        super().reset(seed=seed)
        self.state = self.start
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict]:
        outcomes = self.P[self.state][int(action)]
        drawn = self.np_random.choice(len(outcomes), p=[outcome[0] for outcome in outcomes])
        _, self.state, reward, terminated = outcomes[drawn]
        return self.state, reward, terminated, False, {}

    def render(self) -> str:
        letters = "".join(self.world.map)
        shown = f"{letters[: self.state]}@{letters[self.state + 1 :]}"
        columns = self.world.shape[1]
        return "\n".join(shown[i : i + columns] for i in range(0, len(shown), columns))
