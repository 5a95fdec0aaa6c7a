import dataclasses
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from common import checkpoint
from common.errors import InputError
from common.runs import Run, load, newest, read_history, read_summary
from common.settings import TrainingFlags


@dataclass(frozen=True)
class Flags(TrainingFlags):
    COMMAND: ClassVar[str] = "labs.cnn"


@dataclass(frozen=True)
class Other(TrainingFlags):
    COMMAND: ClassVar[str] = "labs.cnn.other"


FLAGS = Flags(dataset="digits", device="cpu")


def test_a_new_directory_under_runs_named_after_the_time():
    first, second = Run(FLAGS), Run(FLAGS)  # within the same second
    assert first.path != second.path
    assert first.path.parent == Path("runs/cnn")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?", first.path.name)


def test_out_is_the_directory_itself_and_a_run_in_it_is_not_overwritten(tmp_path):
    out = tmp_path / "deep" / "mine"
    assert Run(dataclasses.replace(FLAGS, out=out)).path == out
    with pytest.raises(InputError, match="not empty.*--resume"):
        Run(dataclasses.replace(FLAGS, out=out))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not empty"):
        Run(dataclasses.replace(FLAGS, out=tmp_path / "file"))


def test_every_setting_is_written(tmp_path):
    Run(dataclasses.replace(FLAGS, out=tmp_path / "r", lr=0.5))
    settings = json.loads((tmp_path / "r" / "hyperparams.json").read_text())
    assert settings["not_by_default"] == ["dataset", "lr"]  # device, and where it lies, change no number
    assert set(settings) == {
        "lab",
        "command",
        "not_by_default",
        *(field.name for field in dataclasses.fields(TrainingFlags)),
    }
    assert settings["lr"] == 0.5
    assert settings["out"] == str(tmp_path / "r")


def test_the_last_line_on_stdout_is_the_directory(tmp_path, capsys):
    for quiet in (False, True):
        run = Run(dataclasses.replace(FLAGS, out=tmp_path / str(quiet), quiet=quiet))
        run.finish({"test_accuracy": 0.9}, "test accuracy 90 %")
        lines = capsys.readouterr().out.splitlines()
        assert lines[-1] == str(tmp_path / str(quiet))
        assert len(lines) == (1 if quiet else 2)


def test_at_the_end_a_line_says_what_to_look_at(tmp_path, capsys):
    run = Run(dataclasses.replace(FLAGS, out=tmp_path / "r"))
    (run.path / "figures").mkdir()
    (run.path / "figures" / "curves.png").write_text("")
    run.finish({}, "reached", look=("curves", "not_drawn"), then="python -m labs.cnn.load_predict")
    lines = capsys.readouterr().out.splitlines()
    hint = f"look at {run.path}/figures/curves.png; go on with python -m labs.cnn.load_predict --run {run.path}"
    assert lines == ["reached", hint, str(run.path)]


def test_the_summary_says_what_may_choose_and_how_large_the_network_is(tmp_path):
    run = Run(dataclasses.replace(FLAGS, out=tmp_path / "r"))
    run.save_model(nn.Linear(3, 2))
    run.save_model(nn.Linear(3, 2))  # once more: the same network
    run.kept = 4
    run.finish({}, "")
    summary = read_summary(run.path)
    assert (summary.parameters, summary.kept, summary.better) == (8, 4, {})


def test_deterministic_kernels_are_this_runs_own_wish(tmp_path):
    Run(dataclasses.replace(FLAGS, out=tmp_path / "a", deterministic=True))
    assert torch.are_deterministic_algorithms_enabled()
    Run(dataclasses.replace(FLAGS, out=tmp_path / "b"))
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_summary_has_the_designs_fields(tmp_path):
    run = Run(dataclasses.replace(FLAGS, out=tmp_path / "r"))
    run.history = [{"epoch": 1, "seconds": 2.0, "train_loss": 0.5}]
    run.finish({"test_accuracy": 0.9}, "done")
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    names = ("lab", "dataset", "device", "seed", "epochs", "seconds", "samples_per_second", "metrics", "versions")
    assert all(name in summary for name in (*names, "interrupted"))
    assert summary["versions"]["torch"] == torch.__version__
    assert read_summary(tmp_path / "r").seconds == 2.0


def test_an_error_leaves_a_summary_of_what_there_is(tmp_path):
    with (
        pytest.raises(InputError, match="went wrong. What was reached is in"),
        Run(dataclasses.replace(FLAGS, out=tmp_path / "r")) as run,
    ):
        run.history = [{"epoch": 1, "seconds": 2.0, "test_loss": 0.5}]
        raise InputError("went wrong")
    summary = read_summary(tmp_path / "r")
    assert summary.interrupted is True
    assert summary.metrics == {"test_loss": 0.5}


def test_weights_carry_the_settings_they_belong_to(tmp_path):
    run = Run(dataclasses.replace(FLAGS, out=tmp_path / "r"))
    model = nn.Linear(2, 2)
    run.save_model(model)
    tensors, header = checkpoint.load(tmp_path / "r" / "model.safetensors")
    assert torch.equal(tensors["weight"], model.weight)
    assert (header["lab"], header["dataset"]) == ("cnn", "digits")


