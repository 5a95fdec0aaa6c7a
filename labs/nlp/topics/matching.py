"""Topics beside topics, and topics beside classes: how many terms they share, and who belongs to whom.

A matching is one to one: no topic is taken twice, and all pairs together share as much as they can (the Hungarian
method, Kuhn 1955). So a topic may be matched with one that it shares nothing with: the nearer ones were taken.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

Terms = Sequence[Sequence[int]]  # the top terms of each topic


def diversity(tops: Terms) -> float:
    """Share of different terms among all top terms: 1 if no two topics share one (Dieng, Ruiz & Blei 2020)."""
    listed = [term for terms in tops for term in terms]
    return len(set(listed)) / len(listed)


def shared_terms(these: Terms, those: Terms) -> np.ndarray:
    """How many terms each of these topics (rows) shares with each of those (columns)."""
    return np.array([[len(set(a) & set(b)) for b in those] for a in these])


def match(shared: np.ndarray) -> list[tuple[int, int]]:
    """The pairs (row, column) of the one-to-one matching with the largest sum, in the order of the rows."""
    rows, columns = linear_sum_assignment(-shared)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def classes_of_topics(dominant: np.ndarray, y: np.ndarray, topics: int, classes: int) -> list[int | None]:
    """For each topic the class that a one-to-one matching gives it, by the documents (N,) both have; or None."""
    table = np.zeros((topics, classes), dtype=np.int64)
    np.add.at(table, (dominant, y), 1)
    matched = dict(match(table))
    return [matched.get(k) for k in range(topics)]
