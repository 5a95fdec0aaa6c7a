"""Event files: what TensorBoard's own reader finds in them, live, resumed and of past runs."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from matplotlib.figure import Figure

from common.board import EventFiles, tag
from common.errors import InputError
from common.runs import Run, read_history
from common.settings import TrainingFlags

pytest.importorskip("tensorboard", reason="the extra tensorboard")


@dataclass(frozen=True)
class Flags(TrainingFlags):
    COMMAND: ClassVar[str] = "labs.cnn"


FLAGS = Flags(dataset="digits", device="cpu", tensorboard=True)


def row(epoch: int, **more: float) -> dict[str, float]:
    return {"epoch": epoch, "seconds": 2.0, **more, "train_loss": 1 / epoch, "val_loss": 2 / epoch}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag → (step, value), by TensorBoard's reader."""
    found = read_events(folder)
    return {name: [(e.step, round(e.value, 5)) for e in found.Scalars(name)] for name in found.Tags()["scalars"]}


def read_events(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    accumulator.Reload()
    return accumulator


def test_history_and_figures_are_there_while_the_run_is_under_way(tmp_path):
    with Run(dataclasses.replace(FLAGS, out=tmp_path / "r")) as run:
        for epoch in (1, 2):
            run.history.append(row(epoch))
            run.write_history()
            found = scalars(run.path / "tensorboard")
            assert found["loss/train"] == [(1, 1.0), (2, 0.5)][:epoch]
            assert found["loss/val"] == [(1, 2.0), (2, 1.0)][:epoch]
        assert sorted(found) == ["loss/train", "loss/val", "seconds"]
        run.save_figure("curves", Figure(figsize=(2, 1)))
        run.save_figure("curves", Figure(figsize=(3, 1)))  # drawn anew: both are kept
        images = read_events(run.path / "tensorboard").Images("curves")
        assert [(image.step, image.width, image.height) for image in images] == [(2, 240, 120), (2, 360, 120)]


def test_without_the_flag_there_are_none(tmp_path):
    with Run(dataclasses.replace(FLAGS, out=tmp_path / "r", tensorboard=False)) as run:
        run.history.append(row(1))
        run.write_history()
    assert not (run.path / "tensorboard").exists()


def test_a_resumed_run_goes_on_and_has_no_step_twice(tmp_path):
    with Run(dataclasses.replace(FLAGS, out=tmp_path / "r")) as run:
        run.history += [row(1), row(2)]
        run.write_history()
    with Run(dataclasses.replace(FLAGS, resume=run.path)) as again:
        again.begin([row(1), row(2)])
        again.history.append(row(3))
        again.write_history()
    assert scalars(run.path / "tensorboard")["loss/train"] == [(1, 1.0), (2, 0.5), (3, 0.33333)]


def test_the_axis_is_steps_or_episodes_where_a_history_has_them(tmp_path):
    for name in ("steps", "episodes"):
        files = EventFiles(tmp_path, tmp_path / name)
        files.update([row(1, **{name: 2500}), row(2, **{name: 5000})])
        files.close()
        assert scalars(tmp_path / name)["loss/train"] == [(2500, 1.0), (5000, 0.5)]


def test_the_clock_is_the_historys(tmp_path):
    files = EventFiles(tmp_path, tmp_path / "e")
    files.update([row(1), row(2), row(3)])
    files.close()
    first, second, third = (e.wall_time for e in read_events(tmp_path / "e").Scalars("loss/val"))
    assert (second - first, third - second) == pytest.approx((2, 2))


def test_tags_are_grouped_by_metric():
    assert [tag(name) for name in ("train_loss", "test_kl", "test", "mean_return")] == [
        *("loss/train", "kl/test", "test", "mean_return"),
    ]


def test_a_past_run_gives_the_same_as_a_live_one(tmp_path):
    with Run(dataclasses.replace(FLAGS, out=tmp_path / "r")) as run:
        run.history += [row(1), row(2), row(3)]
        run.write_history()
    files = EventFiles(run.path, tmp_path / "later")
    files.update(read_history(run.path))
    files.close()
    assert scalars(tmp_path / "later") == scalars(run.path / "tensorboard")


def test_without_the_package_a_line_names_the_extra_and_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if it could not be imported
    with pytest.raises(InputError, match=r"tensorboard is not installed; .*\[tensorboard\]"):
        Run(dataclasses.replace(FLAGS, out=tmp_path / "r"))
    assert not (tmp_path / "r").exists()
    Run(dataclasses.replace(FLAGS, out=tmp_path / "r", tensorboard=False))
