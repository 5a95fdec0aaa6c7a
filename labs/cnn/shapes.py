"""What shape leaves each layer of a network, how many parameters it has, and why: `python -m labs.cnn.shapes`.

A convolution or pooling with kernel k, padding p and stride s makes ⌊(in + 2p − k)/s⌋ + 1 pixels out of in. (The
slide has the floor; text copied from it shows ⌈ ⌉, which would be wrong for 28 pixels, k = 3, s = 2: 13 fit, not 14.)
`--model midterm` with its input is the midterm of November 2024, Task 1: 320×240 RGB, a batch of 4, 562 490
parameters.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import nn

from common import cli
from common.errors import InputError
from common.layers import Layer, layer_table, plot_layers
from common.settings import UNGIVEN, Count, Counts, OptionalPath, Range, Settings, Usual
from common.tables import columns
from labs.cnn.cnn import VARIED, HyperParams, build_model
from labs.cnn.task2 import Padding, Pooling


@dataclass(frozen=True)
class Request(Settings):
    """Print a network's layer table: output shapes, parameters, and the formula that gives each size."""

    model: Literal["course", "lenet", "task2", "strided", "midterm"] = "course"  # the network
    size: Annotated[Counts, Range(1, 10_000)] = ()  # width,height in pixels; none: 28,28 (midterm: 320,240)
    channels: Usual[Count] = UNGIVEN  # colours of the input; none: 1 (midterm: 3)
    batch_size: Count = 1  # images at a time
    filters: Counts = (32, 64)  # task2: filters of each convolution
    kernel_size: Annotated[int, Range(1, 28)] = 3  # task2: side of the filters
    padding: Padding = "valid"  # task2: same: zeros around the maps, so that a convolution keeps their size
    stride: Annotated[int, Range(1, 28)] = 1  # task2: pixels from one place of a convolution's window to the next
    pooling: Pooling = "max"  # task2: what becomes of 2×2 pixels: the greatest, their mean, or all stay
    batch_norm: bool = False  # task2: normalise each feature map over the batch
    out: OptionalPath = None  # also draw the network, into this file

    def usual(self) -> dict[str, Any]:
        midterm = self.model == "midterm"
        return {"size": (320, 240) if midterm else (28, 28), "channels": 3 if midterm else 1}

    def check(self) -> None:
        self.require("size", len(self.size) == 2, "width,height, e.g. 28,28")
        if self.model == "midterm":
            self.refuse_unused(dict.fromkeys(self.varied(), False), "on midterm; add --model task2")
        else:
            self.network()  # what does not go together is refused there

    def varied(self) -> dict[str, Any]:
        """The settings of task2's network."""
        return {name: getattr(self, name) for name in VARIED if hasattr(self, name)}

    def network(self) -> HyperParams:
        """The settings as `labs.cnn` has them."""
        return HyperParams(**{"model": self.model, **self.varied()})


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


def name(layer: Layer) -> str:
    """The layer in a few words, its padding too."""
    padded = isinstance(layer.module, nn.Conv2d) and pair(layer.module.padding)[0]
    return layer.name + (f", padding {padded}" if padded else "")


def fit_to(model: nn.Sequential, shape: tuple[int, ...]) -> nn.Sequential:
    """The network without numbers (on the device meta), made for an input of `shape` (N, C, H, W).

    The first convolution and the dense layers are given as many inputs as arrive, so that a network can be tried
    on another size of image. Raises InputError if the image is too small.
    """
    x = torch.zeros(shape, device="meta")  # shapes without numbers: no memory, whatever the size
    fitting = []
    for layer in model.to("meta").eval():
        fitting.append(with_inputs(layer, x.shape[1]))
        try:
            x = fitting[-1](x)
        except RuntimeError as error:
            small = f"an image of {shape[3]}×{shape[2]} is too small"
            raise InputError(f"{small}: {type(layer).__name__} gets {tuple(x.shape)}") from error
    return nn.Sequential(*fitting)


