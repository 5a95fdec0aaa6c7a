"""Task № 1: what is a corpus about? Topics found by LSA and by LDA, side by side.

LSA (latent semantic analysis, Deerwester et al. 1990) is a truncated SVD of the document–term matrix; LDA is the
generative model of lda.py, sampled as in nlp.jl, with scikit-learn's variational inference beside it. README.md has
what was measured.
"""

import csv
import dataclasses
import io
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from tqdm import tqdm

from common import checkpoint, cli
from common.errors import InputError
from common.files import write_atomically
from common.runs import Run
from common.sources import data_dir_from_environment
from common.text.corpora import TextData, load_texts
from common.trainer import StopRequest
from labs.nlp.coherence import agreement, coherence
from labs.nlp.lda import GibbsLDA
from labs.nlp.preparation import Corpus, prepare

TOPIC_COUNTS = (5, 10, 20, 50)  # what --sweep tries
PRIORS = (0.01, 0.1, 1.0)  # for α and for β


@dataclass(frozen=True)
class HyperParams(cli.RunFlags):
    """Find the topics of a corpus by LSA and LDA, and compare the two."""

    LENGTH: ClassVar[str] = "sweeps"

    dataset: str = "topics"  # topics, reviews (embedded), ag_news, imdb, 20newsgroups, folder:PATH, csv:PATH
    data_dir: Path = field(default_factory=data_dir_from_environment)  # where data sets lie
    limit: cli.OptionalInt = None  # use only N documents, drawn by the seed
    topics: int = 10  # K, for all methods; the embedded corpus has ten themes
    sweeps: int = 500  # Gibbs sampling: how often each token's topic is drawn
    alpha: float = 0.1  # α of LDA, document–topic: small, and a document has few topics
    beta: float = 0.1  # β of LDA, topic–word: small, and a topic has few words
    weighting: Literal["tf", "tfidf"] = "tfidf"  # entries of LSA's matrix; LDA has counts always
    stop_words: Literal["english", "none"] = "english"  # leave out scikit-learn's English stop words, or nothing
    no_stem: bool = False  # leave words as they are
    min_documents: int = 2  # leave out terms in fewer documents
    max_share: float = 0.8  # leave out terms in more than this share of the documents
    vocabulary: int = 5000  # keep the N most frequent terms
    top: int = 10  # terms shown of each topic, and measured
    sweep: bool = False  # try 5, 10, 20, 50 topics, and α and β of 0.01, 0.1, 1, too

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("limit", self.limit is None or self.limit >= 2, "at least 2")
        self.require("topics", self.topics >= 2, "at least 2")
        self.require("sweeps", self.sweeps >= 1, "at least 1")
        self.require("alpha", 0 < self.alpha < float("inf"), "greater than 0")
        self.require("beta", 0 < self.beta < float("inf"), "greater than 0")
        self.require("min_documents", self.min_documents >= 1, "at least 1")
        self.require("max_share", 0 < self.max_share <= 1, "greater than 0 and at most 1")
        self.require("vocabulary", self.vocabulary >= 2, "at least 2")
        self.require("top", self.top >= 2, "at least 2")
        self.require("device", self.device in ("auto", "cpu"), "auto or cpu: counting topics is work for a CPU")


# --- Methods --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Topics:
    """What a method found. LSA's weights have signs; LDA's are probabilities, rows that sum to 1."""

    method: str
    topic_terms: np.ndarray  # (K, V)
    document_topics: np.ndarray  # (D, K)
    seconds: float

    def top(self, n: int) -> list[list[int]]:
        """The n heaviest terms of each topic, heaviest first, as columns of the document–term matrix."""
        return np.argsort(-self.topic_terms, axis=1, kind="stable")[:, :n].tolist()

    @property
    def dominant(self) -> np.ndarray:
        """(D,) the topic with the most weight in each document, whatever its sign."""
        return np.abs(self.document_topics).argmax(axis=1)


