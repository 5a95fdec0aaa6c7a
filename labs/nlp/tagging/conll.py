"""Named entities: files in CoNLL format, and the entities that their IOB tags mark."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from common.errors import InputError
from common.text.corpora import Sentence, TaggedData, corpora_folder
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


def load_entities() -> TaggedData:
    """The sentences with named entities that come with the suite; which of them are held out is written down."""
    folder = corpora_folder() / "entities"
    train, test = (read_conll(folder / f"{part}.conll") for part in ("train", "test"))
    return TaggedData(tuple(sorted({tag for sentence in train + test for _, tag in sentence})), train, test)


def kinds_of(tags: Iterable[str]) -> list[str]:
    """The kinds of entity that IOB tags name, in alphabetical order; none for tags of another sort."""
    return sorted({kind for place, _, kind in (tag.partition("-") for tag in tags) if place in ("B", "I") and kind})


def spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """The entities in IOB tags as (first word, word after the last, kind): B-PER I-PER O → {(0, 2, PER)}.

    An I that follows neither a B nor an I of its kind begins an entity, as in the CoNLL tasks' own script: a network
    that tags each word by itself may say so. IOB1 (B only between neighbours of one kind) is therefore read, too.
    """
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
