"""What a student's function is worth: facets, points, and words that help to mend it.

The student's results come from another process and are compared here, after that process has ended.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import torch

from assignments import child, compare
from assignments.answers import Answers
from assignments.exercise import Draw, Exercise, Mistake
from assignments.isolation import Outcome, Sandbox
from assignments.messages import say

PUBLIC = "public"  # the key of the cases that a student may see
DRAWN = 8  # drawn cases of an exercise
VALUES = 3  # what the drawn cases count; every other facet counts 1


@dataclass(frozen=True)
class Case:
    """Arguments, to which facet they belong, and the arguments in which gradients are compared."""

    facet: str
    arguments: tuple[Any, ...]
    gradient: tuple[int, ...] = ()
    result: Any = None  # if it was given with the case
    given: bool = False


@dataclass
class Result:
    """What came of one exercise."""

    number: int
    name: str
    worth: float
    state: str  # passed, wrong, unwritten, lost
    points: float = 0.0
    facets: dict[str, bool] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # lines for the student
    mistake: str = ""  # the code of a known mistake that gives the same
    printed: str = ""


def cases(exercise: Exercise, key: str = PUBLIC, drawn: int = DRAWN) -> list[Case]:
    """All cases of an exercise, in the order in which they are told: examples, drawn ones, gradients, edges."""
    found = [Case(example.title, example.arguments, (), example.result, True) for example in exercise.examples]
    draws = exercise.draws
    probes = [draws[i % len(draws)](Draw(key, exercise.name, i)) for i in range(drawn)] if draws else []
    found += [Case("values", arguments) for arguments in probes]
    if exercise.gradient:
        places = tuple(exercise.parameters.index(name) for name in exercise.gradient)
        found += [Case("gradient", arguments, places) for arguments in probes]
    return found + [Case(edge.title, edge.arguments) for edge in exercise.edge_cases]


def copied(value: Any) -> Any:
    """Arguments that may be changed without changing the case."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, list | tuple):
        return type(value)(copied(part) for part in value)
    return {key: copied(part) for key, part in value.items()} if isinstance(value, dict) else value


def plain(value: Any) -> Any:
    """A result of our own as if it had travelled: without a history, tuples as lists, keys as text."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return {str(key): plain(part) for key, part in value.items()} if isinstance(value, dict) else value


def right(exercise: Exercise, function: Any, case: Case) -> Any:
    """What `function` gives in a case, computed here: for the reference and the mistakes, never for a student's."""
    arguments = list(copied(case.arguments))
    for i in case.gradient:
        arguments[i].requires_grad_()
    result = exercise.call(function, arguments)
    if case.gradient:
        result = child.gradients(result, [arguments[i] for i in case.gradient])
    return plain(result)


def run(exercise: Exercise, answers: Answers, todo: list[Case], sandbox: Sandbox) -> Outcome:
    """The student's function in every case, elsewhere."""
    sent = [{"arguments": list(case.arguments), "gradient": list(case.gradient)} for case in todo]
    return sandbox.ask(
        {
            "source": answers.source(exercise.name),
            "name": exercise.name,
            "use": exercise.used_source(),
            "parameters": exercise.parameters,
            "cases": sent,
        }
    )


def check(exercise: Exercise, answers: Answers, sandbox: Sandbox, key: str = PUBLIC) -> Result:
    """One exercise of a student's file."""
    result = Result(exercise.number, exercise.name, float(exercise.points), "lost")
    if exercise.name in answers.broken:
        result.said = [say("syntax", error=answers.broken[exercise.name])]
        return result
    if not answers.written(exercise.name):
        result.state = "unwritten"
        if answers.complaint and answers.find(exercise.name) is None:
            result.state, result.said = "lost", [say("syntax", error=answers.complaint)]
        return result
    refused = answers.refused(exercise.name, exercise.forbidden)
    if refused:
        result.said = [say("refused", name=refused)]
        return result
    todo = cases(exercise, key)
    outcome = run(exercise, answers, todo, sandbox)
    result.printed = outcome.printed
    if outcome.lost:
        result.said = [say(f"lost_{outcome.lost}", seconds=sandbox.seconds)]
        return result
    if outcome.answers and outcome.answers[0].get("unwritten"):
        result.state = "unwritten"
        return result
    judge(exercise, todo, outcome.answers, result)
    return result


def check_here(exercise: Exercise, function: Any, key: str = PUBLIC, drawn: int = DRAWN) -> Result:
    """As `check`, of a function that is run in this process: for notebooks and for code of our own, never for marks."""
    todo = cases(exercise, key, drawn)
    answers = []
    with torch.random.fork_rng(devices=[]):
        for case in todo:
            given = {"arguments": list(copied(case.arguments)), "gradient": list(case.gradient)}
            said = child.answer(lambda *arguments: exercise.call(function, arguments), given)
            answers.append(child.unpack(child.pack(said)))
    result = Result(exercise.number, exercise.name, float(exercise.points), "unwritten")
    if not answers[0].get("unwritten"):
        judge(exercise, todo, answers, result)
    return result


