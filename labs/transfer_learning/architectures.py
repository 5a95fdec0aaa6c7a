"""The networks of the slide, AlexNet to ViT, measured: `python -m labs.transfer_learning.architectures`.

`--draw resnet18` prints one layer by layer and draws it.

Every number but year and idea is taken from the model itself, which is built on torch's meta device: shapes without
numbers in them, so that the 138 million parameters of VGG-16 cost neither memory nor time.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from common import cli, weights
from common.errors import InputError
from common.runs import place
from common.settings import OptionalName, OptionalPath, Settings
from labs.transfer_learning import backbones, characters
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve

if TYPE_CHECKING:
    from common.layers import Layer

# torchvision's name → (year of the paper, what was new in it)
NETWORKS = {
    "alexnet": (2012, "ReLU, dropout, trained on two GPUs: wins ImageNet by ten points"),
    "vgg16": (2014, "3×3 convolutions throughout"),
    "vgg19": (2014, "the same, three layers deeper"),
    "googlenet": (2014, "convolutions of several sizes side by side (inception)"),
    "resnet18": (2015, "skip connections: x + f(x)"),
    "resnet50": (2015, "the same with bottlenecks: 1×1, 3×3, 1×1"),
    "resnet152": (2015, "the same: depth no longer hurts"),
    "squeezenet1_0": (2016, "AlexNet's accuracy with a fiftieth of its parameters"),
    "densenet121": (2016, "every layer sees all before it"),
    "mobilenet_v2": (2018, "1×1, 3×3 for each channel by itself, 1×1: small enough for a telephone"),
    "efficientnet_b0": (2019, "depth, width and image size scaled together"),
    "vit_b_16": (2020, "an image is a sentence of 16×16 patches: attention, no convolution"),
    "convnext_tiny": (2022, "a convolutional network again, with the Transformer's recipe"),
}


@dataclass(frozen=True)
class Request(Settings):
    """Print networks with their layers, parameters, computation and accuracy on ImageNet."""

    models: tuple[str, ...] = tuple(NETWORKS)  # torchvision's names
    draw: OptionalName = None  # print and draw this network's layers instead: torchvision's, or one of the lab's own
    out: OptionalPath = None  # where the drawing goes; none: one in runs/, named after the network

    def check(self) -> None:
        self.refuse_unused({"models": self.draw is None}, "beside --draw")
        self.refuse_unused({"out": self.draw is not None}, "without --draw")


@dataclass(frozen=True)
class Facts:
    """What one network consists of."""

    layers: int  # with weights, on the longest way from the image to the logits
    parameters: int
    multiply_adds: int  # for one image of `image_size` pixels a side
    image_size: int
    features: int  # that the backbone without its head gives
    accuracy: float  # top-1 on ImageNet's validation images, in percent, as published with torchvision's weights


def measure(name: str) -> Facts:
    """The network called `name`, built without numbers in it and measured. InputError if there is no such network."""
    from torch.utils.flop_counter import FlopCounterMode

    network = build_without_numbers(name)
    side = backbones.preparation(name).image_size
    head = backbones.find_head(network)[1]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, side, side, device="meta"))
    return Facts(
        layers=depth(network),
        parameters=sum(p.numel() for p in network.parameters()),
        multiply_adds=counter.get_total_flops() // 2,  # it counts a multiplication and an addition as two
        image_size=side,
        features=head.in_features if isinstance(head, nn.Linear) else head.in_channels,
        accuracy=weights.published_accuracy(name),
    )


def build_without_numbers(name: str) -> nn.Module:
    """torchvision's network on the meta device, without the side exits that some have for training."""
    import torchvision

    if name not in backbones.names() or name in characters.OWN:
        raise InputError(f"{name}: torchvision has no such network; {', '.join(NETWORKS)} are some")
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # two announce that their weights will be drawn otherwise
        try:
            network = torchvision.models.get_model(name, weights=None)
        except NotImplementedError:  # RegNet works its widths out with tensors, which must then hold numbers
            with torch.device("cpu"):
                network = torchvision.models.get_model(name, weights=None).to("meta")
    backbones.cut_side_exits(network)
    return network.eval()


