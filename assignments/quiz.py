"""Multiple-choice questions: read from Markdown, asked in the terminal or a notebook, exported.

A lecturer writes questions by hand, in a file per lab (assignments/questions/cnn.md):

    ## cnn-output-size

    An image of 28×28 goes through a 3×3 window with stride 2. Which side has the map?

    - [ ] 12
    - [x] 13
    - [ ] 14

    ⌊(28 − 3)/2⌋ + 1 = 13. Rounding up gives 14.

    Section: [The idea](../../labs/cnn/README.md#the-idea)
    Source: ours

Several options may be marked, not all. What is known of Markdown: paragraphs, blocks of code between lines of ```,
`code`, *emphasis*, **strong** and links.
"""

import html
import random
import re
import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from assignments.work import FOLDER
from common.errors import InputError
from common.files import read_json, write_atomically, write_json
from common.settings import OptionalCount, OptionalPath, Seed, Settings

BANK = Path(__file__).with_name("questions")
LETTERS = "abcdefgh"
USUAL = 10  # questions at a time
OPTION = re.compile(r"- \[(.)\] (\S.*)")
LINKED = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+#[^)\s]+)\)")


@dataclass(frozen=True)
class Quiz(Settings):
    """Ask questions about a lab: first those that were wrong or never asked. Answers are letters, several as “a c”."""

    set: Positional[Annotated[str, arg(metavar="LAB")]]  # which lab
    count: OptionalCount = None  # how many questions; none: 10, for an export all
    seed: Seed = 0  # another seed, another choice and order of questions and options
    export: OptionalPath = None  # write the questions to this file instead of asking them
    to: Literal["gift", "sheet"] = "gift"  # Moodle's GIFT; or a sheet to print, with its key in FILE-key
    work: Path = FOLDER  # what was asked before is remembered there, in quiz.json
    checks: OptionalPath = None  # a folder with your lecturer's own questions: questions/LAB.md

    def check(self) -> None:
        self.refuse_unused({"to": self.export is not None}, "without --export")


@dataclass(frozen=True)
class Question:
    """A question: its texts are Markdown."""

    lab: str
    name: str
    text: str
    options: tuple[str, ...]
    right: frozenset[int]  # which options
    explanation: str
    section: str  # where the lab's sheet says it: its heading
    link: str  # … and the link, as it stands in the file
    source: str  # slides, exam January 2025, …, ours

    @property
    def key(self) -> str:
        """Its name among those of all labs."""
        return f"{self.lab}/{self.name}"

    @property
    def lettered(self) -> dict[str, str]:
        """The options by letter, in their order."""
        return dict(zip(LETTERS, self.options, strict=False))

    @property
    def answer(self) -> str:
        """The letters of the right options: a c."""
        return " ".join(LETTERS[i] for i in sorted(self.right))

    @property
    def where(self) -> str:
        """The sheet and its section."""
        return f"{self.link.partition('#')[0].lstrip('./')}, “{self.section}”"

    def shuffled(self, seed: int) -> "Question":
        """The same question with its options in another order."""
        order = list(range(len(self.options)))
        random.Random(f"{seed}/{self.key}").shuffle(order)
        options = tuple(self.options[i] for i in order)
        return replace(self, options=options, right=frozenset(order.index(i) for i in self.right))


# --- Reading --------------------------------------------------------------------------------------------------------


def banks(checks: Path | None = None) -> dict[str, Path]:
    """The files of questions by lab; a lecturer's own before the suite's."""
    folders = [BANK] if checks is None else [BANK, checks / "questions"]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.md"))}


def read_bank(lab: str, checks: Path | None = None) -> list[Question]:
    """The questions of a lab. InputError, naming file and question, for what is not as it should be."""
    files = banks(checks)
    if lab not in files:
        raise InputError(f"there are no questions on {lab!r}; there are some on {', '.join(sorted(files))}")
    return read_questions(files[lab])


