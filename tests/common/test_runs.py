import dataclasses
import json
import os
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from common import checkpoint
from common.cli import TrainingFlags
from common.errors import InputError
from common.runs import Run, newest_run, read_history, read_json

FLAGS = TrainingFlags(dataset="digits", device="cpu")


def test_a_new_directory_under_runs_named_after_the_time():
    first, second = Run("cnn", FLAGS), Run("cnn", FLAGS)  # within the same second
    assert first.path != second.path
    assert first.path.parent == Path("runs/cnn")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?", first.path.name)


def test_out_is_the_directory_itself_and_a_run_in_it_is_not_overwritten(tmp_path):
    out = tmp_path / "deep" / "mine"
    assert Run("cnn", dataclasses.replace(FLAGS, out=out)).path == out
    with pytest.raises(InputError, match="not empty.*--resume"):
        Run("cnn", dataclasses.replace(FLAGS, out=out))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not empty"):
        Run("cnn", dataclasses.replace(FLAGS, out=tmp_path / "file"))


def test_every_setting_is_written(tmp_path):
    Run("cnn", dataclasses.replace(FLAGS, out=tmp_path / "r", lr=0.5))
    settings = json.loads((tmp_path / "r" / "hyperparams.json").read_text())
    assert set(settings) == {"lab", *(field.name for field in dataclasses.fields(TrainingFlags))}
    assert settings["lr"] == 0.5
    assert settings["out"] == str(tmp_path / "r")


def test_the_last_line_on_stdout_is_the_directory(tmp_path, capsys):
    for quiet in (False, True):
        run = Run("cnn", dataclasses.replace(FLAGS, out=tmp_path / str(quiet), quiet=quiet))
        run.finish({"test_accuracy": 0.9}, "test accuracy 90 %")
        lines = capsys.readouterr().out.splitlines()
        assert lines[-1] == str(tmp_path / str(quiet))
        assert len(lines) == (1 if quiet else 2)


def test_the_summary_has_the_designs_fields(tmp_path):
    run = Run("cnn", dataclasses.replace(FLAGS, out=tmp_path / "r"))
    run.history = [{"epoch": 1, "seconds": 2.0, "train_loss": 0.5}]
    run.finish({"test_accuracy": 0.9}, "done")
    summary = read_json(tmp_path / "r" / "summary.json")
    names = ("lab", "dataset", "device", "seed", "epochs", "seconds", "samples_per_second", "metrics", "versions")
    assert all(name in summary for name in (*names, "interrupted"))
    assert summary["versions"]["torch"] == torch.__version__
    assert summary["seconds"] == 2.0


def test_an_error_leaves_a_summary_of_what_there_is(tmp_path):
    with (
        pytest.raises(InputError, match="went wrong. What was reached is in"),
        Run("cnn", dataclasses.replace(FLAGS, out=tmp_path / "r")) as run,
    ):
        run.history = [{"epoch": 1, "seconds": 2.0, "test_loss": 0.5}]
        raise InputError("went wrong")
    summary = read_json(tmp_path / "r" / "summary.json")
    assert summary["interrupted"] is True
    assert summary["metrics"] == {"test_loss": 0.5}


def test_weights_carry_the_settings_they_belong_to(tmp_path):
    run = Run("cnn", dataclasses.replace(FLAGS, out=tmp_path / "r"))
    model = nn.Linear(2, 2)
    run.save_model(model)
    tensors, header = checkpoint.load(tmp_path / "r" / "model.safetensors")
    assert torch.equal(tensors["weight"], model.weight)
    assert (header["lab"], header["dataset"]) == ("cnn", "digits")


def test_the_newest_run_is_the_one_whose_weights_were_written_last():
    with pytest.raises(InputError, match="python -m labs.cnn"):
        newest_run("cnn")
    for name, seconds in (("b", 100), ("a", 300), ("c", 200)):
        file = Path("runs/cnn") / name / "model.safetensors"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
        os.utime(file, (seconds, seconds))
    Path("runs/cnn/unfinished").mkdir()
    assert newest_run("cnn") == Path("runs/cnn/a")


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no run directory: it has no summary\.json"):
        read_json(tmp_path / "summary.json")
    (tmp_path / "summary.json").write_text('{"cut": ')
    with pytest.raises(InputError, match="damaged"):
        read_json(tmp_path / "summary.json")
    assert read_history(tmp_path) == []
