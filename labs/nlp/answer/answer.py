"""Questions and answers over documents: find the passage, choose the words in it, or say “I do not know”.

passages.py cuts documents, retrieval.py finds passages, spans.py chooses words in them, reader.py puts both together,
thresholds.py says when to be silent, questions.py has the questions, measures.py measures, figures.py draws, chat.py
talks. README.md beside this has what was measured.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from torch import Tensor
from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.expectations import Expected
from common.files import write_csv
from common.loop import Row, play
from common.runs import Run
from common.settings import (
    Better,
    Count,
    DataDir,
    NotNegative,
    OptionalCount,
    OptionalPath,
    OptionalProbability,
    Probability,
    Role,
    RunFlags,
)
from common.sources import data_dir_from_environment
from labs.nlp.answer import chat
from labs.nlp.answer.measures import measure, report
from labs.nlp.answer.passages import Passage, load_passages
from labs.nlp.answer.questions import Question, keep_answered, load_questions
from labs.nlp.answer.reader import Reader, learn_spans
from labs.nlp.answer.retrieval import Index
from labs.nlp.answer.thresholds import choose_threshold


@dataclass(frozen=True)
class HyperParams(RunFlags):
    """Answer questions from documents, say where it was read, and measure how often that is right."""

    COMMAND: ClassVar[str] = "labs.nlp.answer"
    BETTER: ClassVar[Mapping[str, Better]] = {"tune_top1": "larger", "tune_top5": "larger", "tune_f1": "larger"}

    ask: Positional[Annotated[tuple[str, ...], arg(metavar="QUESTION"), Role.PLACE]] = ()  # questions, each in quotes
    chat: Annotated[bool, Role.PLACE] = False  # then answer questions typed in, a line each; an empty line ends it
    documents: str = "suite"  # suite: the lab sheets and the essays; essays: these alone; folder:PATH: its text files
    questions: OptionalPath = None  # CSV of questions with their places, to measure by; none: those of the suite
    limit: Annotated[OptionalCount, Role.LENGTH] = None  # measure with the first N questions only; none: all
    passage_words: Count = 100  # words of a passage; a longer paragraph stays whole
    method: Literal["bm25", "vectors", "both"] = "bm25"  # by which score the passage is chosen
    k1: NotNegative = 1.2  # BM25: how much each further time counts that a passage has a word; 0: nothing
    b: Probability = 0.75  # BM25: how much long passages are marked down; 0: not at all
    dimensions: Count = 100  # numbers per passage, after the SVD of TF-IDF
    vectors: OptionalPath = None  # use these word vectors instead, e.g. glove.6B.50d.txt
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # where what was read of --vectors is kept
    precision: Probability = 0.8  # be silent so often that of the answers given this share has the right place
    threshold: OptionalProbability = None  # be silent below this score; none: set for --precision on the tuning part

    @property
    def measured(self) -> bool:
        """Whether there are questions about these documents."""
        return self.documents in ("suite", "essays") or self.questions is not None

    def check(self) -> None:
        self.require("device", self.device in ("auto", "cpu"), "auto or cpu: counting words is work for a CPU")
        own = dict.fromkeys(("dimensions", "seed"), self.vectors is None)
        self.refuse_unused(own, "with --vectors: there is no SVD to draw or to cut")
        self.refuse_unused({"precision": self.threshold is None}, "with --threshold, which says it already")
        self.refuse_unused({"limit": self.measured}, "without questions about these documents; name some: --questions")
        if not (self.measured or self.ask or self.chat):
            raise InputError(f"nothing to answer about {self.documents}: give questions, --chat, or --questions FILE")


def get_data(args: HyperParams) -> tuple[list[Passage], list[Question]]:
    """Passages, and the questions about them, if any; a warning if passages of some are gone: they are left out."""
    passages = load_passages(args.documents, args.passage_words)
    questions = load_questions(args.questions) if args.measured else []
    if args.documents == "essays" and args.questions is None:
        questions = [question for question in questions if not question.document.startswith("labs/")]
    most = len(questions)
    args.require("limit", args.limit is None or args.limit <= most, f"at most {most}: so many questions there are")
    return passages, keep_answered(questions, passages)


def build_index(passages: list[Passage], args: HyperParams) -> Index:
    """The passages, ready to be asked; a passage is found by the words of its place, too."""
    return Index(
        [f"{passage.place}\n\n{passage.text}" for passage in passages],
        k1=args.k1,
        b=args.b,
        dimensions=args.dimensions,
        vectors=args.vectors,
        cache=args.data_dir / "glove",
        seed=args.seed,
    )


class Nothing:
    """The loop's state: each question is answered by itself, so that the rows are all there is to keep."""

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {}, {}

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any], path: Path) -> None:
        pass


