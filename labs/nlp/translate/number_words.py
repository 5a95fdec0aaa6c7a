"""Whole numbers from 0 to 999 in words, in five languages."""

from typing import Literal

Language = Literal["en", "de", "fr", "es", "it"]

ONES = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis "
    "veintisiete veintiocho veintinueve",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici "
    "sedici diciassette diciotto diciannove",
}
TENS = {  # from twenty on; French has no words of its own for 70 and 90, and 80 is four twenties
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "fr": "vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
}
SPANISH_HUNDREDS = (
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)


def ones(n: int, language: Language) -> str:
    return ONES[language].split()[n]


def tens(n: int, language: Language) -> str:
    return TENS[language].split()[n // 10 - 2]


def in_words(n: int, language: Language) -> str:
    """The number `n` (0 to 999) in words: 23 is dreiundzwanzig in "de"."""
    return {"en": english, "de": german, "fr": french, "es": spanish, "it": italian}[language](n)


def english(n: int) -> str:
    if n >= 100:
        return f"{ones(n // 100, 'en')} hundred" + (f" and {english(n % 100)}" if n % 100 else "")
    if n < 20:
        return ones(n, "en")
    return tens(n, "en") + (f"-{ones(n % 10, 'en')}" if n % 10 else "")


def german(n: int) -> str:
    if n >= 100:
        return f"{ones(n // 100, 'de').removesuffix('s') if n < 200 else ones(n // 100, 'de')}hundert" + (
            german(n % 100) if n % 100 else ""
        )
    if n < 20:
        return ones(n, "de")
    one = "ein" if n % 10 == 1 else ones(n % 10, "de")  # eins, but einundzwanzig
    return (f"{one}und" if n % 10 else "") + tens(n, "de")


def french(n: int) -> str:
    if n >= 100:
        many = f"{ones(n // 100, 'fr')} cent" if n >= 200 else "cent"
        if n % 100 == 0:
            return many + ("s" if n >= 200 else "")  # deux cents, but deux cent un
        return f"{many} {french(n % 100)}"
    if n < 20:
        return ones(n, "fr")
    if n == 80:
        return "quatre-vingts"
    over = n - 10 * (n // 10) + (10 if n // 10 in (7, 9) else 0)  # 71 is 60 and 11
    if over == 0:
        return tens(n, "fr")
    joint = " et " if over in (1, 11) and n < 80 else "-"
    return tens(n, "fr") + joint + ones(over, "fr")


def spanish(n: int) -> str:
    if n == 100:
        return "cien"
    if n > 100:
        return SPANISH_HUNDREDS.split()[n // 100 - 1] + (f" {spanish(n % 100)}" if n % 100 else "")
    if n < 30:
        return ones(n, "es")
    return tens(n, "es") + (f" y {ones(n % 10, 'es')}" if n % 10 else "")


def italian(n: int) -> str:
    if n >= 100:
        many = "cento" if n < 200 else f"{ones(n // 100, 'it')}cento"
        rest = italian(n % 100) if n % 100 else ""
        return many + ("tré" if rest == "tre" else rest)
    if n < 20:
        return ones(n, "it")
    ten, one = tens(n, "it"), n % 10
    if one in (1, 8):
        ten = ten[:-1]  # ventuno, ventotto
    return ten + ("" if one == 0 else "tré" if one == 3 else ones(one, "it"))
