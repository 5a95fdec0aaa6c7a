"""Settings that fill in what was not given, check what was, and say what a continuation may change."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest

from common.errors import InputError
from common.settings import (
    UNGIVEN,
    Count,
    Counts,
    Number,
    OptionalCount,
    OptionalPath,
    Positive,
    Range,
    Role,
    RunFlags,
    Settings,
    Share,
    TrainingFlags,
    Usual,
    default,
    length,
    roles,
)


@dataclass(frozen=True)
class Flags(TrainingFlags):
    COMMAND: ClassVar[str] = "labs.test"

    preset: Literal["small", "large"] = "small"
    epochs: OptionalCount = None
    lr: Positive = 0.1
    width: OptionalCount = None
    hidden: Counts = ()
    dropout: Share = 0.0
    angle: Annotated[float, Range(0, 180)] = 0.0
    shift: Number = 0.0
    file: OptionalPath = None

    def usual(self) -> dict[str, Any]:
        return {"epochs": 5, "width": {"small": 10, "large": 100}[self.preset], "hidden": (3, 4)}

    def check(self) -> None:
        self.refuse_unused({"width": self.dropout == 0}, "with --dropout")


def test_what_is_not_given_is_filled_in():
    assert (Flags().epochs, Flags().width, Flags().hidden) == (5, 10, (3, 4))
    given = Flags(preset="large", epochs=2, hidden=(7,))
    assert (given.epochs, given.width, given.hidden) == (2, 100, (7,))


@pytest.mark.parametrize(
    ("kws", "message"),
    [
        ({"epochs": 0}, "--epochs is 0; it must be at least 1$"),
        ({"batch_size": 10**20}, "--batch-size is 1000.*; it must be at most 1000000000$"),
        ({"seed": -1}, "--seed is -1; it must be at least 0$"),
        ({"seed": 2**63}, "--seed is 9223372036854775808; it must be at most"),
        ({"lr": 0.0}, "--lr is 0.0; it must be greater than 0$"),
        ({"lr": float("nan")}, "--lr is nan; it must be a finite number, greater than 0$"),
        ({"lr": float("inf")}, "--lr is inf; it must be a finite number, greater than 0$"),
        ({"lr": 1e38}, "--lr is 1e"),
        ({"dropout": 1.0}, "--dropout is 1.0; it must be at least 0 and less than 1$"),
        ({"angle": 181.0}, "--angle is 181.0; it must be at least 0 and at most 180$"),
        ({"hidden": (3, 0)}, "--hidden is 3,0; it must be at least 1$"),
        ({"shift": float("inf")}, "--shift is inf; it must be a finite number$"),
    ],
)
def test_a_value_out_of_range_is_named_with_the_rule(kws, message):
    with pytest.raises(InputError, match=message):
        Flags(**kws)


def test_a_flag_without_effect_is_refused_unless_it_is_what_it_would_be_anyway():
    for width in (None, 10):
        assert Flags(dropout=0.5, width=width).width == 10
    with pytest.raises(InputError, match="--width has no effect with --dropout"):
        Flags(dropout=0.5, width=11)


def test_paths_may_be_strings():
    flags = Flags(file="a/b", out="r", data_dir="d")
    assert (flags.file, flags.out, flags.data_dir) == (Path("a/b"), Path("r"), Path("d"))


def test_a_redefined_field_keeps_its_roles_and_takes_the_nearer_range():
    assert roles(Flags, "epochs") == {Role.LENGTH}
    assert length(Flags) == "epochs"
    assert roles(Flags, "quiet") == roles(Flags, "data_dir") == {Role.PLACE}
    assert roles(Flags, "seed") == {Role.CHANCE}
    assert roles(Flags, "lr") == set()

    @dataclass(frozen=True)
    class Narrow(Flags):
        batch_size: Annotated[int, Range(1, 8)] = 4

    with pytest.raises(InputError, match="--batch-size is 9"):
        Narrow(batch_size=9)


def test_another_length():
    @dataclass(frozen=True)
    class Steps(RunFlags):
        steps: Annotated[Count, Role.LENGTH] = 10

    assert length(Steps) == "steps"
    assert default(Steps, "steps") == 10


def test_the_outermost_range_counts():
    """A field may narrow the range of the type that it is made of, also of one that is a list or filled in."""

    @dataclass(frozen=True)
    class Narrow(Settings):
        sizes: Annotated[Counts, Range(1, 32)] = (8,)
        steps: Annotated[Usual[Count], Range(1, 50)] = UNGIVEN

    assert Narrow(sizes=(32,), steps=50).sizes == (32,)
    with pytest.raises(InputError, match="--sizes is 99; it must be at least 1 and at most 32"):
        Narrow(sizes=(99,))
    with pytest.raises(InputError, match="--steps is 51"):
        Narrow(steps=51)
