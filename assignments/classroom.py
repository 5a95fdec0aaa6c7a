"""`grade`: a class's hand-ins into tables, a file of feedback each; it may be killed and started again."""

import csv
import hashlib
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock, local
from typing import Annotated, Any

import torch
from tyro.conf import Positional, arg

from assignments import feedback, grid
from assignments.check import PUBLIC, Result
from assignments.exercise import exercises, load_set
from assignments.grid import WORTH, Grades
from assignments.isolation import SECONDS, Outcome, Sandbox
from assignments.similar import similar
from assignments.submission import Submission, read_submission
from common.errors import InputError
from common.files import read_json, validated, write_atomically, write_csv, write_json
from common.settings import Count, OptionalPath, Settings


@dataclass(frozen=True)
class Grade(Settings):
    """Grade hand-ins: exercises on numbers drawn from your key, questions, runs. Judgement is left to you."""

    hand_ins: Positional[Annotated[tuple[Path, ...], arg(metavar="ZIP")]]  # zips, or folders of zips
    key: str  # yours alone: whoever knows it knows the numbers
    jobs: Count = 1  # hand-ins at a time
    out: Path = Path("graded")  # where results go; marks.csv in it adds your points
    checks: OptionalPath = None  # a folder with your own sets


def grade(hand_ins: tuple[Path, ...], key: str, jobs: int, out: Path, checks: Path | None) -> int:
    """`grade`; returns how many hand-ins could not be read."""
    if not key.strip() or key == PUBLIC:
        raise InputError(f"--key is {key!r}; it must be a secret of yours")
    torch.set_num_threads(1)  # the networks are small: more threads would only wait for one another
    unread = grade_class(find_zips(hand_ins), key, out, checks=checks, jobs=jobs)
    print(out / "grades.csv")
    return unread


class TurnTaking(Sandbox):
    """A sandbox of one of several threads: only while a student's function runs may another thread judge.

    What judges draws from torch's one random generator and reads sources through Python's one cache of lines.
    """

    def __init__(self, turn: Lock, seconds: float):
        super().__init__(seconds=seconds)
        self.turn = turn

    def ask(self, request: dict[str, Any]) -> Outcome:
        """As Sandbox.ask; the caller holds the turn before and after."""
        self.turn.release()
        try:
            return super().ask(request)
        finally:
            self.turn.acquire()


def find_zips(places: Iterable[Path]) -> list[Path]:
    """The zips that are named, and those in the folders that are named, by name. InputError if there is none."""
    found: list[Path] = []
    for place in places:
        found += sorted(place.rglob("*.zip")) if place.is_dir() else [place]
    if not found:
        raise InputError("there is no hand-in; name zips, or a folder that holds some")
    return found


def grade_class(
    zips: list[Path],
    key: str,
    out: Path,
    *,
    checks: Path | None = None,
    jobs: int = 1,
    seconds: float = SECONDS,
    say: Callable[[str], None] = print,
) -> int:
    """Grade all, write the tables; returns how many could not be read.

    grades.csv, mistakes.csv, similar.csv, results.json, and feedback/<student>.md for each. What is graded already, by
    the same rules with the same zip and key, is read again and not done again.
    """
    each, turn = local(), Lock()
    sandboxes: list[Sandbox] = []

    def one(path: Path) -> tuple[Path, Grades | InputError, bytes]:
        if not hasattr(each, "sandbox"):
            each.sandbox = TurnTaking(turn, seconds)
            sandboxes.append(each.sandbox)
        with turn, tempfile.TemporaryDirectory(prefix="hand-in") as folder:
            try:
                submission = read_submission(path, Path(folder))
                return path, _graded(submission, key, out, checks, each.sandbox), submission.answers
            except InputError as error:
                return path, error, b""
            except Exception as error:  # whatever one hand-in does to us, the others are graded
                return path, InputError(f"{path} cannot be graded: {type(error).__name__}: {error}"), b""

    unread: dict[str, str] = {}
    graded: dict[tuple[str, str], tuple[Grades, bytes]] = {}
    try:
        with ThreadPoolExecutor(jobs) as pool:
            for number, (path, result, answers) in enumerate(pool.map(one, zips), 1):
                if isinstance(result, InputError):
                    unread[path.name] = str(result)
                    say(f"[{number}/{len(zips)}] error: {result}")
                    continue
                place = (result.set, result.student)
                if place in graded:
                    result.flags.append(f"handed in twice: {graded[place][0].zip} does not count")
                graded[place] = result, answers
                testing = result.points.get("testing", 0)
                say(f"[{number}/{len(zips)}] {path.name}: {result.student}, {result.set}: testing {testing:g}")
    finally:
        for sandbox in sandboxes:
            sandbox.close()
    _flag_equal_weights(grades for grades, _ in graded.values())
    _write_tables(graded, unread, key, out, checks)
    return len(unread)


