"""Many runs of one command: every combination of settings with every seed, and what they say together.

`labs sweep vae --over latent-dim 2 5 10 --over beta 1 4 --seeds 0-4 -- --epochs 10`. Each run is an ordinary run
directory below --out; sweep.json there keeps the plan, so that what is finished is never done again.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from common.commands import settings_class
from common.errors import InputError
from common.loop import StopRequest
from common.progress import Progress
from common.runs import RUNS, finished
from common.settings import OptionalCount, OptionalFolder, Range, Seed, Settings
from common.sweep_plan import Job, Plan, check_jobs, jobs_of, keep_plan, make_plan, read_plan
from common.sweep_tables import report

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
    by: Annotated[str | None, arg(metavar="METRIC")] = None  # metric that chooses; METRIC:smaller says what is better
    words: Positional[Annotated[Words, arg(metavar="[-- FLAG…]")]] = ()  # flags of the command that all runs have

    def check(self) -> None:
        self.refuse_unused({"seed": self.random is not None}, "without --random; the runs' seeds are --seeds")
        if self.goes_on is None:
            if not self.command:
                raise InputError("no command to sweep; name one, e.g. labs sweep vae --over latent-dim 2 5 10")
            return
        for name in ("command", "over", "random", "words", "out"):
            if getattr(self, name):
                shown = {"command": self.command, "words": "--"}.get(name, f"--{name}")
                raise InputError(f"--resume {self.goes_on} has its own plan; leave {shown} away")
        self.refuse_unused({"seeds": False}, "with --resume, which has its own plan")


@dataclass(frozen=True)
class Outcome:
    """How a run of a sweep ended."""

    state: str  # done, failed, interrupted, not run
    error: str = ""  # the last line of a failed one
    seconds: float = 0.0  # with starting the program


@dataclass
class Runner:
    """Starts runs, each as a program of its own, and tells them when to stop."""

    command: str
    one_thread: bool
    stop: StopRequest
    started: list[subprocess.Popen] = field(default_factory=list)

    def run(self, job: Job) -> Outcome:
        """Do the run, or what is missing of it."""
        if self.stop.signalled:
            return Outcome("not run")
        begun = (job.path / "hyperparams.json").is_file()
        words = ["--resume", str(job.path)] if begun else [*job.words, "--out", str(job.path)]
        program = subprocess.Popen(
            [sys.executable, "-m", self.command, *words, "--quiet"],
            env={**os.environ, **({"OMP_NUM_THREADS": "1"} if self.one_thread else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=os.name == "posix",  # a terminal's Ctrl-C would reach it besides ours, and two end it
        )
        self.started.append(program)
        began, said, told = time.perf_counter(), "", False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                said = program.communicate(timeout=0.2)[1]
                break
            if self.stop.signalled and not told:
                self.tell(program)
                told = True
        if program.returncode == 130 or (told and program.returncode != 0):
            return Outcome("interrupted")
        lines = [line for line in said.splitlines() if line.strip()]
        error = lines[-1].removeprefix("error: ") if lines else f"ended with status {program.returncode}"
        return Outcome("failed", error) if program.returncode else Outcome("done", seconds=time.perf_counter() - began)

    def tell(self, program: subprocess.Popen) -> None:
        """Ctrl-C for a run: it ends its step and saves. On Windows the console has told it already."""
        if os.name == "posix" and program.poll() is None:
            program.send_signal(signal.SIGINT)


def state_of(job: Job) -> Outcome:
    """What a run's directory says before anything is started."""
    try:
        if finished(job.path):
            return Outcome("done")
    except InputError as error:
        return Outcome("failed", str(error))
    return Outcome("interrupted" if (job.path / "hyperparams.json").is_file() else "not run")


def run_all(plan: Plan, jobs: Sequence[Job], side_by_side: int) -> tuple[dict[str, Outcome], bool]:
    """Do what is not done yet; how each run ended, and whether all were to stop."""
    outcomes = {job.name: state_of(job) for job in jobs}
    todo = [job for job in jobs if outcomes[job.name].state in ("interrupted", "not run")]
    done = len(jobs) - len(todo)
    print(f"runs of {plan.command}: {len(jobs)}, of which {done} finished before", flush=True)
    lasted: list[float] = []
    with (
        StopRequest() as stop,
        Progress(len(jobs), done, "run", "runs", None, hidden=False) as progress,
        ThreadPoolExecutor(side_by_side) as pool,
    ):
        runner = Runner(plan.command, side_by_side > 1, stop)
        futures = {pool.submit(runner.run, job): job for job in todo}
        try:
            for future in as_completed(futures):
                name, outcome = futures[future].name, future.result()
                outcomes[name] = outcome
                if outcome.state == "not run":
                    continue
                done += 1
                progress.end(done)
                lasted += [outcome.seconds] if outcome.state == "done" else []
                left = (len(jobs) - done) * sum(lasted) / max(1, len(lasted) * side_by_side)
                about = f"; {describe_seconds(left)} left" if left and not stop.signalled else ""
                error = f": {outcome.error}" if outcome.error else ""
                progress.write(f"{done}/{len(jobs)} {name} {outcome.state}{error}{about}")
        except KeyboardInterrupt:  # the second one: at once
            for program in runner.started:
                runner.tell(program)
            print(f"stopped at once; go on with labs sweep --resume {jobs[0].path.parent}", flush=True)
            raise
    return outcomes, stop.signalled


def describe_seconds(seconds: float) -> str:
    """about 40 s, about 3 min, about 2.5 h"""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def sweep(
    command: str = "",
    over: Sequence[Sequence[str]] = (),
    seeds: str = "0",
    random: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    goes_on: Path | None = None,
    jobs: int = 1,
    by: str | None = None,
    words: Sequence[str] = (),
) -> int:
    """Run what is missing of a sweep, write its tables and figures; the fields are those of Sweep. Returns the exit
    status: 0, 1 if a run failed, 130 after Ctrl-C.
    """
    if goes_on is not None:
        out, plan = Path(goes_on), read_plan(Path(goes_on))
    else:
        plan = make_plan(command, over, seeds, random, seed, list(words))
        lab = plan.command.split(".")[1]
        named = re.sub(r"[^\w-]+", "-", "_".join(["sweep", *plan.command.split(".")[2:], *plan.settings]))
        out = RUNS / lab / named[:100] if out is None else Path(out)
    settings_class(plan.command)
    todo = jobs_of(plan, out)
    check_jobs(plan, todo)
    if goes_on is None:
        keep_plan(plan, out)
    outcomes, stopped = run_all(plan, todo, jobs)
    states = {name: (outcome.state, outcome.error) for name, outcome in outcomes.items()}
    report(plan, todo, states, out, by)
    failed = [job for job in todo if outcomes[job.name].state == "failed"]
    if failed:
        print(f"{len(failed)} of {len(todo)} runs failed: {failed[0].name}: {outcomes[failed[0].name].error}")
    if stopped:
        print(f"stopped; what was finished is kept, go on with labs sweep --resume {out}")
    print(out, flush=True)
    return 130 if stopped else 1 if failed else 0