def prepare(args: HyperParams) -> tuple[Reader, list[Question]]:
    """What answers, its span weights and threshold set on the tuning part; and the questions to measure by.

    Documents without questions of their own are answered with what was set on the suite's.
    """
    passages, questions = get_data(args)
    index = build_index(passages, args)
    basis, asked = Reader(passages, index, args.method), questions
    if not args.measured:
        suite = load_passages("suite", args.passage_words)
        basis, asked = Reader(suite, build_index(suite, args), args.method), keep_answered(load_questions(), suite)
    tuning = [question for question in asked if question.part == "tune"]
    weights = learn_spans(basis, tuning)
    threshold = args.threshold
    if threshold is None:
        found = [basis.look(question.text) for question in tuning]
        right = [question.is_right(passage) for question, (passage, _) in zip(tuning, found, strict=True)]
        threshold = choose_threshold(np.array([score for _, score in found]), np.array(right), args.precision)
    return Reader(passages, index, args.method, weights, threshold), questions


def train(**kws) -> tuple[Reader, Run]:
    """Set weights and threshold, measure, answer; keyword arguments are the fields of HyperParams.

    Returns what answers further questions, and the run.
    """
    args = HyperParams.of(**kws)
    reader, questions = prepare(args)
    args = args.but(device="cpu")

    def ask(number: int, row: Row) -> Iterator[int]:
        row |= measure(reader, questions[number - 1])
        yield 1

    with Run(args) as run:
        documents = {passage.document for passage in reader.passages}
        run.say(f"{args.documents}: {len(reader.passages)} passages of {len(documents)} documents")
        rows = play(
            ask,
            Nothing(),
            min(args.limit or len(questions), len(questions)),
            name="question",
            length="limit",
            run=run,
            save_seconds=1.0,  # a question takes milliseconds
            quiet=True,
        )
        metrics: dict[str, float] = {}
        if rows:
            asked = questions[: len(rows)]
            metrics = report(run, rows, asked, reader)
            save_figures(run, rows, asked, reader)
        answers = [] if run.interrupted else [reader.answer(question) for question in args.ask]
        for answer in answers:
            print(f"\n{answer.question}\n{chat.describe(answer)}", flush=True)
        if args.chat and not run.interrupted:
            answers += chat.converse(reader)
        write_csv(run.path / "answers.csv", [asdict(answer) for answer in answers], columns=("question", "text"))
        run.finish(metrics, verdict(metrics, reader.threshold), look=("thresholds", "retrieval", "parts"))
    return reader, run


def verdict(metrics: Mapping[str, float], threshold: float) -> str:
    """What was reached on the questions held out, in a sentence."""
    if "held_out_top1" not in metrics:
        return f"silent below a score of {threshold:.3f}"
    return (
        f"held out: right passage first {metrics['held_out_top1']:.1%}, among five {metrics['held_out_top5']:.1%}; "
        f"words F1 {metrics['held_out_f1']:.3f}; from {threshold:.3f} on it answers {metrics['held_out_answered']:.1%} "
        f"of all questions, {metrics['held_out_precision']:.1%} of them from the right place"
    )


ESSAYS = {"documents": "essays"}  # the same for ever: narrow bands; of the suite's sheets every edit moves the numbers
EXPECTED = (
    Expected("held_out_top1", 0.97, 1.0, ESSAYS),
    Expected("held_out_precision", 0.79, 0.85, ESSAYS),
    Expected("held_out_top1", 0.65, 0.85),
    Expected("held_out_top5", 0.85, 1.0),
)


def save_figures(run: Run, rows: list[Row], questions: list[Question], reader: Reader) -> None:
    """Precision over answers given, top 1 and 5, scores of what can be answered or not; a question's words' parts."""
    from labs.nlp.answer import figures  # here, so that --help need not wait for matplotlib

    first = next((q.text for q in questions if q.answers and q.part == "held_out"), questions[0].text)

    run.save_figure("thresholds", figures.plot_thresholds(rows, questions, reader.method, reader.threshold))
    run.save_figure("retrieval", figures.plot_retrieval(rows, questions))
    run.save_figure("scores", figures.plot_scores(rows, questions, reader.method, reader.threshold))
    run.save_figure("parts", figures.plot_parts(first, reader.passages, reader.index.bm25))


def main() -> None:
    """The command `python -m labs.nlp.answer`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
