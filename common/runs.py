"""The run directory: what a training command leaves behind, written atomically.

hyperparams.json   every setting, resolved
history.csv        a row per epoch
summary.json       what was reached, in what time, with which versions
model.safetensors  the weights, with the settings they belong to
checkpoint/        what --resume needs
figures/*.png      the lab's plots
tensorboard/       with --tensorboard: history and figures as TensorBoard reads them
"""

import dataclasses
import platform
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch
from torch import nn

from common import checkpoint, distributed
from common.board import EventFiles, require_tensorboard
from common.device import use_deterministic_kernels
from common.errors import InputError
from common.files import validated, write_csv, write_json
from common.records import DIFFERING, RUNS, Summary, finished, newest, read_history, read_summary
from common.settings import Role, RunFlags, Settings, default, of_record, roles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Loaded", "Run", "differing", "load", "place"]
__all__ += ["RUNS", "Summary", "finished", "newest", "read_history", "read_summary"]  # the records: from here, too
S = TypeVar("S", bound=Settings)
M = TypeVar("M", bound=nn.Module)


class Run:
    """One training run and its directory. Under torchrun only process 0 writes and prints."""

    def __init__(self, settings: RunFlags):
        """Open the directory `settings.out` (a new one under runs/<lab>/ if that is None) or `settings.resume`.

        `settings` has every value resolved. Nothing in a directory that is resumed is changed before `begin`, or
        the first thing that is written. Raises InputError if the directory already holds a run and is not resumed.
        """
        self.command, self.quiet = settings.COMMAND, settings.quiet
        self.lab = self.command.split(".")[1]
        self.history: list[dict[str, float]] = []
        self.metrics: dict[str, float] = {}
        self.interrupted = self.begun = False
        self.samples_per_second = 0.0
        self.parameters: dict[str, int] = {}  # of each network that was saved
        self.kept: int | None = None  # the epoch whose weights are the final ones, if it was chosen
        use_deterministic_kernels(settings.deterministic)
        if settings.tensorboard:
            require_tensorboard()
        self.resumed = settings.resume is not None
        self.path = Path(distributed.from_main(str(self._open(settings))))
        self.settings = dataclasses.replace(settings, out=self.path, resume=None)
        self.events = EventFiles(self.path, self.path / "tensorboard") if settings.tensorboard else None
        if self.resumed and (self.path / "summary.json").is_file():
            self.samples_per_second = read_summary(self.path).samples_per_second
        if not self.resumed:
            self.begin([])

    def _open(self, settings: RunFlags) -> Path | None:
        if not distributed.is_main():
            return None
        if settings.resume is not None:
            return settings.resume
        out = settings.out
        if out is None:
            started = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
            for name in [started, *(f"{started}-{i}" for i in range(2, 1000))]:
                try:
                    (RUNS / self.lab / name).mkdir(parents=True)
                    return RUNS / self.lab / name
                except FileExistsError:
                    continue
            raise InputError(f"{RUNS / self.lab} holds a thousand runs of this second; name another with --out")
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"--out {out} is not empty; name another, or continue it with --resume")
        out.mkdir(parents=True, exist_ok=True)
        return out

    def begin(self, history: list[dict[str, float]] | None = None) -> None:
        """From here on the run's files change: all that a resumed run needs has been read and checked.

        `history` is the list of rows that `write_history` writes from then on.
        """
        if history is not None:
            self.history = history
        if not self.begun:
            self.begun = True
            self._write_json("hyperparams.json", self._record())

    def _record(self) -> dict[str, Any]:
        values = {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(self.settings).items()}
        return {"lab": self.lab, "command": self.command, DIFFERING: list(differing(self.settings)), **values}

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.events:
            self.events.close()
        if error is not None and self.begun:  # leave a summary of what there is
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
        if distributed.is_main():
            self.begin()
            write_csv(self.path / "history.csv", self.history, columns=("epoch", "seconds"))
            self._show_events()

    def _show_events(self) -> None:
        if self.events:
            self.events.update(self.history)

    def save_model(self, model: nn.Module, name: str = "model", **about: Any) -> None:
        """The weights as <name>.safetensors, with the settings that rebuild the model, and `about`, in its header."""
        if distributed.is_main():
            self.begin()
            self.parameters[name] = sum(p.numel() for p in model.parameters())
            checkpoint.save(self.path / f"{name}.safetensors", model.state_dict(), {**self._record(), "about": about})

    def save_figure(self, name: str, figure: "Figure") -> None:
        """figures/<name>.png"""
        if distributed.is_main():
            from common.plots import write_figure

            self.begin()
            write_figure(self.path / "figures" / f"{name}.png", figure)
            self._show_events()

    def finish(self, metrics: dict[str, float], sentence: str, *, look: Sequence[str] = (), then: str = "") -> None:
        """Write the summary, say in a sentence what was reached, and print the directory as the last line.

        `look` names the figures that are worth looking at first, `then` the command to go on with; it gets --run.
        """
        self.begin()
        self.metrics = metrics
        self._write_summary()
        if self.interrupted:
            self.say(f"interrupted; what was finished is kept, continue with --resume {self.path}")
        self.say(sentence)
        figures = self.path / "figures"
        shown = ", ".join(f"{name}.png" for name in look if (figures / f"{name}.png").is_file())
        hints = [f"look at {figures / shown}"] if shown else []
        hints += [f"go on with {then} --run {self.path}"] if then else []
        if hints and not self.interrupted:
            self.say("; ".join(hints))
        if distributed.is_main():
            print(self.path, flush=True)

    @property
    def exit_status(self) -> int:
        """0, or 130 (as a shell has it for Ctrl-C) when the run was interrupted."""
        return 130 if self.interrupted else 0

    def _write_summary(self) -> None:
        row = self.history[-1] if self.history else {}
        reached = {k: v for k, v in row.items() if k not in ("epoch", "seconds")}
        summary = Summary(
            lab=self.lab,
            command=self.command,
            dataset=str(getattr(self.settings, "dataset", "")),
            device=self.settings.device,
            seed=self.settings.seed,
            epochs=len(self.history),
            seconds=round(sum(row["seconds"] for row in self.history), 3),
            samples_per_second=round(self.samples_per_second, 1),
            metrics=self.metrics or reached,
            versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            interrupted=self.interrupted,
            parameters=sum(self.parameters.values()) or None,
            kept=self.kept,
            better=dict(self.settings.BETTER),
            finished=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        )
        self._write_json("summary.json", dataclasses.asdict(summary))

    def _write_json(self, name: str, values: dict[str, Any]) -> None:
        if distributed.is_main():
            write_json(self.path / name, values)