def with_inputs(layer: nn.Module, n: int) -> nn.Module:
    """The layer, with `n` input channels or features if it was made for another number."""
    match layer:
        case nn.Conv2d() if layer.in_channels != n:
            size, stride, padding = (pair(x) for x in (layer.kernel_size, layer.stride, layer.padding))
            return nn.Conv2d(n, layer.out_channels, size, stride, padding, device="meta")
        case nn.Linear() if layer.in_features != n:
            return nn.Linear(n, layer.out_features, device="meta")
    return layer


def pair(size: Any) -> tuple[int, int]:
    """A size in both directions, which torch allows to be one number."""
    return tuple(size) if isinstance(size, tuple) else (size, size)


def formula(layer: Layer) -> str:
    """How the layer's output size and number of parameters come about, in numbers."""
    module = layer.module
    match module:
        case nn.Conv2d() | nn.MaxPool2d() | nn.AvgPool2d():
            k, p, s = pair(module.kernel_size), pair(module.padding), pair(module.stride)
            sides = [
                f"⌊({side} + 2·{p[i]} − {k[i]})/{s[i]}⌋ + 1 = {(side + 2 * p[i] - k[i]) // s[i] + 1}"
                for i, side in enumerate(layer.entering[2:])
            ]
            size = sides[0] if sides[0] == sides[1] else f"W {sides[1]}; H {sides[0]}"
            if not isinstance(module, nn.Conv2d):
                return size
            return f"{size}; ({k[0]}·{k[1]}·{module.in_channels} + 1)·{module.out_channels} parameters"
        case nn.Linear():
            return f"({module.in_features} + 1)·{module.out_features} parameters"
        case nn.Flatten():
            return "·".join(map(str, layer.entering[1:])) + f" = {torch.Size(layer.entering[1:]).numel()}"
        case nn.BatchNorm2d():
            return f"2·{module.num_features} parameters"
    return ""


def list_layers(args: Request) -> list[Layer]:
    """The layers of the network that is asked for, as they work on its input; the weights hold no numbers."""
    network = midterm() if args.model == "midterm" else build_model(args.network())
    width, height = args.size
    shape = (args.batch_size, args.channels, height, width)
    return layer_table(fit_to(network, shape), torch.zeros(shape, device="meta"))


def rows_of(layers: list[Layer]) -> list[Layer]:
    """Those that change shape or have parameters, and softmax; ReLU, tanh and dropout are left out."""
    return [layer for layer in layers if layer.changes or isinstance(layer.module, nn.Softmax)]


def describe(layers: list[Layer]) -> str:
    """The layer table as text, with the formula behind each size."""
    shape, rows = layers[0].entering, rows_of(layers)
    header = ("layer", "output (N, C, H, W)", "Julia (W, H, C, N)", "parameters", "why")
    lines = [header, ("input", str(shape), str(shape[::-1]), "", "")]
    lines += [
        (name(r), str(r.leaving), str(r.leaving[::-1]), f"{r.parameters:,}" if r.parameters else "", formula(r))
        for r in rows
    ]
    arrays = sum(len(list(r.module.parameters())) for r in rows)
    return "\n".join([*columns(lines), f"{sum(r.parameters for r in rows):,} parameters in {arrays} arrays"])


def shapes(**kws: Any) -> list[Layer]:
    """Print the layer table, draw it if asked, and return its rows. Keyword arguments are the fields of Request."""
    args = Request(**kws)
    layers = list_layers(args)
    print(describe(layers))
    rows = rows_of(layers)
    if args.out:
        from common.plots import write_figure

        print(
            write_figure(args.out, plot_layers(layers, f"{args.model}: {sum(r.parameters for r in rows):,} parameters"))
        )
    return rows


def main() -> None:
    """The command `python -m labs.cnn.shapes`."""
    cli.run(shapes, Request)


if __name__ == "__main__":
    main()
