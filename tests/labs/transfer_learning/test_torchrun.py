"""Two processes with half batches give the weights of one process, to rounding; what cannot be shared is refused."""

import runpy
from pathlib import Path

import pytest
import torch

from common import checkpoint, cli, distributed
from common.errors import InputError
from common.runs import read_history
from labs.transfer_learning import labelled_images, transfer_learning
from labs.transfer_learning.compare_strategies import Comparison
from labs.transfer_learning.labels_per_class import LabelsPerClass
from labs.transfer_learning.loss_landscape import LossLandscape
from labs.transfer_learning.pretrain import Pretraining
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve

# 35 images are batches of 12, 12 and 11: the last one is divided into 6 and 5.
PAIR = {"dataset": "digits", "backbone": "characters", "train_images": 35, "test_images": 51, "epochs": 3}
PAIR |= {"baseline": False, "device": "cpu", "quiet": True}
CASES = {
    "frozen": PAIR,
    "frozen_in_every_epoch": {**PAIR, "no_cache": True},
    "validated": {**PAIR, "split": (0.7, 0.15, 0.15), "lr": 0.02, "patience": 1, "epochs": 6},
    "one_by_one": {**PAIR, "train_images": 5, "batch_size": 1},
    "tuned": {**PAIR, "strategy": "fine_tuning", "weights": "none"},
    "partly_tuned": {**PAIR, "strategy": "fine_tuning", "weights": "none", "unfreeze": 1},
}
SCRIPT = f"""
import functools

import torch
from torch import nn

from common import distributed
from labs.transfer_learning import backbones, labelled_images, transfer_learning
from labs.transfer_learning.pretrained_network import Network, Prepare
from labs.transfer_learning.transfer_learning import train

transfer_learning.save_figures = lambda *args: None
labelled_images.load_bytes = functools.cache(labelled_images.load_bytes)


def plain_network(name):
    "One without BatchNorm."
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 5, 2), nn.ReLU(), nn.Conv2d(4, 8, 3, 2), nn.ReLU(), nn.Flatten())
    head = nn.Sequential(nn.Linear(8 * 36, 16), nn.ReLU(), nn.Linear(16, 10))
    learning = backbone[2] if name == "partly_tuned" else backbone
    return Network(Prepare(backbones.preparation("characters"), 32), backbone, head, [learning])


with distributed.process_group():
    for name, settings in {CASES!r}.items():
        network = plain_network(name) if "tuned" in name else None
        where = str(distributed.world_size())
        train(None, network, **settings, out=where + "/" + name)
"""


def test_two_processes_train_as_one(command, monkeypatch):
    Path("both.py").write_text(SCRIPT)
    done = command("torch.distributed.run", "--standalone", "--nproc-per-node", 2, "both.py", timeout=300)
    assert done.returncode == 0, done.stderr
    for module, name in ((transfer_learning, "save_figures"), (labelled_images, "load_bytes")):
        monkeypatch.setattr(module, name, getattr(module, name))  # what the script puts there is taken away again
    runpy.run_path("both.py")
    for name in CASES:
        one, two = (checkpoint.load(Path(folder) / name / "model.safetensors")[0] for folder in ("1", "2"))
        for key, tensor in one.items():
            torch.testing.assert_close(two[key], tensor, atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")
        ours, theirs = ([list(row.items())[2:] for row in read_history(Path(f"{n}/{name}"))] for n in (1, 2))
        assert [dict(row) for row in ours] == [pytest.approx(dict(row), rel=1e-3, abs=1e-4) for row in theirs], name
        assert ours[0] != ours[-1]


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({}, False),
        ({"baseline": True}, True),
        ({"standardize": True}, True),
        ({"strategy": "fine_tuning"}, True),
        ({"strategy": "from_scratch"}, True),
        ({"strategy": "fine_tuning", "backbone": "squeezenet1_0", "weights": "none"}, False),
    ],
)
def test_batchnorm_that_learns_is_refused(settings, refused, monkeypatch):
    """Each process would normalise by the mean and deviation of its own half of the batch."""
    args = resolve(HyperParams(**{**PAIR, **settings}))
    model = build_model(args)
    transfer_learning.check_shared(model, args)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    if refused:
        with pytest.raises(InputError, match="learns with BatchNorm, .* start it without torchrun, or with"):
            transfer_learning.check_shared(model, args)
    else:
        transfer_learning.check_shared(model, args)


@pytest.mark.parametrize("kind", [Comparison, LabelsPerClass, LossLandscape, Pretraining])
def test_the_other_commands_refuse_torchrun(kind, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(SystemExit) as end:
        cli.run(lambda **kws: pytest.fail("was started"), kind, [], "the command")
    assert end.value.code == 2
    assert "the command runs in one process; start it without torchrun" in capsys.readouterr().err
