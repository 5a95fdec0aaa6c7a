"""The stemmer: the course's words, a word for every rule of the published description, and all of Snowball's own."""

import re
from pathlib import Path
from pydoc_data.topics import topics as documentation

import pytest

from common.text.corpora import load_texts
from labs.nlp.stemming import regions, stem, steps

COURSE = ["quick", "brown", "fox", "is", "jumping", "over", "lazy", "dog"]


def test_the_courses_tokens():
    assert [stem(word) for word in COURSE] == ["quick", "brown", "fox", "is", "jump", "over", "lazi", "dog"]


# Examples of the description, and words chosen for one rule each; the stems were worked out from the rules.
PAIRS = {
    # consign… and knack… are the description's sample
    **{"consigned": "consign", "consigning": "consign", "consignment": "consign", "consistency": "consist"},
    **{"consolation": "consol", "consolatory": "consolatori", "consoling": "consol", "conspicuous": "conspicu"},
    **{"kneeling": "kneel", "knightly": "knight", "knives": "knive", "knocked": "knock"},
    # short words, exceptions, words kept after step 1a
    **{"is": "is", "as": "as", "skies": "sky", "dying": "die", "gently": "gentl", "news": "news", "bias": "bias"},
    **{"inning": "inning", "earrings": "earring", "succeed": "succeed", "proceeds": "proceed"},
    # 0: apostrophes
    **{"dog's": "dog", "dogs'": "dog", "'quoted'": "quot", "fox’s": "fox"},
    # 1a
    **{"caresses": "caress", "ties": "tie", "cries": "cri", "gas": "gas", "this": "this", "gaps": "gap"},
    **{"kiwis": "kiwi", "bus": "bus", "glass": "glass"},
    # 1b
    **{"agreed": "agre", "feed": "feed", "hopping": "hop", "hoping": "hope", "luxuriating": "luxuri"},
    **{"sing": "sing", "sized": "size", "troubled": "troubl", "reportedly": "report", "failing": "fail"},
    # 1c
    **{"cry": "cri", "by": "by", "say": "say", "yes": "yes", "youth": "youth", "enjoying": "enjoy"},
    # 2
    **{"relational": "relat", "conditional": "condit", "rational": "ration", "valency": "valenc"},
    **{"digitizer": "digit", "predication": "predic", "operator": "oper", "feudalism": "feudal"},
    **{"hopefulness": "hope", "callousness": "callous", "decisiveness": "decis", "sensibility": "sensibl"},
    **{"geology": "geolog", "analogy": "analog", "pedagogy": "pedagogi", "usefully": "use", "carelessly": "careless"},
    **{"quickly": "quick", "fly": "fli", "possibly": "possibl", "likely": "like", "apply": "appli"},
    # 3
    **{"triplicate": "triplic", "formative": "format", "formalize": "formal", "electrical": "electr"},
    **{"goodness": "good", "communicative": "communic"},
    # 4
    **{"revival": "reviv", "allowance": "allow", "inference": "infer", "airliner": "airlin"},
    **{"adjustable": "adjust", "replacement": "replac", "adoption": "adopt", "million": "million"},
    **{"effective": "effect", "activate": "activ"},
    # 5
    **{"probate": "probat", "rate": "rate", "cease": "ceas", "controlling": "control", "rolling": "roll"},
    # R1 that begins later
    **{"generate": "generat", "general": "general", "communism": "communism", "arsenal": "arsenal"},
    # what Snowball 3 changed
    **{"evening": "evening", "added": "add", "offed": "off", "vying": "vie", "international": "internat"},
    **{"university": "universiti", "universe": "univers", "geologist": "geolog", "pasted": "paste"},
    **{"organized": "organiz", "organs": "organ", "emergency": "emergenc", "lateral": "lateral", "later": "later"},
}


@pytest.mark.parametrize(("word", "expected"), PAIRS.items())
def test_the_rules(word, expected):
    assert stem(word) == expected


def test_case_does_not_matter():
    assert stem("JUMPING") == stem("Jumping") == "jump"


def test_every_word_as_snowball_has_it():
    """Some 9 000 words of the suite's corpora and of Python's documentation, and made ones with every ending."""
    english = pytest.importorskip("snowballstemmer").stemmer("english")
    texts = [*load_texts("topics", Path("data")).texts, *load_texts("reviews", Path("data")).texts]
    words = set(re.findall(r"[a-z]+(?:'[a-z]+)?", " ".join([*texts, *documentation.values()]).lower()))
    endings = ("ogists", "ying", "edly", "inglies", "izational", "bled", "eedly", "ied", "fulness", "atively", "'s'")
    words |= {word + ending for word in sorted(words)[::15] for ending in endings}
    assert {word: stem(word) for word in words} == {word: english.stemWord(word) for word in words}


def test_regions_of_the_description():
    """beautiful: R1 iful, R2 ul; beauty: R1 y, R2 empty; beau: both empty."""
    assert regions("beautiful") == (5, 7)
    assert regions("beauty") == (5, 6)
    assert regions("beau") == (4, 4)


def test_steps_lead_from_the_word_to_its_stem():
    named = dict(steps("Relational"))
    assert named["lower case"] == "relational"
    assert named["2   double suffixes"] == "relate"
    assert list(named.values())[-1] == "relat"
