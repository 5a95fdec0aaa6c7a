"""`labs board`: TensorBoard on runs, also on those that were made without --tensorboard."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from common.board import EventFiles, require_tensorboard
from common.errors import InputError
from common.records import RUNS, read_history
from common.settings import OptionalFolder, Range, Settings

EVERY = 5  # seconds between two looks at what runs that are under way have added


@dataclass(frozen=True)
class Board(Settings):
    """Open TensorBoard on runs, finished or under way, until Ctrl-C (needs the extra `tensorboard`)."""

    runs: Positional[Annotated[tuple[Path, ...], arg(metavar="RUN")]] = ()  # runs, or folders of runs; none: runs/
    out: OptionalFolder = None  # where the event files are written and stay; none: a temporary folder
    port: Annotated[int, Range(1, 65535)] = 6006  # of the page
    host: str = "localhost"  # who may see the page; 0.0.0.0: all that reach this machine


def find_runs(places: Sequence[Path]) -> dict[str, Path]:
    """The run directories in and under `places`, by a name that tells them apart; InputError if there are none."""
    for place in places:
        if not place.is_dir():
            raise InputError(f"{place} is no folder; name run directories, or a folder of runs")
    found = sorted({file.parent.resolve() for place in places for file in place.rglob("hyperparams.json")})
    if not found:
        raise InputError(f"no run under {', '.join(map(str, places))}; train one: python -m labs.cnn")
    above = os.path.commonpath([place.resolve() for place in places])
    return {run.name if str(run) == above else run.relative_to(above).as_posix(): run for run in found}


class Mirror:
    """Event files under `out` that follow the runs in `places`."""

    def __init__(self, places: Sequence[Path], out: Path):
        self.places, self.out = places, out
        self.files: dict[Path, EventFiles] = {}

    def update(self) -> None:
        """Write what is new in the runs that there are by now."""
        for name, run in find_runs(self.places).items():
            if run not in self.files:
                self.files[run] = EventFiles(run, self.out / name)
            self.files[run].update(read_history(run))

    def close(self) -> None:
        """No more is to come."""
        for files in self.files.values():
            files.close()


def board(
    runs: Sequence[Path] = (), out: Path | None = None, port: int = Board.port, host: str = Board.host
) -> int | None:
    """Start TensorBoard on the runs and follow them until it ends, by Ctrl-C or by itself."""
    require_tensorboard()
    with tempfile.TemporaryDirectory(prefix="labs-board-") as folder:
        out = out or Path(folder)
        mirror = Mirror([Path(run) for run in runs or (RUNS,)], out)
        mirror.update()
        words = [sys.executable, "-m", "tensorboard.main", "--logdir", str(out), "--port", str(port), "--host", host]
        server = subprocess.Popen(words)
        try:
            while server.poll() is None:
                try:
                    server.wait(EVERY)
                except subprocess.TimeoutExpired:
                    mirror.update()
        except KeyboardInterrupt:
            return None
        finally:
            mirror.close()
            server.terminate()
            server.wait()
    raise InputError(f"TensorBoard ended with status {server.returncode}; is --port {port} in use? Name another")
