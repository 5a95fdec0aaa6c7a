"""From a text to its tokens, under torchtext's names.

tokenizer = get_tokenizer("basic_english")
tokenizer("It's new.")                                   # ["it", "'", "s", "new", "."]
"""

from collections.abc import Callable, Iterable, Iterator

from common.text.installed import torchtext_if_installed

Tokenize = Callable[[str], list[str]]


def basic_english(line: str) -> list[str]:
    """The words of `line` in lower case, with . , ( ) ! ? ' as tokens of their own and " ; : <br /> taken away."""
    line = line.lower()
    line = line.replace('"', "").replace("<br />", " ")  # in this order, as torchtext: <br" /> is a line break, too
    for sign in ";:":
        line = line.replace(sign, " ")
    for sign in ".,()!?'":
        line = line.replace(sign, f" {sign} ")
    return line.split()


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
        return basic_english
    if not callable(tokenizer):
        raise ValueError(f"tokenizer {tokenizer!r} is none of 'basic_english', None or a function")
    return tokenizer


def tokenize(texts: Iterable[str], tokenizer: Tokenize) -> Iterator[list[str]]:
    """The tokens of one text after the other: what a vocabulary is built from."""
    return map(tokenizer, texts)
