"""What `--preset fast` is made of: a network that costs little, its start, rates by the step, images moved a little.

README.md says what each of them is worth. After Springenberg et al. 2015 (strides instead of pooling), Saxe et al. 2014
(orthogonal starts) and Smith & Topin 2018 (one cycle).
"""

from collections.abc import Iterator
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from common.data import ArrayLoader

# What the presets set where nothing else is given. A validation part chose `fast`; README.md says how.
PRESETS: dict[str, dict[str, Any]] = {
    "course": {"model": "course", "start": "own", "epochs": 8, "batch_size": 64, "lr": 3e-3, "shift": 0},
    "fast": {
        "model": "strided",
        "start": "orthogonal",
        "epochs": 2,
        "batch_size": 128,
        "lr": 1e-2,
        "schedule": "one_cycle",
        "shift": 1,
    },
}


def strided() -> nn.Sequential:
    """A network of the size of cnn.jl's, 30 170 parameters, at a fraction of its price for an image.

    Only the middle of the field is looked at, where the digits are, and the first convolution goes in steps of two
    pixels instead of computing four times as many places of which pooling would keep one in four.
    """
    return nn.Sequential(  # (N,  1, 28, 28)
        nn.ZeroPad2d((-2, -3, -2, -3)),  # (N,  1, 23, 23): less than no padding cuts off
        nn.Conv2d(1, 16, kernel_size=5, stride=2),  # (N, 16, 10, 10)
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3),  # (N, 32,  8,  8)
        nn.MaxPool2d(2),  # (N, 32,  4,  4)
        nn.ReLU(),
        nn.Flatten(),  # (N, 512)
        nn.Linear(512, 48),
        nn.ReLU(),
        nn.Linear(48, 10),  # (N, 10) logits
    )


def orthogonal(network: nn.Sequential) -> nn.Sequential:
    """The network with new weights: a layer's rows orthogonal and of length √2 (ReLU halves the squares), biases 0."""
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(layer.weight, gain=2**0.5)
            nn.init.zeros_(cast(Tensor, layer.bias))
    return network


class OneCycle:
    """The batches of a loader, before each of which the optimiser's rates are set.

    They rise to what the optimiser was made with over the first `rising` of all steps and fall to 0 over the others,
    both in a straight line: a closed form of the step, so that a run which was interrupted goes on with the rates of
    one that was not.
    """

    def __init__(self, loader: ArrayLoader, optimizer: Optimizer, epochs: int, rising: float = 0.3):
        self.loader, self.optimizer, self.steps = loader, optimizer, epochs * len(loader)
        self.rising = max(1, round(rising * self.steps))
        self.rates = [group["lr"] for group in optimizer.param_groups]

    def set_epoch(self, epoch: int) -> None:
        """Choose the pass, from 1: its shuffle and its rates."""
        self.loader.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        done = (self.loader.epoch - 1) * len(self.loader)
        for step, batch in enumerate(self.loader, done):
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * self.share(step)
            yield batch

    def share(self, step: int) -> float:
        """What the rates are multiplied by in a step, counted from 0."""
        return min((step + 1) / self.rising, (self.steps - step) / (self.steps - self.rising + 1))


def random_shift(X: Tensor, pixels: int) -> Tensor:
    """Each image of X (N, C, H, W) moved by up to ±`pixels` down and right; what comes in from outside is black (0)."""
    if not pixels:
        return X
    n, _, height, width = X.shape
    down, right = torch.randint(2 * pixels + 1, (2, n)).to(X.device)  # drawn on the CPU: the same on every device
    windows = F.pad(X, [pixels] * 4).unfold(2, height, 1).unfold(3, width, 1)  # (N, C, down, right, H, W): a view
    return windows[torch.arange(n, device=X.device), :, down, right]
