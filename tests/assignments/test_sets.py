"""Every exercise of every set: who is right passes, who errs fails and is told why.

versions/<set>.py   at least three correct answers to each exercise, written in different ways
adapters/<set>.py   the suite's own function as an answer: one to three lines onto a lab or onto torch
"""

import math

import pytest
from judging import TOOLS, load, mutants, renamed, versions

from assignments.answers import parse_answers
from assignments.anticipation import ask, questions
from assignments.check import cases, check, check_here, copied, right
from assignments.compare import distance
from assignments.exercise import exercises, load_set, sets
from assignments.isolation import Sandbox

HEAD = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn, Tensor\n"
SETS = {name: load_set(name) for name in sets()}
ALL = [
    pytest.param(name, exercise, id=f"{name}.{exercise.name}") for name in SETS for exercise in exercises(SETS[name])
]


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_the_suites_own_function_scores_full_marks(name, exercise):
    result = check_here(exercise, getattr(load("adapters", name), exercise.name))
    assert result.points == exercise.points, result.said


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_the_stub_scores_nothing(name, exercise):
    assert check_here(exercise, exercise.function).points == 0


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_who_is_right_passes_whatever_is_drawn(name, exercise):
    found = versions(load("versions", name), exercise)
    assert len(found) >= 3
    for how, version in found.items():
        result = check_here(exercise, version, key=f"key of {how}", drawn=16)
        assert result.points == exercise.points, (how, result.said)


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_each_mistake_fails_and_is_named(name, exercise):
    assert exercise.mistakes
    for key in ("public", "another key"):
        for mistake in exercise.mistakes:
            result = check_here(exercise, mistake.function, key)
            assert result.points < exercise.points, mistake.code
            assert result.mistake == mistake.code, (mistake.code, result.mistake, result.said)


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_right_and_wrong_are_far_apart(name, exercise):
    """A right answer's error is at most a hundredth of what is tolerated, the nearest mistake's a hundred times it."""
    todo = cases(exercise, "a key", drawn=12)
    expected = [case.result if case.given else right(exercise, exercise.reference, case) for case in todo]
    for how, version in versions(load("versions", name), exercise).items():
        least = 1e-4 if how.startswith("float32") else 0
        errors = [distance(right(exercise, version, case), e, least) for case, e in zip(todo, expected, strict=True)]
        assert max(errors) <= (0.05 if least else 0.01), how
    for mistake in exercise.mistakes:
        errors = []
        for case, wanted in zip(todo, expected, strict=True):
            try:
                errors.append(distance(right(exercise, mistake.function, case), wanted))
            except (RuntimeError, ValueError, TypeError, ArithmeticError, IndexError, KeyError):
                errors.append(math.inf)
        assert max(errors) >= 100, mistake.code


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_no_mutant_passes_that_is_not_equal(name, exercise):
    module = load("versions", name)
    how, version = next(iter(versions(module, exercise).items()))
    equal = module.EQUAL.get(exercise.name, {})
    survivors = []
    for change, mutant in mutants(version):
        if (
            not any(known in change for known in equal)
            and check_here(exercise, mutant, "a key").points == exercise.points
        ):
            survivors.append(change)
    assert not survivors, f"{how}: {survivors}"


@pytest.mark.parametrize("name", SETS)
def test_the_set_is_whole(name):
    found = exercises(SETS[name])
    assert [exercise.number for exercise in found] == list(range(1, len(found) + 1))
    codes = [mistake.code for exercise in found for mistake in exercise.mistakes]
    assert len(set(codes)) == len(codes)
    for exercise in found:
        assert exercise.examples or exercise.edge_cases or exercise.draws
        assert all(len(hint) > 15 for hint in exercise.hints)
        if exercise.used:
            tools = dict(TOOLS)
            exec(exercise.used_source(), tools)  # it may name nothing that it does not bring along
            todo = cases(exercise, drawn=2)
            given = [tools["use"](exercise.reference, *copied(case.arguments)) for case in todo if not case.gradient]
            assert len(given) >= 2


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", SETS)
def test_handed_in_it_scores_full_marks_and_a_missing_function_costs_itself(name, sandbox):
    found = load("versions", name)
    texts = {e.name: renamed(next(iter(versions(found, e).values())), e.name) for e in exercises(SETS[name])}
    whole = parse_answers((HEAD + "\n".join(texts.values())).encode())
    for exercise in exercises(SETS[name]):
        result = check(exercise, whole, sandbox, "a key")
        assert result.points == exercise.points, result.said
    for missing in texts:
        rest = parse_answers((HEAD + "\n".join(text for each, text in texts.items() if each != missing)).encode())
        for each in texts:  # what is run for the others is the same to the letter
            same = [line for line in rest.source(each).splitlines() if line]
            assert (same == [line for line in whole.source(each).splitlines() if line]) == (each != missing)
        (exercise,) = (each for each in exercises(SETS[name]) if each.name == missing)
        assert check(exercise, rest, sandbox).state == "unwritten"


@pytest.mark.parametrize("name", SETS)
def test_questions_have_an_answer_for_every_variant(name):
    for question in questions(SETS[name]):
        seen = {ask(question, seed) for seed in range(50)}
        assert len(seen) > 10, question.name
        assert all(math.isfinite(answer) and text for text, answer in seen)
