"""The playground in the plane: points, network, and the line its last layer draws."""

import math
from pathlib import Path

import pytest
import torch

from common import playground
from common.errors import InputError
from common.playground import Playground, build_model, draw_playground, get_data, line_through, neuron_maps, train


@pytest.mark.parametrize("shape", ["simple", "circle", "spiral", "moons", "random"])
def test_points_are_half_of_each_kind_and_follow_the_seed(shape):
    (X, y), test = get_data(Playground(shape=shape, points=60))
    assert X.shape == (60, 2)
    assert y.bincount().tolist() == [30, 30]
    assert X.abs().max() < 1.3
    assert torch.equal(X, get_data(Playground(shape=shape, points=60))[0][0])
    assert not torch.equal(X, get_data(Playground(shape=shape, points=60, seed=1))[0][0])
    assert len(test[1]) == 1000 and not torch.equal(test[0][:30], X[:30])


def test_without_noise_the_shapes_are_exact():
    X, y = get_data(Playground(shape="circle", noise=0.0))[0]
    radius = X.norm(dim=1)
    assert radius[y == 0].max() <= 0.4
    assert radius[y == 1].min() >= 0.7 and radius[y == 1].max() <= 0.9
    X, y = get_data(Playground(shape="spiral", noise=0.0))[0]
    torch.testing.assert_close(X[y == 0], -X[y == 1])


def test_the_network_is_convnetjs_s():
    """Dense 2→6, tanh, 6→2, tanh, 2→2: 18 + 14 + 6 parameters."""
    model = build_model(Playground())
    assert [type(layer).__name__ for layer in model] == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]
    assert sum(p.numel() for p in model.parameters()) == 38
    assert len(build_model(Playground(layers=3))) == 9


def share_right(**settings) -> float:
    args = Playground(**settings)
    points, _ = get_data(args)
    return train(args, points).accuracy(points)


def test_it_separates_the_circle_and_a_linear_one_cannot():
    assert share_right() == 1
    assert share_right(activation="none", hidden=16, layers=3) < 0.8
    assert share_right(shape="simple", activation="none", noise=0.0) > 0.97


def test_losses_begin_at_chance_and_those_of_new_points_show_learning_by_heart():
    args = Playground(shape="random", points=30, hidden=16, lr=0.02)
    points, test = get_data(args)
    losses = train(args, points, test).losses
    step, first, tested = losses[0]
    assert step == 0 and 0.4 < first < 1.2 and 0.4 < tested < 1.2
    step, last, tested = losses[-1]
    assert step == 400 and last < first - 0.1 and tested > last + 0.3


def test_weight_decay_keeps_the_weights_small():
    args = Playground(weight_decay=0.1, steps=100)
    points, _ = get_data(args)
    sizes = [sum(p.square().sum() for p in train(a, points).model.parameters()) for a in (args, Playground(steps=100))]
    assert sizes[0] < 0.5 * sizes[1]


