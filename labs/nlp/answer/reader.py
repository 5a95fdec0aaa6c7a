"""A question in, an answer out: the best passage, the words chosen in it, its score, its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from labs.nlp.answer import spans
from labs.nlp.answer.passages import Passage
from labs.nlp.answer.questions import Question
from labs.nlp.answer.retrieval import Index


@dataclass(frozen=True)
class Answer:
    """What was found for a question. `known` is False below the threshold: then one should not trust the rest."""

    question: str
    text: str
    sentence: str
    place: str
    score: float
    known: bool


@dataclass(frozen=True)
class Reader:
    """Passages with their index, the weights of a span's features, and the score below which it is silent."""

    passages: Sequence[Passage]
    index: Index
    method: str
    weights: Tensor = field(default_factory=lambda: torch.zeros(len(spans.FEATURES)))
    threshold: float = 0.0

    def look(self, question: str) -> tuple[Passage, float]:
        """The passage with the largest score, of equals the first, and the score."""
        scores = self.index.scores(question)[self.method]
        best = int(np.argmax(scores))
        return self.passages[best], float(scores[best])

    def read(self, question: str, passage: Passage) -> spans.Span:
        """The words of a passage that are likeliest to be the answer."""
        return spans.choose(question, passage.text, self.index.bm25.idf, self.weights)

    def answer(self, question: str) -> Answer:
        """The answer from the best passage; not `known` below the threshold, and where no word of it is known."""
        passage, score = self.look(question)
        span = self.read(question, passage)
        known = score >= self.threshold and score > 0
        return Answer(question, span.text, span.sentence, passage.place, score, known)


def learn_spans(reader: Reader, tuning: Sequence[Question]) -> Tensor:
    """The weights (F,) of a span's features, from answered questions and the first right passage of each."""
    asked = [
        (question.text, next(p.text for p in reader.passages if question.is_right(p)), question.answers)
        for question in tuning
        if question.answers
    ]
    return spans.learn(asked, reader.index.bm25.idf)
