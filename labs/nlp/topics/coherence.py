"""How good topics are without asking anybody: do their terms occur together, and do they agree with known classes?

Coherence (Röder, Both & Hinneburg 2015 compare many) is a mean over all pairs of a topic's top terms. p(i) is the
share of documents that hold term i, p(i, j) of those that hold both, D(…) the same as counts:

    NPMI    log(p(i, j) / (p(i) p(j))) / −log p(i, j)     from −1 (never together) over 0 (as by chance) to 1
    UMass   log((D(i, j) + 1) / D(j))                     j the higher in the topic; at most about 0, more is better

That is UMass as Mimno et al. (2011) have it. gensim's `u_mass` lacks the + 1: it adds 1e-12 to the share p(i, j), so
that a pair that is never together costs some −25 there, and log(1 / D(j)) here.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array


def coherence(tops: Sequence[Sequence[int]], counts: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """NPMI and UMass of each topic, (K,) both.

    `tops` holds the top terms of each topic, best first, as columns of the document–term matrix `counts` (D, V).
    Every term must occur in the corpus.
    """
    present = csr_array(counts > 0).astype(np.int64)
    npmi, umass = [], []
    for terms in tops:
        held = present[:, list(terms)].toarray()  # (D, T)
        both = held.T @ held  # D(i, j); D(i) on the diagonal
        i, j = np.tril_indices(len(terms), -1)  # each pair once, j the higher in the topic
        single, pair = np.diag(both), both[i, j]
        umass.append(np.log((pair + 1) / single[j]).mean())
        npmi.append(_npmi(pair, single[i], single[j], len(held)).mean())
    return np.array(npmi), np.array(umass)


def _npmi(pair: np.ndarray, one: np.ndarray, other: np.ndarray, documents: int) -> np.ndarray:
    values = np.full(len(pair), -1.0)  # never together
    values[pair == documents] = 1.0  # both in every document, where the formula has 0/0
    some = (pair > 0) & (pair < documents)
    p = pair[some] / documents
    chance = one[some] / documents * (other[some] / documents)
    values[some] = np.log(p / chance) / -np.log(p)
    return values


def agreement(groups: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """How well groups (N,) agree with classes y (N,), both numbered in any order.

    nmi      mutual information over the mean of the two entropies: 0 (independent) to 1 (the same partition)
    purity   share of the samples that belong to their group's most frequent class
    """
    from sklearn.metrics import normalized_mutual_info_score

    table = np.zeros((groups.max() + 1, y.max() + 1), dtype=np.int64)
    np.add.at(table, (groups, y), 1)
    return {
        "nmi": float(normalized_mutual_info_score(y, groups)),
        "purity": float(table.max(axis=1).sum() / len(y)),
    }
