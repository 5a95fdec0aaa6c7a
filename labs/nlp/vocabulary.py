"""What a text is cut into (words, subwords or characters), kept beside the weights so that a run can be used again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tokenizers import Tokenizer
from torch import Tensor

from common.errors import InputError
from common.files import read_json, write_atomically
from common.text import Vocab, batches, build_vocab_from_iterator, get_tokenizer, vocab
from common.text.subwords import build_subwords
from common.text.tokens import Tokenize, tokenize
from common.text.vocabulary import SPECIALS, UNKNOWN

Kind = Literal["word", "subword", "character"]


def tokenizer(kind: Kind) -> Tokenize | None:
    """The function from a text to its words or characters; None: subwords bring their own."""
    return {"word": get_tokenizer("basic_english"), "character": list}.get(kind)


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers; 0 to 3 are [PAD], [UNK], [CLS] (start) and [SEP] (end)."""

    kind: Kind
    table: Vocab | Tokenizer

    def __len__(self) -> int:
        return self.table.get_vocab_size() if isinstance(self.table, Tokenizer) else len(self.table)

    def encode(
        self, texts: Sequence[str], *, max_length: int | None = None, framed: bool = False
    ) -> tuple[Tensor, Tensor]:
        """All tokens in a row and where each text starts: see `common.text.batches.encode`."""
        return batches.encode(texts, self.table, tokenizer(self.kind), max_length=max_length, framed=framed)

    def pieces(self, text: str, max_length: int | None = None) -> list[tuple[str, bool]]:
        """The text that each of its first `max_length` tokens stands for, and whether the table has it: else [UNK]."""
        if isinstance(self.table, Tokenizer):
            found = self.table.encode(text, add_special_tokens=False)
            numbers, cut = found.ids, [text[start:end] for start, end in found.offsets]
        else:
            cut = list((tokenizer(self.kind) or str.split)(text))
            numbers = self.table(cut)
        return [(piece, number != UNKNOWN) for piece, number in zip(cut, numbers, strict=True)][:max_length]

    def tokens(self, indices: Iterable[int]) -> list[str]:
        """The tokens behind the numbers, as they are in the table."""
        if isinstance(self.table, Tokenizer):
            return [self.table.id_to_token(int(i)) or SPECIALS[UNKNOWN] for i in indices]
        return self.table.lookup_tokens([int(i) for i in indices])

    def decode(self, indices: Sequence[int]) -> str:
        """The text that the numbers stand for, without the special tokens."""
        own = [int(i) for i in indices if i >= len(SPECIALS)]
        if isinstance(self.table, Tokenizer):
            return self.table.decode(own)
        return (" " if self.kind == "word" else "").join(self.table.lookup_tokens(own))

    def save(self, folder: Path) -> None:
        """vocabulary.json in a run's folder."""
        table = json.loads(self.table.to_str()) if isinstance(self.table, Tokenizer) else self.table.get_itos()
        content = {"kind": self.kind, "table": table}
        write_atomically(Path(folder) / "vocabulary.json", json.dumps(content, ensure_ascii=False))


@dataclass(frozen=True)
class Kept:
    """What is in vocabulary.json: the tokens in order, or of subwords the tokenizer's own description."""

    kind: Kind
    table: list[str] | dict[str, Any]


def learn_vocabulary(
    texts: Sequence[str], kind: Kind, size: int | None = None, *, subwords: Literal["bpe", "wordpiece"] = "bpe"
) -> Vocabulary:
    """The vocabulary of `texts`: their `size` most frequent words or characters (none: all), or `size` subwords.

    Raises InputError if the texts hold no token at all.
    """
    cut = tokenizer(kind)
    if cut is None:
        return Vocabulary(kind, build_subwords(texts, subwords, size or 8000, lower_case=subwords == "wordpiece"))
    table = build_vocab_from_iterator(tokenize(texts, cut), specials=SPECIALS, max_tokens=size)
    if len(table) == len(SPECIALS):
        raise InputError(f"the texts hold no {kind} at all")
    table.set_default_index(UNKNOWN)
    return Vocabulary(kind, table)


def load_vocabulary(folder: Path) -> Vocabulary:
    """What `save` wrote; InputError if the folder has none, or a damaged one."""
    file = Path(folder) / "vocabulary.json"
    try:
        kept = read_json(file, Kept)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no vocabulary: it has no {file.name}") from None
    if isinstance(kept.table, list) == (kept.kind == "subword"):
        raise InputError(f"{file} is damaged: its table is none of a {kept.kind} vocabulary")
    if isinstance(kept.table, list):
        table = vocab(dict.fromkeys(kept.table, 1))
        table.set_default_index(UNKNOWN)
        return Vocabulary(kept.kind, table)
    try:
        return Vocabulary(kept.kind, Tokenizer.from_str(json.dumps(kept.table)))
    except Exception as error:  # tokenizers has no narrower one
        raise InputError(f"{file} is damaged: {error}") from error
