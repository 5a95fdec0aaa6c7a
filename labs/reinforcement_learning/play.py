"""A trained agent plays again: `python -m labs.reinforcement_learning.play --run DIR` says what it reaches."""

import dataclasses
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from common import checkpoint, cli
from common.device import derive_seed
from common.errors import InputError
from common.runs import RUNS, read_json
from labs.reinforcement_learning import dqn, policy_gradient
from labs.reinforcement_learning import reinforcement_learning as tabular
from labs.reinforcement_learning.episodes import TEST, Copies, Policy, play_episodes, random_policy, success_rate

# How each kind of network is made again from its run's settings.
KINDS = {
    dqn.HyperParams: dqn.DQN,
    policy_gradient.HyperParams: policy_gradient.PolicyGradient,
}


@dataclass(frozen=True)
class Request:
    """Let a trained agent play episodes, greedily, and report return and success rate."""

    run: cli.OptionalPath = None  # the run directory; none: the newest of dqn or policy_gradient
    episodes: int = 100  # how many are played
    seed: int = 0  # fixes where they begin; other episodes than in the training, whatever it is
    env: cli.OptionalName = None  # play in this environment instead, which must have the same observations and actions
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
    kinds = [kind for kind in KINDS if is_of(settings, kind)]
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
    if is_of(read_json(run / "hyperparams.json"), tabular.HyperParams):
        return play_table(args, run)
    learner = load_learner(run)
    max_steps = args.max_steps or learner.args.max_steps
    copies = open_environment(learner, args.env, args.episodes, max_steps=max_steps)
    chance = random_policy(copies.actions, args.seed)
    policy = chance if args.policy == "random" else noisy(learner.policy, chance, args.epsilon, args.seed)
    # The training's own test episodes begin from derive_seed(seed, TEST, i).
    returns = play_episodes(policy, copies, args.seed, TEST, 1)
    report(args, run, args.env or learner.args.env, returns)
    for share in success_rate(returns, copies.threshold).values():
        print(f"success rate {share:.0%} (a return of at least {copies.threshold:g})")
    return returns


def play_table(args: Request, run: Path) -> np.ndarray:
    """The same for a table of the random walk, a grid world, FrozenLake, …: (episodes,) returns."""
    own = cli.settings_from_json(tabular.HyperParams, read_json(run / "hyperparams.json"), str(run))
    own = dataclasses.replace(own, env=args.env or own.env, max_steps=args.max_steps or own.max_steps)
    env = tabular.get_env(own)
    model = tabular.build_model(own, env)
    checkpoint.load_weights(model, checkpoint.load(run / "model.safetensors")[0], run)
    agent = tabular.Agent(own, model.values, int(env.action_space.n), np.zeros_like(model.values))
    epsilon = 1.0 if args.policy == "random" else args.epsilon
    seed = derive_seed(args.seed, TEST)
    rng = np.random.default_rng(seed)
    played = [
        tabular.run_episode(env, agent, epsilon, rng, learning=False, seed=seed if i == 0 else None)
        for i in range(args.episodes)
    ]
    returns = np.array([total for total, _, _ in played])
    report(args, run, own.env, returns)
    print(f"success rate {np.mean([success for _, _, success in played]):.0%} (the episode ended in the goal)")
    return returns


def report(args: Request, run: Path, env: str, returns: np.ndarray) -> None:
    """Print whose episodes these were, and the mean, spread, worst and best of their returns."""
    name = f"{args.policy} policy" + (f" with {args.epsilon:.0%} random actions" if args.epsilon else "")
    print(f"{name} of {run} in {env}, {args.episodes} episodes:")
    print(f"return {returns.mean():.2f} ± {returns.std():.2f} (worst {returns.min():g}, best {returns.max():g})")


def is_of(settings: dict, kind: type) -> bool:
    """Whether the settings of a run are those of this kind of training."""
    return settings.keys() - {"lab"} == {field.name for field in dataclasses.fields(kind)}


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
