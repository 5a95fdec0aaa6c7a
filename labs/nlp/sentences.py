"""Sentences of a text, and their words. A full stop ends one, unless an abbreviation, an initial or a number has it.

Rules, no model: they know the abbreviations below and look at what follows. What they get wrong: a sentence that ends
in a letter (plan B. Then …) is not parted from the next one, and one that begins with a small letter neither.
"""

import re

from labs.nlp.stemming import stem

# Followed by more of the same sentence, whatever the next letter is.
NEVER_LAST = frozenset(
    ("mr", "mrs", "ms", "dr", "prof", "st", "rev", "gen", "capt", "vs", "cf", "e.g", "i.e", "al", "eds", "resp")
)
# The same if a figure follows: No. 5, but not “he said no.”
BEFORE_A_NUMBER = frozenset(
    (
        "no",
        "nos",
        "vol",
        "p",
        "pp",
        "fig",
        "figs",
        "eq",
        "eqs",
        "ca",
        "approx",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
    )
)
# A mark, what closes behind it, blanks; behind them what can begin a sentence: a capital, a figure, an opening sign.
END = re.compile(r"""([.!?…]+)["'”’»)\]]*\s+(?=["'“‘«(\[]*[^\W_a-z])""")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line, in their order; a blank line always ends one.

    Numbers (3.5), initials (J. S. Bach) and abbreviations (Dr. Lind, e.g. Bach, Fig. 3) end none. None in blank text.
    """
    sentences = []
    for paragraph in re.split(r"\n\s*\n", text):
        line, start = " ".join(paragraph.split()), 0
        for found in END.finditer(line):
            if _ends(line[start : found.start()], found[1], line[found.end()]):
                sentences.append(line[start : found.end()].strip())
                start = found.end()
        if line[start:].strip():
            sentences.append(line[start:].strip())
    return sentences


def _ends(before: str, mark: str, following: str) -> bool:
    """Whether the mark behind these words ends their sentence; only a single full stop is in doubt."""
    if mark != ".":
        return True
    words = before.split()
    word = words[-1].lstrip("\"'“‘«([") if words else ""
    initial = len(word) == 1 and word.isupper() and word != "I"
    numbering = word.isdigit() and len(words) == 1  # a list's “1.” at the head of a line
    abbreviation = word.lower() in NEVER_LAST or (word.lower() in BEFORE_A_NUMBER and following.isdigit())
    return not (initial or numbering or abbreviation)


def words_of(text: str) -> list[str]:
    """Letters and digits in rows, in lower case, not stemmed."""
    return re.findall(r"[^\W_]+", text.lower())


def content_words(sentence: str) -> list[str]:
    """Stems of a sentence's words in lower case, without stop words (scikit-learn's list) and single letters."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [stem(word) for word in words_of(sentence) if len(word) > 1 and word not in ENGLISH_STOP_WORDS]