def _graded(submission: Submission, key: str, out: Path, checks: Path | None, sandbox: Sandbox) -> Grades:
    """A hand-in's grades: read if they were made from the same zip with the same key, else made."""
    student = submission.work.student
    module = load_set(student.set, checks)
    sources = [Path(str(module.__file__)), *sorted(Path(__file__).parent.glob("*.py"))]  # other rules: graded anew
    rules = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()
    stamp = hashlib.sha256(f"{rules}/{submission.digest}/{key}".encode()).hexdigest()
    file = out / ".graded" / f"{stamp}.json"
    if file.is_file():
        try:
            values = read_json(file, dict[str, Any])
            values["results"] = [validated(row, Result, file) for row in values["results"]]
            return validated(values, Grades, file)
        except (InputError, KeyError, TypeError):
            file.unlink()  # half of it, or another's
    grades = grid.grade(submission, module, sandbox, key)
    write_json(file, asdict(grades))
    return grades


def _flag_equal_weights(graded: Iterable[Grades]) -> None:
    """Flag the runs whose weights two students have: they are copied, for seeds differ."""
    owners: dict[str, list[tuple[Grades, str]]] = {}
    for grades in graded:
        for run, digest in grades.weights.items():
            owners.setdefault(digest, []).append((grades, run))
    for sharing in owners.values():
        students = sorted({grades.student for grades, _ in sharing})
        if len(students) > 1:
            for grades, run in sharing:
                others = ", ".join(student for student in students if student != grades.student)
                grades.flags.append(f"run {run} has the weights of {others}")


def read_marks(out: Path) -> dict[tuple[str, str], dict[str, float]]:
    """The lecturer's points, marks.csv: set, student, and any of the criteria; a cell overrules the automatic one."""
    file = out / "marks.csv"
    if not file.is_file():
        return {}
    found = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))), 2):
        try:
            marks = {k: float(row[k].replace(",", ".")) for k in WORTH if (row.get(k) or "").strip()}
            found[row["set"].strip(), row["student"].strip()] = marks
        except (KeyError, ValueError, AttributeError) as error:
            raise InputError(f"{file}, line {number}: {error}; columns are set, student, {', '.join(WORTH)}") from error
        for criterion, mark in marks.items():
            if not 0 <= mark <= WORTH[criterion]:
                raise InputError(f"{file}, line {number}: {criterion} is {mark:g}; it must be 0 to {WORTH[criterion]}")
    return found


