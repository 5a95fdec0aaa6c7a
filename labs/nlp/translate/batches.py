"""Pairs of texts as numbers, batch by batch, and the two vocabularies behind the numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from common.device import derive_seed
from common.text.batches import pad
from labs.nlp.translate.dates import Pair
from labs.nlp.vocabulary import Kind, Vocabulary, learn_vocabulary, load_vocabulary

Batch = tuple[Tensor, Tensor, Tensor]  # sources (N, T), their lengths (N,) on the CPU, targets (N, U + 2), framed


@dataclass(frozen=True)
class Vocabularies:
    """What sources are cut into, and what targets are."""

    source: Vocabulary
    target: Vocabulary

    def save(self, folder: Path) -> None:
        """source/vocabulary.json and target/vocabulary.json in a run's folder."""
        self.source.save(folder / "source")
        self.target.save(folder / "target")


def learn_vocabularies(pairs: Sequence[Pair], kind: Kind, size: int | None) -> Vocabularies:
    """The vocabularies of the pairs' two sides, of `size` tokens each (characters: all there are)."""
    sides = [pair.source for pair in pairs], [pair.target for pair in pairs]
    return Vocabularies(*(learn_vocabulary(texts, kind, size) for texts in sides))


def load_vocabularies(folder: Path) -> Vocabularies:
    """What `save` wrote."""
    return Vocabularies(*(load_vocabulary(Path(folder) / side) for side in ("source", "target")))


class PairLoader:
    """Batches of pairs whose sources are of like length, each padded to its longest; `Batch` has the shapes.

    With `shuffle` the order is drawn anew for each epoch from the seed and the epoch's number.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        vocabularies: Vocabularies,
        device: torch.device,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
    ):
        self.sources = vocabularies.source.encode([pair.source for pair in pairs])
        self.targets = vocabularies.target.encode([pair.target for pair in pairs], framed=True)
        self.device, self.batch_size, self.shuffle, self.seed, self.epoch = device, batch_size, shuffle, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    @property
    def size(self) -> int:
        """How many pairs there are."""
        return len(self.sources[1]) - 1

    def order(self) -> list[Tensor]:
        """The numbers of the pairs in each batch."""
        lengths = self.sources[1].diff()
        if not self.shuffle:
            return list(lengths.argsort(stable=True).split(self.batch_size))
        generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
        # Sorting twenty batches at a time keeps the batches varied, too.
        parts = torch.randperm(self.size, generator=generator).split(20 * self.batch_size)
        batches = [rows for part in parts for rows in part[lengths[part].argsort()].split(self.batch_size)]
        return [batches[i] for i in torch.randperm(len(batches), generator=generator)]

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.order():
            X, lengths = pad(*chosen(*self.sources, rows))
            Y, _ = pad(*chosen(*self.targets, rows))
            yield X.to(self.device), lengths, Y.to(self.device)


def chosen(indices: Tensor, offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The texts with these numbers, as `encode` gives them: all tokens in a row, and where each text starts."""
    texts = [indices[offsets[row] : offsets[row + 1]] for row in rows.tolist()]
    lengths = torch.tensor([0, *map(len, texts)])
    return torch.cat(texts), lengths.cumsum(dim=0)
