"""From text to numbers under torchtext's names: tokens, a vocabulary, indices, padding; subwords; word vectors.

torchtext's last release (0.18) loads with torch 2.3 only. Where it is installed, the tokenizer and the vocabulary
are its own; elsewhere they are these, which behave alike (a test compares them where both are there). The vectors
are always read here: torchtext keeps them as pickles and turns the check of certificates off for the whole process.

    tokenizer = get_tokenizer("basic_english")
    vocab = build_vocab_from_iterator(tokenize(texts, tokenizer), specials=SPECIALS, max_tokens=10_000)
    vocab.set_default_index(UNKNOWN)
    indices, offsets = encode(texts, vocab, tokenizer)       # all tokens in a row, and where each text starts
    X, lengths = pad(indices, offsets)                       # (N, longest text), filled up with [PAD]
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, repeat
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from common.errors import InputError
from common.text import basic_english
from common.text.vectors import GloVe, Vectors  # noqa: F401 (torchtext has them beside the vocabulary)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]  # filling, unknown token, start of a text, its end
PADDING, UNKNOWN, START, END = range(4)

Tokenize = Callable[[str], list[str]]


@cache
def torchtext_if_installed() -> ModuleType | None:
    """torchtext, or None if it is not there or was built for another torch."""
    try:
        import torchtext
    except (ImportError, OSError):  # OSError: its compiled part does not fit this torch
        return None
    torchtext.disable_torchtext_deprecation_warning()
    import torchtext.data
    import torchtext.vocab

    return torchtext


# --- Tokens ---------------------------------------------------------------------------------------------------------


def get_tokenizer(tokenizer: str | Tokenize | None, language: str = "en") -> Tokenize:
    """The function from a text to its tokens: "basic_english", None (splits at blanks), or your own, as it is.

    Raises ValueError for another name. (torchtext, where it is installed, knows more: each needs its package.)
    """
    if torchtext := torchtext_if_installed():
        return torchtext.data.get_tokenizer(tokenizer, language)
    if tokenizer is None:
        return str.split
    if tokenizer == "basic_english":
        if language != "en":
            raise ValueError(f"tokenizer 'basic_english' is for English (en), not for {language!r}")
        return basic_english.basic_english
    if not callable(tokenizer):
        raise ValueError(f"tokenizer {tokenizer!r} is none of 'basic_english', None or a function")
    return tokenizer


def tokenize(texts: Sequence[str], tokenizer: Tokenize) -> Iterator[list[str]]:
    """The tokens of each text, as `map(tokenizer, texts)` gives them; many at once are faster with basic_english."""
    return basic_english.tokenize(texts) if _is_basic_english(tokenizer) else map(tokenizer, texts)


def _is_basic_english(tokenizer: Tokenize) -> bool:
    return tokenizer in (basic_english.basic_english, get_tokenizer("basic_english"))


# --- Vocabulary -----------------------------------------------------------------------------------------------------


class Vocab(nn.Module):
    """Tokens and their indices, both ways. Unknown tokens get the default index, or raise RuntimeError without one.

    A module, so that it can stand in nn.Sequential before others; it has no parameters.
    """

    def __init__(self, tokens: Iterable[str]):
        super().__init__()
        self._itos: list[str] = []
        self._stoi: dict[str, int] = {}
        self._default: int | None = None
        for token in tokens:
            self.append_token(token)

    def __len__(self) -> int:
        return len(self._itos)

    def __contains__(self, token: str) -> bool:
        return token in self._stoi

    def __getitem__(self, token: str) -> int:
        return self.lookup_indices([token])[0]

    def forward(self, tokens: list[str]) -> list[int]:
        """The indices of `tokens`: vocab(["here", "we", "are"])."""
        return self.lookup_indices(tokens)

    def lookup_indices(self, tokens: list[str]) -> list[int]:
        for kind in set(map(type, tokens)):
            if not issubclass(kind, str):
                raise TypeError(f"tokens are strings, not {kind.__name__}")
        indices = list(map(self._stoi.get, tokens, repeat(self._default)))
        if self._default is None and None in indices:
            raise RuntimeError(f"Token {tokens[indices.index(None)]} not found and default index is not set")
        return indices

    def lookup_token(self, index: int) -> str:
        return self.lookup_tokens([index])[0]

    def lookup_tokens(self, indices: list[int]) -> list[str]:
        for index in indices:
            if not 0 <= index < len(self):
                raise RuntimeError(f"index {index} is not in the vocabulary, which has {len(self)} tokens")
        return [self._itos[index] for index in indices]

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
    """A vocabulary of the tokens counted at least `min_freq` times, in the order of the dictionary."""
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

    `max_tokens` counts the specials, too. The vocabulary has no default index: set one for unknown tokens.
    """
    counts = Counter(chain.from_iterable(iterator))
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if max_tokens is not None:
        assert len(specials) < max_tokens, f"max_tokens {max_tokens} leaves no room beside {len(specials)} specials"
        frequent = frequent[: max_tokens - len(specials)]
    return vocab(dict(frequent), min_freq, specials, special_first)


