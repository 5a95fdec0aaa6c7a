"""Task № 1: what is a corpus about? Topics found by LSA and by LDA, side by side.

preparation.py makes the document–term matrix, methods.py has the methods and their measures, tables.py what is printed
and written of them, figures.py the pictures. README.md of the lab has what was measured.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor
from tqdm import tqdm
from tyro.conf import arg

from common import cli, expectations
from common.errors import InputError
from common.expectations import Expected
from common.files import validated, write_csv
from common.loop import Row, StopRequest, play
from common.runs import Run
from common.settings import Better, Count, DataDir, Range, Role, RunFlags
from common.sources import data_dir_from_environment
from common.text.corpora import TextData, load_texts
from labs.nlp.lda import GibbsLDA, Prior
from labs.nlp.topics import tables
from labs.nlp.topics.methods import Topics, gibbs_lda, lsa, measure, variational_lda
from labs.nlp.topics.preparation import Cleaning, Corpus, count_terms

TOPIC_COUNTS = (5, 10, 20, 50)  # what --sweep tries
PRIORS = (0.01, 0.1, 1.0)  # for α and for β


@dataclass(frozen=True)
class HyperParams(Cleaning, RunFlags):
    """Find the topics of a corpus by LSA and LDA, and compare the two."""

    COMMAND: ClassVar[str] = "labs.nlp.topics"
    # Not UMass: it falls with the vocabulary. LSA's are of the same run, and no reason to choose one.
    BETTER: ClassVar[Mapping[str, Better]] = {"coherence_npmi": "larger", "nmi": "larger", "purity": "larger"}

    dataset: str = "topics"  # topics, reviews (embedded), ag_news, imdb, 20newsgroups, folder:PATH, csv:PATH
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # where data sets lie
    limit: Annotated[int | None, arg(metavar="N"), Range(2)] = None  # use only N documents, drawn by the seed
    topics: Annotated[int, Range(2)] = 10  # K, for all methods; the embedded corpus has ten themes
    sweeps: Annotated[Count, Role.LENGTH] = 500  # Gibbs sampling: how often each token's topic is drawn
    alpha: Prior = 0.1  # α of LDA, document–topic: small, and a document has few topics
    beta: Prior = 0.1  # β of LDA, topic–word: small, and a topic has few words
    weighting: Literal["tf", "tfidf"] = "tfidf"  # entries of LSA's matrix; LDA has counts always
    top: Annotated[int, Range(2)] = 10  # terms shown of each topic, and measured
    sweep: bool = False  # try 5, 10, 20, 50 topics, and α and β of 0.01, 0.1, 1, too

    def check(self) -> None:
        super().check()
        self.require("device", self.device in ("auto", "cpu"), "auto or cpu: counting topics is work for a CPU")


def train(data: TextData | None = None, **kws) -> tuple[dict[str, Topics], Run]:
    """Find the topics by each method, compare them, draw. Returns what was found by method, and the run.

    Keyword arguments are the fields of HyperParams (TypeError for another name).
    """
    args = HyperParams.of(**kws)
    data = data or load_texts(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
    args = args.but(dataset=data.name, device="cpu")
    corpus = count_terms(data, args, args.limit, args.seed)
    corpus.check_topics(args.topics)
    with Run(args) as run:
        tables.say_corpus(run, corpus)
        found = {"LSA": lsa(corpus.counts, args.topics, args.weighting, args.seed)}
        found["LDA"] = sample(run, corpus, args)
        tried: tuple[list[dict], list[dict]] = ([], [])
        with StopRequest() as stop:
            if not run.interrupted:
                found["variational LDA"] = variational_lda(corpus.counts, args.topics, args.alpha, args.beta, args.seed)
            rows = {name: measure(one, corpus, args.top, args.seed) for name, one in found.items()}
            tables.show_topics(run, corpus, found, args.top)
            tables.show_matching(run, corpus, found, args.top)
            tables.write_documents(run.path, corpus, found)
            tables.say_measures(run, "method", rows)
            write_csv(run.path / "comparison.csv", [{"method": name, **row} for name, row in rows.items()])
            if args.sweep and not run.interrupted:
                tried = try_settings(run, corpus, args, stop, rows)
            run.interrupted |= stop.signalled
            save_figures(run, corpus, found, rows, tried, args)
        metrics = {k: v for k, v in rows["LDA"].items() if k not in ("seconds", "clusters_nmi")}
        metrics |= {f"lsa_{k}": v for k, v in rows["LSA"].items() if k in metrics}
        run.finish(metrics, verdict(args, rows), look=("terms_lda", "map", "overlap", "comparison"))
    return found, run


class Chain:
    """The sampler's state for the loop: the topics of the tokens, and how many sweeps gave them."""

    def __init__(self, sampler: GibbsLDA):
        self.sampler = sampler

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {"topics": torch.from_numpy(self.sampler.topics_of_tokens)}, {"sweeps": self.sampler.sweeps}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any], path: Path) -> None:
        n = len(self.sampler.words)
        topics = tensors.get("topics", torch.empty(0))
        if topics.shape != (n,):
            raise InputError(f"{path} is of another corpus: {len(topics)} tokens, here {n}")
        self.sampler.set_topics(topics.numpy())
        self.sampler.sweeps = validated(numbers.get("sweeps"), int, path)


