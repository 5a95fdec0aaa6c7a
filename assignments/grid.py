"""The grid of 20 points for one hand-in: what can be judged without judgement is, the rest is left to the lecturer."""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from assignments import feedback
from assignments.answers import parse_answers
from assignments.anticipation import ask, given_answers, is_right, questions
from assignments.check import Result, check
from assignments.exercise import exercises
from assignments.hand_in import added, empty_parts
from assignments.isolation import Sandbox
from assignments.report import PLACE, run_directories, shown, values
from assignments.slots import differences
from assignments.submission import Submission
from assignments.training import RECORD
from common.errors import InputError
from common.files import read_json
from common.runs import read_summary
from common.sources import FetchError, data_dir_from_environment

WORTH = {"anticipation": 4, "management": 2, "testing": 7, "data_logging": 3, "interpretation": 4}  # of 20
SAME = 1e-3  # by how much, of its size, a number that is evaluated again may differ
ONE_IMAGE = 5e-3  # of 200 may fall to the other side on another machine
ROUGHLY = 0.25  # and one of the set's ROUGH, by a network that is trained where the grading is: it costs no point


@dataclass
class Grades:
    """What the suite can say of a hand-in."""

    set: str
    student: str
    partner: str
    variant: int
    zip: str
    digest: str
    points: dict[str, float]  # by criterion; without those that are the lecturer's alone
    results: list[Result]
    asked: dict[str, tuple[str, float, bool]]  # question: given, right answer, whether it is right
    flags: list[str] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)  # run: digest of its weights

    @property
    def automatic(self) -> float:
        """The sum of what needs no judgement."""
        return round(sum(self.points.values()), 2)


def grade(submission: Submission, module: ModuleType, sandbox: Sandbox, key: str) -> Grades:
    """Testing, the questions, the runs and what is formal; flags for what the lecturer should look at."""
    work, student = submission.work, submission.work.student
    answers = parse_answers(submission.answers)
    results = [check(exercise, answers, sandbox, key) for exercise in exercises(module)]
    testing, worth = feedback.score(results, module)
    grades = Grades(
        student.set, student.student, student.partner, student.variant, submission.zip, submission.digest,
        {"testing": testing}, results, {}, list(submission.flags),
    )  # fmt: skip
    if not getattr(module, "LAB", ""):
        return grades
    text = work.report_text()
    sealed = submission.sealed()
    if run_directories(work) and not sealed:
        grades.flags.append("answers and prediction were not kept before the first run")
    said = sealed or given_answers(text)
    for question in questions(module):
        right = ask(question, student.variant)[1]
        given = said.get(question.name, "")
        grades.asked[question.name] = (given, right, is_right(given, right))
    if grades.asked:
        share = sum(fine for *_, fine in grades.asked.values()) / len(grades.asked)
        grades.points["anticipation"] = round(3 * share, 2)
    if not said.get("prediction"):
        grades.flags.append("no prediction")
    grades.points["management"] = 0.5 * work.signed("Pledge") + 0.5 * work.signed("Help")
    grades.points["data_logging"] = data_logging(submission, module, grades, answers.digest)
    grades.flags += interpretation_flags(submission, module, text)
    return grades


def data_logging(submission: Submission, module: ModuleType, grades: Grades, digest: str) -> float:
    """A point each: the runs that were asked for, the numbers that are quoted, the weights evaluated again."""
    work = submission.work
    there: dict[str, Path] = {}
    for name, path in run_directories(work).items():
        try:
            values(path)
            there[name] = path
        except InputError:
            grades.flags.append(f"run {name} is damaged")
    fine = {}
    for name, path in there.items():
        summary = read_summary(path)
        own = summary.seed == work.student.variant
        if not own:
            grades.flags.append(f"run {name} has the seed {summary.seed}, which is another's")
        fine[name] = own and not summary.interrupted
        if (path / "model.safetensors").is_file():
            grades.weights[name] = hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()
    wanted = list(getattr(module, "RUNS", {}))
    runs = sum(fine.get(name, False) for name in wanted) / len(wanted) if wanted else 0.0
    quoted = quoted_share(submission, there, grades)
    again = [evaluated_again(name, path, module, grades, digest) for name, path in there.items() if fine[name]]
    tried = [share for share in again if share is not None]
    weights = sum(tried) / len(tried) if tried else float(bool(again))  # data that are not here cost nobody a point
    return round(runs + quoted + weights, 2)


