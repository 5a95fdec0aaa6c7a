"""Named entities: files in CoNLL format, and the entities that their IOB tags mark."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from common.text.corpora import Sentence
from common.text.own_files import read_text


def read_conll(path: Path) -> list[Sentence]:
    """Sentences in CoNLL format: a token a line, the word first and its tag last, a blank line between sentences."""
    sentences: list[Sentence] = [[]]
    for number, line in enumerate(read_text(path).splitlines(), 1):
        columns = line.split()
        if not columns:
            sentences.append([])
        elif columns[0] != "-DOCSTART-" and not line.startswith("# "):
            if len(columns) < 2:
                raise InputError(f"{path}, line {number}: {line!r} has no tag; it must be a word, blanks and a tag")
            sentences[-1].append((columns[0], columns[-1]))
    return [sentence for sentence in sentences if sentence]


def spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """The entities in IOB tags as (first word, word after the last, kind): B-PER I-PER O → {(0, 2, PER)}."""
    found: set[tuple[int, int, str]] = set()
    start = None
    for i, tag in enumerate([*tags, "O"]):
        place, _, kind = tag.partition("-")
        if start is not None and (place != "I" or kind != tags[start].partition("-")[2]):
            found.add((start, i, tags[start].partition("-")[2]))
            start = None
        if place in ("B", "I") and start is None:
            start = i
    return found
