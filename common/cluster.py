"""The runs of a sweep on a Dask cluster: workers on any machines that see the same files (extra `cluster`).

dask scheduler                                               # on one machine; it prints its ADDRESS
dask worker ADDRESS --nworkers 4 --nthreads 1                # on each machine; on one with a GPU: --nworkers 1
labs sweep … --cluster ADDRESS

Who can reach the scheduler can run any program on its workers: do it in a network you trust.
"""

import logging
import platform
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common.errors import InputError, missing_extra
from common.programs import Outcome, Program, Wish, perform

PATIENCE = 10.0  # seconds until a scheduler has answered, and until a new file is seen on every machine
DIED = "a worker that had it died, several times; is there too little memory?"


def import_distributed() -> Any:
    """The library; InputError that says how to get it."""
    try:
        import distributed
    except ImportError:
        raise missing_extra("--cluster needs Dask, which is", "cluster") from None
    return distributed


def perform_there(program: Program, stop: str) -> Outcome:
    """Make the run in the worker that this is called in, until the event named `stop` is set."""
    event = import_distributed().Event(stop)

    def wish() -> Wish:
        return "stop" if event.is_set() else "go on"

    return perform(program, wish, every=1.0)


@dataclass(frozen=True)
class Sight:
    """What a worker sees, as `look` finds it there."""

    plan: str | None  # the text of the sweep's plan; None: it sees no such file
    versions: dict[str, str]
    busy: list[str]  # runs under way


def look(plan: Path, dask_worker: Any) -> Sight:
    """Called in a worker; Dask fills in which one it is."""
    text = plan.read_text(encoding="utf-8") if plan.is_file() else None
    return Sight(text, own_versions(), [str(key) for key in dask_worker.active_threads.values()])


def own_versions() -> dict[str, str]:
    """Those that numbers depend on."""
    return {"python": platform.python_version(), "torch": version("torch")}


class Cluster:
    """The workers of a Dask scheduler, as a place where runs are made."""

    def __init__(self, address: str, plan: Path):
        """Connect, and look whether every worker sees the file `plan` that was just written, with the same versions.

        InputError if there is no such library, scheduler or worker, and if a worker would not do.
        """
        self.address, self.distributed = address, import_distributed()
        for name in ("distributed", "distributed.client"):  # what matters of it is said in the runs' lines
            logging.getLogger(name).setLevel(logging.CRITICAL)
        knock(address)
        try:
            self.client = self.distributed.Client(address, timeout=PATIENCE)
        except Exception as error:  # of another version, say
            raise InputError(f"--cluster {address}: cannot be connected to ({error})") from None
        try:
            self.look_around(plan)
        except BaseException:
            self.close()
            raise
        self.side_by_side = sum(self.client.nthreads().values())
        self.event = self.distributed.Event(f"stop-{uuid.uuid4()}", client=self.client)
        self.stopped = self.gone = False

    def look_around(self, plan: Path) -> None:
        """InputError for workers that cannot do the sweep's runs, and if there are none."""
        plan, own = Path.cwd() / plan, plan.read_text(encoding="utf-8")
        end = time.monotonic() + PATIENCE
        while True:
            seen = self.client.run(look, plan, on_error="return")
            if not seen:
                raise InputError(
                    f"the scheduler {self.address} has no workers; start one: dask worker {self.address} --nthreads 1"
                )
            if time.monotonic() > end or all(not isinstance(s, Sight) or s.plan == own for s in seen.values()):
                break
            time.sleep(0.5)  # a shared file system may take a moment
        for worker, sight in seen.items():
            if not isinstance(sight, Sight):
                raise InputError(
                    f"worker {worker} cannot run these labs ({sight}); start it where `python -m labs` works"
                )
            if sight.plan != own:
                raise InputError(
                    f"worker {worker} does not see {plan} as it is here; "
                    "all need one file system with the same paths: name a folder there with --out"
                )
            if sight.versions != own_versions():
                theirs = ", ".join(f"{name} {number}" for name, number in sight.versions.items())
                raise InputError(f"worker {worker} has {theirs}, which gives other numbers than {own_versions()} here")
            if busy := [key for key in sight.busy if Path(key).parent == plan.parent]:
                raise InputError(f"{busy[0]} is under way on {worker} still; wait for its end, or end that worker")

    def make(self, programs: Sequence[Program], wish: Callable[[], Wish]) -> Iterator[tuple[Program, Outcome]]:
        waiting = {self.submit(program): program for program in programs}
        while waiting and not self.lost():
            for future in [future for future in waiting if future.done()]:
                yield waiting.pop(future), self.outcome(future)
            if wish() != "go on" and not self.stopped:
                self.stopped = True
                self.event.set()
            time.sleep(0.1)

    def submit(self, program: Program) -> Any:
        """A Dask future. Its key tells another sweep which run it is; the scheduler gives it to another worker if
        the one that has it dies.
        """
        key = str(program.folder / program.path)
        return self.client.submit(perform_there, program, self.event.name, key=key, pure=False)

    def outcome(self, future: Any) -> Outcome:
        """Of one that has ended; its failure is an outcome, too."""
        if future.cancelled():  # by Dask, when it has lost the scheduler
            self.gone = True
            return Outcome("interrupted")
        try:
            return future.result()
        except Exception as error:
            name = type(error).__name__
            return Outcome("failed", DIED if name == "KilledWorker" else f"{name}: {error}".splitlines()[0])

    def close(self) -> None:
        self.client.close(timeout=PATIENCE)

    def lost(self) -> str:
        if self.gone or self.client.status not in ("running", "connecting"):
            return f"the scheduler {self.address} is gone"
        if self.stopped and not self.client.nthreads():
            return f"the scheduler {self.address} has no workers any more"
        return ""


def knock(address: str) -> None:
    """InputError unless a Dask scheduler answers at tcp://HOST:PORT within a bounded time.

    It greets who connects, with a small number of parts that follow; Dask's client would wait for ever for others.
    """
    found = re.fullmatch(r"(?:tcp://)?\[?([^\s/]+?)\]?:(\d{1,5})/?", address)
    if not found:
        raise InputError(f"--cluster {address}: write it as the scheduler prints it, e.g. tcp://192.168.0.7:8786")
    try:
        with socket.create_connection((found[1], int(found[2])), timeout=PATIENCE) as connection:
            parts = int.from_bytes(connection.recv(8), "little")
    except (OSError, OverflowError) as error:
        raise InputError(f"--cluster {address}: no scheduler answers there ({error})") from None
    if not 0 < parts < 1000:
        raise InputError(f"--cluster {address}: what answers there is no Dask scheduler")
