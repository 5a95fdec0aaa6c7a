"""What a user can get wrong, over all commands: one line on stderr that says what, and status 2.

A table of words on the command line and what the line must hold. The commands run in this process, in an empty folder.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common import cli
from labs.cnn import cnn

PROJECT = Path(__file__).parent.parent

HUGE = "99999999999999999999"
CASES = [
    # A number beyond what it can be.
    ("labs.cnn", "--seed -1", "--seed is -1"),
    ("labs.cnn", "--seed 9223372036854775808", "--seed is 9223372036854775808; it must be at most"),
    ("labs.cnn", f"--epochs {HUGE}", "--epochs is"),
    ("labs.cnn", f"--batch-size {HUGE}", "--batch-size is"),
    ("labs.cnn", f"--limit {HUGE}", "--limit is"),
    ("labs.cnn", f"--model task2 --kernel-size {HUGE}", "--kernel-size is"),
    ("labs.cnn", "--lr inf", "--lr is inf; it must be a finite number"),
    ("labs.cnn", "--lr nan", "--lr is nan"),
    ("labs.cnn", "--lr 1e308", "--lr is 1e+308"),
    ("labs.cnn", "--degrees 1e308", "--degrees is"),
    ("labs.cnn", "--zoom -inf", "--zoom is -inf"),
    ("labs.cnn.classify_2d", "--seed 9223372036854775808", "--seed is"),
    ("labs.cnn.classify_2d", f"--points {HUGE}", "--points is"),
    ("labs.cnn.classify_2d", f"--layers {HUGE}", "--layers is"),
    ("labs.cnn.shapes", f"--batch-size {HUGE}", "--batch-size is"),
    ("labs.cnn.shapes", f"--channels {HUGE}", "--channels is"),
    ("labs.cnn.kernels", "--bias nan", "--bias is nan"),
    ("labs.vae", f"--latent-dim {HUGE}", "--latent-dim is"),
    ("labs.vae", "--beta inf", "--beta is inf"),
    ("labs.vae", "--l2 nan", "--l2 is nan"),
    ("labs.vae.sample", f"--count {HUGE}", "--count is"),
    ("labs.vae.sample", "--seed -1", "--seed is -1"),
    ("labs.vae.latent", f"--side {HUGE}", "--side is"),
    ("labs.gan", f"--latent-dim {HUGE}", "--latent-dim is"),
    ("labs.gan", "--beta1 1", "--beta1 is 1.0"),
    ("labs.gan.gan_1d", "--seed 9223372036854775808", "--seed is"),
    ("labs.gan.gan_2d", "--seed 9223372036854775808", "--seed is"),
    ("labs.gan.gan_2d", f"--steps {HUGE}", "--steps is"),
    ("labs.gan.sample", "--seed -1", "--seed is -1"),
    ("labs.reinforcement_learning", "--initial 1e308", "--initial is"),
    ("labs.reinforcement_learning", "--alpha nan", "--alpha is nan"),
    ("labs.reinforcement_learning", f"--episodes {HUGE}", "--episodes is"),
    (
        "labs.reinforcement_learning",
        "--episodes 150 --block 100",
        "--episodes is 150; it must be a multiple of --block",
    ),
    ("labs.reinforcement_learning.dqn", f"--steps {HUGE}", "--steps is"),
    ("labs.reinforcement_learning.dqn", "--lr 1e30", "--lr is 1e+30"),
    ("labs.reinforcement_learning.policy_gradient", "--lr 1e30", "--lr is 1e+30"),
    ("labs.transfer_learning", f"--train-images {HUGE}", "--train-images is"),
    ("labs.transfer_learning", "--brightness 1", "--brightness is 1.0"),
    ("labs.transfer_learning.labels_per_class", f"--steps {HUGE}", "--steps is"),
    ("labs.transfer_learning.pretrain", "--epochs 0", "--epochs is 0"),
    ("labs.nlp.topics", f"--topics {HUGE}", "--topics is"),
    ("labs.nlp.topics", "--max-share 1.5", "--max-share is 1.5"),
    ("labs.nlp.language_model", f"--context {HUGE}", "--context is"),
    ("labs.nlp.classify", f"--width {HUGE}", "--width is"),
    ("labs.nlp.embeddings", "--subsample 1", "--subsample is 1.0"),
    # Nothing where something is needed.
    ("labs.cnn", "--split ,,", "--split"),
    ("labs.cnn", "--filters ,", "--filters"),
    ("labs.cnn", "--split nan,0.5,0.5", "--split is nan,0.5,0.5; it must be a finite number"),
    ("labs.vae", "--hidden ,", "--hidden"),
    ("labs.reinforcement_learning.dqn", "--hidden ,", "--hidden"),
    ("labs.reinforcement_learning.dqn", "--seeds ,", "--seeds"),
    ("labs.reinforcement_learning", ["--env", ""], "--env is empty"),
    ("labs.transfer_learning", ["--dataset", "digits", "--backbone", ""], "--backbone is empty"),
    ("labs.cnn", ["--dataset", ""], "--dataset"),
    ("labs.cnn", ["--device", ""], "device ''"),
    ("labs.cnn.kernels", ["digit", "--out", ""], "'.' is no file's name"),
    ("labs.nlp", ["--dataset", ""], "dataset ''"),
    ("labs.reinforcement_learning.dqn", ["--env", ""], "environment"),
    # What does not exist, or is something else.
    ("labs.cnn", "--resume nowhere", "nowhere is no run directory"),
    ("labs.vae.sample", "--run nowhere", "nowhere"),
    ("labs.gan.evaluate", "--run nowhere", "nowhere"),
    ("labs.reinforcement_learning.play", "--run nowhere", "nowhere"),
    ("labs.reinforcement_learning.watch", "--run nowhere", "nowhere"),
    ("labs.nlp.generate", "--run nowhere", "nowhere"),
    ("labs.nlp.predict", "--run nowhere text", "nowhere"),
    ("labs.transfer_learning.load_predict", "--run nowhere x.png", "nowhere"),
    ("labs.cnn.load_predict", "", "no run of labs.cnn under runs/cnn"),
    ("labs.cnn.kernels", "nowhere.png", "nowhere.png"),
    ("labs.nlp", "--dataset folder:nowhere", "nowhere"),
    ("labs.nlp.tagging", "--dataset conll:nowhere", "nowhere"),
    ("labs.nlp.embeddings", "--vectors nowhere.txt", "nowhere.txt"),
    ("labs.transfer_learning", "--dataset folder:nowhere", "nowhere"),
    ("labs.transfer_learning", "--dataset digits --weights nowhere.pth", "nowhere.pth"),
    ("labs.reinforcement_learning", "--env Nowhere-v0", "Nowhere"),
    ("labs.reinforcement_learning", "--env CartPole-v1", "CartPole-v1"),
    ("labs.reinforcement_learning.dqn", "--env Pendulum-v1", "Pendulum-v1"),
    ("labs.transfer_learning", "--dataset digits --backbone resnet19", "resnet19"),
    # What two flags forbid each other, and what would be ignored.
    ("labs.cnn", "--dropout 0.5", "--dropout has no effect"),
    ("labs.cnn", "--patience 3", "--patience needs"),
    ("labs.cnn.shapes", "--filters 8,8", "--filters has no effect"),
    ("labs.vae", "--noise 0.5", "--noise has no effect"),
    ("labs.reinforcement_learning", "--decay 0.5", "--decay has no effect"),
    ("labs.reinforcement_learning.dqn", "--priority-alpha 0.1", "--priority-alpha has no effect"),
    ("labs.nlp.classify", "--heads 2", "--heads has no effect"),
    ("labs.transfer_learning", "--dataset digits --unfreeze 1", "--unfreeze"),
]


@pytest.mark.parametrize(("module", "words", "said"), CASES, ids=str)
def test_one_line_that_says_what(module, words, said, capsys):
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):  # a lab's own command is in the file that has its name
        found = importlib.import_module(f"{module}.{module.rsplit('.', 1)[1]}")
    command, kind = {"labs.transfer_learning": ("train", "HyperParams")}.get(module) or re.findall(
        r"cli\.run\(\s*(\w+),\s*(\w+)", Path(found.__file__).read_text(encoding="utf-8")
    )[0]
    with pytest.raises(SystemExit) as end:
        cli.run(getattr(found, command), getattr(found, kind), words.split() if isinstance(words, str) else words)
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if not line.startswith("warning:")]
    assert end.value.code == 2, error
    assert len(lines) == 1, error
    assert lines[0].startswith("error: ") and said in lines[0], error


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of cnn.py that has come to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cnn, "save_figures", lambda *args: None)
        out = tmp_path_factory.mktemp("trained") / "run"
        cnn.train(dataset="digits", limit=32, epochs=1, quiet=True, out=out)
    return out


DAMAGED = [
    ("hyperparams.json", "", "hyperparams.json is damaged"),
    ("hyperparams.json", "null", "hyperparams.json: its content: expected `object`, got `null`"),
    ("hyperparams.json", "[]", "hyperparams.json: its content"),
    ("hyperparams.json", "3", "hyperparams.json: its content"),
    ("hyperparams.json", "{}", "another release"),
    ("hyperparams.json", {"epochs": "two"}, "hyperparams.json: epochs: expected `int"),
    ("hyperparams.json", {"epochs": 1.5}, "hyperparams.json: epochs: expected `int"),
    ("hyperparams.json", {"seed": None}, "seed: expected `int`, got `null`"),
    ("hyperparams.json", {"model": "transformer"}, "model: invalid enum value 'transformer'"),
    ("hyperparams.json", {"optimizer": 7}, "optimizer"),
    ("hyperparams.json", {"schedule": "spiral"}, "schedule: invalid enum value 'spiral'"),
    ("hyperparams.json", {"filters": [3, "x"]}, "filters[1]: expected `int`"),
    ("hyperparams.json", {"seed": -1}, "--seed is -1"),
    ("hyperparams.json", {"command": "labs.gan"}, "a run of labs.gan; a run of labs.cnn is needed"),
    ("hyperparams.json", {"command": 3}, "a run of 3"),
    ("summary.json", "null", "summary.json: its content"),
    ("summary.json", '{"lab": 1}', "summary.json: lab: expected `str`"),
    ("summary.json", {"metrics": [1]}, "summary.json: metrics: expected `object`"),
    ("checkpoint/last.safetensors", "", "last.safetensors is damaged"),
    ("checkpoint/last.safetensors", "{}" * 100, "last.safetensors is damaged"),
]


@pytest.mark.parametrize(("name", "content", "said"), DAMAGED, ids=str)
def test_a_damaged_run_is_named_in_one_line_and_stays_as_it_is(name, content, said, trained, capsys):
    run = Path("run").absolute()
    shutil.copytree(trained, run)
    if isinstance(content, dict):
        content = json.dumps(json.loads((run / name).read_text()) | content)
    (run / name).write_text(content)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as end:
        cli.run(cnn.train, cnn.HyperParams, ["--resume", str(run), "--epochs", "2"])
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error, error
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_file_of_ones_own_called_common_is_named(command, assert_one_line_error):
    Path("common.py").write_text("x = 1\n")
    assert_one_line_error(command("labs.cnn", "--help"), "common.py stands in for the labs' own package")


def test_services_without_streams_and_readers_that_leave():
    run = {"cwd": Path.cwd(), "env": {**os.environ, "PYTHONPATH": str(PROJECT)}, "capture_output": True, "text": True}
    for line, status in (
        ("{python} -m labs | head -0; exit ${{PIPESTATUS[0]}}", 0),
        ("{python} -m labs.cnn.shapes >&- 2>&-", 0),
        ("{python} -m labs shapes <&-", 2),
    ):
        done = subprocess.run(["bash", "-c", line.format(python=sys.executable)], check=False, **run)
        assert done.returncode == status, (line, done.stderr)
        assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr
