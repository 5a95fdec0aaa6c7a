"""The table of values, the agent that acts by it and learns it, and how far it is from the exact one.

Q-learning after Watkins 1989, SARSA after Rummery & Niranjan 1994, expected SARSA after van Seijen et al. 2009, TD(0)
after Sutton 1988; all in Sutton & Barto, chapter 6. Julia: TabularQApproximator, TDLearner.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from common import checkpoint
from common.loop import Row
from labs.reinforcement_learning.environments import Env, table_of
from labs.reinforcement_learning.planning import epsilon_greedy, model, optimal, policy_values, uniform

Method = Literal["q_learning", "sarsa", "expected_sarsa", "td0"]
Ties = Literal["random", "first"]


class TabularApproximator(nn.Module):
    """A table of values: Q (S, A), or V (S, 1). A module so that it is saved as any other lab's model."""

    def __init__(self, n_state: int, n_action: int, initial: float = 0.0):
        super().__init__()
        self.table: Tensor
        self.register_buffer("table", torch.full((n_state, n_action), initial, dtype=torch.float64))

    @property
    def values(self) -> ndarray:
        """The table as a NumPy array that shares its memory: single entries are read and written faster."""
        return self.table.numpy()


def choose(row: ndarray, epsilon: float, ties: Ties, rng: np.random.Generator) -> int:
    """ε-greedy: with probability ε any action, else a best one by its values `row` (A,)."""
    if epsilon and rng.random() < epsilon:
        return int(rng.integers(len(row)))
    if ties == "first":
        return int(row.argmax())
    best = np.flatnonzero(row == row.max())
    if len(best) == 1:
        return int(best[0])
    return int(rng.choice(best)) if len(best) else 0  # none is best where the values have grown beyond all numbers


def target(
    method: Method, values: ndarray, reward: float, next_state: int, next_action: int, gamma: float, epsilon: float
) -> float:
    """What values[state, action] should have been, seen from the next state. Not for a step that ended the episode.

    `values` is Q (S, A), for td0 V (S, 1); `next_action` will be taken in the next state, and only SARSA asks for it.
    """
    row = values[next_state]
    if method == "q_learning":  # r + gamma * max_a Q(s', a): the best action, whatever will be done (Julia: :SARS)
        return reward + gamma * row.max()
    if method == "sarsa":  # r + gamma * Q(s', a')
        return reward + gamma * row[next_action]
    if method == "expected_sarsa":  # r + gamma * sum_a pi(a | s') Q(s', a), the mean over what may be done
        return reward + gamma * float(epsilon_greedy(row[None], epsilon)[0] @ row)
    return reward + gamma * row[0]  # td0: r + gamma * V(s')


@dataclass
class Agent:
    """The table, how it acts and how it learns."""

    values: ndarray  # Q (S, A), for td0 V (S, 1)
    actions: int  # A
    method: Method = "q_learning"
    alpha: float = 0.1
    gamma: float = 0.99
    ties: Ties = "random"

    def __post_init__(self) -> None:
        self.visits = np.zeros_like(self.values)  # updates of each entry

    def act(self, state: int, epsilon: float, rng: np.random.Generator) -> int:
        if self.method == "td0":  # the policy whose V is asked for: every action alike
            return int(rng.integers(self.actions))
        return choose(self.values[state], epsilon, self.ties, rng)

    def target(self, reward: float, next_state: int, next_action: int, epsilon: float) -> float:
        return target(self.method, self.values, reward, next_state, next_action, self.gamma, epsilon)

    def learn(self, state: int, action: int, aim: float) -> None:
        """Move the entry by α towards its target."""
        entry = (state, 0 if self.method == "td0" else action)
        self.values[entry] += self.alpha * (aim - self.values[entry])
        self.visits[entry] += 1


