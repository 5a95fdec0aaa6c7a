"""An exercise is one block of Python: the function that a student writes, and all that is known about it.

A set of exercises is a module; its blocks are found by `exercises`. LECTURER.md shows how to write one.
"""

import ast
import functools
import hashlib
import hmac
import importlib.util
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from common.errors import InputError

Function = Callable[..., Any]


def _unknown(*_: Any) -> Any:
    raise NotImplementedError("the exercise has no `expected`")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that students are known to give, as a function with the exercise's signature."""

    code: str  # V1: its name in tables, once in a set
    text: str  # goes on from “That comes of …”
    function: Function


@dataclass(frozen=True)
class Example:
    """A case with a result that is known beforehand, such as the course's own number."""

    title: str  # what it shows, in a few words: “the prior gives 0”
    arguments: tuple[Any, ...]
    result: Any


@dataclass
class Exercise:
    """What is known about one function. All but the reference and the mistakes may be seen by who solves it."""

    function: Function  # signature and docstring are the task; its body raises NotImplementedError
    number: int
    points: float
    hints: tuple[str, ...]  # where it stands; its structure; nearly the line
    compare: str  # where the suite does the same, to be read after a pass
    forbidden: tuple[str, ...] = ()  # names of library functions that would do it
    gradient: tuple[str, ...] = ()  # arguments in which it must be differentiable
    may_change: bool = False  # whether it may write into its arguments
    slot: tuple[str, Callable[[Function], Function]] | None = None  # the object of a lab whose place it takes, and how
    examples: list[Example] = field(default_factory=list)
    draws: list[Callable[["Draw"], tuple[Any, ...]]] = field(default_factory=list)
    edge_cases: list[Example] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    reference: Function = field(default=_unknown)
    used: Function | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def parameters(self) -> list[str]:
        """The names of the function's arguments."""
        return list(inspect.signature(self.function).parameters)

    def example(self, title: str) -> Callable[[Function], Function]:
        """Decorates a function without arguments that returns (arguments, result)."""

        def add(case: Function) -> Function:
            arguments, result = case()
            self.examples.append(Example(title, arguments, result))
            return case

        return add

    def probes(self, case: Callable[["Draw"], tuple[Any, ...]]) -> Function:
        """Decorates a function that draws arguments: float64, other ones for each key. Several take turns."""
        self.draws.append(case)
        return case

    def edge(self, title: str) -> Callable[[Function], Function]:
        """Decorates a function without arguments that returns the arguments of an extreme case."""

        def add(case: Function) -> Function:
            self.edge_cases.append(Example(title, case(), None))
            return case

        return add

    def expected(self, reference: Function) -> Function:
        """Decorates what is right, found in another way than students (and the lab) go."""
        self.reference = reference
        return reference

    def mistake(self, code: str, text: str) -> Callable[[Function], Function]:
        """Decorates a wrong answer; who gives the same is told `text`, which goes on from “That comes of …”."""

        def add(function: Function) -> Function:
            self.mistakes.append(Mistake(code, text, function))
            return function

        return add

    def use(self, scenario: Function) -> Function:
        """Decorates `scenario(mine, *arguments)`, which says what is compared where it is not the bare result.

        Its source travels to the process that runs the student's function, so it may name nothing but torch, nn, F,
        math and what it imports itself.
        """
        self.used = scenario
        return scenario

    def call(self, function: Function, arguments: Sequence[Any]) -> Any:
        """What is compared, for one answer and one case, here and not in another process: for code of our own."""
        return self.used(function, *arguments) if self.used else function(*arguments)

    def used_source(self) -> str:
        """The source of `use`, named use; empty if the bare result is compared."""
        if self.used is None:
            return ""
        tree = ast.parse(textwrap.dedent(inspect.getsource(self.used)))
        (definition,) = tree.body
        assert isinstance(definition, ast.FunctionDef)
        definition.decorator_list, definition.name, definition.returns = [], "use", None
        for argument in definition.args.args:
            argument.annotation = None  # a type may be imported where the set is, and nowhere else
        return ast.unparse(tree)

    def stub(self) -> str:
        """What the student is given: signature, docstring, `raise NotImplementedError`."""
        lines = textwrap.dedent(inspect.getsource(self.function)).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("def "))
        return "\n".join(lines[start:])


