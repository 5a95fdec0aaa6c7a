"""Words and their vectors, read from a file or made from a corpus: neighbours, and king − man + woman."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from common.errors import InputError
from common.text import Vectors
from labs.nlp.words import lexicon


@dataclass(frozen=True)
class Embeddings:
    """Words and their vectors (V, d)."""

    words: list[str]
    vectors: Tensor

    @functools.cached_property
    def places(self) -> dict[str, int]:
        """Which row is a word's; of a word that is there twice, the first."""
        return {word: row for row, word in reversed(list(enumerate(self.words)))}

    def __getitem__(self, word: str) -> Tensor:
        """The word's vector (d,); InputError for an unknown word."""
        if word not in self.places:
            raise InputError(f"{word!r} is none of the {len(self.words)} words that have a vector; try another")
        return self.vectors[self.places[word]]

    def nearest(self, vector: Tensor, excluded: Sequence[str] = ()) -> list[tuple[str, float]]:
        """All words but the excluded ones with their cosine to `vector`, nearest first."""
        cosines = cosine_similarity(self.vectors, vector)
        order, values = cosines.argsort(descending=True).tolist(), cosines.tolist()
        return [(self.words[i], values[i]) for i in order if self.words[i] not in excluded]

    def analogy(self, a: str, b: str, c: str) -> list[tuple[str, float]]:
        """Words by their cosine to a − b + c (3CosAdd, Mikolov et al. 2013), a, b and c themselves left out.

        Left in, one of them wins nearly always. Julia has only the cosine to the answer that is hoped for.
        """
        return self.nearest(self[a] - self[b] + self[c], excluded=(a, b, c))


def cosine_similarity(u: Tensor, v: Tensor) -> Tensor:
    """u·v / (‖u‖ ‖v‖) over the last dimension; 0 if either is 0."""
    return (u * v).sum(dim=-1) / (u.norm(dim=-1) * v.norm(dim=-1)).clip(min=1e-12)


def load_embeddings(path: Path, max_vocab_size: int | None = None) -> Embeddings:
    """The first `max_vocab_size` words of a file of vectors such as glove.6B.200d.txt."""
    vectors = Vectors(path, max_vectors=max_vocab_size)
    return Embeddings(vectors.itos, vectors.vectors)


def corpus_embeddings(
    documents: Sequence[Sequence[str]], dim: int = 50, window: int = 5, min_count: int = 3
) -> Embeddings:
    """Vectors from the corpus itself: which words stand near one another more often than by chance?

    PPMI = max(0, log(p(w, c) / (p(w) p(c)))) of words at most `window` apart, then its truncated SVD, U √Σ
    (Levy & Goldberg 2014 show how close word2vec is to this).
    """
    from sklearn.decomposition import TruncatedSVD

    words = [word for word, n in lexicon(documents).most_common() if n >= min_count]
    index = {word: i for i, word in enumerate(words)}
    pairs = [
        (index[word], index[other])
        for tokens in documents
        for i, word in enumerate(tokens)
        for other in tokens[max(0, i - window) : i]
        if word in index and other in index
    ]
    if len(words) <= 2 or not pairs:
        raise InputError(f"the corpus has {len(words)} words that occur {min_count} times; too few to make vectors of")
    i, j = np.array(pairs).T
    near = csr_array((np.ones(2 * len(i)), (np.append(i, j), np.append(j, i))), shape=(len(words), len(words)))
    share = near.sum(axis=1) / near.sum()
    inverse = diags_array(1 / share.clip(min=1e-12))
    ppmi = inverse @ (near / near.sum()) @ inverse
    ppmi.data = np.log(ppmi.data).clip(min=0)
    svd = TruncatedSVD(min(dim, len(words) - 1), random_state=0)
    vectors = svd.fit_transform(ppmi) / np.sqrt(svd.singular_values_)  # U Σ / √Σ
    return Embeddings(words, torch.from_numpy(vectors).float())


def parse_analogy(text: str) -> tuple[str, str, str]:
    """king-man+woman → its three words."""
    parts = re.fullmatch(r"\s*([^-−+\s]+)\s*[-−]\s*([^-−+\s]+)\s*\+\s*([^-−+\s]+)\s*", text)
    if not parts:
        raise InputError(f"--analogy {text!r} is not of the form king-man+woman")
    return parts[1], parts[2], parts[3]