def read_questions(file: Path) -> list[Question]:
    """The questions of a file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is damaged: it is not UTF-8 ({error.reason} at byte {error.start})") from error
    parts: list[tuple[str, list[str]]] = []
    code = False
    for line in text.splitlines():
        code ^= line.startswith("```")
        if line.startswith("## ") and not code:
            parts.append((line[3:].strip(), []))
        elif parts:
            parts[-1][1].append(line.rstrip())
    if code:
        raise InputError(f"{file}, question {parts[-1][0] if parts else ''!r}: a block of code is not closed with ```")
    if not parts:
        raise InputError(f"{file} holds no question; a question begins with a line “## its-name”")
    found = [_read_question(file, name, lines) for name, lines in parts]
    names = [question.name for question in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{file}, question {twice[0]!r}: two questions have this name")
    return found


def _read_question(file: Path, name: str, lines: list[str]) -> Question:
    def require(holds: object, rule: str) -> None:
        if not holds:
            raise InputError(f"{file}, question {name!r}: {rule}")

    require(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), "its name must be small letters, digits and hyphens")
    told: dict[str, str] = {}
    for line in [line for line in lines if re.match(r"(Section|Source):", line)]:
        word, _, value = line.partition(":")
        require(word not in told, f"it has two lines “{word}:”")
        told[word] = value.strip()
    lines = [line for line in lines if not re.match(r"(Section|Source):", line)]
    first = next((i for i, line in enumerate(lines) if line.startswith("- [")), len(lines))
    options: list[str] = []
    right: set[int] = set()
    last = first
    for last in range(first, len(lines) + 1):
        line = lines[last] if last < len(lines) else "end"
        if line.startswith("- ["):
            option = OPTION.fullmatch(line)
            require(option and option[1] in " xX", f"{line!r} is no option; write “- [ ] wrong” or “- [x] right”")
            assert option is not None
            right |= {len(options)} if option[1] != " " else set()
            options.append(option[2])
        elif line.startswith("  ") and options:
            options[-1] += f" {line.strip()}"
        elif line:
            break
    text, explanation = ("\n".join(part).strip() for part in (lines[:first], lines[last:]))
    require(text, "it has no text before its options")
    require(len(options) >= 2, f"it has {len(options) or 'no'} options; it must have at least two")
    require(len(options) <= len(LETTERS), f"it has {len(options)} options; it may have at most {len(LETTERS)}")
    require(len({*options}) == len(options), "two of its options are the same")
    require(right, "no option is marked as right; write “- [x] right”")
    require(len(right) < len(options), "all options are marked as right; at least one must be wrong")
    require(explanation, "it has no explanation behind its options")
    require(not re.search(r"^- \[", explanation, re.MULTILINE), "an option stands behind the explanation")
    section = LINK.fullmatch(told.get("Section", ""))
    require(section, "it has no line “Section: [heading](../../labs/…/README.md#heading)”")
    require(told.get("Source"), "it has no line “Source: ours” (or where it comes from)")
    assert section is not None
    return Question(
        file.stem, name, text, tuple(options), frozenset(right), explanation, section[1], section[2], told["Source"]
    )


# --- Memory ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """How often a question was asked and answered rightly, and whether it was the last time."""

    asked: int = 0
    right: int = 0
    last: bool = False


def records(work: Path) -> dict[str, Record]:
    """What quiz.json remembers, by a question's key."""
    file = work / "quiz.json"
    return read_json(file, dict[str, Record]) if file.is_file() else {}


def remember(question: Question, right: bool, work: Path = FOLDER) -> None:
    """Add an answer to quiz.json."""
    known = records(work)
    before = known.get(question.key, Record())
    known[question.key] = Record(before.asked + 1, before.right + right, right)
    write_json(work / "quiz.json", {key: asdict(record) for key, record in sorted(known.items())})


# --- Asking ---------------------------------------------------------------------------------------------------------


