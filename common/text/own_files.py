"""A reader's own texts: a folder of files or a CSV file, with or without classes, in any encoding."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.errors import InputError

Documents = tuple[list[str], list[str]]  # texts, and the class of each (no classes: an empty list)


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


def read_folder(folder: Path, encoding: str = "utf-8", headers: str = "keep") -> Documents:
    """<class>/FILE, or FILE without classes: a document a file, whatever its name ends with; blank ones left out.

    Passed over are hidden files (.name) and those that are no text: they hold a zero byte, as pictures and programs do.
    With `headers` "strip" a document that begins as mail does (`Subject: …`) is what follows the first blank line.
    Raises InputError, with this rule, if no file is left.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    if headers not in ("keep", "strip"):
        raise InputError(f"headers={headers} is neither keep nor strip")
    below = _text_files(folder, folder.glob("*/**/*"), encoding)
    files = below or _text_files(folder, folder.glob("*"), encoding)
    if not files:
        raise InputError(
            f"{folder} holds no document: a document is a text file, of any name, in {folder / 'CLASS'} or, without "
            "classes, in the folder itself; hidden files and files with a zero byte (pictures, programs; add "
            ",encoding=utf-16 for text of that kind) are passed over"
        )
    texts, labels = [], []
    for path in files:
        text = read_text(path, encoding)
        if headers == "strip":
            text = without_headers(text)
        if text.strip():
            texts.append(text.strip())
            labels.append(path.relative_to(folder).parts[0])
    return texts, labels if below else []


def _text_files(folder: Path, paths: Iterable[Path], encoding: str) -> list[Path]:
    """The files among `paths` that are neither hidden nor anything but text, in the order of the alphabet."""
    return [
        path
        for path in sorted(paths)
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (encoding.startswith("utf-16") or not _is_binary(path))
    ]


def _is_binary(path: Path) -> bool:
    """Whether a zero byte is among a file's first 8 000, unless its first two bytes say that it is text in UTF-16."""
    with path.open("rb") as file:
        start = file.read(8000)
    return b"\0" in start and _likely_encoding(start) != "utf-16"


def without_headers(text: str) -> str:
    """A message's text, behind the first blank line, if it begins with a line such as `From: …`; else all of it."""
    if not re.match(r"[A-Z][\w-]*: ", text):
        return text
    return re.split(r"\r?\n[ \t]*\r?\n", text, maxsplit=1)[-1]


def read_csv(path: Path, text: str = "text", label: str | None = None, encoding: str = "utf-8") -> Documents:
    """The columns `text` (several joined by +) and `label` (none: the column label, if there is one) of a CSV file.

    Numbers count columns from 1, in a file without a line of names. Commas, semicolons or tabs part the columns.
    Blank texts are left out. Raises InputError for a column that is not there and a line that does not fit.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    content = read_text(path, encoding)
    wanted = text.split("+") + ([label] if label else [])
    numbered = all(name.isdecimal() for name in wanted)
    first_line = content.partition("\n")[0]
    delimiter = "," if numbered else max(",;\t", key=first_line.count)
    rows = list(_csv_rows(path, content, delimiter))
    if not rows:
        return [], []
    if numbered:
        columns = [str(number) for number in range(1, len(rows[0][1]) + 1)]
    else:
        columns = [name.strip() for name in rows.pop(0)[1]]
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
        if not document:
            continue
        texts.append(document)
        if label and not values[label]:
            raise InputError(f"{path}, line {line}: no label; give it one or take the line out")
        if label:
            labels.append(values[label])
    return texts, labels


def _csv_rows(path: Path, content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its last line."""
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            if row:
                yield rows.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from error


def read_own(name: str) -> tuple[Documents, Documents | None]:
    """The data set called folder:PATH or csv:PATH, with its own split if it has one."""
    kind, _, rest = name.partition(":")
    place, *given = re.split(r",(?=[a-z]+=)", rest)  # a comma that no option= follows belongs to the path
    path = Path(place).expanduser()
    options = dict(option.split("=", 1) for option in given)
    allowed = ("encoding", "headers") if kind == "folder" else ("encoding", "text", "label")
    for option in options:
        if option not in allowed:
            raise InputError(f"dataset {name!r}: {option}= is none of {', '.join(allowed)}")
    if kind == "folder":
        parts = [sorted(path.glob(pattern)) for pattern in ("train", "*-train", "test", "*-test")]
        train, test = (own + named for own, named in (parts[:2], parts[2:]))
        if len(train) == len(test) == 1 and train[0].is_dir() and test[0].is_dir():
            return read_folder(train[0], **options), read_folder(test[0], **options)
        return read_folder(path, **options), None
    if (path / "train.csv").exists() and (path / "test.csv").exists():
        return read_csv(path / "train.csv", **options), read_csv(path / "test.csv", **options)
    return read_csv(path, **options), None
