"""How often the right passage is found, and the right words in it; of the tuning part and of the questions held out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from common.files import write_csv
from common.loop import Row
from common.runs import Run
from labs.nlp.answer import spans
from labs.nlp.answer.questions import PARTS, Question, exact_match, f1
from labs.nlp.answer.reader import Reader
from labs.nlp.answer.retrieval import METHODS
from labs.nlp.answer.thresholds import precision_and_share


def measure(reader: Reader, question: Question) -> Row:
    """A question's row of the history.

    score                    of the best passage, by the reader's method
    rank_bm25, …             on which place each method has the first right passage, from 1; 0 if there is none
    exact, f1                of the words chosen in the best passage
    given_exact, given_f1    of those chosen in the right passage, were it known
    sentence_f1              of the best passage's sentence that has most of the question's words
    """
    scores = reader.index.scores(question.text)
    row: Row = {"score": float(scores[reader.method].max())}
    right = np.array([bool(question.answers) and question.is_right(passage) for passage in reader.passages])
    for method in METHODS:
        row[f"rank_{method}"] = rank(scores[method], right)
    if not question.answers:
        return row | dict.fromkeys(("exact", "f1", "given_exact", "given_f1", "sentence_f1"), 0.0)
    best = reader.passages[int(np.argmax(scores[reader.method]))]
    chosen = reader.read(question.text, best).text
    row |= {"exact": exact_match(chosen, question.answers), "f1": f1(chosen, question.answers)}
    given = reader.read(question.text, reader.passages[int(np.argmax(right))]).text
    row |= {"given_exact": exact_match(given, question.answers), "given_f1": f1(given, question.answers)}
    sentence = spans.best_sentence(question.text, best.text, reader.index.bm25.idf)
    return row | {"sentence_f1": f1(sentence, question.answers)}


def rank(scores: np.ndarray, right: np.ndarray) -> int:
    """On which place the best right one stands, from 1; equal scores before it count as better. 0 if none is right."""
    if not right.any():
        return 0
    first = int(np.argmax(np.where(right, scores, -np.inf)))
    return 1 + int((scores > scores[first]).sum() + (scores[:first] == scores[first]).sum())


def top(ranks: np.ndarray, number: int) -> float:
    """The share of ranks from 1 to `number`."""
    return float(((ranks >= 1) & (ranks <= number)).mean())


def interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` questions (Wilson 1927): not empty where all of them are right."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def described(share: float, count: int) -> str:
    """A share in percent with its interval."""
    low, high = interval(share, count)
    return f"{share:.1%} ({low:.0%} to {high:.0%})"


def right_place(rows: Sequence[Row], method: str) -> np.ndarray:
    """Whether each question's best passage is a right one (N,)."""
    return np.array([row[f"rank_{method}"] == 1 for row in rows])


def report(run: Run, rows: Sequence[Row], questions: Sequence[Question], reader: Reader) -> dict[str, float]:
    """The metrics by part, printed and in retrieval.csv; questions.csv has what became of each question."""
    metrics: dict[str, float] = {}
    table: list[dict[str, Any]] = []
    for part in PARTS:
        own = [row for row, question in zip(rows, questions, strict=True) if question.part == part]
        answered = [row for row, q in zip(rows, questions, strict=True) if q.part == part and q.answers]
        if not answered:
            continue
        n = len(answered)
        for method in METHODS:
            ranks = np.array([row[f"rank_{method}"] for row in answered])
            shares = {"top1": top(ranks, 1), "top5": top(ranks, 5)}
            table.append({"part": part, "method": method, "questions": n, **shares})
            shown = "  ".join(f"{name} {described(share, n)}" for name, share in shares.items())
            run.say(f"{part:8}  {method:7}  {shown}  ({n} questions)")
            if method == reader.method:
                metrics |= {f"{part}_{name}": share for name, share in shares.items()}
        for name in ("exact", "f1", "given_exact", "given_f1", "sentence_f1"):
            metrics[f"{part}_{name}"] = float(np.mean([row[name] for row in answered]))
        run.say(
            f"{part:8}  words chosen in the best passage: exact {metrics[f'{part}_exact']:.1%}, "
            f"F1 {metrics[f'{part}_f1']:.3f} (a whole sentence: {metrics[f'{part}_sentence_f1']:.3f}); "
            f"in the right passage: {metrics[f'{part}_given_exact']:.1%}, {metrics[f'{part}_given_f1']:.3f}"
        )
        scores = np.array([row["score"] for row in own])
        precision, share = precision_and_share(scores, right_place(own, reader.method), reader.threshold)
        metrics |= {f"{part}_precision": precision, f"{part}_answered": share}
        silent = [r["score"] < reader.threshold for r, q in zip(rows, questions, strict=True) if _empty(q, part)]
        if silent:
            metrics[f"{part}_silent"] = float(np.mean(silent))
        run.say(
            f"{part:8}  from a score of {reader.threshold:.3f} on: {share:.1%} of {len(own)} questions answered, "
            f"{precision:.1%} of these from the right place; silent on {sum(silent)} of {len(silent)} without an answer"
        )
    write_csv(run.path / "retrieval.csv", table)
    write_csv(run.path / "questions.csv", [_line(row, q, reader) for row, q in zip(rows, questions, strict=True)])
    return metrics


def _empty(question: Question, part: str) -> bool:
    """Whether it is a question of this part that the documents do not answer."""
    return question.part == part and not question.answers


def _line(row: Row, question: Question, reader: Reader) -> dict[str, Any]:
    answer = reader.answer(question.text)
    wanted = f"{question.document} › {question.section}" if question.answers else ""
    about = {"part": question.part, "question": question.text, "wanted": " | ".join(question.answers), "place": wanted}
    found = {"given": answer.text, "found_in": answer.place, "known": answer.known}
    return about | found | {name: value for name, value in row.items() if name not in ("epoch", "seconds")}
