"""How the networks are trained: play and learn for a period of steps, evaluate greedily, keep the best policy.

An environment cannot be saved in the midst of an episode. So the training is cut into periods of a fixed number of
steps: each begins new episodes from seeds of its own, and the checkpoint is written between two of them. A period that
is interrupted is played again, and `--resume` leads to the same numbers as a run without interruption.
"""

import operator
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, TypedDict, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from common import expectations
from common.device import pick_device
from common.expectations import Expected
from common.files import validated, write_csv
from common.loop import Best, Row, Training, play
from common.runs import Run
from common.settings import UNGIVEN, Better, Count, Ints, OptionalCount, Probability, Range, Role, RunFlags, Usual
from labs.reinforcement_learning.episodes import TEST, VALIDATION, Copies, play_episodes, success_rate

Episodes = list[tuple[int, float, int]]  # of every episode that ended: the steps by then, its return, its length
Playing = Generator[int, None, Row]  # after each step of the environments, how many those were


@dataclass(frozen=True)
class NetworkFlags(RunFlags):
    """The flags of both ways to train a network: of the environment, of the periods, and of what is measured."""

    BETTER: ClassVar[Mapping[str, Better]] = {"val_return": "larger"}

    device: str = "cpu"  # cpu (on one thread: quicker than a GPU for networks this small), auto, cuda, cuda:N, mps
    env: str = "CartPole-v1"  # the environment, by its name in gymnasium
    steps: Annotated[Usual[Count], Role.LENGTH] = UNGIVEN  # steps in all copies together; none: by preset or method
    max_steps: OptionalCount = None  # end an episode after N steps; none: the environment's own limit
    gamma: Usual[Probability] = UNGIVEN  # γ: what a reward one step later is worth; none: by preset or method
    period: Count = 2_500  # steps between two evaluations; the best policy is kept
    val_episodes: Annotated[int, Range(1, 10_000)] = 50  # greedy episodes per evaluation
    test_episodes: Annotated[int, Range(1, 10_000)] = 100  # greedy episodes for the result, from other seeds
    seeds: Annotated[Ints, Role.CHANCE] = ()  # train once with each instead of --seed, and draw how much they differ

    def check(self) -> None:
        self.require("seeds", min(self.seeds, default=0) >= 0, "a list of numbers of at least 0")
        self.refuse_unused({"seed": not self.seeds}, "with --seeds")

    @property
    def dataset(self) -> str:
        """What stands for the data set in a run's summary."""
        return self.env


class Learner(Protocol):
    """What learns: its networks, its counters, and the copies of the environment that it acts in."""

    args: NetworkFlags
    model: nn.Module  # the policy's network: the best of it is kept
    modules: Sequence[nn.Module]  # every network, `model` first
    optimizer: Optimizer
    copies: Copies
    steps: int  # environment steps so far
    episodes: Episodes

    def describe(self) -> str:
        """Method, environment and network in a few words."""

    def play(self, period: int, until: int) -> Playing:
        """Act and learn until `steps` is `until`; returns means over the period for its row."""

    def finished(self) -> bool:
        """Whether the settings ask for no more."""

    def policy(self, states: Any) -> Sequence[Any]:
        """The greedy action for each state."""

    def memory(self) -> tuple[dict[str, Tensor], dict[str, int | float]]:
        """What else a checkpoint keeps (the replay buffer)."""

    def remember(self, tensors: dict[str, Tensor], numbers: dict[str, int | float]) -> None:
        """Put back what `memory` gave."""


class Counters(TypedDict):
    """What a checkpoint says of a learner besides its networks and optimiser."""

    steps: int
    episodes: Episodes
    memory: dict[str, int | float]


class LearnerState(Training):
    """The loop's state: networks and optimiser, counters, and what else the learner remembers."""

    def __init__(self, learner: Learner):
        super().__init__(learner.modules, [learner.optimizer])
        self.learner = learner

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, numbers = super().save()
        memory, own = self.learner.memory()
        counters: Counters = {"steps": self.learner.steps, "episodes": self.learner.episodes, "memory": own}
        return tensors | {f"memory.{name}": tensor for name, tensor in memory.items()}, {**numbers, **counters}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any], path: Path) -> None:
        counters = validated(numbers, Counters, path)
        super().load(tensors, numbers, path)
        memory = {k.removeprefix("memory."): v for k, v in tensors.items() if k.startswith("memory.")}
        self.learner.remember(memory, counters["memory"])
        self.learner.steps, self.learner.episodes = counters["steps"], counters["episodes"]


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one CPU thread: networks this small spend more time on waking threads than on arithmetic."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


F = TypeVar("F", bound=NetworkFlags)


def train_network(make: Callable[[F], Any], args: F, expected: Sequence[Expected]) -> tuple[Any, Run]:
    """A run of the learner that `make` makes of the settings: the best policy's network, and the run.

    With `seeds` one run after the other; the last is returned.
    """
    if args.seeds:
        return train_each_seed(make, args, expected)
    args = args.but(device=str(pick_device(args.device)))
    with one_thread():
        learner: Learner = make(args)
        with Run(args) as run:
            parameters = sum(p.numel() for p in learner.model.parameters())
            run.say(f"{learner.describe()}, {parameters:,} parameters, {args.steps:,} steps on {args.device}")
            train_in_periods(learner, run, args)
            metrics = final_metrics(learner, args)
            save_figures(run, learner)
            said = verdict(metrics, args.test_episodes) + expectations.sentence(expected, args)
            then = "python -m labs.reinforcement_learning.watch"
            run.finish(metrics, said, look=("learning", "progress"), then=then)
    return learner.model, run


