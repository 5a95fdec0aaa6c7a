"""Which words of a passage are the answer? Every run of up to ten words is a candidate; a softmax chooses one.

A candidate is described by a few numbers (do its neighbours share words with the question? is it a number, and was one
asked for?), and each number has a weight. The weights are learnt from the questions of the tuning part, so that the F1
that a draw from the softmax expects is large. SQuAD's first baseline (Rajpurkar et al. 2016) was of this kind, with
many more such numbers and a thousand times the questions.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from labs.nlp.answer.questions import f1
from labs.nlp.sentences import content_words, split_sentences

LONGEST = 10  # words of a candidate
WINDOW = 5  # words on each side that count as near
FEATURES = (
    *("question in the sentence", "question nearby", "repeats the question"),
    *(
        "number, as asked",
        "year, as asked",
        "name, as asked",
        "number, not asked",
        "year, not asked",
        "name, not asked",
    ),
    *("begins where a phrase may", "ends where a phrase may", "length", "crosses a comma", "by for who, in for where"),
    *("in for who",),
)
TOKEN = re.compile(r"\w+(?:[.,'’−–-]\w+)*%?|[^\w\s]")
NUMBER = re.compile(
    r".*\d.*|(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(-\w+)?|one|two|three|four|five|six|seven|eight|nine|"
    r"ten|eleven|twelve|\w+teen|hundreds?|thousands?|millions?|billions?|half|third|quarter|twice|dozen"
)
YEAR = re.compile(r"1\d{3}|20\d{2}")
ASKS_NUMBER = re.compile(
    r"\bhow (many|much|long|far|old|often|large|big|small|wide|high|tall|heavy|fast|deep|thick|hot|cold|likely)\b|"
    r"\b(percentage|percent|number|temperature|share|distance|angle|age|price|speed|accuracy|rate)\b",
    re.IGNORECASE,
)
ASKS_YEAR = re.compile(r"\bwhen\b|\byear\b", re.IGNORECASE)
ASKS_NAME = re.compile(r"\b(who|whom|whose|where|name|named|called|country|city|town|person)\b", re.IGNORECASE)
PLACE = ("in", "at", "on", "from")
WEAK = frozenset(
    (
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "and",
        "or",
        "but",
        "is",
        "are",
        "was",
    )
    + ("were", "be", "it", "its", "that", "which", "as", "than", "so", "if", "this", "these", "has", "have", "had")
)


@dataclass(frozen=True)
class Span:
    """Some words of a sentence."""

    text: str
    sentence: str


def candidates(
    question: str, passage: str, idf: Callable[[str], float]
) -> tuple[list[Span], Tensor]:  # fmt: skip
    """Every run of up to LONGEST words of a passage's sentences that begins and ends well, and its features (C, F)."""
    asked = set(content_words(question))
    weight = {word: idf(word) for word in asked}
    total = sum(weight.values()) or 1.0
    wants = [bool(asks.search(question)) for asks in (ASKS_NUMBER, ASKS_YEAR, ASKS_NAME)]
    who, where = (re.search(word, question, re.IGNORECASE) is not None for word in (r"\bwho", r"\bwhere\b"))
    spans: list[Span] = []
    rows: list[list[float]] = []
    for sentence in split_sentences(passage):
        tokens = list(TOKEN.finditer(sentence))
        stems = [next(iter(content_words(token[0])), "") for token in tokens]
        found = [weight.get(s, 0.0) / total for s in stems]
        here = sum(dict(zip(stems, found, strict=True)).values())
        for i, j in _runs(tokens):
            near = [k for k in range(max(0, i - WINDOW), min(len(tokens), j + WINDOW)) if not i <= k < j]
            nearby = sum({stems[k]: found[k] for k in near}.values())
            repeats = sum({stems[k]: found[k] for k in range(i, j)}.values())
            inside = [token[0] for token in tokens[i:j]]
            before = tokens[i - 1][0].lower() if i else ""
            year = any(YEAR.fullmatch(word) for word in inside)
            number = not year and any(_is_number(word) for word in inside)
            edges = [tokens[k][0] for k in (i - 1, j) if 0 <= k < len(tokens)]
            # All of a name and nothing else; the first word of a sentence has a capital for another reason.
            name = all(_is_capital(word) for word in inside) and not any(map(_is_capital, edges)) and (i > 0 or j > 1)
            spans.append(Span(sentence[tokens[i].start() : tokens[j - 1].end()], sentence))
            rows.append(
                [
                    here,
                    nearby,
                    repeats,
                    *(float(kind and want) for kind, want in zip((number, year, name), wants, strict=True)),
                    *(float(kind and not want) for kind, want in zip((number, year, name), wants, strict=True)),
                    float(i == 0 or _is_edge(tokens[i - 1][0])),
                    float(j == len(tokens) or _is_edge(tokens[j][0])),
                    math.log(j - i),
                    float("," in inside),
                    float((who and before == "by") or (where and before in PLACE)),
                    float(who and before in PLACE),
                ]
            )
    return spans, torch.tensor(rows).reshape(-1, len(FEATURES))


