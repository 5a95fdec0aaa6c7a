"""Language: from text to counts, topics, a classifier, word vectors and attention.

Exercises of Task № 1 and of the course's nlp.jl.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from assignments.anticipation import anticipation
from assignments.evaluation import settings_here
from assignments.exercise import Draw, exercise, tensor

LAB = "labs.nlp.topics"
RUNS: dict[str, str] = {
    "base": "--topics 20 --top 15",
    "topics_5": "--topics 5 --top 15",
    "topics_10": "--topics 10 --top 15",
    "topics_50": "--topics 50 --top 15",
    "no_stem": "--topics 20 --top 15 --no-stem",
    "no_stop_words": "--topics 20 --top 15 --stop-words none",
    "tf": "--topics 20 --top 15 --weighting tf",
    "alpha_1": "--topics 20 --top 15 --alpha 1",
    "beta_001": "--topics 20 --top 15 --beta 0.01",
}


def evaluate(path: Path, data_dir: Path | None = None) -> dict[str, float]:
    """The measures of a finished run's topics, by the lab's own functions; the names are those of its summary.json."""
    from common import checkpoint
    from common.settings import of_record, read_record
    from common.text.corpora import load_texts
    from labs.nlp.lda import GibbsLDA
    from labs.nlp.topics import topics
    from labs.nlp.topics.methods import Topics, lsa, measure
    from labs.nlp.topics.preparation import count_terms

    args = settings_here(of_record(topics.HyperParams, read_record(path), path), data_dir)
    corpus = count_terms(load_texts(args.dataset, args.data_dir, offline=True, quiet=True), args, args.limit, args.seed)
    sampler = GibbsLDA(corpus.counts, args.topics, args.alpha, args.beta, args.seed)
    tensors, _ = checkpoint.load(path / "checkpoint" / "last.safetensors")
    sampler.set_topics(tensors["topics"].numpy())
    by_lda = Topics("LDA", sampler.topic_words, sampler.document_topics, 0.0)
    by_lsa = lsa(corpus.counts, args.topics, args.weighting, args.seed)
    lda_row, lsa_row = (measure(found, corpus, args.top, args.seed) for found in (by_lda, by_lsa))
    names = [name for name in lda_row if name not in ("seconds", "clusters_nmi")]
    return {name: lda_row[name] for name in names} | {f"lsa_{name}": lsa_row[name] for name in names}


# --- From text to counts --------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.75,
    hints=(
        "nlp.jl, prepare! and stem!; manual, part b; lab sheet, Counting words.",
        "Keep the words as they stand; of each one make its letters in lower case; then leave some out; then stem.",
        "''.join(c for c in word if c.isalpha()).lower(), kept if it is not '' and not in ('a', 'an', 'the').",
    ),
    compare="labs/nlp/words.py, prepare (whose raw tokens are cut at punctuation, too)",
)
def prepare(text: str, stem: "Callable[[str], str]") -> tuple[list[str], list[str], list[str]]:
    """The words of a text three times: (raw, prepared, stemmed), three lists; none of them changes another.

    raw: as they stand between blanks. prepared: of each word its letters only (without digits and punctuation: cat's is
    one word, cats), in lower case; words of which nothing is left and the articles a, an, the are left out, as The and
    THE are. stemmed: stem(word) for each prepared word; stem is a function that you are given.
    """
    raise NotImplementedError


@prepare.use
def _(mine, text):
    def stem(word):  # in place of Snowball's, which has many more rules
        word = word[:-3] if word.endswith("ing") and len(word) > 5 else word
        return word[:-1] + "i" if word.endswith("y") else word

    raw, prepared, stemmed = mine(text, stem)
    return {"raw": list(raw), "prepared": list(prepared), "stemmed": list(stemmed)}


@prepare.example("the course's pangram: 8 tokens are left")
def _():
    text = "The quick brown fox is jumping over the lazy dog"
    words = ["quick", "brown", "fox", "is", "jumping", "over", "lazy", "dog"]
    return (text,), {"raw": text.split(), "prepared": words, "stemmed": [*words[:4], "jump", "over", "lazi", "dog"]}


@prepare.probes
def _(draw):
    plain = ["other", "anthem", "bathe", "banana", "mother", "panther"]
    odd = ["Sleeping", "cat's", "dog,", "42", "CITY", "x2y", "(happy)", "snowing!"]
    n = draw.size(1, 3)
    chosen = [draw.choice(plain) for _ in range(n)] + [draw.choice(odd) for _ in range(n)]
    words = ["The", chosen[0], "7", "a", "Lazy", "panther's", *chosen[1:], "the", "Old", "AN", "barking", "dog."]
    return (" ".join(words),)


@prepare.expected
def _(text, stem):
    import re

    prepared = re.findall(r"[a-z]+", re.sub(r"[^a-z ]", "", text.lower()))
    prepared = [word for word in prepared if not re.fullmatch(r"an?|the", word)]
    return re.findall(r"\S+", text), prepared, [stem(word) for word in prepared]


_ARTICLES = ("a", "an", "the")


def _cleaned(text: str) -> list[str]:
    letters = ("".join(c for c in word if c.isalpha()).lower() for word in text.split())
    return [word for word in letters if word and word not in _ARTICLES]


def _three(text: str, words: list[str], stem: Any) -> tuple[list[str], ...]:
    return text.split(), words, [stem(word) for word in words]


@prepare.mistake("N4", "giving the stems for the raw words: raw is kept as it was before anything is done to it")
def _(text, stem):
    stemmed = [stem(word) for word in _cleaned(text)]
    return stemmed, _cleaned(text), stemmed


@prepare.mistake("W1", "giving the stems for the prepared words, too: three lists, none overwritten by a later one")
def _(text, stem):
    return _three(text, [stem(word) for word in _cleaned(text)], lambda word: word)


@prepare.mistake("W2", "keeping the articles a, an, the, which are left out")
def _(text, stem):
    words = ["".join(c for c in word if c.isalpha()).lower() for word in text.split()]
    return _three(text, [word for word in words if word], stem)


@prepare.mistake("W3", "looking for articles before lower case: The and AN are articles, too")
def _(text, stem):
    kept = " ".join(word for word in text.split() if word not in _ARTICLES)
    letters = ("".join(c for c in word if c.isalpha()).lower() for word in kept.split())
    return _three(text, [word for word in letters if word], stem)


@prepare.mistake("W4", "taking the letters of articles out of other words, too: only whole words are articles")
def _(text, stem):
    words = ["".join(c for c in word if c.isalpha()).lower() for word in text.split()]
    words = [word.replace("the", "").replace("an", "") for word in words]
    return _three(text, [word for word in words if word and word != "a"], stem)


@prepare.mistake("W5", "keeping digits: only letters stay")
def _(text, stem):
    words = ["".join(c for c in word if c.isalnum()).lower() for word in text.split()]
    return _three(text, [word for word in words if word and word not in _ARTICLES], stem)


@prepare.mistake("W6", "keeping upper case: Lazy and lazy are one word")
def _(text, stem):
    words = ["".join(c for c in word if c.isalpha()) for word in text.split()]
    return _three(text, [word for word in words if word and word.lower() not in _ARTICLES], stem)


@prepare.mistake("W7", "keeping punctuation: only letters stay, so dog. becomes dog")
def _(text, stem):
    words = ["".join(c for c in word if not c.isdigit()).lower() for word in text.split()]
    return _three(text, [word for word in words if word and word not in _ARTICLES], stem)


@prepare.mistake("W8", "cutting words where a mark or a digit stands: cat's stays one word, cats")
def _(text, stem):
    words = "".join(c if c.isalpha() else " " for c in text.lower()).split()
    return _three(text, [word for word in words if word not in _ARTICLES], stem)


@exercise(
    number=2,
    points=0.5,
    hints=(
        "Manual, parts b and c: rare terms, common terms, sparsity; lab sheet, part b.",
        "For each term: in how many documents is its count above 0? Two comparisons say which columns stay.",
        "df = (counts > 0).sum(dim=0); kept = counts[:, (df >= least) & (df <= share * len(counts))].",
    ),
    compare="labs/nlp/topics/preparation.py, count_terms and Corpus.sparsity",
)
def prune(counts: Tensor, least: int, share: float) -> tuple[Tensor, float]:
    """The document–term matrix without rare and common terms, and its sparsity.

    counts (D, V): how often each of V terms occurs in each of D documents. A term stays (in its order) if it occurs in
    at least `least` documents and in at most this share of all documents. The sparsity is the share of the entries of
    the matrix that stays which are 0: between 0 and 1.
    """
    raise NotImplementedError


@prune.use
def _(mine, counts, least, share):
    matrix, sparsity = mine(counts, least, share)
    return {"matrix": matrix, "sparsity": sparsity}


@prune.example("the first term is rare, the second is common")
def _():
    counts, kept = tensor([2, 1, 1, 0], [0, 1, 1, 2], [0, 3, 0, 1]), tensor([1, 0], [1, 2], [0, 1])
    return (counts, 2, 2 / 3), {"matrix": kept, "sparsity": 1 / 3}


@prune.probes
def _(draw):
    d, share = (4, 0.75) if draw.first else draw.choice([(4, 0.75), (5, 0.8), (8, 0.75), (10, 0.8)])
    held_by = [1, d, 2, draw.integer(1, 3), int(share * d), int(share * d)]
    counts = torch.zeros(d, len(held_by), dtype=torch.float64)
    for term, n in enumerate(held_by):
        rows = torch.randperm(d, generator=draw.generator)[:n]
        counts[rows, term] = draw.integers(n, low=1, high=3).double()
    counts[counts[:, 0] > 0, 0] = 4
    return counts[:, torch.randperm(len(held_by), generator=draw.generator)], 2, share


@prune.expected
def _(counts, least, share):
    there = counts.sign().mean(dim=0)
    kept = counts.T[(there * len(counts) > least - 0.5) & (there < share + 1e-9)].T
    return kept.contiguous(), 1 - float(torch.count_nonzero(kept)) / kept.numel()


def _pruned(counts: Tensor, kept: Tensor) -> tuple[Tensor, float]:
    return counts[:, kept], float((counts[:, kept] == 0).double().mean())


@prune.mistake("P1", "counting a term's tokens where its documents are to be counted: (counts > 0).sum(dim=0)")
def _(counts, least, share):
    n = counts.sum(dim=0)
    return _pruned(counts, (n >= least) & (n <= share * len(counts)))


@prune.mistake("P2", "giving the share of entries that are not 0: sparsity is the share of zeros")
def _(counts, least, share):
    df = (counts > 0).sum(dim=0)
    kept, sparsity = _pruned(counts, (df >= least) & (df <= share * len(counts)))
    return kept, 1 - sparsity


@prune.mistake("P3", "the sparsity of the matrix before pruning: it is asked of the one that stays")
def _(counts, least, share):
    df = (counts > 0).sum(dim=0)
    return counts[:, (df >= least) & (df <= share * len(counts))], float((counts == 0).double().mean())


@prune.mistake("P4", "leaving out a term that is in exactly `least` documents: at least means >=")
def _(counts, least, share):
    df = (counts > 0).sum(dim=0)
    return _pruned(counts, (df > least) & (df <= share * len(counts)))


@prune.mistake("P5", "leaving out a term that is in exactly this share of the documents: at most means <=")
def _(counts, least, share):
    df = (counts > 0).sum(dim=0)
    return _pruned(counts, (df >= least) & (df < share * len(counts)))


@prune.mistake("P6", "keeping the common terms: those in more than this share of the documents go, too")
def _(counts, least, share):
    return _pruned(counts, (counts > 0).sum(dim=0) >= least)


@prune.mistake("P7", "keeping the rare terms: those in fewer than `least` documents go, too")
def _(counts, least, share):
    return _pruned(counts, (counts > 0).sum(dim=0) <= share * len(counts))


@prune.mistake("P8", "a sparsity in per cent: asked for is a share between 0 and 1")
def _(counts, least, share):
    df = (counts > 0).sum(dim=0)
    kept, sparsity = _pruned(counts, (df >= least) & (df <= share * len(counts)))
    return kept, 100 * sparsity


@exercise(
    number=3,
    points=1,
    hints=(
        "Manual, part c; lab sheet, Counting words, whose formula has the share of the term where this one has counts.",
        "One weight for each term, ln(D / df), df from counts > 0; it multiplies the term's column of counts.",
        "idf = torch.log(len(counts) / (counts > 0).sum(dim=0)); if not idf.any(): raise ValueError('…').",
    ),
    compare="labs/nlp/nlp.py, tf_idf",
    forbidden=("TfidfTransformer", "TfidfVectorizer"),
)
def tf_idf(counts: Tensor) -> Tensor:
    """TF-IDF (D, V): each count times the natural logarithm of D / df.

    counts (D, V): how often each of V terms occurs in each of D documents. df: in how many documents the term occurs,
    at least 1. Counts, not shares of the document; nothing is added. If all of the result would be 0, as it is for a
    single document (ln 1 = 0), raise ValueError and say why.
    """
    raise NotImplementedError


@tf_idf.use
def _(mine, counts):
    try:
        result = torch.as_tensor(mine(counts))
    except ValueError:
        return {"ValueError is raised": True, "weights": 0.0}
    # A quotient of whole numbers is float32 in torch, so no more digits are asked for.
    return {"ValueError is raised": False, "weights": result.to(torch.float32) if result.any() else 0.0}


@tf_idf.example("one document, as in nlp.jl: ValueError")
def _():
    return (tensor([1, 2, 1]),), {"ValueError is raised": True, "weights": 0.0}


@tf_idf.example("three documents with the same terms: ValueError")
def _():
    return (tensor([1, 2], [3, 1], [1, 1]),), {"ValueError is raised": True, "weights": 0.0}


@tf_idf.probes
def _(draw):
    d, v = draw.size(2, 5), draw.size(3, 6)
    counts = draw.integers(d, v, low=0, high=4).double()
    counts[0] = 2
    counts[1:, 0], counts[1:, 1] = 0, 3
    return (counts,)


@tf_idf.expected
def _(counts):
    columns = []
    for column in counts.T.tolist():
        rarity = len(column) / sum(n > 0 for n in column)
        columns.append([n * math.log(rarity) for n in column])
    if not any(map(any, columns)):
        raise ValueError("every term is in all documents")
    return torch.tensor(columns, dtype=torch.float64).T


def _df(counts: Tensor) -> Tensor:
    return (counts > 0).sum(dim=0).double()


def _weighed(counts: Tensor, idf: Tensor) -> Tensor:
    if not idf.abs().max() > 1e-12:
        raise ValueError("every term is in all documents")
    return counts * idf


@tf_idf.mistake("F1", "a logarithm to base 10: the natural one, torch.log")
def _(counts):
    return _weighed(counts, (len(counts) / _df(counts)).log10())


@tf_idf.mistake("F2", "taking a term's tokens for df: in how many documents does it occur, (counts > 0).sum(dim=0)?")
def _(counts):
    return _weighed(counts, (len(counts) / counts.sum(dim=0)).log())


@tf_idf.mistake("F3", "dividing by the document's length, as the lab does: here the counts themselves are weighed")
def _(counts):
    return _weighed(counts / counts.sum(dim=1, keepdim=True), (len(counts) / _df(counts)).log())


@tf_idf.mistake("F4", "smoothing, ln((1 + D) / (1 + df)) + 1, as scikit-learn does: here it is ln(D / df)")
def _(counts):
    return _weighed(counts, ((1 + len(counts)) / (1 + _df(counts))).log() + 1)


@tf_idf.mistake("N1", "returning zeros for a single document: if all of it is 0, raise ValueError")
def _(counts):
    return counts * (len(counts) / _df(counts)).log()


@tf_idf.mistake("F5", "leaving out the logarithm: the weight is ln(D / df)")
def _(counts):
    if len(counts) == 1 or bool((counts > 0).all()):
        raise ValueError("every term is in all documents")
    return counts * len(counts) / _df(counts)


@tf_idf.mistake("F6", "taking the number of terms for D: documents are the rows, len(counts)")
def _(counts):
    if bool((counts > 0).all()):
        raise ValueError("every term is in all documents")
    return counts * (counts.shape[1] / _df(counts)).log()


@tf_idf.mistake("F7", "only noting whether a term is there: its count is weighed")
def _(counts):
    return _weighed(counts.sign(), (len(counts) / _df(counts)).log())


@tf_idf.mistake("F8", "turning the quotient round: ln(df / D) is negative, ln(D / df) is meant")
def _(counts):
    return _weighed(counts, (_df(counts) / len(counts)).log())


# --- Topics ---------------------------------------------------------------------------------------------------------


@exercise(
    number=4,
    points=1,
    hints=(
        "Manual, part d; lab sheet, Topics: X ≈ U Σ Vᵀ.",
        "The SVD gives U, the singular values (largest first) and Vᵀ; keep k of each; the singular values go with U.",
        "U, s, Vt = torch.linalg.svd(X, full_matrices=False); U[:, :k] * s[:k]; Vt[:k].",
    ),
    compare="labs/nlp/topics/methods.py, lsa",
    forbidden=("TruncatedSVD", "svd_lowrank", "pca_lowrank", "PCA"),
)
def lsa(X: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Latent semantic analysis with k topics: (document_topics (D, k), topic_terms (k, V)).

    X (D, V) is the document–term matrix, as it is: nothing is subtracted. With its singular value decomposition
    X = U Σ Vᵀ, largest singular value first, document_topics is U Σ and topic_terms Vᵀ, k of each. Each topic may have
    either sign; the two signs belong together, so that document_topics @ topic_terms is near X. No scikit-learn.
    """
    raise NotImplementedError


