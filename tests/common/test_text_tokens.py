import random

import pytest

from common.text import get_tokenizer, tokens
from common.text.installed import torchtext_if_installed
from common.text.tokens import basic_english, tokenize

WHOSE = ["ours", "torchtext"] if torchtext_if_installed() else ["ours"]


@pytest.fixture(params=WHOSE)
def whose(request, monkeypatch) -> str:
    """The test runs with the suite's own tokenizer, and with torchtext's where that is installed."""
    if request.param == "ours":
        monkeypatch.setattr(tokens, "torchtext_if_installed", lambda: None)
    return request.param


def reference_tokens(line: str) -> list[str]:
    """basic_english character by character, from its description."""
    line = line.lower().replace('"', "").replace("<br />", " ")
    found, word = [], ""
    for c in line + " ":
        if c.isspace() or c in ".,()!?';:":
            found += [word] if word else []
            found += [c] if c in ".,()!?'" else []
            word = ""
        else:
            word += c
    return found


def random_texts(count: int) -> list[str]:
    """Made of everything that the tokenizer treats in its own way, and letters of several alphabets."""
    generator = random.Random(0)
    blanks = [" ", "  ", "\n", "\u00a0", "\u3000", "\x1c"]
    breaks = ["<br />", "<BR />", '<br" />', "<br' />", "<br", "/>"]
    words = ["the", "Fox", "A", "a", "É", "ß", "İ", "ΟΔΟΣ", "Σ", "語", "😀", "-", "[UNK]"]
    pieces = [*blanks, *breaks, *words, *"'\".,()!?;:"]
    return ["".join(generator.choices(pieces, k=generator.randrange(30))) for _ in range(count)]


def test_basic_english_on_a_sentence(whose):
    tokenizer = get_tokenizer("basic_english")
    sentence = "It's \"new\": (see p. 4), <br />isn't it? Yes; MUCH-loved!"
    expected = "it ' s new ( see p . 4 ) , isn ' t it ? yes much-loved !"
    assert tokenizer(sentence) == expected.split()
    assert tokenizer("") == tokenizer(' \n"";') == []


def test_basic_english_follows_its_description_on_any_text(whose):
    texts = random_texts(3000)
    assert list(map(get_tokenizer("basic_english"), texts)) == list(map(reference_tokens, texts))


def test_half_a_character_is_a_letter():
    """A lone surrogate, as reading a file with errors="surrogateescape" leaves; torchtext refuses it."""
    assert basic_english("A\ud800 b") == ["a\ud800", "b"]


def test_other_tokenizers(whose):
    assert get_tokenizer(None)("It's  new.\n") == ["It's", "new."]
    assert get_tokenizer(list) is list
    with pytest.raises(ValueError, match="basic_englsh"):
        get_tokenizer("basic_englsh")
    with pytest.raises(ValueError, match="(?i)en"):
        get_tokenizer("basic_english", language="de")


def test_many_texts_are_cut_one_after_the_other():
    assert list(tokenize(["ab", ""], list)) == [["a", "b"], []]
    assert list(tokenize(iter(["Two words", "One"]), basic_english)) == [["two", "words"], ["one"]]


@pytest.mark.skipif(torchtext_if_installed() is None, reason="torchtext is not installed")
def test_same_tokens_as_torchtext():
    theirs = torchtext_if_installed().data.get_tokenizer("basic_english")
    texts = random_texts(3000)
    assert list(map(basic_english, texts)) == list(map(theirs, texts))
