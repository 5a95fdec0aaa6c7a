"""When to be silent: below a score that is found with questions whose answers are known.

Raising the threshold gives fewer answers, and of those more are right. The curve of the one over the other is what a
system that may be silent is worth; a threshold is a point on it.
"""

import numpy as np


def precision_and_share(scores: np.ndarray, right: np.ndarray, threshold: float) -> tuple[float, float]:
    """Of the questions with a score of at least `threshold` the share that is right (1 without any); their share."""
    given = scores >= threshold
    return float(right[given].mean()) if given.any() else 1.0, float(given.mean())


def curve(scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(shares answered, precisions) for each threshold that is one of the scores, the strictest first."""
    pairs = [precision_and_share(scores, right, threshold) for threshold in np.unique(scores)[::-1]]
    precisions, shares = zip(*pairs, strict=True)
    return np.array(shares), np.array(precisions)


def choose_threshold(scores: np.ndarray, right: np.ndarray, precision: float) -> float:
    """The lowest threshold above which at least this share of the answers is right, so that most are given.

    A question that the documents do not answer is never right. Where no threshold is good enough: just above all
    scores, and nothing is answered.
    """
    good = [t for t in np.unique(scores) if precision_and_share(scores, right, t)[0] >= precision]
    return float(good[0]) if good else float(np.nextafter(scores.max(), np.inf))
