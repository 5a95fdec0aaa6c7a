"""From tokens to their indices and back, under torchtext's names.

vocabulary = build_vocab_from_iterator(tokenize(texts, tokenizer), specials=SPECIALS, max_tokens=10_000)
vocabulary.set_default_index(UNKNOWN)
vocabulary(["here", "we", "are"])                        # a list of indices
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from torch import nn

from common.text.installed import torchtext_if_installed

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]  # filling, unknown token, start of a text, its end
PADDING, UNKNOWN, START, END = range(4)


class Vocab(nn.Module):
    """Tokens and their indices, both ways. Unknown tokens get the default index, or raise RuntimeError without one.

    A module, so that it can stand in nn.Sequential before others; it has no parameters.
    """

    def __init__(self, tokens: Iterable[str]):
        super().__init__()
        self._itos: list[str] = []  # index to string: the tokens in order
        self._stoi: dict[str, int] = {}  # string to index
        self._default: int | None = None
        for token in tokens:
            self.append_token(token)

    def __len__(self) -> int:
        return len(self._itos)

    def __contains__(self, token: str) -> bool:
        return token in self._stoi

    def __getitem__(self, token: str) -> int:
        if not isinstance(token, str):
            raise TypeError(f"tokens are strings, not {type(token).__name__}")
        index = self._stoi.get(token, self._default)
        if index is None:
            raise RuntimeError(f"Token {token} not found and default index is not set")
        return index

    def forward(self, tokens: list[str]) -> list[int]:
        """The indices of `tokens`: vocabulary(["here", "we", "are"])."""
        return self.lookup_indices(tokens)

    def lookup_indices(self, tokens: list[str]) -> list[int]:
        return [self[token] for token in tokens]

    def lookup_token(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise RuntimeError(f"index {index} is not in the vocabulary, which has {len(self)} tokens")
        return self._itos[index]

    def lookup_tokens(self, indices: list[int]) -> list[str]:
        return [self.lookup_token(index) for index in indices]

    def set_default_index(self, index: int | None) -> None:
        """The index of every token that is not in the vocabulary; None: such a token raises RuntimeError."""
        self._default = index

    def get_default_index(self) -> int | None:
        return self._default

    def append_token(self, token: str) -> None:
        self.insert_token(token, len(self))

    def insert_token(self, token: str, index: int) -> None:
        """Put `token` at `index`; those behind it move up by one."""
        if token in self._stoi:
            raise RuntimeError(f"Token {token} already exists in the vocabulary, at {self._stoi[token]}")
        if not 0 <= index <= len(self):
            raise RuntimeError(f"index {index} is not between 0 and {len(self)}")
        self._itos.insert(index, token)
        for i in range(index, len(self)):
            self._stoi[self._itos[i]] = i

    def get_stoi(self) -> dict[str, int]:
        return dict(self._stoi)

    def get_itos(self) -> list[str]:
        return list(self._itos)


def vocab(
    ordered_dict: dict[str, int], min_freq: int = 1, specials: Sequence[str] = (), special_first: bool = True
) -> Vocab:
    """A vocabulary of the tokens counted at least `min_freq` times, in the order of the dictionary.

    torchtext's own where it is installed. Raises RuntimeError for a special token given twice.
    """
    if torchtext := torchtext_if_installed():
        return torchtext.vocab.vocab(dict(ordered_dict), min_freq, list(specials), special_first)
    tokens = [token for token, count in ordered_dict.items() if count >= min_freq and token not in specials]
    return Vocab([*specials, *tokens] if special_first else [*tokens, *specials])


def build_vocab_from_iterator(
    iterator: Iterable[Iterable[str]],
    min_freq: int = 1,
    specials: Sequence[str] = (),
    special_first: bool = True,
    max_tokens: int | None = None,
) -> Vocab:
    """A vocabulary of the tokens in `iterator` (a list of tokens per text), the most frequent first, equals by name.

    `max_tokens` counts the specials, too; AssertionError, as in torchtext, if they leave no room. The vocabulary has
    no default index: set one for unknown tokens.
    """
    counts = Counter(chain.from_iterable(iterator))
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if max_tokens is not None:
        assert len(specials) < max_tokens, f"max_tokens {max_tokens} leaves no room beside {len(specials)} specials"
        frequent = frequent[: max_tokens - len(specials)]
    return vocab(dict(frequent), min_freq, specials, special_first)
