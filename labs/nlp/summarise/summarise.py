"""Shorter: the sentences of a text that say most, chosen by TextRank and by LSA, never written anew.

extraction.py has the methods, sentences.py says where a sentence ends, rouge.py measures against a reference,
figures.py draws. The reference summaries come with the suite (data/corpora/summaries).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from common import cli
from common.errors import InputError
from common.files import write_csv
from common.loop import Row, play
from common.runs import Run
from common.settings import Better, Count, OptionalPath, Role, RunFlags, Share, Whole
from common.text.own_files import read_text
from labs.nlp.sentences import content_words, split_sentences
from labs.nlp.summarise import extraction
from labs.nlp.summarise.references import MEASURES, Text, interval, load_references, measure, measure_random, oracle

OWN = ("textrank", "lsa", "gong_liu", "lead")  # methods that need no reference
METHODS = (*OWN, "random", "oracle")


@dataclass(frozen=True)
class HyperParams(RunFlags):
    """Summarise texts by choosing sentences: TextRank and LSA beside the first sentences, measured by ROUGE."""

    COMMAND: ClassVar[str] = "labs.nlp.summarise"
    BETTER: ClassVar[Mapping[str, Better]] = {
        f"{method}_{measure}": "larger" for method in OWN[:3] for measure in MEASURES
    }

    text: OptionalPath = None  # summarise this text file (UTF-8); none: the embedded essays that have a reference
    essays: Annotated[Count, Role.LENGTH] = 28  # how many of the essays, at most all 28
    sentences: Count = 2  # how many sentences a summary has
    method: Literal["textrank", "lsa", "gong_liu", "lead"] = "textrank"  # whose sentences are marked in the terminal
    similarity: Literal["overlap", "cosine"] = "overlap"  # TextRank's edges: shared words, or the cosine of TF-IDF
    damping: Share = 0.85  # TextRank: how likely the reader follows an edge, not goes anywhere
    dimensions: Count = 3  # LSA: how many dimensions of the SVD a sentence's length is taken in
    show: Whole = 3  # how many of the essays are printed with their marks

    def check(self) -> None:
        self.require("device", self.device in ("auto", "cpu"), "auto or cpu: counting words is work for a CPU")
        idle = {"essays": self.text is None, "show": self.text is None, "seed": self.text is None}
        self.refuse_unused(idle, "on --text: one text, without a reference")


@dataclass(frozen=True)
class Scores:
    """What the methods make of a text's sentences: weights (N,) by TextRank and LSA, and TextRank's graph (N, N)."""

    textrank: np.ndarray
    lsa: np.ndarray
    graph: np.ndarray


def get_data(args: HyperParams) -> list[Text]:
    """The file that --text names, or the essays that have a reference; InputError if there is nothing to choose."""
    if args.text is None:
        texts = load_references()
        args.require("essays", args.essays <= len(texts), f"at most {len(texts)}: so many have a reference")
        fewest = min(len(text.sentences) for text in texts)
        args.require("sentences", args.sentences < fewest, f"less than {fewest}, the shortest essay's sentences")
        return texts[: args.essays]
    if not args.text.is_file():
        raise InputError(f"no such file: {args.text}")
    sentences = split_sentences(read_text(args.text))
    if len(sentences) <= args.sentences:
        raise InputError(
            f"{args.text} has {len(sentences)} sentences; --sentences {args.sentences} needs a text of more"
        )
    return [Text(args.text.name, sentences)]


def weigh(sentences: list[str], args: HyperParams) -> Scores:
    """How much each sentence says, by TextRank and by LSA."""
    words = [content_words(sentence) for sentence in sentences]
    graph = extraction.overlap_weights(words) if args.similarity == "overlap" else extraction.cosine_weights(words)
    lengths = extraction.sentence_lengths(extraction.count_matrix(words), args.dimensions)
    return Scores(extraction.rank(graph, args.damping), lengths, graph)


def choose(sentences: list[str], method: str, args: HyperParams, scores: Scores) -> list[int]:
    """The places of the sentences that a method takes, in the order of the text."""
    if method == "lead":
        return list(range(args.sentences))
    if method == "gong_liu":
        words = [content_words(sentence) for sentence in sentences]
        return sorted(extraction.sentence_per_dimension(extraction.count_matrix(words), args.sentences))
    return extraction.best(scores.textrank if method == "textrank" else scores.lsa, args.sentences)


def measure_all(text: Text, args: HyperParams) -> Row:
    """F1 by method and measure, as columns of the history: textrank_rouge_1, …; none without a reference."""
    if text.reference is None:
        return {}
    scores = weigh(text.sentences, args)
    found = {method: measure(text, choose(text.sentences, method, args, scores)) for method in OWN}
    found["random"] = measure_random(text, args.sentences)
    found["oracle"] = measure(text, oracle(text, args.sentences))
    return {f"{method}_{name}": value for method, row in found.items() for name, value in row.items()}


class Nothing:
    """The loop's state: each text is summarised by itself, so that the rows are all there is to keep."""

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {}, {}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any], path: Path) -> None:
        pass


