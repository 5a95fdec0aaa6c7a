"""What the notebook draws: a text, its graph, a walk over it, what each method takes, ROUGE of one's own choice."""

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from common.errors import InputError
from labs.nlp.sentences import content_words, split_sentences, words_of
from labs.nlp.summarise.extraction import rank
from labs.nlp.summarise.figures import STEPS, plot_choices, plot_dimensions, plot_graph, plot_marked, plot_steps
from labs.nlp.summarise.references import MEASURES, Text, load_references, measure, measure_random, oracle
from labs.nlp.summarise.rouge import rouge_n
from labs.nlp.summarise.summarise import OWN, HyperParams, choose, weigh

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 60  # sentences of a text of one's own; the graph of more cannot be seen
SETS = 1000  # so many sets of sentences are tried for the oracle


@lru_cache(maxsize=1)
def essays() -> dict[str, Text]:
    """The essays that have a reference, by name."""
    return {text.name: text for text in load_references()}


def read(essay: str, own: str, reference: str = "") -> Text:
    """The essay, or the reader's own text if there is one; InputError if it has not 3 to LONGEST sentences."""
    if not own.strip():
        text = essays()[essay]
        return Text(text.name, text.sentences, reference.strip() or text.reference)
    sentences = split_sentences(own)
    if not 3 <= len(sentences) <= LONGEST:
        raise InputError(f"your text has {len(sentences)} sentences; paste one of 3 to {LONGEST}")
    return Text("your text", sentences, reference.strip() or None)


def draw_text(essay: str, own: str) -> str:
    """The sentences by number, each with its words as the methods see them."""
    lines = []
    for i, sentence in enumerate(read(essay, own).sentences, 1):
        lines.append(f"{i}  {sentence}\n   {' · '.join(content_words(sentence)) or '(no word that counts)'}")
    return "\n".join(lines)


def draw_graph(essay: str, own: str, similarity: str, damping: float) -> tuple["Figure", str]:
    """TextRank's graph with its ranks, and the arithmetic of the heaviest edge."""
    text = read(essay, own)
    args = HyperParams.of(similarity=similarity, damping=damping)
    scores = weigh(text.sentences, args)
    i, j = sorted(int(k) for k in np.unravel_index(scores.graph.argmax(), scores.graph.shape))
    if scores.graph[i, j] == 0:
        said = "no two sentences share a word: nobody can walk anywhere, and all ranks are equal"
    else:
        a, b = (content_words(text.sentences[k]) for k in (i, j))
        shared = sorted(set(a) & set(b))
        said = f"heaviest edge: {i + 1} and {j + 1} share {', '.join(shared)}"
        if similarity == "overlap":
            said += f": {len(shared)}/(ln {len(a)} + ln {len(b)})"
        said += f" = {scores.graph[i, j]:.3f}"
    chosen = choose(text.sentences, "textrank", args, scores)
    return plot_graph(text.sentences, scores.graph, scores.textrank, chosen), said


def draw_steps(essay: str, own: str, damping: float, step: int) -> tuple["Figure", str]:
    """The power iteration after some steps, and where it ends."""
    text = read(essay, own)
    graph = weigh(text.sentences, HyperParams()).graph
    end = rank(graph, damping)
    first = int(end.argmax())
    said = f"in the end sentence {first + 1} is first, with {end[first]:.3f}; all {len(end)} add up to {end.sum():.3f}"
    return plot_steps(graph, damping, min(step, STEPS)), said


def draw_methods(essay: str, own: str, sentences: int, damping: float, dimensions: int) -> tuple["Figure", str]:
    """The text with the marks of each method, and whether the methods agree."""
    text = read(essay, own)
    sentences = min(sentences, len(text.sentences) - 1)
    args = HyperParams.of(sentences=sentences, damping=damping, dimensions=dimensions)
    scores = weigh(text.sentences, args)
    chosen = {method: choose(text.sentences, method, args, scores) for method in OWN}
    both = sorted(set(chosen["textrank"]) & set(chosen["lsa"]))
    said = f"TextRank and LSA both take: {', '.join(str(i + 1) for i in both) or 'none'}"
    return plot_marked(text.sentences, chosen), said


def draw_dimensions(essay: str, own: str, dimensions: int) -> "Figure":
    """How much each sentence has of the first dimensions of the SVD."""
    return plot_dimensions([content_words(sentence) for sentence in read(essay, own).sentences], dimensions)


def draw_rouge(essay: str, own: str, reference: str, numbers: str) -> tuple["Figure", str]:
    """ROUGE of the sentences with these numbers beside what the methods reach with as many, and the arithmetic."""
    text = read(essay, own, reference)
    if text.reference is None:
        raise InputError("your text has no summary to compare with; write one beside it")
    places = sorted({int(number) - 1 for number in re.findall(r"\d+", numbers)})
    most = len(text.sentences)
    if not places or places[0] < 0 or places[-1] >= most or len(places) == most:
        raise InputError(f"{numbers!r} names no choice; write some of the numbers 1 to {most}, but not all")
    args = HyperParams.of(sentences=len(places))
    scores = weigh(text.sentences, args)
    reached = {"yours": measure(text, places)}
    reached |= {method: measure(text, choose(text.sentences, method, args, scores)) for method in OWN}
    if math.comb(most, len(places)) <= SETS:
        reached["all, mean"] = measure_random(text, len(places))
        reached["oracle"] = measure(text, oracle(text, len(places)))
    shared = rouge_n(text.join(places), text.reference, 1)
    ours, theirs = len(words_of(text.join(places))), len(words_of(text.reference))
    count = round(shared.recall * theirs)
    said = (
        f"reference: {text.reference}\n"
        f"yours, ROUGE-1: {count} words shared; precision {count}/{ours} = {shared.precision:.3f}, "
        f"recall {count}/{theirs} = {shared.recall:.3f}, F1 = 2·{count}/({ours} + {theirs}) = {shared.f1:.3f}"
    )
    return plot_choices({name: {m: row[m] for m in MEASURES} for name, row in reached.items()}), said
