"""The loop of the networks: play and learn for a while, evaluate greedily, keep the best policy, save everything.

An environment cannot be saved in the midst of an episode. So the training is cut into periods of a fixed number of
steps: each begins new episodes from seeds of its own, and the checkpoint is written between two of them. A period that
is interrupted is played again, and `--resume` leads to the same numbers as a run without interruption.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from common import checkpoint
from common.errors import InputError
from common.files import write_atomically
from common.runs import Run
from common.trainer import StopRequest
from labs.reinforcement_learning.episodes import TEST, VALIDATION, Copies, play_episodes, success_rate

Episodes = list[tuple[int, float, int]]  # of every episode that ended: the steps by then, its return, its length


class Learner(Protocol):
    """What learns: its networks, its counters, and the copies of the environment that it acts in."""

    model: nn.Module  # the policy's network: the best of it is kept
    modules: Sequence[nn.Module]  # every network, `model` first
    optimizer: Optimizer
    steps: int  # environment steps so far
    episodes: Episodes

    def play(self, period: int, until: int, stop: StopRequest) -> dict[str, float]:
        """Act and learn until `steps` is `until`, or `stop` is signalled; means over the period for its row."""

    def finished(self) -> bool:
        """Whether the settings ask for no more."""

    def policy(self, states: Any) -> Sequence[Any]:
        """The greedy action for each state."""

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What else a checkpoint keeps (the replay buffer)."""

    def remember(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Put back what `memory` gave."""


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one CPU thread: networks this small spend more time on waking threads than on arithmetic."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train_in_periods(learner: Learner, run: Run) -> None:
    """Train until the settings' steps are done; the model then has the weights of the best greedy evaluation.

    Each period gives a row of the history, with `val_return`: the mean return of greedy episodes that start from
    seeds which the training does not use, the same ones each time. Ctrl-C ends the loop after the current step.
    Raises InputError when a number is not finite.
    """
    args, best = run.settings, _restore(learner, run)
    if learner.steps > args.steps:
        raise InputError(f"the run has {learner.steps} steps already, --steps {args.steps} is less")
    if run.history and learner.finished():
        run.say("the run has all its steps; a larger --steps adds to them")
    validation = Copies(args.env, args.val_episodes, args.max_steps)
    steps, seconds = learner.steps, 0.0
    # Numbers that overflow are found below, in the row; NumPy's warnings would only come before that.
    with StopRequest() as stop, np.errstate(over="ignore", invalid="ignore"):
        while not learner.finished():
            period, started = len(run.history) + 1, time.perf_counter()
            row = learner.play(period, min(period * args.period, args.steps), stop)
            seconds += time.perf_counter() - started
            if stop.signalled:
                break
            returns = play_episodes(learner.policy, validation, args.seed, VALIDATION)
            row = {"epoch": period, "seconds": 0.0, "steps": learner.steps, **row, "val_return": float(returns.mean())}
            _check_finite(row)
            row["seconds"] = time.perf_counter() - started
            run.history.append(row)
            if best is None or row["val_return"] >= best["val_return"]:  # of equals the later one has seen more
                best = row
                checkpoint.save(run.path / "checkpoint" / "best.safetensors", learner.model.state_dict(), {})
            _save(learner, run, best)
            if period == 1:
                run.save_model(learner.model, "early")
            run.write_history()
            run.say(_describe(row, args.steps))
    run.interrupted = stop.signalled and not learner.finished()
    if seconds:
        run.samples_per_second = (learner.steps - steps) / seconds
    if best:
        weights, _ = checkpoint.load(run.path / "checkpoint" / "best.safetensors")
        checkpoint.load_weights(learner.model, weights, run.path)
        run.say(f"kept the policy of step {best['steps']}, the best in greedy play: {best['val_return']:.1f}")
    run.save_model(learner.model)


def training_return(episodes: Episodes) -> dict[str, float]:
    """The mean return of these episodes for a row of the history; nothing if none ended."""
    return {"train_return": sum(episode[1] for episode in episodes) / len(episodes)} if episodes else {}


def final_metrics(learner: Learner, run: Run) -> dict[str, float]:
    """Metrics of the final policy: greedy episodes from fresh seeds, and the last 100 of the training."""
    args = run.settings
    copies = Copies(args.env, args.test_episodes, args.max_steps)
    returns = play_episodes(learner.policy, copies, args.seed, TEST)
    last = [episode[1] for episode in learner.episodes[-100:]]
    return {
        "mean_return": float(returns.mean()),
        "min_return": float(returns.min()),
        **success_rate(returns, copies.threshold),
        **({"last_100_return": sum(last) / len(last)} if last else {}),
    }


def train_each_seed(train: Callable[..., tuple[Any, Run]], args: Any) -> tuple[Any, Run]:
    """A run for each of `args.seeds`, the spread of their curves beside the last one; returns the last.

    With --out DIR the runs are DIR/seed0, DIR/seed1, …
    """
    from labs.reinforcement_learning import curves  # here, so that --help need not wait for matplotlib

    runs: dict[str, Path] = {}
    reached = []
    for seed in args.seeds:
        own = dataclasses.replace(args, seed=seed, seeds=(), out=args.out and args.out / f"seed{seed}")
        model, run = train(**vars(own))
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


def save_figures(run: Run, threshold: float | None) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from labs.reinforcement_learning import curves

    if run.history:
        episodes = curves.read_episodes(run.path)
        run.save_figure("learning", curves.plot_learning(episodes, run.history, threshold))
        run.save_figure("progress", curves.plot_progress(run.history, run.settings.gamma))


def same_settings(args: Any, usual: Any) -> bool:
    """Whether two runs differ at most in seed and place, so that the same result may be expected."""
    free = ("seed", "seeds", "device", "out", "resume", "offline", "quiet")
    return all(getattr(args, f.name) == getattr(usual, f.name) for f in dataclasses.fields(args) if f.name not in free)


def verdict(metrics: dict[str, float], episodes: int, expected: str | None) -> str:
    """What was reached and, for settings that were measured, what to expect, in a sentence."""
    said = f"greedy return {metrics['mean_return']:.1f} on average (worst {metrics['min_return']:.1f})"
    said += f" over {episodes} fresh episodes"
    if "success_rate" in metrics:
        said += f", {metrics['success_rate']:.0%} of them a success"
    return said + (f" (these settings reach {expected})" if expected else "")


def _describe(row: dict[str, float], steps: int) -> str:
    shown = {k: v for k, v in row.items() if k not in ("epoch", "seconds", "steps")}
    numbers = "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items())
    return f"step {row['steps']:>{len(str(steps))}}/{steps}  {row['seconds']:5.1f} s  {numbers}"


def _check_finite(row: dict[str, float]) -> None:
    for name, value in row.items():
        if not math.isfinite(value):
            raise InputError(f"{name} is {value} by step {row['steps']}: the training has diverged; lower --lr")


def _save(learner: Learner, run: Run, best: dict[str, float]) -> None:
    """Everything the next period depends on, and episodes.csv."""
    memory, numbers = learner.memory()
    tensors = {f"memory.{k}": v for k, v in memory.items()}
    for i, module in enumerate(learner.modules):
        tensors |= {f"module{i}.{k}": v for k, v in module.state_dict().items()}
    own, rest = checkpoint.optimizer_tensors(learner.optimizer, "optimizer.")
    header = {
        "rows": run.history,
        "best": best,
        "steps": learner.steps,
        "episodes": learner.episodes,
        "optimizer": rest,
        "memory": numbers,
    }
    checkpoint.save(run.path / "checkpoint" / "last.safetensors", tensors | own, header)
    lines = ["step,return,length", *(f"{step},{value:.6g},{length}" for step, value, length in learner.episodes)]
    write_atomically(run.path / "episodes.csv", "\n".join(lines) + "\n")


def _restore(learner: Learner, run: Run) -> dict[str, float] | None:
    """Continue a resumed run where its checkpoint was written; returns the best row so far."""
    path = run.path / "checkpoint" / "last.safetensors"
    if not run.resumed or not path.is_file():
        return None  # killed before the first period ended: begin again, from the same seed
    tensors, header = checkpoint.load(path)

    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    for i, module in enumerate(learner.modules):
        checkpoint.load_weights(module, part(f"module{i}."), path)
    checkpoint.load_optimizer(learner.optimizer, tensors, header["optimizer"], "optimizer.")
    learner.remember(part("memory."), header["memory"])
    learner.steps, run.history = header["steps"], header["rows"]
    learner.episodes = [tuple(episode) for episode in header["episodes"]]
    run.write_history()
    return header["best"]
