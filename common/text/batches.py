"""Many texts as tensors: the indices of all their tokens in a row, or a table filled up with padding.

indices, offsets = encode(texts, vocabulary, tokenizer)      # all tokens in a row, and where each text starts
X, lengths = pad(indices, offsets)                           # (N, longest text), filled up with [PAD]
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from common.errors import InputError
from common.text.tokens import Tokenize, tokenize
from common.text.vocabulary import END, PADDING, START, Vocab

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def encode(
    texts: Sequence[str],
    vocabulary: "Vocab | Tokenizer",
    tokenizer: Tokenize | None = None,
    *,
    max_length: int | None = None,
    framed: bool = False,
) -> tuple[Tensor, Tensor]:
    """The indices of all tokens in a row, int64 (tokens,), and where each text starts and the last ends, (N + 1,).

    `vocabulary` is one of words, with its `tokenizer`, or one of subwords. Texts longer than `max_length` are
    cut; `framed` puts [CLS] before and [SEP] behind each text (they count). Raises RuntimeError for an unknown word
    if the vocabulary has no default index, InputError for a `max_length` without room for a token.
    """
    if isinstance(vocabulary, nn.Module):  # ours, or torchtext's
        rows = [vocabulary(tokens) for tokens in tokenize(texts, tokenizer or str.split)]
    else:
        rows = [encoding.ids for encoding in vocabulary.encode_batch(list(texts), add_special_tokens=False)]
    if max_length is not None:
        frame = 2 if framed else 0
        room = max_length - frame
        if room < 1:
            raise InputError(f"max_length is {max_length}; it must leave room for a token: at least {frame + 1}")
        rows = [row[:room] for row in rows]
    if framed:
        rows = [[START, *row, END] for row in rows]
    indices = torch.tensor([index for row in rows for index in row], dtype=torch.int64)
    offsets = torch.tensor([0, *map(len, rows)]).cumsum(dim=0)
    return indices, offsets


def pad(indices: Tensor, offsets: Tensor, length: int | None = None, padding: int = PADDING) -> tuple[Tensor, Tensor]:
    """Texts of unequal length as one table, int64 (N, length), filled up with `padding`; and their lengths (N,).

    `length` is the longest text's unless it is given; longer texts are cut.
    """
    lengths = offsets.diff()  # (N,)
    if length is None:
        length = int(lengths.max()) if len(lengths) else 0
    lengths = lengths.clamp(max=length)
    place = torch.arange(length)
    there = place < lengths[:, None]  # (N, length): True where a text has a token
    X = torch.full(there.shape, padding)
    X[there] = indices[(offsets[:-1, None] + place)[there]]
    return X, lengths
