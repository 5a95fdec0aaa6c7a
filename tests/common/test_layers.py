import torch
from torch import nn

from common.layers import describe_layers, layer_table, plot_layers


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10)
    )


def test_shapes_and_parameters_in_the_order_of_the_calls():
    model = network().train()
    rows = layer_table(model, torch.zeros(3, 1, 15, 15))
    assert [row.leaving for row in rows] == [(3, 4, 6, 6)] * 3 + [(3, 4, 3, 3), (3, 36), (3, 10)]
    assert [row.parameters for row in rows] == [104, 8, 0, 0, 0, 370]
    assert [row.name for row in rows if row.changes] == [
        "Conv 5×5, stride 2, 1→4", "BatchNorm 4", "MaxPool 2×2", "Flatten", "Dense 36→10",
    ]  # fmt: skip
    assert model.training and model[1].training
    assert torch.equal(model[1].running_mean, torch.zeros(4)) and not model[0]._forward_hooks  # nothing was learnt


def test_the_table_as_text():
    text = describe_layers(layer_table(network(), torch.zeros(3, 1, 15, 15)))
    assert "Conv 5×5, stride 2, 1→4  (3, 4, 6, 6)    (6, 6, 4, 3)    104" in text
    assert "ReLU" not in text
    assert text.endswith("482 parameters")


def test_weights_that_are_used_twice_count_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(self.layer(x))

    assert describe_layers(layer_table(Twice(), torch.zeros(1, 2))).endswith("\n6 parameters")


def test_the_drawing_has_a_block_for_each_shape():
    figure = plot_layers(layer_table(network(), torch.zeros(1, 1, 15, 15)), "a $network")
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert [t for t in texts if t.replace("×", "").isdigit()] == ["1×15×15", "4×6×6", "4×3×3", "36", "10"]
    assert "Conv 5×5\nstride 2\n1→4\nBatchNorm\nReLU" in texts