def next_questions(
    lab: str, count: int = USUAL, seed: int = 0, work: Path = FOLDER, checks: Path | None = None
) -> list[Question]:
    """The next questions of a lab, options shuffled: wrong or new ones first, then those that were asked least.

    In a notebook, two cells ask one and mark it; another seed brings another (`remember` would note the answer):

        (question,) = quiz.next_questions("cnn", count=1)
        boxes = {letter: notebook.checkbox(text) for letter, text in question.lettered.items()}
        answer = notebook.form("Answer", **boxes)
        notebook.column(notebook.show(question.text), answer)

        ticked = [letter for letter, yes in (answer.value or {}).items() if yes]
        notebook.show(quiz.check(question, ticked)[1] if ticked else "Tick what is right, then press the button.")
    """
    questions = read_bank(lab, checks)
    random.Random(f"{seed}/{lab}").shuffle(questions)
    known = records(work)

    def order(question: Question) -> tuple[bool, int]:
        record = known.get(question.key, Record())
        return record.last, record.asked if record.last else 0

    questions.sort(key=order)  # stable: shuffled among equals
    return [question.shuffled(seed) for question in questions[:count]]


def check(question: Question, chosen: Iterable[str]) -> tuple[bool, str]:
    """Whether exactly the right letters were chosen (“a c”, or a list of them), and what to say to it."""
    letters = _letters(question, " ".join(chosen))
    right = letters == {*question.answer.split()}
    verdict = (
        "Right." if right else f"No: {question.answer}" + (" are right." if len(question.right) > 1 else " is right.")
    )
    return right, f"{verdict} {question.explanation}\n\n({question.where})"


def _letters(question: Question, said: str) -> set[str]:
    """The letters of an answer. InputError for anything else."""
    letters = {*said.lower()} - {*" ,;.)"}
    if not letters or not letters <= {*question.lettered}:
        last = LETTERS[len(question.options) - 1]
        raise InputError(f"answer with letters from a to {last}, several as “a c”; Ctrl-D ends")
    return letters


def ask(questions: list[Question], work: Path = FOLDER) -> tuple[int, int]:
    """Ask questions in the terminal until they or the answers end: how many were right, how many answered."""
    right = answered = 0
    for number, question in enumerate(questions, 1):
        print(_plain(f"{number} of {len(questions)}. {question.text}"), end="\n\n")
        for letter, option in question.lettered.items():
            print(_plain(f"{letter}) {option}", "   "))
        try:
            chosen = _answer(question)
        except (EOFError, KeyboardInterrupt):
            print()
            break
        good, said = check(question, chosen)
        remember(question, good, work)
        right, answered = right + good, answered + 1
        print(_plain(said), end="\n\n")
    print(f"{right} of {answered} right" if answered else "no question answered")
    return right, answered


def _answer(question: Question) -> set[str]:
    """The letters that are typed, asked for until they are letters."""
    prompt = "several are right: " if len(question.right) > 1 else "one is right: "
    while True:
        try:
            return _letters(question, input(f"\n{prompt}"))
        except InputError as error:
            print(f"  {error}")


def _plain(text: str, indent: str = "") -> str:
    """Markdown as lines for a terminal: paragraphs folded, code as it stands, of links and emphasis the words."""
    width = min(shutil.get_terminal_size().columns, 100)
    lines = []
    for paragraph, code in _blocks(text):
        if code:
            lines.append(textwrap.indent(paragraph, f"{indent}    "))
        else:
            pieces = paragraph.split("`")  # every second one is code
            pieces[::2] = [re.sub(r"\*\*?(\w[^*]*)\*\*?", r"\1", LINKED.sub(r"\1", piece)) for piece in pieces[::2]]
            paragraph = "`".join(pieces)
            lines.append(textwrap.fill(paragraph, width, initial_indent=indent, subsequent_indent=indent and "      "))
    return "\n\n".join(lines)


def _blocks(text: str) -> list[tuple[str, bool]]:
    """Paragraphs, each on one line, and blocks of code; whether it is code."""
    found: list[tuple[str, bool]] = []
    for i, part in enumerate(re.split(r"^```\w*$\n?", text, flags=re.MULTILINE)):
        if i % 2:
            found.append((part.rstrip("\n"), True))
        else:
            found += [(" ".join(each.split()), False) for each in re.split(r"\n\s*\n", part) if each.strip()]
    return found


# --- Exports --------------------------------------------------------------------------------------------------------


