"""A trained agent plays again: `python -m labs.reinforcement_learning.play --run DIR` says what it reaches."""

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from gymnasium import Space

from common import cli
from common.device import derive_seed
from common.errors import InputError
from common.settings import OptionalCount, OptionalFolder, OptionalName, Probability, Range, Seed, Settings, read_record
from labs.reinforcement_learning import reinforcement_learning as tabular
from labs.reinforcement_learning.episodes import TEST, Copies, Policy, play_episodes, random_policy, success_rate
from labs.reinforcement_learning.tabular import run_episode
from labs.reinforcement_learning.trained import load_learner, newest_network


@dataclass(frozen=True)
class Request(Settings):
    """Let a trained agent play episodes, greedily, and report return and success rate."""

    run: OptionalFolder = None  # the run directory; none: the newest of dqn or policy_gradient
    episodes: Annotated[int, Range(1, 10_000)] = 100  # how many are played
    seed: Seed = 0  # fixes where they begin; other episodes than in the training, whatever it is
    env: OptionalName = None  # play in this environment instead, which must have the same observations and actions
    max_steps: OptionalCount = None  # end an episode after N steps; none: as in the training
    policy: Literal["learned", "random"] = "learned"  # random: what one reaches without learning
    epsilon: Probability = 0.0  # replace this share of the actions by random ones: how robust is the policy?

    def check(self) -> None:
        self.refuse_unused({"epsilon": self.policy == "learned"}, "with --policy random")


def check_spaces(env: str, own: str, spaces: Sequence[Space], needed: Sequence[Space]) -> None:
    """InputError unless the spaces of observations and actions in `env` are as the run needs them, trained in `own`."""
    for what, other, mine in zip(("observations", "actions"), spaces, needed, strict=True):
        sizes = [getattr(space, "n", space.shape) for space in (other, mine)]
        if type(other) is not type(mine) or sizes[0] != sizes[1]:
            raise InputError(f"--env {env} has other {what} than the run's {own}: {sizes[0]}, not {sizes[1]}")


def play(**kws: Any) -> np.ndarray:
    """Play what a Request asks for, print what was reached, and return the episodes' returns: (episodes,)."""
    args = Request(**kws)
    run = args.run or newest_network()
    if read_record(run).get("command") == tabular.HyperParams.COMMAND:
        return play_table(args, run)
    learner = load_learner(run)
    own = learner.args
    env = args.env or own.env
    copies = Copies(env, args.episodes, args.max_steps or own.max_steps)
    spaces = [(where.observations, where.actions) for where in (copies, learner.copies)]
    check_spaces(env, own.env, *spaces)
    chance = random_policy(copies.actions, args.seed)
    policy = chance if args.policy == "random" else noisy(learner.policy, chance, args.epsilon, args.seed)
    # The training's own test episodes begin from derive_seed(seed, TEST, i).
    returns = play_episodes(policy, copies, args.seed, TEST, 1)
    report(args, run, env, returns)
    for share in success_rate(returns, copies.threshold).values():
        print(f"success rate {share:.0%} (a return of at least {copies.threshold:g})")
    return returns


def play_table(args: Request, run: Path) -> np.ndarray:
    """The same for a table of the random walk, a grid world, FrozenLake, …: (episodes,) returns."""
    loaded = tabular.load_run(run)
    own = loaded.settings
    at_random = own.method == "td0"
    args.refuse_unused({"policy": not at_random, "epsilon": not at_random}, f"on {run}, whose policy is random")
    other = dataclasses.replace(own, env=args.env or own.env, max_steps=args.max_steps or own.max_steps)
    env = tabular.get_env(other)
    spaces = [(where.observation_space, where.action_space) for where in (env, tabular.get_env(own))]
    check_spaces(other.env, own.env, *spaces)
    agent = tabular.build_agent(own, env, loaded.model)
    epsilon = 1.0 if args.policy == "random" else args.epsilon
    seed = derive_seed(args.seed, TEST)
    rng = np.random.default_rng(seed)
    played = [
        run_episode(env, agent, epsilon, rng, learning=False, seed=seed if i == 0 else None)
        for i in range(args.episodes)
    ]
    returns = np.array([total for total, _, _ in played])
    report(args, run, other.env, returns)
    print(f"success rate {np.mean([success for _, _, success in played]):.0%} (the episode ended in the goal)")
    return returns


def report(args: Request, run: Path, env: str, returns: np.ndarray) -> None:
    """Print whose episodes these were, and the mean, spread, worst and best of their returns."""
    name = f"{args.policy} policy" + (f" with {args.epsilon:.0%} random actions" if args.epsilon else "")
    print(f"{name} of {run} in {env}, {args.episodes} episodes:")
    print(f"return {returns.mean():.2f} ± {returns.std():.2f} (worst {returns.min():g}, best {returns.max():g})")


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
