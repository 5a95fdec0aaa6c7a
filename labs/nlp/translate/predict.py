"""What does a trained network write for my own text? A line, a file, or what is typed.

`python -m labs.nlp.translate.predict "3rd of May 1994"` uses the newest run of labs.nlp.translate.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.settings import Count, NotNegative, OptionalFolder, OptionalPath, Settings
from labs.nlp.asked import texts_asked
from labs.nlp.translate.alignment import printable, table
from labs.nlp.translate.batches import load_vocabularies
from labs.nlp.translate.translate import load_run, predict


@dataclass(frozen=True)
class Request(Settings):
    """Let a trained network translate: the texts given, a file (a text per line), or lines typed in."""

    text: Positional[Annotated[tuple[str, ...], arg(metavar="TEXT")]] = ()  # texts, each in quotation marks
    file: OptionalPath = None  # a text file, a text per line
    run: OptionalFolder = None  # the run whose network translates; none given: the newest
    beam: Count = 1  # hypotheses side by side, all of them shown; 1: the likeliest token each time
    length_penalty: NotNegative = 0.6  # with --beam: how much longer translations are favoured (α)
    out: OptionalPath = None  # where the figure goes; none: the run's figures, named by the first text

    def check(self) -> None:
        self.refuse_unused({"length_penalty": self.beam > 1}, "without --beam: one hypothesis is the best of one")


def read(**kws) -> None:
    """Print each text with its translation and where the network looked, and draw the first twelve."""
    from common import plots
    from labs.nlp.translate.figures import plot_alignments

    request = Request(**kws)
    texts = [text.strip() for text in texts_asked(request.text, request.file)]
    loaded = load_run(request.run)
    vocabularies, longest = load_vocabularies(loaded.path), loaded.settings.max_length
    for text in texts:
        pieces = vocabularies.source.pieces(text)
        shown = text if len(text) <= 40 else f"{text[:39]}…"
        if len(pieces) > longest:
            raise InputError(
                f"{shown!r} has {len(pieces)} tokens; the run was trained on at most {longest}: cut it into parts"
            )
        if unknown := "".join(dict.fromkeys(piece for piece, known in pieces if not known)):
            print(f"{printable(shown)}: never seen in training, read as unknown: {printable(unknown)}")
    penalty = request.length_penalty
    found = predict(loaded.model, vocabularies, texts, longest=longest, beam=request.beam, length_penalty=penalty)
    for text, each in zip(texts, found, strict=True):
        print(f"{printable(text)} → {each.describe()}\n{table(each)}\n")
    name = re.sub(r"\W+", "-", texts[0]).strip("-")[:60]  # so that another text does not overwrite its answer
    path = request.out or loaded.path / "figures" / f"translate-{name}.png"
    print(f"where it looked: {plots.write_figure(path, plot_alignments(found[:12]))}")


if __name__ == "__main__":
    cli.run(read, Request)
