"""A student's folder, my-work/<set>: made once, never overwritten."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from assignments.anticipation import ask, given_answers, questions, variant
from assignments.exercise import exercises
from common.errors import InputError
from common.files import read_json, write_atomically, write_json

FOLDER = Path("my-work")
HEAD = '''"""Your answers: {title}

Replace each `raise NotImplementedError`. The line of types and the text below it say what is asked; both may stay.
Functions of your own are welcome, and so is `import math`. Not to be had: labs, common, and whatever a check names.

    python -m assignments check {name}            what is right, what is not, and why
    python -m assignments watch {name}            the same whenever this file is saved
    python -m assignments hint {name} NUMBER      from a nudge to nearly the line; they cost nothing
"""

import torch
from torch import Tensor, nn

'''
PREDICTION = re.compile(r"^### Prediction$(.*?)(?=^#)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Student:
    """Who works in a folder: student.toml."""

    set: str
    student: str
    partner: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        for number in filter(None, (self.student, self.partner)):
            if not re.fullmatch(r"\w[\w.-]{0,39}", number):
                raise InputError(
                    f"{number!r} is no student number; it must be 1 to 40 letters, digits, dots and hyphens"
                )
        if not self.student:
            raise InputError("--student is empty; give your student number")

    @property
    def variant(self) -> int:
        """The seed of all runs and of the questions' numbers."""
        return variant(self.student, self.partner, self.set)


@dataclass(frozen=True)
class Work:
    """A student's folder for one set."""

    folder: Path
    student: Student

    @property
    def answers(self) -> Path:
        """answers.py"""
        return self.folder / "answers.py"

    @property
    def report(self) -> Path:
        """report.md"""
        return self.folder / "report.md"

    @property
    def runs(self) -> Path:
        """Where the runs lie that the report speaks of."""
        return self.folder / "runs"

    def hints(self) -> dict[str, int]:
        """How many hints were asked for, by exercise."""
        file = self.folder / "hints.json"
        return read_json(file, dict[str, int]) if file.is_file() else {}

    def add_hint(self, name: str, count: int) -> None:
        """Record that `count` hints of an exercise were asked for."""
        write_json(self.folder / "hints.json", self.hints() | {name: count})

    def report_text(self) -> str:
        """report.md, without the comments; empty if there is none."""
        if not self.report.is_file():
            return ""
        text = self.report.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)

    def signed(self, what: str) -> bool:
        """Whether something stands behind “Pledge:” or “Help:” in the report."""
        return bool(re.search(rf"^{what}: *\S", self.report_text(), re.MULTILINE))

    def prediction(self) -> str:
        """What is written under “Prediction”."""
        found = PREDICTION.search(self.report_text())
        return found[1].strip() if found else ""

    def sealed(self) -> dict[str, str]:
        """The answers and the prediction as they were before the first run; empty before it."""
        file = self.folder / "sealed.json"
        return read_json(file, dict[str, str]) if file.is_file() else {}

    def seal(self) -> None:
        """Keep answers and prediction as they are now, unless they were kept before."""
        if not self.sealed():
            said = given_answers(self.report_text())
            write_json(self.folder / "sealed.json", {**said, "prediction": self.prediction()})


def make(module: ModuleType, student: Student, folder: Path) -> Work:
    """Make the folder: answers.py, report.md, student.toml. InputError if it is there already."""
    work = Work(folder / student.set, student)
    if work.folder.exists() and any(work.folder.iterdir()):
        raise InputError(f"{work.folder} is there already and stays as it is; rename it to begin anew")
    title = (module.__doc__ or "").partition("\n")[0]
    stubs = "\n\n\n".join(exercise.stub() for exercise in exercises(module))
    write_atomically(work.answers, HEAD.format(title=title, name=student.set) + "\n" + stubs + "\n")
    if text := template(module, student):
        write_atomically(work.report, text)
    lines = [f'{key} = "{value}"' for key, value in vars(student).items()]
    write_atomically(work.folder / "student.toml", "\n".join(lines) + "\n")
    return work


def template(module: ModuleType, student: Student) -> str:
    """report.md as a student is given it; empty for a set without a report."""
    file = Path(str(module.__file__)).with_suffix(".md")
    if not file.is_file():
        return ""
    text = file.read_text(encoding="utf-8")
    known = {"student": student.student, "variant": str(student.variant)}
    known |= {question.name: ask(question, student.variant)[0] for question in questions(module)}
    for name, value in known.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def open_work(name: str, folder: Path) -> Work:
    """A folder that `make` has made. InputError if it is missing or its student.toml is damaged."""
    file = folder / name / "student.toml"
    if not file.is_file():
        raise InputError(f"{file} is not there; begin with: python -m assignments get {name} --student NUMBER")
    return Work(file.parent, read_student(file.read_bytes(), file, name))


def read_student(data: bytes, where: object, name: str) -> Student:
    """student.toml, checked."""
    try:
        values = tomllib.loads(data.decode("utf-8-sig"))
        student = Student(**{key: str(value) for key, value in values.items()})
    except (ValueError, TypeError) as error:
        raise InputError(f"{where} is damaged: {error}") from error
    if student.set != name:
        raise InputError(f"{where} is for the set {student.set!r}, not for {name!r}")
    return student