def weigh(counts: csr_array, weighting: str) -> csr_array:
    """LSA's matrix: counts, or counts · (ln((1 + D) / (1 + df)) + 1). Rows of length 1.

    This smoothed idf has no zeros: plain ln(D / df) is 0 for a term of every document.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer(use_idf=weighting == "tfidf").fit_transform(counts)


def lsa(counts: csr_array, topics: int, weighting: str = "tfidf", seed: int = 0) -> Topics:
    """Truncated SVD, matrix ≈ U Σ Vᵀ: document_topics U Σ, topic_terms Vᵀ, each topic turned so that its heavier
    side is positive (the SVD leaves the sign open)."""
    from sklearn.decomposition import TruncatedSVD

    started = time.perf_counter()
    svd = TruncatedSVD(topics, random_state=seed)
    document_topics = svd.fit_transform(weigh(counts, weighting))
    weights = svd.components_
    sign = np.where((np.maximum(weights, 0) ** 2).sum(axis=1) >= 0.5, 1.0, -1.0)  # rows have length 1
    return Topics("LSA", weights * sign[:, None], document_topics * sign, time.perf_counter() - started)


def variational_lda(counts: csr_array, topics: int, alpha: float, beta: float, seed: int = 0) -> Topics:
    """scikit-learn's LDA: the posterior approached by one that factorises (Blei et al. 2003), batch updates."""
    from sklearn.decomposition import LatentDirichletAllocation

    started = time.perf_counter()
    model = LatentDirichletAllocation(
        topics, doc_topic_prior=alpha, topic_word_prior=beta, max_iter=50, random_state=seed
    )
    theta = model.fit_transform(counts)
    phi = model.components_ / model.components_.sum(axis=1, keepdims=True)
    return Topics("variational LDA", phi, theta, time.perf_counter() - started)


def gibbs_lda(counts: csr_array, topics: int, alpha: float, beta: float, sweeps: int, seed: int = 0) -> Topics:
    """LDA by `sweeps` sweeps of lda.py's sampler. The last sample counts."""
    started = time.perf_counter()
    sampler = GibbsLDA(counts, topics, alpha, beta, seed)
    for _ in range(sweeps):
        sampler.sweep()
    return Topics("LDA", sampler.topic_words, sampler.document_topics, time.perf_counter() - started)


def measure(found: Topics, corpus: Corpus, top: int, seed: int = 0) -> dict[str, float]:
    """seconds, coherence and, with classes, agreement: of the dominant topics, and of K clusters by k-means.

    The clusters are found among the documents' rows of unit length, so that methods that assign softly, or with
    signs, are compared by the space they make, too.
    """
    npmi, umass = coherence(found.top(top), corpus.counts)
    row = {"seconds": found.seconds, "coherence_npmi": float(npmi.mean()), "coherence_umass": float(umass.mean())}
    if len(corpus.y):
        from sklearn.cluster import KMeans
        from sklearn.preprocessing import normalize

        clusters = KMeans(len(found.topic_terms), n_init=4, random_state=seed)
        row |= agreement(found.dominant, corpus.y)
        row["clusters_nmi"] = agreement(clusters.fit_predict(normalize(found.document_topics)), corpus.y)["nmi"]
    return row


# --- The task -------------------------------------------------------------------------------------------------------


