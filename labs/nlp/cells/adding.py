"""The adding problem: two of many numbers are marked; what is their sum? (Hochreiter & Schmidhuber 1997, section 5.4)

The first mark is in the first half of the sequence, the second in the second: the first number must be kept over at
least half of it, while others stream by.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from common.device import derive_seed

CLOSE = 0.08  # an answer counts as right within 4 % of the range of sums, 0 to 2, as in the paper
LUCK = 1 - (1 - CLOSE) ** 2  # share of sums that always saying 1 has right: their density is 1 − |y − 1|
GUESSING = 1 / 6  # mean squared error of always saying 1: the variance of a sum of two numbers from [0, 1]


def draw_sequences(n: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences X (n, length, 2) of a number from [0, 1] and its mark (0 or 1), and the sums y (n,) of the marked."""
    numbers = torch.rand(n, length, generator=generator)
    half = length // 2
    first = torch.randint(half, (n,), generator=generator)
    second = torch.randint(half, length, (n,), generator=generator)
    marks = torch.zeros(n, length)
    rows = torch.arange(n)
    marks[rows, first] = marks[rows, second] = 1.0
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1)


class AddingLoader:
    """Batches without end: each epoch has others, drawn from `seed` and its number; each batch has one length.

    So epoch 5 is the same whether epochs 1 to 4 ran in this process or not.
    """

    def __init__(self, batches: int, batch_size: int, shortest: int, longest: int, seed: int, device: torch.device):
        self.batches, self.batch_size, self.shortest, self.longest = batches, batch_size, shortest, longest
        self.seed, self.device, self.epoch = seed, device, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the sequences of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
        for _ in range(self.batches):
            length = int(torch.randint(self.shortest, self.longest + 1, (), generator=generator))
            X, y = draw_sequences(self.batch_size, length, generator)
            yield X.to(self.device), y.to(self.device)
