"""A command's settings: a frozen dataclass whose fields say what they may hold, and that checks it.

    @dataclass(frozen=True)
    class HyperParams(TrainingFlags):
        COMMAND: ClassVar[str] = "labs.cnn"
        epochs: Usual[Count] = UNGIVEN   # passes over the training set; none: 8
        dropout: Share = 0.0             # share of the inputs set to 0 in training

`common.cli` makes the command line of it; `HyperParams.of(epochs=2)` is the same from Python.
"""

import dataclasses
import enum
import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar

from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

from common.errors import InputError
from common.files import read_json, validated
from common.sources import data_dir_from_environment

LARGEST = 10**9  # no count or size is meant to be larger


@dataclass(frozen=True)
class Range:
    """The numbers a field may hold, from `least` to `most`; in a list, each of its numbers."""

    least: float = -LARGEST
    most: float = LARGEST
    open: Literal["", "least", "most"] = ""  # the bound that is itself out of the range

    def holds(self, number: float) -> bool:
        """Whether the number is finite and in the range."""
        above = number > self.least if self.open == "least" else number >= self.least
        below = number < self.most if self.open == "most" else number <= self.most
        return math.isfinite(number) and above and below

    def rule(self, number: float) -> str:
        """The range in words; of bounds that nobody comes near only the one that `number` has crossed."""
        least, most = (f"{x:.0f}" if abs(x) >= 1e5 else f"{x:g}" for x in (self.least, self.most))
        low = f"greater than {least}" if self.open == "least" else f"at least {least}"
        high = f"less than {most}" if self.open == "most" else f"at most {most}"
        if not math.isfinite(number):
            return "a finite number" if self.least <= -LARGEST else f"a finite number, {low}"
        if self.most >= LARGEST:
            return f"at most {most}" if number > self.most else low
        return high if self.least <= -LARGEST else f"{low} and {high}"


class Role(enum.Enum):
    """What a field is for, where that matters to others."""

    PLACE = "where and how the command runs: may differ in a continuation, and changes no number"
    CHANCE = "other numbers, but none that one would expect to be better or worse"
    LENGTH = "how long: a continuation may have more"


def _list_of(kind: type, metavar: str) -> PrimitiveConstructorSpec:
    """Several numbers in one word, separated by commas: 0.6,0.2,0.2."""

    def parse(words: list[str]) -> tuple:
        try:
            return tuple(kind(part) for part in words[0].split(","))
        except ValueError:
            raise ValueError(f"{words[0]!r} is not of the form {metavar}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=parse,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(map(str, value)) or "none"],
    )


COUNT, POSITIVE, SHARE = Range(1), Range(0, open="least"), Range(0, 1, open="most")
Count = Annotated[int, COUNT]
Number = Annotated[float, Range()]  # any but inf and nan
Positive = Annotated[float, POSITIVE]
NotNegative = Annotated[float, Range(0)]
Whole = Annotated[int, Range(0)]
Share = Annotated[float, SHARE]  # at least 0 and less than 1
Probability = Annotated[float, Range(0, 1)]
Seed = Annotated[int, Range(0, 2**63 - 1)]
OptionalCount = Annotated[int | None, arg(metavar="N"), COUNT]
OptionalPositive = Annotated[float | None, arg(metavar="X"), POSITIVE]
OptionalShare = Annotated[float | None, arg(metavar="X"), SHARE]
OptionalProbability = Annotated[float | None, arg(metavar="X"), Range(0, 1)]
OptionalName = Annotated[str | None, arg(metavar="NAME")]
OptionalPath = Annotated[Path | None, arg(metavar="PATH")]
OptionalFolder = Annotated[Path | None, arg(metavar="DIR")]
Counts = Annotated[tuple[int, ...], _list_of(int, "N,N,…"), COUNT]
Ints = Annotated[tuple[int, ...], _list_of(int, "N,N,…"), Range()]
Floats = Annotated[tuple[float, ...], _list_of(float, "X,X,…"), Range()]
Better = Literal["smaller", "larger"]
T = TypeVar("T")
UNGIVEN: Any = None  # the default of what `Settings.usual` fills in
if TYPE_CHECKING:  # by then it has a value
    Usual = Annotated[T, "filled in by `usual`"]
