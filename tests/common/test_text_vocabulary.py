from collections import Counter, OrderedDict

import pytest

from common.text import Vocab, build_vocab_from_iterator, vocab, vocabulary
from common.text.installed import torchtext_if_installed
from common.text.vocabulary import SPECIALS, UNKNOWN

WHOSE = ["ours", "torchtext"] if torchtext_if_installed() else ["ours"]


@pytest.fixture(params=WHOSE)
def whose(request, monkeypatch) -> str:
    """The test runs with the suite's own vocabulary, and with torchtext's where that is installed."""
    if request.param == "ours":
        monkeypatch.setattr(vocabulary, "torchtext_if_installed", lambda: None)
    return request.param


def test_the_vocabulary_is_sorted_by_frequency_then_by_name(whose):
    texts = [["b", "d", "c"], ["c", "b", "a"], iter(["c"])]
    assert build_vocab_from_iterator(texts).get_itos() == ["c", "b", "a", "d"]
    texts = [["b", "d", "c"], ["c", "b", "a"], ["c"]]
    build = build_vocab_from_iterator
    assert build(texts, min_freq=2).get_itos() == ["c", "b"]
    assert build(texts, specials=["<unk>", "b"]).get_itos() == ["<unk>", "b", "c", "a", "d"]
    assert build(texts, specials=["<unk>"], special_first=False).get_itos() == ["c", "b", "a", "d", "<unk>"]
    assert build(texts, specials=["<unk>"], max_tokens=3).get_itos() == ["<unk>", "c", "b"]
    # A special among the most frequent takes the place of a word: as torchtext counts.
    assert build(texts, specials=["<unk>", "c"], max_tokens=4).get_itos() == ["<unk>", "c", "b"]
    with pytest.raises(AssertionError, match="special"):
        build(texts, specials=["<unk>", "<pad>"], max_tokens=2)


def test_vocab_keeps_the_order_it_is_given(whose):
    counts = OrderedDict([("z", 1), ("y", 3), ("x", 2)])
    assert vocab(counts, min_freq=2, specials=("<unk>",)).get_stoi() == {"<unk>": 0, "y": 1, "x": 2}
    assert vocab(counts, specials=["y"], special_first=False).get_itos() == ["z", "x", "y"]
    assert vocab({}).get_itos() == []
    with pytest.raises(RuntimeError, match="(?i)duplicate|exists"):
        vocab(counts, specials=["a", "a"])


def test_looking_up_both_ways(whose):
    v = vocab({"a": 1, "b": 1, "c": 1})
    assert len(v) == 3
    assert "b" in v and "d" not in v
    assert v["c"] == 2
    assert v(["c", "a"]) == v.lookup_indices(["c", "a"]) == [2, 0]
    assert v([]) == []
    assert v.lookup_token(1) == "b"
    assert v.lookup_tokens([2, 2, 0]) == ["c", "c", "a"]
    v.get_stoi()["a"] = 7
    v.get_itos()[0] = "z"
    assert v["a"] == 0 and v.lookup_token(0) == "a"  # copies were changed
    for index in (-1, 3):
        with pytest.raises(RuntimeError):
            v.lookup_token(index)
        with pytest.raises(RuntimeError):
            v.lookup_tokens([0, index])


def test_unknown_tokens_and_the_default_index(whose):
    v = vocab({"<unk>": 1, "a": 1})
    assert v.get_default_index() is None
    for look_up in (lambda: v["b"], lambda: v(["a", "b"])):
        with pytest.raises(RuntimeError, match="Token b not found and default index is not set"):
            look_up()
    v.set_default_index(0)
    assert v["b"] == 0 and v(["a", "b"]) == [1, 0]
    v.set_default_index(-1)
    assert v["b"] == v.get_default_index() == -1
    v.set_default_index(None)
    with pytest.raises(RuntimeError):
        v["b"]
    for default in (None, 0):  # with a default, going through `for token in v` would otherwise never end
        v.set_default_index(default)
        with pytest.raises(TypeError):
            v[0]
    if whose == "ours":  # torchtext ends the process
        with pytest.raises(TypeError, match="strings, not int"):
            v(["a", 1])


def test_adding_tokens(whose):
    v = vocab({"a": 1, "b": 1})
    v.append_token("c")
    v.insert_token("first", 0)
    v.insert_token("last", 4)
    assert v.get_itos() == ["first", "a", "b", "c", "last"]
    assert v.get_stoi() == {"first": 0, "a": 1, "b": 2, "c": 3, "last": 4}
    for wrong in (lambda: v.append_token("a"), lambda: v.insert_token("a", 0), lambda: v.insert_token("x", 6)):
        with pytest.raises(RuntimeError):
            wrong()
    with pytest.raises(RuntimeError):
        v.insert_token("x", -1)
    assert len(v) == 5


@pytest.mark.skipif(torchtext_if_installed() is None, reason="torchtext is not installed")
def test_same_indices_as_torchtext():
    build = torchtext_if_installed().vocab.build_vocab_from_iterator
    lines = ["the cat sat on the mat .", "the dog sat on the log .", "Ω : a cat , a dog , a mat and a log ."]
    texts = [line.split() for line in lines]
    theirs = build(texts, 2, specials=SPECIALS, max_tokens=11)
    counts = Counter(word for text in texts for word in text)
    order = sorted((word for word in counts if counts[word] >= 2), key=lambda word: (-counts[word], word))
    assert theirs.get_itos() == [*SPECIALS, *order][:11]
    assert len(order) > 7  # some had to go
    ours = Vocab(theirs.get_itos())
    for v in (ours, theirs):
        v.set_default_index(UNKNOWN)
    assert [ours(text) for text in texts] == [theirs(text) for text in texts]