def quoted_share(submission: Submission, there: dict[str, Path], grades: Grades) -> float:
    """The share of the report's places that the runs fill, and that the page shows so."""
    text = submission.work.report_text()
    page_file = submission.work.folder / "report.html"
    page = page_file.read_text(encoding="utf-8", errors="replace") if page_file.is_file() else ""
    places = {match.groups() for match in PLACE.finditer(text) if match[2]}
    right = 0
    for run, count in sorted(Counter(run for run, _ in places if run not in there).items()):
        grades.flags.append(f"the report quotes {count} numbers of the run {run}, which is not there")
    for run, name in sorted(place for place in places if place[0] in there):
        found = values(there[run])
        if name not in found:
            grades.flags.append(f"the report quotes {run}.{name}, which is in no run")
        elif page and shown(found[name]) not in page:
            grades.flags.append(f"report.html has another {run}.{name} than the run, which has {shown(found[name])}")
        else:
            right += 1
    return right / len(places) if places else 0.0


def evaluated_again(name: str, path: Path, module: ModuleType, grades: Grades, digest: str) -> float | None:
    """1 if the run's weights give the numbers that were recorded, 0 if not, None if the data to try it are not here."""
    record_file = path / RECORD
    try:
        record = read_json(record_file, dict[str, Any])
    except (FileNotFoundError, InputError):
        grades.flags.append(f"run {name} was not made by `assignments run`")
        return 0.0
    if record.get("summary") != hashlib.sha256((path / "summary.json").read_bytes()).hexdigest():
        grades.flags.append(f"run {name}: summary.json was changed after the run")
        return 0.0
    if record.get("answers") != digest:
        grades.flags.append(f"run {name} was made with an earlier answers.py")
    if not hasattr(module, "evaluate"):
        return None
    try:
        found = module.evaluate(path, data_dir_from_environment())
    except FetchError as error:
        why = " ".join(str(error).split())[:150]
        grades.flags.append(f"run {name} was not evaluated again, which costs no point; its data are not here: {why}")
        return None
    except (InputError, OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        grades.flags.append(f"run {name} could not be evaluated again: {' '.join(str(error).split())[:150]}")
        return 0.0
    recorded = record.get("evaluated")
    recorded = recorded if isinstance(recorded, dict) else {}
    rough = [metric for metric in found if metric in getattr(module, "ROUGH", ())]
    exact = [metric for metric in found if metric not in rough]
    differing = [
        *(metric for metric in exact if not close(recorded.get(metric), found[metric], SAME)),
        *(metric for metric in rough if not close(recorded.get(metric), found[metric], ROUGHLY)),
    ]
    for metric in differing:
        said = f"run {name}: its weights give {metric} {shown(found[metric])}, recorded is {recorded.get(metric)}"
        grades.flags.append(said)
    for said in differences(read_summary(path).metrics, {metric: found[metric] for metric in exact}):
        grades.flags.append(f"run {name}: {said}")
    return float(not set(differing) & set(exact))


def close(recorded: Any, found: float, allowed: float) -> bool:
    """Whether what was recorded is a number as large as the one found, but for a share that is allowed."""
    least = max(allowed, ONE_IMAGE)
    return isinstance(recorded, int | float) and math.isclose(recorded, found, rel_tol=allowed, abs_tol=least)


def interpretation_flags(submission: Submission, module: ModuleType, text: str) -> list[str]:
    """What the lecturer should know of the parts a), b), …: which are empty, whether a number is named."""
    flags = [f"empty: {heading}" for heading in empty_parts(submission.work, module)]
    if "## Interpretation" in text:
        body = added(text.partition("## Interpretation")[2].partition("## Rubric")[0], submission.work, module)
        numbers = {shown(v) for run in run_directories(submission.work).values() for v in _metrics(run)}
        spoken = PLACE.search(body) or any(number in body for number in numbers if len(number) > 2)
        if not spoken:
            flags.append("the interpretation names no number of the runs")
    return flags


def _metrics(path: Path) -> list[float]:
    try:
        return list(read_summary(path).metrics.values())
    except InputError:
        return []
