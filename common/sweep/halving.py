"""Successive halving: all combinations for a few epochs, the best third of them for three times as many, and so on.

Jamieson & Talwalkar 2016, with the rounds of Hyperband (Li et al. 2018) at η = 3. Rounds are decided one after the
other, each when all its runs have ended, so that the same seeds keep the same combinations however many runs are made
side by side. A run goes on by --resume, which gives the numbers of one that was never interrupted.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from common.compare import read_runs
from common.errors import InputError
from common.files import read_json, write_json
from common.programs import Outcome, Pool, perform_all, state_of
from common.records import read_history
from common.settings import Better, RunFlags, length
from common.sweep.metrics import choose_metric, metrics_of
from common.sweep.plan import Job, Plan

FACTOR = 3  # one of so many goes on, for so many times as long


@dataclass(frozen=True)
class Round:
    """What a round has decided. halving.json is a list of them."""

    epochs: int
    metric: str
    values: list[float | None]  # the mean over seeds, of each combination; None: not in this round, or failed
    kept: list[int]  # the numbers of the combinations that go on


def check_halving(plan: Plan, settings: Sequence[RunFlags]) -> int:
    """Epochs of a whole run. InputError if the runs cannot be halved: nothing may choose, or what is learned in an
    epoch depends on how many there shall be.
    """
    kind = type(settings[0])
    if length(kind) != "epochs":
        raise InputError(f"--halve: {plan.command} counts {length(kind)}, and only runs of epochs can be halved")
    if len(settings) < FACTOR:
        raise InputError(f"--halve with {len(settings)} combinations; it needs at least {FACTOR} to keep a third of")
    if "epochs" in plan.settings:
        raise InputError("--halve with --over epochs: it is halving that says how many epochs a run has")
    for own in settings:
        rates = getattr(own, "schedule", "constant")
        if rates != "constant" or kind.ANNEALS:
            shown = f"--schedule {rates}" if rates != "constant" else f"{plan.command}'s learning rate"
            raise InputError(
                f"--halve: {shown} depends on how many epochs there are to be, so that a run made longer is not the "
                "one that was long from the start; use a constant rate, or leave --halve away"
            )
    whole = length_of(settings)
    if plan.halve is None or plan.halve >= whole:
        raise InputError(f"--halve is {plan.halve}; it must be less than the {whole} epochs of a whole run")
    if plan.by and plan.by.startswith("test_"):
        raise InputError(f"--halve by {plan.by}: the test set may not choose; name a metric of validation with --by")
    if not plan.by and not kind.BETTER:
        raise InputError(f"--halve: {plan.command} names no metric that may choose; name one with --by METRIC")
    return whole


def length_of(settings: Sequence[RunFlags]) -> int:
    """Epochs of a whole run, the same for all; InputError if it is not."""
    first, *others = (getattr(own, "epochs", None) for own in settings)
    if first is None or set(others) != {first}:
        raise InputError("--halve must know how many epochs a whole run has; say it behind --, as -- --epochs 27")
    return first


def lengths(first: int, whole: int) -> list[int]:
    """Epochs at the end of each round: 2, 6, 18 of 18; 2, 6, 18, 20 of 20."""
    found = [first]
    while found[-1] < whole:
        found.append(min(FACTOR * found[-1], whole))
    return found


def best_third(values: Sequence[float | None], better: Better) -> list[int]:
    """Numbers of the best third of those that have a value, rounded, at least one; of equals the earlier."""
    there = [i for i, value in enumerate(values) if value is not None and math.isfinite(value)]
    sign = 1 if better == "smaller" else -1
    ranked = sorted(there, key=lambda i: (sign * (values[i] or 0.0), i))
    return sorted(ranked[: max(1, round(len(there) / FACTOR))])


def read_rounds(out: Path) -> list[Round]:
    """What has been decided in a sweep's folder; none if nothing was yet."""
    file = out / "halving.json"
    return read_json(file, list[Round]) if file.is_file() else []


def play_rounds(
    plan: Plan, jobs: Sequence[Job], pool: Pool, out: Path, *, one_thread: bool
) -> tuple[dict[str, Outcome], bool]:
    """Play the rounds that are not decided yet. How each run ended, by its name, and whether Ctrl-C has stopped all."""
    rounds = read_rounds(out)
    outcomes = {job.name: state_of(job.program(plan.command, one_thread)) for job in jobs}
    alive = rounds[-1].kept if rounds else list(range(len(plan.combinations)))
    for epochs in lengths(plan.halve or 1, plan.whole or 1)[len(rounds) :]:
        own = [job for job in jobs if plan.combinations.index(dict(job.combination)) in alive]
        programs = {job.name: job.program(plan.command, one_thread, ("epochs", epochs)) for job in own}
        about = f"round {len(rounds) + 1}, {len(alive)} combinations for {epochs} epochs, runs"
        ended, stopped = perform_all(list(programs.values()), pool, about)
        outcomes |= {name: ended[program.path] for name, program in programs.items()}
        if epochs == plan.whole or stopped or pool.lost():
            return outcomes, stopped
        rounds.append(decide(plan, own, outcomes, epochs))
        write_json(out / "halving.json", [dataclasses.asdict(one) for one in rounds])
        alive = rounds[-1].kept
        print(
            f"after {epochs} epochs {len(alive)} of {len(programs) // len(plan.seeds)} combinations go on", flush=True
        )
    return outcomes, False


def decide(plan: Plan, jobs: Sequence[Job], outcomes: Mapping[str, Outcome], epochs: int) -> Round:
    """Which combinations go on. InputError if no run is done, or only the test set could choose."""
    runs = {job.name: read_runs([job.path])[0] for job in jobs if outcomes[job.name].state == "done"}
    if not runs:
        raise InputError(f"no run has come to epoch {epochs}: {outcomes[jobs[0].name].error}")
    metric, better = choose_metric(list(runs.values()), plan.by)
    if better is None or metric.startswith("test_"):
        raise InputError("--halve: the runs have no metric of validation to choose by; cnn has one with --split")
    values: list[float | None] = []
    for combination in plan.combinations:
        own = [metrics_of(runs[job.name]) for job in jobs if job.combination == combination and job.name in runs]
        numbers = [metrics[metric] for metrics in own if metric in metrics]
        values.append(fmean(numbers) if len(numbers) == len(plan.seeds) else None)
    if all(value is None for value in values):
        logs = jobs[0].path.parent / "logs"
        raise InputError(f"no combination has come to epoch {epochs} with every seed; {logs} says why")
    return Round(epochs, metric, values, best_third(values, better))


def epochs_spent(plan: Plan, jobs: Sequence[Job]) -> str:
    """What halving has saved, in a sentence."""
    spent = sum(len(read_history(job.path)) for job in jobs)
    return f"epochs in all: {spent}; every run for {plan.whole} would be {len(jobs) * (plan.whole or 0)}"


def dropped_after(rounds: Sequence[Round], combination: int) -> int | None:
    """After how many epochs a combination was dropped; None: it was not."""
    return next((one.epochs for one in rounds if combination not in one.kept), None)
