"""The runs that there are, a line each: what they trained, on what, with which settings, how far, in what time."""

import dataclasses
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from common.compare import Compared, read_runs
from common.errors import InputError
from common.records import DIFFERING, RUNS
from common.settings import Settings, flag
from common.tables import columns

FRESH = 10  # minutes: a run writes at least so often
WIDTH = 120  # columns of a line
MOST = (34, 22, 12)  # columns of path, command and dataset
RULE = f"running: not finished, and written to in the last {FRESH} minutes"


@dataclass(frozen=True)
class Runs(Settings):
    """List runs, the newest last: command, data set, what differs from the defaults, main metric, time, state.

    A run is `running` if it is not finished and was written to in the last 10 minutes, else `interrupted`.
    """

    lab: Positional[Annotated[str | None, arg(metavar="LAB")]] = None  # cnn, vae, …: runs of this lab only
    folder: Path = RUNS  # where to look, with all folders below


@dataclass(frozen=True)
class Line:
    """A run as it is listed."""

    path: str
    command: str
    dataset: str
    settings: str
    metric: str
    seconds: str
    state: str

    def cells(self) -> tuple[str, ...]:
        """In the order of the columns."""
        return dataclasses.astuple(self)


def written(path: Path) -> float:
    """When the run itself last wrote that it goes on; other commands may add figures to it for ever."""
    files = [path / "hyperparams.json", path / "history.csv", *path.glob("checkpoint/*")]
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)


def state_of(run: Compared, now: float) -> str:
    """done, running or interrupted; a finished run that is made longer is running again."""
    summary = run.path / "summary.json"
    last = written(run.path)
    begun = not summary.is_file() or last > summary.stat().st_mtime  # since the summary, if there is one
    if begun and now - last < 60 * FRESH:
        return "running"
    return "done" if run.summary and not run.summary.interrupted else "interrupted"


def differing(record: Mapping[str, Any]) -> str:
    """The settings that were not the command's defaults when the run began, without the data set: seed 3, lr 0.01.

    The run has written their names down itself: the list need not import the lab, and says what was so then.
    """
    names = record.get(DIFFERING)
    if not isinstance(names, list) or not set(map(str, names)) <= record.keys():
        return "(of another release)"
    given = []
    for name in names:
        value = record[name]
        if name != "dataset":
            shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            given.append(flag(name)[2:] if value is True else f"{flag(name)[2:]} {shown}")
    return ", ".join(given)


def main_metric(run: Compared) -> str:
    """The first metric that the lab has named as fit to choose by, else the first of all."""
    better = run.summary.better if run.summary else {}
    name = next((name for name in better if name in run.metrics), next(iter(run.metrics), None))
    return f"{name} {run.metrics[name]:.4g}" if name else ""


def describe_time(seconds: float) -> str:
    """12 s, 3:05 min, 2:10 h"""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes < 100 else f"{minutes // 60}:{minutes % 60:02} h"


def read_line(path: Path, now: float) -> Line:
    """A run's line; one that cannot be read says so."""
    shown = str(path)
    try:
        run = read_runs([path])[0]
    except InputError as error:
        return Line(shown, "", "", str(error).removeprefix(f"{path}/"), "", "", "damaged")
    record = dict(run.settings)
    seconds = run.summary.seconds if run.summary else sum(row.get("seconds", 0.0) for row in run.history)
    dataset = run.summary.dataset if run.summary else str(record.get("dataset", record.get("env", "")))
    command = str(record.get("command", "")).removeprefix("labs.")
    return Line(
        shown, command, dataset, differing(record), main_metric(run), describe_time(seconds), state_of(run, now)
    )


def shorten(text: str, most: int, *, keep_end: bool = False) -> str:
    """At most so many characters, with … for what is left out."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    return "…" + text[len(text) - most + 1 :] if keep_end else text[: most - 1] + "…"


def layout(lines: Sequence[Line]) -> list[str]:
    """The lines in columns, each at most 120 wide: settings are what is shortened first."""
    header = Line("run", "command", "dataset", "not by default", "metric", "time", "state")
    rows = [list(line.cells()) for line in (header, *lines)]
    for row in rows:
        row[0] = shorten(row[0], MOST[0], keep_end=True)
        row[1], row[2] = shorten(row[1], MOST[1], keep_end=True), shorten(row[2], MOST[2], keep_end=True)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    gaps = 2 * (len(widths) - 1)
    room = WIDTH - gaps - (sum(widths) - widths[3] - widths[4])  # for settings and metric together
    widths[4] = min(widths[4], max(room - widths[3], room // 2))
    widths[3] = min(widths[3], room - widths[4])
    for row in rows:
        row[3], row[4] = shorten(row[3], widths[3]), shorten(row[4], widths[4], keep_end=True)
    return columns(rows)


def list_runs(lab: str | None = None, folder: Path = RUNS) -> None:
    """Print the runs below the folder, the newest last. InputError if there are none."""
    folder, now = Path(folder), time.time()
    if lab is not None and not re.fullmatch(r"[\w.]+", lab):
        raise InputError(f"{lab!r} is no lab's name; python -m labs lists them")
    paths = sorted({file.parent for file in folder.glob("**/hyperparams.json")}, key=lambda path: (written(path), path))
    lines = [read_line(path, now) for path in paths]
    wanted = (lab or "").removeprefix("labs.")
    lines = [line for line in lines if not wanted or f"{line.command}.".startswith(f"{wanted}.")]
    if not lines:
        of = f" of {wanted}" if wanted else ""
        cure = f"train one, e.g. python -m labs.{wanted or 'cnn'}, or name another --folder"
        raise InputError(f"no run{of} below {folder}; {cure}")
    for line in layout(lines):
        print(line)
    if any(line.state == "running" for line in lines):
        print(RULE)
