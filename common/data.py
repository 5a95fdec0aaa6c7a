"""Arrays in memory, batch by batch, and splits that keep every class's share."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from common import distributed, shared_batches
from common.device import derive_seed
from common.errors import InputError


class ArrayLoader:
    """Flux's DataLoader: batches of several tensors of equal length, each batch one indexed slice.

    The tensors stay where they are (put them where the model is); no workers, no per-sample Python. Each pass
    is shuffled anew from `seed` and the epoch that `set_epoch` names, so pass 5 is the same whether passes 1 to
    4 ran in this process or not. `batch_size` counts the samples of all processes together: under torchrun each
    process gets its share of every batch (`shared_batches.own_rows`), without `shuffle`, for evaluation, each row once.
    """

    def __init__(
        self,
        *arrays: Tensor,
        batch_size: int = 64,
        shuffle: bool = False,
        seed: int = 0,
    ):
        if any(len(array) != len(arrays[0]) for array in arrays):
            raise ValueError(f"arrays of unequal length: {[len(array) for array in arrays]}")
        self.arrays, self.batch_size, self.shuffle, self.seed = arrays, batch_size, shuffle, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches per pass: ⌈N/B⌉."""
        return -(-len(self.arrays[0]) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        n = len(self.arrays[0])
        if not self.shuffle:
            for start in range(distributed.rank(), n, self.batch_size):
                stop = min(start - distributed.rank() + self.batch_size, n)
                yield tuple(array[start : stop : distributed.world_size()] for array in self.arrays)
            return
        generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
        order = torch.randperm(n, generator=generator).to(self.arrays[0].device)
        for batch in order.split(self.batch_size):
            rows = shared_batches.own_rows(batch)
            yield tuple(array[rows] for array in self.arrays)


def stratified_split(
    y: Tensor, fractions: Sequence[float], *, seed: int = 0, classes: Sequence[str] = ()
) -> list[Tensor]:
    """Indices of len(fractions) parts of the samples, shuffled, in which each class has the share it has in `y`.

    Part i holds fractions[i] of the samples (rounded). Raises InputError unless the fractions are positive and sum to
    1, and, naming the class (by its name among `classes`, if given), for one that is too small to be divided so.
    """
    from sklearn.model_selection import train_test_split

    said = f"split {','.join(map(str, fractions))}"
    if any(f <= 0 for f in fractions) or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(f"{said}: fractions must be positive and sum to 1")
    if not len(y):
        raise InputError(f"{said}: there is nothing to divide")
    ends = np.rint(np.cumsum(fractions) * len(y)).astype(int)
    sizes = np.diff(ends, prepend=0)
    rest, labels, parts = np.arange(len(y)), y.cpu().numpy(), []
    own = seed if seed < 2**32 else derive_seed(seed) % 2**32  # scikit-learn takes 32 bits
    try:
        for size in sizes[:-1]:
            part, rest = train_test_split(rest, train_size=int(size), stratify=labels[rest], random_state=own)
            parts.append(torch.from_numpy(part))
    except ValueError:  # a part or a class is too small
        found, counts = np.unique(labels, return_counts=True)
        least = int(found[counts.argmin()])
        raise InputError(
            f"{said} of {len(y)} samples: class {classes[least] if classes else least} has {counts.min()}; to be in "
            f"every part a class needs at least {math.ceil(1 / min(fractions))}"
        ) from None
    return [*parts, torch.from_numpy(np.random.default_rng(seed).permutation(rest))]
