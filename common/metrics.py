"""Numbers that say how well a classifier does."""

import torch
from torch import Tensor


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Share of rows of `logits` (N, K) whose largest entry is at the label `y` (N,): a scalar in [0, 1]."""
    return (logits.argmax(dim=1) == y).float().mean()


def confusion_matrix(y: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Counts (K, K): row = the label, column = what was predicted."""
    return torch.bincount(y * classes + predicted, minlength=classes**2).view(classes, classes)


def most_confused(matrix: Tensor, pairs: int) -> list[tuple[int, int, int]]:
    """The largest off-diagonal counts of a confusion matrix as (label, predicted, count), most frequent first."""
    errors = matrix.clone().fill_diagonal_(0).flatten()
    top = errors.topk(min(pairs, len(errors)))
    k = len(matrix)
    return [(int(i) // k, int(i) % k, int(n)) for n, i in zip(top.values, top.indices, strict=True) if n > 0]


def confidence_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share measured on n samples (Wilson 1927). Unlike share ± 1.96 √(share (1 − share) / n) it
    has a width also at 0 and 1, and stays between them.
    """
    z = 1.96
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def describe_share(share: float, n: int) -> str:
    """A share measured on n samples with its interval: 98.42% (95 %: 98.16–98.65 %)."""
    low, high = confidence_interval(share, n)
    return f"{share:.2%} (95 %: {100 * low:.2f}–{100 * high:.2f} %)"
