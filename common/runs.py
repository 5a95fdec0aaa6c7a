"""The run directory: what a training command leaves behind, written atomically.

hyperparams.json   every setting, resolved
history.csv        a row per epoch
summary.json       what was reached, in what time, with which versions
model.safetensors  the weights, with the settings they belong to
checkpoint/        what --resume needs
figures/*.png      the lab's plots
"""

import csv
import dataclasses
import io
import json
import platform
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from common import checkpoint, distributed
from common.errors import InputError
from common.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUNS = Path("runs")


class Run:
    """One training run and its directory. Under torchrun only process 0 writes and prints."""

    def __init__(self, lab: str, settings: Any):
        """Open the directory `settings.out` (a new one under runs/<lab>/ if that is None) or `settings.resume`.

        `settings` is the lab's dataclass with every value resolved. Raises InputError if the directory already
        holds a run and is not to be resumed.
        """
        self.lab, self.quiet = lab, settings.quiet
        self.history: list[dict[str, float]] = []
        self.metrics: dict[str, float] = {}
        self.interrupted = False
        self.samples_per_second = 0.0
        self.resumed = settings.resume is not None
        self.path = Path(distributed.from_main(str(self._open(lab, settings))))
        self.settings = dataclasses.replace(settings, out=self.path, resume=None)
        if self.resumed and (self.path / "summary.json").is_file():
            self.samples_per_second = read_json(self.path / "summary.json")["samples_per_second"]
        self._write_json("hyperparams.json", {"lab": lab, **dataclasses.asdict(self.settings)})

    @staticmethod
    def _open(lab: str, settings: Any) -> Path | None:
        if not distributed.is_main():
            return None
        if settings.resume is not None:
            return settings.resume
        if settings.out is None:
            started = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
            for name in [started, *(f"{started}-{i}" for i in range(2, 1000))]:
                try:
                    (RUNS / lab / name).mkdir(parents=True)
                    return RUNS / lab / name
                except FileExistsError:
                    continue
        if settings.out.exists() and (not settings.out.is_dir() or any(settings.out.iterdir())):
            raise InputError(f"--out {settings.out} is not empty; name another, or continue it with --resume")
        settings.out.mkdir(parents=True, exist_ok=True)
        return settings.out

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:  # leave a summary of what there is
            self.interrupted = True
            self._write_summary()
            if isinstance(error, InputError):
                error.args = (f"{error}. What was reached is in {self.path}",)

    def say(self, text: str) -> None:
        """Print a line for the reader, unless the run is quiet."""
        if not self.quiet and distributed.is_main():
            print(text, flush=True)

    def write_history(self) -> None:
        """history.csv from `history`."""
        names = list(dict.fromkeys(name for row in self.history for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names or ["epoch", "seconds"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in self.history)
        if distributed.is_main():
            write_atomically(self.path / "history.csv", text.getvalue())

    def save_model(self, model: nn.Module, name: str = "model", **about: Any) -> None:
        """The weights as <name>.safetensors, with the settings that rebuild the model, and `about`, in its header."""
        if distributed.is_main():
            header = {"lab": self.lab, **jsonable(dataclasses.asdict(self.settings)), **about}
            checkpoint.save(self.path / f"{name}.safetensors", model.state_dict(), header)

    def save_figure(self, name: str, figure: "Figure") -> None:
        """figures/<name>.png"""
        if distributed.is_main():
            from common.plots import write_figure

            write_figure(self.path / "figures" / f"{name}.png", figure)

    def finish(self, metrics: dict[str, float], sentence: str) -> None:
        """Write the summary, say in a sentence what was reached, and print the directory as the last line."""
        self.metrics = metrics
        self._write_summary()
        if self.interrupted:
            self.say(f"interrupted; what was finished is kept, continue with --resume {self.path}")
        self.say(sentence)
        if distributed.is_main():
            print(self.path, flush=True)

    @property
    def exit_status(self) -> int:
        """0, or 130 (as a shell has it for Ctrl-C) when the run was interrupted."""
        return 130 if self.interrupted else 0

    def _write_summary(self) -> None:
        row = self.history[-1] if self.history else {}
        reached = {k: v for k, v in row.items() if k not in ("epoch", "seconds")}
        self._write_json(
            "summary.json",
            {
                "lab": self.lab,
                "dataset": self.settings.dataset,
                "device": self.settings.device,
                "seed": self.settings.seed,
                "epochs": len(self.history),
                "seconds": round(sum(row["seconds"] for row in self.history), 3),
                "samples_per_second": round(self.samples_per_second, 1),
                "metrics": self.metrics or reached,
                "versions": {
                    "python": platform.python_version(),
                    "torch": torch.__version__,
                    "numpy": np.__version__,
                },
                "interrupted": self.interrupted,
                "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            },
        )

    def _write_json(self, name: str, values: dict[str, Any]) -> None:
        if distributed.is_main():
            text = json.dumps(jsonable(values), indent=2, ensure_ascii=False)
            write_atomically(self.path / name, text + "\n")


def jsonable(values: dict[str, Any]) -> dict[str, Any]:
    """The same with paths as strings."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a run; InputError if it is missing or damaged."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise InputError(f"{path.parent} is no run directory: it has no {path.name}") from None
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error})") from error


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows of a run's history.csv, as numbers; none if there is no such file yet."""
    file = Path(path) / "history.csv"
    if not file.is_file():
        return []
    with file.open(newline="") as rows:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(rows)]


def newest_run(lab: str, folder: Path = RUNS) -> Path:
    """The lab's run whose weights were written last; InputError if there is none."""
    weights = sorted((folder / lab).glob("*/model.safetensors"), key=lambda p: p.stat().st_mtime)
    if not weights:
        raise InputError(
            f"no trained run under {folder / lab}; train one with `python -m labs.{lab}` or name one with --run"
        )
    return weights[-1].parent
