"""A translation and where the network looked for each of its tokens, as it is shown in a terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.text.vocabulary import END
from labs.nlp.translate.batches import Vocabularies
from labs.nlp.translate.beam import Hypothesis

SHADES = " ░▒▓█"  # weights below 0.1, 0.3, 0.5, 0.7, and above


@dataclass(frozen=True)
class Translation:
    """What a network wrote."""

    text: str
    log_p: float  # nats, of the whole text and its end
    source: list[str]  # what was read, token by token
    target: list[str]  # what was written, token by token
    weights: Tensor  # (len(target), len(source)), each row summing to 1
    others: tuple[tuple[str, float], ...] = ()  # with a beam: what else was found, and its log p

    @classmethod
    def of(cls, source: str, ranked: Sequence[Hypothesis], vocabularies: Vocabularies) -> "Translation":
        """The first of the hypotheses of a source text, in letters."""
        pieces = [piece for piece, _ in vocabularies.source.pieces(source)]
        best = ranked[0]
        tokens = [token for token in best.tokens if token != END]
        rows = [look[: len(pieces)] for look in best.weights[: len(tokens)]]
        return cls(
            vocabularies.target.decode(tokens),
            best.log_p,
            pieces,
            [vocabularies.target.decode([token]) for token in tokens],
            torch.stack(rows) if rows else torch.zeros(0, len(pieces)),
            tuple((vocabularies.target.decode(h.tokens), h.log_p) for h in ranked[1:]),
        )

    def describe(self) -> str:
        """The text with its probability, and what else was found."""
        said = f"{self.text}  (p {math.exp(self.log_p):.3f})"
        others = "".join(f", or {text} (p {math.exp(log_p):.3f})" for text, log_p in self.others)
        return printable(said + others)


def printable(text: str) -> str:
    """The text without line breaks and signs that steer a terminal."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)


def table(translation: Translation) -> str:
    """A line per token written: the darker, the more the network looked at what stands above.

    Below the source, in which every token takes as many columns as it has letters.
    """
    names = [printable(piece) or " " for piece in translation.source]
    margin = max((len(printable(piece)) for piece in translation.target), default=0) + 2
    lines = [" " * margin + "".join(names)]
    for piece, row in zip(translation.target, translation.weights.tolist(), strict=True):
        shades = (
            SHADES[min(4, int((weight + 0.1) / 0.2))] * len(name) for weight, name in zip(row, names, strict=True)
        )
        lines.append(f"{printable(piece):<{margin}}{''.join(shades)}".rstrip())
    return "\n".join(lines)
