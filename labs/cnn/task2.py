"""The lab manual's network (Task № 2, c) and the variations that its part e asks for."""

from typing import Literal

from torch import nn

from common.errors import InputError

Padding = Literal["valid", "same"]
Pooling = Literal["max", "average", "none"]


def task2(
    filters: tuple[int, ...] = (32, 64),
    kernel_size: int = 3,
    padding: Padding = "valid",
    stride: int = 1,
    pooling: Pooling = "max",
    dropout: float = 0.0,
    batch_norm: bool = False,
) -> nn.Sequential:
    """(N, 1, 28, 28) → (N, 10) logits: 225 034 parameters as the manual has it.

    Raises InputError if a 28×28 image is too small for so many convolutions.
    """
    p = (kernel_size - 1) // 2 if padding == "same" else 0
    layers: list[nn.Module] = []
    channels, side = 1, 28
    for n in filters:
        layers += [nn.Conv2d(channels, n, kernel_size, stride, p)]
        layers += [nn.BatchNorm2d(n)] if batch_norm else []
        layers += activated(pooling)
        # ⌊(in + 2p − k)/s⌋ + 1; a slide's text, copied, has ⌈ ⌉, the printed slide ⌊ ⌋
        channels, side = n, (side + 2 * p - kernel_size) // stride + 1
        side = side if pooling == "none" else side // 2
        if side < 1:
            said = f"--filters {','.join(map(str, filters))} with --kernel-size {kernel_size}, --stride {stride}"
            raise InputError(f"{said}, --padding {padding} and --pooling {pooling} leaves no pixel of 28×28")
    layers += [nn.Flatten(), nn.Linear(channels * side**2, 128), nn.ReLU()]
    layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(128, 10))


def activated(pooling: Pooling) -> list[nn.Module]:
    """ReLU and pooling in the order that computes least: a mean, unlike a maximum, must come after the ReLU."""
    match pooling:
        case "max":
            return [nn.MaxPool2d(2), nn.ReLU()]
        case "average":
            return [nn.ReLU(), nn.AvgPool2d(2)]
    return [nn.ReLU()]
