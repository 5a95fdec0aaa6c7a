"""torchtext's transforms: modules that a list of tokens, or a list of such lists, goes through to become a tensor."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from common.text.vocabulary import Vocab


class Sequential(nn.Sequential):
    """One transform after the other: nn.Sequential under torchtext's name."""


class VocabTransform(nn.Module):
    """Tokens to indices: a list, or a list of lists. TypeError for anything else."""

    def __init__(self, vocab: Vocab):
        super().__init__()
        self.vocab = vocab

    def forward(self, input: list) -> list:
        if _is_batch(input, str):
            return [self.vocab.lookup_indices(row) for row in input]
        return self.vocab.lookup_indices(input)


class LabelToIndex(nn.Module):
    """A label, or a list of labels, to its place among `label_names`, or among the lines of the file `label_path`.

    The names are kept in the order given, or sorted if asked (blank lines of a file do not count). Raises ValueError
    unless exactly one of the two is given, RuntimeError for a label given twice and for one that is not among them,
    TypeError for what is neither a label nor a list of labels.
    """

    def __init__(
        self,
        label_names: list[str] | None = None,
        label_path: str | Path | None = None,
        sort_names: bool = False,
    ):
        super().__init__()
        if not label_names and not label_path:
            raise ValueError("label_names or label_path is needed: a list of labels, or a file with one a line")
        if label_names and label_path:
            raise ValueError(f"label_names and label_path ({label_path}) are both given; give one of them")
        labels = label_names or []
        if label_path:
            with Path(label_path).open(encoding="utf-8") as lines:
                labels = [line.strip() for line in lines if line.strip()]
        self._labels = Vocab(sorted(labels) if sort_names else labels)

    @property
    def label_names(self) -> list[str]:
        """The labels, each at its index."""
        return self._labels.get_itos()

    def forward(self, input: str | list[str]) -> int | list[int]:
        if isinstance(input, str):
            return self._labels[input]
        if _is_list(input, str):
            return self._labels.lookup_indices(input)
        raise TypeError("Input type not supported: it must be a label or a list of labels, each a str")


class StrToIntTransform(nn.Module):
    """Numbers written as strings to int: a list, or a list of lists. ValueError for what is no whole number."""

    def forward(self, input: list) -> list:
        if _is_batch(input, str):
            return [[int(number) for number in row] for row in input]
        return [int(number) for number in input]


class Truncate(nn.Module):
    """The first `max_seq_len` elements of a list, or of each list in a list."""

    def __init__(self, max_seq_len: int):
        super().__init__()
        self.max_seq_len = max_seq_len

    def forward(self, input: list) -> list:
        if _is_batch(input, int, str):
            return [row[: self.max_seq_len] for row in input]
        return input[: self.max_seq_len]


class AddToken(nn.Module):
    """`token` put before (or, with begin=False, behind) a list, or each list in a list."""

    def __init__(self, token: int | str, begin: bool = True):
        super().__init__()
        self.token, self.begin = token, begin

    def forward(self, input: list) -> list:
        if _is_batch(input, type(self.token)):
            return [self._add(row) for row in input]
        return self._add(input)

    def _add(self, row: list) -> list:
        return [self.token, *row] if self.begin else [*row, self.token]


class ToTensor(nn.Module):
    """Indices to a tensor; a list of lists of unequal length is filled up with `padding_value`."""

    def __init__(self, padding_value: int | None = None, dtype: torch.dtype = torch.long):
        super().__init__()
        self.padding_value, self.dtype = padding_value, dtype

    def forward(self, input: list) -> Tensor:
        if not _is_batch(input, int) or self.padding_value is None:
            return torch.tensor(input, dtype=self.dtype)
        rows = [torch.tensor(row, dtype=self.dtype) for row in input]
        return pad_sequence(rows, batch_first=True, padding_value=float(self.padding_value))


class PadTransform(nn.Module):
    """A tensor (…, n) filled up with `pad_value` to (…, max_length); a longer one stays as it is."""

    def __init__(self, max_length: int, pad_value: int):
        super().__init__()
        self.max_length, self.pad_value = max_length, float(pad_value)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, max(0, self.max_length - x.size(-1))), value=self.pad_value)


def _is_list(value: object, kind: type) -> bool:
    """Whether it is a list whose elements are all of `kind`."""
    return isinstance(value, list) and all(isinstance(element, kind) for element in value)


def _is_batch(value: object, *kinds: type) -> bool:
    """True for a list of lists, False for a list, whose elements are all of one of `kinds`; else TypeError."""
    for kind in kinds:
        if _is_list(value, kind):
            return False
        if isinstance(value, list) and all(_is_list(row, kind) for row in value):
            return True
    names = " or ".join(kind.__name__ for kind in kinds)
    raise TypeError(f"Input type not supported: it must be a list, or a list of lists, of {names}")
