"""Environments small enough to know everything about."""

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete


class Corridor(gymnasium.Env):
    """Places 0 to 4, start 2, observed as one-hot; action 0 goes left, 1 right. +1 at the right end, −1 at the left."""

    observation_space, action_space = Box(0, 1, (5,), np.float32), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 2
        return self.observation(), {}

    def observation(self) -> np.ndarray:
        return np.eye(5, dtype=np.float32)[self.place]

    def step(self, action):
        self.place += 1 if action == 1 else -1
        reward = {0: -1.0, 4: 1.0}.get(self.place, 0.0)
        return self.observation(), reward, reward != 0, False, {}


class Clock(gymnasium.Env):
    """Observes the steps since its episode began, and the episode's number; every step is worth 1."""

    observation_space, action_space = Box(0, np.inf, (2,), np.float32), Discrete(2)

    def __init__(self, terminates_at: int | None = None):
        self.terminates_at, self.episode = terminates_at, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.episode = 0, self.episode + 1
        return self.observation(), {}

    def observation(self) -> np.ndarray:
        return np.array([self.time, self.episode], np.float32)

    def step(self, action):
        self.time += 1
        return self.observation(), 1.0, self.time == self.terminates_at, False, {}


class Aim(gymnasium.Env):
    """One step: the reward is minus the distance of the action, a number, from the target that is observed."""

    observation_space, action_space = Box(-1, 1, (1,), np.float32), Box(-2, 2, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.target = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self.target, {}

    def step(self, action):
        assert self.action_space.contains(action), action
        return self.target, -float(abs(action - self.target)[0]), True, False, {}


@pytest.fixture(autouse=True)
def tiny_environments() -> Iterator[None]:
    """test/Corridor-v0, test/Truncated-v0 and test/Terminated-v0 (both after 3 steps), test/Aim-v0."""
    names = ("test/Corridor-v0", "test/Truncated-v0", "test/Terminated-v0", "test/Aim-v0")
    gymnasium.register(names[0], Corridor, max_episode_steps=20)
    gymnasium.register(names[1], Clock, max_episode_steps=3)
    gymnasium.register(names[2], Clock, kwargs={"terminates_at": 3})
    gymnasium.register(names[3], Aim)
    yield
    for name in names:
        del gymnasium.registry[name]
