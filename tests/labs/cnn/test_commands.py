"""The lab as a student runs it: from an empty folder, with no network, where it matters in a process of its own."""

import csv
import json
import signal
from pathlib import Path

import pytest
import torch

from common import checkpoint
from labs.cnn import cnn

TINY = ("--dataset", "digits", "--limit", "64", "--epochs", "1", "--seed", "3")
# The command without its figures, which take longer to draw than such trainings.
PLAIN = "from labs.cnn import cnn; cnn.save_figures = lambda *args: None; cnn.main()"


def losses(run: Path) -> list[str]:
    with (run / "history.csv").open() as file:
        return [row["train_loss"] for row in csv.DictReader(file)]


def test_one_command_trains_and_the_next_ones_use_the_run(command, here, monkeypatch):
    done = command("labs.cnn", *TINY)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *said, reached, look, path = done.stdout.splitlines()
    assert reached.startswith("test accuracy")
    assert said[-1].startswith("hardest classes: ")
    assert look.startswith("look at ") and look.endswith(f"go on with python -m labs.cnn.load_predict --run {path}")
    assert any(line.startswith("epoch 1/1") for line in said)
    run = Path(path)
    assert run.parent == Path("runs/cnn")
    assert (run / "model.safetensors").is_file()
    assert len(list((run / "figures").iterdir())) == 9

    read = here("labs.cnn.load_predict")
    assert read.returncode == 0, read.stderr
    assert len(read.stdout.splitlines()) == 5  # three pictures, where to look, and what would read better

    monkeypatch.setattr(cnn, "save_figures", lambda *args: None)
    again = here("labs.cnn", *TINY, "--quiet", "--out", "runs/cnn/second", "--lr", "1e-4")
    assert again.stdout == "runs/cnn/second\n"
    compared = here("labs", "compare", run, "runs/cnn/second")
    assert compared.returncode == 0, compared.stderr
    assert "| lr " in compared.stdout
    assert Path(compared.stdout.splitlines()[-1].removeprefix("curves: ")).is_file()


def test_without_the_network_auto_uses_the_digits_and_says_so(command):
    Path("plain.py").write_text(PLAIN)
    done = command("plain", "--offline", "--limit", "64", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    first, *how = done.stderr.splitlines()  # what happens, then how to get MNIST
    assert first.startswith("warning: using the embedded digits")
    assert "mnist is not under data" in how[0] and max(map(len, how)) <= 120
    assert json.loads((Path(done.stdout.splitlines()[-1]) / "summary.json").read_text())["dataset"] == "digits"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--lrr", "1"], ["--lrr"]),
        (["--model", "resnet"], ["resnet", "lenet"]),
        (["--device", "cuda:77"], ["cuda:77"]),
        (["--dataset", "kmnist", "--offline"], ["kmnist", "train-images-idx3-ubyte.gz", "data/KMNIST/raw"]),
        (["--resume", "nowhere"], ["nowhere is no run"]),
        (["--dataset", "digits", "--split", "0.6,0.3,0.3"], ["sum to 1"]),
        (["--dataset", "digits", "--lr", "1e8", "--epochs", "2", "--optimizer", "sgd"], ["loss is", "lower --lr"]),
        (["--dataset", "digits", "--out", "/proc/nothing"], ["/proc/nothing"]),
    ],
)
def test_bad_input_is_one_line(here, assert_one_line_error, words, parts):
    assert_one_line_error(here("labs.cnn", *words), *parts)


def test_without_a_compiler_compile_is_refused_in_one_line(command, assert_one_line_error):
    done = command("labs.cnn", *TINY, "--compile", timeout=300, CXX="/nonexistent")
    assert_one_line_error(done, "leave --compile away")


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays_whole(here, assert_one_line_error):
    """No file may grow beyond 300 kB: the checkpoint fits until the optimiser's moments join it."""
    resource = pytest.importorskip("resource")  # not on every system
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        done = here("labs.cnn", *TINY, "--out", "r")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_one_line_error(done, "File too large")
    assert not list(Path("r").rglob("*.partial"))
    assert json.loads(Path("r/summary.json").read_text())["interrupted"] is True


