"""A network that reads a sentence in both directions and scores the tags of each word (Huang et al. 2015)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.text.corpora import Sentence, TaggedData
from labs.nlp.tagging.crf import IGNORED

PADDING, UNKNOWN = 0, 1  # numbers of the two entries every vocabulary begins with


@dataclass(frozen=True)
class Encoding:
    """Numbers for words, for their last three letters, and for tags; 0 pads, 1 stands for what was never seen."""

    words: tuple[str, ...]
    endings: tuple[str, ...]
    tags: tuple[str, ...]

    def encode(self, sentences: list[list[str]]) -> Tensor:
        """Sentences as (N, T, 3): word, ending and shape of each token, padded with 0 to the longest."""
        word = {w: i for i, w in enumerate(self.words, UNKNOWN + 1)}
        ending = {e: i for i, e in enumerate(self.endings, UNKNOWN + 1)}
        rows = [
            torch.tensor(
                [[word.get(w.lower(), UNKNOWN), ending.get(w.lower()[-3:], UNKNOWN), shape(w)] for w in sentence]
            )
            for sentence in sentences
        ]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def encode_tags(self, sentences: list[Sentence]) -> Tensor:
        """Tags (N, T), padded with IGNORED."""
        number = {tag: i for i, tag in enumerate(self.tags)}
        rows = [torch.tensor([number[tag] for _, tag in sentence]) for sentence in sentences]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORED)


SHAPES = 5  # padding, lower case, Capitalised, CAPITALS, has no letter


def shape(word: str) -> int:
    """How a word is written, as one of SHAPES numbers."""
    if not any(c.isalpha() for c in word):
        return 4
    if len(word) > 1 and word.isupper():
        return 3
    return 2 if word[0].isupper() else 1


def build_encoding(data: TaggedData) -> Encoding:
    """The words and endings of the training sentences, in alphabetical order, and all tags."""
    words = sorted({word.lower() for sentence in data.train for word, _ in sentence})
    return Encoding(tuple(words), tuple(sorted({word[-3:] for word in words})), data.tags)


class Tagger(nn.Module):
    """Tokens (N, T, 3) → scores (N, T, K) of the tags: embeddings, then an LSTM in each direction."""

    def __init__(self, encoding: Encoding, width: int, dropout: float, unknown: float):
        super().__init__()
        self.unknown = unknown
        self.word = nn.Embedding(len(encoding.words) + 2, width, padding_idx=PADDING)
        self.ending = nn.Embedding(len(encoding.endings) + 2, width // 2, padding_idx=PADDING)
        self.shape = nn.Embedding(SHAPES, 8, padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width + width // 2 + 8, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, len(encoding.tags))

    def forward(self, tokens: Tensor) -> Tensor:
        words, endings, shapes = tokens.unbind(dim=2)
        if self.training:  # so that the network learns what to do with a word it does not know
            hide = torch.rand(words.shape).to(words.device) < self.unknown
            words = torch.where(hide & (words != PADDING), UNKNOWN, words)
        x = torch.cat([self.word(words), self.ending(endings), self.shape(shapes)], dim=2)
        lengths = (tokens[:, :, 0] != PADDING).sum(dim=1).cpu()
        # Packed, so that the backward direction starts at a sentence's last word, not at its padding.
        packed = nn.utils.rnn.pack_padded_sequence(self.dropout(x), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        return self.head(self.dropout(hidden))