def train_in_periods(learner: Learner, run: Run, args: NetworkFlags) -> None:
    """Train until the settings' steps are done; the model then has the weights of the best greedy evaluation.

    Each period gives a row of the history, with `val_return`: the mean return of greedy episodes that start from
    seeds which the training does not use, the same ones each time. Raises InputError when a number is not finite.
    """
    validation = Copies(args.env, args.val_episodes, args.max_steps)

    def period(number: int, row: Row) -> Iterator[int]:
        played = yield from learner.play(number, min(number * args.period, args.steps))
        returns = play_episodes(learner.policy, validation, args.seed, VALIDATION)
        row |= {"steps": learner.steps, **played, "val_return": float(returns.mean())}

    def keep(number: int, row: Row) -> None:
        write_episodes(learner, run)
        if number == 1:
            run.save_model(learner.model, "early")

    def line(row: Row) -> str:
        shown = {k: v for k, v in row.items() if k not in ("epoch", "seconds", "steps")}
        numbers = "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items())
        return f"step {row['steps']:>{len(str(args.steps))}}/{args.steps}  {row['seconds']:5.1f} s  {numbers}"

    # Numbers that overflow are found by the loop, in the row; NumPy's warnings would only come before that.
    with np.errstate(over="ignore", invalid="ignore"):
        play(
            period,
            LearnerState(learner),
            args.steps,
            name="period",
            length="steps",
            column="steps",
            finished=learner.finished,
            best=Best("val_return", operator.ge, [learner.model]),  # of equals the later one has seen more
            run=run,
            on_unit=[keep],
            line=line,
            quiet=run.quiet,
        )
    write_episodes(learner, run)  # once more: a period that was broken off has been undone
    run.save_model(learner.model)


def write_episodes(learner: Learner, run: Run) -> None:
    """episodes.csv: of every episode of the training the steps by its end, its return and its length."""
    names = ("step", "return", "length")
    rows = [dict(zip(names, episode, strict=True)) for episode in learner.episodes]
    write_csv(run.path / "episodes.csv", rows, columns=names)


def training_return(episodes: Episodes) -> Row:
    """The mean return of these episodes for a row of the history; nothing if none ended."""
    return {"train_return": sum(episode[1] for episode in episodes) / len(episodes)} if episodes else {}


def final_metrics(learner: Learner, args: NetworkFlags) -> dict[str, float]:
    """Metrics of the final policy: greedy episodes from fresh seeds, and the last 100 of the training."""
    copies = Copies(args.env, args.test_episodes, args.max_steps)
    returns = play_episodes(learner.policy, copies, args.seed, TEST)
    last = [episode[1] for episode in learner.episodes[-100:]]
    return {
        "mean_return": float(returns.mean()),
        "min_return": float(returns.min()),
        **success_rate(returns, copies.threshold),
        **({"last_100_return": sum(last) / len(last)} if last else {}),
    }


def train_each_seed(make: Callable[[F], Any], args: F, expected: Sequence[Expected]) -> tuple[Any, Run]:
    """A run for each of `args.seeds`, the spread of their curves beside the last one; returns the last.

    With --out DIR the runs are DIR/seed0, DIR/seed1, …
    """
    from labs.reinforcement_learning import curves  # here, so that --help need not wait for matplotlib

    runs: dict[str, Path] = {}
    reached = []
    for seed in args.seeds:
        own = args.but(seed=seed, seeds=(), out=args.out and args.out / f"seed{seed}")
        model, run = train_network(make, own, expected)
        if run.interrupted:
            return model, run
        runs[f"seed {seed}"] = run.path
        reached.append(run.metrics["mean_return"])
    run.save_figure("seeds", curves.plot_spread(runs))
    values, seeds = ", ".join(f"{value:.1f}" for value in reached), ", ".join(map(str, args.seeds))
    run.say(
        f"mean return {values} with the seeds {seeds}: {np.mean(reached):.1f} ± {np.std(reached):.1f}; "
        f"their curves are in {run.path}/figures/seeds.png"
    )
    print(run.path, flush=True)
    return model, run


def save_figures(run: Run, learner: Learner) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common.layers import layer_table, plot_layers
    from labs.reinforcement_learning import curves

    if run.history:
        args, copies = learner.args, learner.copies
        episodes = curves.read_episodes(run.path)
        run.save_figure("learning", curves.plot_learning(episodes, run.history, copies.threshold))
        run.save_figure("progress", curves.plot_progress(run.history, args.gamma))
        states = torch.zeros(1, *copies.observations.shape, device=args.device)
        run.save_figure(
            "network", plot_layers(layer_table(learner.model, states), f"the policy's network in {args.env}")
        )


def verdict(metrics: dict[str, float], episodes: int) -> str:
    """What was reached, in a sentence."""
    said = f"greedy return {metrics['mean_return']:.1f} on average (worst {metrics['min_return']:.1f})"
    said += f" over {episodes} fresh episodes"
    if "success_rate" in metrics:
        said += f", {metrics['success_rate']:.0%} of them a success"
    return said
