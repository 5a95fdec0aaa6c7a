"""What the notebook draws: passages for a question by words and by vectors, the words chosen, when to be silent."""

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from common.errors import InputError
from common.loop import Row
from labs.nlp.answer import chat, spans
from labs.nlp.answer.answer import HyperParams, prepare
from labs.nlp.answer.figures import plot_candidates, plot_parts, plot_saturation, plot_scatter, plot_thresholds
from labs.nlp.answer.measures import rank
from labs.nlp.answer.questions import Question
from labs.nlp.answer.reader import Reader
from labs.nlp.answer.retrieval import BM25
from labs.nlp.answer.thresholds import choose_threshold, precision_and_share
from labs.nlp.sentences import content_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 6  # candidates


@lru_cache(maxsize=3)
def opened(documents: str) -> tuple[Reader, list[Question]]:
    """What answers from essays, suite or folder:PATH, and the questions about it (none about a folder)."""
    return prepare(HyperParams.of(documents=documents.strip(), chat=True))


@lru_cache(maxsize=3)
def scored(documents: str) -> list[Row]:
    """Of each question the best passage's score, and on which place the right one stands, by BM25."""
    reader, questions = opened(documents)
    rows: list[Row] = []
    for question in questions:
        scores = reader.index.scores(question.text)["bm25"]
        right = np.array([bool(question.answers) and question.is_right(passage) for passage in reader.passages])
        rows.append({"score": float(scores.max()), "rank_bm25": rank(scores, right)})
    return rows


def draw_words(documents: str, question: str) -> str:
    """What is left of a question, how rare each word is, and the passage that is found."""
    reader, questions = opened(documents)
    bm25 = reader.index.bm25
    lines = [
        f"{word:14} in {bm25.held_by[word]:3} of {bm25.count} passages   idf {bm25.idf(word):.2f}"
        for word in dict.fromkeys(_content(question))
    ]
    passage, score = reader.look(question)
    return "\n".join([*lines, f"\n{passage.place} (score {score:.2f})\n{passage.text}"])


def draw_parts(documents: str, question: str, k1: float, b: float) -> tuple["Figure", str]:
    """What each word adds to the score of the five best passages, with other k₁ and b; the questions' accuracy."""
    reader, questions = opened(documents)
    _content(question)
    bm25 = BM25(reader.index.words, k1, b)
    tuning = [q for q in questions if q.part == "tune" and q.answers]
    found = [reader.passages[int(np.argmax(bm25.scores(content_words(q.text))))] for q in tuning]
    right = sum(q.is_right(passage) for q, passage in zip(tuning, found, strict=True))
    said = f"with these k₁ and b the right passage is first for {right} of the tuning part's {len(tuning)} questions"
    return plot_parts(question, reader.passages, bm25), said if tuning else ""


def draw_saturation(k1: float, b: float) -> "Figure":
    """How the factor of the idf grows with tf."""
    return plot_saturation(k1, b)


def draw_scatter(documents: str, question: str) -> tuple["Figure", str]:
    """All passages by BM25 and by vectors, and each method's first."""
    reader, questions = opened(documents)
    _content(question)
    scores = reader.index.scores(question)
    asked = next((q for q in questions if q.text == question and q.answers), None)
    right = np.array([asked is not None and asked.is_right(passage) for passage in reader.passages])
    first = [
        f"{name:8} {reader.passages[int(np.argmax(scores[name]))].place} ({scores[name].max():.2f})" for name in scores
    ]
    return plot_scatter(scores["bm25"], scores["vectors"], right), "\n".join(first)


def draw_spans(documents: str, question: str) -> tuple["Figure", str]:
    """The likeliest words of the best passage, and what each of their features counts."""
    reader, _ = opened(documents)
    _content(question)
    passage, _ = reader.look(question)
    found, features = spans.candidates(question, passage.text, reader.index.bm25.idf)
    if not found:
        raise InputError(f"{passage.place} has no run of words that could be an answer")
    p = (features @ reader.weights).softmax(dim=0)
    order = p.argsort(descending=True, stable=True)[:SHOWN]
    logits = (features[order] * reader.weights).T  # (F, SHOWN)
    used = features[order].abs().sum(dim=0) > 0
    parts = {name: logits[i].tolist() for i, name in enumerate(spans.FEATURES) if used[i]}
    texts = [found[int(i)].text for i in order]
    said = f"{len(found)} candidates; chosen: {texts[0]}\n{found[int(order[0])].sentence}"
    return plot_candidates(texts, p[order].tolist(), parts), said


def draw_threshold(documents: str, precision: float) -> tuple["Figure", str]:
    """The threshold that a wanted precision sets, and what it keeps of its promise."""
    _, questions = opened(documents)
    threshold = find_threshold(documents, precision)
    rows = scored(documents)
    lines = []
    for name, part in (("tuning part", "tune"), ("held out", "held_out")):
        scores, right = _of_part(documents, part)
        reached, share = precision_and_share(scores, right, threshold)
        given, count = round(share * len(scores)), len(scores)
        lines.append(f"{name}: {given} of {count} questions answered, {reached:.0%} of these from the right place")
    return plot_thresholds(rows, questions, "bm25", threshold), "\n".join(lines)


def draw_answers(documents: str, precision: float, asked: str) -> str:
    """What is said to questions, a line each, with the threshold that a wanted precision sets."""
    reader = replace(opened(documents)[0], threshold=find_threshold(documents, precision))
    lines = []
    for question in filter(None, map(str.strip, asked.splitlines())):
        lines += [question, *(f"  {line}" for line in chat.describe(reader.answer(question)).splitlines()), ""]
    return "\n".join(lines) or "Write a question, a line each."


def find_threshold(documents: str, precision: float) -> float:
    """The lowest score above which this share of the tuning part's answers is right; InputError without questions."""
    if not opened(documents)[1]:
        raise InputError(f"there are no questions about {documents} to set a threshold with; take essays or suite")
    return choose_threshold(*_of_part(documents, "tune"), precision)


def _of_part(documents: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """The scores of a part's questions, and whether the best passage is right."""
    questions = opened(documents)[1]
    own = [row for row, question in zip(scored(documents), questions, strict=True) if question.part == part]
    return np.array([row["score"] for row in own]), np.array([row["rank_bm25"] == 1 for row in own])


def _content(question: str) -> list[str]:
    """The question's words that count; InputError without any."""
    words = content_words(question)
    if not words:
        raise InputError("no word of this question counts: all are stop words; ask with a noun or a verb")
    return words
