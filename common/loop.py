"""The one loop: units of work one after the other, be they epochs, blocks of episodes, periods of steps or sweeps.

def unit(number: int, row: Row) -> Iterator[int]:     # number from 1
    for batch in batches:
        …
        yield len(batch)                              # how many samples that was; here the loop may stop
    row["train_loss"] = …                             # the unit's row of the history

`play` owns all that surrounds a unit: Ctrl-C, restoring, saving, history, progress, numbers that are not finite, the
best unit so far, speed. Who writes a unit need not know of any of it.
"""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict

from torch import Tensor, nn
from torch.optim import Optimizer

from common import checkpoint, distributed
from common.errors import InputError
from common.files import validated
from common.progress import Progress
from common.runs import Run

Row = dict[str, float]
Unit = Callable[[int, Row], Iterator[int]]

AGREE_EVERY = 16  # steps between two agreements of several processes on whether to stop


class State(Protocol):
    """Everything that the next unit depends on, and that a run has to keep."""

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors, and numbers that JSON can hold."""

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any], path: Path) -> None:
        """Put back what `save` gave; InputError that names `path` if it does not fit."""


class Training:
    """The state of networks that optimisers train."""

    def __init__(self, modules: Sequence[nn.Module], optimizers: Sequence[Optimizer]):
        self.modules, self.optimizers = modules, optimizers

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, numbers = weights_of(self.modules), []
        for i, optimizer in enumerate(self.optimizers):
            own, rest = checkpoint.optimizer_tensors(optimizer, f"optimizer{i}.")
            tensors |= own
            numbers.append(rest)
        return tensors, {"optimizers": numbers}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any], path: Path) -> None:
        rest = validated(numbers.get("optimizers"), list[checkpoint.OptimizerNumbers], path)
        if len(rest) != len(self.optimizers):
            raise InputError(
                f"{path} is of another training: it has {len(rest)} optimisers, not {len(self.optimizers)}"
            )
        load_weights(self.modules, tensors, path)
        for i, (optimizer, own) in enumerate(zip(self.optimizers, rest, strict=True)):
            checkpoint.load_optimizer(optimizer, tensors, own, f"optimizer{i}.", path)


@dataclass(frozen=True)
class Best:
    """Whose weights are kept when a metric of the row is better than in all rows before."""

    metric: str
    better: Callable[[float, float], bool]  # operator.lt: the lower; operator.ge: the higher, of equals the later
    modules: Sequence[nn.Module]
    patience: int | None = None  # end after so many units without a better one


class BestRow(TypedDict):
    """The number of the best unit, and its metric."""

    epoch: int
    value: float


class Kept(TypedDict):
    """The header of a checkpoint."""

    rows: list[dict[str, int | float]]
    until: int  # what the loop was to reach; its last unit may have gone beyond
    best: BestRow | None
    numbers: dict[str, Any]


def play(
    unit: Unit,
    state: State,
    until: int,
    *,
    name: str = "epoch",
    length: str = "epochs",
    column: str = "epoch",
    finished: Callable[[], bool] = lambda: False,
    steps: int | None = None,
    best: Best | None = None,
    run: Run | None = None,
    on_unit: Sequence[Callable[[int, Row], None]] = (),
    line: Callable[[Row], str] | None = None,
    cure: str = "lower --lr",
    save_seconds: float = 0.0,
    quiet: bool = False,
) -> list[Row]:
    """Play units until the history's `column` reaches `until`, or `finished()`; returns the history's rows.

    name, length   what a unit is called, and the flag that says how long (`until` is its value)
    steps          how often a unit yields: each has a progress bar of its own then; without, one bar counts `column`
    best           the weights of the best unit are the final ones
    run            where history and checkpoint are written after each unit; a resumed run goes on from its checkpoint.
                   Ctrl-C and SIGTERM end the loop after the current step (`run.interrupted`); the unit that they
                   break off is undone. Without a run: KeyboardInterrupt
    save_seconds   for units shorter than this: a checkpoint at most so often, and none of them is broken off, for
                   there may be no checkpoint of the one before
    on_unit        hooks that watch: (number, row)
    line           the row in a line for the reader

    Raises InputError when a number in a row is not finite, naming the `cure`, and for a checkpoint that does not fit;
    then nothing in the run has been changed.
    """
    quiet = quiet or not distributed.is_main()
    keeper = _Keeper(state, best, run, until)
    rows = keeper.restore()
    done = rows[-1][column] if rows else 0
    if until < min(done, keeper.reached_for):
        raise InputError(f"the run has {done} {length} already, --{length} {until} is less")
    if run:
        run.begin(rows)
    if rows and (done >= until or finished()) and not quiet:
        print(f"the run has all its {length if done < until else f'{done} {length}'}; a larger --{length} adds to them")
    samples, seconds, saved = 0, 0.0, time.perf_counter()

    def over() -> bool:
        return bool(rows and rows[-1][column] >= until) or finished() or keeper.out_of_patience(rows)

    with StopRequest() as stop, Progress(until, done, name, length, steps, hidden=quiet) as progress:
        while not over() and not stop.agreed(0):
            number, started = len(rows) + 1, time.perf_counter()
            row: Row = {}
            progress.start(number)
            played, last, broken_off = 0, started, False
            seen: Row = {}
            for step, n in enumerate(unit(number, row), 1):
                played, last = played + n, time.perf_counter()
                if n:
                    progress.step()
                if row != seen:
                    check_finite(row, f"{name} {number}", cure)
                    progress.describe(describe(row))
                    seen = dict(row)
                if stop.agreed(step) and not save_seconds:
                    broken_off = True
                    break
            if broken_off:
                keeper.undo()
                break
            samples, seconds = samples + played, seconds + last - started
            row = {"epoch": number, "seconds": time.perf_counter() - started, **row}
            check_finite(row, f"{name} {number}", cure)
            rows.append(row)
            keeper.note(row)
            if time.perf_counter() - saved >= save_seconds or over():
                keeper.save(rows)
                saved = time.perf_counter()
            progress.end(row[column])
            if line:
                progress.write(line(row))
            for hook in on_unit:
                hook(number, row)
        keeper.save(rows)

    unfinished = stop.signalled and not over()
    if run:
        run.interrupted = unfinished
        if seconds:
            run.samples_per_second = samples / seconds
    elif unfinished:
        raise KeyboardInterrupt  # with nowhere to save, a network trained by half must not pass for a whole one
    kept = keeper.load_best()
    if run and kept:
        run.kept = kept["epoch"]
    if kept and best and not quiet:
        print(f"kept the weights of {name} {kept['epoch']}, the best {best.metric}: {kept['value']:.4f}")
    return rows


def describe(metrics: Mapping[str, float]) -> str:
    """Metrics in a line: accuracies as percentages, the rest with four digits."""
    return "  ".join(
        f"{name.replace('_', ' ')} {value:.2%}" if "accuracy" in name else f"{name.replace('_', ' ')} {value:.4f}"
        for name, value in metrics.items()
        if name not in ("epoch", "seconds")
    )


def check_finite(row: Mapping[str, float], where: str, cure: str) -> None:
    """InputError for the first number that is infinite or none."""
    for name, value in row.items():
        if not math.isfinite(value):
            raise InputError(f"{name} is {value} in {where}: the training has diverged; {cure}")


def weights_of(modules: Sequence[nn.Module]) -> dict[str, Tensor]:
    """The weights of several modules under one roof: module0.…, module1.…"""
    return {f"module{i}.{k}": v for i, m in enumerate(modules) for k, v in m.state_dict().items()}


def load_weights(modules: Sequence[nn.Module], tensors: dict[str, Tensor], path: Path) -> None:
    """Put back what `weights_of` gave."""
    for i, module in enumerate(modules):
        prefix = f"module{i}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        checkpoint.load_weights(module, own, path)


class _Keeper:
    """Writes the checkpoint and reads it again; remembers the best unit and its weights."""

    def __init__(self, state: State, best: Best | None, run: Run | None, until: int):
        self.state, self.rule, self.run, self.until = state, best, run, until
        self.reached_for = until  # by the run that is resumed
        self.best: BestRow | None = None
        self.weights: dict[str, Tensor] = {}
        self.saved = 0  # rows in the checkpoint
        self.folder = run.path / "checkpoint" if run else Path()

    def restore(self) -> list[Row]:
        """A resumed run's rows, its state put back; none if it was killed before its first unit ended."""
        path = self.folder / "last.safetensors"
        if self.run is None or not self.run.resumed or not path.is_file():
            return []
        tensors, header = checkpoint.load(path)
        kept = validated(header, Kept, path)
        if kept["best"] and self.rule:
            self.best = kept["best"]
            self.weights, _ = checkpoint.load(self.folder / "best.safetensors")
            checkpoint.check_fit(weights_of(self.rule.modules), self.weights, self.folder / "best.safetensors")
        self.state.load(tensors, kept["numbers"], path)
        self.saved, self.reached_for = len(kept["rows"]), kept["until"]
        return kept["rows"]

    def note(self, row: Row) -> None:
        """Keep the weights if this row is the best so far."""
        if self.rule and (self.best is None or self.rule.better(row[self.rule.metric], self.best["value"])):
            self.best = {"epoch": int(row["epoch"]), "value": row[self.rule.metric]}
            self.weights = {k: v.detach().clone() for k, v in weights_of(self.rule.modules).items()}
            if self.run and distributed.is_main():
                checkpoint.save(self.folder / "best.safetensors", self.weights, {})

    def out_of_patience(self, rows: list[Row]) -> bool:
        patience = self.rule.patience if self.rule else None
        return patience is not None and self.best is not None and len(rows) - self.best["epoch"] >= patience

    def save(self, rows: list[Row]) -> None:
        if self.run is None or len(rows) == self.saved:
            return
        if distributed.is_main():
            tensors, numbers = self.state.save()
            kept: Kept = {"rows": rows, "until": self.until, "best": self.best, "numbers": numbers}
            checkpoint.save(self.folder / "last.safetensors", tensors, dict(kept))
        self.run.write_history()
        self.saved = len(rows)

    def undo(self) -> None:
        """Back to the last whole unit; before the first one what there is stays."""
        if self.run and self.saved:
            path = self.folder / "last.safetensors"
            tensors, header = checkpoint.load(path)
            self.state.load(tensors, header["numbers"], path)

    def load_best(self) -> BestRow | None:
        if self.best and self.rule:
            load_weights(self.rule.modules, self.weights, Path("best.safetensors"))
        return self.best


class StopRequest:
    """Ctrl-C and SIGTERM as a flag that the loop reads between steps. A second one ends the program at once."""

    def __init__(self) -> None:
        self.signalled = False
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self.previous = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        self._put_back()

    def _note(self, number: int, frame: object) -> None:
        self.signalled = True
        self._put_back()
        if distributed.is_main():
            print("\nstopping after this step and saving; once more to end at once", file=sys.stderr, flush=True)

    def _put_back(self) -> None:
        while self.previous:
            signal.signal(*self.previous.popitem())

    def agreed(self, steps: int) -> bool:
        """Whether to stop now. Several processes must stop at the same step, so they ask one another now and then."""
        if distributed.world_size() > 1:
            if steps % AGREE_EVERY:
                return False
            self.signalled = distributed.any_process(self.signalled)
        return self.signalled