def train(**kws) -> tuple[dict[str, dict[str, float]], Run]:
    """Summarise, measure, draw; keyword arguments are the fields of HyperParams.

    Returns by method the mean F1 of each ROUGE (empty without references), and the run.
    """
    args = HyperParams.of(**kws)
    texts = get_data(args)
    args = args.but(device="cpu")

    def summarise(number: int, row: Row) -> Iterator[int]:
        row |= measure_all(texts[number - 1], args)
        yield 1

    with Run(args) as run:
        rows = play(
            summarise,
            Nothing(),
            len(texts),
            name="text",
            length="essays",
            run=run,
            save_seconds=1.0,  # a text takes milliseconds
            quiet=True,
        )
        done = texts[: len(rows)]
        for text in done[: args.show if args.text is None else 1]:
            run.say(marked(text, args))
        write_summaries(run.path / "summaries.csv", done, args)
        means = compare(run, rows, args.seed)
        save_figures(run, done, rows, args)
        metrics = {f"{method}_{name}": value for method, row in means.items() for name, value in row.items()}
        run.finish(metrics, verdict(means, len(done)), look=("marked", "graph", "rouge"))
    return means, run


def write_summaries(path: Path, texts: list[Text], args: HyperParams) -> None:
    """A row per text and method: which sentences, and the summary."""
    rows = []
    for text in texts:
        scores = weigh(text.sentences, args)
        chosen = {method: choose(text.sentences, method, args, scores) for method in OWN}
        if text.reference is not None:
            chosen["oracle"] = oracle(text, args.sentences)
        for method, places in chosen.items():
            numbers = " ".join(str(i + 1) for i in places)
            rows.append({"text": text.name, "method": method, "sentences": numbers, "summary": text.join(places)})
    write_csv(path, rows, columns=("text", "method", "sentences", "summary"))


def marked(text: Text, args: HyperParams) -> str:
    """The text, a sentence a line with its weights; those that the method has chosen are marked with →."""
    scores = weigh(text.sentences, args)
    chosen = choose(text.sentences, args.method, args, scores)
    lines = [f"\n{text.name}", f"  {args.method}'s sentences are marked; weights: TextRank, LSA"]
    for i, sentence in enumerate(text.sentences):
        lines.append(
            f"{'→' if i in chosen else ' '} {scores.textrank[i]:.3f} {scores.lsa[i]:5.2f}  {_printable(sentence)}"
        )
    if text.reference:
        found = measure(text, chosen)
        lines += [f"  reference: {text.reference}", "  " + ", ".join(f"{k} {v:.3f}" for k, v in found.items())]
    return "\n".join(lines)


def _printable(sentence: str) -> str:
    """Without what could command a terminal."""
    return "".join(c if c.isprintable() else " " for c in sentence)


def compare(run: Run, rows: list[Row], seed: int) -> dict[str, dict[str, float]]:
    """Mean F1 by method and measure, printed and in comparison.csv with 95 % intervals; none without references."""
    columns: dict[str, np.ndarray] = {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    table: list[dict[str, Any]] = []
    for method in METHODS if "lead_rouge_1" in columns else ():
        line: dict[str, Any] = {"method": method}
        for name in MEASURES:
            values = columns[f"{method}_{name}"]
            low, high = interval(values, seed)
            line |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
        ahead = columns[f"{method}_rouge_1"] - columns["lead_rouge_1"]  # text by text
        low, high = interval(ahead, seed)
        table.append({**line, "ahead_of_lead": float(ahead.mean()), "ahead_low": low, "ahead_high": high})
        shown = "  ".join(f"{name} {line[name]:.3f} ± {half(line, name):.3f}" for name in MEASURES)
        said = f"{ahead.mean():+.3f} ({low:+.3f} to {high:+.3f})".replace("-", "−")
        run.say(f"{method:9} {shown}  ahead of lead {said}")
    if table:
        write_csv(run.path / "comparison.csv", table)
    return {line["method"]: {name: line[name] for name in MEASURES} for line in table}


def half(line: dict[str, Any], name: str) -> float:
    """Half the width of a measure's interval."""
    return (line[f"{name}_high"] - line[f"{name}_low"]) / 2


def verdict(means: dict[str, dict[str, float]], count: int) -> str:
    """What was reached, in a sentence."""
    if not means:
        return "no reference to measure against; summaries.csv has what each method takes"
    said = ", ".join(f"{method} {means[method]['rouge_1']:.3f}" for method in METHODS)
    return f"ROUGE-1 (F1, mean of {count} essays): {said}"


def save_figures(run: Run, texts: list[Text], rows: list[Row], args: HyperParams) -> None:
    """The first text: marks, weights, graph, walk and SVD; and ROUGE by method where there are references."""
    from labs.nlp.summarise import figures  # here, so that --help need not wait for matplotlib

    if not texts:
        return
    first = texts[0]
    scores = weigh(first.sentences, args)
    chosen = {method: choose(first.sentences, method, args, scores) for method in OWN}
    run.save_figure("weights", figures.plot_weights(first.sentences, scores.textrank, scores.lsa, chosen))
    run.save_figure("graph", figures.plot_graph(first.sentences, scores.graph, scores.textrank, chosen["textrank"]))
    run.save_figure("steps", figures.plot_steps(scores.graph, args.damping, step=1))
    words = [content_words(sentence) for sentence in first.sentences]
    run.save_figure("dimensions", figures.plot_dimensions(words, args.dimensions))
    run.save_figure("marked", figures.plot_marked(first.sentences, chosen))
    if first.reference is not None:
        values = {m: {name: np.array([row[f"{m}_{name}"] for row in rows]) for name in MEASURES} for m in METHODS}
        bands = {m: {name: interval(v, args.seed) for name, v in own.items()} for m, own in values.items()}
        means = {m: {name: float(v.mean()) for name, v in own.items()} for m, own in values.items()}
        run.save_figure("rouge", figures.plot_rouge(means, bands))


def main() -> None:
    """The command `python -m labs.nlp.summarise`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
