"""Batches of texts of unequal length."""

from collections.abc import Iterator

import torch
from torch import Tensor

from common import distributed, shared_batches
from common.device import derive_seed
from common.text.vocabulary import PADDING

Batch = tuple[Tensor, Tensor, Tensor]  # token numbers (N, T), lengths (N,) on the CPU, labels (N,)


class TextLoader:
    """Batches of texts of similar length, padded to the longest of each batch: less padding, less to compute.

    In training the order is drawn anew for each epoch from the seed and the epoch's number. Under torchrun every
    process gets its share of each batch (`shared_batches.own_rows`; in evaluation each text once), padded to the
    longest text of the share: a model must give a text the same logits whatever it is padded to.
    """

    def __init__(
        self, indices: Tensor, offsets: Tensor, y: Tensor, *, batch_size: int, shuffle: bool = False, seed: int = 0
    ):
        self.indices, self.offsets, self.y = indices, offsets, y
        self.batch_size, self.shuffle, self.seed, self.epoch = batch_size, shuffle, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.y) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        lengths = self.offsets.diff()
        if not self.shuffle:
            for rows in lengths.argsort(stable=True).split(self.batch_size):
                own = rows[distributed.rank() :: distributed.world_size()]
                if len(own):
                    yield self.batch(own)
            return
        generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
        # Sorting twenty batches at a time keeps the batches varied, too.
        parts = torch.randperm(len(self.y), generator=generator).split(20 * self.batch_size)
        batches = [rows for part in parts for rows in part[lengths[part].argsort()].split(self.batch_size)]
        for i in torch.randperm(len(batches), generator=generator):
            yield self.batch(shared_batches.own_rows(batches[i]))

    def batch(self, rows: Tensor) -> Batch:
        """The texts with these numbers."""
        starts, lengths = self.offsets[rows], self.offsets.diff()[rows]
        place = torch.arange(max(1, int(lengths.max())))
        there = place < lengths[:, None]
        X = torch.where(there, self.indices[(starts[:, None] + place).clamp(max=len(self.indices) - 1)], PADDING)
        device = self.y.device
        return X.to(device), lengths.clamp(min=1), self.y[rows.to(device)]