def exercise(
    *,
    number: int,
    points: float,
    hints: tuple[str, str, str],
    compare: str,
    forbidden: tuple[str, ...] = (),
    gradient: tuple[str, ...] = (),
    may_change: bool = False,
    slot: tuple[str, Callable[[Function], Function]] | None = None,
) -> Callable[[Function], Exercise]:
    """Decorates the task: a signature with types, a docstring with shapes and units, `raise NotImplementedError`."""
    return lambda function: Exercise(function, number, points, hints, compare, forbidden, gradient, may_change, slot)


class Draw:
    """Arguments drawn from a key: float64 with two decimals, so that they can be read and typed."""

    def __init__(self, key: str, name: str, count: int = 0):
        digest = hmac.new(key.encode(), f"{name}/{count}".encode(), hashlib.sha256).digest()
        self.generator = torch.Generator().manual_seed(int.from_bytes(digest[:6], "big"))
        self.first = count == 0  # the first case is the smallest, because it is the one that is shown

    def size(self, low: int, high: int) -> int:
        """A size from low to high; low in the first case."""
        return low if self.first else self.integer(low, high)

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def number(self, low: float, high: float) -> float:
        """A number in [low, high), with two decimals."""
        return round(float(self.uniform(low=low, high=high)), 2)

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def normal(self, *shape: int, mean: float = 0, std: float = 1) -> Tensor:
        """Normal numbers, none of them zero."""
        return _readable(mean + std * torch.randn(shape, generator=self.generator, dtype=torch.float64))

    def uniform(self, *shape: int, low: float = 0, high: float = 1) -> Tensor:
        """Uniform numbers in [low, high), none of them zero."""
        return _readable(low + (high - low) * torch.rand(shape, generator=self.generator, dtype=torch.float64))

    def integers(self, *shape: int, low: int, high: int) -> Tensor:
        """Whole numbers from low to high, both included: int64."""
        return torch.randint(low, high + 1, shape, generator=self.generator)

    def shares(self, *shape: int) -> Tensor:
        """Probabilities over the last dimension, in whole hundredths, none of them zero."""
        weights = 0.05 + torch.rand(shape, generator=self.generator, dtype=torch.float64)
        hundredths = (100 * weights / weights.sum(-1, keepdim=True)).round().clamp(min=1)
        largest = hundredths.argmax(-1, keepdim=True)  # takes what rounding has left over
        return hundredths.scatter_add(-1, largest, 100 - hundredths.sum(-1, keepdim=True)) / 100


def _readable(values: Tensor) -> Tensor:
    rounded = values.mul(100).round() / 100
    return torch.where(rounded == 0, 0.05, rounded)  # at zero a ReLU's slope is a matter of taste


def number(value: float) -> Tensor:
    """A number as float64 without dimensions."""
    return torch.tensor(value, dtype=torch.float64)


def tensor(*rows: object) -> Tensor:
    """Numbers, or rows of them, as float64: tensor(1, 2) is (2,), tensor([1, 2]) is (1, 2)."""
    return torch.tensor(rows, dtype=torch.float64)


def exercises(module: ModuleType) -> list[Exercise]:
    """The exercises of a set, by number."""
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return sorted(found, key=lambda exercise: exercise.number)


@functools.cache
def load_set(name: str, checks: Path | None = None) -> ModuleType:
    """A set by name: a file of the folder `checks`, else one of the suite's. InputError if there is none."""
    own = Path(__file__).parent
    for folder in [checks, own] if checks else [own]:
        file = folder / f"{name}.py"
        if name in sets(folder):
            package = "assignments." if folder == own else "checks."
            spec = importlib.util.spec_from_file_location(package + name, file)
            assert spec and spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    known = [*(sets(checks) if checks else []), *sets(own)]
    raise InputError(f"{name!r} is no set of exercises; there are {', '.join(known)}")


def sets(folder: Path | None = None) -> list[str]:
    """The names of the sets in a folder: the modules that define an exercise."""
    folder = folder or Path(__file__).parent
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; --checks names one with sets of exercises")
    return sorted(file.stem for file in folder.glob("*.py") if "\n@exercise(" in file.read_text(encoding="utf-8"))
