from pathlib import Path

import pytest
import torch
from torch import nn

from common.errors import InputError
from common.layers import layer_table
from labs.cnn import HyperParams, build_model
from labs.cnn.shapes import fit_to, formula, midterm, shapes


def table(network: nn.Sequential, shape: tuple[int, ...]):
    return layer_table(fit_to(network, shape), torch.zeros(shape, device="meta"))


def test_the_midterm_of_november_2024(capsys):
    """Task 1: 320×240 RGB, a batch of 4; the shapes in Julia's order (W, H, C, N)."""
    rows = shapes(model="midterm", batch_size=4)
    assert [row.leaving[::-1] for row in rows] == [
        (316, 236, 32, 4), (158, 118, 32, 4), (156, 116, 32, 4), (78, 58, 32, 4), (76, 56, 16, 4), (38, 28, 16, 4),
        (17_024, 4), (32, 4), (32, 4), (10, 4), (10, 4),
    ]  # fmt: skip
    assert [row.parameters for row in rows if row.parameters] == [2_432, 9_248, 4_624, 544_800, 1_056, 330]
    assert capsys.readouterr().out.splitlines()[-1] == "562,490 parameters in 12 arrays"
    raw = sum(p.numel() * p.element_size() for p in midterm().parameters())
    assert raw / 2**20 == pytest.approx(2.1457, abs=1e-4)


@pytest.mark.parametrize("kws", [{"model": m} for m in ("course", "lenet", "task2")] + [
    {"model": "task2", "padding": "same", "stride": 2, "pooling": "none", "batch_norm": True},
    {"model": "task2", "pooling": "average", "kernel_size": 5},
])  # fmt: skip
def test_the_table_is_what_the_network_does(kws, capsys):
    network = build_model(HyperParams(**kws))
    seen = []
    for layer in network:
        layer.register_forward_hook(lambda layer, args, out: seen.append((type(layer), tuple(out.shape))))
    network(torch.rand(3, 1, 28, 28))
    rows = shapes(batch_size=3, **kws)
    changing = [one for one in seen if one[0] not in (nn.ReLU, nn.Tanh)]
    assert [(type(row.module), row.leaving) for row in rows] == changing
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in network.parameters())
    for row in rows:  # the formula's size is the one that torch gives
        if row.module.__class__.__name__.startswith(("Conv", "MaxPool", "AvgPool")):
            assert f"+ 1 = {row.leaving[2]}" in formula(row)


def test_the_formula_is_spelt_out_with_the_layers_numbers(capsys):
    first, pool, *_ = shapes(model="course")
    assert formula(first) == "⌊(28 + 2·0 − 5)/1⌋ + 1 = 24; (5·5·1 + 1)·16 parameters"
    assert formula(pool) == "⌊(24 + 2·0 − 2)/2⌋ + 1 = 12"
    assert "Conv 3×3, 1→32, padding 1" in (shapes(model="task2", padding="same"), capsys.readouterr().out)[1]


@pytest.mark.parametrize(("k", "p", "s"), [(5, 0, 1), (3, 1, 1), (3, 1, 2), (2, 0, 2), (4, 1, 3)])
def test_the_formula_is_right(k, p, s):
    for side in range(8, 30):
        row = table(nn.Sequential(nn.Conv2d(1, 1, k, padding=p, stride=s)), (1, 1, side, side))[0]
        assert f"= {row.leaving[2]};" in formula(row)
        if (k, p, s) == (3, 1, 1):  # "same": an odd kernel with p = (k − 1)/2
            assert row.leaving[2] == side


def test_another_size_and_colours(capsys):
    rows = shapes(model="course", size=(32, 48), channels=3)
    assert rows[0].leaving[::-1] == (28, 44, 16, 1)
    assert rows[0].parameters == (5 * 5 * 3 + 1) * 16
    assert next(row for row in rows if row.name.startswith("Dense")).name == "Dense 960→64"
    padded = shapes(model="task2", padding="same", stride=2, channels=3)  # of the layer that is made anew, too
    assert padded[0].leaving == (1, 32, 14, 14)


def test_the_network_is_drawn(capsys):
    shapes(out=Path("network.png"))
    assert capsys.readouterr().out.splitlines()[-1] == "network.png"
    assert Path("network.png").is_file()


@pytest.mark.parametrize(
    ("kws", "message"),
    [
        ({"size": (9, 9)}, "9×9 is too small"),
        ({"size": (28,)}, "--size is 28"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"model": "midterm", "stride": 2}, "--stride has no effect on midterm"),
        ({"padding": "same"}, "--padding has no effect"),
    ],
)
def test_what_does_not_fit_is_named(kws, message):
    with pytest.raises(InputError, match=message):
        shapes(**kws)
