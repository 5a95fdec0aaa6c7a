"""Runs as programs of their own: started, told to stop and save, side by side on this machine or on a cluster's."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from common.errors import InputError
from common.records import finished
from common.settings import flag, read_record

Wish = Literal["go on", "stop", "end at once"]  # what is wanted of runs under way


@dataclass(frozen=True)
class Program:
    """A run that is to be made: all of it, or what is missing."""

    command: str  # labs.vae
    path: Path  # its run directory; what it says is kept beside it, in logs/
    words: tuple[str, ...]  # the flags of a new one
    also: tuple[str, ...] = ()  # flags also of one that goes on: where data sets lie, say
    until: tuple[str, int] | None = None  # the setting that says how long, and how long: epochs, 9
    one_thread: bool = False
    folder: Path = field(default_factory=Path.cwd)  # where it is started: paths mean the same on a cluster's workers
    data: str = field(default_factory=lambda: os.environ.get("LABS_DATA", ""))  # and so do data sets

    def line(self) -> list[str]:
        """The command line behind `python -m`."""
        begun = (self.folder / self.path / "hyperparams.json").is_file()
        words = ["--resume", str(self.path)] if begun else [*self.words, "--out", str(self.path)]
        longer = [flag(self.until[0]), str(self.until[1])] if self.until else []
        return [self.command, *words, *longer, *self.also]


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    state: Literal["done", "failed", "interrupted", "not run"]
    error: str = ""  # of a failed one, a line
    seconds: float = 0.0  # with starting the program


def state_of(program: Program) -> Outcome:
    """What a run's directory says before anything is started."""
    path = program.folder / program.path
    begun = Outcome("interrupted" if (path / "hyperparams.json").is_file() else "not run")
    try:
        if not finished(path):
            return begun
        if program.until:
            name, number = program.until
            record, summary = path / "hyperparams.json", path / "summary.json"
            if read_record(path)[name] < number or summary.stat().st_mtime_ns < record.stat().st_mtime_ns:
                return begun  # to be made longer, or killed while it was
    except InputError as error:
        return Outcome("failed", str(error))
    return Outcome("done")


def perform(program: Program, wish: Callable[[], Wish], every: float = 0.2) -> Outcome:
    """Make the run, or what is missing of it. `wish` is asked `every` so many seconds."""
    if wish() != "go on":
        return Outcome("not run")
    if state_of(program).state == "done":  # and a worker has died before it could tell
        return Outcome("done")
    path = program.folder / program.path
    log = path.parent / "logs" / f"{path.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    given = {"OMP_NUM_THREADS": "1"} if program.one_thread else {}
    given |= {"LABS_DATA": program.data} if program.data else {}
    began, told = time.perf_counter(), False
    with log.open("ab") as said:
        start = said.tell()
        running = subprocess.Popen(
            [sys.executable, "-m", "common.tether", *program.line()],
            cwd=program.folder,
            env={**os.environ, **given},
            stdin=subprocess.PIPE,  # the tether: nothing is ever written to it
            stdout=said,
            stderr=said,
            start_new_session=os.name == "posix",  # a terminal's Ctrl-C would reach it besides ours, and two end it
        )
        with running:
            while running.poll() is None:
                wanted = wish()
                if wanted == "end at once":
                    running.kill()
                elif wanted == "stop" and not told:
                    told = True
                    if os.name == "posix":  # on Windows the console has told it already
                        running.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    running.wait(timeout=every)
    status = running.returncode
    if status == 0 and state_of(program).state == "done":
        return Outcome("done", seconds=time.perf_counter() - began)
    if status == 130 or told:
        return Outcome("interrupted")
    with log.open("rb") as said:
        said.seek(start)
        lines = [line for line in said.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return Outcome("failed", (errors or lines[-1:] or [f"ended with status {status}, see {log}"])[-1])


class Pool(Protocol):
    """Where runs are made."""

    side_by_side: int

    def make(self, programs: Sequence[Program], wish: Callable[[], Wish]) -> Iterator[tuple[Program, Outcome]]:
        """Make them, `side_by_side` at a time: each with how it ended, as soon as it has; `wish` is asked all along."""

    def close(self) -> None:
        """Nothing more will be wanted."""

    def lost(self) -> str:
        """Why no outcome can be waited for any more; empty as long as it can."""


class Here:
    """This machine."""

    def __init__(self, side_by_side: int):
        self.side_by_side = side_by_side

    def make(self, programs: Sequence[Program], wish: Callable[[], Wish]) -> Iterator[tuple[Program, Outcome]]:
        from joblib import Parallel, delayed  # here, so that --help need not wait for it

        def made(program: Program) -> tuple[Program, Outcome]:
            return program, perform(program, wish)

        # A thread waits for each program; what computes is the program.
        parallel = Parallel(self.side_by_side, backend="threading", return_as="generator_unordered")
        yield from parallel(delayed(made)(program) for program in programs)

    def close(self) -> None:
        pass

    def lost(self) -> str:
        return ""


def perform_all(
    programs: Sequence[Program],
    pool: Pool,
    about: str,
    on_end: Callable[[Program, Outcome], str] = lambda program, outcome: "",
) -> tuple[dict[Path, Outcome], bool]:
    """Make what is not finished yet. How each run ended, by its path, and whether Ctrl-C has stopped them all.

    A line about each is printed as soon as it has ended; `on_end` may add one. A second Ctrl-C: KeyboardInterrupt.
    """
    from common.loop import StopRequest  # here, so that neither --help nor a cluster's worker waits for torch
    from common.progress import Progress

    outcomes = {program.path: state_of(program) for program in programs}
    todo = [program for program in programs if outcomes[program.path].state in ("interrupted", "not run")]
    done, total = len(programs) - len(todo), len(programs)
    print(f"{about}: {total}, of which {done} finished before", flush=True)
    lasted: list[float] = []
    hurry = False
    with StopRequest() as stop, Progress(total, done, "run", "runs", None, hidden=False) as progress:

        def wish() -> Wish:
            return "end at once" if hurry else "stop" if stop.signalled else "go on"

        try:
            for program, outcome in pool.make(todo, wish):
                outcomes[program.path] = outcome
                if outcome.state == "not run":
                    continue
                done += 1
                progress.end(done)
                lasted += [outcome.seconds] if outcome.state == "done" else []
                left = (total - done) * sum(lasted) / max(1, len(lasted) * pool.side_by_side)
                shown = f"; {describe_seconds(left)} left" if left and not stop.signalled else ""
                error = f": {outcome.error}" if outcome.error else ""
                progress.write(f"{done}/{total} {program.path.name} {outcome.state}{error}{shown}")
                if more := on_end(program, outcome):
                    progress.write(more)
        except KeyboardInterrupt:  # the second one
            hurry = True
            raise
    return outcomes, stop.signalled


def describe_seconds(seconds: float) -> str:
    """about 40 s, about 3 min, about 2.5 h"""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
