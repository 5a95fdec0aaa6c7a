"""Policy gradients: the network gives the probabilities of actions, and what turned out well is made more probable.

REINFORCE with a baseline (Williams 1992; Sutton & Barto 2018, chapter 13) and PPO (Schulman et al. 2017, "Proximal
policy optimization algorithms") on the environments of `dqn.py`, and on those whose actions are numbers, such as
Pendulum-v1. README.md has what was measured.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal

from common import cli
from common.device import seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.optimizers import make_optimizer
from common.runs import Run
from common.settings import UNGIVEN, Count, Counts, NotNegative, Positive, Probability, Range, Usual
from common.trainer import Means
from labs.reinforcement_learning.episodes import TRAINING, Copies
from labs.reinforcement_learning.periods import Episodes, NetworkFlags, Playing, train_network, training_return

# (method, environment) → what a setting that is not given is; the environment "" stands for all others.
# PPO's for CartPole and Pendulum are RL Baselines3 Zoo's, without its schedules.
DEFAULTS = {
    ("reinforce", ""): {
        "steps": 100_000, "lr": 1e-2, "gamma": 0.99, "gae_lambda": 1.0, "envs": 1, "rollout": 500,
        "batch_size": 500, "passes": 1,
    },
    ("ppo", ""): {
        "steps": 100_000, "lr": 1e-3, "gamma": 0.99, "gae_lambda": 0.95, "envs": 8, "rollout": 128,
        "batch_size": 256, "passes": 10,
    },
    ("ppo", "CartPole-v1"): {
        "steps": 100_000, "lr": 1e-3, "gamma": 0.98, "gae_lambda": 0.8, "envs": 8, "rollout": 32,
        "batch_size": 256, "passes": 20,
    },
    ("ppo", "Pendulum-v1"): {
        "steps": 100_000, "lr": 1e-3, "gamma": 0.9, "gae_lambda": 0.95, "envs": 4, "rollout": 1_024,
        "batch_size": 64, "passes": 10,
    },
}  # fmt: skip
Envs = Annotated[int, Range(1, 1_000)]
Steps = Annotated[int, Range(1, 10**6)]


@dataclass(frozen=True)
class HyperParams(NetworkFlags):
    """Train a policy by its gradient, on CartPole, Pendulum or wherever observations are numbers."""

    COMMAND: ClassVar[str] = "labs.reinforcement_learning.policy_gradient"

    method: Literal["ppo", "reinforce"] = "ppo"  # proximal policy optimisation, or REINFORCE with a baseline
    envs: Usual[Envs] = UNGIVEN  # copies of the environment, played side by side; none, as below: by method and --env
    lr: Usual[Positive] = UNGIVEN  # learning rate (η)
    gae_lambda: Usual[Probability] = UNGIVEN  # λ: 1 trusts the rewards that came, 0 the critic's estimate
    hidden: Counts = (64, 64)  # units of each hidden layer, of actor and critic alike
    rollout: Usual[Steps] = UNGIVEN  # steps of each copy between updates; reinforce: at least, in whole episodes
    batch_size: Usual[Count] = UNGIVEN  # ppo: steps per gradient step
    passes: Usual[Count] = UNGIVEN  # ppo: passes over each rollout
    clip: Positive = 0.2  # ppo: how far an action's probability may move in an update, as a share
    entropy_weight: NotNegative = 0.0  # rewards policies that remain undecided
    value_weight: NotNegative = 0.5  # of the critic's squared error in the loss
    max_gradient: Positive = 0.5  # gradients longer than this are shortened
    period: Count = 5_000  # steps between two evaluations; the best policy is kept

    def usual(self) -> dict[str, Any]:
        return DEFAULTS.get((self.method, self.env), DEFAULTS[self.method, ""])

    def check(self) -> None:
        super().check()
        ppo = self.method == "ppo"
        self.require("hidden", bool(self.hidden), "a list of numbers of at least 1")
        self.require("envs", ppo or self.envs == 1, "1 for --method reinforce, which plays one whole episode at a time")
        self.refuse_unused({"batch_size": ppo, "passes": ppo, "clip": ppo}, "with --method reinforce")


class ActorCritic(nn.Module):
    """Two networks: the actor's distribution over actions, and the critic's estimate V of the return to come."""

    def __init__(self, state_shape: tuple[int, ...], actions: int, hidden: Sequence[int], gaussian: bool):
        super().__init__()

        def network(outputs: int) -> nn.Sequential:
            layers: list[nn.Module] = [nn.Flatten()]
            for a, b in pairwise((int(np.prod(state_shape)), *hidden)):
                layers += [nn.Linear(a, b), nn.Tanh()]
            return nn.Sequential(*layers, nn.Linear(hidden[-1], outputs))

        self.actor, self.critic = network(actions), network(1)
        # The spread of a Gaussian policy does not depend on the state.
        self.log_sigma = nn.Parameter(torch.zeros(actions)) if gaussian else None

    def forward(self, states: Tensor) -> Distribution:
        """States (N, …) → N distributions: over the actions' numbers, or over vectors of actions (N, actions)."""
        output = self.actor(states)
        if self.log_sigma is None:
            return Categorical(logits=output, validate_args=False)
        normal = Normal(output, self.log_sigma.exp().expand_as(output), validate_args=False)
        return Independent(normal, 1, validate_args=False)

    def value(self, states: Tensor) -> Tensor:
        """V(s) of states (…, *shape): (…)."""
        return self.critic(states)[:, 0]


