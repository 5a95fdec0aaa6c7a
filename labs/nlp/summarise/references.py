"""Essays with a summary that was written for them, and how near sentences of an essay come to it."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from common.errors import InputError
from common.text.corpora import corpora_folder, read_topics
from common.text.own_files import read_text
from labs.nlp.sentences import split_sentences
from labs.nlp.summarise.rouge import rouge_l, rouge_n

MEASURES = ("rouge_1", "rouge_2", "rouge_l")


@dataclass(frozen=True)
class Text:
    """A text as sentences, with a short name and the summary that a person would write, if there is one."""

    name: str
    sentences: list[str]
    reference: str | None = None

    def join(self, places: Sequence[int]) -> str:
        """The sentences at these places as one text."""
        return " ".join(self.sentences[i] for i in places)


def load_references(folder: Path | None = None) -> list[Text]:
    """The essays that have a reference summary, in the order of summaries.csv.

    Raises InputError for a line whose essay is not, or not alone, in the theme's file.
    """
    folder = corpora_folder() if folder is None else folder
    path = folder / "summaries" / "summaries.csv"
    essays, themes = read_topics(folder / "topics")
    texts = []
    for row in csv.DictReader(io.StringIO(read_text(path))):
        pairs = zip(essays, themes, strict=True)
        found = [essay for essay, theme in pairs if theme == row["theme"] and essay.startswith(row["begins"])]
        if len(found) != 1:
            raise InputError(f"{path}: {len(found)} essays on {row['theme']} begin with {row['begins']!r}, not one")
        texts.append(Text(f"{row['theme']}: {row['begins']} …", split_sentences(found[0]), row["summary"]))
    return texts


def measure(text: Text, places: Sequence[int]) -> dict[str, float]:
    """F1 of ROUGE-1, -2 and -L of the sentences at these places against the text's reference."""
    assert text.reference is not None
    ours, theirs = text.join(places), text.reference
    overlaps = (rouge_n(ours, theirs, 1), rouge_n(ours, theirs, 2), rouge_l(ours, theirs))
    return {name: overlap.f1 for name, overlap in zip(MEASURES, overlaps, strict=True)}


def every_choice(text: Text, number: int) -> Iterator[tuple[int, ...]]:
    """Each set of so many sentences of a text: 15 of two sentences out of six."""
    return combinations(range(len(text.sentences)), number)


def measure_random(text: Text, number: int) -> dict[str, float]:
    """What sentences taken at random reach: no draw, but the mean over all sets."""
    rows = [measure(text, places) for places in every_choice(text, number)]
    return {name: float(np.mean([row[name] for row in rows])) for name in MEASURES}


def oracle(text: Text, number: int) -> list[int]:
    """The set of sentences with the largest ROUGE-1. It has seen the reference: no method that chooses does better."""
    sets = list(every_choice(text, number))
    reached = [measure(text, places)["rouge_1"] for places in sets]
    return list(sets[int(np.argmax(reached))])


def interval(values: np.ndarray, seed: int, draws: int = 2000) -> tuple[float, float]:
    """The 95 % interval of a mean over texts: texts drawn again with replacement (bootstrap)."""
    random = np.random.default_rng(seed)
    means = values[random.integers(len(values), size=(draws, len(values)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
