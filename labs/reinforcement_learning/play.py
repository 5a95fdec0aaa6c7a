"""A trained network plays again: `python -m labs.reinforcement_learning.play --run DIR` says what it reaches."""

import dataclasses
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from common import checkpoint, cli
from common.errors import InputError
from common.runs import RUNS, read_json
from labs.reinforcement_learning import dqn, policy_gradient
from labs.reinforcement_learning.episodes import TEST, Copies, Policy, play_episodes, random_policy, success_rate

# How each kind of run is made again from its settings.
KINDS = {
    dqn.HyperParams: dqn.DQN,
    policy_gradient.HyperParams: policy_gradient.PolicyGradient,
}


@dataclass(frozen=True)
class Request:
    """Let a trained network play episodes, greedily, and report return and success rate."""

    run: cli.OptionalPath = None  # the run directory of dqn or policy_gradient; none: the newest
    episodes: int = 100  # how many are played
    seed: int = 0  # fixes where they begin; other episodes than in the training, whatever it is
    env: str | None = None  # play in this environment instead, which must have the same observations and actions
    max_steps: cli.OptionalInt = None  # end an episode after N steps; none: as in the training
    policy: Literal["learned", "random"] = "learned"  # random: what one reaches without learning
    epsilon: float = 0.0  # replace this share of the actions by random ones: how robust is the policy?

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise InputError(f"--episodes is {self.episodes}; it must be at least 1")
        if self.max_steps is not None and self.max_steps < 1:
            raise InputError(f"--max-steps is {self.max_steps}; it must be at least 1")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}; it must be at least 0")
        if not 0 <= self.epsilon <= 1:
            raise InputError(f"--epsilon is {self.epsilon}; it must be between 0 and 1")


def newest_network(folder: Path = RUNS / "reinforcement_learning") -> Path:
    """The run of dqn or policy_gradient whose weights were written last; InputError if there is none."""
    runs = sorted(folder.glob("*/early.safetensors"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise InputError(
            f"no trained network under {folder}; train one with `python -m labs.reinforcement_learning.dqn` or name "
            "one with --run"
        )
    return runs[-1].parent


def load_learner(run: Path, weights: str | None = "model") -> dqn.DQN | policy_gradient.PolicyGradient:
    """The learner of a run, on the CPU, with the weights <weights>.safetensors; None: those that training began with.

    Raises InputError for a folder that is no run, and for a run of something else than dqn or policy_gradient.
    """
    settings = read_json(run / "hyperparams.json")
    kinds = [kind for kind in KINDS if settings.keys() - {"lab"} == {field.name for field in dataclasses.fields(kind)}]
    if not kinds:
        raise InputError(
            f"{run} holds a run of another lab, release or method ({settings.get('lab', 'unknown')}); "
            "name one of dqn or policy_gradient"
        )
    args = cli.settings_from_json(kinds[0], settings, str(run))
    made = KINDS[kinds[0]](dataclasses.replace(args, device="cpu"))
    if weights is not None:
        tensors, _ = checkpoint.load(run / f"{weights}.safetensors")
        checkpoint.load_weights(made.model, tensors, run)
    return made


def open_environment(learner: dqn.DQN | policy_gradient.PolicyGradient, env: str | None, count: int, **kws) -> Copies:
    """Copies of the run's environment, or of `env`, to play in; InputError if its spaces are not those of the run."""
    args = learner.args
    copies = Copies(env or args.env, count, **kws)
    for what in ("observations", "actions"):
        own, other = getattr(learner.copies, what), getattr(copies, what)
        if own.shape != other.shape or type(own) is not type(other) or getattr(own, "n", 0) != getattr(other, "n", 0):
            sizes = [getattr(space, "n", space.shape) for space in (other, own)]
            raise InputError(f"--env {env} has other {what} than the run's {args.env}: {sizes[0]}, not {sizes[1]}")
    return copies


def play(**kws) -> np.ndarray:
    """Play what a Request asks for, print what was reached, and return the episodes' returns: (episodes,)."""
    args = Request(**kws)
    run = args.run or newest_network()
    learner = load_learner(run)
    max_steps = args.max_steps or learner.args.max_steps
    copies = open_environment(learner, args.env, args.episodes, max_steps=max_steps)
    chance = random_policy(copies.actions, args.seed)
    policy = chance if args.policy == "random" else noisy(learner.policy, chance, args.epsilon, args.seed)
    # The training's own test episodes begin from derive_seed(seed, TEST, i).
    returns = play_episodes(policy, copies, args.seed, TEST, 1)
    name = f"{args.policy} policy" + (f" with {args.epsilon:.0%} random actions" if args.epsilon else "")
    print(f"{name} of {run} in {args.env or learner.args.env}, {args.episodes} episodes:")
    print(f"return {returns.mean():.1f} ± {returns.std():.1f} (worst {returns.min():.1f}, best {returns.max():.1f})")
    for share in success_rate(returns, copies.threshold).values():
        print(f"success rate {share:.0%} (a return of at least {copies.threshold:g})")
    return returns


def noisy(policy: Policy, chance: Policy, epsilon: float, seed: int) -> Policy:
    """The policy with each action replaced, with probability ε, by that of `chance`."""
    draw = random.Random(seed)

    def act(states: np.ndarray) -> list:
        pairs = zip(policy(states), chance(states), strict=True)
        return [drawn if draw.random() < epsilon else chosen for chosen, drawn in pairs]

    return act


def main() -> None:
    """The command `python -m labs.reinforcement_learning.play`."""
    cli.run(play, Request)


if __name__ == "__main__":
    main()
