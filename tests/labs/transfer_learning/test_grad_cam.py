"""Grad-CAM against the formula worked out by hand, on frozen networks, and its layers in networks of every kind."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import nn

from common import cli
from common.errors import InputError
from common.runs import Run
from labs.transfer_learning import backbones
from labs.transfer_learning.grad_cam import Request, choose_images, choose_layer, draw, grad_cam, map_layers, plot_heat
from labs.transfer_learning.pretrained_network import Network, Prepare, build_model
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import predict


def one_by_one(*weights: float) -> nn.Conv2d:
    """A convolution that multiplies a grey image by each of the numbers: map k is weights[k] · image."""
    layer = nn.Conv2d(1, len(weights), 1, bias=False)
    layer.weight.data = torch.tensor(weights).view(-1, 1, 1, 1)
    return layer


def settings(path: Path, backbone: str, image_size: int, **kws) -> HyperParams:
    kws = {"strategy": "feature_extraction", "dataset": "digits", "weights": "none", "device": "cpu", **kws}
    return resolve(HyperParams(backbone=backbone, image_size=image_size, out=path, quiet=True, **kws))


def save_run(path: Path, backbone: str = "squeezenet1_0", image_size: int = 64, **kws) -> Network:
    args = settings(path, backbone, image_size, **kws)
    model = build_model(args, 10)
    with Run(args) as run:
        run.save_model(model, classes=[f"${i}_" for i in range(10)])
    return model


def test_the_heat_of_a_tiny_network_worked_by_hand():
    """Maps A1 = X and A2 = −2 X of a 2×2 image; logits y0 = sum(U1 · A1) + sum(U2 · A2).

    alpha1 = mean(U1) = (1 + 2 + 3 + 6)/4 = 3, alpha2 = mean(U2) = (4 + 0 + 0 + 0)/4 = 1, so L = relu(3 X − 2 X) = X
    for class 0; for class 1, whose U are the negatives, L = relu(−X) = 0.
    """
    X = torch.tensor([[[[0.1, 0.2], [0.3, 0.4]]]])
    head = nn.Linear(8, 2, bias=False)
    u = torch.tensor([1.0, 2, 3, 6, 4, 0, 0, 0])
    head.weight.data = torch.stack([u, -u])
    layer = one_by_one(1.0, -2.0)
    network = nn.Sequential(layer, nn.Flatten(), head)
    assert torch.allclose(grad_cam(network, X, torch.tensor([0]), layer), X[:, 0])
    assert torch.equal(grad_cam(network, X, torch.tensor([1]), layer), torch.zeros(1, 2, 2))


def test_with_an_average_and_one_layer_behind_the_maps_it_is_cam():
    """Class activation mapping (Zhou et al. 2016): the maps weighted by the class's weights; here over 25 places."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )
    X, classes = torch.rand(6, 3, 7, 7), torch.arange(6) % 5
    with torch.no_grad():
        maps, weights = network[:2](X), network[4].weight[classes]
        cam = (weights[:, :, None, None] * maps).sum(dim=1, keepdim=True).relu() / 25
        expected = F.interpolate(cam, (7, 7), mode="bilinear")[:, 0]
    assert expected.max() > 0
    assert torch.allclose(grad_cam(network, X, classes, network[1]), expected, atol=1e-6)


def test_the_heat_lies_where_the_image_speaks_for_the_class():
    """A map for light and one for nothing; the class counts the light: only the lit corner is hot."""
    layer = one_by_one(1.0, 0.0)
    network = nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    network[3].weight.data = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    X = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    X[..., :4, 4:] = 255
    heat = grad_cam(network, X, torch.tensor([0]), layer)
    assert torch.equal(heat > 0, X[:, 0] > 0)


def test_an_activation_in_place_behind_the_layer_does_not_change_its_maps():
    layer, head, X = nn.Conv2d(1, 4, 3), nn.Linear(4 * 36, 2), torch.rand(2, 1, 8, 8)
    with_copy, in_place = (
        grad_cam(nn.Sequential(layer, relu, nn.Flatten(), head), X, torch.tensor([0, 1]), layer)
        for relu in (nn.ReLU(), nn.ReLU(inplace=True))
    )
    assert with_copy.max() > 0
    assert torch.equal(with_copy, in_place)


@pytest.mark.parametrize("strategy", ["feature_extraction", "from_scratch"])
def test_a_frozen_network_is_looked_into_and_left_as_it_was(strategy):
    model = build_model(settings(Path("run"), "squeezenet1_0", 64, strategy=strategy), 10)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    learns = {name: p.requires_grad for name, p in model.named_parameters()}
    X = torch.randint(256, (2, 1, 28, 28), dtype=torch.uint8)
    _, layer = choose_layer(map_layers(model, X), "features.12")
    heat = grad_cam(model, X, torch.tensor([3, 4]), layer)
    assert heat.shape == (2, 28, 28)
    assert heat.isfinite().all()
    assert (heat.amax(dim=(1, 2)) > 0).any()
    assert learns == {name: p.requires_grad for name, p in model.named_parameters()}
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert not layer._forward_hooks