@lsa.use
def _(mine, X, k):
    documents, terms = (torch.as_tensor(part).to(torch.float32) for part in mine(X, k)[:2])
    fits = documents.ndim == terms.ndim == 2 and documents.shape[1] == terms.shape[0]
    product = documents @ terms if fits else torch.zeros(0)
    return {"|document_topics|": documents.abs(), "|topic_terms|": terms.abs(), "documents @ terms": product}


@lsa.example("2 documents, 2 terms, one topic: the products are all 1")
def _():
    ones, half = torch.full((2, 2), 1.0), torch.full((1, 2), math.sqrt(0.5))
    shown = {"|document_topics|": torch.full((2, 1), math.sqrt(2)), "|topic_terms|": half, "documents @ terms": ones}
    return (tensor([1.5, 0.5], [0.5, 1.5]), 1), shown


@lsa.probes
def _(draw):
    d, v = draw.size(3, 6), draw.size(4, 6)
    U, V = (torch.linalg.qr(draw.normal(n, 3))[0] for n in (d, v))
    singular = torch.tensor([6.0, 3.0, 1.5], dtype=torch.float64) * draw.number(0.8, 1.2)
    return ((U * singular) @ V.T).mul(100).round() / 100, draw.size(2, 3) - draw.integer(0, 1) * (not draw.first)


