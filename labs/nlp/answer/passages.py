"""Documents cut into passages of some hundred words, each with the place where it was read.

suite         the sheets of the labs (labs/**/README.md) and the embedded essays, a theme a document
essays        the essays alone: they do not change, while the sheets are written on
folder:PATH   every text file below PATH; Markdown is read by its headings
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from common.text.corpora import corpora_folder, read_topics
from common.text.own_files import read_text

LABS = Path(__file__).parents[2]


@dataclass(frozen=True)
class Passage:
    """Some hundred words of a document. `text`: its paragraphs, list items, rows and lines, parted by blank lines."""

    document: str  # file or theme, as it is shown
    section: str  # heading, or of an essay its first words
    text: str

    @property
    def place(self) -> str:
        """Document and section, for the reader."""
        return f"{self.document} › {self.section}" if self.section else self.document


def load_passages(documents: str, words: int) -> list[Passage]:
    """The passages of `suite`, `essays` or folder:PATH, of at most `words` words unless a paragraph alone is longer.

    Raises InputError for another name, and for a folder without text.
    """
    if documents == "suite":
        sheets = [
            passage
            for path in sorted(LABS.rglob("README.md"))
            for passage in read_markdown(read_text(path), f"labs/{path.relative_to(LABS).as_posix()}", words)
        ]
        return sheets + read_essays()
    if documents == "essays":
        return read_essays()
    kind, _, name = documents.partition(":")
    if kind != "folder" or not name:
        raise InputError(f"--documents {documents} is neither suite, essays nor folder:PATH")
    folder = Path(name)
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}")
    passages: list[Passage] = []
    for path in sorted(path for path in folder.rglob("*") if _is_text(path, folder)):
        read = read_markdown if path.suffix.lower() in (".md", ".markdown") else read_plain
        passages += read(read_text(path), path.relative_to(folder).as_posix(), words)
    if not passages:
        raise InputError(f"{folder} holds no text; every file that is no hidden one and has no zero byte is read")
    return passages


def _is_text(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden and b"\0" not in path.read_bytes()


def read_essays() -> list[Passage]:
    """Each embedded essay as a passage; its section is its first six words."""
    essays, themes = read_topics(corpora_folder() / "topics")
    return [
        Passage(f"topics/{theme}.txt", title(essay), printable(essay))
        for essay, theme in zip(essays, themes, strict=True)
    ]


def title(essay: str) -> str:
    """What an essay without a heading is called: its first six words."""
    return " ".join(essay.split()[:6])


def read_plain(text: str, document: str, words: int) -> list[Passage]:
    """Passages of a text without headings: its paragraphs, small ones put together."""
    return [Passage(document, "", part) for part in _pack(_paragraphs(text.splitlines()), words)]


def read_markdown(text: str, document: str, words: int) -> list[Passage]:
    """Passages of a Markdown page, none across two headings; without its marks, tags and addresses."""
    passages = []
    for section, lines in _sections(text):
        passages += [Passage(document, section, part) for part in _pack(_paragraphs(lines), words)]
    return passages


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """(heading, lines) of each section; a # within a block of code is no heading."""
    section, lines, code = "", [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            code = not code
            lines.append("")
        elif code:
            lines += [line, ""]  # a command or a line of code stands by itself
        elif found := re.match(r"#{1,6} +(.+)", line):
            yield section, lines
            section, lines = plain(found[1]), []
        else:
            lines.append(line)
    yield section, lines


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """Paragraphs, list items and rows of tables, each as one line."""
    own: list[str] = []
    for line in [*lines, ""]:
        item = re.match(r"\s*([-*+]|\d+\.) +", line)
        row = line.lstrip().startswith("|")
        if not line.strip() or item or row:
            if joined := plain(" ".join(own)):
                yield joined
            own = []
        if row and (cells := _cells(line)):
            yield cells
        elif not row and line.strip():
            own.append(line[item.end() :] if item else line)


def _cells(row: str) -> str:
    """A row of a table as its cells parted by semicolons; empty for the rule below the head."""
    cells = [plain(cell) for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]
    return "" if all(re.fullmatch(r":?-*:?", cell) for cell in cells) else "; ".join(filter(None, cells))


def plain(markdown: str) -> str:
    """A line of Markdown without marks: of links and pictures the words, of formulas the letters."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"</?[a-zA-Z][^<>]*>", " ", text)
    text = re.sub(r"\*\*|\$\$?|`|(?<!\w)[*_]+(?=\S)|(?<=\S)[*_]+(?!\w)", "", text)
    return printable(html.unescape(text))


def printable(text: str) -> str:
    """On one line, and without what could command a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _pack(paragraphs: Iterator[str], words: int) -> Iterator[str]:
    """Paragraphs in a row, put together as long as they have no more than so many words."""
    own: list[str] = []
    for paragraph in paragraphs:
        if own and len(" ".join([*own, paragraph]).split()) > words:
            yield "\n\n".join(own)
            own = []
        own.append(paragraph)
    if own:
        yield "\n\n".join(own)
