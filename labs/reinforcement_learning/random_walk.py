"""The course's environment: a walk to the left or right, with an end on either side. Julia: RandomWalk1D."""

from typing import Any

import gymnasium


class RandomWalk1D(gymnasium.Env[Any, Any]):
    """Seven places in a row, the agent starts in the middle: −1 at the left end, +1 at the right end, else 0.

    Observation: the place, 0 … 6 (Julia's 1 … 7). Actions: 0 left, 1 right (Julia's 1 and 2).
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}
    track = "H..S..G"  # H and G end the episode

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Discrete(len(self.track))
        self.action_space = gymnasium.spaces.Discrete(2)
        self.P = {s: {a: [(1.0, *self.move(s, a))] for a in range(2)} for s in range(len(self.track))}

    def move(self, state: int, action: int) -> tuple[int, float, bool]:
        """Next state, reward, and whether the episode has ended. From an end nothing moves."""
        if self.track[state] in "HG":
            return state, 0.0, True
        following = state + (1 if action == 1 else -1)
        reward = {"H": -1.0, "G": 1.0}.get(self.track[following], 0.0)
        return following, reward, reward != 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict]:
        super().reset(seed=seed)
        self.state = self.track.index("S")
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict]:
        self.state, reward, terminated = self.move(self.state, int(action))
        return self.state, reward, terminated, False, {}

    def render(self) -> str:
        return f"{self.track[: self.state]}@{self.track[self.state + 1 :]}"
