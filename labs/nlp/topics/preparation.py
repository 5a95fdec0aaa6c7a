"""From texts to a document–term matrix: clean, stop, stem, drop rare and common terms, count (Task № 1 b and c)."""

import html
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from scipy.sparse import csr_array

from common.errors import InputError
from common.settings import Count, Range, Settings
from common.text.corpora import TextData
from common.text.own_files import read_text
from labs.nlp.stemming import stem


@dataclass(frozen=True)
class Cleaning(Settings):
    """What is left out of texts before their words are counted."""

    stop_words: str = "english"  # words to leave out: english (scikit-learn's list), none, FILE, or english+FILE
    no_stem: bool = False  # leave words as they are
    lemmas: bool = False  # take words to their dictionary form (mice → mouse), not to a stem
    min_documents: Count = 2  # leave out terms in fewer documents
    max_share: Annotated[float, Range(0, 1, open="least")] = 0.8  # leave out terms in more than this share of them
    vocabulary: Annotated[int, Range(2)] = 5000  # keep the N most frequent terms

    def check(self) -> None:
        if self.lemmas and self.no_stem:
            raise InputError("--lemmas and --no-stem are two ways to leave stems away; take one of them")


@dataclass(frozen=True)
class Corpus:
    """Documents as counts of terms. `steps` says how many different words and tokens each step of cleaning left."""

    texts: list[str]
    counts: csr_array  # (D, V), whole numbers
    terms: list[str]  # (V,) stems, lemmas or words, in the order of the alphabet
    words: list[str]  # (V,) each term as a reader is shown it: of a stem the commonest of its words (galaxi: galaxies)
    y: np.ndarray  # (D,) the class of each document; empty without classes
    classes: tuple[str, ...]
    steps: list[tuple[str, int, int]]

    @property
    def sparsity(self) -> float:
        """Share of the matrix that is 0."""
        return 1 - self.counts.nnz / (self.counts.shape[0] * self.counts.shape[1])

    def check_topics(self, topics: int) -> None:
        """InputError for more topics than can be told apart: fewer than documents, and than terms."""
        documents, terms = self.counts.shape
        most = min(documents, terms) - 1
        if topics > most:
            raise InputError(f"--topics is {topics}; {documents} documents with {terms} terms allow at most {most}")


def clean(text: str) -> list[str]:
    """The words of a text in lower case: no HTML, numbers, punctuation, nor what follows an apostrophe."""
    text = re.sub(r"<[^<>]*>", " ", html.unescape(text)).lower()
    text = re.sub(r"(n['’]t|['’]\w+)\b", " ", text)  # don't → do, it's → it
    return re.findall(r"[^\W\d_]{2,}", text)


def read_stop_words(names: str) -> frozenset[str]:
    """The words that `--stop-words` names: `english`, `none`, a file with words between blanks, or several by +."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words: set[str] = set()
    for name in names.split("+"):
        if name == "english":
            words |= ENGLISH_STOP_WORDS
        elif name and Path(name).is_file():
            words |= set(read_text(Path(name)).lower().split())
        elif name != "none":
            raise InputError(f"--stop-words {names}: {name!r} is neither english nor none nor a file")
    return frozenset(words)


def normaliser(args: Cleaning) -> Callable[[str], str]:
    """The function from a word in lower case to the term it is counted as."""
    if args.no_stem:
        return str
    if args.lemmas:
        from simplemma import lemmatize

        return lambda word: lemmatize(word, lang="en").lower()
    return stem


def count_terms(data: TextData, args: Cleaning, limit: int | None = None, seed: int = 0) -> Corpus:
    """Clean, stop, stem, drop rare and common terms, count; of at most `limit` documents, drawn by the seed.

    Documents that nothing is left of are left out. Raises InputError if fewer than two documents or terms are left.
    """
    texts, y = data.texts, data.y.numpy()
    if limit and limit < len(texts):
        chosen = np.random.default_rng(seed).permutation(len(texts))[:limit]
        texts, y = [texts[i] for i in chosen], y[chosen] if len(y) else y
    documents = [clean(text) for text in texts]
    steps = [("words in lower case", *_sizes(documents))]
    if stopped := read_stop_words(args.stop_words):
        documents = [[w for w in words if w not in stopped] for words in documents]
        steps.append(("without stop words", *_sizes(documents)))
    written = Counter(w for words in documents for w in words)
    normal = normaliser(args)
    term_of = {word: normal(word) for word in written}
    if not args.no_stem:
        documents = [[term_of[w] for w in words] for words in documents]
        steps.append(("lemmas" if args.lemmas else "stemmed", *_sizes(documents)))
    held_by = Counter(term for words in documents for term in set(words))
    common = args.max_share * len(documents)
    terms = {term for term, n in held_by.items() if args.min_documents <= n <= common}
    documents = [[w for w in words if w in terms] for words in documents]
    steps.append(("neither rare nor common", *_sizes(documents)))
    frequent = Counter(w for words in documents for w in words).most_common(args.vocabulary)
    index = {term: i for i, term in enumerate(sorted(term for term, _ in frequent))}
    documents = [[w for w in words if w in index] for words in documents]
    steps.append(("the most frequent", *_sizes(documents)))

    kept = [i for i, words in enumerate(documents) if words]
    if len(index) < 2 or len(kept) < 2:
        raise InputError(
            f"cleaning left {len(index)} terms in {len(kept)} documents; at least 2 of each are needed: lower "
            "--min-documents, raise --max-share, or give more text"
        )
    rows = np.repeat(np.arange(len(kept)), [len(documents[i]) for i in kept])
    columns = np.array([index[w] for i in kept for w in documents[i]])
    counts = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(len(kept), len(index)))
    counts.sum_duplicates()
    # Backwards, so that of a stem's words the commonest (of equals the first of the alphabet) has the last word.
    ranked = sorted(written, key=lambda word: (-written[word], word))
    shown = {term_of[word]: word for word in reversed(ranked)} if normal is stem else {}
    words = [shown.get(term, term) for term in index]
    return Corpus([texts[i] for i in kept], counts, list(index), words, y[kept] if len(y) else y, data.classes, steps)


def _sizes(documents: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Different words, and all of them."""
    return len({w for words in documents for w in words}), sum(map(len, documents))