def build_model(args: HyperParams, observations: Any, actions: Any) -> ActorCritic:
    """Actor and critic for an environment's spaces: probabilities of a few actions, or a Gaussian over numbers.

    Raises InputError for actions of another kind.
    """
    if not isinstance(actions, Discrete | Box):
        raise InputError(f"environment {args.env!r} has actions of the kind {actions}; they must be Discrete or Box")
    count = actions.low.size if isinstance(actions, Box) else int(actions.n)
    return ActorCritic(observations.shape, count, args.hidden, gaussian=isinstance(actions, Box))


def estimate_advantages(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    ended: Tensor,
    gamma: float,
    gae_lambda: float,
) -> Tensor:
    """How much better each step went than the critic expected, everything (T, copies) (Schulman et al. 2016, eq. 16).

    `ended` marks the last steps of episodes, terminated or truncated: nothing is carried back over them. With λ = 1
    the result is the discounted return minus V(s); only what came after a truncation or the last step is estimated.
    """
    # delta_t = r_t + gamma * V(s_{t+1}) - V(s_t);   A_t = delta_t + gamma * lambda * A_{t+1}
    deltas = rewards + gamma * (1 - terminated) * next_values - values
    advantages = torch.zeros_like(deltas)
    following = torch.zeros_like(deltas[0])
    for t in reversed(range(len(deltas))):
        following = deltas[t] + gamma * gae_lambda * (1 - ended[t]) * following
        advantages[t] = following
    return advantages


