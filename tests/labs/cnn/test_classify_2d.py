"""The playground in the plane: points, network, and the line its last layer draws."""

from pathlib import Path

import pytest
import torch

from common.errors import InputError
from labs.cnn import classify_2d
from labs.cnn.classify_2d import Playground, build_model, draw_playground, get_data, line_through, train


@pytest.mark.parametrize("shape", ["circle", "spiral", "moons", "random"])
def test_points_are_half_of_each_kind_and_follow_the_seed(shape):
    X, y = get_data(Playground(shape=shape, points=60))
    assert X.shape == (60, 2)
    assert y.bincount().tolist() == [30, 30]
    assert X.abs().max() < 1.3
    assert torch.equal(X, get_data(Playground(shape=shape, points=60))[0])
    assert not torch.equal(X, get_data(Playground(shape=shape, points=60, seed=1))[0])


def test_without_noise_the_shapes_are_exact():
    X, y = get_data(Playground(shape="circle", noise=0.0))
    radius = X.norm(dim=1)
    assert radius[y == 0].max() <= 0.4
    assert radius[y == 1].min() >= 0.7 and radius[y == 1].max() <= 0.9
    X, y = get_data(Playground(shape="spiral", noise=0.0))
    torch.testing.assert_close(X[y == 0], -X[y == 1])


def test_the_network_is_convnetjs_s():
    """Dense 2→6, tanh, 6→2, tanh, 2→2: 18 + 14 + 6 parameters."""
    model = build_model(Playground())
    assert [type(layer).__name__ for layer in model] == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]
    assert sum(p.numel() for p in model.parameters()) == 38
    assert len(build_model(Playground(layers=3))) == 9


def test_it_separates_the_circle_and_a_linear_one_cannot():
    args = Playground()
    assert train(args, *get_data(args))[2] == 1
    linear = Playground(activation="none", hidden=16, layers=3)
    assert train(linear, *get_data(linear))[2] < 0.8


def test_untrained_it_guesses():
    args = Playground(steps=0)
    _, loss, _ = train(args, *get_data(args))
    assert 0.4 < loss < 1.2


def test_the_line_is_where_both_logits_are_equal():
    weight, bias = torch.tensor([3.0, 4.0]), torch.tensor(-10.0)
    for point in line_through(weight, bias):
        assert float(weight @ torch.tensor(point) + bias) == pytest.approx(0, abs=1e-5)
    one, other = line_through(weight, bias)
    assert one == pytest.approx((1.2, 1.6))
    assert one != other


def test_the_surface_agrees_with_the_points():
    figure, text = draw_playground(Playground())
    assert text.startswith("100% of 200 points right, loss 0.0")
    plane, bent = figure.axes
    surface = plane.images[0].get_array()  # rows from below: y, columns: x
    assert surface[40, 40] < 0.5  # the disc in the middle is kind 0
    assert surface[40, 70] > 0.5 and surface[70, 40] > 0.5  # the ring
    assert len(bent.collections) == 2


def test_the_command_writes_the_figure_and_says_what_was_reached(capsys):
    path = classify_2d.play(steps=5, shape="moons", out=Path("a.png"))
    reached, printed = capsys.readouterr().out.splitlines()
    assert "of 200 points right" in reached
    assert Path(printed) == path and path.is_file()


@pytest.mark.parametrize("setting", [{"hidden": 0}, {"layers": 0}, {"points": 1}, {"steps": -1}, {"noise": -0.1}])
def test_bad_settings_are_named(setting):
    (name,) = setting
    with pytest.raises(InputError, match=f"--{name} is"):
        Playground(**setting)
