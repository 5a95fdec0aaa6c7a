"""What a sweep is to run: settings and their values on the command line become runs with names and flags."""

import dataclasses
import itertools
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import cli
from common.commands import settings_class
from common.errors import InputError
from common.files import read_json, write_json
from common.programs import Program
from common.settings import RunFlags, default, flag

OWN = ("out", "resume", "seed", "quiet")  # flags of a run that the sweep gives itself
MOST = 10_000  # runs of a sweep
Combination = Mapping[str, str]  # setting → value, as it is written on the command line


@dataclass(frozen=True)
class Plan:
    """All runs of a sweep: every combination with every seed. This is sweep.json."""

    command: str  # labs.vae
    settings: list[str]  # those varied, as fields: latent_dim
    combinations: list[dict[str, str]]
    seeds: list[int]
    words: list[str]  # flags that all runs have
    drawn: bool = False  # combinations drawn at random, not all of a grid
    halve: int | None = None  # epochs of the first round of successive halving; None: all go all the way
    whole: int | None = None  # epochs of the last round
    by: str | None = None  # the metric that halves


@dataclass(frozen=True)
class Job:
    """One run of a sweep."""

    combination: Combination
    seed: int
    path: Path
    words: tuple[str, ...]  # behind `python -m <command>`, without --out and --resume

    @property
    def name(self) -> str:
        """latent-dim-2_beta-1_seed-0"""
        return self.path.name

    def program(self, command: str, one_thread: bool, until: tuple[str, int] | None = None) -> Program:
        """As what it is started; `until` the setting says how long, if not for its whole length."""
        return Program(command, self.path, self.words, until=until, one_thread=one_thread)


def make_plan(
    command: str,
    over: Sequence[Sequence[str]],
    seeds: str,
    draw: int | None,
    seed: int,
    words: list,
    halve: int | None = None,
    by: str | None = None,
) -> Plan:
    """The plan for what stands on the command line. InputError for what does not fit together."""
    command = command if command.startswith("labs.") else f"labs.{command}"
    settings_class(command)
    values: dict[str, list[str]] = {}
    for name, *given in ((word[0] if word else "", *word[1:]) for word in over):
        field = name.removeprefix("--").replace("-", "_")
        if not given:
            raise InputError(f"--over {name or '…'} has no values; write --over NAME VALUE…, e.g. --over lr 1e-3 1e-2")
        if field in values or field in OWN:
            why = (
                "is given twice; put all its values behind one" if field in values else "cannot be varied; use --seeds"
            )
            raise InputError(f"--over {name} {why}")
        if len(set(given)) < len(given):
            raise InputError(f"--over {name} {' '.join(given)} names a value twice; leave one away")
        values[field] = given
    for word in words:
        name = word.partition("=")[0].removeprefix("--").replace("-", "_")
        if word.startswith("--") and (name in OWN or name in values or name == "help"):
            raise InputError(f"{word} behind -- is what the sweep sets itself; leave it away there")
    plan = Plan(command, list(values), [], read_seeds(seeds), words, draw is not None, halve, by=by if halve else None)
    combinations = grid(values) if draw is None else draw_combinations(values, draw, seed)
    if len(combinations) * len(plan.seeds) > MOST:
        raise InputError(f"{len(combinations)} combinations with {len(plan.seeds)} seeds are more than {MOST} runs")
    return dataclasses.replace(plan, combinations=combinations)


def read_seeds(text: str) -> list[int]:
    """0-4, 7 or 0,3,10-12 as numbers; InputError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", part.strip())
        least, most = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not 0 <= most - least < MOST:
            raise InputError(f"--seeds is {text}; it must be numbers as 0-4 or 0,3,7")
        seeds += range(least, most + 1)
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds {text} names a seed twice; leave one away")
    return seeds


def grid(values: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every value of every setting with every other."""
    for name, given in values.items():
        for value in given:
            if read_range(value):
                raise InputError(f"{flag(name)} {value} is a range; say with --random N how many values to draw of it")
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def read_range(text: str) -> tuple[float, float, bool] | None:
    """1e-4..1e-1 as its ends, and whether both are whole; None if it is no range. InputError if the first is larger."""
    parts = text.split("..")
    try:
        low, high = map(float, parts)
    except ValueError:
        return None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"{text} is no range; the first number must be less than the second")
    return low, high, all(re.fullmatch(r"[+-]?\d+", part) for part in parts)


def draw_value(given: Sequence[str], rng: random.Random) -> str:
    """One of the values, or a number of a range: log-uniform over a factor of 10 or more, whole between whole ends."""
    ends = read_range(given[0]) if len(given) == 1 else None
    if ends is None:
        return rng.choice(given)
    low, high, whole = ends
    if low > 0 and high / low >= 10:
        value = math.exp(rng.uniform(math.log(low), math.log(high)))
    else:
        value = rng.uniform(low - 0.5, high + 0.5) if whole else rng.uniform(low, high)
    value = min(max(value, low), high)
    return str(round(value)) if whole else f"{value:.3g}"