LONG = ("--dataset", "digits", "--epochs", "6", "--limit", "64", "--batch-size", "8", "--model", "task2")
LONG += ("--filters", "4,8", "--dropout", "0.2", "--degrees", "10")
INTERRUPTED = """
import os, sys
from labs.cnn import cnn

score, number, calls = cnn.score, int(sys.argv.pop(1)), 0

def interrupted(*args, **kws):
    global calls
    calls += 1
    if calls == 22:  # in the third epoch: eight steps and an evaluation are one
        os.kill(os.getpid(), number)
    return score(*args, **kws)

cnn.score, cnn.save_figures = interrupted, lambda *args: None
cnn.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_and_resumed_equals_uninterrupted(command, here, monkeypatch, number):
    monkeypatch.setattr(cnn, "save_figures", lambda *args: None)
    Path("interrupted.py").write_text(INTERRUPTED)
    done = command("interrupted", int(number), *LONG, "--out", "run")
    if number == signal.SIGKILL:
        assert done.returncode == -signal.SIGKILL
        assert not Path("run/summary.json").exists()
    else:
        assert done.returncode == 130, done.stderr
        assert done.stdout.splitlines()[-1] == "run"
        summary = json.loads(Path("run/summary.json").read_text())
        assert summary["interrupted"] is True
        assert summary["epochs"] == 2
        assert Path("run/model.safetensors").is_file()
    assert len(losses(Path("run"))) == 2
    for words in (["--resume", "run"], [*LONG, "--out", "whole"]):
        done = here("labs.cnn", *words)
        assert done.returncode == 0, done.stderr
    assert losses(Path("run")) == losses(Path("whole"))
    assert json.loads(Path("run/summary.json").read_text())["interrupted"] is False
    ours, theirs = (checkpoint.load(Path(name, "model.safetensors"))[0] for name in ("run", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_two_processes_equal_one_with_the_same_global_batch(command, here, monkeypatch):
    monkeypatch.setattr(cnn, "save_figures", lambda *args: None)
    flags = ("--dataset", "digits", "--epochs", "2", "--batch-size", "64", "--optimizer", "sgd", "--lr", "0.1")
    flags += ("--limit", "243")  # the last batch has 51 samples, 26 and 25
    one = here("labs.cnn", *flags, "--out", "one")
    assert one.returncode == 0, one.stderr
    Path("plain.py").write_text(PLAIN)
    two = command("torch.distributed.run", "--nproc-per-node", "2", "plain.py", *flags, "--out", "two", timeout=300)
    assert two.returncode == 0, two.stderr
    assert two.stdout.splitlines()[-1] == "two"
    assert two.stdout.count("epoch 2/2") == 1  # one process prints
    a, b = (json.loads(Path(f"{run}/summary.json").read_text())["metrics"] for run in ("one", "two"))
    assert a["test_loss"] == pytest.approx(b["test_loss"], rel=1e-3)
    assert a["test_accuracy"] == pytest.approx(b["test_accuracy"], abs=0.003)  # one of 359 test images
    one_losses, two_losses = ([float(x) for x in losses(Path(run))] for run in ("one", "two"))
    assert one_losses == pytest.approx(two_losses, rel=1e-4)
    ours, theirs = (checkpoint.load(Path(f"{run}/model.safetensors"))[0] for run in ("one", "two"))
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], atol=1e-4, rtol=1e-3)


def test_help_shapes_and_lists(here):
    assert "--batch-size" in here("labs.cnn", "--help").stdout
    assert "30,810 parameters" in here("labs.cnn.shapes").stdout
    listed = here("labs", "fetch").stdout
    assert "mnist" in listed
    assert "missing" in listed


def test_a_terminal_without_greek_letters_is_no_obstacle(command):
    done = command("labs.cnn", "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_labs_refuses_what_it_does_not_know(here, assert_one_line_error):
    assert_one_line_error(here("labs", "fetch", "imagenet"), "imagenet", "mnist")
    assert_one_line_error(here("labs", "compare", "nowhere"), "nowhere is no run")
