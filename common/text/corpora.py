"""Named text data sets: three that come with the suite, published ones fetched once, and a student's own.

topics, reviews     written for the suite: essays on ten themes, short reviews that praise or complain
ag_news, imdb, 20newsgroups, wikitext2     fetched once and checked every time, or placed by hand
folder:PATH         PATH/<class>/*.txt, one document a file; or PATH/*.txt without classes
csv:PATH            a column `text` and, if there are classes, a column `label`

PATH may hold its own split: the folders `train` and `test`, or the files `train.csv` and `test.csv`. Otherwise a
fifth, drawn evenly over the classes, is for testing. Behind PATH may stand `,encoding=cp1252` for text that is not
UTF-8, and for a CSV file `,text=COLUMN` and `,label=COLUMN`: names, or numbers if the file has no line of names;
`text=title+body` joins columns.
"""

import csv
import io
import re
import tarfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from common.data import stratified_split
from common.errors import InputError
from common.sources import Download, FetchError, Source, damaged, fetch_files

Documents = tuple[list[str], list[str]]  # texts, and the class of each (no classes: an empty list)
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


# --- What is published ----------------------------------------------------------------------------------------------

AG_NEWS_CLASSES = ("World", "Sports", "Business", "Sci/Tech")
NEWSGROUPS = (
    *("alt.atheism", "comp.graphics", "comp.os.ms-windows.misc", "comp.sys.ibm.pc.hardware", "comp.sys.mac.hardware"),
    *("comp.windows.x", "misc.forsale", "rec.autos", "rec.motorcycles", "rec.sport.baseball", "rec.sport.hockey"),
    *("sci.crypt", "sci.electronics", "sci.med", "sci.space", "soc.religion.christian", "talk.politics.guns"),
    *("talk.politics.mideast", "talk.politics.misc", "talk.religion.misc"),
)


def read_ag_news(paths: list[Path]) -> tuple[Documents, Documents]:
    """Two CSV files: class from 1, title, description."""

    def read(path: Path) -> Documents:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
        if not rows or any(len(row) != 3 or row[0] not in "1234" for row in rows):
            raise damaged(path, "its lines are not: class from 1 to 4, title, description")
        return [f"{title} {body}" for _, title, body in rows], [AG_NEWS_CLASSES[int(row[0]) - 1] for row in rows]

    return read(paths[0]), read(paths[1])


def read_imdb(paths: list[Path]) -> tuple[Documents, Documents]:
    """aclImdb/train/pos/0_9.txt and so on. The reviews without labels (train/unsup) are passed over."""
    member = re.compile(r"aclImdb/(train|test)/(neg|pos)/\d+_\d+\.txt")
    return _from_tar(paths[0], member, {"neg": "negative", "pos": "positive"}.get)


def read_20newsgroups(paths: list[Path]) -> tuple[Documents, Documents]:
    """20news-bydate-train/sci.space/60191 and so on, in Latin-1, without the header: it names the group."""
    (texts, labels), (texts_test, labels_test) = _from_tar(
        paths[0], re.compile(r"20news-bydate-(train|test)/([a-z.-]+)/\d+"), str, "latin-1"
    )
    strip = [[text.partition("\n\n")[2] for text in part] for part in (texts, texts_test)]
    return (strip[0], labels), (strip[1], labels_test)