def sample(run: Run, corpus: Corpus, args: HyperParams) -> Topics:
    """Gibbs sampling with a row of history per sweep; a resumed run goes on where it ended."""
    sampler = GibbsLDA(corpus.counts, args.topics, args.alpha, args.beta, args.seed)

    def sweep(number: int, row: Row) -> Iterator[int]:
        sampler.sweep()
        row |= {"log_likelihood": sampler.log_likelihood(), "acceptance": sampler.acceptance}
        yield len(sampler.words)

    rows = play(
        sweep,
        Chain(sampler),
        args.sweeps,
        name="sweep",
        length="sweeps",
        run=run,
        cure="raise --alpha and --beta",
        save_seconds=1.0,  # a sweep takes milliseconds
        quiet=args.quiet,
    )
    seconds = sum(row["seconds"] for row in rows)
    return Topics("LDA", sampler.topic_words, sampler.document_topics, seconds)


def try_settings(
    run: Run, corpus: Corpus, args: HyperParams, stop: StopRequest, rows: dict[str, dict[str, float]]
) -> tuple[list[dict], list[dict]]:
    """Rows for 5, 10, 20, 50 topics by each method, and for each α and β; also in topic_counts.csv and priors.csv."""
    counts, by_topics, by_priors = corpus.counts, [], []
    fitting = [k for k in TOPIC_COUNTS if k < min(counts.shape)]
    work = [(k, args.alpha, args.beta) for k in fitting] + [(args.topics, a, b) for a in PRIORS for b in PRIORS]
    variational = rows["variational LDA"]["seconds"] * sum(k for k, _, _ in work[: len(fitting)]) / args.topics
    minutes = (len(work) * rows["LDA"]["seconds"] + variational) / 60
    if minutes >= 1:
        run.say(f"\n{len(work)} more settings: some {minutes:.0f} minutes")
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
    tables.say_measures(run, "topics", {f"{row['topics']} {row['method']}": row for row in by_topics})
    tables.say_measures(run, "α, β", {f"{row['alpha']:g}, {row['beta']:g}": row for row in by_priors})
    write_csv(run.path / "topic_counts.csv", by_topics)
    write_csv(run.path / "priors.csv", by_priors)
    return by_topics, by_priors


EXPECTED = (Expected("nmi", 0.75),)  # four seeds: 0.787 to 0.858


def verdict(args: HyperParams, rows: dict[str, dict[str, float]]) -> str:
    """What was reached, and what NMI to expect of LDA, in a sentence."""
    said = [f"coherence (NPMI) {rows['LDA']['coherence_npmi']:.3f} by LDA, {rows['LSA']['coherence_npmi']:.3f} by LSA"]
    if "nmi" in rows["LDA"]:
        nmi, purity = ([f"{rows[method][name]:.3f}" for method in ("LDA", "LSA")] for name in ("nmi", "purity"))
        said += [
            f"NMI with the classes {' and '.join(nmi)}{expectations.sentence(EXPECTED, args)}",
            f"purity with the classes {' and '.join(purity)}",
        ]
    return "; ".join(said)


def save_figures(
    run: Run,
    corpus: Corpus,
    found: dict[str, Topics],
    rows: dict[str, dict[str, float]],
    tried: tuple[list[dict], list[dict]],
    args: HyperParams,
) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from labs.nlp.topics import figures  # here, so that --help need not wait for matplotlib

    for name, figure in figures.draw(corpus, found, rows, tried, run.history, args.top, args.seed):
        run.save_figure(name, figure)


def main() -> None:
    """The command `python -m labs.nlp.topics`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
