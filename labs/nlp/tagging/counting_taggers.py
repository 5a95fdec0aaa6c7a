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


def viterbi(emissions: Tensor, transitions: Tensor, start: Tensor) -> list[int]:
    """The best sequence of tags: argmax of start[y₁] + Σ emissions[t, yₜ] + Σ transitions[yₜ₋₁, yₜ].

    emissions (T, K), transitions (K, K) from row to column, start (K,): scores such as log-probabilities.
    """
    best, came_from = start + emissions[0], []
    for scores in emissions[1:]:
        # best score of a path that ends in (i, j): i the tag before, j this one
        values, previous = (best[:, None] + transitions).max(dim=0)
        best = values + scores
        came_from.append(previous)
    path = [int(best.argmax())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return path[::-1]


class HiddenMarkov:
    """Tags follow tags, words follow from tags: log-probabilities from counts, with a little added to each."""

    def __init__(self, sentences: list[Sentence], tags: Sequence[str], added: float = 0.1):
        self.tags = tags
        number = {tag: i for i, tag in enumerate(tags)}
        k = len(tags)
        start, transitions = torch.full((k,), added), torch.full((k, k), added)
        words: dict[str, Tensor] = defaultdict(lambda: torch.zeros(k))
        for sentence in sentences:
            path = [number[tag] for _, tag in sentence]
            start[path[0]] += 1
            for before, after in pairwise(path):
                transitions[before, after] += 1
            for (word, _), tag in zip(sentence, path, strict=True):
                words[word.lower()][tag] += 1
        total = sum(words.values())
        once = sum((counts for counts in words.values() if counts.sum() == 1), torch.zeros(k))
        self.start, self.transitions = (start / start.sum()).log(), (transitions / transitions.sum(1, True)).log()
        # A word never seen is as likely under a tag as words seen once were.
        self.unknown = ((once + added) / (total + added * k)).log()
        self.emissions = {
            word: ((counts + added / len(words)) / (total + added)).log() for word, counts in words.items()
        }

    def tag(self, words: list[str]) -> list[str]:
        """The likeliest sequence of tags."""
        emissions = torch.stack([self.emissions.get(word.lower(), self.unknown) for word in words])
        return [self.tags[i] for i in viterbi(emissions, self.transitions, self.start)]
