"""From a sentence to topics: words, counts, vectors, a classifier, LSA and LDA, each step shown.

Mirrors nlp.jl of the course, in its order: words.py and word_vectors.py have its first parts, this file the others and
the walk through all of them. README.md has the table of differences.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated

import numpy as np

from common import cli
from common.errors import InputError
from common.settings import Count, DataDir, OptionalPath, Range, Role, Seed, Settings
from common.sources import data_dir_from_environment
from common.text.corpora import TextData, load_texts
from labs.nlp.lda import GibbsLDA, Prior
from labs.nlp.stemming import stem, steps
from labs.nlp.word_vectors import corpus_embeddings, load_embeddings, parse_analogy
from labs.nlp.words import (
    ENTITIES,
    OTHER_TAGS,
    PREPARATION,
    TAGGED,
    TAGS,
    TEXT,
    lexical_frequency,
    lexicon,
    prepare,
    tokenize,
)


@dataclass(frozen=True)
class HyperParams(Settings):
    """Walk through the course's language lab, step by step."""

    text: str = TEXT  # the sentence to take apart
    dataset: str = "topics"  # the corpus for what needs one: topics, reviews (embedded), ag_news, imdb, folder:PATH, …
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # where data sets lie
    offline: Annotated[bool, Role.PLACE] = False  # never touch the network
    limit: Annotated[int, Range(4)] = 400  # use at most N documents of the corpus
    glove: OptionalPath = None  # word vectors, e.g. glove.6B.50d.txt; none: made from the corpus
    max_vocab_size: Count = 10_000  # words read from that file, the most frequent first
    analogy: str = ""  # one of your own: king-man+woman asks what king is to man, for woman
    topics: Count = 2  # k of LSA and LDA
    iterations: Count = 1000  # sweeps of Gibbs sampling
    alpha: Prior = 0.1  # α of LDA, document–topic
    beta: Prior = 0.1  # β of LDA, topic–word
    seed: Seed = 0  # fixes every random draw

    def check(self) -> None:
        self.refuse_unused({"max_vocab_size": self.glove is not None}, "without a file of vectors; add --glove FILE")


# --- Naive Bayes ----------------------------------------------------------------------------------------------------


class NaiveBayes:
    """P(class | words) ∝ P(class) Π P(word | class), with every count one larger than it is (Laplace)."""

    def __init__(self, documents: Sequence[Sequence[str]], labels: Sequence[str]):
        self.classes = sorted(set(labels))
        self.words = {word: i for i, word in enumerate(sorted(lexicon(documents)))}
        counts = np.ones((len(self.classes), len(self.words)))
        for tokens, label in zip(documents, labels, strict=True):
            np.add.at(counts[self.classes.index(label)], [self.words[token] for token in tokens], 1)
        prior = np.array([labels.count(name) for name in self.classes]) / len(labels)
        self.log_prior, self.log_likelihood = np.log(prior), np.log(counts / counts.sum(axis=1, keepdims=True))

    def predict(self, tokens: Sequence[str]) -> dict[str, float]:
        """The probability of each class. Words that were never seen say nothing."""
        known = [self.words[token] for token in tokens if token in self.words]
        scores = self.log_prior + self.log_likelihood[:, known].sum(axis=1)
        p = np.exp(scores - scores.max())
        return dict(zip(self.classes, (p / p.sum()).tolist(), strict=True))


# --- Document–term matrix, LSA --------------------------------------------------------------------------------------


def document_term_matrix(documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, list[str]]:
    """Counts (D, V), and the V terms in the order of the alphabet."""
    terms = sorted(lexicon(documents))
    index = {term: i for i, term in enumerate(terms)}
    counts = np.zeros((len(documents), len(terms)))
    for row, tokens in enumerate(documents):
        np.add.at(counts[row], [index[token] for token in tokens], 1)
    return counts, terms


def tf_idf(counts: np.ndarray, *, smooth: bool = False) -> np.ndarray:
    """Share of the term in the document times idf = ln(D / df), or, smooth, ln((1 + D) / (1 + df)) + 1.

    Raises InputError if all of it is 0, as it is for one document (every term is in all of them: ln 1 = 0).
    """
    df = (counts > 0).sum(axis=0)
    idf = np.log((1 + len(counts)) / (1 + df)) + 1 if smooth else np.log(len(counts) / df.clip(min=1))
    weights = counts / counts.sum(axis=1, keepdims=True).clip(min=1) * idf
    if not weights.any():
        raise InputError(
            f"TF-IDF of {len(counts)} document(s) is 0 everywhere: every term is in all of them, and ln 1 = 0; "
            "give more documents, or take the smooth idf"
        )
    return weights


