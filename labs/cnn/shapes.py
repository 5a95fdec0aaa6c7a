"""What shape leaves each layer of a network, how many parameters it has, and why: `python -m labs.cnn.shapes`.

A convolution or pooling with kernel k, padding p and stride s makes ⌊(in + 2p − k)/s⌋ + 1 pixels out of in.
`--model midterm` with its input is the midterm of November 2024, Task 1: 320×240 RGB, a batch of 4, 562 490
parameters.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import nn

from common import cli
from common.errors import InputError
from common.settings import UNGIVEN, Count, Counts, Range, Settings, Usual
from labs.cnn.cnn import HyperParams, build_model


@dataclass(frozen=True)
class Request(Settings):
    """Print a network's layer table: output shapes, parameters, and the formula that gives each size."""

    model: Literal["course", "lenet", "task2", "midterm"] = "course"  # the network
    size: Annotated[Counts, Range(1, 10_000)] = ()  # width,height in pixels; none: 28,28 (midterm: 320,240)
    channels: Usual[Count] = UNGIVEN  # colours of the input; none: 1 (midterm: 3)
    batch_size: Count = 1  # images at a time
    filters: Counts = (32, 64)  # task2: filters of each convolution
    kernel_size: Count = 3  # task2: side of the filters

    def usual(self) -> dict[str, Any]:
        midterm = self.model == "midterm"
        return {"size": (320, 240) if midterm else (28, 28), "channels": 3 if midterm else 1}

    def check(self) -> None:
        self.require("size", len(self.size) == 2, "width,height, e.g. 28,28")
        varied = self.model == "task2"
        self.refuse_unused({"filters": varied, "kernel_size": varied}, f"on {self.model}; add --model task2")


@dataclass(frozen=True)
class Row:
    """One layer: what it is, the shape (N, C, H, W) or (N, features) that leaves it, its parameters, and why."""

    layer: str
    shape: tuple[int, ...]
    parameters: int
    formula: str

    @property
    def julia_shape(self) -> tuple[int, ...]:
        """The same in Julia's order: (W, H, C, N) or (features, N)."""
        return self.shape[::-1]