def _from_tar(
    path: Path, member: re.Pattern, label: Callable[[str], str], encoding: str = "utf-8"
) -> tuple[Documents, Documents]:
    """The files called `member`, which names the part and the class. Read in place: nothing is unpacked."""
    parts: dict[str, Documents] = {"train": ([], []), "test": ([], [])}
    try:
        with tarfile.open(path, "r:gz" if path.suffix == ".gz" else "r:") as archive:
            for entry in archive:
                if entry.isfile() and (match := member.fullmatch(entry.name)):
                    texts, labels = parts[match[1]]
                    texts.append(archive.extractfile(entry).read().decode(encoding))
                    labels.append(label(match[2]))
    except (tarfile.TarError, EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise damaged(path, error) from error
    if not parts["train"][0] or not parts["test"][0]:
        raise damaged(path, f"it holds no files called {member.pattern}")
    return parts["train"], parts["test"]


def read_wikitext2(paths: list[Path]) -> tuple[Documents, Documents]:
    """Wikipedia's articles, already cut into tokens by blanks; a line ` = Title = ` starts one. No classes."""
    try:
        with zipfile.ZipFile(paths[0]) as archive:
            train, test = (archive.read(f"wikitext-2/wiki.{part}.tokens").decode() for part in ("train", "test"))
    except (zipfile.BadZipFile, KeyError, zlib.error, UnicodeDecodeError) as error:
        raise damaged(paths[0], error) from error
    articles = re.compile(r"^(?= = [^=])", re.MULTILINE)
    return ([t for t in articles.split(train) if t.strip()], []), ([t for t in articles.split(test) if t.strip()], [])


TEXT_SOURCES = {
    "ag_news": Source(
        about="127 600 news items, 4 sections",
        classes=AG_NEWS_CLASSES,
        folder="ag_news",
        megabytes=31,
        mirrors=("https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/",),
        digests={"train.csv": "b1a00f826fdfbd249f79597b59e1dc12", "test.csv": "d52ea96a97a2d943681189a97654912d"},
        read=read_ag_news,
    ),
    "imdb": Source(
        about="50 000 film reviews, positive or negative",
        classes=("negative", "positive"),
        folder="imdb",
        megabytes=84,
        mirrors=(
            "https://ai.stanford.edu/~amaas/data/sentiment/",
            "https://bj.bcebos.com/dataset/imdb%2FaclImdb_v1.tar.gz",
        ),
        digests={"aclImdb_v1.tar.gz": "7c2ac02c03563afcf9b574c7e56c153a"},
        read=read_imdb,
    ),
    "20newsgroups": Source(
        about="18 846 posts to 20 newsgroups",
        classes=NEWSGROUPS,
        folder="20newsgroups",
        megabytes=14,
        mirrors=("https://ndownloader.figshare.com/files/5975967", "http://qwone.com/~jason/20Newsgroups/"),
        digests={"20news-bydate.tar.gz": "8f1b2514ca22a5ade8fbb9cfa5727df95fa587f4c87b786e15c759fa66d95610"},
        read=read_20newsgroups,
    ),
    "wikitext2": Source(
        about="2 million words of Wikipedia, for language models",
        classes=(),
        folder="wikitext2",
        megabytes=4,
        mirrors=("https://wikitext.smerity.com/", "https://s3.amazonaws.com/research.metamind.io/wikitext/"),
        digests={"wikitext-2-v1.zip": "542ccefacc6c27f945fb54453812b3cd"},
        read=read_wikitext2,
    ),
}

GLOVE = Download(
    about="vectors of 400 000 words, 50, 100, 200, 300 numbers each",
    folder="glove",
    megabytes=862,
    mirrors=(
        "https://downloads.cs.stanford.edu/nlp/data/",
        "https://huggingface.co/stanfordnlp/glove/resolve/main/",
    ),
    digests={"glove.6B.zip": "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb"},
)


# --- What comes with the suite --------------------------------------------------------------------------------------

EMBEDDED = {
    "topics": "short essays on ten themes",
    "reviews": "short reviews, positive or negative",
}


def corpora_folder() -> Path:
    """Where the suite's own corpora lie: in a checkout under data/, in an installed suite beside this file."""
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


def read_tagged(path: Path) -> list[Sentence]:
    """A sentence a line, each word with its tag: The_DET fox_NOUN jumps_VERB ._PUNCT"""
    sentences = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        sentence = [tuple(word.rsplit("_", 1)) for word in line.split()]
        for pair in sentence:
            if len(pair) != 2 or not all(pair):
                raise InputError(f"{path}, line {number}: {'_'.join(pair)!r} is not of the form word_TAG")
        if sentence:
            sentences.append(sentence)
    return sentences


# --- A student's own ------------------------------------------------------------------------------------------------


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The file's text. Raises InputError, naming the byte and a likelier encoding, if it is in another."""
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)  # with or without a byte-order mark
    except LookupError:
        raise InputError(f"encoding {encoding!r} is not known; usual ones are utf-8, cp1252, latin-1, utf-16") from None
    except UnicodeDecodeError as error:
        likely = _likely_encoding(content)
        raise InputError(
            f"{path} is not {encoding}: byte 0x{content[error.start]:02x} at position {error.start}; "
            f"{likely} may be right: add ,encoding={likely} to the data set's name"
        ) from None
    if "\0" in text:
        raise InputError(
            f"{path} holds the byte 0x00 at position {content.index(0)}: it is no text, or utf-16: "
            "then add ,encoding=utf-16 to the data set's name"
        )
    return text


