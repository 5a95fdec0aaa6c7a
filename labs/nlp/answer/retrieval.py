"""Which passage speaks of what was asked? By words (BM25), by directions (vectors), or by both.

BM25 (Robertson & Zaragoza 2009, "The probabilistic relevance framework: BM25 and beyond") adds up, over the words of a
question, how rare a word is and how often the passage has it, with less for each further time and for long passages.
"""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from labs.nlp.sentences import content_words, words_of

METHODS = ("bm25", "vectors", "both")


class BM25:
    """Texts by their words: Σ over the question's different words of idf · tf (k₁ + 1) / (tf + k₁ (1 − b + b l/l̄)).

    idf = ln(1 + (N − n + ½)/(n + ½)) of a word in n of N texts; tf: how often it is in the text; l: the text's length
    in words, l̄ the mean length.
    """

    def __init__(self, texts: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75):
        self.k1, self.count = k1, len(texts)
        self.held_by = Counter(word for words in texts for word in set(words))
        self.index = {word: i for i, word in enumerate(self.held_by)}
        mean = max(1, sum(map(len, texts))) / len(texts)
        rows, columns, weights = [], [], []
        for row, words in enumerate(texts):
            for word, tf in Counter(words).items():
                rows.append(row)
                columns.append(self.index[word])
                weights.append(self.idf(word) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(words) / mean)))
        self.weights = csr_array((weights, (rows, columns)), shape=(len(texts), len(self.index)))

    def idf(self, word: str) -> float:
        """How much it says that a text has the word; most for one that no text has."""
        n = self.held_by[word]
        return math.log(1 + (self.count - n + 0.5) / (n + 0.5))

    def scores(self, question: Sequence[str]) -> np.ndarray:
        """A score of each text (N,)."""
        asked = np.zeros(len(self.index))
        asked[[self.index[word] for word in set(question) if word in self.index]] = 1
        return self.weights @ asked

    def parts(self, question: Sequence[str], text: int) -> dict[str, float]:
        """What each different word of the question adds to the score of a text, 0 for one that it has not."""
        row = self.weights[[text]].toarray()[0]
        return {word: float(row[self.index[word]]) if word in self.index else 0.0 for word in question}

    def shares(self, question: Sequence[str]) -> np.ndarray:
        """The scores as shares of Σ idf (k₁ + 1), which no text reaches: in [0, 1), comparable between questions.

        A word that no text has counts in the sum as well: who asks for it will not find it here.
        """
        most = sum(self.idf(word) * (self.k1 + 1) for word in set(question))
        return self.scores(question) / most if most else np.zeros(self.count)


class LatentVectors:
    """Texts as directions: TF-IDF squeezed by an SVD into some hundred numbers (LSA), so that other words may match."""

    def __init__(self, texts: Sequence[Sequence[str]], dimensions: int, seed: int = 0):
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.tfidf = TfidfVectorizer(analyzer=list, sublinear_tf=True)
        matrix = self.tfidf.fit_transform(texts)
        self.svd = TruncatedSVD(min(dimensions, *matrix.shape), random_state=seed)
        self.texts = unit(self.svd.fit_transform(matrix))

    def cosines(self, question: Sequence[str]) -> np.ndarray:
        """The cosine of the question with each text (N,); 0 for one without a known word."""
        return self.texts @ unit(self.svd.transform(self.tfidf.transform([question])))[0]


class WordVectors:
    """Texts as the mean of their words' vectors (GloVe's, say), weighed by idf; words as written, not stemmed."""

    def __init__(self, texts: Sequence[str], path: Path, cache: Path):
        from common.text.vectors import Vectors

        self.vectors = Vectors(path, cache=cache)
        split = [words_as_written(text) for text in texts]
        self.rarity = BM25(split)
        self.texts = unit(np.stack([self.mean(words) for words in split]))

    def mean(self, words: Sequence[str]) -> np.ndarray:
        """Σ idf · vector over the words that have one; zeros if none has."""
        known = [self.rarity.idf(word) * self.vectors[word].numpy() for word in words if word in self.vectors]
        return np.sum(known, axis=0) if known else np.zeros(self.vectors.dim)

    def cosines(self, question: str) -> np.ndarray:
        """The cosine of the question with each text (N,)."""
        return self.texts @ unit(self.mean(words_as_written(question))[None])[0]


def words_as_written(text: str) -> list[str]:
    """Words in lower case, without stop words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [word for word in words_of(text) if word not in ENGLISH_STOP_WORDS]


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


class Index:
    """Texts that can be asked. Each is found by the words of its heading as well."""

    def __init__(
        self,
        texts: Sequence[str],
        *,
        k1: float = 1.2,
        b: float = 0.75,
        dimensions: int = 100,
        vectors: Path | None = None,
        cache: Path = Path(),
        seed: int = 0,
    ):
        self.words = [content_words(text) for text in texts]
        self.bm25 = BM25(self.words, k1, b)
        self.latent = None if vectors else LatentVectors(self.words, dimensions, seed)
        self.written = WordVectors(texts, vectors, cache) if vectors else None

    def scores(self, question: str) -> dict[str, np.ndarray]:
        """By method a score of each text (N,), comparable between questions: BM25's share, the cosine, their mean."""
        words = content_words(question)
        shares = self.bm25.shares(words)
        if self.latent:
            cosines = self.latent.cosines(words)
        else:
            assert self.written
            cosines = self.written.cosines(question)
        return {"bm25": shares, "vectors": cosines, "both": (shares + cosines) / 2}