def lsa(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latent semantic analysis: the SVD, matrix (D, V) = U · diag(singular values) · Vᵀ."""
    return np.linalg.svd(matrix, full_matrices=False)


def lda(
    counts: np.ndarray, k: int = 2, iterations: int = 1000, alpha: float = 0.1, beta: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """ϕ (k, V), θ (k, D) as Julia returns them, and the log-likelihood per token after every sweep."""
    sampler = GibbsLDA(counts, k, alpha, beta, seed)
    history = []
    for _ in range(iterations):
        sampler.sweep()
        history.append(sampler.log_likelihood())
    return sampler.topic_words, sampler.document_topics.T, history


# --- The walk -------------------------------------------------------------------------------------------------------


def walk(**kws) -> None:
    """Print every step. Keyword arguments are the fields of HyperParams."""
    args = HyperParams(**kws)
    show_words(args.text)
    show_tags()
    data = load_texts(args.dataset, args.data_dir, offline=args.offline)
    show_vectors(args, [prepare(text).prepared for text in data.texts[: args.limit]])
    show_naive_bayes(data, args.limit)
    show_topics(args, data)


def show_words(text: str) -> None:
    """Lexicon and preparation of one text."""
    document = prepare(text)
    if not document.raw:
        raise InputError("--text holds no word; give a sentence")
    words = lexicon([document.raw])
    heading("Corpus and lexicon")
    print(text)
    print(f"{len(words)} entries: {dict(words)}")
    word = "fox" if "fox" in words else document.raw[0]
    print(f"lexical frequency of {word!r}: {lexical_frequency(word, words):g}")
    print(f"in lower case: {len(lexicon([[token.lower() for token in document.raw]]))} entries")
    heading("Preparation")
    for step in PREPARATION:
        text = step(text)
        print(f"{step.__name__:<18} {text!r}")
    heading("Stemming")
    for word in dict.fromkeys(document.prepared):
        changes = [(name, after) for (_, before), (name, after) in pairwise(steps(word)) if after != before]
        if changes:
            print(f"{word}: " + ", ".join(f"step {name} → {after}" for name, after in changes))
    print(f"raw       {document.raw}\nprepared  {document.prepared}\nstemmed   {document.stemmed}")


def show_tags() -> None:
    """The course's table of tags with the tagger's own, and the slide's sentence with tags and entities."""
    heading("Parts of speech")
    print(f"  {'course':<7} {'labs.nlp.tagging':<17} (Penn Treebank, Universal Dependencies)")
    for tag, (universal, meaning) in TAGS.items():
        print(f"  {tag:<7} {universal:<17} {meaning}")
    for universal, meaning in OTHER_TAGS.items():
        print(f"  {'':<7} {universal:<17} {meaning}")
    print(" ".join(f"{word}/{tag}" for word, tag in TAGGED))
    print("entities: " + ", ".join(f"{word} = {kind}" for word, kind in ENTITIES.items()))


COURSE_ANALOGIES = (("king", "man", "woman", "queen"), ("madrid", "spain", "france", "paris"))


def show_vectors(args: HyperParams, documents: Sequence[Sequence[str]]) -> None:
    """Analogies and neighbours, from the file or from the corpus."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    heading("Word vectors")
    asked: list[tuple[str, str, str, str | None]] = [(*parse_analogy(args.analogy), None)] if args.analogy else []
    if args.glove:
        embeddings = load_embeddings(args.glove, args.max_vocab_size)
        print(f"{args.glove}: {len(embeddings.words)} words, {embeddings.vectors.shape[1]} numbers each")
        print(
            f"first words {embeddings.words[:5]}, first number of {embeddings.words[0]!r} "
            f"{embeddings.vectors[0, 0]:.5g}"
        )
        asked = asked or [words for words in COURSE_ANALOGIES if set(words) <= set(embeddings.words)]
    else:
        embeddings = corpus_embeddings(documents)
        print(
            f"made from {len(documents)} documents of the corpus (PPMI and SVD): {len(embeddings.words)} words, "
            f"{embeddings.vectors.shape[1]} numbers each. Enough for neighbours; king − man + woman takes vectors "
            "made from much more text: --glove FILE"
        )
    for a, b, c, expected in asked:
        ranked = embeddings.analogy(a, b, c)
        print(f"{a} − {b} + {c}: " + ", ".join(f"{word} {cosine:.4f}" for word, cosine in ranked[:5]))
        if expected:
            rank, cosine = next((i, x) for i, (word, x) in enumerate(ranked, 1) if word == expected)
            print(f"  cosine to {expected!r} {cosine:.7f}, rank {rank} of {len(ranked)}")
    for word in [w for w in embeddings.words if w.isalpha() and w not in ENGLISH_STOP_WORDS][:5]:
        near = embeddings.nearest(embeddings[word], excluded=(word,))[:5]
        print(f"nearest to {word!r}: " + ", ".join(f"{other} {cosine:.2f}" for other, cosine in near))


def show_naive_bayes(data: TextData, limit: int) -> None:
    """The course's two sentences, then a real corpus with an accuracy."""
    heading("Naive Bayes")
    toy = NaiveBayes([tokenize("this is financial doc"), tokenize("this is legal doc")], ["financial", "legal"])
    sentence = "this should be predicted as a legal document"
    print(f"{sentence!r}: " + ", ".join(f"{k} {v:.6f}" for k, v in toy.predict(tokenize(sentence)).items()))
    if not data.classes:
        return
    train, test = data.texts_train[: 10 * limit], data.texts_test[:limit]
    names = [data.classes[i] for i in data.y_train[: len(train)].tolist()]
    model = NaiveBayes([prepare(text).stemmed for text in train], names)
    right = 0
    for text, label in zip(test, data.y_test.tolist(), strict=False):
        p = model.predict(prepare(text).stemmed)
        right += max(p, key=p.__getitem__) == data.classes[label]
    print(
        f"{data.name}, {len(data.classes)} classes, learned from {len(train)} documents: {right} of {len(test)} others "
        f"right ({right / len(test):.1%}; by chance {1 / len(data.classes):.1%})"
    )


def show_topics(args: HyperParams, data: TextData) -> None:
    """The document–term matrix, LSA and LDA: of the one sentence, where they fail, then of two of the classes."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    heading("Document–term matrix")
    counts, _ = document_term_matrix([prepare(args.text).raw])
    print(f"of the sentence alone: {counts.shape[0]} × {counts.shape[1]}")
    try:
        tf_idf(counts)
    except InputError as error:
        print(f"its TF-IDF: {error}")

    chosen: Sequence[int] = range(len(data.texts))
    if data.classes:  # two classes, so that two topics have something to find
        chosen = [i for i, label in enumerate(data.y.tolist()) if label < 2]
    texts = [data.texts[i] for i in chosen][: args.limit]
    words = [[word for word in prepare(text).prepared if word not in ENGLISH_STOP_WORDS] for text in texts]
    documents = [[stem(word) for word in own if len(word) > 1] for own in words]
    held_by = Counter(term for terms in documents for term in set(terms))
    documents = [[term for term in terms if held_by[term] > 1] for terms in documents]
    counts, terms = document_term_matrix(documents)
    if not terms:
        raise InputError("cleaning left no term that two documents share; give more text")
    names = f" ({' and '.join(data.classes[:2])})" if data.classes else ""
    print(f"of {len(texts)} documents{names}: {counts.shape[0]} × {counts.shape[1]}, {(counts == 0).mean():.1%} zeros")

    heading("LSA")
    U, singular_values, Vt = lsa(tf_idf(counts))
    print(f"U {U.shape}, singular values {np.round(singular_values[:5], 3)} …, Vᵀ {Vt.shape}")
    for k in range(min(args.topics, len(Vt))):
        heaviest = np.argsort(-np.abs(Vt[k]))[:10]
        print(f"dimension {k + 1}: " + ", ".join(f"{terms[t]} {Vt[k, t]:+.2f}" for t in heaviest))

    heading("LDA")
    phi, theta, history = lda(counts, args.topics, args.iterations, args.alpha, args.beta, args.seed)
    shown = sorted({0, len(history) // 100, len(history) // 10, len(history) - 1})
    print("log-likelihood per token, nats: " + ", ".join(f"{history[i]:.3f} after {i + 1}" for i in shown))
    for k in range(args.topics):
        print(f"topic {k + 1}: " + ", ".join(f"{terms[t]} {phi[k, t]:.3f}" for t in np.argsort(-phi[k])[:10]))
    for d in (0, len(texts) - 1):
        what = f" ({data.classes[data.y[chosen[d]]]})" if data.classes else ""
        print(f"θ of document {d + 1}{what}: {np.round(theta[:, d], 3)}")


def heading(text: str) -> None:
    """A line that parts the walk's chapters."""
    print(f"\n--- {text}")


def main() -> None:
    """The command `python -m labs.nlp`."""
    cli.run(walk, HyperParams)


if __name__ == "__main__":
    main()
