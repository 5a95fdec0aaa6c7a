import pytest
import torch
from torch import nn

from common.errors import InputError
from labs.cnn import HyperParams, build_model
from labs.cnn.shapes import layer_table, midterm, shapes


def test_the_midterm_of_november_2024(capsys):
    """Task 1: 320×240 RGB, a batch of 4; the shapes in Julia's order (W, H, C, N)."""
    rows = shapes(model="midterm", batch_size=4)
    assert [row.julia_shape for row in rows] == [
        (316, 236, 32, 4), (158, 118, 32, 4), (156, 116, 32, 4), (78, 58, 32, 4), (76, 56, 16, 4), (38, 28, 16, 4),
        (17_024, 4), (32, 4), (32, 4), (10, 4), (10, 4),
    ]  # fmt: skip
    assert [row.parameters for row in rows if row.parameters] == [2_432, 9_248, 4_624, 544_800, 1_056, 330]
    assert capsys.readouterr().out.splitlines()[-1] == "562,490 parameters in 12 arrays"
    raw = sum(p.numel() * p.element_size() for p in midterm().parameters())
    assert raw / 2**20 == pytest.approx(2.1457, abs=1e-4)


@pytest.mark.parametrize("model", ["course", "lenet", "task2"])
def test_the_table_is_what_the_network_does(model):
    network = build_model(HyperParams(model=model))
    seen = []
    for layer in network:
        layer.register_forward_hook(lambda layer, args, out: seen.append(tuple(out.shape)))
    network(torch.rand(3, 1, 28, 28))
    rows = layer_table(build_model(HyperParams(model=model)), (3, 1, 28, 28))
    assert [row.shape for row in rows] == list(dict.fromkeys(seen))
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in network.parameters())


def test_the_formula_is_spelt_out_with_the_layers_numbers():
    first, pool, *_ = layer_table(build_model(), (1, 1, 28, 28))
    assert first.formula == "⌊(28 + 2·0 − 5)/1⌋ + 1 = 24; (5·5·1 + 1)·16 parameters"
    assert pool.formula == "⌊(24 + 2·0 − 2)/2⌋ + 1 = 12"


@pytest.mark.parametrize("side", range(8, 30))
@pytest.mark.parametrize(("k", "p", "s"), [(5, 0, 1), (3, 1, 1), (3, 1, 2), (2, 0, 2)])
def test_the_formula_is_right(side, k, p, s):
    row = layer_table(nn.Sequential(nn.Conv2d(1, 1, k, padding=p, stride=s)), (1, 1, side, side))[0]
    assert f"= {row.shape[2]};" in row.formula
    if (k, p, s) == (3, 1, 1):  # "same": an odd kernel with p = (k − 1)/2
        assert row.shape[2] == side


def test_another_size_and_colours(capsys):
    rows = shapes(model="course", size=(32, 48), channels=3)
    assert rows[0].julia_shape == (28, 44, 16, 1)
    assert rows[0].parameters == (5 * 5 * 3 + 1) * 16
    assert next(row for row in rows if row.layer.startswith("Dense")).layer == "Dense 960→64"


@pytest.mark.parametrize(
    ("kws", "message"),
    [
        ({"size": (9, 9)}, "9×9 is too small"),
        ({"size": (28,)}, "--size is 28"),
        ({"batch_size": 0}, "--batch-size is 0"),
    ],
)
def test_what_does_not_fit_is_named(kws, message):
    with pytest.raises(InputError, match=message):
        shapes(**kws)
