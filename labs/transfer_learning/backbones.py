"""Networks cut in two: a backbone that turns an image into features, and the place of the head it came with.

Any classification model of torchvision serves, by name; where its head is, is read from its structure. `characters`
and `characters_mobile` are the lab's own small networks, for where nothing can be fetched.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from common import weights
from common.errors import InputError
from common.shared_batches import BATCH_NORMS
from labs.transfer_learning import characters
from labs.transfer_learning.characters import OWN

NORMS = (*BATCH_NORMS, nn.LayerNorm, nn.GroupNorm)


@dataclass(frozen=True)
class Preparation:
    """How images must come to a backbone: side in pixels, mean and standard deviation of red, green and blue."""

    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def names() -> list[str]:
    """Every backbone there is."""
    import torchvision  # here, as everywhere in the lab: it takes a second, which --help need not wait for

    return [*OWN, *torchvision.models.list_models(module=torchvision.models)]


def check_name(name: str) -> None:
    """InputError unless there is such a backbone."""
    if name not in names():
        raise InputError(f"--backbone {name} is none of {', '.join(names())}")


def preparation(name: str) -> Preparation:
    """What the backbone's published weights were trained with."""
    if name in OWN:
        return Preparation(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    published = weights.published(name).transforms()
    return Preparation(published.crop_size[0], tuple(published.mean), tuple(published.std))


def build_backbone(name: str, tensors: dict[str, Tensor] | None = None, source: object = "") -> tuple[nn.Module, int]:
    """The network without its last layer, and how many features it gives: images (N, 3, S, S) → (N, features).

    `tensors` are its weights under torchvision's names, `source` the file they are from; without them they are drawn.
    Raises InputError if they belong to another network.
    """
    if name in OWN:
        network = characters.build_backbone(name)
        if tensors is not None:
            weights.put(tensors, network, source, name)
        with torch.inference_mode():
            return network, network.eval()(torch.zeros(1, 3, 32, 32)).shape[1]
    import torchvision

    with warnings.catch_warnings():  # two of them announce that their weights will be drawn otherwise some day
        warnings.simplefilter("ignore", FutureWarning)
        network = torchvision.models.get_model(name, weights=None)
    head, layer = find_head(network)
    if tensors is not None:
        weights.put(tensors, network, source, name, head)
    cut_side_exits(network)
    parent, _, last = head.rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())
    return network, layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def cut_side_exits(network: Any) -> None:
    """Take away GoogLeNet's and Inception's side exits, which are for training on ImageNet."""
    for child in [child for child, _ in network.named_children() if child.lower().startswith("aux")]:
        setattr(network, child, None)
        network.aux_logits = False


def find_head(network: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """Name and layer of a classification network's last layer: a Linear, or SqueezeNet's 1×1 convolution.

    torchvision calls it fc, classifier.N, head or heads.head; it is always the last of its kind.
    """
    return [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]


def blocks(backbone: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """The backbone's blocks in the order of the computation, those without parameters left out.

    A block is what `--unfreeze` counts: a residual block, a transformer layer, a plain convolution with its
    normalisation. Found by walking down through sequences of modules.
    """
    found: list[tuple[str, list[nn.Module]]] = []
    for name, module in _walk(backbone, ""):
        if not list(module.parameters()):
            continue
        if isinstance(module, NORMS) and found:
            found[-1][1].append(module)
        else:
            found.append((name, [module]))
    return found


def _walk(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        stack = any(_holds_blocks(part) for part in child.children())  # a transformer's encoder, say
        if type(child) in (nn.Sequential, nn.ModuleList) or stack:
            yield from _walk(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _holds_blocks(module: nn.Module) -> bool:
    """Whether it is a sequence of modules of one kind that have parts themselves."""
    children = list(module.children())
    return (
        type(module) in (nn.Sequential, nn.ModuleList)
        and len(children) > 1
        and len({type(child) for child in children}) == 1
        and any(True for _ in children[0].children())
    )


def check_image_size(name: str, backbone: nn.Module, image_size: int) -> None:
    """InputError if the backbone cannot take images of that side. Leaves it in eval mode."""
    fixed = getattr(backbone, "image_size", image_size)
    if fixed != image_size:
        raise InputError(f"--image-size is {image_size}; {name} takes images of {fixed} pixels only")
    try:
        with torch.no_grad():
            backbone.eval()(torch.zeros(1, 3, image_size, image_size))
    except RuntimeError as error:
        raise InputError(f"--image-size {image_size} is too small for {name} ({str(error).splitlines()[0]})") from None