def draw_combinations(values: Mapping[str, Sequence[str]], n: int, seed: int) -> list[dict[str, str]]:
    """n different combinations; with a larger n the first ones are the same. InputError if there are not so many."""
    for name, given in values.items():
        if len(given) > 1 and any(read_range(value) for value in given):
            raise InputError(f"--over {name}: give one range, or values, not both")
    rng = random.Random(seed)
    found: list[dict[str, str]] = []
    for _ in range(100 * n):
        if len(found) == n:
            break
        drawn = {name: draw_value(given, rng) for name, given in values.items()}
        if drawn not in found:
            found.append(drawn)
    if len(found) < n:
        raise InputError(f"--random {n}: there are only about {len(found)} different combinations; draw fewer")
    return found


def describe(combination: Combination) -> str:
    """latent-dim 2, beta 1"""
    shown = [f"{name.replace('_', '-')} {value}" for name, value in combination.items()]
    return ", ".join(shown) or "the settings"


def jobs_of(plan: Plan, out: Path) -> list[Job]:
    """The runs below `out`, each combination once before any a second time. InputError for names too long or alike."""
    kind = settings_class(plan.command)
    jobs = []
    for seed, combination in itertools.product(plan.seeds, plan.combinations):
        named = {**combination, "seed": str(seed)}
        name = "_".join(re.sub(r"[^\w,.+-]+", "-", f"{k.replace('_', '-')}-{v}") for k, v in named.items())
        if len(name) > 200:
            raise InputError(f"{describe(combination)}: longer than a folder's name may be; vary less at once")
        words = [word for k, v in combination.items() for word in flag_words(kind, k, v)]
        jobs.append(Job(combination, seed, out / name, (*words, "--seed", str(seed), *plan.words)))
    if len({job.name for job in jobs}) < len(jobs):
        raise InputError("two combinations have folders of the same name; vary values that differ in letters or digits")
    return jobs


def flag_words(kind: type[RunFlags], name: str, value: str) -> list[str]:
    """A setting on the command line; a switch is there or not."""
    usual = default(kind, name) if name in {field.name for field in dataclasses.fields(kind)} else None
    if not isinstance(usual, bool):
        return [f"{flag(name)}={value}"]
    if value.lower() not in ("true", "false"):
        raise InputError(f"--over {name} {value}: {flag(name)} is a switch; its values are True and False")
    wanted = value.lower() == "true"
    return [] if wanted == usual else [flag(name) if wanted else f"--no-{flag(name)[2:]}"]


def check_jobs(plan: Plan, jobs: Sequence[Job]) -> list[RunFlags]:
    """Have the command's own settings read the flags of every combination, before anything runs: these settings.

    InputError if one is wrong, and if two are the same (1 and 1.0).
    """
    kind = settings_class(plan.command)
    read: list[tuple[Any, Job]] = []
    for job in jobs[: len(plan.combinations)]:
        try:
            settings = kind(**cli.parse(kind, list(job.words), f"python -m {plan.command}"))
        except InputError as error:
            raise InputError(f"{describe(job.combination)}: {error}") from None
        for other, same in read:
            if settings == other:
                raise InputError(f"{same.name} and {job.name} are the same settings; leave one away")
        read.append((settings, job))
    return [settings for settings, _ in read]


def keep_plan(plan: Plan, out: Path) -> None:
    """Write sweep.json. InputError if there is one of another command, or with other flags or settings varied."""
    file = out / "sweep.json"
    if file.is_file():
        old = read_plan(out)
        same = (old.command, old.settings, old.words) == (plan.command, plan.settings, plan.words)
        if not same:
            had = f"{old.command} over {', '.join(old.settings) or 'seeds'} -- {' '.join(old.words)}".rstrip(" -")
            raise InputError(
                f"{out} holds another sweep ({had}); name another with --out, or go on with --resume {out}"
            )
        if (old.halve or plan.halve) and old != plan:
            raise InputError(f"{out} holds a sweep that halves otherwise, and may not grow; name another with --out")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out} is not empty, and no sweep; name another")
    write_json(file, dataclasses.asdict(plan))


def read_plan(out: Path) -> Plan:
    """The plan of a sweep that there is; InputError if the folder is none's, or it is damaged."""
    try:
        return read_json(out / "sweep.json", Plan)
    except FileNotFoundError:
        raise InputError(f"{out} is no sweep: it has no sweep.json; name the folder given with --out") from None
