"""Deep Q-learning: the Q-table becomes a network, and CartPole is balanced from four numbers.

The course promises this and has no code for it; its table is `reinforcement_learning.py`. After Mnih et al. 2015,
"Human-level control through deep reinforcement learning"; double: van Hasselt et al. 2016; dueling: Wang et al. 2016.
README.md has what was measured.
"""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium.spaces import Discrete
from torch import Tensor, nn

from common import cli
from common.device import seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.optimizers import make_optimizer
from common.runs import Run
from common.settings import UNGIVEN, Count, Counts, OptionalCount, Positive, Probability, Range, Usual, Whole
from common.trainer import Means
from labs.reinforcement_learning.episodes import TRAINING, Copies
from labs.reinforcement_learning.periods import Episodes, NetworkFlags, Playing, train_network, training_return
from labs.reinforcement_learning.replay import PrioritizedReplay, ReplayBuffer

# What a setting that is not given is. Tuned: RL Baselines3 Zoo's, one set per environment; task6: the lab manual's;
# cleanrl: CleanRL's.
TUNED = {
    "CartPole-v1": {
        "steps": 50_000, "lr": 2.3e-3, "batch_size": 64, "buffer_size": 100_000, "learning_starts": 1_000,
        "train_every": 256, "gradient_steps": 128, "target_every": 256, "hidden": (256, 256), "gamma": 0.99,
        "epsilon_min": 0.04, "epsilon_steps": 8_000, "schedule": "linear",
    },
    "Acrobot-v1": {
        "steps": 100_000, "lr": 6.3e-4, "batch_size": 128, "buffer_size": 50_000, "learning_starts": 128,
        "train_every": 4, "gradient_steps": 4, "target_every": 250, "hidden": (256, 256), "gamma": 0.99,
        "epsilon_min": 0.1, "epsilon_steps": 12_000, "schedule": "linear",
    },
    "MountainCar-v0": {
        "steps": 120_000, "lr": 4e-3, "batch_size": 128, "buffer_size": 10_000, "learning_starts": 1_000,
        "train_every": 16, "gradient_steps": 8, "target_every": 600, "hidden": (256, 256), "gamma": 0.98,
        "epsilon_min": 0.07, "epsilon_steps": 24_000, "schedule": "linear",
    },
}  # fmt: skip
PRESETS = {
    "task6": {
        "steps": 250_000, "episodes": 500, "lr": 1e-3, "batch_size": 64, "buffer_size": 100_000,
        "learning_starts": 1_000, "train_every": 2, "gradient_steps": 1, "target_every": 500, "hidden": (128, 128),
        "gamma": 0.99, "epsilon_min": 0.01, "epsilon_steps": 8_000, "schedule": "exponential",
    },
    "cleanrl": {
        "steps": 500_000, "lr": 2.5e-4, "batch_size": 128, "buffer_size": 10_000, "learning_starts": 10_000,
        "train_every": 10, "gradient_steps": 1, "target_every": 500, "hidden": (120, 84), "gamma": 0.99,
        "epsilon_min": 0.05, "epsilon_steps": 250_000, "schedule": "linear",
    },
}  # fmt: skip
Schedule = Literal["linear", "exponential", "step"]


@dataclass(frozen=True)
class HyperParams(NetworkFlags):
    """Train a deep Q-network on CartPole, or where else observations are numbers and actions can be counted."""

    COMMAND: ClassVar[str] = "labs.reinforcement_learning.dqn"

    preset: Literal["tuned", "task6", "cleanrl"] = "tuned"  # tuned for the environment, the manual's, or CleanRL's
    episodes: OptionalCount = None  # end after N episodes, if that is sooner; none, as below: by preset
    envs: Annotated[int, Range(1, 1_000)] = 1  # copies of the environment that are played side by side
    lr: Usual[Positive] = UNGIVEN  # learning rate (η)
    batch_size: Usual[Annotated[int, Range(1, 100_000)]] = UNGIVEN  # transitions per gradient step
    hidden: Counts = ()  # units of each hidden layer
    double: bool = False  # double DQN: the online network chooses the next action, the target network values it
    dueling: bool = False  # dueling network: Q = V + A − mean A
    replay: Literal["uniform", "prioritized", "none"] = "uniform"  # none: learn from the last --train-every steps only
    buffer_size: Usual[Annotated[int, Range(1, 10**6)]] = UNGIVEN  # transitions that are kept
    priority_alpha: Probability = 0.6  # prioritized: 0 draws evenly, 1 in proportion to the error
    priority_beta: Probability = 0.5  # prioritized: 1 makes up for the uneven draws in full, 0 not at all
    learning_starts: Usual[Whole] = UNGIVEN  # steps before the first gradient step
    train_every: Usual[Count] = UNGIVEN  # steps between gradient steps
    gradient_steps: Usual[Count] = UNGIVEN  # gradient steps each time
    target_every: Usual[Count] = UNGIVEN  # steps between copies of the network into the target network
    loss: Literal["huber", "mse"] = "huber"  # of the TD error: quadratic up to 1 and linear beyond, or quadratic
    epsilon: Probability = 1.0  # ε at the start: the share of random actions
    epsilon_min: Usual[Probability] = UNGIVEN  # ε at the end
    schedule: Usual[Schedule] = UNGIVEN  # how ε falls: evenly, per episode, in four drops
    epsilon_steps: Usual[Count] = UNGIVEN  # linear, step: steps until ε is at its end
    decay: Probability = 0.995  # exponential: factor on ε after each episode

    def usual(self) -> dict[str, Any]:
        return PRESETS.get(self.preset) or TUNED.get(self.env, TUNED["CartPole-v1"])

    def check(self) -> None:
        super().check()
        per_episode, prioritized = self.schedule == "exponential", self.replay == "prioritized"
        self.refuse_unused({"epsilon_steps": not per_episode, "decay": per_episode}, f"with --schedule {self.schedule}")
        self.refuse_unused(
            {"buffer_size": self.replay != "none", "priority_alpha": prioritized, "priority_beta": prioritized},
            f"with --replay {self.replay}",
        )


