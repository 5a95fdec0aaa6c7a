"""Experience replay: transitions are kept and drawn again, so that a minibatch is not one stretch of one episode.

Lin 1992; Mnih et al. 2015, "Human-level control through deep reinforcement learning"; prioritised: Schaul et al. 2016,
"Prioritized experience replay".
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """Transitions as tensors, N of them."""

    states: Tensor  # (N, …)
    actions: Tensor  # (N,), numbered from 0
    rewards: Tensor  # (N,)
    next_states: Tensor  # (N, …), the ones that really followed
    terminated: Tensor  # (N,), 1 where the episode was over for good; a truncated one could have gone on: 0
    indices: Tensor  # (N,), their places in the buffer
    weights: Tensor | None  # (N,), of each one's loss; None: all 1


class ReplayBuffer:
    """The last `capacity` transitions in arrays made once; draws are uniform, with replacement."""

    def __init__(self, capacity: int, state_shape: tuple[int, ...]):
        self.capacity, self.size, self.position = capacity, 0, 0
        self.arrays = {
            "states": torch.zeros(capacity, *state_shape),
            "actions": torch.zeros(capacity, dtype=torch.int64),
            "rewards": torch.zeros(capacity),
            "next_states": torch.zeros(capacity, *state_shape),
            "terminated": torch.zeros(capacity),
        }
        # The same memory as NumPy arrays: writing a single row costs a fraction of what it costs through a tensor.
        self.rows = [array.numpy() for array in self.arrays.values()]

    def add(self, *columns: Any) -> None:
        """Keep transitions: states (n, …), actions, rewards, next states, terminated. The oldest give way."""
        for row in zip(*columns, strict=True):
            for array, value in zip(self.rows, row, strict=True):
                array[self.position] = value
            self.position = (self.position + 1) % self.capacity
            self.size = min(self.size + 1, self.capacity)

    def sample(self, n: int) -> Batch:
        """n transitions, each with the same probability."""
        return self.take(torch.randint(self.size, (n,)), None)

    def take(self, indices: Tensor, weights: Tensor | None) -> Batch:
        """The transitions at these places."""
        columns = (self.arrays[name].index_select(0, indices) for name in Batch._fields[:5])
        states, actions, rewards, next_states, terminated = columns
        return Batch(states, actions, rewards, next_states, terminated, indices, weights)

    def state(self) -> tuple[dict[str, Tensor], dict[str, int | float]]:
        """What a checkpoint keeps."""
        return {k: v[: self.size] for k, v in self.arrays.items()}, {"size": self.size, "position": self.position}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, int | float]) -> None:
        """Put back what `state` gave."""
        self.size, self.position = int(numbers["size"]), int(numbers["position"])
        for name, array in self.arrays.items():
            array[: self.size] = tensors[name]


class PrioritizedReplay(ReplayBuffer):
    """Transitions with a large TD error are drawn more often, and weigh less to make up for it.

    P(i) = p_i / Σ p,  p_i = (|δ_i| + 1e-6)^α,  w_i = (N P(i))^−β / max w. A new transition has the largest priority so
    far, so that each is learned from soon. A sum tree would draw in O(log N) where the running sum takes O(N), which
    for 100 000 numbers is still less than a gradient step.
    """

    def __init__(self, capacity: int, state_shape: tuple[int, ...], alpha: float, beta: float):
        super().__init__(capacity, state_shape)
        self.alpha, self.beta, self.largest = alpha, beta, 1.0
        self.arrays["priorities"] = torch.zeros(capacity, dtype=torch.float64)
        self.rows.append(self.arrays["priorities"].numpy())

    def add(self, *columns: Any) -> None:
        """As in ReplayBuffer; the transitions get the largest priority so far."""
        super().add(*columns, np.full(len(columns[0]), self.largest))

    def sample(self, n: int) -> Batch:
        """n transitions, drawn in proportion to their priorities, one from each n-th part of the sum."""
        sums = self.arrays["priorities"][: self.size].cumsum(0)
        drawn = (torch.arange(n) + torch.rand(n, dtype=torch.float64)) / n * sums[-1]
        indices = torch.searchsorted(sums, drawn, right=True).clamp(max=self.size - 1)
        probabilities = self.arrays["priorities"][indices] / sums[-1]
        weights = (self.size * probabilities) ** -self.beta
        return self.take(indices, (weights / weights.max()).float())

    def update(self, indices: Tensor, errors: Tensor) -> None:
        """New priorities for transitions that were drawn, from their TD errors (N,)."""
        priorities = (errors.double().abs() + 1e-6) ** self.alpha
        self.arrays["priorities"][indices] = priorities
        self.largest = max(self.largest, float(priorities.max()))

    def state(self) -> tuple[dict[str, Tensor], dict[str, int | float]]:
        """As in ReplayBuffer, with the largest priority."""
        tensors, numbers = super().state()
        return tensors, numbers | {"largest": self.largest}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, int | float]) -> None:
        """Put back what `state` gave."""
        super().load(tensors, numbers)
        self.largest = numbers["largest"]
