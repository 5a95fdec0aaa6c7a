"""Tabular learning: a random walk, or any environment of gymnasium with numbered states and actions.

Mirrors reinforcement_learning.jl of the course (same order, names and numbers): the environment is in random_walk.py,
the table and the agent in tabular.py, and here the agent runs. README.md has what was measured.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import gymnasium
import numpy as np
from torch import Tensor

from common import cli, expectations, runs
from common.device import derive_seed
from common.errors import InputError
from common.expectations import Expected
from common.files import write_csv
from common.loop import Row, play
from common.runs import Run
from common.settings import UNGIVEN, Better, Count, Number, OptionalCount, Probability, Role, RunFlags, Usual
from labs.reinforcement_learning.environments import Env, YesNo, describe_rewards, make_slippery, table_of
from labs.reinforcement_learning.grids import layout
from labs.reinforcement_learning.progress import describe_values, draw_figures
from labs.reinforcement_learning.tabular import (
    Agent,
    Method,
    Record,
    TabularApproximator,
    Ties,
    exact_values,
    play_greedily,
    run_episode,
    start_values,
    value_errors,
)

# The course's settings, and those of the lab manual's Task № 6: what a setting that is not given is.
PRESETS: dict[str, dict[str, Any]] = {
    "course": {"env": "sorcery/RandomWalk1D-v0", "episodes": 10_000, "epsilon": 0.1, "schedule": "constant"},
    "task6": {"env": "FrozenLake-v1", "episodes": 1_000, "epsilon": 1.0, "schedule": "exponential"},
}
BLOCK = 100  # episodes between two rows of the history
LIMIT = 500  # steps, for environments whose episodes may go on for ever
EVALUATION = 2**32  # seeds of the greedy episodes: beyond every block's number


@dataclass(frozen=True)
class HyperParams(RunFlags):
    """Learn a table of values by trial and error: the course's random walk, a grid world, FrozenLake, CliffWalking."""

    COMMAND: ClassVar[str] = "labs.reinforcement_learning"
    BETTER: ClassVar[Mapping[str, Better]] = {"val_return": "larger"}

    device: str = "cpu"  # a table is learned on the CPU
    preset: Literal["course", "task6"] = "course"  # the course's settings, or those of the manual's Task № 6
    env: Usual[str] = UNGIVEN  # environment with numbered states and actions; none: the random walk, FrozenLake-v1
    slippery: YesNo | None = None  # FrozenLake, CliffWalking, grid worlds; none: as the environment has it
    max_steps: OptionalCount = None  # longest episode; none: the environment's own, or 500
    method: Method = "q_learning"  # rule that Q is learned by; td0: V of the policy that acts at random
    episodes: Annotated[Usual[Count], Role.LENGTH] = UNGIVEN  # episodes to learn from; none: 10000, 1000
    alpha: Probability = 0.1  # learning rate (α); 0 learns nothing
    gamma: Probability = 0.99  # discount (γ)
    epsilon: Usual[Probability] = UNGIVEN  # probability of an action at random (ε), at the start; none: 0.1, 1.0
    schedule: Usual[Literal["constant", "linear", "exponential", "step"]] = UNGIVEN  # of ε; none: constant, exponential
    epsilon_min: Probability = 0.01  # what ε falls to, unless it is constant
    decay: Probability = 0.995  # factor of ε: per episode (exponential), or every decay-episodes (step)
    decay_episodes: Count = 500  # episodes until ε is at its least (linear), or from one step to the next (step)
    ties: Ties = "random"  # among equally good actions; first: the Julia file's mistake
    initial: Number = 0.0  # value of every entry before learning; above what is possible: the agent tries everything
    block: Usual[Count] = UNGIVEN  # episodes between two evaluations, a row of the history; none: 100, or all if fewer
    eval_episodes: Count = 100  # episodes with ε = 0 in an evaluation

    def usual(self) -> dict[str, Any]:
        preset = PRESETS[self.preset]
        return preset | {"block": min(BLOCK, self.episodes or preset["episodes"])}

    def check(self) -> None:
        self.require("device", self.device in ("cpu", "auto"), "cpu: a table is too small for any other")
        self.require("episodes", self.episodes % self.block == 0, f"a multiple of --block, {self.block}")
        explores = self.method != "td0"  # which acts at random
        self.refuse_unused(
            {
                "ties": explores,
                "epsilon": explores,
                "schedule": explores,
                "epsilon_min": explores and self.schedule != "constant",
                "decay": explores and self.schedule in ("exponential", "step"),
                "decay_episodes": explores and self.schedule in ("linear", "step"),
            },
            f"with --method {self.method} and --schedule {self.schedule}",
        )

    @property
    def dataset(self) -> str:
        """What a run's summary names: the environment."""
        return self.env


