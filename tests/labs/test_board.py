"""`labs board`: which runs it shows, and that TensorBoard is started on them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import InputError
from labs import board as module
from labs.board import Mirror, board, find_runs


def make_run(path: str, losses: tuple[float, ...] = (0.5, 0.25)) -> Path:
    Path(path).mkdir(parents=True, exist_ok=True)
    Path(path, "hyperparams.json").write_text(json.dumps({"lab": "cnn", "command": "labs.cnn"}))
    with Path(path, "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "seconds", "train_loss"])
        writer.writerows([i, 1.5, loss] for i, loss in enumerate(losses, 1))
    return Path(path)


def losses(folder: Path) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars("loss/train")]


def test_runs_are_found_and_told_apart():
    for name in ("runs/cnn/a", "runs/vae/a", "runs/vae/a/from_scratch"):
        make_run(name)
    assert sorted(find_runs([Path("runs")])) == ["cnn/a", "vae/a", "vae/a/from_scratch"]
    assert sorted(find_runs([Path("runs/cnn/a"), Path("runs/vae")])) == ["cnn/a", "vae/a", "vae/a/from_scratch"]
    assert list(find_runs([Path("runs/cnn/a")])) == ["a"]


def test_a_folder_without_runs_and_none_at_all():
    Path("empty").mkdir()
    with pytest.raises(InputError, match="no run under empty; train one"):
        find_runs([Path("empty")])
    with pytest.raises(InputError, match="nowhere is no folder"):
        find_runs([Path("nowhere")])


def test_a_run_under_way_is_followed_and_a_new_one_is_seen():
    pytest.importorskip("tensorboard")
    make_run("runs/cnn/a")
    mirror = Mirror([Path("runs")], Path("events"))
    mirror.update()
    assert losses(Path("events/cnn/a")) == [(1, 0.5), (2, 0.25)]
    make_run("runs/cnn/a", (0.5, 0.25, 0.125))
    make_run("runs/gan/b", (4.0,))
    mirror.update()
    mirror.close()
    assert losses(Path("events/cnn/a")) == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert losses(Path("events/gan/b")) == [(1, 4.0)]


def test_tensorboard_is_started_on_the_event_files_and_stopped(monkeypatch):
    pytest.importorskip("tensorboard")
    make_run("runs/cnn/a")
    started: list[list[str]] = []
    popen = subprocess.Popen

    def start(words):
        started.append(words)
        folder = Path(words[words.index("--logdir") + 1])
        assert losses(folder / "cnn" / "a") == [(1, 0.5), (2, 0.25)]
        return popen([sys.executable, "-c", "import time; time.sleep(0.3); raise SystemExit(1)"])

    monkeypatch.setattr(module.subprocess, "Popen", start)
    monkeypatch.setattr(module, "EVERY", 0.1)
    with pytest.raises(InputError, match="ended with status 1; is --port 6123 in use"):
        board(port=6123)
    (words,) = started
    assert words[1:3] == ["-m", "tensorboard.main"]
    assert words[-4:] == ["--port", "6123", "--host", "localhost"]
    assert not Path(words[words.index("--logdir") + 1]).exists()  # the temporary folder


def test_it_follows_until_ctrl_c_and_a_named_folder_stays(monkeypatch):
    pytest.importorskip("tensorboard")
    make_run("runs/cnn/a")
    popen = subprocess.Popen
    servers, waits = [], []

    def start(words):
        servers.append(popen([sys.executable, "-c", "import time; time.sleep(20)"]))
        monkeypatch.setattr(servers[-1], "wait", in_turn(servers[-1].wait))
        return servers[-1]

    def in_turn(wait):
        def waited(timeout=None):
            if timeout is None:
                return wait()
            waits.append(timeout)
            if len(waits) == 1:
                make_run("runs/cnn/a", (0.5, 0.25, 0.125))  # the run is under way
                raise subprocess.TimeoutExpired("tensorboard", timeout)
            raise KeyboardInterrupt

        return waited

    monkeypatch.setattr(module.subprocess, "Popen", start)
    assert board([Path("runs")], out=Path("kept")) is None
    assert servers[0].poll() is not None
    assert losses(Path("kept/cnn/a")) == [(1, 0.5), (2, 0.25), (3, 0.125)]
