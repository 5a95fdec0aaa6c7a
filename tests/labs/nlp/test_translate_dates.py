"""The grammar of dates and numbers, read by a parser that shares nothing with it: one meaning, and it is the target."""

import datetime
import re

import pytest
from babel.dates import get_day_names, get_month_names

from labs.nlp.translate.dates import NAMES, draw_pairs, part_of
from labs.nlp.translate.number_words import in_words

LANGUAGES = tuple(NAMES)
MONTHS = {k: get_month_names("wide", locale=k) for k in LANGUAGES}  # {"en": {1: "January", …}}
DAYS = {k: [get_day_names("wide", locale=k)[i].lower() for i in range(7)] for k in LANGUAGES}  # Monday first
VALUES = {
    "en": {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
    | {"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16}
    | {"seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
    | {"sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100},
    "de": {"null": 0, "ein": 1, "eins": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7}
    | {"acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zwölf": 12, "dreizehn": 13, "vierzehn": 14, "fünfzehn": 15}
    | {"sechzehn": 16, "siebzehn": 17, "achtzehn": 18, "neunzehn": 19, "zwanzig": 20, "dreißig": 30, "vierzig": 40}
    | {"fünfzig": 50, "sechzig": 60, "siebzig": 70, "achtzig": 80, "neunzig": 90},
    "fr": {"zéro": 0, "un": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9}
    | {"dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16, "vingt": 20}
    | {"trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "cent": 100},
    "es": {
        "cero": 0,
        "uno": 1,
        "dos": 2,
        "tres": 3,
        "trés": 3,
        "cuatro": 4,
        "cinco": 5,
        "seis": 6,
        "séis": 6,
        "siete": 7,
    }
    | {"ocho": 8, "nueve": 9, "diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15, "dós": 2}
    | {"veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70, "ochenta": 80}
    | {"noventa": 90, "cien": 100, "ciento": 100, "doscientos": 200, "trescientos": 300, "cuatrocientos": 400}
    | {"quinientos": 500, "seiscientos": 600, "setecientos": 700, "ochocientos": 800, "novecientos": 900},
    "it": {
        "zero": 0,
        "uno": 1,
        "due": 2,
        "tre": 3,
        "tré": 3,
        "quattro": 4,
        "cinque": 5,
        "sei": 6,
        "sette": 7,
        "otto": 8,
    }
    | {"nove": 9, "dieci": 10, "undici": 11, "dodici": 12, "tredici": 13, "quattordici": 14, "quindici": 15}
    | {"sedici": 16, "diciassette": 17, "diciotto": 18, "diciannove": 19, "venti": 20, "vent": 20, "trenta": 30}
    | {"trent": 30, "quaranta": 40, "quarant": 40, "cinquanta": 50, "cinquant": 50, "sessanta": 60, "sessant": 60}
    | {"settanta": 70, "settant": 70, "ottanta": 80, "ottant": 80, "novanta": 90, "novant": 90, "cento": 100},
}


def add_up(values):
    """three hundred five: what stands before a hundred multiplies it, all else is added."""
    total = 0
    for value in values:
        total = total * 100 if value == 100 and 0 < total < 10 else total + value
    return total


def number(words, language):
    """The whole number that the words say in a language; None if they say none."""
    table = VALUES[language]
    if language == "it":  # written as one word: the pieces from the left, the longest that fits
        pieces, found = sorted(table, key=len, reverse=True), []
        while words:
            piece = next((p for p in pieces if words.startswith(p)), None)
            if piece is None:
                return None
            words, found = words.removeprefix(piece), [*found, table[piece]]
        return add_up(found)
    if language == "de":
        many, hundred, rest = words.rpartition("hundert")
        one, und, ten = rest.partition("und")
        parts = [many, one, ten] if und else [many, rest]
        if any(part and part not in table for part in parts):
            return None
        return (table.get(many, 1) * 100 if hundred else 0) + sum(table[part] for part in parts[1:] if part)
    if language == "es":
        words = re.sub(r"\bveinti", "veinte ", re.sub(r"\bdieci", "diez ", words)).replace(" y ", " ")
    if language == "fr":
        words = re.sub(r"quatre-vingts?\b", "quatrevingt", words).replace(" et ", " ").replace("cents", "cent")
        table = table | {"quatrevingt": 80}
    if language == "en":
        words = words.replace("hundred and ", "hundred ")
    parts = words.replace("-", " ").split()
    return add_up(table[part] for part in parts) if parts and all(part in table for part in parts) else None


def numbers(text):
    """All that the text may mean as a number."""
    if match := re.fullmatch(r"(-?)(\d{1,3}(?:,\d{3})+|\d+)\.(\d+)|(-?)(\d{1,3}(?:\.\d{3})+|\d+),(\d+)", text):
        sign, whole, rest = (part for part in match.groups() if part is not None)
        return {f"{sign}{re.sub(r'[.,]', '', whole)}.{rest}"}
    if match := re.fullmatch(r"(-?)(\d{1,3}(?:[ ']\d{3})+)[.,](\d+)", text):
        whole = re.sub(r"\D", "", match[2])
        return {f"{match[1]}{whole}.{match[3]}"}
    found = set()
    for language, minus, point in (
        ("en", "minus", "point"),
        ("de", "minus", "komma"),
        ("fr", "moins", "virgule"),
        ("es", "menos", "coma"),
        ("it", "meno", "virgola"),
    ):
        negative = text.startswith(minus + " ")
        whole, _, rest = text.removeprefix(minus + " ").partition(f" {point} ")
        said = [number(words, language) for words in (whole, *rest.split())] if " " in rest else None
        digits = "".join(map(str, said[1:])) if said and None not in said and max(said[1:]) < 10 else ""
        if not digits and rest and number(rest, language) is not None:
            digits = str(number(rest, language))
        if number(whole, language) is not None and bool(rest) == bool(digits):
            found.add(f"{'-' if negative else ''}{number(whole, language)}{'.' if digits else ''}{digits}")
    return found


def full_year(digits):
    return int(digits) if len(digits) == 4 else int(digits) + (2000 if int(digits) < 30 else 1900)


def month(word):
    """The one month of which the word is the name, or its beginning, in whatever language."""
    word = word.rstrip(".").lower()
    found = {n for names in MONTHS.values() for n, name in names.items() if name.lower().startswith(word)}
    return found.pop() if len(word) > 2 and len(found) == 1 else None


def ordinal(word):
    names = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    names += "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
    table = dict(zip(names.split(), range(1, 21), strict=True)) | {"thirtieth": 30}
    tens, _, one = word.partition("-")
    return {"twenty": 20, "thirty": 30}[tens] + table[one] if one else table.get(word)


def dates(text):
    """All that the text may mean as a date."""
    found = set()
    if match := re.fullmatch(r"(\d{4})([-/])(\d\d)\2(\d\d)", text):
        orders = [(match[1], match[3], match[4])]
    elif match := re.fullmatch(r"(\d+)\.(\d+)\.(\d{4}|\d\d)", text):
        orders = [(match[3], match[2], match[1])]
    elif match := re.fullmatch(r"(\d+)/(\d+)/(\d{4})", text):
        orders = [(match[3], match[2], match[1]), (match[3], match[1], match[2])]
    else:
        words = re.sub(r"(?<=\d)-(?=\D)|(?<=[a-z])-(?=\d)", " ", text.lower()).replace(",", " ").split()
        words = [word for word in words if word not in {"of", "the", "der", "den", "am", "le", "de", "el", "il", "lì"}]
        named = [i for names in DAYS.values() for i, name in enumerate(names) if words and name == words[0]]
        words = words[1:] if named else words
        months = [word for word in words if month(word)]
        rest = [word for word in words if word not in months]
        if len(months) != 1 or len(rest) != 2 or not re.fullmatch(r"'?(\d\d|\d{4})", rest[1]):
            return set()
        day = re.fullmatch(r"(\d{1,2})(\.|st|nd|rd|th|er|º)?", rest[0])
        day = int(day[1]) if day else ordinal(rest[0])
        then = datetime.date(full_year(rest[1].lstrip("'")), month(months[0]), day)
        assert not named or set(named) == {then.weekday()}, f"{text}: a wrong day of the week"
        return {then.isoformat()}
    for year, m, d in orders:
        if 1 <= int(m) <= 12:
            found.add(datetime.date(full_year(year), int(m), int(d)).isoformat())
    return found


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_every_text_has_one_meaning_and_it_is_the_target(part):
    for pair in draw_pairs(part, 4000, seed=3):
        assert numbers(pair.source.lower()) | dates(pair.source) == {pair.target}, pair
        assert part_of(pair.target) == part


def test_the_parser_sees_what_is_ambiguous():
    """Or the test above would find nothing."""
    assert dates("3/4/1994") == {"1994-04-03", "1994-03-04"}
    assert dates("3 May 1994") == {"1994-05-03"} and dates("13/5/1994") == {"1994-05-13"}
    assert numbers("twenty-three point five") == {"23.5"} and numbers("acht") == {"8"}
    assert number("dreiundzwanzigx", "de") is None and numbers("a text") == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_number_words_are_read_as_the_number(language):
    words = [in_words(n, language) for n in range(1000)]
    assert [number(each, language) for each in words] == list(range(1000))
    assert len(set(words)) == 1000


def test_number_words_by_hand():
    """What a parser that adds up cannot see: spelling."""
    by_hand = {
        "en": {21: "twenty-one", 100: "one hundred", 342: "three hundred and forty-two"},
        "de": {1: "eins", 21: "einundzwanzig", 101: "einhunderteins", 777: "siebenhundertsiebenundsiebzig"},
        "fr": {21: "vingt et un", 71: "soixante et onze", 80: "quatre-vingts", 81: "quatre-vingt-un", 200: "deux cents"}
        | {91: "quatre-vingt-onze", 97: "quatre-vingt-dix-sept", 60: "soixante", 100: "cent", 203: "deux cent trois"},
        "es": {
            16: "dieciséis",
            22: "veintidós",
            31: "treinta y uno",
            100: "cien",
            101: "ciento uno",
            500: "quinientos",
        },
        "it": {21: "ventuno", 23: "ventitré", 28: "ventotto", 103: "centotré", 180: "centoottanta", 3: "tre"},
    }
    for language, table in by_hand.items():
        assert {n: in_words(n, language) for n in table} == table


def test_same_seed_same_pairs_and_parts_share_no_target():
    train, again, other = draw_pairs("train", 500, 1), draw_pairs("train", 500, 1), draw_pairs("train", 500, 2)
    assert train == again != other
    held = {pair.target for part in ("val", "test") for pair in draw_pairs(part, 500, 1)}
    assert not held & {pair.target for pair in train}
    kinds = {pair.kind for pair in train}
    assert len(kinds) == 12 and {"date in digits", "Italian number", "Spanish date"} <= kinds
