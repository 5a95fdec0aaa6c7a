"""When two results are the same, and what a wrong one is said to look like."""

import math

import pytest
import torch

from assignments.compare import apart, difference, distance, equal, form, like, resemblance, show

X = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.5, 6.0]]).double()


@pytest.mark.parametrize(
    ("actual", "expected", "same"),
    [
        (1, 1.0, True),
        (1.0 + 1e-8, 1.0, True),  # a number does not say in which precision it was computed
        (1.001, 1.0, False),
        (torch.tensor(2.0), 2.0, True),
        (torch.tensor([2.0]), 2.0, True),
        (math.nan, math.nan, True),
        (math.nan, 1.0, False),
        (math.inf, math.inf, True),
        (-math.inf, math.inf, False),
        (math.inf, 1.0, False),
        (X, X, True),
        (X.float(), X, True),
        (X + 1e-4, X, False),
        ((X + 1e-4).float(), X, True),  # float32 can say no more
        (X * torch.tensor(0.1) * 10, X, True),  # a constant in float32 on the way
        (X.long(), X.long(), True),
        (X.long() + 1, X.long(), False),
        (X.reshape(-1), X, False),
        (X.tolist(), X, False),
        ([1, [2.0, X]], (1, (2.0, X)), True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ("x", "x", True),
        ("x", "y", False),
        (None, X, False),
        (True, True, True),
        (torch.zeros(0).double(), torch.zeros(0).double(), True),
    ],
)
def test_equal(actual, expected, same):
    assert equal(actual, expected) is same


def test_distance_is_in_tolerances():
    assert distance(torch.tensor([1.0 + 3e-6], dtype=X.dtype), torch.tensor([1.0]).double()) == pytest.approx(
        3, rel=1e-3
    )
    assert distance(torch.tensor([1e6 + 3.0], dtype=X.dtype), torch.tensor([1e6]).double()) == pytest.approx(
        3, rel=1e-3
    )
    assert distance(X[0], X) == math.inf


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: -x, "sign"),
        (lambda x: x.T, "transposed"),
        (lambda x: x.reshape(-1), "shape"),
        (lambda x: x * math.nan, "nan"),
        (lambda x: x.long(), "whole"),
        (lambda x: x / 784, "784 times too small, as a mean is where a sum belongs"),
        (lambda x: x * 6, "6 times too large, as a sum is where a mean belongs"),
        (lambda x: x / math.log(2), "base 2"),
        (lambda x: x / math.log(10), "base 10"),
        (lambda x: x * 2, "twice"),
        (lambda x: x / 2, "half"),
        (lambda x: x * 1.37, "1.37 times"),
        (lambda x: x + 1, ""),
        (lambda x: x**2, ""),
        (lambda x: x.tolist(), ""),
    ],
)
def test_what_a_wrong_result_looks_like(change, words):
    found = resemblance([change(X), change(2 * X + 0.25)], [X, 2 * X + 0.25])
    assert words in found and bool(words) == bool(found)


def test_numbers_have_as_many_digits_as_it_takes_to_tell_them_apart():
    assert apart(0.123456789, 0.123456799) == ("0.123456789", "0.123456799")
    assert apart(1.5, -2.0) == ("1.5", "−2")


def test_values_as_a_person_writes_them():
    assert show(X) == "[[1, 2, 3], [4, 5.5, 6]]"
    assert show(torch.arange(20)) == "a tensor of shape (20,)"
    assert show(torch.zeros(4, 5)) == "4×5 numbers, all 0" and show(True) == "yes" and show(37e6) == "37,000,000"
    assert show({"a": [1, None]}) == "{a: [1, nothing]}"
    assert form(torch.zeros(2, 1)) == "a tensor of shape (2, 1)" and form(None) == "nothing"
    big = torch.zeros(4, 5)
    assert difference(big + torch.eye(4, 5) * torch.arange(4.0)[:, None], big) == ("3 at [3, 3]", "0")
    assert difference({"a": 1, "b": 2}, {"a": 1, "b": 3}) == ("b: 2", "b: 3")
    assert not like([1], torch.ones(1))
