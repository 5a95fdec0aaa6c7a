"""The preset `fast`: what it sets, and each thing that it is made of against numbers worked out otherwise."""

import signal

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import labs.cnn.cnn as cnn
from common.data import ArrayLoader
from common.datasets import ImageData
from labs.cnn import Data, HyperParams, build_model, get_data, score, train
from labs.cnn.fast import OneCycle, orthogonal, random_shift, strided


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(cnn, "save_figures", lambda *args: None)


def data(n: int) -> Data:
    """n images of noise for training and testing."""
    X, y = torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(n) % 10
    return Data(ImageData("digits", tuple("0123456789"), X, y, X, y), (X, y), None, (X, y))


def test_the_preset_sets_what_is_not_given():
    fast, course = HyperParams(preset="fast", dataset="mnist"), HyperParams(dataset="mnist")
    assert (course.model, course.start, course.schedule) == ("course", "own", "constant")
    assert (course.epochs, course.batch_size, course.lr) == (8, 64, 3e-3)
    assert (fast.model, fast.start, fast.schedule) == ("strided", "orthogonal", "one_cycle")
    own = HyperParams(preset="fast", dataset="mnist", model="lenet", schedule="cosine", epochs=5, lr=1e-3)
    assert (fast.shift, course.shift) == (1, 0)
    assert (own.model, own.schedule, own.epochs, own.lr) == ("lenet", "cosine", 5, 1e-3)
    assert own.batch_size == fast.batch_size
    assert HyperParams(preset="fast").epochs is None  # auto: known with the data
    assert HyperParams(preset="fast", dataset="digits").epochs == 30


def test_the_strided_network_looks_at_the_middle_of_the_field():
    """23×23 pixels from the third row and column on: what lies around them changes nothing, each of them something."""
    network = strided()
    X = torch.rand(1, 1, 28, 28, requires_grad=True)
    network(X).sum().backward()
    seen = X.grad[0, 0] != 0
    assert seen[2:25, 2:25].all()
    assert seen.sum() == 23 * 23


def test_an_orthogonal_start_keeps_lengths():
    """Rows of length √2, at right angles where there are no more of them than columns; columns so where there are."""
    network = orthogonal(cnn.course())
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            W = layer.weight.flatten(1)
            product = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
            torch.testing.assert_close(product, 2 * torch.eye(len(product)), atol=1e-5, rtol=1e-5)
            assert not layer.bias.any()


def test_the_cycle_rises_in_a_straight_line_and_falls_to_almost_nothing():
    loader = ArrayLoader(torch.zeros(40, 1), batch_size=8)  # 5 batches
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    cycle, rates = OneCycle(loader, optimizer, epochs=2, rising=0.3), []
    for epoch in (1, 2):
        cycle.set_epoch(epoch)
        for _ in cycle:
            rates.append(optimizer.param_groups[0]["lr"])
    rising, falling = [1 / 3, 2 / 3, 1], [k / 8 for k in (7, 6, 5, 4, 3, 2, 1)]
    assert rates == pytest.approx([0.5 * share for share in rising + falling])
    assert len(cycle) == 5


def test_a_second_epoch_alone_has_the_rates_of_the_second():
    loader = ArrayLoader(torch.zeros(40, 1), batch_size=8)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cycle = OneCycle(loader, optimizer, epochs=2, rising=0.3)
    cycle.set_epoch(2)
    next(iter(cycle))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(5 / 8)


def test_the_trained_rates_are_the_cycles(monkeypatch):
    """What the optimiser steps with, not what the loader meant."""
    seen, make = [], cnn.make_optimizer

    def watched(*args, **kws):
        optimizer = make(*args, **kws)
        optimizer.register_step_pre_hook(lambda own, *_: seen.append(own.param_groups[0]["lr"]))
        return optimizer

    monkeypatch.setattr(cnn, "make_optimizer", watched)
    train(data(40), preset="fast", epochs=2, batch_size=8, lr=0.1, quiet=True)
    assert len(seen) == 10
    assert max(seen) == pytest.approx(0.1)
    assert seen.index(max(seen)) == 2
    assert seen[-1] == pytest.approx(0.1 / 8)


def test_interrupted_and_resumed_equals_uninterrupted(monkeypatch, tmp_path):
    """Ctrl-C in the second epoch of three: it is done again, with the rates and the shifts it would have had."""
    kws = {"preset": "fast", "batch_size": 8, "epochs": 3, "quiet": True}
    whole, run = train(data(40), out=tmp_path / "whole", **kws)
    calls, own = [], cnn.score

    def stopping(model, batch, *smoothing):
        calls.append(len(batch[1]))
        if len(calls) == 9:  # five steps and one look at the tests are an epoch: the third step of the second
            signal.raise_signal(signal.SIGINT)
        return own(model, batch, *smoothing)

    with monkeypatch.context() as patched:
        patched.setattr(cnn, "score", stopping)
        _, part = train(data(40), out=tmp_path / "half", **kws)
    assert part.interrupted and len(part.history) == 1
    rest, resumed = train(data(40), resume=tmp_path / "half")
    assert [row["train_loss"] for row in resumed.history] == [row["train_loss"] for row in run.history]
    for a, b in zip(whole.state_dict().values(), rest.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_an_image_is_moved_as_a_whole_and_black_comes_in():
    X = torch.rand(200, 1, 6, 5) + 0.1  # nowhere 0
    moved = random_shift(X, 2)
    assert moved.shape == X.shape
    found = set()
    for before, after in zip(X, moved, strict=True):
        for down in range(-2, 3):
            for right in range(-2, 3):
                wide = F.pad(before, [2] * 4)
                if torch.equal(after, wide[:, 2 + down : 8 + down, 2 + right : 7 + right]):
                    found.add((down, right))
    assert len(found) == 25  # each of the ways is drawn among 200 images
    assert random_shift(X, 0) is X


def test_smoothed_labels_cost_as_the_formula_says():
    """(1 − s)·(−ln p_y) + s·(mean of −ln p over the classes); tests and validation are never smoothed."""
    network, (X, y) = build_model(HyperParams()), (torch.rand(6, 1, 28, 28), torch.arange(6))
    logs = -network(X).log_softmax(dim=1)
    by_hand = 0.9 * logs[torch.arange(6), y].mean() + 0.1 * logs.mean()
    assert score(network, (X, y), 0.1)["loss"].item() == pytest.approx(by_hand.item(), rel=1e-5)
    runs = [train(data(20), epochs=1, lr=1e-9, label_smoothing=s, quiet=True)[1].history[0] for s in (0.0, 0.5)]
    assert runs[0]["test_loss"] == pytest.approx(runs[1]["test_loss"], rel=1e-5)
    assert runs[0]["train_loss"] != runs[1]["train_loss"]


def test_what_is_held_out_comes_from_the_training_images():
    args = HyperParams(dataset="digits", hold_out=0.25)
    whole, parts = get_data(HyperParams(dataset="digits"), torch.device("cpu")), get_data(args, torch.device("cpu"))
    assert torch.equal(parts.test[0], whole.test[0])
    assert (len(parts.train[1]), len(parts.val[1])) == (1078, 360)
    together = torch.cat([parts.train[0], parts.val[0]]).flatten(1).sum(dim=1).sort().values
    torch.testing.assert_close(together, whole.train[0].flatten(1).sum(dim=1).sort().values)


def test_the_preset_learns_the_embedded_digits():
    _, run = train(dataset="digits", preset="fast", epochs=6, quiet=True)
    assert run.metrics["test_accuracy"] > 0.9
