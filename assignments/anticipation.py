"""Questions with a student's own numbers, to be answered by hand before anything is run."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from assignments.exercise import Draw

ALLOWED = 6e-4  # three decimals, rounded or cut off


@dataclass(frozen=True)
class Question:
    """`ask` draws numbers and returns the question's text, with the numbers in it, and the right answer."""

    name: str  # A1: its name in the report
    ask: Callable[[Draw], tuple[str, float]]


def anticipation(name: str) -> Callable[[Callable[[Draw], tuple[str, float]]], Question]:
    """Decorates a function that draws numbers and returns (text, answer)."""
    return lambda ask: Question(name, ask)


def questions(module: ModuleType) -> list[Question]:
    """The questions of a set, by name."""
    return sorted((v for v in vars(module).values() if isinstance(v, Question)), key=lambda question: question.name)


def variant(student: str, partner: str, name: str) -> int:
    """The seed of a student's runs and of the numbers in the questions: 0 to 999 999.

    A pair has the variant of the lower number.
    """
    number = min(filter(None, (student, partner)), key=lambda each: (len(each), each))
    return int.from_bytes(hashlib.sha256(f"{number}/{name}".encode()).digest()[:8], "big") % 1_000_000


def ask(question: Question, seed: int) -> tuple[str, float]:
    """The question's text and answer for a variant."""
    return question.ask(Draw(f"variant {seed}", question.name, count=1))


def given_answers(report: str) -> dict[str, str]:
    """What stands behind “A1 =” and so on in a report; empty where nothing does."""
    return {name: value.strip() for name, value in re.findall(r"^(A\d+) *=(.*)$", report, re.MULTILINE)}


def is_right(given: str, answer: float) -> bool:
    """Whether a number, with a point or a comma, is the answer to three decimals."""
    try:
        number = float(given.replace("−", "-").replace(",", ".").replace(" ", ""))
    except ValueError:
        return False
    return abs(number - answer) <= ALLOWED
