"""Words: tokens, the lexicon, preparation, tags. The first third of nlp.jl, in its order.

The functions are pure: they return a new value and leave what they are given as it is, where Julia's `prepare!` and
`stem!` change it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from labs.nlp.stemming import stem

TEXT = "The quick brown fox is jumping over the lazy dog"

# --- Corpus and lexicon ---------------------------------------------------------------------------------------------


def tokenize(text: str) -> list[str]:
    """Words and punctuation marks, as they are written: "dog." → dog, ."""
    return re.findall(r"\w+(?:['’-]\w+)*|[^\w\s]", text)


def lexicon(documents: Sequence[Sequence[str]]) -> Counter[str]:
    """How often each token occurs in a corpus. Upper and lower case differ: The and the are two entries."""
    return Counter(token for tokens in documents for token in tokens)


def lexical_frequency(word: str, lexicon: Counter[str]) -> float:
    """The word's share of all tokens; 0 for a word that is not there."""
    return lexicon[word] / max(1, lexicon.total())


# --- Preparation: pure functions, in Julia's order ------------------------------------------------------------------


def strip_articles(text: str) -> str:
    """Without a, an, the, in either case."""
    return re.sub(r"\b(a|an|the)\b", "", text, flags=re.IGNORECASE)


def strip_numbers(text: str) -> str:
    """Without digits."""
    return re.sub(r"\d+", "", text)


def strip_punctuation(text: str) -> str:
    """Without anything but letters, digits and white space."""
    return re.sub(r"[^\w\s]|_", "", text)


def strip_case(text: str) -> str:
    """In lower case."""
    return text.lower()


def strip_whitespace(text: str) -> str:
    """With one blank between words and none at the ends."""
    return " ".join(text.split())


PREPARATION = (strip_articles, strip_numbers, strip_punctuation, strip_case, strip_whitespace)


@dataclass(frozen=True)
class Document:
    """A text, and what preparation and stemming make of it: three lists of tokens, none overwritten."""

    raw: list[str]
    prepared: list[str]
    stemmed: list[str]


def prepare(text: str) -> Document:
    """Tokens as written, after all steps of PREPARATION, and stemmed."""
    clean = text
    for step in PREPARATION:
        clean = step(clean)
    words = clean.split()
    return Document(tokenize(text), words, [stem(word) for word in words])


# --- Parts of speech ------------------------------------------------------------------------------------------------

# The course's table (Penn Treebank's tags), each with what the tagger calls it (tagging.py has the 17 of Universal
# Dependencies): coarser for the forms of nouns and verbs, finer for auxiliaries and conjunctions.
TAGS = {
    "JJ": ("ADJ", "adjective (quick)"),
    "NN": ("NOUN, PROPN", "noun, singular (fox); the slide's names (Apple), too"),
    "NNS": ("NOUN", "noun, plural (dogs)"),
    "VB": ("VERB, AUX", "verb, base form (jump, be)"),
    "VBZ": ("VERB, AUX", "verb, third person singular (jumps, is)"),
    "VBG": ("VERB, AUX", "verb, -ing form (jumping, being)"),
    "VBD": ("VERB, AUX", "verb, past tense (released, was)"),
    "RB": ("ADV, PART", "adverb (quickly); not"),
    "IN": ("ADP, SCONJ", "preposition (over, in); conjunction before a clause (because)"),
    "DT": ("DET", "determiner (a, the)"),
    "PRP": ("PRON", "pronoun (it)"),
    "CC": ("CCONJ", "conjunction (and)"),
}
# What else the tagger may say.
OTHER_TAGS = {
    "NUM": "number (two)",
    "PUNCT": "punctuation",
    "INTJ": "interjection (oh)",
    "SYM": "sign (%)",
    "X": "other",
}

# The slide's sentence; Julia's `PoSTagger()` is commented out.
TAGGED = (
    *(("Apple", "NN"), ("released", "VBD"), ("a", "DT"), ("new", "JJ"), ("iPhone", "NN"), ("in", "IN")),
    ("California", "NN"),
)
ENTITIES = {"Apple": "Organization", "iPhone": "Product", "California": "Location"}
