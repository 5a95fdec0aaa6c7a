"""Questions with the place where the documents answer them, and how answers are measured.

A question names its passage by document, heading and the words of the answer, so that it is noticed when a page changes
and the answer is gone. Measures as SQuAD has them (Rajpurkar et al. 2016): equal to an answer (exact match), and words
shared with it (F1), articles and punctuation aside; the best of a question's answers counts.
"""

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from common.text.corpora import corpora_folder
from common.text.own_files import read_text
from labs.nlp.answer.passages import Passage

COLUMNS = ("part", "document", "section", "question", "answers")
PARTS = ("tune", "held_out")


@dataclass(frozen=True)
class Question:
    """A question; without a document and answers, one that the documents do not answer."""

    part: str  # tune: thresholds and weights are set with it; held_out: it only measures
    document: str
    section: str
    text: str
    answers: tuple[str, ...]

    def is_right(self, passage: Passage) -> bool:
        """Whether the passage is of the document and section named, and holds one of the answers."""
        if (passage.document, passage.section) != (self.document, self.section):
            return False
        text = " ".join(passage.text.split())
        return any(re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text) for answer in self.answers)


def load_questions(path: Path | None = None) -> list[Question]:
    """The questions of a CSV file with the columns of COLUMNS, several answers parted by |; those of the suite.

    Raises InputError for a file without these columns, another part, and a question with an answer and no document.
    """
    path = corpora_folder() / "questions" / "questions.csv" if path is None else path
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    rows = csv.DictReader(io.StringIO(read_text(path)))
    if missing := set(COLUMNS) - set(rows.fieldnames or ()):
        raise InputError(f"{path} has no column {min(missing)}; it needs {', '.join(COLUMNS)}")
    found = []
    for number, row in enumerate(rows, 2):
        values = {name: (row[name] or "").strip() for name in COLUMNS}
        answers = tuple(answer.strip() for answer in values["answers"].split("|") if answer.strip())
        if values["part"] not in PARTS:
            raise InputError(f"{path}, line {number}: part {values['part']!r} is neither tune nor held_out")
        if not values["question"] or bool(answers) != bool(values["document"]):
            raise InputError(f"{path}, line {number}: a question has a document and answers, or neither of the two")
        found.append(Question(values["part"], values["document"], values["section"], values["question"], answers))
    for part in PARTS:
        if not any(question.part == part and question.answers for question in found):
            raise InputError(f"{path} holds no answered question in the part {part}; both parts need one")
    return found


def keep_answered(questions: Sequence[Question], passages: Sequence[Passage]) -> list[Question]:
    """The questions whose passage is there, or that have none; a warning names the first of those that have lost it."""
    gone = [q for q in questions if q.answers and not any(q.is_right(passage) for passage in passages)]
    if gone:
        first = gone[0]
        warnings.warn(
            f"{len(gone)} questions have lost their passage and are left out; the first is {first.text!r}: nothing in "
            f"{first.document} › {first.section} says {' or '.join(map(repr, first.answers))}",
            stacklevel=2,
        )
    return [question for question in questions if question not in gone]


def normal(answer: str) -> list[str]:
    """The words of an answer in lower case, without articles and punctuation."""
    words = re.findall(r"[\w.%]*\w%?", answer.lower())
    return [word for word in words if word not in ("a", "an", "the")]


def exact_match(given: str, answers: Sequence[str]) -> float:
    """1 if the answer has the words of one of `answers`, else 0."""
    return float(any(normal(given) == normal(answer) for answer in answers))


def f1(given: str, answers: Sequence[str]) -> float:
    """The harmonic mean of the shares of words that an answer and the nearest of `answers` have in common."""
    return max(_f1(normal(given), normal(answer)) for answer in answers)


def _f1(ours: list[str], theirs: list[str]) -> float:
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0