def judge(exercise: Exercise, todo: list[Case], answers: list[dict[str, Any]], result: Result) -> None:
    """Compare a student's answers, case by case, and put facets, points and words into `result`."""
    expected = [case.result if case.given else right(exercise, exercise.reference, case) for case in todo]
    given = [answer.get("gradient" if case.gradient else "value") for case, answer in zip(todo, answers, strict=True)]
    fine = [
        not failed(answer) and compare.equal(mine, wanted, compare.precision(answer.get("value")))
        for answer, mine, wanted in zip(answers, given, expected, strict=True)
    ]
    facets: dict[str, bool] = {}
    drawn = [i for i, case in enumerate(todo) if case.facet == "values"]
    if any(isinstance(expected[i], torch.Tensor) and expected[i].ndim for i in drawn):
        facets["shape"] = all(compare.like(given[i], expected[i]) for i in drawn)
    for case, passed in zip(todo, fine, strict=True):
        facets[case.facet] = facets.get(case.facet, True) and passed
    changed = not exercise.may_change and any(answer.get("changed") for answer in answers)
    if changed:
        facets["input unchanged"] = False
    weights = {facet: VALUES if facet == "values" else 1 for facet in facets}
    reached = sum(weights[facet] for facet, passed in facets.items() if passed)
    result.facets = facets
    result.points = round(exercise.points * reached / sum(weights.values()), 4)
    result.state = "passed" if all(facets.values()) else "wrong"
    if result.state == "passed":
        result.said = [say("passed", compare=exercise.compare)] if exercise.compare else []
        return
    if changed:
        result.said.append(say("changed"))
    wrong = [i for i, passed in enumerate(fine) if not passed]
    if not wrong:
        return
    first = wrong[0]
    result.said.insert(0, describe(exercise, todo[first], answers[first], given[first], expected[first]))
    if failed(answers[first]):
        return
    mistake = recognise(exercise, todo, given, facets)
    if mistake:
        result.mistake = mistake.code
        result.said.insert(1, say("mistake", text=mistake.text, code=mistake.code))
        return
    seen = [i for i in drawn if not failed(answers[i])]
    if not facets.get("values", True) and len(seen) == len(drawn):
        found = compare.resemblance([given[i] for i in seen], [expected[i] for i in seen])
        if found:
            words = say(f"looks_{found}") if found in ("nan", "shape", "transposed", "sign", "whole") else found
            result.said.insert(1, say("looks", words=words))


def failed(answer: dict[str, Any]) -> bool:
    """Whether there is no result that could be compared."""
    return "error" in answer or "odd" in answer


def recognise(exercise: Exercise, todo: list[Case], given: list[Any], facets: dict[str, bool]) -> Mistake | None:
    """The known mistake that gives the same as the student's function in every drawn case, if there is one.

    Where the drawn cases are right, it is the facets that failed which must agree.
    """
    drawn_right = facets.get("values", False)
    decisive = [i for i, case in enumerate(todo) if case.facet == "values" or (drawn_right and not facets[case.facet])]
    for mistake in exercise.mistakes:
        try:
            if all(compare.equal(given[i], right(exercise, mistake.function, todo[i])) for i in decisive):
                return mistake
        except (RuntimeError, ValueError, TypeError, ArithmeticError, IndexError, KeyError):
            continue  # the mistake itself cannot do this case
    return None


def describe(exercise: Exercise, case: Case, answer: dict[str, Any], mine: Any, wanted: Any) -> str:
    """What went wrong in a case: inputs, what came, what should."""
    names = exercise.parameters
    if exercise.used:  # the scenario's own arguments, behind `mine`
        names = list(inspect.signature(exercise.used).parameters)[1:]
    parts = [f"{name} = {compare.show(value)}" for name, value in zip(names, case.arguments, strict=False)]
    at = ", ".join(parts)
    if "misfit" in answer:
        return say("misfit", at=at, mine=compare.form(answer["misfit"]), error=answer["error"])
    if "error" in answer:
        where = f"line {answer['line']} of answers.py" if answer.get("line") else "your function"
        return say("error", at=at, error=answer["error"], where=where)
    if "odd" in answer:
        return say("form", at=at, mine=answer["odd"], wanted=compare.form(wanted))
    if case.gradient:
        name, mine, wanted = next(
            (name, a, b)
            for name, a, b in zip(exercise.gradient, mine, wanted, strict=True)
            if not compare.equal(a, b, compare.precision(answer.get("value")))
        )
        shown, should = compare.difference(mine, wanted)
        return say("gradient", at=at, mine=shown, wanted=should, name=name)
    if not compare.like(mine, wanted):
        place, mine, wanted = compare.unlike_part(mine, wanted)
        return say("form", at=at, mine=place + compare.form(mine), wanted=place + compare.form(wanted))
    shown, should = compare.difference(mine, wanted)
    return say("value", at=at, mine=shown, wanted=should)