else:

    class Usual:
        """Usual[Count]: a field that may be left out on the command line, and is filled in by `Settings.usual`."""

        def __class_getitem__(cls, kind: Any) -> Any:
            plain, *marks = typing.get_args(kind) if typing.get_origin(kind) is Annotated else (kind,)
            shown = {int: "N", float: "X", str: "NAME"}
            marks = [*([arg(metavar=shown[plain])] if plain in shown else []), *marks]
            return Annotated[(plain | None, *marks)] if marks else plain | None


PlaceOrNone = Annotated[Path | None, arg(metavar="DIR"), Role.PLACE]
DataDir = Annotated[Path, Role.PLACE]  # default: field(default_factory=data_dir_from_environment)


def flag(name: str) -> str:
    """The field's name as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class Settings:
    """What every command's dataclass is made of: fills in what was not given, then checks all of it."""

    COMMAND: ClassVar[str] = ""  # as one types it behind `python -m`
    BETTER: ClassVar[Mapping[str, Better]] = {}  # by which metrics runs may be chosen; never by one of the test set

    def usual(self) -> Mapping[str, Any]:
        """What the fields are that were not given (None, or an empty list): a preset's values, say."""
        return {}

    def check(self) -> None:
        """InputError for what no single field's type can say."""

    def __post_init__(self) -> None:
        for name, of in _types(type(self)).items():
            if isinstance(getattr(self, name), str) and Path in (of, *typing.get_args(of)):
                self._set(name, Path(getattr(self, name)))
            elif getattr(self, name) == "" and default(type(self), name) is None:
                raise InputError(f"{flag(name)} is empty; give it a value or leave it away")
        for name, value in self.usual().items():
            if getattr(self, name) in (None, ()):
                self._set(name, value)
        for name, allowed in _ranges(type(self)).items():
            value = getattr(self, name)
            for number in () if value is None else value if isinstance(value, tuple) else (value,):
                self.require(name, allowed.holds(number), allowed.rule(number))
        self.check()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the one way to set a field of a frozen dataclass

    def require(self, name: str, holds: bool, rule: str) -> None:
        """InputError that names the flag, its value and the rule, unless `holds`."""
        if not holds:
            value = getattr(self, name)
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
            raise InputError(f"{flag(name)} is {shown}; it must be {rule}")

    def refuse_unused(self, used: Mapping[str, bool], why: str) -> None:
        """InputError for a flag that was given and has no effect: `used` says of each whether it has one."""
        usual = self.usual()
        for name, has_effect in used.items():
            if not has_effect and getattr(self, name) not in (default(type(self), name), usual.get(name)):
                raise InputError(f"{flag(name)} has no effect {why}")

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed, checked again."""
        return dataclasses.replace(self, **changes)

    @classmethod
    def of(cls, **given: Any) -> Self:
        """The defaults with those `given`; with `resume`, that run's own settings.

        Raises TypeError for an unknown name, InputError for a value out of range and for one that a continued run
        cannot change.
        """
        if given.get("resume") is None:
            return cls(**given)
        own = of_run(cls, Path(given["resume"]))
        result = dataclasses.replace(own, **given)
        for name in given.keys() - {"resume"}:
            fixed = name == "out" or not {Role.PLACE, Role.LENGTH} & roles(cls, name)
            if fixed and getattr(result, name) != getattr(own, name):
                raise InputError(
                    f"{flag(name)} {given[name]} cannot be changed by --resume: that run has {getattr(own, name)}; "
                    f"start a new run, or change only {flag(length(cls))}"
                )
        return result


@dataclass(frozen=True)
class RunFlags(Settings):
    """The flags of every command that leaves a run directory."""

    SHARES_BATCHES: ClassVar[bool] = False  # whether several processes (torchrun) may train one model
    ANNEALS: ClassVar[bool] = False  # whether η follows the number of epochs whatever the flags: labs sweep --halve

    seed: Annotated[Seed, Role.CHANCE] = 0  # fixes every random draw (numbers: per device, versions and threads)
    device: Annotated[str, Role.PLACE] = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps
    out: PlaceOrNone = None  # the run directory; none given: a new one, runs/<lab>/<time>
    resume: PlaceOrNone = None  # continue the run in DIR, with its own settings; it may be made longer
    offline: Annotated[bool, Role.PLACE] = False  # never touch the network
    quiet: Annotated[bool, Role.PLACE] = False  # print nothing but the run directory
    deterministic: Annotated[bool, Role.PLACE] = False  # on CUDA: only kernels that repeat the same bits (slower)
    tensorboard: Annotated[bool, Role.PLACE] = False  # event files in the run's tensorboard/, too (extra `tensorboard`)


@dataclass(frozen=True)
class TrainingFlags(RunFlags):
    """The flags of every command that trains in epochs. A lab's HyperParams adds its own and sets its defaults."""

    dataset: str = "auto"  # data set; auto: the course's if it is there or can be fetched, else an embedded one
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # where data sets lie
    epochs: Annotated[Count, Role.LENGTH] = 8  # passes over the training set
    batch_size: Count = 64  # samples per gradient step
    lr: Positive = 1e-3  # learning rate (η)
    precision: Annotated[Literal["float32", "bfloat16"], Role.CHANCE] = "float32"  # bfloat16: mixed, for recent GPUs
    compile: Annotated[bool, Role.CHANCE] = False  # torch.compile the model: slow to start, faster on a GPU
    limit: OptionalCount = None  # use only the first N training samples, after shuffling by the seed


