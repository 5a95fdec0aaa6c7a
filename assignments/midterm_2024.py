"""Midterm of November 2024, Task 1: layers and parameters.

A network for colour photographs, in the notation of the course (Flux):

    Chain(Conv((5, 5), 3 => 32, relu), MaxPool((2, 2)), Conv((3, 3), 32 => 32, relu), MaxPool((2, 2)),
          Conv((3, 3), 32 => 16, relu), MaxPool((2, 2)), Flux.flatten,
          Dense(… => 32, relu), Dense(32 => 32, relu), Dense(32 => 10), softmax)

The exam's photographs are 320 wide and 240 high, four at a time. Here they have any size, so that the paper's numbers
are one case of several. The course writes sizes (W, H, C, N), PyTorch (N, C, H, W).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assignments.exercise import exercise

LAB = ""
_EXAM = [[316, 236, 32, 4], [158, 118, 32, 4], [156, 116, 32, 4], [78, 58, 32, 4], [76, 56, 16, 4], [38, 28, 16, 4]]


def _size(draw):
    """Width and height of a photograph, which differ and are large enough for the network."""
    width = draw.size(46, 90)
    return (width, draw.integer(30, 44)) if draw.choice([True, False]) else (draw.integer(30, 44), width)


@exercise(
    number=1,
    points=1.5,
    hints=(
        "The slide with ⌊(in + 2p − k)/s⌋ + 1; the lab's sheet, Exercise 1.",
        "A convolution without padding takes k − 1 pixels off each side, a pooling halves (rounded down).",
        "rows.append([w, h, c, batch]) after each layer; after flatten [w*h*c, batch], then [32, batch] and so on.",
    ),
    compare="labs/cnn/shapes.py: python -m labs.cnn.shapes --model midterm --batch-size 4",
    forbidden=("Conv2d", "conv2d", "MaxPool2d", "max_pool2d"),
)
def layer_sizes(width: int, height: int, batch: int) -> list[list[int]]:
    """The size of what leaves each layer for `batch` photographs of width × height pixels: eleven lists.

    The network:
    Conv 5×5, 3 → 32 | MaxPool 2×2 | Conv 3×3, 32 → 32 | MaxPool 2×2 | Conv 3×3, 32 → 16 | MaxPool 2×2 |
    flatten | Dense … → 32 | Dense 32 → 32 | Dense 32 → 10 | softmax
    Convolutions have no padding and stride 1; a pooling has stride 2 and drops what is left over. Sizes in the course's
    order: [W, H, C, N] before flatten (N is the batch), [features, N] from there on, so that the last is [10, batch].
    """
    raise NotImplementedError


@layer_sizes.example("the exam: 320×240, four at a time")
def _():
    return (320, 240, 4), [*_EXAM, [17024, 4], [32, 4], [32, 4], [10, 4], [10, 4]]


@layer_sizes.probes
def _(draw):
    return *_size(draw), draw.integer(2, 8)


def _sizes(width, height, batch, lost=0, up=0, kept=0, channels=(32, 32, 16)):
    """The sizes, right or with one of the known mistakes."""
    w, h, rows = width, height, []
    for k, c in zip((5, 3, 3), channels, strict=True):
        w, h = (side if kept else side - k + 1 - lost for side in (w, h))
        rows.append([w, h, c, batch])
        w, h = (w + up) // 2, (h + up) // 2
        rows.append([w, h, c, batch])
    return [*rows, [w * h * channels[-1], batch], [32, batch], [32, batch], [10, batch], [10, batch]]


@layer_sizes.expected
def _(width, height, batch):
    places: tuple[range, ...] = (range(width), range(height))
    rows: list[list[int]] = []
    for k, stride, channels in ((5, 1, 32), (2, 2, 32), (3, 1, 32), (2, 2, 32), (3, 1, 16), (2, 2, 16)):
        places = tuple(range(len(range(k - 1, len(side), stride))) for side in places)
        rows.append([*map(len, places), channels, batch])
    return rows + [[n, batch] for n in (math.prod(rows[-1][:3]), 32, 32, 10, 10)]


@layer_sizes.mistake("L1", "writing PyTorch's order (N, C, H, W): the course writes [W, H, C, N] and [features, N]")
def _(width, height, batch):
    return [row[::-1] for row in _sizes(width, height, batch)]


@layer_sizes.mistake("L2", "exchanging width and height: the width comes first")
def _(width, height, batch):
    return _sizes(height, width, batch)


@layer_sizes.mistake("L3", "leaving out the + 1: a convolution has n − k + 1 places along a side of n pixels")
def _(width, height, batch):
    return _sizes(width, height, batch, lost=1)


@layer_sizes.mistake("L4", "rounding up at a pooling: pixels left over at the rim are dropped")
def _(width, height, batch):
    return _sizes(width, height, batch, up=1)


@layer_sizes.mistake("L5", "letting convolutions keep the size: without padding a side of n pixels becomes n − k + 1")
def _(width, height, batch):
    return _sizes(width, height, batch, kept=1)


@layer_sizes.mistake("L6", "writing the channels that enter a convolution: as many leave it as it has filters")
def _(width, height, batch):
    rows = _sizes(width, height, batch, channels=(3, 32, 32))
    return [*rows[:6], _sizes(width, height, batch)[6], *rows[7:]]


@exercise(
    number=2,
    points=1,
    hints=(
        "The lab's sheet, “The idea”: a 5×5 window costs 26 numbers where one channel enters.",
        "Six layers have parameters. Only the first Dense depends on the photograph: on what flatten gives it.",
        "(k·k·in + 1)·out for a convolution, (in + 1)·out for a Dense; its in is 16 times the last width and height.",
    ),
    compare="labs/cnn/shapes.py: python -m labs.cnn.shapes --model midterm",
    forbidden=("Conv2d", "Linear", "LazyLinear", "LazyConv2d"),
)
def layer_parameters(width: int, height: int) -> list[int]:
    """The number of parameters, weights and biases, of each layer that has any, for photographs of width × height.

    The network, and how its sizes come about, are those of layer_sizes. Six numbers, in the order of the layers: three
    convolutions, three Dense. For the exam's 320×240 they are 562 490 together.
    """
    raise NotImplementedError


@layer_parameters.example("the exam: 320×240")
def _():
    return (320, 240), [2432, 9248, 4624, 544800, 1056, 330]


@layer_parameters.probes
def _(draw):
    return _size(draw)


@layer_parameters.expected
def _(width, height):
    arrays = [math.prod(shape) for shape in _shapes(width, height)]
    return [sum(layer) for layer in zip(arrays[::2], arrays[1::2], strict=True)]


def _shapes(width, height):
    """The shapes of the network's twelve arrays, as PyTorch has them."""
    w, h = (width - 16) // 8, (height - 16) // 8  # ⌊(⌊(⌊(n − 4)/2⌋ − 2)/2⌋ − 2)/2⌋ = ⌊(n − 16)/8⌋
    convolutions = [(32, 3, 5, 5), (32,), (32, 32, 3, 3), (32,), (16, 32, 3, 3), (16,)]
    return [*convolutions, (32, 16 * w * h), (32,), (32, 32), (32,), (10, 32), (10,)]


