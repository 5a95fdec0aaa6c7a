"""Two taggers that only count: each word's most frequent tag, and a hidden Markov model.

The HMM also counts which tag follows which, and finds the best whole sequence with Viterbi's algorithm (Viterbi 1967;
Rabiner 1989).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from common.text.corpora import Sentence


class MostFrequentTag:
    """Every word gets the tag it had most often, a word never seen the commonest tag of all."""

    def __init__(self, sentences: list[Sentence]):
        counts: dict[str, Counter] = defaultdict(Counter)
        for sentence in sentences:
            for word, tag in sentence:
                counts[word.lower()][tag] += 1
        self.tags = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
        self.commonest = sum(counts.values(), Counter()).most_common(1)[0][0]

    def tag(self, words: list[str]) -> list[str]:
        """A tag for each word."""
        return [self.tags.get(word.lower(), self.commonest) for word in words]


def viterbi_table(emissions: Tensor, transitions: Tensor, start: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Viterbi's table: the score δ (T, K) of the best path to each tag of each word, and from which tag it came.

    δ[1, j] = start[j] + emissions[1, j],  δ[t, j] = max over i (δ[t − 1, i] + transitions[i, j]) + emissions[t, j]

    The second has T − 1 rows (K,): the i of that maximum, from the second word on.
    """
    best, came_from = [start + emissions[0]], []
    for scores in emissions[1:]:
        # best score of a path that ends in (i, j): i the tag before, j this one
        values, previous = (best[-1][:, None] + transitions).max(dim=0)
        best.append(values + scores)
        came_from.append(previous)
    return torch.stack(best), came_from


def viterbi(emissions: Tensor, transitions: Tensor, start: Tensor) -> list[int]:
    """The best sequence of tags: argmax of start[y₁] + Σ emissions[t, yₜ] + Σ transitions[yₜ₋₁, yₜ].

    emissions (T, K), transitions (K, K) from row to column, start (K,): scores such as log-probabilities.
    """
    best, came_from = viterbi_table(emissions, transitions, start)
    path = [int(best[-1].argmax())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return path[::-1]


def greedy(emissions: Tensor, transitions: Tensor, start: Tensor) -> list[int]:
    """Each tag as it is best after the one before, once and for all; the arguments are those of `viterbi`."""
    path = [int((start + emissions[0]).argmax())]
    for scores in emissions[1:]:
        path.append(int((transitions[path[-1]] + scores).argmax()))
    return path


class HiddenMarkov:
    """Tags follow tags, words follow from tags: log-probabilities from counts, with a little added to each."""

    def __init__(self, sentences: list[Sentence], tags: Sequence[str], added: float = 0.1):
        self.tags = tags
        number = {tag: i for i, tag in enumerate(tags)}
        k = len(tags)
        start, transitions = torch.full((k,), added), torch.full((k, k), added)
        words: dict[str, Tensor] = defaultdict(lambda: torch.zeros(k))
        paths = [[number[tag] for _, tag in sentence] for sentence in sentences]
        for tag, count in Counter(path[0] for path in paths).items():
            start[tag] += count
        for (before, after), count in Counter(pair for path in paths for pair in pairwise(path)).items():
            transitions[before, after] += count
        for (word, name), count in Counter((word.lower(), tag) for one in sentences for word, tag in one).items():
            words[word][number[name]] += count
        total = sum(words.values())
        once = sum((counts for counts in words.values() if counts.sum() == 1), torch.zeros(k))
        self.start, self.transitions = (start / start.sum()).log(), (transitions / transitions.sum(1, True)).log()
        # A word never seen is as likely under a tag as words seen once were.
        self.unknown = ((once + added) / (total + added * k)).log()
        self.emissions = {
            word: ((counts + added / len(words)) / (total + added)).log() for word, counts in words.items()
        }

    def parts(self, words: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities as `viterbi` takes them: emissions (T, K) of a sentence, transitions (K, K), start (K,)."""
        emissions = torch.stack([self.emissions.get(word.lower(), self.unknown) for word in words])
        return emissions, self.transitions, self.start

    def tag(self, words: list[str]) -> list[str]:
        """The likeliest sequence of tags."""
        return [self.tags[i] for i in viterbi(*self.parts(words))]