def epsilon_at(args: HyperParams, steps: int, episodes: int) -> float:
    """ε after so many environment steps and whole episodes."""
    if args.schedule == "exponential":  # the manual's: ε ← 0.995 ε after each episode
        return max(args.epsilon_min, args.epsilon * args.decay**episodes)
    progress = min(1.0, steps / args.epsilon_steps)
    if args.schedule == "step":  # four equal drops
        progress = int(4 * progress) / 4
    return args.epsilon + progress * (args.epsilon_min - args.epsilon)


class Dueling(nn.Module):
    """Q(s, a) = V(s) + A(s, a) − mean of A(s, ·), behind the same hidden layers (Wang et al. 2016, eq. 9)."""

    def __init__(self, trunk: nn.Sequential, features: int, actions: int):
        super().__init__()
        self.trunk = trunk  # (N, …) → (N, features)
        self.value = nn.Linear(features, 1)
        self.advantage = nn.Linear(features, actions)

    def forward(self, states: Tensor) -> Tensor:
        h = self.trunk(states)
        advantage = self.advantage(h)
        return self.value(h) + advantage - advantage.mean(dim=1, keepdim=True)


def build_model(args: HyperParams, state_shape: tuple[int, ...], actions: int) -> nn.Module:
    """States (N, *state_shape) → Q-values (N, actions)."""
    layers: list[nn.Module] = [] if len(state_shape) == 1 else [nn.Flatten()]  # (N, 4) for CartPole
    sizes = (int(np.prod(state_shape)), *args.hidden)
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]  # (N, 256), twice
    if args.dueling:
        return Dueling(nn.Sequential(*layers), sizes[-1], actions)
    return nn.Sequential(*layers, nn.Linear(sizes[-1], actions))  # (N, 2)