# --- What the fields' types say -------------------------------------------------------------------------------------


def _read_types(kind: type) -> dict[str, Any]:
    """The plain types of a dataclass's fields."""
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind)}


@functools.cache
def _marks(kind: type, name: str) -> tuple[Any, ...]:
    """What stands in a field's Annotated[…], the outermost first; then those of the classes it redefines."""
    found: list[Any] = []
    for owner in kind.__mro__:
        annotation = inspect.get_annotations(owner, eval_str=True).get(name)
        found += reversed(getattr(annotation, "__metadata__", ()))
    return tuple(found)


def _read_ranges(kind: type) -> dict[str, Range]:
    found = {name: [m for m in _marks(kind, name) if isinstance(m, Range)] for name in _types(kind)}
    return {name: marks[0] for name, marks in found.items() if marks}


_types: Callable[[type], dict[str, Any]] = functools.cache(_read_types)
_ranges: Callable[[type], dict[str, Range]] = functools.cache(_read_ranges)


def roles(kind: type, name: str) -> set[Role]:
    """The roles of a field, also those that a class it inherits from gives it."""
    return {mark for mark in _marks(kind, name) if isinstance(mark, Role)}


def length(kind: type) -> str:
    """The field that says how long a run is: epochs, steps, …"""
    return next(name for name in _types(kind) if Role.LENGTH in roles(kind, name))


def default(kind: type, name: str) -> Any:
    """A field's default."""
    (own,) = (f for f in dataclasses.fields(kind) if f.name == name)
    return own.default if own.default_factory is dataclasses.MISSING else own.default_factory()


S = TypeVar("S", bound=Settings)

# --- Settings of a run that there is --------------------------------------------------------------------------------


def of_run(kind: type[S], path: Path) -> S:
    """The settings that a run was started with, for continuing it where it lies."""
    own = of_record(kind, read_record(path), path / "hyperparams.json")
    return dataclasses.replace(own, **{"resume": path, "out": path})


def read_record(path: Path) -> dict[str, Any]:
    """A run's hyperparams.json; InputError if the directory is no run's."""
    try:
        return read_json(Path(path) / "hyperparams.json", dict[str, Any])
    except FileNotFoundError:
        raise InputError(f"{path} is no run directory: it has no hyperparams.json") from None


def of_record(kind: type[S], record: Mapping[str, Any], where: object) -> S:
    """The settings that a run has written down; InputError, naming `where`, for another command's or a damaged one."""
    command = record.get("command")
    own = {name: value for name, value in record.items() if name in _types(kind)}
    if command is None or (command == kind.COMMAND and len(own) < len(_types(kind))):
        raise InputError(f"{where} is of another release of these labs; train anew: python -m {kind.COMMAND}")
    if command != kind.COMMAND:
        raise InputError(f"{where} is a run of {command}; a run of {kind.COMMAND} is needed")
    return validated(own, kind, where)
