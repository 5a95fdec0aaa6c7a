"""`labs verify`: does the suite still reach what it says? Each setting of the labs' tables is trained and compared.

A lab says in a module's `EXPECTED` what its settings reach. Whoever tries a new torch, or another machine, runs this.
"""

import contextlib
import dataclasses
import importlib
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import torch
from tyro.conf import Positional, arg

from common.datasets import SOURCES
from common.device import pick_device
from common.errors import InputError
from common.expectations import Expected
from common.files import read_json, write_atomically, write_csv, write_json
from common.progress import terminal_bar
from common.runs import RUNS, finished, read_summary
from common.settings import DataDir, OptionalFolder, RunFlags, Settings, flag
from common.sources import data_dir_from_environment, missing_files
from common.text.published import TEXT_SOURCES

# On embedded data, and yet more than a minute each on one core: not for --quick.
LONG = (
    "labs.reinforcement_learning.dqn",
    "labs.reinforcement_learning.policy_gradient",
    "labs.transfer_learning.loss_landscape",
)
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__}
HOLDS = "holds"


@dataclass(frozen=True)
class Verify(Settings):
    """Train what the labs say is measured, and compare: a table, and status 1 if a band is missed."""

    labs: Positional[Annotated[tuple[str, ...], arg(metavar="LAB")]] = ()  # only cnn, nlp.tagging, …; none: all
    quick: bool = False  # only what needs no data set and is done in about a minute: a few minutes in all
    out: OptionalFolder = None  # the table and the runs; what is finished there is not done again. none: a new one
    device: str = "auto"  # auto (what each lab chooses), cpu, cuda, cuda:N, mps
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # where data sets lie


@dataclass(frozen=True)
class Check:
    """A command with settings, and the bands that its run should end in."""

    kind: type[RunFlags]
    settings: Mapping[str, Any]
    bands: Sequence[Expected]

    @property
    def words(self) -> list[str]:
        """The command as one types it behind `python -m`."""
        words = [self.kind.COMMAND]
        for name, value in self.settings.items():
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [flag(name)] if value is True else [flag(name), shown]
        return words

    @property
    def name(self) -> str:
        """The run's folder: cnn_model-lenet."""
        given = [f"{name}-{value}" for name, value in self.settings.items()]
        return re.sub(r"[^\w.,+-]+", "-", "_".join([self.kind.COMMAND.removeprefix("labs."), *given]))

    @property
    def dataset(self) -> str:
        """The published data set that it needs; empty if what comes with the suite is enough."""
        name = getattr(self.kind(**self.settings), "dataset", "")
        return name if name in {**SOURCES, **TEXT_SOURCES} else ""

    @property
    def quick(self) -> bool:
        """Whether it needs no more than what comes with the suite, and is done in about a minute."""
        return not self.dataset and self.kind.COMMAND not in LONG

    def missing(self, data_dir: Path) -> str:
        """Why it cannot be run, and what to do about it; empty if it can."""
        name = self.dataset
        if not name or not missing_files({**SOURCES, **TEXT_SOURCES}[name], data_dir):
            return ""
        return f"skipped: {name} is not under {data_dir}: labs fetch {name}"


def find_checks() -> list[Check]:
    """What the tables of all labs ask for: rows with the same settings are one run."""
    checks = []
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        if not re.search(r"^EXPECTED\b", file.read_text(encoding="utf-8"), re.MULTILINE):
            continue
        *package, last = ("labs", *file.relative_to(Path(__file__).parent).with_suffix("").parts)
        command = ".".join(package if package[-1] == last else [*package, last])  # labs.cnn.cnn runs as labs.cnn
        module = importlib.import_module(".".join([*package, last]))
        kind = next(of for of in vars(module).values() if getattr(of, "COMMAND", None) == command)
        together: dict[RunFlags, list[Expected]] = {}
        for row in module.EXPECTED:
            together.setdefault(kind(**row.settings), []).append(row)
        checks += [Check(kind, rows[0].settings, rows) for rows in together.values()]
    return checks


def chosen(checks: Sequence[Check], labs: Sequence[str]) -> list[Check]:
    """Those of the named labs or commands; InputError for a name that none has."""
    for name in labs:
        if not any(_is_of(check, name) for check in checks):
            there = dict.fromkeys(check.kind.COMMAND.removeprefix("labs.") for check in checks)
            raise InputError(f"no table is of {name!r}; there are {', '.join(there)}")
    return [check for check in checks if not labs or any(_is_of(check, name) for name in labs)]


def _is_of(check: Check, name: str) -> bool:
    return f"{check.kind.COMMAND}.".startswith(f"labs.{name.removeprefix('labs.')}.")


def words_of_run(check: Check, path: Path, device: str, data_dir: Path) -> list[str]:
    """The run's whole command line: a new one, or what was interrupted goes on."""
    words = [*check.words, "--out", str(path)]
    if (path / "hyperparams.json").is_file():
        words = [check.kind.COMMAND, "--resume", str(path)]
    if device != "auto":
        with contextlib.suppress(InputError):  # a table is learned on the CPU, whatever there is
            check.kind(**{**check.settings, "device": device})
            words += ["--device", device]
    if any(f.name == "data_dir" for f in dataclasses.fields(check.kind)):
        words += ["--data-dir", str(data_dir)]
    return [*words, "--offline"]