def test_own_points_are_brought_into_the_plane():
    Path("mine.csv").write_text("x,y,kind\n100,0,0\n300,0,1\n\n200,50,0\n", encoding="utf-8")
    (X, y), test = get_data(Playground(file="mine.csv"))
    assert X.tolist() == [[-1, -0.25], [1, -0.25], [0, 0.25]]
    assert y.tolist() == [0, 1, 0] and test is None
    path = playground.play(file="mine.csv", steps=2)
    assert path == Path("runs/classify_2d_mine.png") and path.is_file()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("0,0,0\n1,1,2\n", "line 2: '1,1,2' is not x,y,kind"),
        ("0,0,0\n1,nan,1\n", "line 2"),
        ("0,0,0\n1,1\n", "line 2"),
        ("1e308,0,0\n1,1,1\n", "line 1"),
        ("0,0,0\n1,1,0\n", "2 points; both kinds are needed"),
        ("", "0 points"),
    ],
)
def test_what_is_no_point_is_named(content, said):
    Path("mine.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        get_data(Playground(file="mine.csv"))
    with pytest.raises(InputError, match="nowhere.csv cannot be read"):
        get_data(Playground(file="nowhere.csv"))
    with pytest.raises(InputError, match="--points has no effect"):
        Playground(file="mine.csv", points=20)


def test_every_hidden_neuron_has_a_map_that_is_its_answer():
    model = build_model(Playground(layers=2, hidden=5))
    maps = neuron_maps(model)
    assert [len(m) for m in maps.values()] == [5, 5, 2]
    place = torch.tensor([[-1.2, 1.2]])  # left, above: rows from below, columns from the left
    for units, depth in zip(maps.values(), (2, 4, 6), strict=True):
        torch.testing.assert_close(units[:, -1, 0], model[:depth](place)[0], atol=1e-5, rtol=0)


def test_the_line_is_where_both_logits_are_equal():
    weight, bias = torch.tensor([3.0, 4.0]), torch.tensor(-10.0)
    for point in line_through(weight, bias):
        assert float(weight @ torch.tensor(point) + bias) == pytest.approx(0, abs=1e-5)
    one, other = line_through(weight, bias)
    assert one == pytest.approx((1.2, 1.6))
    assert one != other


def test_the_surface_agrees_with_the_points():
    figure, text = draw_playground(Playground())
    assert text.startswith("100% of 200 points right, loss 0.0") and "% of 1000 new ones" in text
    plane, bent, curves, *_ = figure.axes
    surface = plane.images[0].get_array()  # rows from below: y, columns: x
    assert surface[80, 80] < 0.5  # the disc in the middle is kind 0
    assert surface[80, 140] > 0.5 and surface[140, 80] > 0.5  # the ring
    assert len(bent.collections) == 2
    red, green, blue, _ = plane.images[0].cmap(0.0)
    assert red > blue and plane.collections[0].get_facecolor()[0][0] > plane.collections[0].get_facecolor()[0][2]
    assert [line.get_label() for line in curves.lines] == ["training points", "new points"]


def test_the_command_writes_the_figure_and_says_what_was_reached(capsys):
    path = playground.play(steps=5, shape="moons", out=Path("a.png"))
    reached, printed = capsys.readouterr().out.splitlines()
    assert "of 200 points right" in reached
    assert Path(printed) == path and path.is_file()


@pytest.mark.parametrize("setting", [{"hidden": 0}, {"layers": 0}, {"points": 1}, {"steps": -1}, {"noise": -0.1}])
def test_bad_settings_are_named(setting):
    (name,) = setting
    with pytest.raises(InputError, match=f"--{name} is"):
        Playground(**setting)


def test_features_are_what_they_say():
    X = torch.tensor([[0.5, -2.0]])
    assert torch.equal(playground.Features("squares")(X), torch.tensor([[0.5, -2.0, 0.25, 4.0, -1.0]]))
    sines = playground.Features("all")(X)[0, 5:]
    torch.testing.assert_close(sines, torch.tensor([math.sin(1.0), math.sin(-4.0)]))


def test_squares_make_the_circle_a_straight_line():
    """x² + y² separates disc and ring: a network without activations is enough, and has no chance without them."""
    right = {}
    for features in ("xy", "squares"):
        args = Playground(features=features, activation="none", steps=300)
        points, test = get_data(args)
        right[features] = train(args, points, test).accuracy(points)
    assert right["xy"] < 0.8 and right["squares"] > 0.98
    assert len(neuron_maps(build_model(Playground(features="all", layers=2)))) == 3


def test_training_is_watched_from_the_first_step_to_the_last():
    texts = [said for _, said in playground.watch(frames=3, steps=20)]
    assert [text.split(":")[0] for text in texts][:: len(texts) - 1] == ["step 0", "step 20"]
    assert len(texts) >= 3
    args = Playground(steps=20)
    assert texts[-1].endswith(draw_playground(args)[1])
