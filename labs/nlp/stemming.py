"""English stemming: running, runs → run. The endings go, and what is left need not be a word (lazy → lazi).

Porter's second stemmer for English ("Porter2"), the one Julia's TextAnalysis calls Snowball's "english". Described
at https://snowballstem.org/algorithms/english/stemmer.html; this is its form of Snowball 3.1. Snowball 1 and 2
gave some words other stems: evening was even, international intern, and geologist stood apart from geology.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

DOUBLES = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")

# What the rules would get wrong, whole words: before any step, and in step 1b.
EXCEPTIONS = {
    **{"skis": "ski", "skies": "sky", "idly": "idl", "gently": "gentl", "ugly": "ugli", "early": "earli"},
    **{"only": "onli", "singly": "singl"},
    **{word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")},
}
KEPT_IN_1B = re.compile("(inn|out|cann|herr|earr|even)ing|(proc|exc|succ)eed(ly)?")
# Beginnings behind which R1 starts, or general and generate, organ and organize would share a stem.
BEGINNINGS = ("gener", "commun", "arsen", "past", "univers", "later", "emerg", "organ", "inter")

# Suffix → what takes its place. Of several that fit a word the longest counts.
STEP_2 = {
    **{"tional": "tion", "enci": "ence", "anci": "ance", "abli": "able", "entli": "ent", "izer": "ize"},
    **{"ization": "ize", "ational": "ate", "ation": "ate", "ator": "ate", "alism": "al", "aliti": "al"},
    **{"alli": "al", "fulness": "ful", "ousli": "ous", "ousness": "ous", "iveness": "ive", "iviti": "ive"},
    **{"biliti": "ble", "bli": "ble", "ogist": "og", "ogi": "og", "fulli": "ful", "lessli": "less", "li": ""},
}
STEP_3 = {
    **{"tional": "tion", "ational": "ate", "alize": "al", "icate": "ic", "iciti": "ic", "ical": "ic"},
    **{"ful": "", "ness": "", "ative": ""},
}
STEP_4 = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ism", "ate", "iti", "ous"),
    *("ive", "ize", "ion"),
)


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The stem of one English word, in lower case."""
    *_, (_, last) = steps(word)
    return last


def steps(word: str) -> Iterator[tuple[str, str]]:
    """(name of the step, the word after it) for each step of the algorithm; the last is the stem."""
    word = word.lower().replace("’", "'")
    yield "lower case", word
    if len(word) <= 2:
        return
    if word in EXCEPTIONS:
        yield "exception", EXCEPTIONS[word]
        return
    word = word.removeprefix("'")
    word = re.sub("^y", "Y", word)  # Y: a y that counts as a consonant, as in yes and say
    word = re.sub("([aeiouy])y", r"\1Y", word)
    r1, r2 = regions(word)

    word = re.sub(r"('s'|'s|')$", "", word)
    yield "0   apostrophe", word.lower()
    word = _plural(word)
    yield "1a  plural", word.lower()
    word = _past_or_ing(word, r1)
    yield "1b  -ed, -ing", word.lower()
    word = re.sub(r"(?<=.[^aeiouy])[yY]$", "i", word)
    yield "1c  -y", word.lower()
    word = _replace(word, STEP_2, r1, r2)
    yield "2   double suffixes", word.lower()
    word = _replace(word, STEP_3, r1, r2)
    yield "3   -ful, -ness, …", word.lower()
    suffix = _longest(word, STEP_4)
    if suffix and len(word) - len(suffix) >= r2 and (suffix != "ion" or word[-4] in "st"):
        word = word.removesuffix(suffix)
    yield "4   -ance, -ment, …", word.lower()
    before = len(word) - 1  # where the last letter stands
    silent_e = before >= r2 or (before >= r1 and not _ends_in_short_syllable(word[:-1]))
    if (word.endswith("e") and silent_e) or (word.endswith("ll") and before >= r2):
        word = word[:-1]
    yield "5   -e, -l", word.lower()


def regions(word: str) -> tuple[int, int]:
    """Where R1 and R2 begin. R1: after the first consonant behind a vowel; R2: the same once more, within R1."""
    beginning = next((start for start in BEGINNINGS if word.startswith(start)), "")
    r1 = len(beginning) or _behind_vowel_consonant(word, 0)
    return r1, _behind_vowel_consonant(word, r1)


def _behind_vowel_consonant(word: str, start: int) -> int:
    found = re.compile(r"[aeiouy][^aeiouy]").search(word, start)
    return found.end() if found else len(word)


def _ends_in_short_syllable(word: str) -> bool:
    """Consonant, vowel, consonant other than w, x, Y; or a word of a vowel and a consonant; or past (of paste)."""
    return bool(re.search(r"[^aeiouy][aeiouy][^aeiouywxY]$|^[aeiouy][^aeiouy]$|past$", word))


def _longest(word: str, suffixes: Sequence[str]) -> str:
    return max((suffix for suffix in suffixes if word.endswith(suffix)), key=len, default="")


def _plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]  # cries → cri, ties → tie
    if word.endswith("s") and not word.endswith(("us", "ss")) and re.search(r"[aeiouy]", word[:-2]):
        return word[:-1]  # gaps → gap, but gas stays
    return word


def _past_or_ing(word: str, r1: int) -> str:
    if KEPT_IN_1B.fullmatch(word):
        return word
    if re.search(r"^[^aeiouy]ying$", word):
        return word[0] + "ie"  # dying → die
    suffix = _longest(word, ("eed", "eedly", "ed", "edly", "ing", "ingly"))
    rest = word.removesuffix(suffix)
    if suffix in ("eed", "eedly"):
        return rest + "ee" if len(rest) >= r1 else word
    if not suffix or not re.search(r"[aeiouy]", rest):  # sing has no vowel before its -ing
        return word
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"  # luxuriat(ing) → luxuriate
    if rest.endswith(DOUBLES):
        return rest if re.search("^[aeo]..$", rest) else rest[:-1]  # hopp(ing) → hop, but add(ed) → add
    return rest + "e" if r1 >= len(rest) and _ends_in_short_syllable(rest) else rest  # hop(ing) → hope


def _replace(word: str, rules: dict[str, str], r1: int, r2: int) -> str:
    """Steps 2 and 3: the longest suffix that fits is replaced, if it lies in R1 and what it needs is there."""
    suffix = _longest(word, list(rules))
    rest = word.removesuffix(suffix)
    holds = {
        "ogi": rest.endswith("l"),
        "li": rest.endswith(tuple("cdeghkmnrt")),
        "ative": len(rest) >= r2,
    }
    if not suffix or len(rest) < r1 or not holds.get(suffix, True):
        return word
    return rest + rules[suffix]
