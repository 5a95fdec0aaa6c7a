from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from common.expectations import Expected, find, sentence
from common.settings import TrainingFlags


@dataclass(frozen=True)
class Flags(TrainingFlags):
    COMMAND: ClassVar[str] = "labs.test"

    model: Literal["a", "b"] = "a"


TABLE = (
    Expected("test_accuracy", 0.983, 0.99, {"dataset": "mnist"}),
    Expected("test_elbo", -156, -150, {"dataset": "mnist", "model": "b"}),
    Expected("mean_return", least=475, settings={"dataset": "digits", "epochs": 3}),
)


def test_seed_place_and_length_do_not_matter_all_else_does():
    same = Flags(dataset="mnist", seed=5, epochs=2, device="cuda", quiet=True, compile=True, out="x")
    assert find(TABLE, same) is TABLE[0]
    assert find(TABLE, Flags(dataset="mnist", lr=0.5)) is None
    assert find(TABLE, Flags(dataset="mnist", limit=100)) is None
    assert sentence(TABLE, Flags(dataset="kmnist")) == ""


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (Flags(dataset="mnist"), " (these settings reach 98.3–99.0 % in 8 epochs)"),
        (Flags(dataset="mnist", model="b"), " (these settings reach −156 to −150 in 8 epochs)"),
        (Flags(dataset="digits"), " (these settings reach at least 475 in 3 epochs)"),
    ],
)
def test_the_sentence(flags, text):
    assert sentence(TABLE, flags) == text


def test_a_band_holds_its_bounds():
    assert TABLE[0].holds({"test_accuracy": 0.983})
    assert not TABLE[0].holds({"test_accuracy": 0.98})
    assert Expected("loss", most=2).band() == "at most 2"