def build_subwords(
    texts: Sequence[str], kind: Literal["bpe", "wordpiece"], size: int = 8000, *, lower_case: bool = True
) -> "Tokenizer":
    """Learn `size` subwords (the SPECIALS among them) from `texts`.

    bpe: pairs of bytes merged by frequency (Sennrich et al. 2016; on bytes as in GPT-2): every text can be written
    with it and read back exactly. wordpiece (Schuster & Nakajima 2012; as in BERT): words and punctuation, a word's
    later pieces marked by ##; what holds an unseen character is [UNK]. Kept as text: to_str(), Tokenizer.from_str().
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    normalizer = normalizers.Lowercase() if lower_case else normalizers.Sequence([])
    settings = {"vocab_size": size, "show_progress": False}
    if kind == "bpe":
        subwords, decoder = Tokenizer(models.BPE()), decoders.ByteLevel()
        cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(**settings, special_tokens=SPECIALS, initial_alphabet=alphabet)
    else:
        subwords, decoder = Tokenizer(models.WordPiece()), decoders.WordPiece()
        cut = pre_tokenizers.BertPreTokenizer()
        # The trainer numbers the letters inside words as a hash table gives them, which differs from run to run and
        # decides between pieces of equal frequency. Named beforehand, they have the same numbers every time.
        words = (w for text in texts for w, _ in cut.pre_tokenize_str(normalizer.normalize_str(text)))
        inner = sorted({f"##{letter}" for word in words for letter in word[1:]})
        trainer = trainers.WordPieceTrainer(**settings, special_tokens=SPECIALS + inner)
    subwords.normalizer, subwords.pre_tokenizer = normalizer, cut
    subwords.train_from_iterator(texts, trainer)
    if kind == "wordpiece":  # without those letters' being special
        subwords = Tokenizer(models.WordPiece(subwords.get_vocab(), unk_token=SPECIALS[UNKNOWN]))
        subwords.normalizer, subwords.pre_tokenizer = normalizer, cut
        subwords.add_special_tokens(SPECIALS)
    subwords.decoder = decoder
    if subwords.get_vocab_size() > size:
        least = subwords.get_vocab_size()
        raise InputError(f"a vocabulary of {size} subwords is too small: single characters and specials are {least}")
    return subwords


# --- Many texts at once ---------------------------------------------------------------------------------------------


def encode(
    texts: Sequence[str],
    vocab: "Vocab | Tokenizer",
    tokenizer: Tokenize | None = None,
    *,
    max_length: int | None = None,
    framed: bool = False,
) -> tuple[Tensor, Tensor]:
    """The indices of all tokens in a row, int64 (tokens,), and where each text starts and the last ends, (N + 1,).

    `vocab` is a vocabulary of words, with its `tokenizer`, or one of subwords. Texts longer than `max_length` are
    cut; `framed` puts [CLS] before and [SEP] behind each text (they count). Raises RuntimeError for an unknown word
    if the vocabulary has no default index.
    """
    if tokenizer is None:
        rows = [encoding.ids for encoding in vocab.encode_batch(list(texts), add_special_tokens=False)]
        indices = np.fromiter(chain.from_iterable(rows), np.int64)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    else:
        indices, lengths = _encode_words(texts, vocab, tokenizer)
    if max_length is not None:
        room = max_length - 2 * framed
        if room < 1:
            raise InputError(f"max_length is {max_length}; it must leave room for a token: at least {1 + 2 * framed}")
        place = np.arange(len(indices)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        indices, lengths = indices[place < room], np.minimum(lengths, room)
    ends = np.cumsum(lengths)
    if framed:
        around = np.stack([ends - lengths, ends], axis=1).ravel()
        indices = np.insert(indices, around, np.tile([START, END], len(ends)))
        ends += 2 * np.arange(1, len(ends) + 1)
    return torch.from_numpy(indices), torch.from_numpy(np.append(0, ends))


def _encode_words(texts: Sequence[str], vocab: Vocab, tokenizer: Tokenize) -> tuple[np.ndarray, np.ndarray]:
    unknown = vocab.get_default_index()
    if unknown is not None and len(texts) > 100 and _is_basic_english(tokenizer):
        return basic_english.encode(texts, vocab.get_itos(), unknown)
    rows = [vocab(tokens) for tokens in tokenize(texts, tokenizer)]
    return np.fromiter(chain.from_iterable(rows), np.int64), np.fromiter(map(len, rows), np.int64, len(rows))


def pad(indices: Tensor, offsets: Tensor, length: int | None = None, padding: int = PADDING) -> tuple[Tensor, Tensor]:
    """Texts of unequal length as one table, int64 (N, length), filled up with `padding`; and their lengths (N,).

    `length` is the longest text's unless it is given; longer texts are cut.
    """
    lengths = offsets.diff()
    longest = int(lengths.max()) if len(lengths) else 0
    if length is not None:
        lengths = lengths.clamp(max=length)
    place = torch.arange(longest if length is None else length)
    there = place < lengths[:, None]
    X = torch.full(there.shape, padding)
    X[there] = indices[(offsets[:-1, None] + place)[there]]
    return X, lengths


# --- torchtext's transforms -----------------------------------------------------------------------------------------

Sequential = nn.Sequential


def _is_batch(sequence: object, *kinds: type) -> bool:
    """Whether it is a list of sequences, not one sequence, of elements of one of `kinds`; TypeError if neither."""
    for kind in kinds:
        if isinstance(sequence, list) and all(isinstance(x, kind) for x in sequence):
            return False
        if isinstance(sequence, list) and all(
            isinstance(row, list) and all(isinstance(x, kind) for x in row) for row in sequence
        ):
            return True
    names = " or ".join(kind.__name__ for kind in kinds)
    raise TypeError(f"Input type not supported: it must be a list, or a list of lists, of {names}")


class VocabTransform(nn.Module):
    """Tokens to indices: a list, or a list of lists."""

    def __init__(self, vocab: Vocab):
        super().__init__()
        self.vocab = vocab

    def forward(self, input: list) -> list:
        batch = _is_batch(input, str)
        return [self.vocab.lookup_indices(row) for row in input] if batch else self.vocab.lookup_indices(input)


class Truncate(nn.Module):
    """The first `max_seq_len` elements of a list, or of each list in a list."""

    def __init__(self, max_seq_len: int):
        super().__init__()
        self.max_seq_len = max_seq_len

    def forward(self, input: list) -> list:
        batch = _is_batch(input, int, str)
        return [row[: self.max_seq_len] for row in input] if batch else input[: self.max_seq_len]


class AddToken(nn.Module):
    """`token` put before (or, with begin=False, behind) a list, or each list in a list."""

    def __init__(self, token: int | str, begin: bool = True):
        super().__init__()
        self.token, self.begin = token, begin

    def forward(self, input: list) -> list:
        batch = _is_batch(input, type(self.token))
        rows = [[self.token, *row] if self.begin else [*row, self.token] for row in (input if batch else [input])]
        return rows if batch else rows[0]


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
        return nn.functional.pad(x, (0, max(0, self.max_length - x.size(-1))), value=self.pad_value)
