"""From text to numbers under torchtext's names: tokens, a vocabulary, indices, transforms, word vectors.

torchtext's last release (0.18) loads with torch 2.3 only. Where it is installed, the tokenizer and the vocabulary
are its own; elsewhere they are these, which behave alike (a test compares them where both are there). The vectors
are always read here: torchtext keeps them as pickles and turns the check of certificates off for the whole process.

What torchtext has not is imported from its own file, and not from here:

    from common.text import build_vocab_from_iterator, get_tokenizer
    from common.text.batches import encode, pad
    from common.text.tokens import tokenize
    from common.text.vocabulary import SPECIALS, UNKNOWN

    tokenizer = get_tokenizer("basic_english")
    vocabulary = build_vocab_from_iterator(tokenize(texts, tokenizer), specials=SPECIALS, max_tokens=10_000)
    vocabulary.set_default_index(UNKNOWN)
    indices, offsets = encode(texts, vocabulary, tokenizer)  # all tokens in a row, and where each text starts
    X, lengths = pad(indices, offsets)                       # (N, longest text), filled up with [PAD]
"""

from common.text.tokens import get_tokenizer
from common.text.transforms import (
    AddToken,
    LabelToIndex,
    PadTransform,
    Sequential,
    StrToIntTransform,
    ToTensor,
    Truncate,
    VocabTransform,
)
from common.text.vectors import GloVe, Vectors
from common.text.vocabulary import Vocab, build_vocab_from_iterator, vocab

__all__ = [
    "AddToken",
    "GloVe",
    "LabelToIndex",
    "PadTransform",
    "Sequential",
    "StrToIntTransform",
    "ToTensor",
    "Truncate",
    "Vectors",
    "Vocab",
    "VocabTransform",
    "build_vocab_from_iterator",
    "get_tokenizer",
    "vocab",
]
