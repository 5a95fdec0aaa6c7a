"""What a text is cut into (words, subwords or characters), kept beside the weights so that a run can be used again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from common.errors import InputError
from common.files import write_atomically
from common.runs import read_json
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
        return self.table.get_vocab_size() if self.kind == "subword" else len(self.table)

    def encode(self, texts: Sequence[str], *, max_length: int | None = None, framed: bool = False):
        """All tokens in a row and where each text starts: see `common.text.batches.encode`."""
        return batches.encode(texts, self.table, tokenizer(self.kind), max_length=max_length, framed=framed)

    def tokens(self, indices: Iterable[int]) -> list[str]:
        """The tokens behind the numbers, as they are in the table."""
        if self.kind == "subword":
            return [self.table.id_to_token(int(i)) for i in indices]
        return self.table.lookup_tokens([int(i) for i in indices])

    def decode(self, indices: Sequence[int]) -> str:
        """The text that the numbers stand for, without the special tokens."""
        own = [int(i) for i in indices if i >= len(SPECIALS)]
        if self.kind == "subword":
            return self.table.decode(own)
        return (" " if self.kind == "word" else "").join(self.table.lookup_tokens(own))

    def save(self, folder: Path) -> None:
        """vocabulary.json in a run's folder."""
        table = json.loads(self.table.to_str()) if self.kind == "subword" else self.table.get_itos()
        content = {"kind": self.kind, "table": table}
        write_atomically(Path(folder) / "vocabulary.json", json.dumps(content, ensure_ascii=False))


def learn_vocabulary(texts: Sequence[str], kind: Kind, size: int | None = None, *, subwords: str = "bpe") -> Vocabulary:
    """The vocabulary of `texts`: their `size` most frequent words or characters, or `size` subwords (bpe, wordpiece).

    Raises InputError if the texts hold no token at all.
    """
    if kind == "subword":
        return Vocabulary(kind, build_subwords(texts, subwords, size, lower_case=subwords == "wordpiece"))
    tokens = tokenize(texts, tokenizer(kind))
    table = build_vocab_from_iterator(tokens, specials=SPECIALS, max_tokens=size)
    if len(table) == len(SPECIALS):
        raise InputError(f"the texts hold no {kind} at all")
    table.set_default_index(UNKNOWN)
    return Vocabulary(kind, table)


def load_vocabulary(folder: Path) -> Vocabulary:
    """What `save` wrote; InputError if the folder has none."""
    content = read_json(Path(folder) / "vocabulary.json")
    if content["kind"] == "subword":
        return Vocabulary("subword", Tokenizer.from_str(json.dumps(content["table"])))
    table = vocab(dict.fromkeys(content["table"], 1))
    table.set_default_index(UNKNOWN)
    return Vocabulary(content["kind"], table)
