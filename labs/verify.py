"""`labs verify`: does the suite still reach what it says? Each setting of the labs' tables is trained and compared.

A lab says in a module's `EXPECTED` what its settings reach. Whoever tries a new torch, or another machine, runs this.
"""

import contextlib
import dataclasses
import importlib
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from common.commands import settings_class
from common.errors import InputError
from common.expectations import Expected
from common.files import write_atomically, write_csv
from common.programs import Here, Outcome, Program, perform_all, state_of
from common.records import RUNS, read_summary
from common.settings import DataDir, OptionalFolder, RunFlags, Settings, flag
from common.sources import Source, data_dir_from_environment, missing_files
from common.tables import markdown

# On embedded data, and yet more than a minute each on one core: not for --quick.
LONG = (
    "labs.cnn.detection",
    "labs.nlp.translate",
    "labs.reinforcement_learning.dqn",
    "labs.reinforcement_learning.policy_gradient",
    "labs.transfer_learning.loss_landscape",
)
HOLDS = "holds"


def versions() -> dict[str, str]:
    """Those that numbers depend on, as runs write them down."""
    import torch  # here, so that --help need not wait for it

    return {"python": platform.python_version(), "torch": torch.__version__}


def published() -> Mapping[str, Source]:
    """The data sets that can be fetched, by name."""
    from common.datasets import SOURCES
    from common.text.published import TEXT_SOURCES

    return {**SOURCES, **TEXT_SOURCES}


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
        return name if name in published() else ""

    @property
    def quick(self) -> bool:
        """Whether it needs no more than what comes with the suite, and is done in about a minute."""
        return not self.dataset and self.kind.COMMAND not in LONG

    def missing(self, data_dir: Path) -> str:
        """Why it cannot be run, and what to do about it; empty if it can."""
        name = self.dataset
        if not name or not missing_files(published()[name], data_dir):
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
        module, kind = importlib.import_module(".".join([*package, last])), settings_class(command)
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


def program_of(check: Check, out: Path, device: str, data_dir: Path) -> Program:
    """Its run in `out`, as what it is started."""
    also = ["--offline"]
    if device != "auto":
        with contextlib.suppress(InputError):  # a table is learned on the CPU, whatever there is
            check.kind(**{**check.settings, "device": device})
            also += ["--device", device]
    if any(f.name == "data_dir" for f in dataclasses.fields(check.kind)):
        also += ["--data-dir", str(data_dir)]
    return Program(check.kind.COMMAND, out / check.name, tuple(check.words[1:]), tuple(also))


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
            row["seconds"] = f"{summary.seconds:.0f}"
            row |= {name: summary.versions[name] for name in versions()} | {"device": summary.device}
        rows.append(row)
    return rows


def refuse_others(program: Program, device: str) -> None:
    """InputError if what there is of it was made with another torch or Python, or elsewhere than asked for."""
    from common.device import pick_device

    if not (program.path / "summary.json").is_file():
        return
    summary = read_summary(program.path)
    own = versions()
    theirs = {name: summary.versions.get(name) for name in own}
    moved = "--device" in program.also
    if theirs != own or (moved and summary.device != str(pick_device(device))):
        made = ", ".join(f"{name} {version}" for name, version in theirs.items())
        raise InputError(f"{program.path} was made with {made} on {summary.device}; name another folder with --out")


def verify(
    labs: tuple[str, ...] = (),
    quick: bool = False,
    out: Path | None = None,
    device: str = "auto",
    data_dir: Path | None = None,
) -> int:
    """Run what the tables ask for and compare; returns 0, 1 if a band is missed or a run failed, 130 after Ctrl-C.

    What is done is kept: the same with that --out goes on.
    """
    from common.device import pick_device

    pick_device(device)  # one that is not there is said at once
    data_dir = data_dir or data_dir_from_environment()
    all_checks = chosen(find_checks(), labs)
    checks = [check for check in all_checks if check.quick or not quick]
    if not checks:
        raise InputError("none of these is quick; leave --quick away")
    out = out or RUNS / "verify" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    programs = {check.name: program_of(check, out, device, data_dir) for check in checks}
    for program in programs.values():
        refuse_others(program, device)
    failures = {check.name: check.missing(data_dir) for check in checks}  # why there is nothing to compare

    def write_table() -> list[dict[str, Any]]:
        over = [check for check in checks if failures[check.name] or state_of(programs[check.name]).state == "done"]
        table = [row for check in over for row in rows_of(check, out, failures[check.name])]
        if table:
            write_csv(out / "verify.csv", table)
            write_atomically(out / "verify.md", markdown([list(table[0]), *(list(row.values()) for row in table)]))
        return table

    def on_end(program: Program, outcome: Outcome) -> str:
        name = program.path.name
        failures[name] = f"error: {outcome.error}" if outcome.error else ""
        write_table()
        ended = outcome.state in ("done", "failed")
        own = [row for check in checks if check.name == name and ended for row in rows_of(check, out, failures[name])]
        return "\n".join(f"  {row['metric']} {row['reached']} ({row['expected']}) {row['verdict']}" for row in own)

    todo = [program for name, program in programs.items() if not failures[name]]
    started = time.perf_counter()
    with contextlib.closing(Here(1)) as here:
        outcomes, stopped = perform_all(todo, here, "runs", on_end)
    failures |= {path.name: f"error: {outcome.error}" for path, outcome in outcomes.items() if outcome.error}
    table = write_table()
    if stopped:
        print(f"what is done is kept; to go on: the same with --out {out}")
        return 130
    print((out / "verify.md").read_text(encoding="utf-8"), end="")
    skipped = sum(row["verdict"].startswith("skipped") for row in table)
    held, done = sum(row["verdict"] == HOLDS for row in table), len(table) - skipped
    left = f"; {skipped} skipped" if skipped else ""
    left += f"; {len(all_checks) - len(checks)} more runs without --quick" if len(checks) < len(all_checks) else ""
    print(f"{held} of {done} bands hold, {time.perf_counter() - started:.0f} s{left}")
    print(out)
    return 0 if held == done else 1