def saved(kind: type[TrainingFlags], name: str, seconds: int = 0, **about: Any) -> nn.Module:
    """A run of a network of one layer; the layer."""
    run = Run(kind(dataset="digits", device="cpu", out=Path("runs/cnn") / name))
    model = nn.Linear(2, 3)
    run.save_model(model, **about)
    os.utime(run.path / "model.safetensors", (seconds, seconds))
    return model


def test_the_newest_run_is_the_one_of_the_command_whose_weights_were_written_last():
    with pytest.raises(InputError, match=r"no run of labs\.cnn .*python -m labs\.cnn"):
        newest("labs.cnn")
    for name, seconds in (("b", 100), ("a", 300), ("c", 200)):
        saved(Flags, name, seconds)
    saved(Other, "another", 400)
    Path("runs/cnn/unfinished").mkdir()
    assert newest("labs.cnn") == Path("runs/cnn/a")
    assert newest("labs.cnn.other") == Path("runs/cnn/another")


def test_a_run_is_reopened_with_its_settings_and_what_was_said_about_it():
    model = saved(Flags, "r", classes=["a", "b"])
    loaded = load(None, Flags, lambda args, classes: nn.Linear(len(classes), 3), classes=list[str])
    assert (loaded.path, loaded.settings.dataset, loaded.about) == (
        Path("runs/cnn/r"),
        "digits",
        {"classes": ["a", "b"]},
    )
    assert torch.equal(loaded.model.weight, model.weight)
    assert not loaded.model.training


def build(args: TrainingFlags, **about: Any) -> nn.Module:
    return nn.Linear(2, 3)


def test_another_commands_run_is_not_opened():
    saved(Other, "r")
    with pytest.raises(InputError, match=r"run of labs\.cnn\.other; a run of labs\.cnn is needed"):
        load(Path("runs/cnn/r"), Flags, build)


def change_header(file: Path, **changes: Any) -> None:
    tensors, header = checkpoint.load(file)
    header |= changes
    checkpoint.save(file, tensors, {k: v for k, v in header.items() if v != "gone"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": "gone"}, "another release.*train anew: python -m labs.cnn"),
        ({"lr": "gone"}, "another release"),
        ({"lr": "fast"}, "lr: expected `float`, got `str`"),
        ({"epochs": 1.5}, "epochs: expected `int`"),
        ({"epochs": -1}, "--epochs is -1; it must be at least 1"),
        ({"precision": "float8"}, "precision: invalid enum value 'float8'"),
        ({"data_dir": 7}, "data_dir"),
        ({"about": [1]}, "classes"),
        ({"about": {"classes": "ab"}}, "classes.*expected `array`"),
    ],
)
def test_what_is_wrong_in_a_header_is_named_in_one_line(changes, message):
    saved(Flags, "r", classes=["a"])
    change_header(Path("runs/cnn/r/model.safetensors"), **changes)
    with pytest.raises(InputError, match=message) as error:
        load(Path("runs/cnn/r"), Flags, build, classes=list[str])
    assert "\n" not in str(error.value)


def test_a_directory_without_weights_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no trained network: it has no model.safetensors"):
        load(tmp_path, Flags, build)


def test_out_may_be_a_string():
    assert Run(Flags(out="there")).path == Path("there")


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no run directory: it has no summary\.json"):
        read_summary(tmp_path)
    (tmp_path / "summary.json").write_text('{"cut": ')
    with pytest.raises(InputError, match="damaged"):
        read_summary(tmp_path)
    for wrong in ("null", "[]", "3", "{}", '{"lab": 1}'):
        (tmp_path / "summary.json").write_text(wrong)
        with pytest.raises(InputError, match=r"summary\.json"):
            read_summary(tmp_path)
    assert read_history(tmp_path) == []
    (tmp_path / "history.csv").write_text("epoch,train_loss\n1,two\n")
    with pytest.raises(InputError, match=r"history\.csv is damaged"):
        read_history(tmp_path)


def test_a_resumed_run_stays_as_it_is_until_something_is_written(tmp_path):
    with Run(Flags(out=tmp_path / "r", quiet=True)) as run:
        run.finish({"test_accuracy": 0.5}, "done")
    before = {file: file.read_bytes() for file in (tmp_path / "r").iterdir()}
    with pytest.raises(InputError, match="^went wrong$"), Run(Flags(resume=tmp_path / "r", lr=0.5)):
        raise InputError("went wrong")
    assert {file: file.read_bytes() for file in (tmp_path / "r").iterdir()} == before


def test_a_command_that_only_looks_has_its_place_also_under_python_m(tmp_path):
    """Then its settings are of the module `__main__`."""
    suite = Path(checkpoint.__file__).parents[1]
    words = [sys.executable, "-m", "labs.foundations.constrained", "--bound", "1.0"]
    said = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(suite)}, capture_output=True, text=True
    )
    assert said.stdout.splitlines()[-1] == "runs/foundations/constrained_bound-1.0", said.stderr
    assert (tmp_path / "runs/foundations/constrained_bound-1.0/constrained.png").is_file()
