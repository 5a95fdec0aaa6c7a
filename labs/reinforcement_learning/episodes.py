"""Copies of an environment side by side, and the episodes a policy plays in them.

gymnasium's vector environments begin the next episode by themselves, and their `autoreset_mode` says when. In the usual
mode, NEXT_STEP, the step after an end ignores its action and returns the new episode's first state: a transition that
never happened and must not be learned from. In SAME_STEP the step that ends an episode already returns the new one's
first state, and the true last one is in info["final_obs"]. Here the two are kept apart from the start: `step` returns
the state that really followed, `states` is where to act next.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from common.device import derive_seed
from common.errors import InputError
from labs.reinforcement_learning.environments import make

TRAINING, VALIDATION, TEST, SHOW = range(4)  # episodes of these kinds start from different seeds

Policy = Callable[[np.ndarray], Sequence[Any]]  # states (N, …) → N actions


class Copies:
    """`count` copies of the environment `name`, stepped in turn; one whose episode ends starts its next at once."""

    def __init__(self, name: str, count: int = 1, max_steps: int | None = None, render_mode: str | None = None):
        """Raises InputError for an unknown environment and for observations that are no box of numbers.

        `max_steps` ends (truncates) an episode earlier or later than the environment would.
        """
        # gymnasium's checker only warns the authors of environments; it looks at every observation.
        kws: dict[str, Any] = {"disable_env_checker": True, "max_episode_steps": max_steps}
        if render_mode:  # not every environment takes one
            kws["render_mode"] = render_mode
        self.envs = [make(name, **kws) for _ in range(count)]
        self.observations, self.actions = self.envs[0].observation_space, self.envs[0].action_space
        self.threshold = self.envs[0].spec.reward_threshold  # the return that solves it, by its authors; or None
        if not isinstance(self.observations, gymnasium.spaces.Box):
            raise InputError(
                f"environment {name!r} has observations of the kind {self.observations}; a network needs a box of "
                "numbers; tables learn it: python -m labs.reinforcement_learning --env"
            )
        self.states = np.zeros((count, *self.observations.shape), np.float32)
        self.returns, self.lengths = [0.0] * count, [0] * count
        self.ended: list[tuple[float, int]] = []  # (return, length) of the episodes that came to their end

    def reset(self, *numbers: int) -> None:
        """Begin new episodes, from seeds derived from `numbers`; those under way are dropped."""
        for i, env in enumerate(self.envs):
            self.states[i], _ = env.reset(seed=derive_seed(*numbers, i))
            self.returns[i], self.lengths[i] = 0.0, 0

    def step(self, actions: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """One action per copy → next states (count, …), rewards, terminated, truncated, each (count,).

        The next states are those that followed, also at an episode's end; `states` then holds the new episode's first.
        """
        count = len(self.envs)
        next_states, states = np.empty_like(self.states), np.empty_like(self.states)
        rewards, terminated, truncated = np.empty(count, np.float32), np.empty(count, bool), np.empty(count, bool)
        for i, env in enumerate(self.envs):
            state, reward, terminated[i], truncated[i], _ = env.step(actions[i])
            next_states[i], rewards[i] = state, reward
            self.returns[i] += reward
            self.lengths[i] += 1
            if terminated[i] or truncated[i]:
                self.ended.append((float(self.returns[i]), self.lengths[i]))
                self.returns[i], self.lengths[i] = 0.0, 0
                state, _ = env.reset()
            states[i] = state
        self.states = states
        return next_states, rewards, terminated, truncated


def play_episodes(policy: Policy, copies: Copies, *numbers: int) -> np.ndarray:
    """Return (sum of rewards) of one episode in each copy, started from seeds derived from `numbers`: (count,)."""
    copies.reset(*numbers)
    states, returns = copies.states.copy(), np.zeros(len(copies.envs))
    playing = list(range(len(copies.envs)))
    while playing:
        for i, action in zip(tuple(playing), policy(states[playing]), strict=True):
            states[i], reward, terminated, truncated, _ = copies.envs[i].step(action)
            returns[i] += reward
            if terminated or truncated:
                playing.remove(i)
    return returns


def random_policy(space: gymnasium.Space, seed: int) -> Policy:
    """Every action drawn from the space, whatever the state."""
    space.seed(seed)
    return lambda states: [space.sample() for _ in states]


def success_rate(returns: np.ndarray, threshold: float | None) -> dict[str, float]:
    """Share of episodes that reach the return which solves the environment; nothing where its authors name none."""
    return {} if threshold is None else {"success_rate": float((returns >= threshold).mean())}