def _likely_encoding(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def read_folder(folder: Path, encoding: str = "utf-8") -> Documents:
    """<class>/*.txt, or *.txt without classes: a document a file, blank ones left out."""
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    files = [(p, p.relative_to(folder).parts[0]) for p in sorted(folder.glob("*/**/*.txt"))]
    classes = bool(files)
    texts, labels = [], []
    for path, label in files or [(p, "") for p in sorted(folder.glob("*.txt"))]:
        if text := read_text(path, encoding).strip():
            texts.append(text)
            labels.append(label)
    return texts, labels if classes else []


def read_csv(path: Path, text: str = "text", label: str | None = None, encoding: str = "utf-8") -> Documents:
    """The columns `text` (several joined by +) and `label` (none: the column label, if there is one) of a CSV file.

    Numbers count columns from 1, in a file without a line of names. Commas, semicolons or tabs part the columns.
    Blank texts are left out. Raises InputError for a column that is not there and a line that does not fit.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    content = read_text(path, encoding)
    wanted = [*text.split("+"), *([label] if label else [])]
    numbered = all(name.isdecimal() for name in wanted)
    delimiter = "," if numbered else max(",;\t", key=content.partition("\n")[0].count)
    rows = list(_csv_rows(path, content, delimiter))
    if not rows:
        return [], []
    columns = [str(i) for i in range(1, len(rows[0][1]) + 1)] if numbered else [n.strip() for n in rows.pop(0)[1]]
    for name in wanted:
        if name not in columns:
            shown = ", ".join(column if len(column) <= 30 else f"{column[:29]}…" for column in columns)
            raise InputError(
                f"{path} has no column {name!r}; its columns are {shown}. Name one behind the path, e.g. "
                ",text=NAME,label=NAME, or by number (,text=2,label=1) if the first line holds no names"
            )
    if label is None and "label" in columns:
        label = "label"
    texts, labels = [], []
    for line, row in rows:
        if len(row) != len(columns):
            raise InputError(f"{path}, line {line}: {len(row)} columns where {len(columns)} are expected")
        values = dict(zip(columns, map(str.strip, row), strict=True))
        document = " ".join(values[name] for name in text.split("+")).strip()
        if document and label and not values[label]:
            raise InputError(f"{path}, line {line}: no label; give it one or take the line out")
        if document:
            texts.append(document)
            labels.append(values[label] if label else "")
    return texts, labels if label else []


def _csv_rows(path: Path, content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    try:
        yield from ((rows.line_num, row) for row in rows if row)
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from error


def _read_own(name: str) -> tuple[Documents, Documents | None]:
    """The data set called folder:PATH or csv:PATH, with its own split if it has one."""
    kind, _, rest = name.partition(":")
    place, *given = re.split(r",(?=[a-z]+=)", rest)
    path, options = Path(place).expanduser(), dict(word.split("=", 1) for word in given)
    allowed = ("encoding",) if kind == "folder" else ("encoding", "text", "label")
    for option in options:
        if option not in allowed:
            raise InputError(f"dataset {name!r}: {option}= is none of {', '.join(allowed)}")
    read, ending = (read_folder, "") if kind == "folder" else (read_csv, ".csv")
    parts = [path / f"train{ending}", path / f"test{ending}"]
    if all(part.exists() for part in parts):
        return read(parts[0], **options), read(parts[1], **options)
    return read(path, **options), None


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
            warnings.warn(f"{error}. Using the embedded {embedded} instead: {EMBEDDED[embedded]}", stacklevel=2)
            return load_texts(embedded, data_dir)
    if name == "topics":
        return _text_data(name, read_topics(corpora_folder() / name))
    if name == "reviews":
        return _text_data(name, read_csv(corpora_folder() / name / "reviews.csv"))
    if name.startswith(("folder:", "csv:")):
        return _text_data(name, *_read_own(name))
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
    texts, labels = train
    _require_two(name, len(texts), "document")
    classes = classes or tuple(sorted(set(labels)))
    index = {label: i for i, label in enumerate(classes)}
    y = torch.tensor([index[label] for label in labels], dtype=torch.int64)
    if test is not None:
        if not test[0]:
            raise InputError(f"{name}: its part for testing holds no document")
        if unknown := set(test[1]) - set(classes):
            raise InputError(f"{name}: class {min(unknown)!r} is in the part for testing only")
        return TextData(name, classes, texts, y, test[0], torch.tensor([index[label] for label in test[1]]).long())
    for label, count in Counter(labels).items():
        if count < 2:
            raise InputError(f"{name}: class {label!r} has one document; it needs 2, one of them for testing")
    train_rows, test_rows = _split(len(texts), y)
    parts = [([texts[i] for i in rows], y[rows] if labels else y) for rows in (train_rows, test_rows)]
    return TextData(name, classes, *parts[0], *parts[1])


def _require_two(name: str, count: int, what: str) -> None:
    if count < 2:
        held = f"one {what}" if count else f"no {what}"
        raise InputError(f"{name} holds {held}; at least 2 are needed, one to learn from and one for testing")


def _split(count: int, y: Tensor) -> tuple[list[int], list[int]]:
    """Rows for training and for testing, in the order of the corpus: a fifth, of each class if there are classes."""
    if len(y):
        train, test = stratified_split(y, (0.8, 0.2), seed=0)
    else:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
        test, train = order.tensor_split([max(1, round(count / 5))])
    return sorted(train.tolist()), sorted(test.tolist())