def midterm() -> nn.Sequential:
    """The midterm's network: (N, 3, 240, 320) → (N, 10) probabilities."""
    return nn.Sequential(  # (N,  3, 240, 320)
        nn.Conv2d(3, 32, kernel_size=5),  # (N, 32, 236, 316)
        nn.MaxPool2d(2),  # (N, 32, 118, 158)
        nn.ReLU(),
        nn.Conv2d(32, 32, kernel_size=3),  # (N, 32, 116, 156)
        nn.MaxPool2d(2),  # (N, 32,  58,  78)
        nn.ReLU(),
        nn.Conv2d(32, 16, kernel_size=3),  # (N, 16,  56,  76)
        nn.MaxPool2d(2),  # (N, 16,  28,  38)
        nn.ReLU(),
        nn.Flatten(),  # (N, 17 024)
        nn.Linear(17_024, 32),
        nn.ReLU(),
        nn.Linear(32, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
        nn.Softmax(dim=1),
    )


def layer_table(model: nn.Sequential, shape: tuple[int, ...]) -> list[Row]:
    """A row per layer that changes shape or has parameters, for an input of `shape` (N, C, H, W).

    The first convolution and the dense layers are given as many inputs as arrive, so that a network can be tried
    on another size of image. ReLU, tanh and dropout, which change nothing, are left out. Raises InputError if
    the image is too small.
    """
    rows = []
    x = torch.zeros(shape, device="meta")  # shapes without numbers: no memory, whatever the size
    for layer in model.to("meta").eval():
        layer = with_inputs(layer, x.shape[1])
        try:
            y = layer(x)
        except RuntimeError as error:
            small = f"an image of {shape[3]}×{shape[2]} is too small"
            raise InputError(f"{small}: {name(layer)} gets {tuple(x.shape)}") from error
        parameters = sum(p.numel() for p in layer.parameters())
        if parameters or y.shape != x.shape or isinstance(layer, nn.Softmax):
            rows.append(Row(name(layer), tuple(y.shape), parameters, formula(layer, tuple(x.shape))))
        x = y
    return rows


def with_inputs(layer: nn.Module, n: int) -> nn.Module:
    """The layer, with `n` input channels or features if it was made for another number."""
    match layer:
        case nn.Conv2d() if layer.in_channels != n:
            return nn.Conv2d(n, layer.out_channels, pair(layer.kernel_size), device="meta")
        case nn.Linear() if layer.in_features != n:
            return nn.Linear(n, layer.out_features, device="meta")
    return layer


def pair(size: Any) -> tuple[int, int]:
    """A size in both directions, which torch allows to be one number."""
    return tuple(size) if isinstance(size, tuple) else (size, size)


def name(layer: nn.Module) -> str:
    """The layer in a few words."""
    match layer:
        case nn.Conv2d():
            return f"Conv {layer.kernel_size[0]}×{layer.kernel_size[1]}, {layer.in_channels}→{layer.out_channels}"
        case nn.MaxPool2d():
            return f"MaxPool {layer.kernel_size}×{layer.kernel_size}"
        case nn.Linear():
            return f"Dense {layer.in_features}→{layer.out_features}"
        case nn.BatchNorm2d():
            return f"BatchNorm {layer.num_features}"
    return type(layer).__name__


def formula(layer: nn.Module, shape: tuple[int, ...]) -> str:
    """How the layer's output size and number of parameters come about, in numbers; `shape` is its input's."""
    match layer:
        case nn.Conv2d() | nn.MaxPool2d():
            k, p, s = pair(layer.kernel_size), pair(layer.padding), pair(layer.stride)
            sides = [
                f"⌊({side} + 2·{p[i]} − {k[i]})/{s[i]}⌋ + 1 = {(side + 2 * p[i] - k[i]) // s[i] + 1}"
                for i, side in enumerate(shape[2:])
            ]
            size = sides[0] if sides[0] == sides[1] else f"W {sides[1]}; H {sides[0]}"
            if isinstance(layer, nn.MaxPool2d):
                return size
            return f"{size}; ({k[0]}·{k[1]}·{layer.in_channels} + 1)·{layer.out_channels} parameters"
        case nn.Linear():
            return f"({layer.in_features} + 1)·{layer.out_features} parameters"
        case nn.Flatten():
            return "·".join(map(str, shape[1:])) + f" = {torch.Size(shape[1:]).numel()}"
        case nn.BatchNorm2d():
            return f"2·{layer.num_features} parameters"
    return ""


def shapes(**kws: Any) -> list[Row]:
    """Print the layer table and return its rows. Keyword arguments are the fields of Request."""
    args = Request(**kws)
    varied: dict[str, Any] = {"filters": args.filters, "kernel_size": args.kernel_size} if args.model == "task2" else {}
    network = midterm() if args.model == "midterm" else build_model(HyperParams(model=args.model, **varied))
    width, height = args.size
    shape = (args.batch_size, args.channels or 1, height, width)
    rows = layer_table(network, shape)
    header = ("layer", "output (N, C, H, W)", "Julia (W, H, C, N)", "parameters", "why")
    lines = [("input", str(shape), str(shape[::-1]), "", "")]
    lines += [
        (r.layer, str(r.shape), str(r.julia_shape), f"{r.parameters:,}" if r.parameters else "", r.formula)
        for r in rows
    ]
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    for line in [header, *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    arrays = len(list(network.parameters()))
    print(f"{sum(r.parameters for r in rows):,} parameters in {arrays} arrays")
    return rows


def main() -> None:
    """The command `python -m labs.cnn.shapes`."""
    cli.run(shapes, Request)


if __name__ == "__main__":
    main()
