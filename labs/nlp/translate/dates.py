"""Dates and numbers as people write them in five languages, each with its one standard form: endless pairs.

3. Mai 1994 → 1994-05-03, dreiundzwanzig Komma fünf → 23.5. No text has two meanings:

- years are 1930 to 2029, so two digits say which one;
- with dots the day comes first, with the year (four digits) in front the month follows;
- with slashes some put the day first and some the month: such a date is written only where both readings agree, or
  where one of them is no date. 3/4/94 never occurs;
- one separator in a number is never followed by three digits: 1,234 is not said whether it is more than a thousand.
"""

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from labs.nlp.translate.number_words import Language, in_words

LANGUAGES: tuple[Language, ...] = ("en", "de", "fr", "es", "it")
FIRST, LAST = date(1930, 1, 1), date(2029, 12, 31)
NAMES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian"}
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
}
SHORT = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Jan. Feb. März Apr. Mai Jun. Jul. Aug. Sept. Okt. Nov. Dez.",
    "fr": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
}
WEEKDAYS = {
    "en": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday,",
    "de": "Montag, Dienstag, Mittwoch, Donnerstag, Freitag, Samstag, Sonntag,",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes, martes, miércoles, jueves, viernes, sábado, domingo,",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
}
LAYOUTS = {  # {d} day, {o} day as it is counted (3rd), {w} in words (third), {m} and {a} month in full and short, {y}
    "en": ("{d} {m} {y}", "{m} {d}, {y}", "{o} of {m} {y}", "{m} {o}, {y}", "{a} {d}, {y}", "{d} {a} {y}")
    + ("the {o} of {m}, {y}", "{w} of {m} {y}", "{m} the {w}, {y}", "{d}-{a}-{y}"),
    "de": ("{o} {m} {y}", "{o} {a} {y}", "der {o} {m} {y}", "den {o} {m} {y}", "am {o} {a} {y}"),
    "fr": ("{o} {m} {y}", "le {o} {m} {y}", "{o} {a} {y}", "le {o} {a} {y}"),
    "es": ("{o} de {m} de {y}", "el {o} de {m} de {y}", "{d} {a} {y}", "{d} {m} {y}"),
    "it": ("{o} {m} {y}", "il {o} {m} {y}", "{d} {a} {y}", "lì {o} {m} {y}"),
}
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
ORDINALS += "fifteenth sixteenth seventeenth eighteenth nineteenth"
POINTS = {"en": "point", "de": "Komma", "fr": "virgule", "es": "coma", "it": "virgola"}
MINUS = {"en": "minus", "de": "minus", "fr": "moins", "es": "menos", "it": "meno"}


@dataclass(frozen=True)
class Pair:
    """What is read, what is to be written, and of what kind it is: German date, Spanish number in words, …"""

    source: str
    target: str
    kind: str


def part_of(target: str) -> str:
    """Where pairs with this target belong, always the same: test and val a twentieth of the targets each, or train."""
    return {0: "test", 1: "val"}.get(zlib.crc32(target.encode()) % 20, "train")


def draw_pairs(part: str, count: int, seed: int) -> list[Pair]:
    """`count` pairs whose targets belong to `part`, three dates to two numbers."""
    chance = random.Random(seed)
    pairs: list[Pair] = []
    while len(pairs) < count:
        target, write = draw_date(chance) if chance.random() < 0.6 else draw_number(chance)
        if part_of(target) == part:
            source, kind = write()
            pairs.append(Pair(source.lower() if chance.random() < 0.2 else source, target, kind))
    return pairs


Write = Callable[[], tuple[str, str]]  # draws a layout: the text and its kind


def draw_date(chance: random.Random) -> tuple[str, Write]:
    """A date's standard form, and a function that writes it in one of the layouts."""
    day = FIRST + timedelta(days=chance.randrange((LAST - FIRST).days + 1))
    return day.isoformat(), lambda: write_date(day, chance)