def run_episode(
    env: Env,
    agent: Agent,
    epsilon: float,
    rng: np.random.Generator,
    *,
    learning: bool,
    seed: int | None = None,
) -> tuple[float, int, bool]:
    """One episode: total reward, steps, and whether it was a success (it ended in the goal)."""
    state, _ = env.reset(seed=seed)
    action = agent.act(state, epsilon, rng)
    total, steps, over = 0.0, 0, False
    while not over:
        next_state, reward, terminated, truncated, _ = env.step(action)
        reward = float(reward)
        next_action = agent.act(next_state, epsilon, rng)
        if learning:  # Julia: run(policy, env, …) where run(agent, env, …) is meant, which leaves this out
            # What is terminated has no future; what is truncated has one: the clock stopped it, not the environment.
            aim = reward if terminated else agent.target(reward, next_state, next_action, epsilon)
            agent.learn(state, action, aim)
        state, action = next_state, next_action
        total, steps, over = total + reward, steps + 1, terminated or truncated
    # The goal pays; in CliffWalking, where nothing does, there is no other end.
    success = terminated and (reward > 0 or env.spec.name.startswith("CliffWalking"))
    return total, steps, bool(success)


def play_greedily(env: Env, agent: Agent, episodes: int, seed: int) -> dict[str, float]:
    """Mean return and success rate over fresh episodes with ε = 0."""
    rng = np.random.default_rng(seed)
    played = [run_episode(env, agent, 0.0, rng, learning=False, seed=seed if i == 0 else None) for i in range(episodes)]
    return {
        "mean_return": float(np.mean([total for total, _, _ in played])),
        "success_rate": float(np.mean([success for _, _, success in played])),
    }


@dataclass
class Record:
    """A training so far: the agent with its table, and what it went through. It is what a checkpoint keeps."""

    agent: Agent
    rows: list[Row] = field(default_factory=list)  # the history: a row per block
    returns: list[float] = field(default_factory=list)  # total reward of every episode
    lengths: list[int] = field(default_factory=list)  # steps of every episode
    tables: list[ndarray] = field(default_factory=list)  # mean of the table over each block's episodes

    def late_table(self) -> ndarray:
        """The table's mean over the last fifth of the episodes: with a constant α SARSA's own goes on to fluctuate."""
        return np.mean(self.tables[-max(1, len(self.tables) // 5) :], axis=0)

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        arrays = {"values": self.agent.values, "visits": self.agent.visits, "tables": np.stack(self.tables)}
        arrays |= {"returns": np.array(self.returns), "lengths": np.array(self.lengths)}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, {}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any], path: Path) -> None:
        own = {"values": torch.from_numpy(self.agent.values), "visits": torch.from_numpy(self.agent.visits)}
        checkpoint.check_fit(own, {name: tensors[name] for name in own if name in tensors}, path)
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
        self.returns, self.lengths = tensors["returns"].tolist(), tensors["lengths"].tolist()
        self.tables = list(tensors["tables"].numpy())


# --- Beside the exact values ----------------------------------------------------------------------------------------


def exact_values(env: Env, method: Method, gamma: float, epsilon: float) -> ndarray | None:
    """Where the method settles, from the transition table; None if the environment shows none.

    Q* for Q-learning, Q of the best ε-greedy policy for SARSA and expected SARSA, V (S, 1) of the random one for TD(0).
    """
    table = table_of(env)
    if table is None:
        return None
    mdp = model(table, gamma)
    if method == "td0":
        return policy_values(mdp, uniform(mdp))[:, None]
    return optimal(mdp, 0.0 if method == "q_learning" else epsilon)[0]


def value_errors(agent: Agent, exact: ndarray | None) -> dict[str, float]:
    """Mean error of the table, each entry as often as it was updated, and the largest of an entry that ever was.

    Entries that the agent hardly ever visits stay wrong for long: the second number says by how much.
    """
    if exact is None or not agent.visits.any():
        return {}
    error = np.abs(agent.values - exact)
    mean = float((error * agent.visits).sum() / agent.visits.sum())
    return {"value_error": mean, "largest_value_error": float(error[agent.visits > 0].max())}


def start_values(record: Record, env: Env, exact: ndarray) -> dict[str, float]:
    """Value of the best action at the start: the mean over the last fifth of the episodes, and the exact one."""
    start, _ = env.reset(seed=0)
    best = int(exact[start].argmax())
    return {"start_value": float(record.late_table()[start, best]), "exact_start_value": float(exact[start, best])}