def as_gift(questions: list[Question]) -> str:
    """The questions for Moodle (GIFT): one right answer counts all, several their shares, and wrong ones as much less.

    Texts go as HTML on one line each: in GIFT an empty line ends a question, and // at its start makes a comment.
    """
    parts = []
    for lab in dict.fromkeys(question.lab for question in questions):
        parts.append(f"$CATEGORY: {lab}\n")
        for question in (each for each in questions if each.lab == lab):
            share = f"{100 / len(question.right):.5f}".rstrip("0").rstrip(".")
            rows = [f"::{_escaped(question.name)}::[html]{_gift_text(question.text)} {{"]
            for i, option in enumerate(question.options):
                if len(question.right) == 1:
                    mark = "=" if i in question.right else "~"
                else:
                    mark = f"~%{share}%" if i in question.right else f"~%-{share}%"
                rows.append(f"{mark}{_gift_text(option)}")
            said = f"{question.explanation}\n\n({question.where})"
            rows.append(f"####{_gift_text(said)}")
            parts.append("\n".join([*rows, "}\n"]))
    return "\n".join(parts)


def _gift_text(text: str) -> str:
    """Markdown as HTML on one line, with GIFT's own characters escaped."""
    shown = []
    for paragraph, code in _blocks(text):
        if code:
            shown.append(f"<pre>{html.escape(paragraph, quote=False).replace(chr(10), '<br>')}</pre>")
        else:
            shown.append(f"<p>{_inline(paragraph)}</p>")
    return _escaped("".join(shown))


def _inline(text: str) -> str:
    """A paragraph of Markdown as HTML: code, strong, emphasis; of links the words."""
    pieces = []
    for i, piece in enumerate(text.split("`")):
        piece = html.escape(piece, quote=False)
        if i % 2:
            pieces.append(f"<code>{piece}</code>")
        else:
            piece = LINKED.sub(r"\1", piece)
            piece = re.sub(r"\*\*(\w[^*]*)\*\*", r"<strong>\1</strong>", piece)
            pieces.append(re.sub(r"\*(\w[^*]*)\*", r"<em>\1</em>", piece))
    return "".join(pieces)


def _escaped(text: str) -> str:
    return re.sub(r"([\\~=#{}:])", r"\\\1", text)


def as_sheet(questions: list[Question], title: str) -> tuple[str, str]:
    """A sheet to print, and its key; both Markdown."""
    sheet, key = [f"# {title}", "Name:"], [f"# {title}: key"]
    for number, question in enumerate(questions, 1):
        several = " *Several are right.*" if len(question.right) > 1 else ""
        sheet.append(f"**{number}.** {question.text}{several}")
        sheet.append("\\\n".join(f"☐ {letter}) {option}" for letter, option in question.lettered.items()))
        key.append(f"**{number}.** **{question.answer}.** {question.explanation}")
        key.append(f"*{question.name}: {question.where}; {question.source}*")
    return "\n\n".join(sheet) + "\n", "\n\n".join(key) + "\n"


def export_questions(questions: list[Question], file: Path, to: str, title: str) -> list[Path]:
    """Write questions to a file, of a sheet also its key; returns the files."""
    if to == "gift":
        write_atomically(file, as_gift(questions))
        return [file]
    sheet, key = as_sheet(questions, title)
    beside = file.with_name(f"{file.stem}-key{file.suffix}")
    write_atomically(file, sheet)
    write_atomically(beside, key)
    return [file, beside]


def quiz(set: str, count: int | None, seed: int, export: Path | None, to: str, work: Path, checks: Path | None) -> None:
    """`quiz`"""
    if export is None:
        ask(next_questions(set, count or USUAL, seed, work, checks), work)
        return
    questions = read_bank(set, checks)
    if count is not None:
        questions = random.Random(f"{seed}/{set}").sample(questions, min(count, len(questions)))
    if to == "sheet":
        questions = [question.shuffled(seed) for question in questions]
    for file in export_questions(questions, export, to, f"Questions: {set.replace('_', ' ')}"):
        print(file)