def train(data: TextData | None = None, **kws) -> tuple[dict[str, Topics], Run]:
    """Find the topics by each method, compare them, draw. Returns what was found by method, and the run.

    Keyword arguments are the fields of HyperParams (TypeError for another name).
    """
    args = cli.settings(HyperParams, kws)
    data = data or load_texts(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    args = dataclasses.replace(args, dataset=data.name, device="cpu")
    corpus = prepare(data, args)
    with Run("nlp", args) as run, StopRequest() as stop:
        explore(run, corpus)
        found = {"LSA": lsa(corpus.counts, args.topics, args.weighting, args.seed)}
        found["LDA"] = sample(run, corpus, args, stop)
        if not stop.signalled:
            found["variational LDA"] = variational_lda(corpus.counts, args.topics, args.alpha, args.beta, args.seed)
        rows = {name: measure(one, corpus, args.top, args.seed) for name, one in found.items()}
        show_topics(run, corpus, found, args.top)
        say_table(run, "method", rows)
        write_csv(run.path / "comparison.csv", [{"method": name, **row} for name, row in rows.items()])
        tried = try_settings(run, corpus, args, stop) if args.sweep else ([], [])
        run.interrupted = stop.signalled
        save_figures(run, corpus, found, rows, tried, args)
        metrics = {k: v for k, v in rows["LDA"].items() if k not in ("seconds", "clusters_nmi")}
        metrics |= {f"lsa_{k}": v for k, v in rows["LSA"].items() if k in metrics}
        run.finish(metrics, verdict(rows))
    return found, run


def explore(run: Run, corpus: Corpus) -> None:
    """Task № 1 a to c: documents and their lengths, a sample, what each step of cleaning leaves, the matrix."""
    lengths = np.array([len(text.split()) for text in corpus.texts])
    run.say(
        f"{len(corpus.texts)} documents of {lengths.min()} to {lengths.max()} words, {np.median(lengths):.0f} in the "
        f"middle; {len(corpus.classes)} classes: {', '.join(corpus.classes) or 'none'}"
    )
    run.say(f"one of them: {' '.join(corpus.texts[0].split())[:200]}…")
    for name, words, tokens in corpus.steps:
        run.say(f"  {name:<24}{words:>8} terms {tokens:>9} tokens")
    run.say(f"document–term matrix {corpus.counts.shape[0]} × {corpus.counts.shape[1]}, {corpus.sparsity:.1%} zeros")


def sample(run: Run, corpus: Corpus, args: HyperParams, stop: StopRequest) -> Topics:
    """Gibbs sampling with a row of history per sweep; a resumed run goes on where it ended."""
    path = run.path / "checkpoint" / "last.safetensors"
    sampler = GibbsLDA(corpus.counts, args.topics, args.alpha, args.beta, args.seed)
    if run.resumed and path.is_file():
        tensors, header = checkpoint.load(path)
        if tensors["topics"].shape != sampler.words.shape:
            raise InputError(f"{path} is of another corpus: {len(tensors['topics'])} tokens, here {len(sampler.words)}")
        sampler.set_topics(tensors["topics"].numpy())
        run.history, sampler.sweeps = header["rows"], len(header["rows"])
    if sampler.sweeps > args.sweeps:
        raise InputError(f"the run has {sampler.sweeps} sweeps already, --sweeps {args.sweeps} is less")
    before = len(run.history)
    bar = tqdm(total=args.sweeps, initial=before, desc="sweeps", leave=False, disable=args.quiet or None)
    with bar:
        while sampler.sweeps < args.sweeps and not stop.signalled:
            started = time.perf_counter()
            sampler.sweep()
            row = {"epoch": sampler.sweeps, "seconds": time.perf_counter() - started}
            run.history.append(row | {"log_likelihood": sampler.log_likelihood(), "acceptance": sampler.acceptance})
            bar.update()
    run.write_history()
    checkpoint.save(path, {"topics": torch.from_numpy(sampler.topics_of_tokens)}, {"rows": run.history})
    if len(run.history) > before:
        taken = sum(row["seconds"] for row in run.history[before:])
        run.samples_per_second = len(sampler.words) * (len(run.history) - before) / taken
    seconds = sum(row["seconds"] for row in run.history)
    return Topics("LDA", sampler.topic_words, sampler.document_topics, seconds)


def show_topics(run: Run, corpus: Corpus, found: dict[str, Topics], top: int) -> None:
    """Each topic's top terms with their weights, and topics.csv with all methods' topics."""
    rows = []
    for name, one in found.items():
        tops = one.top(top)
        run.say(f"\n{name}: {'weights' if name == 'LSA' else 'probabilities'} of the top terms")
        for k, terms in enumerate(tops):
            said = ", ".join(f"{corpus.terms[t]} {one.topic_terms[k, t]:.3f}" for t in terms)
            run.say(f"{k + 1:>3} {label(one, k, corpus)}{said}")
            rows += [
                {"method": name, "topic": k + 1, "rank": i, "term": corpus.terms[t], "weight": one.topic_terms[k, t]}
                for i, t in enumerate(terms, 1)
            ]
    write_csv(run.path / "topics.csv", rows)
    tops = {name: [set(terms) for terms in found[name].top(top)] for name in ("LSA", "LDA")}
    shared = np.array([[len(a & b) for b in tops["LSA"]] for a in tops["LDA"]])
    lda, other = linear_sum_assignment(-shared)
    pairs = ", ".join(f"{i + 1}–{j + 1} {shared[i, j]}" for i, j in zip(lda, other, strict=True))
    run.say(f"\nterms that an LDA topic shares with the LSA topic nearest to it, of {top}: {pairs}")


def label(found: Topics, k: int, corpus: Corpus) -> str:
    """The class that most of topic k's weight lies in, and its share: "(space 87 %) "; empty without classes."""
    if not len(corpus.y):
        return ""
    mass = np.bincount(corpus.y, np.abs(found.document_topics[:, k]), minlength=len(corpus.classes))
    best = int(mass.argmax())
    return f"({corpus.classes[best]} {mass[best] / mass.sum():.0%}) "


def try_settings(run: Run, corpus: Corpus, args: HyperParams, stop: StopRequest) -> tuple[list[dict], list[dict]]:
    """Rows for 5, 10, 20, 50 topics by each method, and for each α and β; also in topic_counts.csv and priors.csv."""
    counts, by_topics, by_priors = corpus.counts, [], []
    fitting = [k for k in TOPIC_COUNTS if k < min(counts.shape)]
    work = [(k, args.alpha, args.beta) for k in fitting] + [(args.topics, a, b) for a in PRIORS for b in PRIORS]
    for n, (k, alpha, beta) in enumerate(tqdm(work, "settings", leave=False, disable=args.quiet or None)):
        if stop.signalled:
            break
        one = gibbs_lda(counts, k, alpha, beta, args.sweeps, args.seed)
        if n >= len(fitting):
            by_priors.append({"alpha": alpha, "beta": beta, **measure(one, corpus, args.top, args.seed)})
            continue
        others = (lsa(counts, k, args.weighting, args.seed), variational_lda(counts, k, alpha, beta, args.seed))
        for each in (others[0], one, others[1]):
            by_topics.append({"topics": k, "method": each.method, **measure(each, corpus, args.top, args.seed)})
    say_table(run, "topics", {f"{row['topics']} {row['method']}": row for row in by_topics})
    say_table(run, "α, β", {f"{row['alpha']:g}, {row['beta']:g}": row for row in by_priors})
    write_csv(run.path / "topic_counts.csv", by_topics)
    write_csv(run.path / "priors.csv", by_priors)
    return by_topics, by_priors


MEASURES = ("seconds", "coherence_npmi", "coherence_umass", "nmi", "purity", "clusters_nmi")


def say_table(run: Run, what: str, rows: dict[str, dict[str, float]]) -> None:
    """A line per row: its measures."""
    shown = [name for name in MEASURES if any(name in row for row in rows.values())]
    run.say(f"\n{what:<18}" + "".join(f"{name.replace('_', ' '):>17}" for name in shown))
    for name, row in rows.items():
        run.say(f"{name:<18}" + "".join(f"{row[m]:17.3f}" for m in shown))


def write_csv(path: Path, rows: list[dict]) -> None:
    """Rows as a CSV file with a line of names, written atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    write_atomically(path, text.getvalue())


def verdict(rows: dict[str, dict[str, float]]) -> str:
    """What was reached, in a sentence."""
    said = [f"coherence (NPMI) {rows['LDA']['coherence_npmi']:.3f} by LDA, {rows['LSA']['coherence_npmi']:.3f} by LSA"]
    if "nmi" in rows["LDA"]:
        said += [f"{n} with the classes {rows['LDA'][n]:.3f} and {rows['LSA'][n]:.3f}" for n in ("nmi", "purity")]
    return "; ".join(said).replace("nmi", "NMI")


def save_figures(
    run: Run,
    corpus: Corpus,
    found: dict[str, Topics],
    rows: dict[str, dict[str, float]],
    tried: tuple[list[dict], list[dict]],
    args: HyperParams,
) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from labs.nlp import topic_figures  # here, so that --help need not wait for matplotlib

    for name, figure in topic_figures.draw(corpus, found, rows, tried, run.history, args.top, args.seed):
        run.save_figure(name, figure)


def main() -> None:
    """The command `python -m labs.nlp.topics`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
