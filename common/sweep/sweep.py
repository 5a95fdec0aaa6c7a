"""Many runs of one command: every combination of settings with every seed, and what they say together.

`labs sweep vae --over latent-dim 2 5 10 --over beta 1 4 --seeds 0-4 -- --epochs 10`. Each run is an ordinary run
directory below --out; sweep.json there keeps the plan, so that what is finished is never done again.
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from common.cluster import Cluster
from common.errors import InputError
from common.programs import Here, perform_all
from common.records import RUNS
from common.settings import OptionalCount, OptionalFolder, Range, Seed, Settings
from common.sweep.halving import check_halving, play_rounds
from common.sweep.plan import check_jobs, jobs_of, keep_plan, make_plan, read_plan
from common.sweep.tables import report

Words = tuple[str, ...]


@dataclass(frozen=True)
class Sweep(Settings):
    """Run a command with every combination of settings and every seed, and say which is best and how sure that is.

    labs sweep vae --over latent-dim 2 5 10 --over beta 1 4 --seeds 0-4 -- --epochs 10
    """

    command: Positional[Annotated[str, arg(metavar="COMMAND")]] = ""  # vae, reinforcement_learning.dqn, …
    over: UseAppendAction[Annotated[tuple[Words, ...], arg(metavar="NAME VALUE…")]] = ()  # a setting and its values
    seeds: Annotated[str, arg(metavar="A-B")] = "0"  # 0-4, or 0,3,7: each combination with each of them
    random: OptionalCount = None  # draw N combinations; --over may then name a range, as lr 1e-4..1e-1
    seed: Seed = 0  # fixes what --random draws
    out: OptionalFolder = None  # the sweep's folder; none: runs/<lab>/sweep_<settings>
    goes_on: Annotated[Path | None, arg(name="resume", metavar="DIR")] = None  # go on with the sweep in DIR
    jobs: Annotated[int, Range(1, 256)] = 1  # runs side by side; with more than one, each has one thread
    cluster: Annotated[str | None, arg(metavar="ADDRESS")] = None  # hand the runs to this Dask scheduler's workers
    halve: OptionalCount = None  # all for N epochs, the best third for 3 N, …, the last for all (successive halving)
    by: Annotated[str | None, arg(metavar="METRIC")] = None  # metric that chooses; METRIC:smaller says what is better
    words: Positional[Annotated[Words, arg(metavar="[-- FLAG…]")]] = ()  # flags of the command that all runs have

    def check(self) -> None:
        self.refuse_unused({"seed": self.random is not None}, "without --random; the runs' seeds are --seeds")
        self.refuse_unused({"jobs": self.cluster is None}, "with --cluster: each worker has a run, with one thread")
        if self.goes_on is None:
            if not self.command:
                raise InputError("no command to sweep; name one, e.g. labs sweep vae --over latent-dim 2 5 10")
            return
        for name in ("command", "over", "random", "halve", "words", "out"):
            if getattr(self, name):
                shown = {"command": self.command, "words": "--"}.get(name, f"--{name}")
                raise InputError(f"--resume {self.goes_on} has its own plan; leave {shown} away")
        self.refuse_unused({"seeds": False}, "with --resume, which has its own plan")


def sweep(
    command: str = "",
    over: Sequence[Sequence[str]] = (),
    seeds: str = "0",
    random: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    goes_on: Path | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    halve: int | None = None,
    by: str | None = None,
    words: Sequence[str] = (),
) -> int:
    """Run what is missing of a sweep, write its tables and figures; the fields are those of Sweep. Returns the exit
    status: 0, 1 if a run failed, 130 after Ctrl-C.
    """
    if goes_on is not None:
        out, plan = Path(goes_on), read_plan(Path(goes_on))
    else:
        plan = make_plan(command, over, seeds, random, seed, list(words), halve, by)
        lab = plan.command.split(".")[1]
        named = re.sub(r"[^\w-]+", "-", "_".join(["sweep", *plan.command.split(".")[2:], *plan.settings]))
        out = RUNS / lab / named[:100] if out is None else Path(out)
    todo = jobs_of(plan, out)
    settings = check_jobs(plan, todo)
    if plan.halve:
        plan = replace(plan, whole=check_halving(plan, settings))
        if by not in (None, plan.by):
            raise InputError(f"--by {by}: this sweep has halved by {plan.by or 'its own metric'}; leave --by away")
        by = plan.by
    if goes_on is None:
        keep_plan(plan, out)
    with contextlib.closing(Cluster(cluster, out / "sweep.json") if cluster else Here(jobs)) as pool:
        one_thread = bool(cluster) or jobs > 1
        if plan.halve:
            outcomes, stopped = play_rounds(plan, todo, pool, out, one_thread=one_thread)
        else:
            programs = {job.name: job.program(plan.command, one_thread) for job in todo}
            ended, stopped = perform_all(list(programs.values()), pool, f"runs of {plan.command}")
            outcomes = {name: ended[program.path] for name, program in programs.items()}
        lost = "" if stopped else pool.lost()
    report(plan, todo, outcomes, out, by)
    failed = [job for job in todo if outcomes[job.name].state == "failed"]
    if failed:
        print(f"{len(failed)} of {len(todo)} runs failed: {failed[0].name}: {outcomes[failed[0].name].error}")
    goes = f"go on with labs sweep --resume {out}"
    if lost:
        raise InputError(f"{lost}; what was finished is kept, {goes}")
    if stopped:
        print(f"stopped; what was finished is kept, {goes}")
    print(out, flush=True)
    return 130 if stopped else 1 if failed else 0
