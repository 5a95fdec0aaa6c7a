"""How well are named entities found? Scores of each kind, which kinds are confused, sentences with their entities."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from labs.nlp.tagging.conll import kinds_of, spans

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Tags = Sequence[str]
NONE = "none"  # stands for no entity in the table of confusions


@dataclass(frozen=True)
class Score:
    """Whole entities: how many there are, the share of those said that are right, and of those there that are found."""

    there: int
    precision: float
    recall: float
    f1: float


def score_entities(predicted: Sequence[Tags], own: Sequence[Tags]) -> dict[str, Score]:
    """The scores of each kind, and under `all` those of all together.

    An entity is right if its first word, its last word and its kind are (CoNLL-2003, Tjong Kim Sang & De Meulder 2003).
    F1 is the harmonic mean of precision and recall. A share of nothing is 0.
    """
    there, said, hits = Counter[str](), Counter[str](), Counter[str]()
    for mine, theirs in zip(predicted, own, strict=True):
        found, wanted = spans(mine), spans(theirs)
        for counts, entities in ((said, found), (there, wanted), (hits, found & wanted)):
            counts.update(kind for *_, kind in entities)
            counts["all"] += len(entities)
    kinds = [*sorted({*there, *said} - {"all"}), "all"]
    return {
        kind: Score(
            there[kind],
            hits[kind] / max(1, said[kind]),
            hits[kind] / max(1, there[kind]),
            2 * hits[kind] / max(1, said[kind] + there[kind]),
        )
        for kind in kinds
    }


def describe_scores(scores: dict[str, Score]) -> str:
    """The scores as lines of a table."""
    lines = [f"{'kind':<8} {'there':>6} {'precision':>10} {'recall':>8} {'F1':>7}"]
    for kind, s in scores.items():
        lines.append(f"{kind:<8} {s.there:>6} {s.precision:>10.1%} {s.recall:>8.1%} {s.f1:>7.1%}")
    return "\n".join(lines)


def broken_starts(predicted: Sequence[Tags]) -> int:
    """How many I tags follow neither a B nor an I of their kind: no rule allows them; `spans` begins an entity."""
    count = 0
    for tags in predicted:
        for before, tag in zip(["O", *tags], tags, strict=False):
            count += tag.startswith("I-") and kinds_of([before]) != kinds_of([tag])
    return count


def confusion(predicted: Sequence[Tags], own: Sequence[Tags], kinds: Sequence[str]) -> Tensor:
    """Counts (K + 1, K + 1): row = what the entity is, column = what was said of exactly these words; last: none.

    An entity of which other words were marked counts twice: as one that was missed, and as one that is not there.
    """
    number = {kind: i for i, kind in enumerate(kinds)}
    matrix = torch.zeros(len(kinds) + 1, len(kinds) + 1, dtype=torch.int64)
    for mine, theirs in zip(predicted, own, strict=True):
        said, there = ({(start, end): number[kind] for start, end, kind in spans(tags)} for tags in (mine, theirs))
        for place in said.keys() | there.keys():
            matrix[there.get(place, len(kinds)), said.get(place, len(kinds))] += 1
    return matrix


def plot_confused(predicted: Sequence[Tags], own: Sequence[Tags], kinds: Sequence[str]) -> "Figure":
    """The table of `confusion`: which kinds are taken for which, missed, or seen where there is none."""
    from common.plots import plot_confusion  # here, so that --help need not wait for matplotlib

    figure = plot_confusion(confusion(predicted, own, kinds), [*kinds, NONE])
    figure.axes[0].set_title(f"whole entities; {NONE}: missed, or not there", fontsize=13)
    return figure


@dataclass(frozen=True)
class Marked:
    """A sentence with its tags, and a line to stand above it."""

    words: Sequence[str]
    tags: Tags
    title: str


def compare(words: Sequence[str], predicted: Tags, own: Tags) -> Marked:
    """A sentence as it was tagged; its title says what is wrong."""
    said, there = spans(predicted), spans(own)

    def names(entities: set[tuple[int, int, str]]) -> str:
        return ", ".join(f"{' '.join(words[start:end])} ({kind})" for start, end, kind in sorted(entities))

    wrong = [f"{what} {names(part)}" for what, part in (("missed:", there - said), ("wrong:", said - there)) if part]
    return Marked(words, predicted, "; ".join(wrong) or "right")


def choose(words: Sequence[Sequence[str]], predicted: Sequence[Tags], own: Sequence[Tags]) -> list[Marked]:
    """Seven sentences to be shown: three that have most entities right, four that have most wrong, none too long."""
    marked = []
    for sentence, mine, theirs in zip(words, predicted, own, strict=True):
        if len(sentence) <= 25 and spans(theirs):
            marked.append((len(spans(mine) ^ spans(theirs)), len(spans(theirs)), compare(sentence, mine, theirs)))
    right = sorted((one for one in marked if not one[0]), key=lambda one: -one[1])
    wrong = sorted((one for one in marked if one[0]), key=lambda one: -one[0])
    return [one for *_, one in right[:3] + wrong[:4]]


def pieces(words: Sequence[str], tags: Tags) -> list[tuple[str, str]]:
    """A sentence as (text, kind): the words of an entity together, any other word by itself with no kind."""
    starts = {start: (end, kind) for start, end, kind in spans(tags)}
    found, i = [], 0
    while i < len(words):
        end, kind = starts.get(i, (i + 1, ""))
        found.append((" ".join(words[i:end]), kind))
        i = end
    return found


def plot_sentences(sentences: Sequence[Marked], kinds: Sequence[str], width: int = 74) -> "Figure":
    """Sentences with every entity on a coloured ground and its kind behind it; `width` letters in a line."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    from common.plots import plain  # here, so that --help need not wait for matplotlib

    laid_out = []
    for sentence in sentences:
        x, lines, row = 0, 1, []
        for text, kind in pieces(sentence.words, sentence.tags):
            shown = f"{text} {kind}" if kind else text
            if x and x + len(shown) > width:
                x, lines = 0, lines + 1
            row.append((x, lines, shown, kind))
            x += len(shown) + 1 + bool(kind)  # a coloured ground is wider than its letters
        title = sentence.title if len(sentence.title) <= width else f"{sentence.title[: width - 1]}…"
        laid_out.append((title, lines, row))
    height = sum(lines + 1.6 for _, lines, _ in laid_out)
    figure = Figure(figsize=(width / 10.3, 0.23 * height + 0.2))
    axis = figure.add_axes((0.02, 0, 0.97, 1))
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.axis("off")
    colour = {kind: colormaps["Set2"](i % 8) for i, kind in enumerate(kinds)}
    top = 0.8
    for title, lines, row in laid_out:
        axis.text(0, top, plain(title), fontsize=11, weight="bold", va="center")
        for x, line, shown, kind in row:
            look: dict[str, Any] = {"fontsize": 11, "family": "monospace", "va": "center"}
            if kind:
                look["bbox"] = {"facecolor": colour[kind], "edgecolor": "none", "pad": 1.5}
            axis.text(x, top + line, plain(shown), **look)
        top += lines + 1.6
    return figure
