"""The table of networks, against the numbers that their papers and names tell."""

from pathlib import Path

import pytest
import torch

from common import cli, weights
from labs.transfer_learning import architectures


@pytest.mark.parametrize(
    ("name", "layers", "parameters", "features"),
    [
        ("alexnet", 8, 61_100_840, 4096),
        ("vgg16", 16, 138_357_544, 4096),
        ("googlenet", 22, 6_624_904, 1024),
        ("resnet18", 18, 11_689_512, 512),
        ("squeezenet1_0", 18, 1_248_424, 512),
    ],
)
def test_what_a_network_consists_of(name, layers, parameters, features):
    facts = architectures.measure(name)
    assert (facts.layers, facts.parameters, facts.features) == (layers, parameters, features)
    assert facts.image_size == 224


@pytest.mark.parametrize(("name", "accuracy"), [("alexnet", 56.5), ("vgg16", 71.6), ("resnet50", 80.9)])
def test_the_published_accuracies_are_those_of_torchvisions_pages(name, accuracy):
    assert weights.published_accuracy(name) == pytest.approx(accuracy, abs=0.05)


def test_a_convolution_is_counted_right():
    """AlexNet by hand: its first layer alone is 55² places · 64 filters · 11² · 3 multiply-adds; all 0.71 · 10⁹."""
    assert architectures.measure("alexnet").multiply_adds == pytest.approx(0.7142e9, rel=1e-3)


def test_a_network_is_drawn_layer_by_layer(capsys):
    architectures.print_table(draw="characters_mobile", out=Path("drawn.png"))
    said = capsys.readouterr().out
    assert "Conv 3×3, stride 2, 32→32" in said  # of each channel by itself
    assert "126,794 parameters" in said  # 58 432 of the backbone, 68 362 of the head
    assert Path("drawn.png").is_file()
    blocks = architectures.block_table(
        architectures.build_without_numbers("resnet18"), torch.zeros(1, 3, 224, 224).to("meta")
    )
    assert [block.name.split(",")[0] for block in blocks] == [
        "conv1",
        *(f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)),
        "fc",
    ]
    assert [block.leaving for block in blocks[-2:]] == [(1, 512, 7, 7), (1, 1000)]
    assert sum(block.parameters for block in blocks) == 11_689_512


def test_the_table_and_a_wrong_name(capsys):
    cli.run(architectures.print_table, architectures.Request, ["--models", "resnet18"], "architectures")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and said[1].startswith("resnet18") and "11.69 M" in said[1]
    with pytest.raises(SystemExit) as exit:
        cli.run(architectures.print_table, architectures.Request, ["--models", "resnet19"], "architectures")
    assert exit.value.code == 2
    assert "torchvision has no such network" in capsys.readouterr().err
