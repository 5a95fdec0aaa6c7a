"""The first network: sizes, gradients, numbers, learning, the same again, and what stops learning by heart."""

import math

import pytest
import torch

from common import cli
from common.datasets import load_images
from common.errors import InputError
from labs.foundations import foundations
from labs.foundations.foundations import HyperParams, build_model, get_data, load_run, predict, score, train

TINY = {"dataset": "digits", "limit": 60, "epochs": 2, "batch_size": 16, "hidden": (8,), "quiet": True, "device": "cpu"}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(foundations, "save_figures", lambda *args: None)


def test_shapes_and_parameters():
    model = build_model()
    assert model(torch.zeros(4, 1, 28, 28)).shape == (4, 10)
    assert sum(p.numel() for p in model.parameters()) == (784 + 1) * 128 + (128 + 1) * 64 + (64 + 1) * 10 == 109_386


def test_an_untrained_network_prefers_nothing():
    X, y = load_images("digits", "data").X_test, load_images("digits", "data").y_test
    assert score(build_model(), (X, y))["loss"].item() == pytest.approx(math.log(10), abs=0.05)


def test_every_parameter_gets_a_gradient():
    model = build_model(HyperParams(dropout=0.2))
    score(model, (torch.rand(32, 1, 28, 28), torch.arange(32) % 10))["loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_one_batch_is_learnt_by_heart():
    data = get_data(HyperParams(dataset="digits", limit=16), torch.device("cpu"))
    _, run = train(data, dataset="digits", limit=16, batch_size=16, epochs=150, quiet=True, device="cpu")
    assert run.history[-1]["train_loss"] < 0.05


def test_three_parts_that_share_nothing():
    data = get_data(HyperParams(dataset="digits"), torch.device("cpu"))
    sizes = {name: len(y) for name, (_, y) in foundations.parts(data).items()}
    assert sizes == {"training": 1150, "validation": 288, "test": 359}
    rows = {name: {x.numpy().tobytes() for x in X} for name, (X, _) in foundations.parts(data).items()}
    assert not rows["training"] & rows["validation"] and not rows["training"] & rows["test"]


def test_same_seed_same_numbers_and_resumed_is_uninterrupted(tmp_path):
    _, whole = train(**TINY, out=tmp_path / "whole")
    _, again = train(**{**TINY, "epochs": 1}, out=tmp_path / "again")
    model, resumed = train(resume=tmp_path / "again", epochs=2, quiet=True)
    for a, b in zip(whole.history, resumed.history, strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}
    X = torch.rand(5, 1, 28, 28)
    assert torch.equal(predict(load_run(tmp_path / "again").model, X), predict(model, X))


def test_patience_keeps_the_best_epoch(tmp_path):
    _, run = train(**{**TINY, "epochs": 40, "lr": 0.03, "patience": 3}, out=tmp_path / "r")
    losses = [row["val_loss"] for row in run.history]
    assert len(losses) < 40 and run.kept == 1 + losses.index(min(losses)) == len(losses) - 3


def test_weight_decay_makes_weights_smaller(tmp_path):
    sizes = []
    for name, l2 in (("a", 0.0), ("b", 0.1)):
        model, _ = train(**{**TINY, "epochs": 10}, l2=l2, out=tmp_path / name)
        sizes.append(sum(p.square().sum() for p in model.parameters()))
    assert sizes[1] < 0.7 * sizes[0]


def test_what_is_said(tmp_path, capsys):
    cli.run(train, HyperParams, f"--dataset digits --limit 60 --epochs 1 --device cpu --out {tmp_path / 'r'}".split())
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "autograd: of z² + 2z at z = 3 the derivative is 2z + 2 = 8"
    assert lines[2] == "109,386 parameters; digits: 60 training, 288 validation, 359 test; cpu"
    assert "ln 10 = 2.303" in lines[3]


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="--patience is 0"):
        HyperParams(patience=0)
    with pytest.raises(InputError, match="--dropout is 1"):
        HyperParams(dropout=1.0)
    with pytest.raises(InputError, match="--l2 is -1"):
        HyperParams(l2=-1.0)


@pytest.mark.gpu
def test_a_step_on_the_gpu_is_one_on_the_cpu():
    X, y = torch.rand(8, 1, 28, 28), torch.arange(8)
    grads = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        model = build_model().to(device)
        score(model, (X.to(device), y.to(device)))["loss"].backward()
        grads.append(model[1].weight.grad.cpu())
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("expected", foundations.EXPECTED, ids=str)
def test_what_is_expected_is_reached(expected):
    _, run = train(**expected.settings, quiet=True, device="cpu")
    assert expected.holds(run.metrics)