def differing(settings: Settings) -> dict[str, Any]:
    """The settings that are not the command's defaults, without those that say where and how it runs."""
    kind, usual = type(settings), settings.usual()
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {
        name: value
        for name, value in values.items()
        if Role.PLACE not in roles(kind, name) and value not in (default(kind, name), usual.get(name))
    }


def place(settings: Settings) -> Path:
    """Where a command that only looks puts its files: runs/<lab>/<command>, named after what differs from the defaults.

    So the same question has the same place, and another one does not overwrite its answer.
    """
    module = type(settings).__module__
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if module == "__main__" and spec:  # under `python -m`
        module = spec.name
    _, lab, *name = module.split(".")
    given = []
    for setting, value in differing(settings).items():
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        given.append(re.sub(r"[^\w,.+-]+", "-", f"{setting}-{shown}"))
    return RUNS / lab / "_".join([*name, *given])[:200]


# --- A run that there is --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded(Generic[S, M]):
    """A trained network, with the settings of the run that trained it, and what was saved about it besides."""

    path: Path
    settings: S
    model: M
    about: dict[str, Any]


def load(
    path: Path | None,
    kind: type[S],
    build: Callable[..., M],
    *,
    name: str = "model",
    device: torch.device | str = "cpu",
    **about: Any,
) -> Loaded[S, M]:
    """The network of a run of the command whose settings are `kind`, in eval mode; the newest one if `path` is None.

    build   makes the network from the settings, and from what `save_model` was given about it. `about` says of what
            type each of that is: load(path, HyperParams, build_model, classes=list[str])
    name    of the file: model, or what else the command has saved

    Raises InputError for another command's run, one of an older release, and a damaged file.
    """
    path = newest(kind.COMMAND) if path is None else Path(path)
    file = path / f"{name}.safetensors"
    if not file.is_file():
        raise InputError(f"{path} holds no trained network: it has no {file.name}")
    tensors, header = checkpoint.load(file)
    settings = of_record(kind, header, file)
    saved = header.get("about")
    saved = validated(saved if isinstance(saved, dict) else {}, dict[str, Any], file)
    known = {key: validated(saved.get(key), of, f"{file}: {key}") for key, of in about.items()}
    model = build(settings, **known)
    checkpoint.load_weights(model, tensors, file)
    return Loaded(path, settings, model.to(device).eval(), known)
