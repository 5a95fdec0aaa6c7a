"""A run's history and figures as event files, which TensorBoard reads. Needs the extra `tensorboard`."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import missing_extra

STEPS = ("steps", "episodes", "epoch")  # the first of these columns that a history has is the horizontal axis
PARTS = ("train", "val", "test")


def require_tensorboard() -> Any:
    """The class that writes event files; InputError if it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise missing_extra("tensorboard is", "tensorboard") from None
    return SummaryWriter


def tag(column: str) -> str:
    """A history's column as TensorBoard groups them: train_loss and val_loss are loss/train and loss/val."""
    part, _, metric = column.partition("_")
    return f"{metric}/{part}" if part in PARTS and metric else column


class EventFiles:
    """The event files in `folder` of the run in the directory `run`: `update` adds what is new in it.

    What an earlier process has left in the folder is written anew, so that a resumed run has no step twice.
    """

    def __init__(self, run: Path, folder: Path):
        self.run, self.folder = run, folder
        self.rows = 0  # of the history, that are written
        self.step = 0
        self.figures: dict[str, int] = {}  # name → when the figure that is written was drawn
        self.writer: Any = None

    def update(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write the rows that have been added, and the figures that have been drawn, since the last time."""
        import numpy as np  # here, so that --help need not wait for Pillow
        from PIL import Image

        if self.writer is None:
            for file in self.folder.glob("events.out.tfevents.*"):
                file.unlink()
            self.rows, self.figures = 0, {}
            self.writer = require_tensorboard()(self.folder)
        new = history[self.rows :]
        at = self._last_change() - sum(row["seconds"] for row in new)
        for row in new:
            at += row["seconds"]
            self.step = int(next(row[name] for name in STEPS if name in row))
            for column, value in row.items():
                if column != "epoch":
                    self.writer.add_scalar(tag(column), value, self.step, walltime=at)
        self.rows = len(history)
        for file in sorted((self.run / "figures").rglob("*.png")):
            name, drawn = file.relative_to(self.run / "figures").with_suffix("").as_posix(), file.stat().st_mtime_ns
            if self.figures.get(name) != drawn:
                pixels = np.asarray(Image.open(file).convert("RGB"))
                self.writer.add_image(name, pixels, self.step, walltime=drawn / 1e9, dataformats="HWC")
                self.figures[name] = drawn
        self.writer.flush()

    def _last_change(self) -> float:
        file = self.run / "history.csv"
        return file.stat().st_mtime if file.is_file() else time.time()

    def close(self) -> None:
        """No more is to come."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None