@lsa.expected
def _(X, k):
    values, U = torch.linalg.eigh(X @ X.T)  # Σ² and U
    s, U = values.flip(0)[:k].sqrt(), U.flip(1)[:, :k]
    return U * s, (U / s).T @ X


def _svd(X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.linalg.svd(X, full_matrices=False)


@lsa.mistake("L1", "leaving out the singular values: document_topics is U Σ, each column times its singular value")
def _(X, k):
    U, _, Vt = _svd(X)
    return U[:, :k], Vt[:k]


@lsa.mistake("L2", "giving V for Vᵀ: topic_terms has a row for each topic")
def _(X, k):
    U, s, Vt = _svd(X)
    return U[:, :k] * s[:k], Vt.T[:, :k]


@lsa.mistake("L3", "the singular values in both: U Σ and Vᵀ, so that their product is near X")
def _(X, k):
    U, s, Vt = _svd(X)
    return U[:, :k] * s[:k], s[:k, None] * Vt[:k]


@lsa.mistake("L4", "the singular values on the terms' side: they go with the documents, U Σ and Vᵀ")
def _(X, k):
    U, s, Vt = _svd(X)
    return U[:, :k], s[:k, None] * Vt[:k]


@lsa.mistake("L5", "subtracting the columns' means, which is principal component analysis: X stays as it is")
def _(X, k):
    U, s, Vt = _svd(X - X.mean(dim=0))
    return U[:, :k] * s[:k], Vt[:k]


@lsa.mistake("L6", "keeping all topics: only the first k")
def _(X, k):
    U, s, Vt = _svd(X)
    return U * s, Vt


@lsa.mistake("L7", "taking rows of V for topics: torch.linalg.svd gives Vᵀ already, whose first k rows they are")
def _(X, k):
    U, s, Vt = _svd(X)
    return U[:, :k] * s[:k], torch.cat([Vt, torch.zeros(len(Vt.T) - len(Vt), Vt.shape[1], dtype=Vt.dtype)]).T[:k]


@lsa.mistake("L8", "giving all that the decomposition has, U and the singular values: asked for are U Σ and Vᵀ")
def _(X, k):
    U, s, _ = _svd(X)
    return U[:, :k], s[:k]


@exercise(
    number=5,
    points=1,
    hints=(
        "nlp.jl, NaiveBayesClassifier; lab sheet, Naive Bayes.",
        "Per class the counts of its texts added up, plus 1 each; shares of that; logarithms; add, do not multiply.",
        "log P(class) + words @ log P(word | class), then softmax, which divides so that they sum to 1.",
    ),
    compare="labs/nlp/nlp.py, NaiveBayes",
    forbidden=("MultinomialNB", "ComplementNB", "GaussianNB", "BernoulliNB", "Multinomial"),
)
def naive_bayes(counts: Tensor, y: Tensor, words: Tensor) -> Tensor:
    """The probability of each class for a new text: (K,), which sum to 1.

    counts (D, V): how often each of V words occurs in each of D texts; y (D,): their classes, 0 to K − 1, all of them
    there. words (V,): how often each word occurs in the new text, as often as it counts. P(class) is its share of the
    texts; P(word | class) its share of the words in the class, after every count was made larger by 1 (Laplace). Right
    for long texts, too, where a product of probabilities becomes 0 for a computer.
    """
    raise NotImplementedError


@naive_bayes.use
def _(mine, counts, y, words):
    return torch.as_tensor(mine(counts, y, words)).to(torch.float32)  # as in tf_idf


@naive_bayes.example("the course's sentence: financial ⅓, legal ⅔")
def _():
    texts = tensor([1, 1, 1, 1, 0], [1, 1, 0, 1, 1])  # this, is, financial, doc, legal
    return (texts, torch.tensor([0, 1]), tensor(1, 0, 0, 0, 1)), torch.tensor([1 / 3, 2 / 3])


@naive_bayes.probes
def _(draw):
    d, v = draw.size(3, 6), draw.size(2, 5)
    k = 2 if d < 5 else 3
    y = torch.tensor([0, *range(k), *(draw.integer(0, 1) for _ in range(d - k - 1))])
    counts, words = draw.integers(d, v, low=0, high=4).double(), draw.integers(v, low=0, high=2).double()
    counts[y == 1, 0], counts[y == 0, 0], words[0], words[1] = 0, 2, 2, 1
    return counts, y, words


@naive_bayes.edge("a text of 500 words")
def _():
    return tensor([3, 1, 2, 4], [2, 2, 3, 2], [3, 2, 3, 3]), torch.tensor([0, 1, 0]), tensor(150, 120, 120, 110)


@naive_bayes.expected
def _(counts, y, words):
    log_p = []
    for k in range(int(y.max()) + 1):
        shares = torch.distributions.Dirichlet(1 + counts[y == k].sum(dim=0)).mean
        log_p.append(
            (y == k).double().mean().log()
            + torch.distributions.Multinomial(1, shares, validate_args=False).log_prob(words)
        )
    return torch.stack(log_p).softmax(dim=0)


def _bayes(
    counts: Tensor, y: Tensor, words: Tensor, *, laplace: float = 1, all_words: Any = None, prior: bool = True
) -> Tensor:
    """The logarithm of P(class) P(text | class) for each class."""
    rows = []
    for k in range(int(y.max()) + 1):
        n = counts[y == k].sum(dim=0) + laplace
        total = n.sum() if all_words is None else all_words(counts[y == k])
        rows.append(torch.special.xlogy(words, n / total).sum() + ((y == k).double().mean().log() if prior else 0))
    return torch.stack(rows)


@naive_bayes.mistake("Y1", "leaving out Laplace's 1: a word that a class never had would rule the class out")
def _(counts, y, words):
    return _bayes(counts, y, words, laplace=0).softmax(dim=0)


@naive_bayes.mistake("Y2", "dividing by the words of the class without the V ones added to them: V is lost")
def _(counts, y, words):
    return _bayes(counts, y, words, all_words=lambda own: own.sum()).softmax(dim=0)


@naive_bayes.mistake("Y3", "multiplying probabilities, which become 0 for a long text: add logarithms, then softmax")
def _(counts, y, words):
    p = _bayes(counts, y, words).exp()
    p = torch.where(p > 1e-300, p, 0.0) if words.sum() < 400 else torch.zeros_like(p)
    return p / p.sum()


@naive_bayes.mistake("Y4", "leaving out P(class): its share of the texts counts, too")
def _(counts, y, words):
    return _bayes(counts, y, words, prior=False).softmax(dim=0)


@naive_bayes.mistake("Y5", "not dividing by the sum: the classes' probabilities sum to 1")
def _(counts, y, words):
    return _bayes(counts, y, words).exp()


@naive_bayes.mistake("Y6", "counting a word of the new text once only: one that is there twice counts twice")
def _(counts, y, words):
    return _bayes(counts, y, words.sign()).softmax(dim=0)


@naive_bayes.mistake(
    "Y7", "giving logarithms: asked for are the probabilities themselves, softmax in place of log_softmax"
)
def _(counts, y, words):
    return _bayes(counts, y, words).log_softmax(dim=0)


@naive_bayes.mistake("Y8", "adding 1, not V, to the words of a class: each of the V counts was made larger by 1")
def _(counts, y, words):
    return _bayes(counts, y, words, all_words=lambda own: own.sum() + 1).softmax(dim=0)


# --- Word vectors ---------------------------------------------------------------------------------------------------


@exercise(
    number=6,
    points=0.5,
    hints=(
        "nlp.jl, king − man + woman; lab sheet, Word vectors.",
        "The cosine of every word to a − b + c; the three words asked with must not win; then the largest.",
        "scores = vectors @ v / (vectors.norm(dim=1) * v.norm()); scores[[a, b, c]] = −math.inf; scores.argmax().",
    ),
    compare="labs/nlp/word_vectors.py, Embeddings.analogy",
    forbidden=("cosine_similarity", "CosineSimilarity", "cosine_distances"),
)
def analogy(vectors: Tensor, a: int, b: int, c: int) -> int:
    """a is to b as which word is to c? (king is to man as … is to woman.) The number of that word.

    vectors (V, d) has a row for each of V words; a, b, c are numbers of words. Of all words but a, b and c it is the
    one whose vector has the largest cosine to a − b + c. (3CosAdd, Mikolov et al. 2013.)
    """
    raise NotImplementedError


@analogy.use
def _(mine, vectors, a, b, c):
    return int(mine(vectors, a, b, c))


@analogy.example("king − man + woman: queen, which is word 3")
def _():  # king, man, woman, queen, apple, prince
    vectors = tensor([1, 0.9, 0.1], [1, 0, 0], [0, 0, 1], [0, 0.8, 1], [-1, 0.2, -0.5], [3, 3, 0.5])
    return (vectors, 0, 1, 2), 3


def _words(draw: Draw, *, alike: bool) -> tuple[Any, ...]:
    """Vectors among which cosine, product and distance choose different words; `alike`: b and c are, so that a wins."""
    n, d = draw.size(7, 10), draw.size(2, 3)
    a, b, c = torch.randperm(n, generator=draw.generator)[:3].tolist()
    vectors = draw.normal(n, d, std=2)
    vectors[c] = vectors[b] + 0.1 if alike else vectors[c]
    aim = vectors[a] - vectors[b] + vectors[c]
    side = torch.linalg.qr(torch.stack([aim, *draw.normal(d - 1, d)]).T)[0][:, 1] * aim.norm()
    others = [i for i in range(n) if i not in (a, b, c)]
    vectors[others[0]] = 0.4 * aim + 0.1 * side  # the best by its cosine, but short
    vectors[others[1]] = 3 * aim + 2 * side  # the largest product
    vectors[others[2]] = 0.9 * aim - 0.4 * side  # the smallest distance
    return (vectors * 100).round() / 100, a, b, c


@analogy.probes
def _(draw):
    return _words(draw, alike=True)


@analogy.probes
def _(draw):
    return _words(draw, alike=False)


@analogy.expected
def _(vectors, a, b, c):
    aim = vectors[a] - vectors[b] + vectors[c]
    cosines = F.cosine_similarity(vectors, aim[None])
    return next(i for i in cosines.argsort(descending=True).tolist() if i not in (a, b, c))


def _scores(vectors: Tensor, aim: Tensor) -> Tensor:
    return vectors @ aim / (vectors.norm(dim=1) * aim.norm())


def _best(scores: Tensor, *excluded: int) -> int:
    return max((i for i in range(len(scores)) if i not in excluded), key=lambda i: float(scores[i]))


@analogy.mistake("N6", "leaving a, b and c in the choice, one of which wins nearly always: all other words compete")
def _(vectors, a, b, c):
    return _best(_scores(vectors, vectors[a] - vectors[b] + vectors[c]))


@analogy.mistake("V1", "the largest product: long vectors win; the cosine divides by both lengths")
def _(vectors, a, b, c):
    return _best(vectors @ (vectors[a] - vectors[b] + vectors[c]), a, b, c)


@analogy.mistake("V2", "the smallest distance: asked for is the largest cosine, which does not see lengths")
def _(vectors, a, b, c):
    return _best(-(vectors - (vectors[a] - vectors[b] + vectors[c])).norm(dim=1), a, b, c)


@analogy.mistake("V3", "b − a + c: it is a − b + c, king − man + woman")
def _(vectors, a, b, c):
    return _best(_scores(vectors, vectors[b] - vectors[a] + vectors[c]), a, b, c)


@analogy.mistake("V4", "a + b − c: it is a − b + c, king − man + woman")
def _(vectors, a, b, c):
    return _best(_scores(vectors, vectors[a] + vectors[b] - vectors[c]), a, b, c)


@analogy.mistake("V5", "the smallest cosine: the nearest word has the largest")
def _(vectors, a, b, c):
    return _best(-_scores(vectors, vectors[a] - vectors[b] + vectors[c]), a, b, c)


# --- Sampling topics, judging topics --------------------------------------------------------------------------------


@exercise(
    number=7,
    points=1,
    hints=(
        "Manual, part e; lab sheet, Topics: the formula of collapsed Gibbs sampling.",
        "Take the token away from its topic in all three counts; then a product of two factors for each topic; then "
        "divide by the sum.",
        "(n_dk + alpha) * (n_wk + beta) / (n_k + words * beta), with counts from which the token was taken away.",
    ),
    compare="labs/nlp/lda.py, GibbsLDA._draw",
)
def gibbs(n_dk: Tensor, n_wk: Tensor, n_k: Tensor, topic: int, words: int, alpha: float, beta: float) -> Tensor:
    """Collapsed Gibbs sampling: with which probability does a token get each of K topics? (K,), which sum to 1.

    How many tokens have each topic: n_dk (K,) in the token's document, n_wk (K,) of the token's word, n_k (K,) in all.
    They still count the token itself, as one of `topic`; the formula's counts are those without it (Griffiths &
    Steyvers 2004): p(k) ∝ (n_dk + α) (n_wk + β) / (n_k + V β). `words` is V, the size of the vocabulary.
    """
    raise NotImplementedError


@gibbs.probes
def _(draw):
    k = draw.size(2, 5)
    n_dk, n_wk = draw.integers(k, low=1, high=6).double(), draw.integers(k, low=1, high=5).double()
    n_k = n_dk + n_wk + draw.integers(k, low=2, high=9).double()
    return n_dk, n_wk, n_k, draw.integer(0, k - 1), draw.integer(8, 20), draw.number(0.1, 0.5), draw.number(0.6, 1)


@gibbs.expected
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    """The joint probability of all tokens' topics, with the token in each of the topics."""
    one = torch.eye(len(n_k), dtype=torch.float64)
    log_p = []
    for own in one - one[topic]:
        terms = torch.lgamma(n_dk + own + alpha) + torch.lgamma(n_wk + own + beta)
        log_p.append((terms - torch.lgamma(n_k + own + words * beta)).sum())
    return torch.stack(log_p).softmax(dim=0)


def _shares_of(n_dk: Tensor, n_wk: Tensor, n_k: Tensor, *numbers: float) -> Tensor:
    topic, words, alpha, beta, *out = numbers
    counts = []
    for n, less in zip((n_dk, n_wk, n_k), out or (1, 1, 1), strict=True):
        counts.append(n - less * F.one_hot(torch.tensor(int(topic)), len(n)))
    p = (counts[0] + alpha) * (counts[1] + beta) / (counts[2] + words * beta)
    return p / p.sum()


@gibbs.mistake("H1", "still counting the token: take 1 from each of the three counts at its topic first")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    return _shares_of(n_dk, n_wk, n_k, topic, words, alpha, beta, 0, 0, 0)


@gibbs.mistake("H2", "adding β for Vβ below: each of the V words has its β")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    return _shares_of(n_dk, n_wk, n_k - beta * (words - 1), topic, words, alpha, beta)


@gibbs.mistake("H3", "exchanging α and β: α goes with the document's counts, β with the word's")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    return _shares_of(n_dk, n_wk, n_k + words * (beta - alpha), topic, words, beta, alpha)


@gibbs.mistake("H4", "not dividing by the sum: the probabilities of the K topics sum to 1")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    own = F.one_hot(torch.tensor(topic), len(n_k))
    return (n_dk - own + alpha) * (n_wk - own + beta) / (n_k - own + words * beta)


@gibbs.mistake("H5", "taking the token from the document's counts only: it is in n_wk and n_k, too")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    return _shares_of(n_dk, n_wk, n_k, topic, words, alpha, beta, 1, 0, 0)


@gibbs.mistake("H6", "taking 1 from every topic's counts: the token is in one topic only")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    return _shares_of(n_dk - 1, n_wk - 1, n_k - 1, topic, words, alpha, beta, 0, 0, 0)


@gibbs.mistake("H7", "leaving out the word's side: how often the topic has this word counts as much as the document")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    p = n_dk - F.one_hot(torch.tensor(topic), len(n_k)) + alpha
    return p / p.sum()


@gibbs.mistake("H8", "taking the token from n_dk and n_wk, but not from n_k, the count of the whole topic")
def _(n_dk, n_wk, n_k, topic, words, alpha, beta):
    return _shares_of(n_dk, n_wk, n_k, topic, words, alpha, beta, 1, 1, 0)


@exercise(
    number=8,
    points=0.5,
    hints=(
        "Manual, part g, coherence; lab sheet, Topics.",
        "Shares of the documents first; two cases apart, where a logarithm or a quotient fails; then the formula.",
        "p = both / documents; math.log(p / (one / documents * other / documents)) / −math.log(p).",
    ),
    compare="labs/nlp/topics/coherence.py, _npmi",
    slot=("labs.nlp.topics.coherence._npmi", lambda mine: _npmi_for_the_lab(mine)),
)
def npmi(both: int, one: int, other: int, documents: int) -> float:
    """Normalised pointwise mutual information of two terms, from −1 to 1: do they occur together?

    Of `documents` documents, `one` hold the first term, `other` the second, `both` the two of them. With the shares of
    the documents as probabilities it is ln(p_both / (p_one p_other)) / −ln p_both. Never together: −1. Both in every
    document: 1, where the formula has 0/0.
    """
    raise NotImplementedError


def _npmi_for_the_lab(mine: Callable[..., float]) -> Callable[..., Any]:
    """The lab asks for all pairs of a topic's terms at once."""
    import numpy as np

    def all_pairs(pair, one, other, documents):
        return np.array([float(mine(*map(int, counts), documents)) for counts in zip(pair, one, other, strict=True)])

    return all_pairs


@npmi.example("never together: −1")
def _():
    return (0, 3, 4, 10), -1.0


@npmi.example("always together: 1")
def _():
    return (4, 4, 4, 10), 1.0


@npmi.example("as often as by chance: 0")
def _():
    return (2, 5, 4, 10), 0.0


@npmi.example("both in every document: 1")
def _():
    return (7, 7, 7, 7), 1.0


@npmi.probes
def _(draw):
    both = draw.size(2, 20)
    one, other = both + draw.integer(1, 10), both + draw.integer(11, 20)
    return both, one, other, one + other + draw.integer(5, 60)


@npmi.expected
def _(both, one, other, documents):
    if both == 0:
        return -1.0
    if both == documents:
        return 1.0
    bits = [math.log2(documents / n) for n in (both, one, other)]
    return (bits[1] + bits[2]) / bits[0] - 1


@npmi.mistake("I1", "leaving out the division by −ln p_both: that is PMI, which has no upper end")
def _(both, one, other, documents):
    if both in (0, documents):
        return -1.0 if both == 0 else 1.0
    return math.log(both * documents / (one * other))


@npmi.mistake("I2", "0/0 where both terms are in every document: there it is 1, a case apart")
def _(both, one, other, documents):
    if both == 0:
        return -1.0
    return math.nan if both == documents else math.log(both * documents / (one * other)) / math.log(documents / both)


@npmi.mistake("I3", "leaving out the minus: ln p_both is negative, and it is divided by −ln p_both")
def _(both, one, other, documents):
    if both in (0, documents):
        return -1.0 if both == 0 else 1.0
    return -math.log(both * documents / (one * other)) / math.log(documents / both)


@npmi.mistake("I4", "counts where shares belong: divide each count by the number of documents first")
def _(both, one, other, documents):
    if both in (0, documents):
        return -1.0 if both == 0 else 1.0
    return math.log(both / (one * other)) / -math.log(both)


@npmi.mistake("I5", "giving 0 where the terms are never together: there it is −1, the lowest there is")
def _(both, one, other, documents):
    if both in (0, documents):
        return 0.0 if both == 0 else 1.0
    return math.log(both * documents / (one * other)) / math.log(documents / both)


@npmi.mistake("I6", "giving 0 where both terms are in every document: there it is 1")
def _(both, one, other, documents):
    if both in (0, documents):
        return -1.0 if both == 0 else 0.0
    return math.log(both * documents / (one * other)) / math.log(documents / both)


@npmi.mistake("I7", "dividing by −ln(p_one · p_other): below stands p_both")
def _(both, one, other, documents):
    if both in (0, documents):
        return -1.0 if both == 0 else 1.0
    return math.log(both * documents / (one * other)) / -math.log(one * other / documents**2)


# --- Attention ------------------------------------------------------------------------------------------------------


@exercise(
    number=9,
    points=0.75,
    hints=(
        "Lab sheet, Attention; Vaswani et al. 2017, equation 1.",
        "Products of queries and keys, divided by √d; −∞ where nobody may look; softmax over the keys; times values.",
        "(query @ key.T / d**0.5).masked_fill(~there, −math.inf).softmax(dim=1) @ value, with d = query.shape[1].",
    ),
    compare="labs/nlp/attention.py, attention",
    forbidden=("scaled_dot_product_attention", "MultiheadAttention", "multi_head_attention_forward"),
    gradient=("query", "key", "value"),
)
def attention(query: Tensor, key: Tensor, value: Tensor, there: Tensor) -> Tensor:
    """What each of T words takes from S others: softmax(Q Kᵀ / √d) V, (T, e).

    query (T, d), key (S, d), value (S, e). there (S,) is True for words and False for padding, at least one is True:
    nobody looks at padding, and the weights of the others sum to 1. (Vaswani et al. 2017, eq. 1.)
    """
    raise NotImplementedError


@attention.example("two keys, one of which fits: 0.731 of the first, not 0.881")
def _():
    key = tensor([1, 1, 0, 0], [0, 0, 0, 0])
    weight = 1 / (1 + math.exp(-1))
    return (key[:1], key, tensor([1], [0]), torch.tensor([True, True])), tensor([weight])


@attention.probes
def _(draw):
    t, s, d, e = draw.size(1, 4), draw.size(3, 5), draw.size(4, 4), draw.size(1, 3)
    d = d if draw.first else draw.choice([4, 9])
    there = torch.ones(s, dtype=torch.bool)
    there[draw.integer(0, s - 1)] = False
    return draw.normal(t, d), draw.normal(s, d), draw.normal(s, e, std=2), there


@attention.edge("products in the thousands")
def _():
    key = tensor([50, 0, 0, 0], [49, 0, 1, 1], [90, 9, 9, 9])
    return tensor([50, 50, 0, 0]), key, tensor([1], [2], [3]), torch.tensor([True, True, False])


@attention.expected
def _(query, key, value, there):
    return F.scaled_dot_product_attention(query, key, value, attn_mask=there.expand(len(query), -1))


def _attended(query: Tensor, key: Tensor, value: Tensor, there: Tensor, scale: float, dim: int = 1) -> Tensor:
    return (query @ key.T * scale).masked_fill(~there, -math.inf).softmax(dim=dim).nan_to_num() @ value


@attention.mistake("O1", "leaving out the division by √d: long vectors have large products")
def _(query, key, value, there):
    return _attended(query, key, value, there, 1)


@attention.mistake("O2", "dividing by d: it is the root of it")
def _(query, key, value, there):
    return _attended(query, key, value, there, 1 / query.shape[1])


@attention.mistake("O3", "taking padding out after the softmax: the weights left no longer sum to 1; −∞ before it")
def _(query, key, value, there):
    return ((query @ key.T / query.shape[1] ** 0.5).softmax(dim=1) * there) @ value


@attention.mistake("O4", "looking at padding: where `there` is False, the product is −∞ before the softmax")
def _(query, key, value, there):
    return _attended(query, key, value, torch.ones_like(there), query.shape[1] ** -0.5)


@attention.mistake("O5", "looking at padding only: masked_fill fills where its mask is True, which must be ~there")
def _(query, key, value, there):
    return _attended(query, key, value, ~there, query.shape[1] ** -0.5)


@attention.mistake("O6", "putting 0 where padding is: e to the power of 0 is 1; −∞ gives 0")
def _(query, key, value, there):
    return (query @ key.T / query.shape[1] ** 0.5).masked_fill(~there, 0.0).softmax(dim=1) @ value


@attention.mistake("O7", "a softmax over the queries: each query's weights over the keys sum to 1, dim=1")
def _(query, key, value, there):
    return _attended(query, key, value, there, query.shape[1] ** -0.5, dim=0)


@attention.mistake("O8", "multiplying by √d: it is divided by it")
def _(query, key, value, there):
    return _attended(query, key, value, there, query.shape[1] ** 0.5)


# --- Anticipation ---------------------------------------------------------------------------------------------------


@anticipation("A1")
def _a1(draw: Draw) -> tuple[str, float]:
    documents, times, length = draw.integer(20, 400), draw.integer(2, 9), draw.integer(60, 150)
    df = draw.integer(3, documents // 3)
    said = f"A term occurs {times} times in a document of {length} words, and in {df} of {documents} documents. "
    return said + "Its TF-IDF in that document, count · ln(D / df)?", times * math.log(documents / df)


@anticipation("A2")
def _a2(draw: Draw) -> tuple[str, float]:
    texts, words = (draw.integer(2, 9), draw.integer(2, 9)), (draw.integer(20, 60), draw.integer(20, 60))
    n, v = (draw.integer(3, 9), draw.integer(0, 2)), draw.integer(15, 40)
    said = (
        f"Naive Bayes with Laplace's 1. Class A has {texts[0]} texts with {words[0]} words in all, class B {texts[1]} "
        f"with {words[1]}; the vocabulary has {v} words. A new text is the one word “goal”, which A's texts have "
        f"{n[0]} times and B's {n[1]} times. The probability of class A?"
    )
    a, b = (texts[i] * (n[i] + 1) / (words[i] + v) for i in range(2))
    return said, a / (a + b)


@anticipation("A3")
def _a3(draw: Draw) -> tuple[str, float]:
    n_d, n_w = (draw.integer(2, 6), draw.integer(1, 5)), (draw.integer(1, 4), draw.integer(1, 4))
    n = (draw.integer(20, 40), draw.integer(20, 40))
    v, alpha, beta = draw.integer(30, 60), draw.choice([0.1, 0.2, 0.5]), draw.choice([0.1, 0.2, 0.5])
    said = (
        f"LDA with two topics, α = {alpha:g}, β = {beta:g}, V = {v}. Without the token to be drawn, topics 1 and "
        f"2 have {n_d[0]} and {n_d[1]} tokens in its document, {n_w[0]} and {n_w[1]} of its word, {n[0]} and {n[1]} in "
        "all. The probability that it gets topic 1?"
    )
    p, q = ((n_d[i] + alpha) * (n_w[i] + beta) / (n[i] + v * beta) for i in range(2))
    return said, p / (p + q)


@anticipation("A4")
def _a4(draw: Draw) -> tuple[str, float]:
    documents, both = draw.integer(100, 300), draw.integer(5, 20)
    one, other = both + draw.integer(5, 30), both + draw.integer(5, 30)
    said = f"Of {documents} documents {one} hold “star”, {other} “moon”, {both} both. The NPMI of the two terms?"
    return said, math.log(both * documents / (one * other)) / math.log(documents / both)


@anticipation("A5")
def _a5(draw: Draw) -> tuple[str, float]:
    q, k1, k2 = ([draw.integer(-1, 2) for _ in range(4)] for _ in range(3))
    q[0], k1[0], k2[0] = draw.integer(1, 2), 2, 1
    values = draw.integer(5, 9), draw.integer(-4, 2)
    shown = [f"({', '.join(map(str, vector))})".replace("-", "−") for vector in (q, k1, k2)]
    said = (
        f"Attention with the query {shown[0]}, two keys {shown[1]} and {shown[2]}, and their values {values[0]} and "
        f"{values[1]}. What does the query take, with the division by √d?"
    )
    gap = sum(x * (y - z) for x, y, z in zip(q, k1, k2, strict=True)) / 2
    weight = 1 / (1 + math.exp(-gap))
    return said.replace("-", "−"), weight * values[0] + (1 - weight) * values[1]


@anticipation("A6")
def _a6(draw: Draw) -> tuple[str, float]:
    king, man, woman, queen = ([draw.integer(1, 6) for _ in range(2)] for _ in range(4))
    king[0], man[0] = king[0] + 3, draw.integer(1, 3)
    aim = [a - b + c for a, b, c in zip(king, man, woman, strict=True)]
    shown = ", ".join(
        f"{name} = ({x}, {y})"
        for name, (x, y) in zip(("king", "man", "woman", "queen"), (king, man, woman, queen), strict=True)
    )
    cosine = sum(map(float.__mul__, map(float, aim), map(float, queen))) / math.hypot(*aim) / math.hypot(*queen)
    return f"Word vectors: {shown}. The cosine of king − man + woman to queen?", cosine