@pytest.mark.parametrize(
    ("backbone", "image_size", "block", "kind", "side"),
    [
        ("characters", 32, "4", "Residual", 8),  # the last ones have 4×4 places
        ("resnet18", 224, "layer4.1", "BasicBlock", 7),
        ("resnet18", 64, "layer2.1", "BasicBlock", 8),
        ("squeezenet1_0", 160, "features.12", "Fire", 9),
        ("densenet121", 224, "features.denseblock4", "BatchNorm2d", 7),
        ("mobilenet_v3_small", 224, "features.12", "Conv2dNormActivation", 7),
        ("shufflenet_v2_x0_5", 64, "stage2.3", "InvertedResidual", 8),
    ],
)
def test_the_layer_that_is_taken_unless_one_is_named(backbone, image_size, block, kind, side):
    model = build_model(settings(Path("run"), backbone, image_size), 10)
    layers = map_layers(model, torch.rand(1, 3, image_size, image_size))
    name, layer = choose_layer(layers)
    assert (name, type(layer).__name__, layers[name][1]) == (block, kind, side)


def wrapped(backbone: nn.Module, features: int, image_size: int) -> Network:
    preparation = Prepare(backbones.preparation("characters"), image_size)
    return Network(preparation, backbone, nn.Sequential(nn.Linear(features, 10)), [])


def test_of_a_plain_network_the_activations_are_taken():
    """As VGG is built: what the next block sees, not what the ReLU has yet to cut off."""
    vgg = torchvision.models.vgg.VGG(torchvision.models.vgg.make_layers([4, "M", 8, 8]), init_weights=False)
    vgg.avgpool, vgg.classifier = nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Dropout())
    layers = map_layers(wrapped(vgg, 6, 16), torch.rand(1, 3, 16, 16))
    assert {name: side for name, (_, side) in layers.items()} == {"features.0": 16, "features.3": 8, "features.5": 8}
    assert layers["features.5"][0] is vgg.features[6]


def test_a_transformer_is_refused():
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    vit = torchvision.models.VisionTransformer(image_size=32, patch_size=8, **sizes)
    vit.heads = nn.Identity()
    swin = torchvision.models.SwinTransformer([2, 2], 8, [2, 2], [2, 2], [4, 4])
    swin.head = nn.Identity()
    for backbone, features in ((vit, 8), (swin, 16)):
        with pytest.raises(InputError, match="leaves no feature maps .* take a convolutional one"):
            map_layers(wrapped(backbone, features, 32), torch.rand(1, 3, 32, 32))


def test_half_of_the_images_are_mistakes():
    model = save_run(Path("run"), "characters", 32)
    X, y = choose_images(model, settings(Path("other"), "characters", 32), 6)
    assert X.shape == (6, 1, 28, 28)
    assert X.max() == 1
    assert (predict(model, X).argmax(dim=1) != y).tolist() == [True] * 3 + [False] * 3


def test_every_map_of_the_figure_has_its_own_scale():
    heat = torch.stack([torch.full((4, 4), 0.0), torch.eye(4) * 5])[None]
    p = torch.tensor([[0.1, 0.7, 0.2]])
    figure = plot_heat(torch.rand(1, 1, 4, 4), torch.tensor([0]), p, heat, ["a", "b", "c"])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["label: a", "for b\n(70.0%)", "for c\n(20.0%)"]
    named = plot_heat(torch.rand(1, 1, 4, 4), None, p, heat, [r"$\frac$.png"] * 3)
    assert named.axes[1].get_title() == "for \\$\\frac\\$.png\n(70.0%)"  # not read as a formula
    empty, full = (axis.images[1] for axis in figure.axes[1:])
    assert full.get_clim() == (0, 5)
    assert empty.get_array().max() < empty.get_clim()[1]  # nothing speaks for it: nothing is bright


def test_the_command_draws_test_images_and_pictures_and_names_what_is_wrong(capsys):
    save_run(Path("run"))
    Image.effect_noise((90, 50), 60).save("a.png")
    Image.effect_noise((20, 20), 60).save("b.png")
    for words in (["--images", "3"], ["a.png", "b.png", "--layer", "features.7"]):
        path = cli.run(draw, Request, [*words, "--run", "run"], "grad_cam")
        assert path == Path("run/figures/grad_cam.png")
        assert path.stat().st_size > 10_000
        path.unlink()
        assert capsys.readouterr().out.splitlines()[-1] == str(path)
    for words, said in (
        (["a.png", "--layer", "features.1"], "--layer features.1 is none of features.0, features.3"),
        (["--images", "0"], "--images is 0; it must be at least 1"),
        (["--images", "1000000"], "--images is 1000000; it must be at least 1 and at most 100"),
        (["c.png"], "c.png: no such file"),
    ):
        with pytest.raises(SystemExit) as end:
            cli.run(draw, Request, [*words, "--run", "run"], "grad_cam")
        assert end.value.code == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
