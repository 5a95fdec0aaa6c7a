"""Two networks that translate: each reads a source whole, then writes the target token by token.

Recurrent is Bahdanau et al. 2015 (a GRU that reads in both directions, a GRU that writes), Transformer Vaswani et al.
2017. Both answer the same three questions:

    read(X, lengths)             what the decoder looks at, and the state it starts from
    step(source, state, token)   logits (N, V) for the next token, where it looked (N, T), the new state
    forward(X, lengths, Y)       logits (N, U, V) for all targets at once, each token after the right ones before it
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from common.text.vocabulary import PADDING
from labs.nlp.attention import Block, attention


class Source(NamedTuple):
    """A batch of sources after reading, N of T tokens."""

    hidden: Tensor  # (N, T, D): each token, knowing its neighbours
    keys: Tensor  # (N, T, D): what a state is compared with
    there: Tensor  # (N, T): False for padding

    def rows(self, chosen: Tensor) -> "Source":
        """The sources with these numbers, as often as they are named."""
        return Source(*(part[chosen] for part in self))


class Additive(nn.Module):
    """How well each position fits a state: vᵀ tanh(W s + U h) (Bahdanau et al. 2015)."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, 1, bias=False)

    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        """State (N, D) and keys U h (N, T, D) → scores (N, T)."""
        return self.v(torch.tanh(self.query(state)[:, None] + keys))[:, :, 0]


class Dot(nn.Module):
    """The same by a product: s · U h / √d (Luong et al. 2015's "general"; divided as in Vaswani et al. 2017)."""

    def __init__(self, width: int):
        super().__init__()
        self.key = nn.Linear(width, width, bias=False)

    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        return (keys @ state[:, :, None])[:, :, 0] / math.sqrt(state.shape[1])


class Recurrent(nn.Module):
    """A GRU reads in both directions; a second one writes, and looks at what the first has read before each token."""

    def __init__(self, source: int, target: int, width: int, dropout: float, score: str):
        super().__init__()
        self.source = nn.Embedding(source, width, padding_idx=PADDING)
        self.target = nn.Embedding(target, width, padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.start = nn.Linear(width, width)
        self.score: Additive | Dot = Additive(width) if score == "additive" else Dot(width)
        self.decoder = nn.GRUCell(2 * width, width)
        self.head = nn.Linear(2 * width, target)

    def read(self, X: Tensor, lengths: Tensor) -> tuple[Source, Tensor]:
        # Packed: the backward direction starts at the last token, and nothing is computed for padding.
        x = self.dropout(self.source(X))
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        packed, last = self.encoder(packed)
        hidden, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=X.shape[1])
        state = torch.tanh(self.start(last.transpose(0, 1).flatten(1)))  # both directions' last: (N, D)
        return Source(hidden, self.score.key(hidden), X != PADDING), state

    def look(self, source: Source, state: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of what was read, weighted by how well it fits the state (N, D), and the weights (N, T)."""
        scores = self.score(state, source.keys).masked_fill(~source.there, float("-inf"))
        weights = scores.softmax(dim=1)
        return (weights[:, None] @ source.hidden)[:, 0], weights

    def advance(self, source: Source, state: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """After the token with the vector x (N, D): what is known (N, 2 D), where it looked, the new state."""
        context, weights = self.look(source, state)
        state = self.decoder(torch.cat([x, context], dim=1), state)
        return torch.cat([state, context], dim=1), weights, state

    def step(self, source: Source, state: Tensor, token: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        known, weights, state = self.advance(source, state, self.dropout(self.target(token)))
        return self.head(self.dropout(known)), weights, state

    def forward(self, X: Tensor, lengths: Tensor, Y: Tensor) -> Tensor:
        source, state = self.read(X, lengths)
        found = []
        for x in self.dropout(self.target(Y)).unbind(dim=1):  # teacher forcing: the right token, whatever was said
            known, _, state = self.advance(source, state, x)
            found.append(known)
        return self.head(self.dropout(torch.stack(found, dim=1)))


def positions(length: int, width: int, device: torch.device) -> Tensor:
    """Waves of wavelengths 2π to 10000 · 2π that tell places apart (length, width) (Vaswani et al. 2017, 3.5)."""
    place = torch.arange(length, device=device)[:, None]
    angle = place / 10_000 ** (torch.arange(0, width, 2, device=device) / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width]


class Look(nn.Module):
    """Attention from what is being written (N, U, D) to what was read (N, T, D); also the weights (N, U, T)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)

    def forward(self, y: Tensor, source: Source) -> tuple[Tensor, Tensor]:
        query = self.query(self.norm(y)).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (N, heads, U, d)
        key, value = self.key_value(source.hidden).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed, weights = attention(query, key, value, source.there[:, None, None])
        return self.project(mixed.transpose(1, 2).flatten(2)), weights.mean(dim=1)


class DecoderBlock(nn.Module):
    """A block that also looks at the source: at its own past, at the source, then two dense layers."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.own, self.look = Block(width, heads, dropout), Look(width, heads)

    def forward(self, y: Tensor, source: Source) -> tuple[Tensor, Tensor]:
        own = self.own
        query, key, value = own.split(y)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        y = y + own.dropout(own.project(mixed.transpose(1, 2).flatten(2)))
        taken, weights = self.look(y, source)
        y = y + own.dropout(taken)
        return y + own.dropout(own.feed_forward(own.norm2(y))), weights


class Transformer(nn.Module):
    """Blocks of attention read; blocks that also look at what was read write. Places are told by waves.

    Its state is what has been written (N, u): it is read anew at each step, which short targets can afford.
    """

    def __init__(self, source: int, target: int, width: int, layers: int, heads: int, dropout: float):
        super().__init__()
        self.source = nn.Embedding(source, width, padding_idx=PADDING)
        self.target = nn.Embedding(target, width, padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderBlock(width, heads, dropout) for _ in range(layers))
        self.read_norm, self.write_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.head = nn.Linear(width, target)

    def embed(self, table: nn.Module, tokens: Tensor) -> Tensor:
        """Vectors of the tokens, and of their places: (N, T, D)."""
        x = table(tokens)
        return self.dropout(x + positions(x.shape[1], x.shape[2], x.device).to(x.dtype))

    def read(self, X: Tensor, lengths: Tensor) -> tuple[Source, Tensor]:
        x, there = self.embed(self.source, X), X != PADDING
        for block in self.encoder:
            x = block(x, there[:, None, None])
        hidden = self.read_norm(x)
        return Source(hidden, hidden, there), X[:, :0]  # each block makes keys of its own; nothing is written yet

    def write(self, source: Source, Y: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, U, V) and where the last block looks (N, U, T), the mean over its heads."""
        y = self.embed(self.target, Y)
        weights = y.new_zeros(())
        for block in self.decoder:
            y, weights = block(y, source)
        return self.head(self.write_norm(y)), weights

    def step(self, source: Source, state: Tensor, token: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        state = torch.cat([state, token[:, None]], dim=1)
        logits, weights = self.write(source, state)
        return logits[:, -1], weights[:, -1], state

    def forward(self, X: Tensor, lengths: Tensor, Y: Tensor) -> Tensor:
        source, _ = self.read(X, lengths)
        return self.write(source, Y)[0]


Translator = Recurrent | Transformer