def write_date(day: date, chance: random.Random) -> tuple[str, str]:
    if chance.random() < 0.2:
        return chance.choice(digit_layouts(day)), "date in digits"
    language = chance.choice(LANGUAGES)
    year = chance.choice([f"{day.year}"] * 7 + [f"{day.year % 100:02}"] * 2 + [f"'{day.year % 100:02}"])
    parts = {
        "d": str(day.day),
        "o": ordinal(day.day, language),
        "w": ordinal_word(day.day),
        "m": MONTHS[language].split()[day.month - 1],
        "a": SHORT[language].split()[day.month - 1],
        "y": year,
    }
    layout = chance.choice(LAYOUTS[language])
    text = layout.format(**parts).replace("-'", "-")  # 3-May-94 has no apostrophe
    if chance.random() < 0.15 and (layout.startswith("{") or language == "de"):  # no mardi le 3 mai
        text = f"{WEEKDAYS[language].split()[day.weekday()]} {text}"
    return text, f"{NAMES[language]} date"


def digit_layouts(day: date) -> list[str]:
    """Every way to write the date in digits that can be read in one way only."""
    y, m, d = day.year, day.month, day.day
    layouts = [f"{y}-{m:02}-{d:02}", f"{y}/{m:02}/{d:02}", f"{d}.{m}.{y}", f"{d:02}.{m:02}.{y}"]
    layouts.append(f"{d:02}.{m:02}.{y % 100:02}")
    if d > 12 or d == m:
        layouts += [f"{d}/{m}/{y}", f"{m}/{d}/{y}"]
    return layouts


def ordinal(day: int, language: Language) -> str:
    """The day as it is counted in a date: 3rd, 3., 1er, 1º."""
    if language == "en":
        ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        return f"{day}{ending}"
    if language == "de":
        return f"{day}."
    return {"fr": "1er", "es": "1º", "it": "1º"}[language] if day == 1 else str(day)


def ordinal_word(day: int) -> str:
    """The English ordinal from first to thirty-first."""
    if day < 20:
        return ORDINALS.split()[day - 1]
    if day % 10 == 0:
        return {20: "twentieth", 30: "thirtieth"}[day]
    return f"{'twenty' if day < 30 else 'thirty'}-{ORDINALS.split()[day % 10 - 1]}"


def draw_number(chance: random.Random) -> tuple[str, Write]:
    """A number's standard form, and a function that writes it in words or with separators."""
    sign = "-" if chance.random() < 0.15 else ""
    decimals = chance.choice(("", str(chance.randint(1, 9)), f"{chance.randint(0, 9)}{chance.randint(1, 9)}"))
    if chance.random() < 0.75:
        whole = chance.randint(0, 99 if chance.random() < 0.4 else 999)
        sign = sign if whole or decimals else ""
        target = f"{sign}{whole}{'.' if decimals else ''}{decimals}"
        return target, lambda: write_words(sign, whole, decimals, chance)
    decimals = decimals or "5"
    whole = chance.randint(1000, 99_999) if chance.random() < 0.6 else chance.randint(0, 999)
    return f"{sign}{whole}.{decimals}", lambda: write_digits(sign, whole, decimals, chance)


def write_words(sign: str, whole: int, decimals: str, chance: random.Random) -> tuple[str, str]:
    language = chance.choice(LANGUAGES)
    words = [MINUS[language]] if sign else []
    words.append(in_words(whole, language))
    if decimals:
        # English and German say each digit; the others say a number, after the zeros in front of it
        single = language in ("en", "de") or decimals.startswith("0")
        rest = [in_words(int(digit), language) for digit in decimals] if single else [in_words(int(decimals), language)]
        words += [POINTS[language], *rest]
    text = " ".join(words)
    if chance.random() < 0.4:
        text = text.replace("hundred and", "hundred")  # Americans leave it out
    return text, f"{NAMES[language]} number"


def write_digits(sign: str, whole: int, decimals: str, chance: random.Random) -> tuple[str, str]:
    """With a separator of thousands there is always one of decimals, which tells the two apart."""
    thousands, point = chance.choice(((",", "."), (".", ","), (" ", ","), (" ", "."), ("'", "."), ("", "."), ("", ",")))
    return f"{sign}{whole:,}".replace(",", thousands) + point + decimals, "number in digits"
