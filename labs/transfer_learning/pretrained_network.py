"""A pretrained backbone without its last layer and a new head; what is frozen stays so, to the last bit."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import weights
from common.errors import InputError
from labs.transfer_learning import backbones, characters
from labs.transfer_learning.characters import OWN
from labs.transfer_learning.recipe import HyperParams


class Prepare(nn.Module):
    """Images as a backbone takes them: bytes or [0, 1], grey or colour, any size → (N, 3, S, S), normalised.

    Part of the network, so that an image to be predicted cannot be prepared otherwise than those learnt from.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, preparation: backbones.Preparation, image_size: int):
        super().__init__()
        self.image_size, self.facts = image_size, preparation
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(preparation, name)).view(3, 1, 1), persistent=False)

    def forward(self, X: Tensor) -> Tensor:
        # Julia divides by 255 once more, though its pixels are in [0, 1] already, and leaves out mean and deviation.
        X = X.float() / 255 if X.dtype == torch.uint8 else X
        if X.shape[-2:] != (self.image_size, self.image_size):
            # Julia's CenterCrop((224, 224)) cannot enlarge an image of 28×28; resizing can.
            X = F.interpolate(X, (self.image_size, self.image_size), mode="bilinear", antialias=True)
        return (X.expand(-1, 3, -1, -1) - self.mean) / self.std

    def extra_repr(self) -> str:
        return f"{self.image_size}, mean={self.facts.mean}, std={self.facts.std}"


class Network(nn.Module):
    """Preparation, backbone and head in a row: images (N, C, H, W) → (N, K) logits.

    What is frozen stays so: no gradient, and, as `train()` leaves it in eval mode, no moving BatchNorm statistics and
    no dropout either.
    """

    def __init__(self, prepare: Prepare, backbone: nn.Module, head: nn.Sequential, learning: list[nn.Module]):
        super().__init__()
        self.prepare, self.backbone, self.head = prepare, backbone, head
        self.learning = tuple(learning)  # parts of the backbone; a tuple, for they are registered there already
        backbone.requires_grad_(False)
        for part in self.learning:
            part.requires_grad_(True)
        self.train()

    def train(self, mode: bool = True) -> "Network":
        super().train(mode)
        # Julia freezes by giving the optimiser the head only; BatchNorm's running means and variances still move.
        self.backbone.eval()
        for part in self.learning:
            part.train(mode)
        return self

    def forward(self, X: Tensor) -> Tensor:
        return self.head(self.backbone(self.prepare(X)))


def build_model(args: HyperParams, classes: int = 10) -> Network:
    """The network that the (resolved) settings ask for: pretrained backbone, new head.

    ResNet-18's head is Linear 512→256, ReLU, Linear 256→10: 133 898 parameters; VGG-16's begins with 4096: 1 051 402.
    """
    tensors: dict[str, Tensor] | None = None
    source: object = ""
    if args.start_from:
        pass  # whoever asks puts the other run's weights in
    elif args.weights in OWN:
        tensors, source = characters.load_pretrained(args.weights).state_dict(), f"--weights {args.weights}"
    elif args.weights == "imagenet":
        if args.backbone in OWN:
            raise InputError(f"--weights imagenet: there are none of --backbone {args.backbone}; leave --weights away")
        file = weights.find_published(args.backbone, args.data_dir, offline=args.offline, quiet=args.quiet)
        tensors, source = weights.read_tensors(file), file
    elif args.weights != "none":
        tensors, source = weights.read_tensors(Path(args.weights)), args.weights
    backbone, width = backbones.build_backbone(args.backbone, tensors, source)
    backbones.check_image_size(args.backbone, backbone, args.image_size)
    blocks = backbones.blocks(backbone)
    if args.unfreeze and args.unfreeze > len(blocks):
        raise InputError(f"--unfreeze is {args.unfreeze}; {args.backbone} has {len(blocks)} blocks")
    learning = [] if args.strategy == "feature_extraction" else [backbone]
    if args.unfreeze:
        learning = [module for _, block in blocks[-args.unfreeze :] for module in block]
    head: list[nn.Module] = []  # (N, width)
    if args.standardize:  # SqueezeNet's features, say, are about 10 times as large as Adam's steps take them to be
        head += [nn.BatchNorm1d(width, affine=False)]
    if args.hidden:
        # The MNIST lab of the course has no activation here: two layers that are one linear map.
        head += [nn.Linear(width, args.hidden), nn.ReLU()]  # (N, 256)
        head += [nn.Dropout(args.dropout)] if args.dropout else []
    head += [nn.Linear(args.hidden or width, classes)]  # (N, 10) logits
    preparation = Prepare(backbones.preparation(args.backbone), args.image_size)
    return Network(preparation, backbone, nn.Sequential(*head), learning)


def layer_table(model: Network) -> str:
    """A line per block: its name, what it is, its parameters, and whether they learn."""
    parts = [(f"backbone.{name}", block) for name, block in backbones.blocks(model.backbone)]
    parts += [(f"head.{name}", [layer]) for name, layer in model.head.named_children() if list(layer.parameters())]
    width = max(len(name) for name, _ in parts)
    lines = []
    for name, block in parts:
        parameters = [p for module in block for p in module.parameters()]
        state = "trainable" if parameters[0].requires_grad else "frozen"
        kind = " + ".join(type(module).__name__ for module in block)
        lines.append(f"  {name:<{width}}  {sum(p.numel() for p in parameters):>12,}  {state:<9}  {kind}")
    return "\n".join(lines)


def count(model: nn.Module) -> int:
    """Parameters that learn."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