def _runs(tokens: Sequence[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """(first, behind the last) of each run of tokens that begins and ends with a word worth it."""
    for i, first in enumerate(tokens):
        if not first[0][0].isalnum() or first[0].lower() in WEAK - {"a", "an", "the"}:
            continue
        for j in range(i + 1, min(i + LONGEST, len(tokens)) + 1):
            last = tokens[j - 1][0]
            if last in ".;:!?":  # no answer goes on behind the end of a clause
                break
            if last[0].isalnum() and last.lower() not in WEAK:
                yield i, j


def _is_edge(word: str) -> bool:
    """Whether a phrase may begin behind this word, or end before it: a sign, or a word that carries no meaning."""
    return not word[0].isalnum() or word.lower() in WEAK


def _is_capital(word: str) -> bool:
    return word[0].isupper() and word[1:2].islower()


def _is_number(word: str) -> bool:
    return bool(word) and NUMBER.fullmatch(word.lower()) is not None


def learn(
    asked: Sequence[tuple[str, str, Sequence[str]]],
    idf: Callable[[str], float],
    *,
    steps: int = 200,
    decay: float = 1e-4,
) -> Tensor:
    """Weights (F,) of the features from (question, its passage, its answers): the least −ln of the expected F1, mean.

    The expected F1 is Σ_c p_c F1_c with p = softmax(features · weights): smooth in the weights, while the F1 of the
    best candidate is not. `decay` times Σ w² keeps few questions from making large weights.
    """
    cases = []
    for question, passage, answers in asked:
        spans, features = candidates(question, passage, idf)
        values = torch.tensor([f1(span.text, answers) for span in spans])
        if len(values) and values.max() > 0:
            cases.append((features, values))
    weights = torch.zeros(len(FEATURES), requires_grad=True)
    if not cases:
        return weights.detach()
    # All cases as one tensor; those with fewer candidates are padded, and no probability goes there.
    features = pad_sequence([rows for rows, _ in cases], batch_first=True)  # (Q, C, F)
    values = pad_sequence([own for _, own in cases], batch_first=True)  # (Q, C)
    real = pad_sequence([torch.ones(len(own), dtype=torch.bool) for _, own in cases], batch_first=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(steps):
        p = (features @ weights).masked_fill(~real, -torch.inf).softmax(dim=1)
        loss = -(p * values).sum(dim=1).log().mean() + decay * weights.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weights.detach()


def choose(question: str, passage: str, idf: Callable[[str], float], weights: Tensor) -> Span:
    """The candidate with the largest score; of a passage without any all of it."""
    spans, features = candidates(question, passage, idf)
    return spans[int((features @ weights).argmax())] if spans else Span(passage, passage)


def best_sentence(question: str, passage: str, idf: Callable[[str], float]) -> str:
    """The sentence that has most of the question's words, by idf: the baseline that narrows nothing down."""
    asked = set(content_words(question))
    sentences = split_sentences(passage) or [passage]
    return max(sentences, key=lambda sentence: sum(idf(word) for word in asked & set(content_words(sentence))))