def reinforce_loss(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """Minus the mean of log π(a|s)·A: its gradient makes actions with A > 0 more probable."""
    return -(log_probs * advantages).mean()


def ppo_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Minus the mean of min(ρA, clip(ρ, 1−ε, 1+ε)A), ρ = π/π_old (Schulman et al. 2017, eq. 7).

    Once an action is more probable (or, for A < 0, less) by the share `clip`, its gradient is zero: a rollout may be
    passed over many times without the policy running away from the one that played it.
    """
    ratio = (log_probs - old_log_probs).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


class Rollout(NamedTuple):
    """Steps in a row: T of each copy."""

    states: Tensor  # (T, copies, …)
    actions: Tensor  # (T, copies) or (T, copies, numbers per action)
    rewards: Tensor  # (T, copies)
    next_states: Tensor  # (T, copies, …), the ones that really followed
    terminated: Tensor  # (T, copies)
    truncated: Tensor  # (T, copies)


class PolicyGradient:
    """The learner of periods.py: actor and critic, copies of the environment."""

    def __init__(self, args: HyperParams):
        """Raises InputError for an environment whose actions do not fit."""
        self.args, self.device = args, torch.device(args.device)
        self.copies = Copies(args.env, args.envs, args.max_steps)
        seed_everything(args.seed)
        self.model = build_model(args, self.copies.observations, self.copies.actions).to(self.device)
        self.modules = [self.model]
        self.optimizer = make_optimizer("adam", self.model.parameters(), args.lr, eps=1e-5)
        self.steps = 0
        self.episodes: Episodes = []

    def describe(self) -> str:
        spaces = f"observations {self.copies.observations.shape}, actions {self.copies.actions}"
        return f"{self.args.method} on {self.args.env}: {spaces}"

    def finished(self) -> bool:
        return self.steps >= self.args.steps

    def for_environment(self, actions: np.ndarray) -> Sequence[Any]:
        """Actions (N, …) of the network as the environment takes them: numbered its way, or cut to its box."""
        space = self.copies.actions
        if isinstance(space, Discrete):
            return (actions + int(space.start)).tolist()
        return list(actions.reshape(len(actions), *space.shape).clip(space.low, space.high))

    @torch.inference_mode()
    def policy(self, states: np.ndarray) -> Sequence[Any]:
        """The most probable action for each of the states (N, …)."""
        return self.for_environment(self.model(torch.from_numpy(states).to(self.device)).mode.cpu().numpy())

    @torch.inference_mode()
    def collect(self) -> Generator[int, None, Rollout]:
        """Play `rollout` steps in every copy, actions drawn from the policy; REINFORCE goes on to an episode's end."""
        rows: list[tuple[np.ndarray, ...]] = []
        ended = False
        while len(rows) < self.args.rollout or (self.args.method == "reinforce" and not ended):
            states = self.copies.states
            try:
                actions = self.model(torch.from_numpy(states).to(self.device)).sample().cpu().numpy()
            except RuntimeError as error:  # torch's own words, as there is no other way to tell it
                if "std >= 0" not in str(error) and "probability tensor" not in str(error):
                    raise
                raise InputError("the policy is not finite: the training has diverged; lower --lr") from None
            next_states, rewards, terminated, truncated = self.copies.step(self.for_environment(actions))
            rows.append((states, actions, rewards, next_states, terminated, truncated))
            ended = bool(terminated[0] or truncated[0])
            self.steps += len(rewards)
            self.episodes += [(self.steps, *episode) for episode in self.copies.ended]
            self.copies.ended.clear()
            yield len(rewards)
        columns = (torch.from_numpy(np.stack(column)).to(self.device) for column in zip(*rows, strict=True))
        return Rollout(*columns)

    def update(self, rollout: Rollout, means: Means) -> None:
        """Gradient steps on a rollout: one for REINFORCE, several passes in minibatches for PPO."""
        args = self.args
        states, actions = rollout.states.flatten(0, 1), rollout.actions.flatten(0, 1)
        with torch.no_grad():
            values = self.model.value(states)
            next_values = self.model.value(rollout.next_states.flatten(0, 1))
            old_log_probs = self.model(states).log_prob(actions)
        shape = rollout.rewards.shape
        ended = (rollout.terminated | rollout.truncated).float()
        advantages = estimate_advantages(
            rollout.rewards,
            values.view(shape),
            next_values.view(shape),
            rollout.terminated.float(),
            ended,
            args.gamma,
            args.gae_lambda,
        ).flatten()
        returns = advantages + values  # what the critic should have said
        reinforce = args.method == "reinforce"
        for _ in range(1 if reinforce else args.passes):
            order = torch.randperm(len(states)).to(self.device)
            for rows in order.split(len(order) if reinforce else args.batch_size):
                distribution = self.model(states[rows])
                log_probs, entropy = distribution.log_prob(actions[rows]), distribution.entropy().mean()
                A = advantages[rows]
                A = (A - A.mean()) / (A.std(correction=0) + 1e-8)  # the same step size, whatever the rewards' scale
                if reinforce:
                    policy_loss = reinforce_loss(log_probs, A)
                else:
                    policy_loss = ppo_loss(log_probs, old_log_probs[rows], A, args.clip)
                value_loss = F.mse_loss(self.model.value(states[rows]), returns[rows])
                loss = policy_loss + args.value_weight * value_loss - args.entropy_weight * entropy
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), args.max_gradient)
                self.optimizer.step()
                logs = {"train_policy_loss": policy_loss, "train_value_loss": value_loss, "entropy": entropy}
                means.add({name: value.detach() for name, value in logs.items()}, len(rows))

    def play(self, period: int, until: int) -> Playing:
        means, before = Means(), len(self.episodes)
        seed_everything(self.args.seed, period)
        self.copies.reset(self.args.seed, TRAINING, period)
        while self.steps < until:
            rollout = yield from self.collect()
            self.update(rollout, means)
            yield 0  # the update's time counts, too
        return {**training_return(self.episodes[before:]), **means.read()}

    def memory(self) -> tuple[dict[str, Tensor], dict[str, int | float]]:
        return {}, {}  # learns from what was just played only

    def remember(self, tensors: dict[str, Tensor], numbers: dict[str, int | float]) -> None:
        pass


def train(**kws) -> tuple[ActorCritic, Run]:
    """Train as the other labs do: `train(method="reinforce", steps=50_000)`. Returns the best policy and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name). With `seeds` one run after the other;
    the last is returned.
    """
    return train_network(PolicyGradient, HyperParams.of(**kws), EXPECTED)


# What was measured (README.md): seeds 0, 1, 2 on CartPole, one on Pendulum.
EXPECTED = (
    Expected("mean_return", 475, 500),
    Expected("mean_return", 475, 500, {"method": "reinforce"}),
    Expected("mean_return", -200, settings={"env": "Pendulum-v1"}),
)


def main() -> None:
    """The command `python -m labs.reinforcement_learning.policy_gradient`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
