"""The slides' one-dimensional GAN and the exam's two-dimensional one: every number worked by hand."""

import math

import pytest
import torch

from common.errors import InputError
from labs.gan import gan_1d, gan_2d


def sigma(u):
    return 1 / (1 + math.exp(-u))


def test_slides_questions():
    exact = {
        "G(0)": 1,
        "G(1)": 3,
        "D(3) = σ(0.5)": 0.6224593,
        "D(G(0)) = σ(−0.5)": 0.3775407,
        "L_D = −ln D(3) − ln(1 − D(G(0)))": 0.9481540,
        "L_G = −ln D(G(1))": 0.4740770,
        "∂L_D/∂w, the real part": -3 * (1 - sigma(0.5)),  # −1.1326
        "∂L_D/∂w, the fake part": sigma(-0.5),  # 0.3775
        "∂L_D/∂w": -0.75508,
        "∂L_D/∂b": 0,
    }
    answers = {answer.question: answer for answer in gan_1d.answers()}
    assert answers.keys() == exact.keys()
    for question, value in exact.items():
        assert answers[question].exact == pytest.approx(value, abs=2e-6), question
        if answers[question].slide is not None:  # 0.96 comes of rounding before adding: 0.02 is what that costs
            assert answers[question].slide == pytest.approx(value, abs=0.02), question
    assert answers["∂L_D/∂b"].exact == 0  # exactly


def test_one_step_of_descent_raises_w(tmp_path):
    model = gan_1d.build_model()
    w = model["discriminator"].weight.item()
    real, fake = torch.tensor([[3.0]]), torch.tensor([[1.0]])
    loss = gan_1d.discriminator_loss(model["discriminator"](real), model["discriminator"](fake))
    loss.backward()
    torch.optim.SGD(model["discriminator"].parameters(), lr=0.1).step()
    assert model["discriminator"].weight.item() == pytest.approx(w + 0.1 * 0.75508, abs=1e-5)
    assert model["discriminator"].bias.item() == -1


def test_1d_generator_finds_the_mean_but_a_linear_discriminator_does_not_show_it_the_spread(tmp_path, monkeypatch):
    monkeypatch.setattr(gan_1d, "save_figures", lambda *args: None)
    _, history = gan_1d.train(out=tmp_path)
    assert history[-1]["mean"] == pytest.approx(3, abs=0.15)
    assert history[-1]["spread"] > 0.95  # the real data have 0.816
    assert history[-1]["discriminator_loss"] == pytest.approx(math.log(4), abs=0.05)


def test_2d_sizes_and_equilibrium():
    model = gan_2d.build_model()
    assert [sum(p.numel() for p in net.parameters()) for net in model.values()] == [82, 65]
    half = torch.full((8, 1), 0.5)
    assert gan_2d.discriminator_loss(half, half).item() == pytest.approx(1.3863, abs=1e-4)
    assert gan_2d.generator_loss(half).item() == pytest.approx(0.6931, abs=1e-4)
    zero = torch.zeros(8, 1)
    assert gan_2d.generator_loss(zero).item() == pytest.approx(-math.log(1e-8), rel=1e-5)


def test_2d_data_and_coverage():
    X = gan_2d.real_data(4000)
    upper = X[X.sum(dim=1) > 0]
    assert len(upper) / len(X) == pytest.approx(0.5, abs=0.03)
    assert upper.mean(dim=0).tolist() == pytest.approx([2, 2], abs=0.05)
    assert upper.std(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    assert gan_2d.modes_covered(X) == 2
    assert gan_2d.modes_covered(upper) == 1
    assert gan_2d.modes_covered(torch.zeros(100, 2)) == 0


def test_2d_the_exams_hundred_steps_hardly_move_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gan_2d, "save_figures", lambda *args: None)
    gan_2d.train(steps=100, out=tmp_path)
    assert capsys.readouterr().out.startswith("0 of 2 clusters covered")


@pytest.mark.slow
def test_2d_five_thousand_steps_cover_both_clusters(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gan_2d, "save_figures", lambda *args: None)
    gan_2d.train(out=tmp_path)
    assert capsys.readouterr().out.startswith("2 of 2 clusters covered")


@pytest.mark.parametrize(("kind", "kws"), [(gan_1d, {"steps": 0}), (gan_1d, {"hidden": -1}), (gan_2d, {"lr": 0.0})])
def test_settings_out_of_range_are_refused(kind, kws):
    with pytest.raises(InputError, match="it must be"):
        kind.HyperParams(**kws)
