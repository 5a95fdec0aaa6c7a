"""Cells by hand against torch's, one step by hand, gradients, adding, gates, attention with and without √d."""

import csv
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.errors import InputError
from labs.nlp import classify, language_model
from labs.nlp.attention import attention
from labs.nlp.cells import cells, explore, gates, scaling
from labs.nlp.cells.adding import CLOSE, GUESSING, LUCK, AddingLoader, draw_sequences
from labs.nlp.cells.equations import CELLS, GRU, LSTM, ORDER, RNN, Affine, of_torch
from labs.nlp.cells.gradients import decay, gradient_lengths, gradient_table, trace

PACKAGE = Path(cells.__file__).parent
LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
TINY = {"epochs": 2, "steps": 3, "batch_size": 8, "width": 6, "longest": 10, "test_sequences": 20, "quiet": True}


def pair(kind):
    """A layer of torch's and the cell by hand with its weights, and a sequence for both."""
    layer = LAYERS[kind](3, 5, batch_first=True)
    return layer, of_torch(layer), torch.randn(4, 9, 3)


# --- The cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYERS)
def test_forwards_the_cell_is_torchs(kind):
    layer, cell, X = pair(kind)
    (ours, state), (theirs, last) = cell(X), layer(X)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    last = last if kind == "lstm" else (last,)
    assert len(state) == len(last) == cell.states
    for own, other in zip(state, last, strict=True):
        torch.testing.assert_close(own, other[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", LAYERS)
def test_backwards_the_cell_is_torchs(kind):
    layer, cell, X = pair(kind)
    weights = torch.randn(4, 9, 5)
    own, other = (X.clone().requires_grad_() for _ in range(2))
    ((cell(own)[0] + layer(other)[0]) * weights).sum().backward()
    torch.testing.assert_close(own.grad, other.grad, atol=1e-6, rtol=1e-5)
    letters = ORDER[kind.upper()]
    for name, theirs in (("W", layer.weight_ih_l0), ("U", layer.weight_hh_l0), ("b", layer.bias_ih_l0)):
        for letter, part in zip(letters, theirs.grad.chunk(len(letters)), strict=True):
            own = getattr(getattr(cell, letter), name).grad
            torch.testing.assert_close(own, part, atol=1e-6, rtol=1e-5)
    if kind == "gru":
        torch.testing.assert_close(cell.b_n.grad, layer.bias_hh_l0.grad[-5:], atol=1e-6, rtol=1e-5)


def test_a_step_of_an_lstm_by_hand():
    """The sheet's exercise: W_i = U_f = 0 and so on, one unit; the numbers are worked there."""
    cell = LSTM(1, 1)
    values = {"i": (1.0, 0.0, 0.0), "f": (0.0, 1.0, 1.0), "o": (0.0, 0.0, 0.0), "g": (1.0, 0.0, 0.0)}
    with torch.no_grad():
        for letter, numbers in values.items():
            gate = cell.get_submodule(letter)
            for name, number in zip("WUb", numbers, strict=True):
                getattr(gate, name).fill_(number)
    (h, c), seen = cell.step(torch.tensor([[1.0]]), (torch.tensor([[0.5]]), torch.tensor([[2.0]])))
    assert seen["i"].item() == pytest.approx(0.7311, abs=1e-4)  # σ(1)
    assert seen["f"].item() == pytest.approx(0.8176, abs=1e-4)  # σ(0.5 + 1)
    assert seen["g"].item() == pytest.approx(0.7616, abs=1e-4)  # tanh(1)
    assert seen["o"].item() == 0.5
    assert c.item() == pytest.approx(0.8176 * 2 + 0.7311 * 0.7616, abs=2e-4) == pytest.approx(2.192, abs=1e-3)
    assert h.item() == pytest.approx(0.5 * math.tanh(2.192), abs=1e-4) == pytest.approx(0.4877, abs=1e-4)
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    assert all(number in text for number in ("0.731", "0.818", "0.762", "2.192", "0.488"))


def test_the_published_gru_resets_before_the_product():
    torch.manual_seed(1)
    ours, theirs = GRU(2, 4), GRU(2, 4, published=True)
    theirs.load_state_dict(ours.state_dict())
    x, h = torch.randn(3, 2), torch.randn(3, 4)
    (as_torch,), seen = ours.step(x, (h,))
    (as_printed,), _ = theirs.step(x, (h,))
    assert not torch.allclose(as_torch, as_printed, atol=1e-3)
    z, r = seen["z"], seen["r"]
    n = torch.tanh(x @ theirs.n.W.T + (r * h) @ theirs.n.U.T)  # Cho et al. 2014, eq. 8; b is 0
    torch.testing.assert_close(as_printed, z * h + (1 - z) * n)
    for cell in (ours, theirs):
        nn.init.constant_(cell.r.b, 50.0)  # r = 1: there is nothing to reset
    torch.testing.assert_close(ours.step(x, (h,))[0], theirs.step(x, (h,))[0])


def test_no_library_layer_is_inside_and_every_parameter_learns():
    for name, kind in CELLS.items():
        cell = kind(2, 4)
        parts = [part for part in cell.modules() if part is not cell]
        assert parts and all(type(part) is Affine for part in parts)
        number = {"rnn": 1, "lstm": 4, "gru": 3}[name]
        assert sum(p.numel() for p in cell.parameters()) == number * (4 * 2 + 4 * 4 + 4) + 4 * (name == "gru")
        cell(torch.randn(3, 5, 2))[0].square().sum().backward()
        assert all(p.grad.isfinite().all() and p.grad.any() for p in cell.parameters())


def test_an_lstm_whose_gates_are_full_forgets_nothing():
    cell = LSTM(2, 3, forget_bias=50.0)
    nn.init.constant_(cell.i.b, -50.0)  # and writes nothing
    state = (torch.zeros(1, 3), torch.tensor([[0.3, -1.0, 2.0]]))
    for _ in range(100):
        state, _ = cell.step(torch.randn(1, 2), state)
    torch.testing.assert_close(state[1], torch.tensor([[0.3, -1.0, 2.0]]))


# --- Gradients over time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CELLS)
def test_gradient_lengths_are_those_of_the_jacobian(kind):
    cell, X = CELLS[kind](2, 4), torch.randn(1, 6, 2)
    found = gradient_lengths(cell, X)
    t = 3  # from the state after three steps on
    start, seen = cell.start(X[:, 0]), {}
    for x in X[:, :t].unbind(dim=1):
        start, seen = cell.step(x, start)

    def rest(*state):
        for x in X[:, t:].unbind(dim=1):
            state, _ = cell.step(x, state)
        return state[0]

    jacobians = list(torch.autograd.functional.jacobian(rest, start))
    if kind == "lstm":  # what c says by h is its own doing, too
        through_h = (seen["o"] * (1 - seen["c"].tanh().square())).detach()
        jacobians[1] = jacobians[1] + jacobians[0] * through_h
    for letter, jacobian in zip("hc", jacobians, strict=False):
        expected = jacobian.square().sum().div(4).sqrt()
        torch.testing.assert_close(found[letter][t - 1], expected, atol=1e-7, rtol=1e-5)
    assert found["h"][-1] == pytest.approx(1) and len(found) == cell.states


def test_a_linear_memory_shortens_gradients_by_its_factor():
    """Near 0 tanh is the identity: with U = 0.5 I each step back halves the gradient."""
    cell = RNN(2, 3)
    with torch.no_grad():
        cell.h.U.copy_(0.5 * torch.eye(3))
        cell.h.W.zero_()
    lengths = gradient_lengths(cell, torch.rand(2, 8, 2))["h"]
    torch.testing.assert_close(lengths.flip(0), 0.5 ** torch.arange(8.0))
    assert decay(lengths) == pytest.approx(0.5)
    rows = gradient_table({"a": {"rnn": {"h": lengths}}})
    assert rows[1] == {"steps_back": 1, "a: rnn h": 0.5} and len(rows) == 8


def test_an_open_forget_gate_lets_the_gradient_pass():
    closed, half, wide = (decay(gradient_lengths(LSTM(2, 8, b), torch.rand(2, 30, 2))["c"]) for b in (-2.0, 1.0, 6.0))
    assert closed < 0.3 < half < 0.95 < wide < 1.2
    cell = GRU(2, 8)
    nn.init.constant_(cell.z.b, 5.0)
    assert decay(gradient_lengths(cell, torch.rand(2, 30, 2))["h"]) == pytest.approx(explore.sigmoid(5.0), abs=0.005)


def test_a_trace_has_every_step():
    cell, X = LSTM(2, 4), torch.randn(5, 2)
    seen = trace(cell, X)
    torch.testing.assert_close(seen["h"], cell(X[None])[0][0])
    assert set(seen) == set("ifogch") and all(values.shape == (5, 4) for values in seen.values())
    torch.testing.assert_close(seen["c"][3], seen["f"][3] * seen["c"][2] + seen["i"][3] * seen["g"][3])


# --- The adding problem ---------------------------------------------------------------------------------------------


def test_two_numbers_are_marked_one_in_each_half():
    X, y = draw_sequences(200, 11, torch.Generator().manual_seed(0))
    marks = X[:, :, 1]
    assert (marks[:, :5].sum(dim=1) == 1).all() and (marks[:, 5:].sum(dim=1) == 1).all()
    first, second = marks[:, :5].argmax(dim=1), marks[:, 5:].argmax(dim=1) + 5
    rows = torch.arange(200)
    torch.testing.assert_close(y, X[rows, first, 0] + X[rows, second, 0])
    assert set(first.tolist()) == set(range(5)) and set(second.tolist()) == set(range(5, 11))


def test_what_guessing_reaches():
    _, y = draw_sequences(200_000, 4, torch.Generator().manual_seed(0))
    assert float((y - 1).square().mean()) == pytest.approx(GUESSING, abs=2e-3)
    assert float(((y - 1).abs() < CLOSE).float().mean()) == pytest.approx(LUCK, abs=3e-3)


def test_an_epoch_is_the_same_whatever_came_before():
    def lengths_and_sums(epoch):
        loader.set_epoch(epoch)
        return [(X.shape[1], y.tolist()) for X, y in loader]

    loader = AddingLoader(5, 3, 4, 9, seed=0, device=torch.device("cpu"))
    first, second = lengths_and_sums(0), lengths_and_sums(1)
    assert lengths_and_sums(0) == first != second
    assert len(first) == len(loader) == 5 and all(4 <= length <= 9 for length, _ in first + second)


def test_a_run_leaves_its_tables_and_can_be_opened(tmp_path):
    model, run = cells.train(**TINY, out=tmp_path / "run")
    loaded = cells.load_run(run.path)
    X, y = draw_sequences(7, 9, torch.Generator().manual_seed(3))
    for name, net in model.items():
        assert torch.equal(cells.predict(loaded.model[name], X), net(X).detach())
    rows = list(csv.DictReader((run.path / "by_length.csv").read_text().splitlines()))
    assert [int(row["length"]) for row in rows] == cells.test_lengths(loaded.settings) == [4, 7, 10, 20]
    X, y = cells.test_sequences(loaded.settings, 10, X.device)
    error = cells.predict(loaded.model["gru"], X) - y
    assert run.metrics["gru_mse"] == pytest.approx(float(error.square().mean()))
    assert run.metrics["gru_accuracy"] == pytest.approx(float((error.abs() < 0.08).float().mean()))
    assert json.loads((run.path / "summary.json").read_text())["metrics"] == run.metrics


def test_the_three_learn_apart():
    """The loss is a sum: what one network does changes no gradient of another."""
    model = cells.build_model(cells.HyperParams(width=4))
    X, y = draw_sequences(5, 6, torch.Generator().manual_seed(0))
    cells.score(model, (X, y))["loss"].backward()
    together = {name: p.grad.clone() for name, p in model["lstm"].named_parameters()}
    model.zero_grad()
    F.mse_loss(model["lstm"](X), y).backward()
    for name, p in model["lstm"].named_parameters():
        torch.testing.assert_close(p.grad, together[name])


def test_same_seed_same_numbers_and_resumed_is_uninterrupted(tmp_path):
    whole = cells.train(**TINY, out=tmp_path / "whole")[1]
    again = cells.train(**TINY, out=tmp_path / "again")[1]
    assert whole.metrics == again.metrics
    cells.train(**{**TINY, "epochs": 1}, schedule="constant", out=tmp_path / "part")
    resumed = cells.train(resume=tmp_path / "part", epochs=2, quiet=True)[1]
    straight = cells.train(**TINY, schedule="constant", out=tmp_path / "straight")[1]
    assert resumed.metrics == straight.metrics


@pytest.mark.slow
def test_what_is_expected_is_reached(tmp_path):
    metrics = cells.train(quiet=True, out=tmp_path / "run")[1].metrics
    assert all(expected.holds(metrics) for expected in cells.EXPECTED), metrics


# --- Plain RNNs in the lab's networks; gates over a sentence ---------------------------------------------------------


def test_a_plain_rnn_reads_and_writes():
    torch.manual_seed(0)
    args = classify.HyperParams(model="rnn", width=8)
    model = classify.build_model(args, vocabulary=30, classes=3)
    assert isinstance(model.unit, nn.RNN) and model.unit.mode == "RNN_TANH"
    short = torch.randint(4, 30, (1, 4))
    batch = torch.cat([F.pad(short, (0, 5)), torch.randint(4, 30, (2, 9))])
    model.eval()
    together = model(batch, torch.tensor([4, 9, 9]))
    torch.testing.assert_close(model(short, torch.tensor([4]))[0], together[0], atol=1e-5, rtol=0)
    for kind, layer in LAYERS.items():
        writer = language_model.build_model(language_model.HyperParams(model=kind, width=8, layers=1), 30).eval()
        assert type(writer.unit) is layer
        tokens = torch.randint(30, (2, 6))
        torch.testing.assert_close(writer(tokens)[:, :4], writer(tokens[:, :4]))  # nobody looks ahead


@pytest.fixture
def reader(tmp_path):
    tiny = {"dataset": "reviews", "limit": 40, "epochs": 1, "width": 8, "quiet": True}
    return lambda model: classify.train(**tiny, model=model, out=tmp_path / model)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_gates_are_those_of_the_trained_layer(kind, reader):
    _, run = reader(kind)
    model, vocabulary = gates.open_run(run.path)
    seen, words = gates.read_gates(model, vocabulary, "The food was not good at all.", 5)
    assert words == ["the", "food", "was", "not", "good"]
    X = vocabulary.encode(["The food was not good at all."], max_length=5)[0]
    forwards = model.unit(model.embedding(X)[None])[0][0, :, :8]
    torch.testing.assert_close(seen["h"], forwards, atol=1e-6, rtol=0)
    assert len(gates.draw_gates(model, vocabulary, "good food").axes) >= 2


def test_what_has_no_gates_is_refused(reader, tmp_path):
    _, run = reader("bag")
    with pytest.raises(InputError, match="no recurrent layer; train one with --model lstm"):
        gates.draw(run=run.path)
    other = cells.train(**TINY, out=tmp_path / "cells")[1]
    with pytest.raises(InputError, match="a run of labs.nlp.classify or labs.nlp.language_model is needed"):
        gates.draw(run=other.path)
    _, run = reader("gru")
    with pytest.raises(InputError, match="no word in this text"):
        gates.draw(run=run.path, text=("  ",))


# --- Attention ------------------------------------------------------------------------------------------------------


def test_the_variance_of_a_dot_product_is_d():
    for d in (4, 64):
        plain, scaled = (scaling.measure(d, 16, 0, way) for way in (False, True))
        assert plain.variance == pytest.approx(d, rel=0.06) and scaled.variance == pytest.approx(1, rel=0.06)
        assert plain.variance == pytest.approx(d * scaled.variance, rel=1e-4)


def test_the_gradient_of_the_softmax():
    scores = torch.randn(5)
    jacobian = torch.autograd.functional.jacobian(lambda s: s.softmax(dim=0), scores)
    assert float(scaling.softmax_gradient(scores.softmax(dim=0))) == pytest.approx(float(jacobian.norm()), rel=1e-5)
    assert float(scaling.softmax_gradient(torch.tensor([0.0, 1.0, 0.0]))) == 0
    # T equal weights: Σp² = 1/T, Σp³ = 1/T²: √(1/T − 1/T²)
    assert float(scaling.softmax_gradient(torch.full((4,), 0.25))) == pytest.approx(math.sqrt(1 / 4 - 1 / 16))


def test_without_the_division_the_softmax_saturates():
    rows = scaling.measure_all(scaling.Request(dimensions=(4, 64, 1024)))
    assert all(a.largest > b.largest for a, b in zip(rows[scaling.PLAIN], rows[scaling.SCALED], strict=True))
    plain, scaled = ([row.gradient for row in rows[way]] for way in (scaling.PLAIN, scaling.SCALED))
    assert plain[0] > plain[1] > plain[2] and plain[-1] < scaled[-1] / 4
    assert scaled[-1] == pytest.approx(scaled[0], rel=0.1)


def test_attention_without_the_root_and_with_a_mask():
    query, key, value = torch.randn(3, 1, 2, 6, 16)
    there = torch.ones(6, 6, dtype=torch.bool).tril()
    mixed, weights = attention(query, key, value, there)
    torch.testing.assert_close(mixed, F.scaled_dot_product_attention(query, key, value, is_causal=True))
    assert (weights.triu(1) == 0).all()
    mixed, _ = attention(query, key, value, there, scaled=False)
    torch.testing.assert_close(mixed, F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=1.0))


# --- The notebook's figures -------------------------------------------------------------------------------------------


def test_what_the_notebook_draws(reader):
    _, said = explore.draw_step(c=2.0, forget=1.5, write=1.0, candidate=1.0, say=0.0)
    assert "= 2.192" in said and "h = o·tanh(c) = 0.500·tanh(2.192) = 0.488" in said
    _, said = explore.draw_lengths(1.0, 6.0, 0.0, 20)
    factors = dict(re.findall(r"(\w+ [hc]) ([\d.]+)", said))
    assert float(factors["RNN h"]) < 0.7 < 0.9 < float(factors["LSTM c"])
    assert "LSTM" in explore.draw_sums(cells.build_model(cells.HyperParams(width=4)), SimpleNamespace(), 12, 0)[1]
    model, run = reader("transformer")
    figure, causal = explore.draw_attention(model, run, "a very good film", 2, True, True)
    shown = figure.axes[0].images[0].get_array()
    assert (shown[0, 1:] == 0).all() and shown[0, 0] == pytest.approx(1)
    assert "adds up to 1.00" in causal and "largest weight 1.00" in causal
    free = explore.draw_attention(model, run, "a very good film", 2, True, False)[1]
    assert free != explore.draw_attention(model, run, "a very good film", 2, False, False)[1] != causal
    with pytest.raises(InputError, match="no attention"):
        explore.draw_attention(nn.Linear(1, 1), run, "a film", 1, True, False)
