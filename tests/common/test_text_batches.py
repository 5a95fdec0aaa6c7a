import pytest
import torch

from common.errors import InputError
from common.text import build_vocab_from_iterator, get_tokenizer, vocab
from common.text.batches import encode, pad
from common.text.tokens import tokenize
from common.text.vocabulary import END, PADDING, SPECIALS, START, UNKNOWN

TEXTS = ["A fox; an owl.", "", "The FOX isn't here", '"<br />', "an owl? an OWL!"]


def test_encoding_many_texts_equals_the_loop_over_each():
    tokenizer = get_tokenizer("basic_english")
    v = build_vocab_from_iterator(tokenize(TEXTS[:2], tokenizer), specials=SPECIALS)
    for default in (UNKNOWN, -7):
        v.set_default_index(default)
        indices, offsets = encode(TEXTS, v, tokenizer)
        assert indices.dtype == offsets.dtype == torch.int64
        assert offsets.tolist() == [0, 5, 5, 11, 11, 17]
        rows = [indices[a:b].tolist() for a, b in zip(offsets, offsets[1:], strict=False)]
        assert rows == [v(tokenizer(line)) for line in TEXTS]
        assert rows[2].count(default) == 5  # all but the fox
    assert [t.tolist() for t in encode([], v, tokenizer)] == [[], [0]]


def test_an_unknown_word_without_default_index_is_named():
    v = vocab({"a": 1})
    with pytest.raises(RuntimeError, match="Token fox not found"):
        encode(["a", "a fox"], v, get_tokenizer("basic_english"))


def test_cutting_framing_and_padding():
    v = build_vocab_from_iterator([["a", "b", "c"]], specials=SPECIALS)  # a, b, c are 4, 5, 6
    v.set_default_index(UNKNOWN)
    texts = ["a b c", "", "c x"]
    indices, offsets = encode(texts, v, str.split)
    assert (indices.tolist(), offsets.tolist()) == ([4, 5, 6, 6, UNKNOWN], [0, 3, 3, 5])
    X, lengths = pad(indices, offsets)
    assert X.tolist() == [[4, 5, 6], [PADDING] * 3, [6, UNKNOWN, PADDING]]
    assert lengths.tolist() == [3, 0, 2]
    assert pad(indices, offsets, 2)[0].tolist() == [[4, 5], [0, 0], [6, 1]]
    assert pad(indices, offsets, 2)[1].tolist() == [2, 0, 2]
    assert pad(indices, offsets, 4, padding=-1)[0].tolist() == [[4, 5, 6, -1], [-1] * 4, [6, 1, -1, -1]]
    indices, offsets = encode(texts, v, str.split, max_length=4, framed=True)
    assert pad(indices, offsets)[0].tolist() == [
        [START, 4, 5, END],
        [START, END, PADDING, PADDING],
        [START, 6, UNKNOWN, END],
    ]
    assert encode(texts, v, str.split, max_length=2)[1].tolist() == [0, 2, 2, 4]
    with pytest.raises(InputError, match="max_length is 2; .* at least 3"):
        encode(texts, v, str.split, max_length=2, framed=True)
    X, lengths = pad(*encode([], v, str.split))
    assert X.shape == (0, 0) and len(lengths) == 0