def _network(width, height, pool=nn.MaxPool2d, last=None, active=nn.ReLU, same=False):
    """The network, right or with one of the known mistakes."""
    sides = _sizes(width, height, 1, kept=same)[5]
    layers: list[nn.Module] = []
    for k, n, c in ((5, 3, 32), (3, 32, 32), (3, 32, 16)):
        layers += [nn.Conv2d(n, c, k, padding=k // 2 if same else 0), active(), pool(2)]
    layers += [nn.Flatten(), nn.Linear(sides[0] * sides[1] * 16, 32), active(), nn.Linear(32, 32), active()]
    return nn.Sequential(*layers, nn.Linear(32, 10), last or nn.Softmax(dim=1))


def _counts(width, height, bias=1, each=0):
    w, h = _sizes(width, height, 1)[5][:2]
    convolutions = [(k * k * n + (n if each else bias)) * c for k, n, c in ((5, 3, 32), (3, 32, 32), (3, 32, 16))]
    return [*convolutions, (w * h * 16 + bias) * 32, (32 + bias) * 32, (32 + bias) * 10]


@layer_parameters.mistake("Q1", "leaving out the biases: one for each filter, one for each output of a Dense")
def _(width, height):
    return _counts(width, height, bias=0)


@layer_parameters.mistake(
    "Q2", "counting a bias for each channel that enters a filter: it has one bias, however many they are"
)
def _(width, height):
    return _counts(width, height, each=1)


@layer_parameters.mistake(
    "Q3", "giving a filter the depth of one channel: it has k·k weights for each channel that enters"
)
def _(width, height):
    return [26 * 32, 10 * 32, 10 * 16, *_counts(width, height)[3:]]


@layer_parameters.mistake("Q4", "flattening before the last pooling: that comes first, and halves width and height")
def _(width, height):
    w, h = _sizes(width, height, 1)[4][:2]
    return [*_counts(width, height)[:3], (w * h * 16 + 1) * 32, *_counts(width, height)[4:]]


@layer_parameters.mistake(
    "Q5", "flattening one map only: width times height of each of the 16 maps enter the first Dense"
)
def _(width, height):
    w, h = _sizes(width, height, 1)[5][:2]
    return [*_counts(width, height)[:3], (w * h + 1) * 32, *_counts(width, height)[4:]]


@exercise(
    number=3,
    points=0.5,
    hints=(
        "The lab's sheet, Exercise 1: 562 490 parameters take 2.1457 MiB as float32.",
        "Add up, bytes of each number, then how many bytes a mebibyte has.",
        "sum(parameters) * 4 / 2**20: float32 is 32 bits, a byte has 8.",
    ),
    compare="the lab's sheet, Exercise 1",
)
def mebibytes(parameters: list[int]) -> float:
    """The memory that a network's parameters take, in MiB (2²⁰ bytes), each of them a float32.

    parameters: how many each layer has. Flux prints 2.147 MiB for the exam's network, which is more: it counts the
    arrays' own headers, too; here only the numbers count.
    """
    raise NotImplementedError


@mebibytes.example("the exam: 2.1457 MiB")
def _():
    return ([2432, 9248, 4624, 544800, 1056, 330],), 562490 / 262144


@mebibytes.probes
def _(draw):
    return ([draw.integer(100, 9000) for _ in range(draw.size(2, 6))],)


@mebibytes.expected
def _(parameters):
    return sum(torch.zeros(n, dtype=torch.float32).untyped_storage().nbytes() for n in parameters) / 1024 / 1024


@mebibytes.mistake("B1", "dividing by 10⁶, which gives megabytes: a mebibyte has 2²⁰ bytes")
def _(parameters):
    return sum(parameters) * 4 / 10**6


@mebibytes.mistake("B2", "counting eight bytes a number, as float64 has: a float32 has four")
def _(parameters):
    return sum(parameters) * 8 / 2**20


@mebibytes.mistake("B3", "counting one byte a number: a float32 has four")
def _(parameters):
    return sum(parameters) / 2**20


@mebibytes.mistake("B4", "counting bits: a float32 has 32 bits, which are four bytes")
def _(parameters):
    return sum(parameters) * 32 / 2**20


@mebibytes.mistake("B5", "dividing by 2¹⁰, which gives kibibytes: divide by 1024 once more")
def _(parameters):
    return sum(parameters) * 4 / 2**10


@exercise(
    number=4,
    points=0.75,
    hints=(
        "The lab's sheet, “Julia ↔ Python”: (W, H, C, N) there, (N, C, H, W) here.",
        "The four dimensions are put into another order; no number may leave its photograph, channel, row or column.",
        "Tensor.permute with the old places of the new dimensions: N was 3, C was 2, …",
    ),
    compare="labs/cnn/shapes.py, describe",
)
def to_torch(photographs: Tensor) -> Tensor:
    """Photographs of the course (W, H, C, N) as PyTorch wants them (N, C, H, W).

    photographs[i, j, c, n] is the pixel in column i and row j of channel c of photograph n (indices from 0); in the
    result it is at [n, c, j, i].
    """
    raise NotImplementedError


@to_torch.example("two pixels beside each other")
def _():
    pixels = torch.tensor([1.0, 2.0], dtype=torch.float64)
    return (pixels.reshape(2, 1, 1, 1),), pixels.reshape(1, 1, 1, 2)


@to_torch.probes
def _(draw):
    return (draw.normal(draw.size(2, 6), draw.size(2, 5), draw.size(1, 3), draw.size(1, 4)),)


@to_torch.probes
def _(draw):
    return (draw.normal(draw.integer(3, 6), draw.integer(3, 6), 3, draw.integer(2, 4)),)


@to_torch.expected
def _(photographs):
    return torch.stack([torch.stack([c.T for c in one.unbind(2)]) for one in photographs.unbind(3)])


@to_torch.mistake(
    "O1",
    "reshaping (reshape or view), which keeps the numbers in their old order and mixes the photographs: exchange "
    "the dimensions instead, with permute",
)
def _(photographs):
    return photographs.reshape(photographs.shape[::-1])


@to_torch.mistake("O2", "exchanging width and height: rows come before columns, (N, C, H, W)")
def _(photographs):
    return photographs.permute(3, 2, 0, 1)


@to_torch.mistake("O3", "leaving the channels at the end, (N, H, W, C): PyTorch has them before the rows")
def _(photographs):
    return photographs.permute(3, 1, 0, 2)


@to_torch.mistake(
    "O4", "turning the order of the numbers (flip): turn the order of the dimensions instead, with permute"
)
def _(photographs):
    return photographs.permute(3, 2, 1, 0).flip(0, 1, 2, 3)


@exercise(
    number=5,
    points=1.25,
    hints=(
        "The lab's sheet, “Julia ↔ Python”: Chain(Conv((5, 5), 1 => 16, relu), …) in PyTorch.",
        "nn.Sequential of Conv2d, ReLU, MaxPool2d (three times), Flatten, Linear, ReLU, Linear, ReLU, Linear, Softmax.",
        "The first Linear has 16·w·h inputs, w and h after the last pooling, as in layer_sizes; nn.Softmax(dim=1).",
    ),
    compare="labs/cnn/shapes.py, midterm",
)
def build_model(width: int, height: int) -> nn.Module:
    """The exam's network for photographs of width × height: (N, 3, height, width) → (N, 10) probabilities.

    Conv 5×5, 3 → 32 | MaxPool 2×2 | Conv 3×3, 32 → 32 | MaxPool 2×2 | Conv 3×3, 32 → 16 | MaxPool 2×2 |
    flatten | Dense … → 32 | Dense 32 → 32 | Dense 32 → 10 | softmax
    A ReLU follows each convolution and the first two Dense layers. No padding. Tried with weights that the check puts
    in: the modules with parameters must stand in the order of the layers.
    """
    raise NotImplementedError


@build_model.use
def _(mine, width, height):
    model = mine(width, height).double()
    shapes = ["×".join(map(str, weights.shape)) for weights in model.parameters()]
    said: dict[str, object] = {"arrays of weights or biases": len(shapes)}
    for i in range(12):
        layer = ("first Conv", "second Conv", "third Conv", "first Dense", "second Dense", "third Dense")[i // 2]
        said[f"{'biases' if i % 2 else 'weights'} of the {layer}"] = shapes[i] if i < len(shapes) else "missing"
    if width == 80:
        return said
    generator = torch.Generator().manual_seed(1000 * width + height)
    with torch.no_grad():
        for weights in model.parameters():
            size = 1 / math.sqrt(weights[0].numel()) if weights.ndim > 1 else 0.5
            weights.copy_(size * torch.randn(weights.shape, generator=generator, dtype=torch.float64))
        result = model(torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64))
    return {**said, "shape of what comes out": "×".join(map(str, result.shape)), "probabilities": result}


@build_model.example("twelve arrays for 80×64")
def _():
    shapes = ["32×3×5×5", "32", "32×32×3×3", "32", "16×32×3×3", "16", "32×768", "32", "32×32", "32", "10×32", "10"]
    layers = [f"{which} {kind}" for kind in ("Conv", "Dense") for which in ("first", "second", "third")]
    names = [f"{part} of the {layer}" for layer in layers for part in ("weights", "biases")]
    return (80, 64), {"arrays of weights or biases": 12, **dict(zip(names, shapes, strict=True))}


@build_model.probes
def _(draw):
    return (draw.size(36, 44), draw.integer(28, 34))[:: draw.choice([1, -1])]


@build_model.expected
def _(width, height):
    class Exam(nn.Module):
        def __init__(self):
            super().__init__()
            self.arrays = nn.ParameterList([torch.zeros(shape) for shape in _shapes(width, height)])

        def forward(self, x):
            arrays = list(self.arrays)
            for i in (0, 2, 4):
                x = F.conv2d(x, arrays[i], arrays[i + 1]).clip(min=0)
                x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
            x = x.reshape(len(x), -1)
            for i in (6, 8, 10):
                x = x @ arrays[i].T + arrays[i + 1]
                x = x.clip(min=0) if i < 10 else x
            return x.exp() / x.exp().sum(dim=1, keepdim=True)

    return Exam()


@build_model.mistake("A1", "returning logits: the exam's network ends with softmax, nn.Softmax(dim=1)")
def _(width, height):
    return _network(width, height, last=nn.Identity())


@build_model.mistake("A2", "taking softmax over the photographs: each one's ten numbers are to add up to 1, dim=1")
def _(width, height):
    return _network(width, height, last=nn.Softmax(dim=0))


@build_model.mistake("A3", "leaving out the ReLU after the convolutions and the first two Dense layers")
def _(width, height):
    return _network(width, height, active=nn.Identity)


@build_model.mistake("A4", "pooling by the mean (AvgPool2d): take the greatest of 2×2 pixels, MaxPool2d")
def _(width, height):
    return _network(width, height, pool=nn.AvgPool2d)


@build_model.mistake(
    "A5", "padding the convolutions, so that they keep the size and too many numbers are flattened: leave out padding="
)
def _(width, height):
    return _network(width, height, same=True)


@build_model.mistake(
    "A6", "putting a sigmoid at the end: softmax makes a photograph's ten numbers add up to 1, nn.Softmax(dim=1)"
)
def _(width, height):
    return _network(width, height, last=nn.Sigmoid())
