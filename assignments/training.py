"""`run`: the lab's own training with the student's functions in it, recorded for the report."""

import hashlib
import importlib
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from assignments.answers import read_answers
from assignments.check import check
from assignments.exercise import Exercise, exercises
from assignments.isolation import Sandbox
from assignments.slots import differences, placed
from assignments.work import Work
from common import cli
from common.errors import InputError
from common.files import write_json
from common.runs import read_summary

RECORD = "assignment.json"  # beside a run's summary.json
USED = {"passed": "yours", "wrong": "yours, though its check fails"}
NOT_USED = "the lab's own, because yours gives no result, or one of another shape"


def words_of(work: Work, words: list[str]) -> list[str]:
    """The lab's flags with the variant's seed and, unless it is named, the run's directory."""
    if any(word.split("=")[0] == "--seed" for word in words):
        raise InputError(f"--seed is your variant's, {work.student.variant}; leave it away")
    if "--resume" in words:
        return words
    names = [i for i, word in enumerate(words) if word.split("=")[0] == "--out"]
    if not names:
        words = [*words, "--out", str(work.runs / "base")]
    elif words[names[-1]] == "--out" and names[-1] + 1 < len(words):
        name = words[names[-1] + 1]
        if Path(name).name == name:  # a bare name is the run's name in the report
            words = [*words[: names[-1] + 1], str(work.runs / name), *words[names[-1] + 2 :]]
    return [*words, "--seed", str(work.student.variant)]


def run_lab(work: Work, module: ModuleType, words: list[str], *, sealed: bool = True) -> int:
    """Train, evaluate with the lab's own functions, say what differs; returns the exit status."""
    if not getattr(module, "LAB", ""):
        raise InputError(f"{work.student.set} is an exam: there is nothing to train; go on with check or watch")
    words = words_of(work, words)
    if sealed and not work.sealed() and "--help" not in words:
        if not work.prediction():
            raise InputError(
                f"{work.report} has no prediction yet, which counts before the first run only; write it, or go on "
                "without it by --no-prediction"
            )
        print("Your answers A1, A2, … and your prediction are kept as they are now (sealed.json).")
    lab = importlib.import_module(module.LAB)
    answers = read_answers(work.answers)
    chosen: list[Exercise] = []
    with Sandbox() as sandbox:
        for exercise in exercises(module):
            if exercise.slot and answers.written(exercise.name) and "--help" not in words:
                result = check(exercise, answers, sandbox)
                used = result.state in USED and result.facets.get("shape", True)
                chosen += [exercise] if used else []
                print(f"  {exercise.name}: {USED[result.state] if used else NOT_USED}")
    if not chosen and "--help" not in words:
        print("  no function of yours is used: the lab trains with its own")
    with placed(chosen, answers, work.answers) as calls:
        _, run = cli.run(
            _guarded(lab.train, work), lab.HyperParams, words, f"python -m assignments run {work.student.set}"
        )
    summary = read_summary(run.path)
    record = {
        "set": work.student.set,
        "variant": work.student.variant,
        "answers": answers.digest,
        "calls": dict(calls),
        "evaluated": {},
        "summary": hashlib.sha256((run.path / "summary.json").read_bytes()).hexdigest(),
    }
    if not run.interrupted and hasattr(module, "evaluate"):
        record["evaluated"] = module.evaluate(run.path)
    write_json(run.path / RECORD, record)
    for name, count in calls.items():
        print(f"  {name} was called {count} times")
        if not count:
            raise InputError(f"{name} was never called: this training does not use it; name settings that do")
    changed = differences(summary.metrics, record["evaluated"])  # type: ignore[arg-type]
    if chosen and record["evaluated"]:
        print("Evaluated with the lab's own functions:", "; ".join(changed) or "the same numbers")
    return run.exit_status


def _guarded(train: Callable[..., Any], work: Work) -> Callable[..., Any]:
    """`train`, which seals answers and prediction when its settings are right and before it begins.

    An error that a student's function raises on the way is told in a line.
    """

    def guarded(**kws: Any) -> Any:
        work.seal()
        try:
            return train(**kws)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in frames if frame.filename == str(work.answers)]
            if not lines:
                raise
            raise InputError(f"{work.answers}, line {lines[-1]}: {type(error).__name__}: {error}") from error

    return guarded
