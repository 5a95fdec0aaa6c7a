"""A flag does something or does not exist: every field of a command's settings is changed and the outcome compared."""

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from common import checkpoint
from common.runs import Run
from common.settings import Role, Settings, roles

TIMES = ("seconds", "samples_per_second", "finished", "versions", "out", "resume")


@dataclasses.dataclass(frozen=True)
class Case:
    """A command, settings under which it is quick, and for each flag what to change so that its effect is seen.

    changes   flag → another value, or the settings to change together: {"patience": {"patience": 1, "split": (…)}};
              the outcome is compared with the same settings without the flag
    exempt    flag → why another value cannot be seen in what the command leaves (where it reads, what it prints)
    figures   whether pictures are drawn and compared, too (slow: only for what shows in nothing else)
    """

    kind: type[Settings]
    command: Callable[..., Any]
    base: Mapping[str, Any]
    changes: Mapping[str, Any]
    exempt: Mapping[str, str] = dataclasses.field(default_factory=dict)
    figures: bool = False

    @property
    def name(self) -> str:
        return self.kind.COMMAND or f"{self.kind.__module__}.{self.kind.__name__}"


def check_all_listed(case: Case) -> None:
    """Every flag is changed or exempted; flags that only say where a command runs need not be named."""
    flags = {f.name for f in dataclasses.fields(case.kind) if Role.PLACE not in roles(case.kind, f.name)}
    listed = {*case.changes, *case.exempt}
    assert listed >= flags, f"{case.name}: no case for {sorted(flags - listed)}"
    assert listed <= {f.name for f in dataclasses.fields(case.kind)}, (
        f"{case.name}: no such flags: {sorted(listed - flags)}"
    )


def check_flag(case: Case, flag: str) -> None:
    """Another value of the flag leads to another outcome."""
    change = case.changes[flag]
    together = dict(change) if isinstance(change, dict) else {flag: change}
    base = {**case.base, **{name: value for name, value in together.items() if name != flag}}
    ours, theirs = outcome(case, base), outcome(case, {**case.base, **together})
    assert ours != theirs, f"{case.name}: --{flag} {together[flag]} changes nothing"


def looking_at_a_run(command: Callable[..., Any], runs: Mapping[str, Path]) -> Callable[..., None]:
    """The command at a copy of the run called `run`, of which only what the command has added stays."""

    def call(run: str = "one", **kws: Any) -> None:
        shutil.copytree(runs[run], "run")
        there_before = [path for path in Path("run").rglob("*") if path.is_file()]
        command(run=Path("run"), **kws)
        for path in there_before:
            path.unlink()

    return call


_known: dict[str, dict[str, str]] = {}


def outcome(case: Case, settings: Mapping[str, Any]) -> dict[str, str]:
    """What the command leaves in an empty directory and prints, without times and without the settings' record."""
    key = f"{case.name} {sorted(settings.items(), key=str)}"
    if key not in _known:
        here = Path("outcome").absolute()
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        said = io.StringIO()
        figures = contextlib.nullcontext() if case.figures else mock.patch.object(Run, "save_figure", _name_only)
        kws = dict(settings)
        if any(f.name == "out" for f in dataclasses.fields(case.kind)) and "out" not in kws:
            kws["out"] = Path("run")  # printed: the same in every test
        with contextlib.chdir(here), contextlib.redirect_stdout(said), figures:
            case.command(**kws)
        found = {str(path.relative_to(here)): _content(path) for path in sorted(here.rglob("*")) if path.is_file()}
        _known[key] = {name: content for name, content in found.items() if content} | {"printed": _timeless(said)}
        shutil.rmtree(here)
    return _known[key]


def _name_only(self: Run, name: str, figure: object) -> None:
    path = self.path / "figures" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a figure")


def _content(path: Path) -> str:
    """A digest of what matters in a file; empty for what only repeats the settings, or says how long it took."""
    if path.name == "hyperparams.json" or path.parent.name == "checkpoint":
        return ""
    if path.suffix == ".safetensors":
        tensors, header = checkpoint.load(path)
        return checkpoint.digest(tensors, json.dumps(header.get("about", {}), sort_keys=True, default=str))
    if path.name == "summary.json":
        summary = json.loads(path.read_text())
        metrics = {k: v for k, v in summary["metrics"].items() if "seconds" not in k}
        return json.dumps({"metrics": metrics, "dataset": summary["dataset"]}, sort_keys=True)
    if path.suffix == ".csv":
        with path.open(newline="") as lines:
            rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(lines)]
        return json.dumps(rows)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _timeless(said: io.StringIO) -> str:
    """Printed lines without numbers of seconds."""
    return re.sub(r"[\d.,:]+ ?(s|ms|min|seconds|it/s|steps/s|images/s)\b", "", said.getvalue())