@contextlib.contextmanager
def _started(words: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m words`, its output in `log`. Ctrl-C is handed on once, so that the run keeps what it has."""
    with log.open("ab") as said:
        process = subprocess.Popen([sys.executable, "-m", *words], stdout=said, stderr=said, start_new_session=True)
        try:
            yield process
        finally:  # over already, unless there was a Ctrl-C
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait()
            except KeyboardInterrupt:
                process.kill()
                raise


def perform(check: Check, out: Path, device: str, data_dir: Path) -> str:
    """Run it in `out`, unless it is finished there; returns why it failed, empty if it did not."""
    path, timing = out / check.name, out / f"{check.name}.json"
    if finished(path):
        return ""
    before = _seconds(timing)
    started = time.perf_counter()
    log = out / f"{check.name}.log"
    try:
        with _started(words_of_run(check, path, device, data_dir), log) as process:
            process.wait()
    finally:
        write_json(timing, {"seconds": round(before + time.perf_counter() - started, 1)})
    if process.returncode == 0 and finished(path):
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next(
        (line for line in reversed(lines) if line.startswith("error: ")),
        f"error: status {process.returncode}, see {log}",
    )


def _seconds(timing: Path) -> float:
    return read_json(timing, dict[str, float])["seconds"] if timing.is_file() else 0.0


def rows_of(check: Check, out: Path, failure: str) -> list[dict[str, Any]]:
    """The table's rows, one per band: what the run in `out` reached, or `failure`, why there is none."""
    rows = []
    for band in check.bands:
        row = {"command": " ".join(check.words), "metric": band.metric, "expected": band.band(), "reached": ""}
        if failure:
            row |= {"verdict": failure, "seconds": "", "python": "", "torch": "", "device": ""}
        else:
            summary = read_summary(out / check.name)
            reached = summary.metrics[band.metric]
            row["reached"] = dataclasses.replace(band, least=reached, most=reached).band()
            row["verdict"] = HOLDS if band.holds(summary.metrics) else f"missed: {reached:.6g}"
            row["seconds"] = f"{_seconds(out / f'{check.name}.json'):.0f}"
            row |= {name: summary.versions[name] for name in VERSIONS} | {"device": summary.device}
        rows.append(row)
    return rows


def refuse_others(check: Check, out: Path, device: str) -> None:
    """InputError if what there is in `out` was made with another torch or Python, or elsewhere than asked for."""
    if not (out / check.name / "summary.json").is_file():
        return
    summary = read_summary(out / check.name)
    theirs = {name: summary.versions.get(name) for name in VERSIONS}
    moved = device != "auto" and "--device" in words_of_run(check, out / check.name, device, Path())
    if theirs != VERSIONS or (moved and summary.device != str(pick_device(device))):
        made = ", ".join(f"{name} {version}" for name, version in theirs.items())
        raise InputError(f"{out / check.name} was made with {made} on {summary.device}; name another folder with --out")


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table that one can paste into a report."""
    lines = [list(rows[0]), *([str(value).replace("|", r"\|") for value in row.values()] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |\n" for line in lines
    )


def verify(
    labs: tuple[str, ...] = (),
    quick: bool = False,
    out: Path | None = None,
    device: str = "auto",
    data_dir: Path | None = None,
) -> int:
    """Run what the tables ask for and compare; returns 0, or 1 if a band is missed or a run failed.

    Ctrl-C keeps what is done: the same with that --out goes on.
    """
    pick_device(device)  # one that is not there is said at once
    data_dir = data_dir or data_dir_from_environment()
    all_checks = chosen(find_checks(), labs)
    checks = [check for check in all_checks if check.quick or not quick]
    out = out or RUNS / "verify" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    for check in checks:
        refuse_others(check, out, device)
    out.mkdir(parents=True, exist_ok=True)
    table: list[dict[str, Any]] = []
    started = time.perf_counter()
    with terminal_bar(len(checks), 0, "runs", hidden=False) as bar:
        for check in checks:
            bar.set_description(" ".join(check.words))
            try:
                failure = check.missing(data_dir) or perform(check, out, device, data_dir)
            except KeyboardInterrupt:
                bar.write(f"what is done is kept; to go on: the same with --out {out}")
                raise
            rows = rows_of(check, out, failure)
            for row in rows:
                bar.write(f"{row['command']}: {row['metric']} {row['reached']} ({row['expected']}) {row['verdict']}")
            table += rows
            write_csv(out / "verify.csv", table)
            write_atomically(out / "verify.md", markdown(table))
            bar.update()
    if not table:
        raise InputError("none of these is quick; leave --quick away")
    print(markdown(table), end="")
    skipped = sum(row["verdict"].startswith("skipped") for row in table)
    held, done = sum(row["verdict"] == HOLDS for row in table), len(table) - skipped
    left = f"; {skipped} skipped" if skipped else ""
    left += f"; {len(all_checks) - len(checks)} more runs without --quick" if len(checks) < len(all_checks) else ""
    print(f"{held} of {done} bands hold, {time.perf_counter() - started:.0f} s{left}")
    print(out)
    return 0 if held == done else 1