def depth(network: nn.Module) -> int:
    """Layers with weights (convolutions, matrices) on the longest way through the network.

    That is the number in a network's name: VGG-16, ResNet-152, DenseNet-121. An attention layer has two matrices.
    """
    graph = torch.fx.symbolic_trace(network).graph
    longest: dict[torch.fx.Node, int] = {}
    for node in graph.nodes:  # in the order of the computation
        own = weighted_layers(network.get_submodule(node.target)) if node.op == "call_module" else 0
        longest[node] = own + max((longest[before] for before in node.all_input_nodes), default=0)
    return max(longest.values())


def weighted_layers(layer: nn.Module) -> int:
    """How many matrices in a row a layer multiplies with."""
    if isinstance(layer, nn.MultiheadAttention):
        return 2  # to queries, keys and values; and from the heads together
    return int(isinstance(layer, nn.Conv2d | nn.Linear))


def print_table(**kws: Any) -> None:
    """A line per network; with `draw` the layers of one."""
    args = Request(**kws)
    if args.draw:
        draw_layers(args.draw, args.out or Path(f"{place(args)}.png"))
        return
    width = max(map(len, args.models), default=0)
    print(f"{'':{width}}  year  layers  parameters  multiply-adds  image  features  top-1")
    for name in args.models:
        facts = measure(name)
        year, idea = NETWORKS.get(name, ("", ""))
        print(
            f"{name:{width}}  {year:4}  {facts.layers:6}  {facts.parameters / 1e6:8.2f} M  "
            f"{facts.multiply_adds / 1e9:11.2f} G  {facts.image_size:5}  {facts.features:8}  "
            f"{facts.accuracy:4.1f} %  {idea}".rstrip(),
            flush=True,
        )


def draw_layers(name: str, out: Path) -> None:
    """Print a network's layers with their shapes, and draw its blocks; one of the lab's own has a head for ten classes.

    The blocks are those that --unfreeze counts. Within a block a skip connection leads past its layers, and they are
    no row: so a block is drawn as one.
    """
    from common.layers import describe_layers, layer_table, plot_layers
    from common.plots import write_figure

    if name in characters.OWN:
        network: nn.Module = build_model(resolve(HyperParams(dataset="digits", backbone=name, weights="none")))
        X = torch.zeros(1, 3, characters.SIDE, characters.SIDE)
    else:
        network, side = build_without_numbers(name), backbones.preparation(name).image_size
        X = torch.zeros(1, 3, side, side, device="meta")
    print(describe_layers(layer_table(network, X)))
    print(write_figure(out, plot_layers(block_table(network, X), f"{name}: its blocks and their parameters")))


@torch.no_grad()
def block_table(network: nn.Module, X: Tensor) -> list["Layer"]:
    """The network's blocks in the order of the computation, with the shapes that enter and leave them."""
    from common.layers import Layer

    parts = backbones.blocks(network)
    entered: dict[nn.Module, Any] = {}
    left: dict[nn.Module, Any] = {}

    def note(module: nn.Module, entering: tuple[Any, ...], leaving: Any) -> None:
        entered[module], left[module] = tuple(entering[0].shape), tuple(leaving.shape)

    handles = [module.register_forward_hook(note) for _, block in parts for module in (block[0], block[-1])]
    network.eval()(X)
    for handle in handles:
        handle.remove()
    found = []
    for name, block in parts:
        parameters = sum(p.numel() for module in block for p in module.parameters())
        kind = type(block[0]).__name__.replace("NormActivation", ", NormActivation")  # too long for one line
        title = f"{name.removeprefix('backbone.')}, {kind}, {parameters:,}"
        found.append(Layer(block[0], title, entered[block[0]], left[block[-1]], parameters))
    return found


def main() -> None:
    """The command `python -m labs.transfer_learning.architectures`."""
    cli.run(print_table, Request)


if __name__ == "__main__":
    main()
