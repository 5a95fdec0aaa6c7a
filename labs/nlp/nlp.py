"""From a sentence to topics: words, counts, vectors, a classifier, LSA and LDA, each step shown.

Mirrors nlp.jl of the course, in its order. The functions are pure: they return a new value and leave what they are
given as it is, where Julia's `prepare!` and `stem!` change it. README.md has the table of differences.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from common import cli
from common.errors import InputError
from common.sources import data_dir_from_environment
from common.text import Vectors
from common.text.corpora import TextData, load_texts
from labs.nlp.lda import GibbsLDA
from labs.nlp.stemming import stem, steps

TEXT = "The quick brown fox is jumping over the lazy dog"


@dataclass(frozen=True)
class HyperParams:
    """Walk through the course's language lab, step by step."""

    text: str = TEXT  # the sentence to take apart
    dataset: str = "topics"  # the corpus for what needs one: topics, reviews (embedded), ag_news, imdb, folder:PATH, …
    data_dir: Path = field(default_factory=data_dir_from_environment)  # where data sets lie
    offline: bool = False  # never touch the network
    limit: int = 400  # use at most N documents of the corpus
    glove: cli.OptionalPath = None  # word vectors, e.g. glove.6B.50d.txt; none: made from the corpus
    max_vocab_size: int = 10_000  # words read from that file, the most frequent first
    analogy: str = ""  # one of your own: king-man+woman asks what king is to man, for woman
    topics: int = 2  # k of LSA and LDA
    iterations: int = 1000  # sweeps of Gibbs sampling
    alpha: float = 0.1  # α of LDA, document–topic
    beta: float = 0.1  # β of LDA, topic–word
    seed: int = 0  # fixes every random draw

    def __post_init__(self) -> None:
        for name, least in (("limit", 4), ("max_vocab_size", 1), ("topics", 1), ("iterations", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be at least {least}")
        for name in ("alpha", "beta"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"--{name} is {getattr(self, name)}; it must be greater than 0")


# --- Corpus and lexicon ---------------------------------------------------------------------------------------------


def tokenize(text: str) -> list[str]:
    """Words and punctuation marks, as they are written: "dog." → dog, ."""
    return re.findall(r"\w+(?:['’-]\w+)*|[^\w\s]", text)


def lexicon(documents: Sequence[Sequence[str]]) -> Counter[str]:
    """How often each token occurs in a corpus. Upper and lower case differ: The and the are two entries."""
    return Counter(token for tokens in documents for token in tokens)


def lexical_frequency(word: str, lexicon: Counter[str]) -> float:
    """The word's share of all tokens; 0 for a word that is not there."""
    return lexicon[word] / max(1, lexicon.total())


# --- Preparation: pure functions, in Julia's order ------------------------------------------------------------------


def strip_articles(text: str) -> str:
    """Without a, an, the, in either case."""
    return re.sub(r"\b(a|an|the)\b", "", text, flags=re.IGNORECASE)


def strip_numbers(text: str) -> str:
    """Without digits."""
    return re.sub(r"\d+", "", text)


def strip_punctuation(text: str) -> str:
    """Without anything but letters, digits and white space."""
    return re.sub(r"[^\w\s]|_", "", text)


def strip_case(text: str) -> str:
    """In lower case."""
    return text.lower()


def strip_whitespace(text: str) -> str:
    """With one blank between words and none at the ends."""
    return " ".join(text.split())


PREPARATION = (strip_articles, strip_numbers, strip_punctuation, strip_case, strip_whitespace)


@dataclass(frozen=True)
class Document:
    """A text, and what preparation and stemming make of it: three lists of tokens, none overwritten."""

    raw: list[str]
    prepared: list[str]
    stemmed: list[str]


def prepare(text: str) -> Document:
    """Tokens as written, after all steps of PREPARATION, and stemmed."""
    clean = text
    for step in PREPARATION:
        clean = step(clean)
    words = clean.split()
    return Document(tokenize(text), words, [stem(word) for word in words])


# --- Parts of speech ------------------------------------------------------------------------------------------------

# The course's table (Penn Treebank's tags), and the slide's sentence. Its `PoSTagger()` is commented out.
TAGS = {
    "JJ": "adjective (quick)",
    "NN": "noun, singular (fox)",
    "NNS": "noun, plural (dogs)",
    "VB": "verb, base form (jump)",
    "VBZ": "verb, third person singular (jumps)",
    "VBG": "verb, -ing form (jumping)",
    "VBD": "verb, past tense (released)",
    "RB": "adverb (quickly)",
    "IN": "preposition (over, in)",
    "DT": "determiner (a, the)",
    "PRP": "pronoun (it)",
    "CC": "conjunction (and)",
}
TAGGED = (
    *(("Apple", "NN"), ("released", "VBD"), ("a", "DT"), ("new", "JJ"), ("iPhone", "NN"), ("in", "IN")),
    ("California", "NN"),
)
ENTITIES = {"Apple": "Organization", "iPhone": "Product", "California": "Location"}


# --- Word vectors ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Embeddings:
    """Words and their vectors (V, d)."""

    words: list[str]
    vectors: Tensor

    def __getitem__(self, word: str) -> Tensor:
        """The word's vector (d,); InputError for an unknown word."""
        if word not in self.words:
            raise InputError(f"{word!r} is none of the {len(self.words)} words that have a vector; try another")
        return self.vectors[self.words.index(word)]

    def nearest(self, vector: Tensor, excluded: Sequence[str] = ()) -> list[tuple[str, float]]:
        """All words but the excluded ones with their cosine to `vector`, nearest first."""
        cosines = cosine_similarity(self.vectors, vector)
        order = cosines.argsort(descending=True).tolist()
        return [(self.words[i], float(cosines[i])) for i in order if self.words[i] not in excluded]

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
    """The course's table of tags, and the slide's sentence with tags and entities."""
    heading("Parts of speech")
    for tag, meaning in TAGS.items():
        print(f"  {tag:<4} {meaning}")
    print(" ".join(f"{word}/{tag}" for word, tag in TAGGED))
    print("entities: " + ", ".join(f"{word} = {kind}" for word, kind in ENTITIES.items()))


COURSE_ANALOGIES = (("king", "man", "woman", "queen"), ("madrid", "spain", "france", "paris"))


def show_vectors(args: HyperParams, documents: Sequence[Sequence[str]]) -> None:
    """Analogies and neighbours, from the file or from the corpus."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    heading("Word vectors")
    asked = [(*parse_analogy(args.analogy), None)] if args.analogy else []
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


def parse_analogy(text: str) -> tuple[str, str, str]:
    """king-man+woman → its three words."""
    parts = re.fullmatch(r"\s*([^-−+\s]+)\s*[-−]\s*([^-−+\s]+)\s*\+\s*([^-−+\s]+)\s*", text)
    if not parts:
        raise InputError(f"--analogy {text!r} is not of the form king-man+woman")
    return parts[1], parts[2], parts[3]


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
        right += max(p, key=p.get) == data.classes[label]
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

    texts, y = data.texts, data.y.tolist()
    if data.classes:  # two classes, so that two topics have something to find
        texts, y = zip(*((text, label) for text, label in zip(texts, y, strict=True) if label < 2), strict=True)
    texts = texts[: args.limit]
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
        what = f" ({data.classes[y[d]]})" if data.classes else ""
        print(f"θ of document {d + 1}{what}: {np.round(theta[:, d], 3)}")


def heading(text: str) -> None:
    """A line that parts the walk's chapters."""
    print(f"\n--- {text}")


def main() -> None:
    """The command `python -m labs.nlp`."""
    cli.run(walk, HyperParams)


if __name__ == "__main__":
    main()