def get_env(args: HyperParams) -> Env:
    """The environment of the settings; InputError unless its states and actions are numbered from 0."""
    # gymnasium's checker looks at every observation, only to warn those who write environments.
    kws: dict[str, Any] = {"disable_env_checker": True, "max_episode_steps": args.max_steps}
    env = make_slippery(args.env, args.slippery, **kws)
    if env.spec.max_episode_steps is None:
        env = make_slippery(args.env, args.slippery, **kws | {"max_episode_steps": LIMIT})
    for what, space in (("observations", env.observation_space), ("actions", env.action_space)):
        if not isinstance(space, gymnasium.spaces.Discrete) or space.start != 0:
            raise InputError(
                f"environment {args.env!r} has {what} of the kind {space}; a table needs numbers from 0, as "
                "FrozenLake-v1 has them; networks learn others: python -m labs.reinforcement_learning.dqn --env"
            )
    return env


def build_model(args: HyperParams, env: Env) -> TabularApproximator:
    """Julia: TabularQApproximator(n_state=7, n_action=2). The manual has n_state=11; here the environment says it."""
    columns = 1 if args.method == "td0" else env.action_space.n
    return TabularApproximator(env.observation_space.n, columns, args.initial)


def build_agent(args: HyperParams, env: Env, model: TabularApproximator) -> Agent:
    """Who acts by the model's table and learns it."""
    return Agent(model.values, int(env.action_space.n), args.method, args.alpha, args.gamma, args.ties)


