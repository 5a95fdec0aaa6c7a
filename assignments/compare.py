"""Whether a student's result is right, and what it looks like if it is not. Nothing of theirs is run here."""

import math
from typing import Any

import torch
from torch import Tensor

from assignments.child import tensors_in

TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
NUMBER = 1e-6  # neither says whether a float32 constant was in the computation
RATIOS = {
    1 / math.log(2): "a logarithm to base 2 where the natural one belongs",
    math.log(2): "the natural logarithm where the one to base 2 belongs",
    1 / math.log(10): "a logarithm to base 10 where the natural one belongs",
    2.0: "twice the right one",
    0.5: "half the right one",
}


def tolerance(actual: Any) -> float:
    """How far a result may be from the right one, relative to the largest number in it if that is above 1."""
    return TOLERANCES.get(actual.dtype, 0) if isinstance(actual, Tensor) else NUMBER


def like(actual: Any, expected: Any) -> bool:
    """Whether two results have the same form: tensors of one shape, lists of one length, and so on."""
    if isinstance(expected, Tensor) and expected.ndim:
        return isinstance(actual, Tensor) and actual.shape == expected.shape
    if isinstance(expected, list | tuple):
        return isinstance(actual, list | tuple) and len(actual) == len(expected) and all(map(like, actual, expected))
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and actual.keys() == expected.keys()
            and all(like(actual[k], expected[k]) for k in expected)
        )
    if isinstance(expected, int | float | Tensor):  # a tensor of one element is a number
        return isinstance(actual, int | float) or (isinstance(actual, Tensor) and actual.numel() == 1)
    return type(actual) is type(expected)


def distance(actual: Any, expected: Any, least: float = 0.0) -> float:
    """The largest difference in tolerances of the actual result: at most 1 is right. Infinite for another form.

    `least` is a tolerance that holds in any case: that of the result for its gradients.
    """
    if not like(actual, expected):
        return math.inf
    if isinstance(expected, list | tuple):
        return max((distance(a, b, least) for a, b in zip(actual, expected, strict=True)), default=0.0)
    if isinstance(expected, dict):
        return max((distance(actual[k], expected[k], least) for k in expected), default=0.0)
    if not isinstance(expected, int | float | Tensor):
        return 0.0 if actual == expected else math.inf
    a, b = (torch.as_tensor(value, dtype=torch.float64).reshape(-1) for value in (actual, expected))
    same = (a == b) | (a.isnan() & b.isnan())
    error = torch.where(same, 0.0, (a - b).abs()).nan_to_num(nan=math.inf, posinf=math.inf)
    size = max(1.0, float(b[b.isfinite()].abs().max())) if b.isfinite().any() else 1.0
    largest = float(error.max()) if len(error) else 0.0
    allowed = max(tolerance(actual), least) * size
    return largest / allowed if allowed else (0.0 if largest == 0 else math.inf)


def equal(actual: Any, expected: Any, least: float = 0.0) -> bool:
    """Whether a result is right, as far as its precision can say."""
    return distance(actual, expected, least) <= 1


def precision(value: Any) -> float:
    """The tolerance of the least precise tensor in a result."""
    return max((tolerance(part) for part in tensors_in(value)), default=0.0)


