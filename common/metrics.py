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


def confidence_half_width(share: float, n: int) -> float:
    """Half the width of the 95 % interval of a share measured on n samples (normal approximation)."""
    return 1.96 * (share * (1 - share) / n) ** 0.5
