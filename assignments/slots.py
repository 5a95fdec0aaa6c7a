"""A lab trains with a student's functions in the places of its own, and is judged with its own afterwards."""

import contextlib
import importlib
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from assignments.answers import Answers
from assignments.exercise import Exercise
from common.errors import InputError


def load_function(answers: Answers, name: str, file: Path) -> Callable[..., Any]:
    """A student's function, run in this process: for a student's own training, never for a mark."""
    names: dict[str, Any] = {"__name__": "answers", "__file__": str(file)}
    try:
        exec(compile(answers.source(name), str(file), "exec"), names)
    except Exception as error:
        raise InputError(f"{file}: {name} cannot be loaded: {type(error).__name__}: {error}") from error
    function = names.get(name)
    if getattr(getattr(function, "__code__", None), "co_filename", None) != str(file):
        raise InputError(f"{file}: {name} must be a function that is written there (def {name})")
    return function  # type: ignore[return-value]


def exchange(old: object, new: object) -> None:
    """Put `new` where a module of labs or common binds `old`, under whatever name."""
    for key, module in list(sys.modules.items()):
        if key.partition(".")[0] in ("labs", "common"):
            for name in [name for name, value in vars(module).items() if value is old]:
                setattr(module, name, new)


@contextlib.contextmanager
def placed(exercises: list[Exercise], answers: Answers, file: Path) -> Iterator[Counter[str]]:
    """Put the student's functions into their places while the block runs; counts how often each is called."""
    calls: Counter[str] = Counter()
    exchanged: list[tuple[object, object]] = []

    def counted(name: str, mine: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            calls[name] += 1
            return mine(*arguments, **named)

        return call

    try:
        for exercise in exercises:
            assert exercise.slot
            dotted, adapt = exercise.slot
            module, _, name = dotted.rpartition(".")
            original = getattr(importlib.import_module(module), name)
            calls[exercise.name] = 0
            replacement = adapt(counted(exercise.name, load_function(answers, exercise.name, file)))
            exchange(original, replacement)
            exchanged.append((replacement, original))
        yield calls
    finally:
        for mine, original in exchanged:  # also where a module was imported meanwhile
            exchange(mine, original)


def differences(during: dict[str, float], after: dict[str, float]) -> list[str]:
    """What the training said and what the lab's own functions say of the same weights, where they differ."""
    shown = []
    for name, right in after.items():
        said = during.get(name)
        if said is not None and not math.isclose(said, right, rel_tol=1e-3, abs_tol=1e-6):
            shown.append(f"{name}: {said:.4g} by your functions, {right:.4g} by the lab's own")
    return shown
