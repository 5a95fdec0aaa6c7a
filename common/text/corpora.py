"""Named text data sets: three that come with the suite, published ones fetched once, and a student's own.

topics, reviews     written for the suite: essays on ten themes, short reviews that praise or complain
reviews3            the same reviews and half as many again that are neutral: neither praise nor complaint
ag_news, imdb, 20newsgroups, wikitext2     fetched once and checked every time, or placed by hand
folder:PATH         PATH/<class>/FILE, one document a file of any name; or PATH/FILE without classes
csv:PATH            a column `text` and, if there are classes, a column `label`

PATH may hold its own split: the folders `train` and `test` (or `NAME-train` and `NAME-test`), or the files `train.csv`
and `test.csv`. Otherwise a fifth, drawn evenly over the classes, is for testing. Behind PATH may stand
`,encoding=cp1252` for text that is not UTF-8; for a folder of mail `,headers=strip`; for a CSV file `,text=COLUMN` and
`,label=COLUMN`: names, or numbers if the file has no line of names; `text=title+body` joins columns.
"""

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from common.data import stratified_split
from common.errors import InputError
from common.sources import FetchError, fetch_files
from common.text.own_files import Documents, read_csv, read_own, read_text
from common.text.published import TEXT_SOURCES

Sentence = list[tuple[str, str]]  # tokens, each with its tag


@dataclass(frozen=True)
class TextData:
    """Texts with labels as int64 (N,), apart for training and testing. Without classes the labels are empty, too.

    `name` says which data set it is: after `auto` it may be another than the one hoped for.
    """

    name: str
    classes: tuple[str, ...]
    texts_train: list[str]
    y_train: Tensor
    texts_test: list[str]
    y_test: Tensor

    @property
    def texts(self) -> list[str]:
        """All texts, those for training first."""
        return self.texts_train + self.texts_test

    @property
    def y(self) -> Tensor:
        """The labels of all texts."""
        return torch.cat([self.y_train, self.y_test])


@dataclass(frozen=True)
class TaggedData:
    """Sentences whose every word has a tag, apart for training and testing."""

    tags: tuple[str, ...]
    train: list[Sentence]
    test: list[Sentence]


# --- What comes with the suite --------------------------------------------------------------------------------------

EMBEDDED = {
    "topics": "short essays on ten themes",
    "reviews": "short reviews, positive or negative",
    "reviews3": "short reviews, positive, negative or neutral",
}


def corpora_folder() -> Path:
    """Where the suite's own corpora lie: in a checkout under data/, in an installed suite under common/."""
    checkout = Path(__file__).parents[2] / "data" / "corpora"
    return checkout if checkout.exists() else Path(__file__).parents[1] / "corpora"


def read_topics(folder: Path) -> Documents:
    """A file per theme, in it documents parted by blank lines."""
    texts: list[str] = []
    labels: list[str] = []
    for path in sorted(folder.glob("*.txt")):
        documents = [part.strip() for part in re.split(r"\n\s*\n", read_text(path)) if part.strip()]
        texts += documents
        labels += [path.stem] * len(documents)
    return texts, labels


def read_reviews(folder: Path, *names: str) -> Documents:
    """The reviews in the files `names`, one file after the other."""
    texts: list[str] = []
    labels: list[str] = []
    for name in names:
        more_texts, more_labels = read_csv(folder / name)
        texts += more_texts
        labels += more_labels
    return texts, labels


def read_tagged(path: Path) -> list[Sentence]:
    """A sentence a line, each word with its tag: The_DET fox_NOUN jumps_VERB ._PUNCT"""
    sentences = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        sentence = []
        for pair in line.split():
            word, _, tag = pair.rpartition("_")
            if not word or not tag:
                raise InputError(f"{path}, line {number}: {pair!r} is not of the form word_TAG")
            sentence.append((word, tag))
        if sentence:
            sentences.append(sentence)
    return sentences


# --- By name --------------------------------------------------------------------------------------------------------

NAMES = ("auto", *EMBEDDED, *TEXT_SOURCES, "folder:PATH", "csv:PATH")