def resemblance(actual: list[Any], expected: list[Any]) -> str:
    """What a wrong result has to do with the right one in every case, in words; empty if nothing that is known."""
    pairs = [pair for pair in zip(actual, expected, strict=True) if isinstance(pair[0], Tensor | int | float)]
    if len(pairs) < len(actual) or not pairs or any(isinstance(b, list | tuple | dict | str) for _, b in pairs):
        return ""
    tensors = [(torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs]
    if any(a.isnan().any() and not b.isnan().any() for a, b in tensors):
        return "nan"
    if all(a.shape == b.shape for a, b in tensors):
        return _by_ratio(tensors)
    if all(a.numel() == b.numel() and equal(a.reshape(b.shape), b) for a, b in tensors):
        return "shape"
    if all(a.ndim == 2 and a.T.shape == b.shape and equal(a.T.contiguous(), b) for a, b in tensors):
        return "transposed"
    return ""


def _by_ratio(tensors: list[tuple[Tensor, Tensor]]) -> str:
    if all(equal(-a, b) for a, b in tensors):
        return "sign"
    if all(a.ndim == 2 and a.T.shape == b.shape and equal(a.T.contiguous(), b) for a, b in tensors):
        return "transposed"
    if all(not a.is_floating_point() and b.is_floating_point() and equal(b.trunc().to(a.dtype), a) for a, b in tensors):
        return "whole"
    ratios = []
    for a, b in tensors:
        kept = (b.abs() > 1e-6) & b.isfinite()
        ratios.append((a.double()[kept] / b.double()[kept]).reshape(-1))
    ratio = torch.cat(ratios)
    if len(ratio) < 2 or float(ratio.std()) > 1e-4 * abs(float(ratio.mean())) or abs(float(ratio.mean())) < 1e-12:
        return ""
    mean = float(ratio.mean())
    if not math.isfinite(mean):
        return ""
    for known, words in RATIOS.items():
        if abs(mean - known) < 1e-4 * known:
            return words
    whole = round(1 / mean) if mean < 1 else round(mean)
    if whole > 2 and abs((1 / mean if mean < 1 else mean) - whole) < 1e-3 * whole:
        why = "small, as a mean is where a sum belongs" if mean < 1 else "large, as a sum is where a mean belongs"
        return f"{whole} times too {why}"
    return f"{mean:.4g} times the right one"


# --- As a person writes it ------------------------------------------------------------------------------------------


def show(value: Any, digits: int = 7) -> str:
    """A value in a few words: small tensors whole, others by their shape."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "yes", False: "no"}[value]
    if isinstance(value, str):
        return f"“{value}”"
    if isinstance(value, int | float):
        text = f"{value:.{digits}g}"
        return (f"{value:,.0f}" if "e+" in text and abs(value) < 1e15 else text).replace("-", "−")
    if isinstance(value, Tensor):
        if value.numel() > 3 and bool((value == value.reshape(-1)[0]).all()):
            return f"{'×'.join(map(str, value.shape))} numbers, all {show(value.reshape(-1)[0].item(), digits)}"
        if value.numel() <= 12:
            return show(value.tolist(), digits)
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, list | tuple):
        shown = ", ".join(show(part, digits) for part in value[:12]) + (", …" if len(value) > 12 else "")
        return f"[{shown}]" if isinstance(value, list) else f"({shown})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {show(part, digits)}" for key, part in list(value.items())[:12]) + "}"
    return f"an object of type {type(value).__name__}"


def form(value: Any) -> str:
    """What kind of thing a value is."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}" if value.ndim else "a number (a tensor without dimensions)"
    if isinstance(value, list | tuple):
        return f"{len(value)} values"
    names = {
        type(None): "nothing",
        bool: "yes or no",
        int: "a number",
        float: "a number",
        str: "text",
        dict: "a dictionary",
    }
    return names.get(type(value), type(value).__name__)


def unlike_part(actual: Any, expected: Any) -> tuple[str, Any, Any]:
    """Where two results of different form differ first: a key of a dictionary, a part of a list; and what is there."""
    place = ""
    while True:
        if isinstance(expected, dict) and isinstance(actual, dict) and actual.keys() == expected.keys():
            key: Any = next(key for key in expected if not like(actual[key], expected[key]))
            place += f"{key}: "
        elif isinstance(expected, list | tuple) and isinstance(actual, list | tuple) and len(actual) == len(expected):
            key = next(i for i in range(len(expected)) if not like(actual[i], expected[i]))
            place += f"part {key + 1}: "
        else:
            return place, actual, expected
        actual, expected = actual[key], expected[key]


def difference(actual: Any, expected: Any) -> tuple[str, str]:
    """Where two results differ most: what was returned and what is right, of large tensors the one place."""
    if isinstance(expected, Tensor) and like(actual, expected) and expected.numel() > 12:
        errors = (actual.double() - expected.double()).abs().nan_to_num(nan=math.inf)
        place = [int(i) for i in torch.unravel_index(errors.argmax(), errors.shape)]
        at = "[" + ", ".join(map(str, place)) + "]"
        mine, right = apart(float(actual[tuple(place)]), float(expected[tuple(place)]))
        return f"{mine} at {at}", right
    if isinstance(expected, dict) and isinstance(actual, dict) and actual.keys() == expected.keys():
        for key in expected:
            if not equal(actual[key], expected[key]):
                mine, right = difference(actual[key], expected[key])
                return f"{key}: {mine}", f"{key}: {right}"
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple) and len(actual) == len(expected) > 1:
        for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
            if not equal(a, b) and not isinstance(b, int | float):
                mine, right = difference(a, b)
                return f"{mine} (part {i + 1} of what is returned)", right
    return apart(actual, expected)


def apart(actual: Any, expected: Any) -> tuple[str, str]:
    """Two values with as many digits as it takes to tell them apart."""
    for digits in (7, 10, 13):
        if show(actual, digits) != show(expected, digits):
            break
    return show(actual, digits), show(expected, digits)
