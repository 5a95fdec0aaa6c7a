"""ROUGE: how much of a reference summary a summary has (Lin 2004, "ROUGE: A package for automatic evaluation").

ROUGE-N counts runs of N words that both have, ROUGE-L the longest row of words that stand in both in this order, with
gaps. Each as recall (share of the reference's), precision (share of the summary's) and F1, their harmonic mean.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from labs.nlp.sentences import words_of


class Overlap(NamedTuple):
    """Shares in [0, 1]: of the summary, of the reference, and the harmonic mean of both."""

    precision: float
    recall: float
    f1: float


def rouge_n(summary: str, reference: str, n: int) -> Overlap:
    """Runs of n words that both have; one that occurs several times counts as often as both have it."""
    ours, theirs = (_runs(words_of(text), n) for text in (summary, reference))
    return _overlap((ours & theirs).total(), ours.total(), theirs.total())


def rouge_l(summary: str, reference: str) -> Overlap:
    """The longest common subsequence of words, both texts taken as one row of words."""
    ours, theirs = words_of(summary), words_of(reference)
    return _overlap(longest_common_subsequence(ours, theirs), len(ours), len(theirs))


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """The length of the longest row of items that stand in both in the same order; O(len(a)·len(b)) steps."""
    row = [0] * (len(b) + 1)  # row[j]: of a's first i items and b's first j
    for item in a:
        diagonal = 0
        for j, other in enumerate(b, 1):
            above = row[j]
            row[j] = diagonal + 1 if item == other else max(above, row[j - 1])
            diagonal = above
    return row[-1]


def _runs(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _overlap(shared: int, ours: int, theirs: int) -> Overlap:
    precision, recall = shared / max(1, ours), shared / max(1, theirs)
    return Overlap(precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0)
