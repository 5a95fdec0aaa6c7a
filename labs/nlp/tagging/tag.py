"""How does a trained tagger tag my own sentence? A sentence, a file, or what is typed.

`python -m labs.nlp.tagging.tag "Grace Hopper flew to Hamburg."` uses the newest run of labs.nlp.tagging: parts of
speech, or named entities, as it was trained.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.settings import OptionalFolder, OptionalPath, Settings
from labs.nlp.asked import texts_asked
from labs.nlp.tagging import entities
from labs.nlp.tagging.bilstm import Encoding
from labs.nlp.tagging.conll import kinds_of
from labs.nlp.tagging.tagging import load_run, predict

# n't, 's and the like stand alone, as they do in the corpora; then words with inner marks, numbers, single signs.
TOKEN = re.compile(
    r"n't\b|'(?:s|re|ve|ll|d|m)\b"
    r"|\d+(?:[.,:]\d+)+|\w+?(?=n't\b)|\w+(?:[-&]\w+|'(?!(?:s|re|ve|ll|d|m)\b)\w+)*|[^\w\s]"
)


@dataclass(frozen=True)
class Request(Settings):
    """Let a trained tagger tag sentences: those given, a file (a sentence per line), or lines typed in."""

    text: Positional[Annotated[tuple[str, ...], arg(metavar="TEXT")]] = ()  # sentences, each in quotation marks
    file: OptionalPath = None  # a text file, a sentence per line
    run: OptionalFolder = None  # the run whose tagger tags; none given: the newest
    out: OptionalPath = None  # where the figure of named entities goes; none: the run's figures


def split_words(text: str) -> list[str]:
    """A sentence cut into tokens as the tagged corpora are: John's dog didn't. → John 's dog did n't ."""
    return TOKEN.findall(text.replace("’", "'"))


def read(**kws) -> None:
    """Print each sentence with its tags; of named entities draw a figure, too."""
    from common import plots

    request = Request(**kws)
    sentences = [split_words(text) for text in texts_asked(request.text, request.file)]
    loaded = load_run(request.run)
    encoding = Encoding(**loaded.about)
    kinds = kinds_of(encoding.tags)
    if request.out and not kinds:
        raise InputError(f"--out is {request.out}; a figure is drawn of named entities only: leave it away")
    tagged = predict(loaded.model, encoding, sentences)
    for words, tags in zip(sentences, tagged, strict=True):
        print("  ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True)))
        if kinds:
            found = ", ".join(f"{text} ({kind})" for text, kind in entities.pieces(words, tags) if kind)
            print(f"  {found or 'no named entity'}")
    if kinds:
        name = re.sub(r"\W+", "-", " ".join(sentences[0])).strip("-")[:60]  # another sentence leaves this one's figure
        path = request.out or loaded.path / "figures" / f"tag-{name}.png"
        marked = [entities.Marked(words, tags, "") for words, tags in zip(sentences, tagged, strict=True)]
        print(f"the entities: {plots.write_figure(path, entities.plot_sentences(marked[:12], kinds))}")


if __name__ == "__main__":
    cli.run(read, Request)
