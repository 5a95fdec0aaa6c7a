"""How near translations are to what people wrote: BLEU, chrF, exact match. Each is a share from 0 to 1."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

SIGNS = re.compile(r"([!-&(-+/:-@\[-`{-~])")  # ASCII's, without ' , - .


def split_words(text: str) -> list[str]:
    """Words and signs apart, as BLEU's usual tokens "13a" are: full stops and commas stay within numbers."""
    text = SIGNS.sub(r" \1 ", text)
    text = re.sub(r"(?<!\d)([.,])|([.,])(?!\d)", r" \1\2 ", text)
    return re.sub(r"(?<=\d)-", " - ", text).split()


def ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n tokens occurs."""
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def overlap(hypothesis: Sequence[str], reference: Sequence[str], n: int) -> tuple[int, int, int]:
    """n-grams that both have (each as often as in the one that has fewer), those of either."""
    ours, theirs = ngrams(hypothesis, n), ngrams(reference, n)
    return (ours & theirs).total(), ours.total(), theirs.total()


def totals(hypotheses: Iterable[Sequence[str]], references: Iterable[Sequence[str]], n: int) -> tuple[int, int, int]:
    """`overlap`, added up over all texts."""
    counts = [overlap(h, r, n) for h, r in zip(hypotheses, references, strict=True)]
    matched, ours, theirs = (sum(column) for column in zip(*counts, strict=True))
    return matched, ours, theirs


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of a corpus (Papineni et al. 2002): up to four words in a row, counted over all texts, not smoothed.

    BP · (p₁ p₂ p₃ p₄)^¼, with pₙ the share of the translations' n-grams that are the references', and BP =
    min(1, e^(1 − r/h)) for translations of h words where the references have r. 0 if no run of four words is right.
    """
    ours, theirs = [split_words(text) for text in hypotheses], [split_words(text) for text in references]
    shares = []
    for n in (1, 2, 3, 4):
        matched, said, _ = totals(ours, theirs, n)
        if not matched:
            return 0.0
        shares.append(matched / said)
    h, r = sum(map(len, ours)), sum(map(len, theirs))
    return min(1.0, math.exp(1 - r / h)) * math.exp(sum(map(math.log, shares)) / 4)


def chrf(hypotheses: Sequence[str], references: Sequence[str], beta: float = 2.0) -> float:
    """chrF of a corpus (Popović 2015): runs of one to six characters, blanks left out; recall counts β times.

    (1 + β²) P R / (β² P + R), with P and R the means of precision and recall over those lengths that both sides have.
    """
    ours, theirs = ["".join(text.split()) for text in hypotheses], ["".join(text.split()) for text in references]
    counts = [totals(ours, theirs, n) for n in range(1, 7)]
    there = [(matched / said, matched / wanted) for matched, said, wanted in counts if said and wanted]
    if not there:
        return 0.0
    precision, recall = (sum(column) / len(there) for column in zip(*there, strict=True))
    if precision + recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def exact(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Share of translations that are the reference, letter by letter."""
    return sum(map(str.__eq__, hypotheses, references)) / len(references)