def _write_tables(
    graded: dict[tuple[str, str], tuple[Grades, bytes]],
    unread: dict[str, str],
    key: str,
    out: Path,
    checks: Path | None,
) -> None:
    marks = read_marks(out)
    rows: list[dict[str, Any]] = []
    mistakes: Counter[tuple[str, str, str]] = Counter()
    for place, (grades, _) in sorted(graded.items()):
        module = load_set(grades.set, checks)
        lab = bool(getattr(module, "LAB", ""))
        own = marks.get(place, {})
        cells: dict[str, Any] = {name: own.get(name, grades.points.get(name, "")) for name in WORTH}
        if lab and "anticipation" not in own and "prediction" in own:
            cells["anticipation"] = grades.points["anticipation"] + own["prediction"]
        decided = [cell for cell in cells.values() if cell != ""]
        final = (
            round(sum(decided), 2) if not lab or {"management", "interpretation", "anticipation"} <= own.keys() else ""
        )
        rows.append(
            {"set": grades.set, "student": grades.student, "partner": grades.partner, **cells,
             "automatic": grades.automatic, "final": final, "zip": grades.zip, "flags": "; ".join(grades.flags)}
        )  # fmt: skip
        for result in grades.results:
            if result.mistake:
                mistakes[grades.set, result.name, result.mistake] += 1
    write_json(out / "results.json", [public(grades) for _, (grades, _) in sorted(graded.items())])
    for student in sorted({student for _, student in graded}):
        own_sets = [grades for (_, of), (grades, _) in sorted(graded.items()) if of == student]
        write_atomically(out / "feedback" / f"{student}.md", "\n".join(map(feedback_page, own_sets)))
    for name, why in sorted(unread.items()):
        rows.append({"set": "", "student": "", "zip": name, "flags": why})
    columns = ["set", "student", "partner", *WORTH, "automatic", "final", "zip", "flags"]
    write_csv(out / "grades.csv", [{column: row.get(column, "") for column in columns} for row in rows], columns)
    write_csv(
        out / "mistakes.csv",
        mistake_rows(mistakes, graded, checks),
        ("set", "exercise", "mistake", "students", "of", "text"),
    )
    pairs: list[dict[str, Any]] = []
    for name in sorted({name for name, _ in graded}):
        module = load_set(name, checks)
        own_answers = {student: data for (of, student), (_, data) in graded.items() if of == name}
        stub = "\n\n".join(exercise.stub() for exercise in exercises(module)).encode()
        for a, b, share, count in similar(own_answers, {exercise.name for exercise in exercises(module)}, stub):
            pairs.append({"set": name, "student": a, "other": b, "share": share, "fingerprints": count})
    write_csv(out / "similar.csv", pairs, ("set", "student", "other", "share", "fingerprints"))


def mistake_rows(mistakes: "Counter[tuple[str, str, str]]", graded: Any, checks: Path | None) -> list[dict[str, Any]]:
    """How many made which mistake, most first."""
    texts: dict[tuple[str, str, str], str] = {}
    of = Counter(name for name, _ in graded)
    for name in of:
        for exercise in exercises(load_set(name, checks)):
            texts |= {(name, exercise.name, mistake.code): mistake.text for mistake in exercise.mistakes}
    rows = []
    for (name, exercise_name, code), count in sorted(mistakes.items(), key=lambda item: (-item[1], item[0])):
        text = texts.get((name, exercise_name, code), "")
        rows.append(
            {"set": name, "exercise": exercise_name, "mistake": code, "students": count, "of": of[name], "text": text}
        )
    return rows


def public(grades: Grades) -> dict[str, Any]:
    """A hand-in's part of results.json: all that was found, and no clock."""
    values = asdict(grades)
    values["asked"] = {k: {"given": g, "answer": round(a, 6), "right": r} for k, (g, a, r) in grades.asked.items()}
    return {**values, "automatic": grades.automatic}


def feedback_page(grades: Grades) -> str:
    """A set's part of a student's page."""
    worth = {"anticipation": 3, "management": 1, "testing": WORTH["testing"], "data_logging": WORTH["data_logging"]}
    rows = [f"# {grades.set}: {grades.student}", "", f"Variant {grades.variant}."]
    for name, points in grades.points.items():
        of = worth[name] if len(grades.points) > 1 else round(sum(result.worth for result in grades.results), 2)
        rows.append(f"{name.replace('_', ' ').capitalize()} {points:g} of {of:g}.")
    rows += ["", feedback.markdown(grades.results)]
    if grades.asked:
        rows += ["", "## Questions", "", "| | yours | right |", "| --- | --- | --- |"]
        for name, (given, answer, fine) in grades.asked.items():
            mine = "".join(c if c.isalnum() or c in ".,−+-" else " " for c in given)[:40].strip() or "–"
            rows.append(f"| {name} {'✓' if fine else '✗'} | {mine} | {answer:.3f} |")
    if grades.flags:
        rows += ["", "## To look at", "", *(f"- {flag}" for flag in grades.flags)]
    return "\n".join(rows) + "\n"