def load_texts(
    name: str,
    data_dir: Path,
    *,
    preferred: str = "ag_news",
    embedded: str = "topics",
    offline: bool = False,
    quiet: bool = False,
) -> TextData:
    """The data set called `name`; `auto` is `preferred` if it is there or can be fetched, else `embedded`.

    Raises InputError for an unknown name, a damaged file, text in another encoding, a data set that is named but
    cannot be had, and a corpus of fewer than two documents, or one with a class of fewer than two.
    """
    if name == "auto":
        try:
            return load_texts(preferred, data_dir, offline=offline, quiet=quiet)
        except FetchError as error:
            instead = f"the embedded {embedded} ({EMBEDDED[embedded]})"
            warnings.warn(error.describe_substitute(instead), stacklevel=2)
            return load_texts(embedded, data_dir)
    if name == "topics":
        return _text_data(name, read_topics(corpora_folder() / "topics"))
    if name == "reviews":
        return _text_data(name, read_reviews(corpora_folder() / "reviews", "reviews.csv"))
    if name == "reviews3":
        return _text_data(name, read_reviews(corpora_folder() / "reviews", "reviews.csv", "neutral.csv"))
    if name.startswith(("folder:", "csv:")):
        return _text_data(name, *read_own(name))
    if name not in TEXT_SOURCES:
        raise InputError(f"dataset {name!r} is none of {', '.join(NAMES)}")
    source = TEXT_SOURCES[name]
    train, test = source.read(fetch_files(name, source, data_dir, offline=offline, quiet=quiet))
    return _text_data(name, train, test, source.classes)


def load_tagged(path: Path | None = None) -> TaggedData:
    """The sentences in `path` (none given: those that come with the suite), a fifth of them for testing."""
    path = corpora_folder() / "tagged" / "tagged.txt" if path is None else Path(path)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    return split_tagged(read_tagged(path), str(path))


def split_tagged(sentences: list[Sentence], name: str) -> TaggedData:
    """Sentences with a fifth of them, drawn at random, kept for testing."""
    _require_two(name, len(sentences), "sentence")
    train, test = _split(len(sentences), torch.tensor([]))
    tags = sorted({tag for sentence in sentences for _, tag in sentence})
    return TaggedData(tuple(tags), [sentences[i] for i in train], [sentences[i] for i in test])


def _text_data(name: str, train: Documents, test: Documents | None = None, classes: tuple[str, ...] = ()) -> TextData:
    """Texts and labels in numbers. Without a part for testing a fifth becomes it; without classes, those found are."""
    texts, labels = train
    _require_two(name, len(texts), "document")
    classes = classes or tuple(sorted(set(labels)))
    y = _numbers(labels, classes)
    if test is not None:
        texts_test, labels_test = test
        if not texts_test:
            raise InputError(f"{name}: its part for testing holds no document")
        if unknown := set(labels_test) - set(classes):
            raise InputError(f"{name}: class {min(unknown)!r} is in the part for testing only")
        return TextData(name, classes, texts, y, texts_test, _numbers(labels_test, classes))
    for label, count in Counter(labels).items():
        if count < 2:
            raise InputError(f"{name}: class {label!r} has one document; it needs 2, one of them for testing")
    rows, rows_test = _split(len(texts), y, classes)
    y_train, y_test = (y[rows], y[rows_test]) if labels else (y, y)
    return TextData(name, classes, [texts[i] for i in rows], y_train, [texts[i] for i in rows_test], y_test)


def _numbers(labels: list[str], classes: tuple[str, ...]) -> Tensor:
    number = {label: i for i, label in enumerate(classes)}
    return torch.tensor([number[label] for label in labels], dtype=torch.int64)


def _require_two(name: str, count: int, what: str) -> None:
    if count < 2:
        held = f"one {what}" if count else f"no {what}"
        raise InputError(f"{name} holds {held}; at least 2 are needed, one to learn from and one for testing")


def _split(count: int, y: Tensor, classes: tuple[str, ...] = ()) -> tuple[list[int], list[int]]:
    """Rows for training and for testing, in the order of the corpus: a fifth, of each class if there are classes."""
    if len(y):
        train, test = stratified_split(y, (0.8, 0.2), seed=0, classes=classes)
    else:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
        test, train = order.tensor_split([max(1, round(count / 5))])
    return sorted(train.tolist()), sorted(test.tolist())
