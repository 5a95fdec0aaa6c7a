"""The lab as a student runs it: in a process of its own, from an empty folder, with no network."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from common import checkpoint

PROJECT = Path(__file__).parent.parent.parent.parent
TINY = ("--dataset", "digits", "--limit", "64", "--epochs", "1", "--seed", "3")


def losses(run: Path) -> list[str]:
    with (run / "history.csv").open() as file:
        return [row["train_loss"] for row in csv.DictReader(file)]


def test_one_command_trains_and_the_next_ones_use_the_run(command):
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

    read = command("labs.cnn.load_predict")
    assert read.returncode == 0, read.stderr
    assert len(read.stdout.splitlines()) == 5  # three pictures, where to look, and what would read better

    again = command("labs.cnn", *TINY, "--quiet", "--out", "runs/cnn/second", "--lr", "1e-4")
    assert again.stdout == "runs/cnn/second\n"
    compared = command("labs", "compare", run, "runs/cnn/second")
    assert compared.returncode == 0, compared.stderr
    assert "| lr " in compared.stdout
    assert Path(compared.stdout.splitlines()[-1].removeprefix("curves: ")).is_file()


def test_without_the_network_auto_uses_the_digits_and_says_so(command):
    done = command("labs.cnn", "--offline", "--limit", "64", "--epochs", "1")
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
def test_bad_input_is_one_line(command, assert_one_line_error, words, parts):
    assert_one_line_error(command("labs.cnn", *words), *parts)


def test_without_a_compiler_compile_is_refused_in_one_line(command, assert_one_line_error):
    assert_one_line_error(command("labs.cnn", *TINY, "--compile", CXX="/nonexistent"), "leave --compile away")


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays_whole(command, assert_one_line_error):
    """No file may grow beyond 300 kB: the checkpoint fits until the optimiser's moments join it."""
    Path("limit.py").write_text(
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "sys.argv = ['labs.cnn', *sys.argv[1:]]\n"
        "runpy.run_module('labs.cnn', run_name='__main__')\n"
    )
    done = command(
        "limit", *TINY, "--out", "r", PYTHONPATH=f"{Path.cwd()}:{os.environ.get('PYTHONPATH', '')}:{PROJECT}"
    )
    assert_one_line_error(done, "File too large")
    assert not list(Path("r").rglob("*.partial"))
    assert json.loads(Path("r/summary.json").read_text())["interrupted"] is True


LONG = ("--dataset", "digits", "--epochs", "6", "--batch-size", "8", "--model", "task2", "--filters", "4,8")
LONG += ("--dropout", "0.2", "--degrees", "10")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    subprocess.run(
        [sys.executable, "-m", "labs.cnn", *LONG, "--out", out, "--quiet"],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)},
    )
    return out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_and_resumed_equals_uninterrupted(command, uninterrupted, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "labs.cnn", *LONG, "--out", "run"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while not Path("run/history.csv").is_file() or len(losses(Path("run"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=100)
    if number == signal.SIGKILL:
        assert not Path("run/summary.json").exists()
    else:
        assert process.returncode == 130, err
        assert out.splitlines()[-1] == "run"
        summary = json.loads(Path("run/summary.json").read_text())
        assert summary["interrupted"] is True
        assert 2 <= summary["epochs"] < 6
        assert Path("run/model.safetensors").is_file()
    done = command("labs.cnn", "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert losses(Path("run")) == losses(uninterrupted)
    assert json.loads(Path("run/summary.json").read_text())["interrupted"] is False
    ours, _ = checkpoint.load(Path("run/model.safetensors"))
    theirs, _ = checkpoint.load(uninterrupted / "model.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_two_processes_equal_one_with_the_same_global_batch(command):
    flags = (
        "--dataset",
        "digits",
        "--epochs",
        "2",
        "--limit",
        "499",  # the last batch has 51 samples, 26 and 25
        "--batch-size",
        "64",
        "--optimizer",
        "sgd",
        "--lr",
        "0.1",
    )
    one = command("labs.cnn", *flags, "--out", "one")
    assert one.returncode == 0, one.stderr
    two = command(
        "torch.distributed.run", "--nproc-per-node", "2", "-m", "labs.cnn", *flags, "--out", "two", timeout=300
    )
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


def test_help_shapes_and_lists(command):
    assert "--batch-size" in command("labs.cnn", "--help").stdout
    assert "30,810 parameters" in command("labs.cnn.shapes").stdout
    assert "python -m labs.cnn" in command("labs").stdout
    listed = command("labs", "fetch").stdout
    assert "mnist" in listed
    assert "missing" in listed
    assert "auto    means" in command("common.device").stdout


def test_a_terminal_without_greek_letters_is_no_obstacle(command):
    for words in (("labs.cnn", "--help"), ("labs.cnn.shapes",)):
        done = command(*words, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr


def test_labs_refuses_what_it_does_not_know(command, assert_one_line_error):
    assert_one_line_error(command("labs", "train"), "'train' is no command", "compare")
    assert_one_line_error(command("labs", "fetch", "imagenet"), "imagenet", "mnist")
    assert_one_line_error(command("labs", "compare", "nowhere"), "nowhere is no run")
