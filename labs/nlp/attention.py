"""Attention: what each word of a text takes from the others (Vaswani et al. 2017).

The classifier's Transformer and the language model's are made of the same `Block`.
"""

import torch.nn.functional as F
from torch import Tensor, nn


def attention(query: Tensor, key: Tensor, value: Tensor, there: Tensor, scaled: bool = True) -> tuple[Tensor, Tensor]:
    """What each word takes from the others: softmax(Q Kᵀ / √d) V, and the weights that the softmax gives.

    query, key, value (N, heads, T, d); `there` (N, 1, 1, T) is False for padding, which nobody looks at; one of shape
    (T, T) says of each word whom it may look at. A word that may look at nobody has weights of 0. Without `scaled` the
    division by √d is left out: to see what it is good for (labs/nlp/cells/README.md).
    """
    similarity = query @ key.transpose(2, 3)  # (N, heads, T, T)
    if scaled:
        similarity = similarity / query.shape[3] ** 0.5
    weights = similarity.masked_fill(~there, float("-inf")).softmax(dim=3).masked_fill(~there, 0.0)
    return weights @ value, weights


class Block(nn.Module):
    """Attention, then two dense layers; each adds to what came in: (N, T, D) → (N, T, D).

    `there` (broadcastable to N, heads, T, T) says whom each word may look at; None: itself and those before it.
    """

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def split(self, x: Tensor) -> Tensor:
        """Query, key and value of each head: (3, N, heads, T, D/heads)."""
        n, t, d = x.shape
        return self.query_key_value(self.norm1(x)).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, there: Tensor | None) -> Tensor:
        # torch's own `attention`: the same numbers, faster; it does not tell the weights
        query, key, value = self.split(x)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=there, is_causal=there is None)
        x = x + self.dropout(self.project(mixed.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.feed_forward(self.norm2(x)))
