"""What a run has written down about itself, read again. Needs no torch, so that a list of runs is there at once.

`common.runs` writes it; the settings, hyperparams.json, are read by `common.settings`.
"""

import csv
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from common.files import read_json
from common.settings import Better, read_record

RUNS = Path("runs")
DIFFERING = "not_by_default"  # hyperparams.json: the settings that are not the command's defaults


@dataclass(frozen=True)
class Summary:
    """What a run's summary.json says."""

    lab: str
    dataset: str
    device: str
    seed: int
    epochs: int  # rows of the history
    seconds: float
    samples_per_second: float
    metrics: dict[str, int | float]
    versions: dict[str, str]
    interrupted: bool
    finished: str = ""
    command: str = ""
    parameters: int | None = None  # of the networks that were saved
    kept: int | None = None  # the epoch whose weights were chosen; none: the last one's
    better: dict[str, Better] = dataclasses.field(default_factory=dict)  # by which metrics runs may be chosen


def read_summary(path: Path) -> Summary:
    """A run's summary.json; InputError if it is missing or damaged."""
    try:
        return read_json(Path(path) / "summary.json", Summary)
    except FileNotFoundError:
        raise InputError(f"{path} is no run directory: it has no summary.json") from None


def finished(path: Path) -> bool:
    """Whether a run in the directory has come to its end."""
    return (Path(path) / "summary.json").is_file() and not read_summary(path).interrupted


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows of a run's history.csv, as numbers; none if there is no such file yet. InputError if it is damaged."""
    file = Path(path) / "history.csv"
    if not file.is_file():
        return []
    try:
        with file.open(newline="", encoding="utf-8") as rows:
            return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(rows)]
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{file} is damaged: {error}") from error


def runs_of(command: str) -> Iterator[Path]:
    """The command's runs that have weights, the one whose weights were written last first."""
    weights = (RUNS / command.split(".")[1]).glob("*/model.safetensors")
    for file in sorted(weights, key=lambda file: file.stat().st_mtime, reverse=True):
        if (file.parent / "hyperparams.json").is_file() and read_record(file.parent).get("command") == command:
            yield file.parent


def newest(command: str) -> Path:
    """The command's run whose weights were written last; InputError if there is none."""
    for path in runs_of(command):
        return path
    folder = RUNS / command.split(".")[1]
    raise InputError(f"no run of {command} under {folder}; train one with `python -m {command}` or name one with --run")