def numpy_layers(model: nn.Module) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of each dense layer as NumPy arrays in the same memory; none unless that is all, on the CPU.

    To choose one action torch spends its time on calling; NumPy takes a quarter of it, and this is done in every step.
    """
    if not isinstance(model, nn.Sequential) or next(model.parameters()).device.type != "cpu":
        return []
    if not all(isinstance(layer, nn.Linear | nn.ReLU) for layer in model):
        return []
    dense = [layer for layer in model if isinstance(layer, nn.Linear)]
    return [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in dense]


def q_values(layers: list[tuple[np.ndarray, np.ndarray]], states: np.ndarray) -> np.ndarray:
    """What the network of these layers gives for states (N, features): (N, actions)."""
    (weight, bias), *rest = layers
    h = states @ weight + bias
    for weight, bias in rest:
        h = np.maximum(h, 0) @ weight + bias
    return h


def td_target(rewards: Tensor, terminated: Tensor, q_next: Tensor, q_choice: Tensor | None, gamma: float) -> Tensor:
    """What Q(s, a) should be by the step that followed: (N,).

    `q_next` (N, actions) are the target network's values of the next states. `q_choice`, for double DQN, are the online
    network's: they choose the action, which stops the same error from being both made and chosen.
    """
    # y = r + gamma * max_a' Q(s', a'), and y = r where the episode is over. Over means terminated: in a truncated one
    # the pole still stands, the clock ran out, and what would have followed has its value.
    chooser = q_next if q_choice is None else q_choice
    best = q_next.gather(1, chooser.argmax(dim=1, keepdim=True))[:, 0]
    return rewards + gamma * (1 - terminated) * best


class DQN:
    """The learner of periods.py: two networks, replay buffer, copies of the environment."""

    def __init__(self, args: HyperParams):
        """Raises InputError for an environment whose actions cannot be counted."""
        self.args, self.device = args, torch.device(args.device)
        self.copies = Copies(args.env, args.envs, args.max_steps)
        if not isinstance(self.copies.actions, Discrete):
            raise InputError(
                f"environment {args.env!r} has actions of the kind {self.copies.actions}; DQN needs a few to choose "
                "from; use python -m labs.reinforcement_learning.policy_gradient"
            )
        self.first, self.actions = int(self.copies.actions.start), int(self.copies.actions.n)
        shape = self.copies.observations.shape
        seed_everything(args.seed)
        self.model = build_model(args, shape, self.actions).to(self.device)
        self.layers = numpy_layers(self.model)
        self.target = copy.deepcopy(self.model)
        self.modules = [self.model, self.target]
        self.optimizer = make_optimizer("adam", self.model.parameters(), args.lr)
        self.buffer: ReplayBuffer
        if args.replay == "prioritized":
            self.buffer = PrioritizedReplay(args.buffer_size, shape, args.priority_alpha, args.priority_beta)
        else:
            self.buffer = ReplayBuffer(args.train_every if args.replay == "none" else args.buffer_size, shape)
        self.steps = 0
        self.episodes: Episodes = []

    def describe(self) -> str:
        numbers = np.prod(self.copies.observations.shape)
        return f"DQN on {self.args.env}: {numbers} numbers → {self.actions} actions"

    def finished(self) -> bool:
        enough = self.args.episodes is not None and len(self.episodes) >= self.args.episodes
        return enough or self.steps >= self.args.steps

    @torch.inference_mode()
    def best_actions(self, states: np.ndarray) -> list[int]:
        """The action of the largest Q-value, numbered from 0, for each of the states (N, …)."""
        if self.layers:
            return q_values(self.layers, states).argmax(axis=1).tolist()
        return self.model(torch.from_numpy(states).to(self.device)).argmax(dim=1).tolist()

    def policy(self, states: np.ndarray) -> list[int]:
        """The same as the environment numbers its actions."""
        return [self.first + action for action in self.best_actions(states)]

    def explore(self, states: np.ndarray, epsilon: float) -> list[int]:
        """ε-greedy: with probability ε any action, else the best one."""
        drawn: list[Any] = [random.randrange(self.actions) if random.random() < epsilon else None for _ in states]
        if None not in drawn:
            return drawn
        return [b if d is None else d for d, b in zip(drawn, self.best_actions(states), strict=True)]

    def learn(self) -> tuple[Tensor, Tensor]:
        """A gradient step on a minibatch; its loss and its largest Q-value."""
        batch = self.buffer.sample(self.args.batch_size)
        states, actions, rewards, next_states, terminated = (column.to(self.device) for column in batch[:5])
        with torch.no_grad():
            q_choice = self.model(next_states) if self.args.double else None
            y = td_target(rewards, terminated, self.target(next_states), q_choice, self.args.gamma)
        q = self.model(states).gather(1, actions[:, None])[:, 0]
        criterion: Callable[..., Tensor] = F.smooth_l1_loss if self.args.loss == "huber" else F.mse_loss
        losses = criterion(q, y, reduction="none")
        loss = losses.mean() if batch.weights is None else (losses * batch.weights.to(self.device)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if isinstance(self.buffer, PrioritizedReplay):
            self.buffer.update(batch.indices, (q - y).detach().cpu())
        return loss.detach(), q.detach().amax()

    def play(self, period: int, until: int) -> Playing:
        args, means, before = self.args, Means(), len(self.episodes)
        seed_everything(args.seed, period)
        self.copies.reset(args.seed, TRAINING, period)
        self.model.train()
        while self.steps < until and not self.finished():
            states = self.copies.states
            epsilon = epsilon_at(args, self.steps, len(self.episodes))
            actions = self.explore(states, epsilon)
            next_states, rewards, terminated, _ = self.copies.step([self.first + action for action in actions])
            self.buffer.add(states, actions, rewards, next_states, terminated)
            earlier, self.steps = self.steps, self.steps + len(actions)
            while self.copies.ended:
                self.episodes.append((self.steps, *self.copies.ended.pop(0)))
            if self.steps > args.learning_starts:
                for _ in range(args.gradient_steps * crossed(earlier, self.steps, args.train_every)):
                    loss, largest = self.learn()
                    means.add({"train_loss": loss, "q_max": largest}, 1)
            if crossed(earlier, self.steps, args.target_every):
                self.target.load_state_dict(self.model.state_dict())
            yield len(actions)
        epsilon = epsilon_at(args, self.steps, len(self.episodes))
        return {**training_return(self.episodes[before:]), "epsilon": epsilon, **means.read()}

    def memory(self) -> tuple[dict[str, Tensor], dict[str, int | float]]:
        return self.buffer.state()

    def remember(self, tensors: dict[str, Tensor], numbers: dict[str, int | float]) -> None:
        self.buffer.load(tensors, numbers)


def crossed(earlier: int, now: int, every: int) -> int:
    """How many multiples of `every` lie in (earlier, now]."""
    return now // every - earlier // every


def train(**kws) -> tuple[nn.Module, Run]:
    """Train as the other labs do: `train(steps=20_000, lr=1e-3)`. Returns the best policy's network and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name). With `seeds` one run after the other;
    the last is returned.
    """
    return train_network(DQN, HyperParams.of(**kws), EXPECTED)


# What was measured, seeds 0, 1, 2 (README.md).
EXPECTED = (Expected("mean_return", 475, 500),)


def main() -> None:
    """The command `python -m labs.reinforcement_learning.dqn`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
