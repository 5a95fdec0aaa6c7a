"""Seven ways to read a text and say its class: token numbers (N, T) and lengths (N,) → logits (N, K).

NaiveBayes counts (Manning et al. 2008, ch. 13). Bag averages the vectors of the words (Joulin et al. 2017), CNN looks
for short phrases (Kim 2014), Recurrent reads in both directions (Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al.
2014; labs/nlp/cells has the cells by hand), Transformer lets every word look at every other (Vaswani et al. 2017).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.text import Vectors
from common.text.vocabulary import PADDING
from labs.nlp.attention import Block, attention
from labs.nlp.vocabulary import Vocabulary


class NaiveBayes(nn.Module):
    """log p(class) + Σ log p(word | class), both from counts with one added to each word's. Nothing to train."""

    log_prior: Tensor  # (K,)
    log_likelihood: Tensor  # (V, K)

    def __init__(self, vocabulary: int, classes: int):
        super().__init__()
        self.register_buffer("log_prior", torch.zeros(classes))
        self.register_buffer("log_likelihood", torch.zeros(vocabulary, classes))

    def count(self, indices: Tensor, offsets: Tensor, y: Tensor) -> None:
        """Learn from texts: tokens in a row, where each text starts, and the labels (N,)."""
        vocabulary, classes = self.log_likelihood.shape
        label = y.repeat_interleave(offsets.diff())
        words = torch.bincount(indices * classes + label, minlength=vocabulary * classes).view(vocabulary, classes)
        words = words.double() + 1
        words[PADDING] = 0  # stands for nothing
        documents = torch.bincount(y, minlength=classes).double()
        self.log_prior.copy_((documents / documents.sum()).log())
        self.log_likelihood.copy_((words / words.sum(dim=0)).clamp(min=1e-300).log())
        self.log_likelihood[PADDING] = 0

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        return self.log_prior + self.log_likelihood[X].sum(dim=1)


class Bag(nn.Module):
    """The mean of the words' vectors, then a linear layer: fast, and blind to order."""

    def __init__(self, vocabulary: int, width: int, classes: int, dropout: float):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, width, mode="mean", padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.dropout(self.embedding(X)))


class CNN(nn.Module):
    """Filters over 3, 4 and 5 neighbouring words; each reports the strongest place it found (Kim 2014)."""

    def __init__(self, vocabulary: int, width: int, classes: int, dropout: float, filters: int = 64):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, k, padding=k // 2) for k in (3, 4, 5))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(3 * filters, classes)

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        x = self.dropout(self.embedding(X)).transpose(1, 2)  # (N, width, T)
        there = (X != PADDING)[:, None]  # no filter finds anything in padding
        found = [F.relu(convolution(x))[:, :, : X.shape[1]] * there for convolution in self.convolutions]
        return self.head(self.dropout(torch.cat([each.amax(dim=2) for each in found], dim=1)))


class Recurrent(nn.Module):
    """A plain RNN, LSTM or GRU in both directions; the strongest value each unit takes anywhere in the text goes on."""

    def __init__(self, kind: str, vocabulary: int, width: int, layers: int, classes: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        unit = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
        self.unit = unit(
            width, width, layers, batch_first=True, bidirectional=True, dropout=dropout if layers > 1 else 0.0
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        x = self.dropout(self.embedding(X))
        # Packed: the backward direction starts at a text's last word, and nothing is computed for padding.
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = nn.utils.rnn.pad_packed_sequence(self.unit(packed)[0], batch_first=True, padding_value=-1.0)
        return self.head(self.dropout(hidden.amax(dim=1)))  # tanh gives more than −1, so padding never wins


class Transformer(nn.Module):
    """Words and their places; blocks of attention; the mean over the words goes on."""

    def __init__(
        self, vocabulary: int, width: int, layers: int, heads: int, classes: int, dropout: float, max_length: int
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.position = nn.Embedding(max_length, width)
        nn.init.normal_(self.position.weight, std=0.1)
        self.blocks = nn.ModuleList(Block(width, heads, dropout / 2) for _ in range(layers))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def embed(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """What the first block sees (N, T, D), and where there is a word (N, 1, 1, T)."""
        positions = torch.arange(X.shape[1], device=X.device)[None]
        return self.dropout(self.embedding(X) + self.position(positions)), (X != PADDING)[:, None, None]

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        x, there = self.embed(X)
        for block in self.blocks:
            x = block(x, there)
        words = there[:, 0, 0, :, None]
        mean = (self.norm(x) * words).sum(dim=1) / words.sum(dim=1).clamp(min=1)
        return self.head(self.dropout(mean))

    @torch.inference_mode()
    def attention_weights(self, X: Tensor) -> Tensor:
        """Who looks at whom: (layers, N, heads, T, T), each row summing to 1."""
        x, there = self.embed(X)
        found = []
        for block in self.blocks:
            assert isinstance(block, Block)
            query, key, value = block.split(x)
            found.append(attention(query, key, value, there)[1])
            x = block(x, there)
        return torch.stack(found)


def start_from_vectors(model: nn.Module, vocabulary: Vocabulary, vectors: Vectors) -> int:
    """Copy the vectors of the words that both know into the model's embedding; returns how many."""
    words = vocabulary.tokens(range(len(vocabulary)))
    rows = [(i, vectors.stoi[word]) for i, word in enumerate(words) if word in vectors.stoi]
    ours, theirs = torch.tensor(rows, dtype=torch.int64).view(-1, 2).T
    embedding = model.get_parameter("embedding.weight")
    with torch.no_grad():
        embedding[ours] = vectors.vectors[theirs].to(embedding)
    return len(rows)