def epsilon_at(args: HyperParams, episode: int) -> float:
    """ε in an episode, counted from 0."""
    if args.schedule == "constant":
        return args.epsilon
    if args.schedule == "linear":
        share = min(1, episode / args.decay_episodes)
        epsilon = args.epsilon + share * (args.epsilon_min - args.epsilon)
    elif args.schedule == "exponential":
        epsilon = args.epsilon * args.decay**episode
    else:
        epsilon = args.epsilon * args.decay ** (episode // args.decay_episodes)
    return max(args.epsilon_min, epsilon)


def learn(args: HyperParams, env: Env, run: Run | None = None) -> tuple[TabularApproximator, Record]:
    """Learn for the settings' episodes, block by block; with a `run` as `common.loop` keeps it.

    Every block draws from generators seeded with its own number, so it is the same whether the ones before it ran in
    this process or in one that was killed. A block that Ctrl-C breaks off is played again when the run is continued.
    """
    model = build_model(args, env)
    agent = build_agent(args, env, model)
    record = Record(agent)
    exact = functools.cache(lambda epsilon: exact_values(env, args.method, args.gamma, epsilon))

    def block(number: int, row: Row) -> Iterator[int]:
        rng, seed = np.random.default_rng(derive_seed(args.seed, number)), derive_seed(args.seed, number, 1)
        returns: list[float] = []
        lengths: list[int] = []
        mean_table = np.zeros_like(agent.values)
        for episode in range(len(record.returns), len(record.returns) + args.block):
            epsilon = epsilon_at(args, episode)
            first = seed if not returns else None
            total, steps, _ = run_episode(env, agent, epsilon, rng, learning=True, seed=first)
            returns.append(total)
            lengths.append(steps)
            mean_table += agent.values / args.block
            yield steps
        record.returns += returns
        record.lengths += lengths
        record.tables.append(mean_table)
        greedy = play_greedily(env, agent, args.eval_episodes, derive_seed(args.seed, EVALUATION, number))
        row |= {"episodes": len(record.returns), "epsilon": epsilon, "train_return": float(np.mean(returns))}
        row["val_return"] = greedy["mean_return"]
        row |= value_errors(agent, exact(0.0 if args.method in ("q_learning", "td0") else epsilon))

    # Numbers that overflow are found by the loop, in the row; NumPy's warnings would only come before that.
    with np.errstate(over="ignore", invalid="ignore"):
        record.rows = play(
            block,
            record,
            args.episodes,
            name="block",
            length="episodes",
            column="episodes",
            run=run,
            cure="lower --alpha or --initial",
            quiet=run is None or run.quiet,
        )
    return model, record


def train(**kws: Any) -> tuple[TabularApproximator, Run]:
    """Julia: run(agent, env, StopAfterEpisode(10_000), hook). Returns the table and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name).
    """
    args = HyperParams.of(**kws)
    env = get_env(args)
    args = args.but(env=env.spec.id, device="cpu")
    with Run(args) as run:
        acts = "every action alike" if args.method == "td0" else f"ε {args.epsilon:g} ({args.schedule})"
        run.say(
            f"{args.method} in {args.env}: {env.observation_space.n} states, {env.action_space.n} actions, at most "
            f"{env.spec.max_episode_steps} steps; {args.episodes} episodes, α {args.alpha:g}, γ {args.gamma:g}, "
            f"{acts}"
        )
        if (table := table_of(env)) is not None:
            grid = layout(env)
            run.say(describe_rewards(table, grid.first if grid else 0))
        model, record = learn(args, env, run)
        run.save_model(model)
        played = enumerate(zip(record.returns, record.lengths, strict=True), 1)
        rows = [{"episode": number, "return": total, "steps": steps} for number, (total, steps) in played]
        write_csv(run.path / "episodes.csv", rows, columns=("episode", "return", "steps"))
        tested = play_greedily(env, record.agent, args.eval_episodes, derive_seed(args.seed, EVALUATION, 0))
        if record.rows:
            tested["last_100_return"] = float(np.mean(record.returns[-100:]))
            tested |= {k: v for k, v in record.rows[-1].items() if k.endswith("value_error")}
            exact = exact_values(env, args.method, args.gamma, record.rows[-1]["epsilon"])
            if exact is not None:
                tested |= start_values(record, env, exact)
            epsilons = np.array([epsilon_at(args, episode) for episode in range(len(record.returns))])
            for name, figure in draw_figures(record, epsilons, env, exact).items():
                run.save_figure(name, figure)
            run.say(describe_values(record, env, exact))
        look = ("returns", "values", "learning")
        run.finish(tested, verdict(args, tested), look=look, then="python -m labs.reinforcement_learning.play")
    return model, run


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, TabularApproximator]:
    """A run's table and its settings; the newest run's if none is named."""
    return runs.load(path, HyperParams, lambda args: build_model(args, get_env(args)))


def predict(model: TabularApproximator, states: Tensor) -> Tensor:
    """The greedy action in each state (N,), the first of equally good ones."""
    return model.table[states].argmax(dim=1)


# What was measured, seeds 0, 1, 2 (README.md); of a method's rows the first one is said at a run's end.
EXPECTED = (
    Expected("start_value", 0.98009, 0.98011),
    Expected("start_value", 0.977, 0.979, {"method": "sarsa"}),
    Expected("start_value", 0.9778, 0.978, {"method": "expected_sarsa"}),
    *(Expected("mean_return", 1, 1, {"method": method}) for method in ("q_learning", "sarsa", "expected_sarsa")),
)


def verdict(args: HyperParams, tested: dict[str, float]) -> str:
    """What was reached and what to expect, in a sentence."""
    said = f"mean return {tested['mean_return']:.4f}, success {tested['success_rate']:.1%}, over {args.eval_episodes} "
    said += "episodes of the random policy" if args.method == "td0" else "episodes with ε = 0"
    if "start_value" in tested:
        said += f"; value of the start {tested['start_value']:.4f} (exact {tested['exact_start_value']:.6f})"
    return said + expectations.sentence(EXPECTED, args)


def main() -> None:
    """The command `python -m labs.reinforcement_learning`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
