"""A student's function runs in a process of its own, which this module starts, times and ends.

On Linux one process that holds torch waits, and forks for each exercise, in a few hundredths of a second. Elsewhere
each exercise starts Python anew, with a limit of time only.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assignments import child

SECONDS = 10  # for an exercise
SHOWN = 64 << 10  # bytes of what it prints
PROJECT = Path(__file__).parent.parent
HIDDEN = [str(PROJECT / name) for name in ("assignments", "labs", "common", "tests")]


@dataclass(frozen=True)
class Outcome:
    """What came of a request: an answer for each case, or why there is none."""

    answers: list[dict[str, Any]]
    printed: str = ""
    lost: str = ""


class Sandbox:
    """Use with `with`: the process that waits ends with it."""

    def __init__(self, *, seconds: float = SECONDS, fork: bool = sys.platform == "linux"):
        self.seconds, self.fork = seconds, fork
        self.server: subprocess.Popen[bytes] | None = None
        self.prepared = 0  # the process that has imported what optimizers need

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that waits."""
        if self.server:
            self.server.kill()
            self.server.communicate()
            self.server = None

    def warm(self) -> None:
        """Start the process that waits, which takes as long as importing torch."""
        if self.fork and (self.server is None or self.server.poll() is not None):
            self.close()
            self.server = self._start()
            self._line(self.server, 120)

    def ask(self, request: dict[str, Any]) -> Outcome:
        """Run one exercise: `source`, `name`, `use`, `parameters`, `cases`, as `child.serve` takes them."""
        with tempfile.TemporaryDirectory(prefix="exercise", ignore_cleanup_errors=True) as folder:
            whole = {**request, "seconds": int(self.seconds) + 1, "hidden": HIDDEN}
            Path(folder, "request").write_bytes(child.pack(whole))
            if self.fork and "optim" in f"{request['use']}{request['source']}":
                self._import("torch._dynamo")  # a second of work, which every optimizer's first use would repeat
            lost = self._forked(folder) if self.fork else self._started(folder)
            printed = _beginning(Path(folder, "printed"))
            try:
                answers = child.unpack(Path(folder, "result").read_bytes())
                assert isinstance(answers, list) and len(answers) == len(request["cases"])
                assert all(isinstance(answer, dict) for answer in answers)
            except FileNotFoundError:
                return Outcome([], printed, lost or "ended")
            except Exception:  # whatever a forged file holds
                return Outcome([], printed, "unreadable")
            return Outcome(answers, printed, "" if lost in ("", "ended") else lost)

    def _import(self, module: str) -> None:
        self.warm()
        assert self.server and self.server.stdin
        if self.server.pid != self.prepared:
            self.prepared = self.server.pid
            self.server.stdin.write(f"import {module}\n".encode())
            self.server.stdin.flush()
            self._line(self.server, 120)

    def _start(self, *folder: str) -> "subprocess.Popen[bytes]":
        # -P and an environment of our own: neither the student's folder nor PYTHONPATH is where modules are looked for.
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")}
        quiet = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
        repeatable = {"PYTHONHASHSEED": "0"}
        return subprocess.Popen(
            [sys.executable, "-P", "-s", child.__file__, *folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept | quiet | repeatable,
            cwd=tempfile.gettempdir(),
            start_new_session=True,  # Ctrl-C is for us
        )

    def _line(self, server: "subprocess.Popen[bytes]", seconds: float) -> bytes | None:
        """The next line of the process; none if it takes longer. Empty if the process has ended."""
        assert server.stdout
        line, end = b"", time.monotonic() + seconds
        while not line.endswith(b"\n"):
            if not select.select([server.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return None
            byte = os.read(server.stdout.fileno(), 1)
            if not byte:
                return b""
            line += byte
        return line

    def _forked(self, folder: str) -> str:
        self.warm()
        assert self.server and self.server.stdin
        self.server.stdin.write(f"{folder}\n".encode())
        self.server.stdin.flush()
        process = int(self._line(self.server, 60) or 0)
        if not process:
            return "ended"
        status = self._line(self.server, self.seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)  # and whatever it has started
        if status is None:
            self._line(self.server, 60)
            return "time"
        return _why(os.waitstatus_to_exitcode(int(status or 0)))

    def _started(self, folder: str) -> str:
        process = self._start(folder)
        try:
            process.communicate(timeout=self.seconds + 30)  # importing torch included
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return "time"
        return _why(process.returncode)


def _why(status: int) -> str:
    if status >= 0:
        return "ended" if status else ""
    return {-signal.SIGSEGV: "crash", -signal.SIGXCPU: "time"}.get(status, "killed")


def _beginning(file: Path) -> str:
    with contextlib.suppress(OSError), file.open("rb") as printed:
        return printed.read(SHOWN).decode("utf-8", errors="replace")
    return ""
