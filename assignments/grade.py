"""`grade`: a hand-in on numbers drawn from the lecturer's key. The same zip and key give the same bytes."""

import json
import re
import zipfile
from pathlib import Path, PurePosixPath

from assignments import feedback
from assignments.answers import parse_answers
from assignments.anticipation import ask, given_answers, is_right, questions
from assignments.check import check
from assignments.exercise import exercises, load_set
from assignments.isolation import Sandbox
from assignments.work import Student, read_student
from common.errors import InputError
from common.files import validated, write_atomically, write_json

LARGEST = 4 << 20  # bytes of a file that is read
ANTICIPATION = 3  # points for the questions, of the grid's 20


def read_zip(path: Path) -> dict[str, bytes]:
    """The files of a hand-in that are graded, by name; nothing is unpacked. InputError for what is no such zip."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = PurePosixPath(entry.filename.replace("\\", "/"))
                if (
                    name.name in ("answers.py", "report.md", "student.toml", "sealed.json", "hints.json")
                    and len(name.parts) <= 2
                ):
                    if entry.file_size > LARGEST:
                        raise InputError(
                            f"{path}: {name} has {entry.file_size >> 20} MiB; at most {LARGEST >> 20} are read"
                        )
                    with archive.open(entry) as file:
                        found[name.name] = file.read(LARGEST)
    except FileNotFoundError:
        raise InputError(f"{path} is not there") from None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a zip: {error}") from error
    missing = {"answers.py", "student.toml"} - found.keys()
    if missing:
        raise InputError(f"{path} is no hand-in: it has no {' and no '.join(sorted(missing))}")
    return found


def said_before(found: dict[str, bytes], path: Path) -> dict[str, str]:
    """The answers to the questions: as they were sealed, else as the report has them."""
    if "sealed.json" in found:
        try:
            return validated(json.loads(found["sealed.json"]), dict[str, str], f"{path}: sealed.json")
        except ValueError as error:
            raise InputError(f"{path}: sealed.json is damaged: {error}") from error
    return given_answers(found.get("report.md", b"").decode("utf-8", errors="replace"))


def set_of(found: dict[str, bytes], path: Path) -> Student:
    """Who handed in what."""
    match = re.search(rb'^set *= *"([\w-]+)"', found["student.toml"], re.MULTILINE)
    return read_student(found["student.toml"], f"{path}: student.toml", match[1].decode() if match else "")


def grade_zip(path: Path, key: str, out: Path, checks: Path | None, sandbox: Sandbox) -> str:
    """Grade one hand-in into out/<set>-<student>/: results.json and feedback.md. Returns a line about it."""
    found = read_zip(path)
    student = set_of(found, path)
    module = load_set(student.set, checks)
    answers = parse_answers(found["answers.py"])
    results = [check(exercise, answers, sandbox, key) for exercise in exercises(module)]
    reached, worth = feedback.score(results, module)
    said = said_before(found, path)
    asked = {question.name: ask(question, student.variant) for question in questions(module)}
    right = {name: is_right(said.get(name, ""), answer) for name, (_, answer) in asked.items()}
    anticipation = round(ANTICIPATION * sum(right.values()) / len(right), 2) if right else 0.0
    folder = out / f"{student.set}-{student.student}"
    write_json(
        folder / "results.json",
        {
            "set": student.set,
            "student": student.student,
            "partner": student.partner,
            "variant": student.variant,
            "testing": reached,
            "testing_of": worth,
            "anticipation": anticipation,
            "anticipation_of": ANTICIPATION if right else 0,
            "sealed": "sealed.json" in found,
            "answers": answers.digest,
            "exercises": [
                {"number": r.number, "name": r.name, "state": r.state, "points": r.points, "of": r.worth,
                 "facets": r.facets, "mistake": r.mistake, "said": r.said}
                for r in results
            ],
        },
    )  # fmt: skip
    rows = [f"# {student.set}: {student.student}", "", f"Variant {student.variant}. Testing {reached:g} of {worth:g}."]
    rows += ["", feedback.markdown(results)]
    if asked:
        rows += [
            "",
            f"## Anticipation {anticipation:g} of {ANTICIPATION}",
            "",
            "| | yours | right |",
            "| --- | --- | --- |",
        ]
        for name, (_, answer) in asked.items():
            mine = re.sub(r"[^\w.,−+-]", " ", said.get(name, ""))[:40].strip() or "–"
            rows.append(f"| {name} {'✓' if right[name] else '✗'} | {mine} | {answer:.3f} |")
    write_atomically(folder / "feedback.md", "\n".join(rows) + "\n")
    marks = f"testing {reached:g} of {worth:g}, anticipation {anticipation:g}"
    return f"{path.name}: {student.student}, {student.set}: {marks}"
