import dataclasses
import errno
import json
from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest
import torch

from common import cli
from common.cli import parse
from common.errors import InputError
from common.settings import Floats, TrainingFlags


@dataclass(frozen=True)
class Flags(TrainingFlags):
    """Train something."""

    COMMAND: ClassVar[str] = "labs.test"

    lr: float = 3e-3  # learning rate (η) of the test
    rule: Literal["adam", "sgd"] = "adam"  # update rule
    split: Floats = ()  # shares


def run_with(*words, command=lambda **given: given):
    return cli.run(command, Flags, list(words))


def test_defaults_flags_and_types():
    assert parse(Flags, [])["lr"] == 3e-3
    given = parse(Flags, ["--lr", "0.1", "--split", "0.6,0.4", "--offline", "--limit", "5", "--rule", "sgd"])
    assert (given["lr"], given["split"], given["offline"], given["limit"]) == (0.1, (0.6, 0.4), True, 5)
    assert Flags(**given).rule == "sgd"


def test_help_is_the_comment_behind_the_field(capsys):
    with pytest.raises(SystemExit) as end:
        run_with("--help")
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "learning rate (η) of the test" in text
    assert "Train something." in text
    for field in dataclasses.fields(Flags):
        assert f"--{field.name.replace('_', '-')}" in text


def test_data_dir_is_what_labs_data_names(monkeypatch):
    assert str(Flags().data_dir) == "data"
    monkeypatch.setenv("LABS_DATA", "/there")
    assert str(Flags().data_dir) == "/there"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--lr", "abc"], ["--lr", "abc"]),
        (["--lr", "-1"], ["--lr is -1", "greater than 0"]),
        (["--lr", "nan"], ["--lr is nan"]),
        (["--epochs", "0"], ["--epochs is 0", "at least 1"]),
        (["--epochs", "99999999999999999999"], ["--epochs is 99999999999999999999", "at most 1000000000"]),
        (["--split", ","], ["--split", "X,X,…"]),
        (["--batch-size", "0"], ["--batch-size is 0", "at least 1"]),
        (["--limit", "0"], ["--limit is 0"]),
        (["--seed", "-1"], ["--seed is -1", "at least 0"]),
        (["--lrr", "1"], ["--lrr", "perhaps you meant --lr"]),
        (["--rule", "adamm"], ["adamm", "adam", "sgd"]),
        (["--split", "0.6,x"], ["--split", "0.6,x", "X,X,…"]),
        (["--epochs"], ["--epochs"]),
        (["stray"], ["stray"]),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(words, parts, capsys):
    with pytest.raises(SystemExit) as end:
        run_with(*words, command=lambda **given: Flags(**given))
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


@pytest.mark.parametrize(
    ("raised", "parts"),
    [
        (InputError("line one\n line two"), ["line one line two"]),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), ["runs/x", "No space left", "--out"]),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), ["runs", "Permission denied", "permissions"]),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried"), ["out of memory", "--batch-size"]),
        (MemoryError(), ["out of memory", "--batch-size"]),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), ["--batch-size"]),
    ],
)
def test_what_a_user_can_cause_is_one_line_and_status_2(raised, parts, capsys):
    def command(**given):
        raise raised

    with pytest.raises(SystemExit) as end:
        run_with(command=command)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


def test_a_bug_keeps_its_traceback():
    def command(**given):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_with(command=command)


def test_ctrl_c_outside_the_loop_is_status_130():
    def command(**given):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run_with(command=command)
    assert end.value.code == 130


def test_an_unknown_name_is_a_type_error():
    with pytest.raises(TypeError, match="learning_rate"):
        Flags.of(learning_rate=1.0)


@pytest.fixture
def old_run(tmp_path):
    own = dataclasses.asdict(Flags(epochs=4, split=(0.5, 0.5), lr=0.25, dataset="digits", out=tmp_path))
    text = json.dumps(
        {
            "lab": "test",
            "command": "labs.test",
            **{k: str(v) if k in ("out", "data_dir") else v for k, v in own.items()},
        }
    )
    (tmp_path / "hyperparams.json").write_text(text)
    return tmp_path


def test_resume_takes_the_runs_own_settings(old_run):
    args = Flags.of(**parse(Flags, ["--resume", str(old_run)]))
    assert (args.lr, args.epochs, args.split, args.dataset) == (0.25, 4, (0.5, 0.5), "digits")
    assert args.out == args.resume == old_run


def test_resume_may_have_more_epochs_and_another_place(old_run):
    args = Flags.of(**parse(Flags, ["--resume", str(old_run), "--epochs", "9", "--device", "cpu", "--quiet"]))
    assert (args.epochs, args.device, args.quiet, args.lr) == (9, "cpu", True, 0.25)


def test_resume_may_repeat_a_setting_but_not_change_it(old_run):
    assert Flags.of(**parse(Flags, ["--resume", str(old_run), "--lr", "0.25"])).lr == 0.25
    with pytest.raises(InputError, match="--lr 0.5 cannot be changed by --resume: that run has 0.25"):
        Flags.of(**parse(Flags, ["--resume", str(old_run), "--lr", "0.5"]))
    with pytest.raises(InputError, match="--lr 0.003 cannot"):  # also not to the default
        Flags.of(**parse(Flags, ["--resume", str(old_run), "--lr", "0.003"]))
    with pytest.raises(InputError, match="--out"):
        Flags.of(resume=old_run, out=old_run / "x")


def test_what_is_no_run_cannot_be_resumed(tmp_path):
    with pytest.raises(InputError, match="no run directory"):
        parse(Flags, ["--resume", str(tmp_path)])
    (tmp_path / "hyperparams.json").write_text('{"lab": "gan", "command": "labs.gan"}')
    with pytest.raises(InputError, match="a run of labs.gan; a run of labs.test is needed"):
        parse(Flags, ["--resume", str(tmp_path)])


def test_an_explanation_in_a_frame_of_another_kind_is_taken_as_it_is():
    assert cli._one_line("** no such flag **\n--lrr\n") == "** no such flag ** --lrr; --help lists the flags"


def test_resume_keeps_the_runs_device_unless_another_is_given(old_run):
    record = json.loads((old_run / "hyperparams.json").read_text())
    (old_run / "hyperparams.json").write_text(json.dumps(record | {"device": "cpu"}))
    assert Flags.of(resume=old_run).device == "cpu"
    assert Flags.of(resume=old_run, device="cuda:1").device == "cuda:1"


def test_torchrun_is_refused_unless_the_command_shares_its_batches(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, lines in (("0", 1), ("1", 0)):
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(SystemExit) as end:
            run_with()
        assert end.value.code == 2
        error = capsys.readouterr().err
        assert error.count("\n") == lines
        assert lines == 0 or "without torchrun" in error


def test_a_value_of_thousands_of_characters_does_not_bury_the_message(capsys):
    cli.print_error(f"{'x' * 5000} is none of a, b; choose one")
    line = capsys.readouterr().err
    assert line.startswith("error: xxx") and line.endswith("x is none of a, b; choose one\n") and len(line) < 850
