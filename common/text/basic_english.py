"""torchtext's tokenizer `basic_english`: for one text, for many, and for many straight to a vocabulary's indices.

`encode` never makes Python strings of the words, which is what takes the time. Every character has a random number v
of 64 bits; a word c0 c1 c2 … has the number

    v(c0) + v(c1)·B + v(c2)·B² + …    mod 2^64    (Karp & Rabin 1987)

and the numbers of all words in a long text are differences of one running sum. The vocabulary's words have numbers,
too, in a table addressed by their leading bits. That among a million different words any two have the same number has
a probability of about one in 40 million.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache

import numpy as np

# In this order: taking the quotation marks away can leave a line break behind, which is then taken away, too.
REPLACEMENTS = [("'", " '  "), ('"', ""), ("<br />", " "), (";", " "), (":", " ")] + [(c, f" {c} ") for c in ".,()!?"]
BETWEEN = " A "  # between texts: a token that lower-cased text cannot hold

BLANK, LETTER, ALONE = range(3)  # a character parts words, belongs to a word, or is a token by itself
BASE = 6364136223846793005  # B: odd, so that it has an inverse mod 2^64
CHARACTERS = 1 << 17  # worked on at a time: they fit into the processor's cache


def basic_english(line: str) -> list[str]:
    """The words of `line` in lower case, with . , ( ) ! ? ' as tokens of their own and " ; : <br /> taken away."""
    return _spaced(line.lower()).split()


def tokenize(texts: Sequence[str]) -> Iterator[list[str]]:
    """`map(basic_english, texts)`, faster."""
    for some in _portions(texts):
        yield from map(str.split, _spaced(BETWEEN.join(map(str.lower, some))).split(BETWEEN))


def encode(texts: Sequence[str], tokens: list[str], unknown: int) -> tuple[np.ndarray, np.ndarray]:
    """The index in `tokens` of every word of `texts` in a row (else `unknown`), and how many words each text has."""
    find = _finder(tokens, unknown)
    boundary = _numbers(BETWEEN)
    indices, lengths = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for some in _portions(texts):
        numbers = _numbers(BETWEEN.join([*map(str.lower, some), ""]))
        ends = np.flatnonzero(numbers == boundary)
        indices.append(np.delete(find(numbers), ends))
        lengths.append(np.diff(ends, prepend=-1) - 1)
    return np.concatenate(indices), np.concatenate(lengths)


def _spaced(text: str) -> str:
    for old, new in REPLACEMENTS:
        text = text.replace(old, new)
    return text


def _portions(texts: Sequence[str]) -> Iterator[list[str]]:
    some, size = [], 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= CHARACTERS:
            yield some
            some, size = [], 0
    if some:
        yield some


def _finder(tokens: list[str], unknown: int) -> Callable[[np.ndarray], np.ndarray]:
    """The function from the words' numbers to their indices in `tokens`."""
    # Only what the tokenizer can give. The table has room for eight times as many: most words are alone in their slot.
    possible = re.compile(r"""[^\s.,()!?';:"]+|[.,()!?']""").fullmatch
    reachable = [i for i, token in enumerate(tokens) if token.isalnum() or possible(token)]
    if not reachable:
        return lambda numbers: np.full(len(numbers), unknown)
    known = _numbers("\n".join([tokens[i] for i in reachable]))  # a blank could make a line break, <br />, of two
    index = np.array(reachable)
    unused_bits = np.uint64(64 - (8 * len(known)).bit_length())
    slots = np.zeros(1 << (64 - int(unused_bits)), np.int32)
    slots[(known >> unused_bits).astype(np.int64)[::-1]] = np.arange(len(known))[::-1]  # the more frequent word stays
    order = np.argsort(known)

    def find(numbers: np.ndarray) -> np.ndarray:
        place = slots[(numbers >> unused_bits).astype(np.int64)]
        found = index[place]
        other = np.flatnonzero(known[place] != numbers)  # unknown, or not alone in its slot
        place = order[np.searchsorted(known, numbers[other], sorter=order).clip(max=len(known) - 1)]
        found[other] = np.where(known[place] == numbers[other], index[place], unknown)
        return found

    return find


def _numbers(text: str) -> np.ndarray:
    """The number of every token of lower-cased `text`, uint64 (tokens,)."""
    kinds, values = _characters()
    text = text.replace('"', "").replace("<br />", " ")
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.intp)
    kind = kinds.take(codes, mode="wrap")  # every code is in the table: wrap saves the check
    letter = np.pad(kind == LETTER, 1)  # no letter before the first character, none behind the last
    start = np.flatnonzero((kind == ALONE) | (letter[1:-1] & ~letter[:-2]))
    end = np.flatnonzero((kind == ALONE) | (letter[1:-1] & ~letter[2:])) + 1
    powers, inverses = _powers(1 << len(codes).bit_length())
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(values.take(codes, mode="wrap") * powers[: len(codes)], out=sums[1:])
    return (sums[end] - sums[start]) * inverses[start]


@cache
def _characters() -> tuple[np.ndarray, np.ndarray]:
    """Of every character there is: its kind, and its random number."""
    kinds = np.full(sys.maxunicode + 1, LETTER, np.uint8)
    kinds[[c for c in range(sys.maxunicode + 1) if chr(c).isspace() or chr(c) in ";:"]] = BLANK
    kinds[[ord(c) for c in ".,()!?'"]] = ALONE
    return kinds, np.random.default_rng(0).integers(0, 2**64, len(kinds), dtype=np.uint64)


@lru_cache(maxsize=1)
def _powers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """B^i and B^-i for i = 0 … count - 1."""
    powers, inverses = (np.full(count, base, np.uint64) for base in (BASE, pow(BASE, -1, 2**64)))
    powers[0] = inverses[0] = 1
    return np.multiply.accumulate(powers), np.multiply.accumulate(inverses)
