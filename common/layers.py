"""The layers of a network: a table of shapes and parameters, and a drawing of the architecture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from common.tables import columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Layer:
    """A layer as it was called: what it is, the shapes (N, …) that enter and leave it, and its own parameters."""

    module: nn.Module
    name: str  # in a few words: Conv 5×5, 1→16
    entering: tuple[int, ...]
    leaving: tuple[int, ...]
    parameters: int

    @property
    def changes(self) -> bool:
        """Whether the layer has parameters or changes the shape: ReLU and dropout do neither."""
        return self.parameters > 0 or self.entering != self.leaving


@torch.no_grad()
def layer_table(model: nn.Module, *inputs: Tensor) -> list[Layer]:
    """The layers of `model` in the order in which model(*inputs) calls them, in eval mode; it is left as it was.

    A layer is a module without modules of its own. Inputs on the device `meta` cost no memory, if the model is there.
    """
    layers: list[Layer] = []

    def note(module: nn.Module, entered: tuple[Any, ...], left: Any) -> None:
        left = left[0] if isinstance(left, tuple) else left  # a recurrent layer gives its last state, too
        if isinstance(left, Tensor) and entered and isinstance(entered[0], Tensor):
            own = sum(p.numel() for p in module.parameters())
            layers.append(Layer(module, describe_layer(module), tuple(entered[0].shape), tuple(left.shape), own))

    modes = {module: module.training for module in model.modules()}
    hooks = [m.register_forward_hook(note) for m in model.modules() if not list(m.children())]
    try:
        model.eval()(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return layers


def describe_layer(layer: nn.Module) -> str:
    """A layer in a few words."""
    kind = type(layer).__name__
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            name = "Conv" if isinstance(layer, nn.Conv2d) else "Conv transposed"
            (height, width), (stride, _) = layer.kernel_size, layer.stride
            apart = f", stride {stride}" if stride > 1 else ""
            return f"{name} {height}×{width}{apart}, {layer.in_channels}→{layer.out_channels}"
        case nn.MaxPool2d() | nn.AvgPool2d():
            return f"{kind.removesuffix('2d')} {_side(layer.kernel_size)}"
        case nn.Linear():
            return f"Dense {layer.in_features}→{layer.out_features}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return f"BatchNorm {layer.num_features}"
        case nn.Embedding():
            return f"Embedding {layer.num_embeddings}→{layer.embedding_dim}"
        case nn.LSTM() | nn.GRU() | nn.RNN():
            both = " ⇄" if layer.bidirectional else ""
            return f"{kind} {layer.input_size}→{layer.hidden_size}{both}"
    return kind


def _side(size: Any) -> str:
    height, width = size if isinstance(size, tuple) else (size, size)
    return f"{height}×{width}"


def describe_layers(layers: Sequence[Layer]) -> str:
    """The table as text: layer, what leaves it (N, …), the same in Julia's order, parameters; then the sum."""
    lines = [("layer", "output (N, …)", "Julia (…, N)", "parameters")]
    if layers:
        lines.append(("input", str(layers[0].entering), str(layers[0].entering[::-1]), ""))
    for layer in layers:
        if layer.changes:
            parameters = f"{layer.parameters:,}" if layer.parameters else ""
            lines.append((layer.name, str(layer.leaving), str(layer.leaving[::-1]), parameters))
    counted = {layer.module: layer.parameters for layer in layers}  # a layer that is called twice has its weights once
    return "\n".join([*columns(lines), f"{sum(counted.values()):,} parameters"])


def plot_layers(layers: Sequence[Layer], title: str = "") -> "Figure":
    """The architecture from left to right: a block for each shape, as high as its maps and as wide as they are many.

    Layers that leave the shape as it is (ReLU, dropout) are named with the one before. Heights and widths are on a
    logarithmic scale.
    """
    from matplotlib.figure import Figure

    from common.plots import plain

    blocks: list[tuple[list[str], tuple[int, ...]]] = [(["input"], layers[0].entering[1:])]
    for layer in layers:
        if layer.entering == layer.leaving and layer.parameters == 0 or isinstance(layer.module, nn.BatchNorm2d):
            blocks[-1][0].append(type(layer.module).__name__.removesuffix("2d"))
        else:
            name = layer.name.replace(", ", "\n").replace("Conv transposed", "Conv\ntransposed")
            name = name.replace("Embedding ", "Embedding\n")
            blocks.append(([name], layer.leaving[1:]))
    per_row = -(-len(blocks) // -(-len(blocks) // 7))  # rows of equal length, of at most seven blocks
    lines = [blocks[i : i + per_row] for i in range(0, len(blocks), per_row)]
    # The higher a figure, the more it is made smaller to be shown.
    height = 2.6 if len(lines) == 1 else 2.0 * len(lines)
    figure = Figure(figsize=(1.5 * per_row + 0.3, height + 0.3), layout="constrained")
    figure.suptitle(plain(title), fontsize=13)
    highest = max(_height(shape) for _, shape in blocks)
    for axis, line in zip(figure.subplots(len(lines), 1, squeeze=False)[:, 0], lines, strict=True):
        axis.set(xlim=(-0.6, per_row - 0.4), ylim=(-0.35, 1.75))
        axis.set_axis_off()
        for x, (names, shape) in enumerate(line):
            height, width = _height(shape) / highest, _width(shape)
            colour = "#4477aa" if len(shape) == 3 else "#cc6677"
            axis.bar(x, height, width, bottom=0.5 - height / 2, color=colour, edgecolor="black", linewidth=0.8)
            axis.text(x, -0.1, "×".join(map(str, shape)), ha="center", va="top", fontsize=12, weight="bold")
            axis.text(x, 1.1, "\n".join(names), ha="center", va="bottom", fontsize=11)
            if x:
                left = x - 1 + _width(line[x - 1][1]) / 2
                axis.annotate("", (x - width / 2, 0.5), (left, 0.5), arrowprops={"arrowstyle": "->"})
    return figure


def _height(shape: tuple[int, ...]) -> float:
    """How high a block is drawn: maps (C, H, W) by their side, a vector by its length."""
    side = shape[1] if len(shape) == 3 else shape[-1] ** 0.5 if shape else 1
    return 0.3 + torch.log2(torch.tensor(1.0 + side)).item()


def _width(shape: tuple[int, ...]) -> float:
    """How wide: by the number of maps; a vector is a line."""
    return 0.12 + 0.07 * torch.log2(torch.tensor(float(shape[0]))).item() if len(shape) == 3 else 0.12
