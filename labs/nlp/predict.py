"""What does a trained classifier say of my own text? A line, a file, or what is typed.

`python -m labs.nlp.predict "The food was cold and nobody cared."` uses the newest run of labs.nlp.classify.
"""

import re
from dataclasses import dataclass
from typing import Annotated

import torch
from tyro.conf import Positional, arg

from common import cli
from common.settings import OptionalFolder, OptionalPath, Settings
from labs.nlp import reading
from labs.nlp.asked import texts_asked
from labs.nlp.classify import load_run, predict
from labs.nlp.vocabulary import load_vocabulary


@dataclass(frozen=True)
class Request(Settings):
    """Let a trained classifier read texts: the words given, a file (a text per line), or lines typed in."""

    text: Positional[Annotated[tuple[str, ...], arg(metavar="TEXT")]] = ()  # texts, each in quotation marks
    file: OptionalPath = None  # a text file, a text per line
    run: OptionalFolder = None  # the run whose classifier reads; none given: the newest
    out: OptionalPath = None  # where the figure goes; none: the run's figures, named by the first text


def read(**kws) -> None:
    """Print the likeliest classes of each text and draw which of its words counted."""
    from common import plots

    request = Request(**kws)
    texts = texts_asked(request.text, request.file)
    loaded = load_run(request.run)
    model, args, classes = loaded.model, loaded.settings, loaded.about["classes"]
    vocabulary = load_vocabulary(loaded.path)
    probabilities = predict(model, vocabulary, texts, args.max_length)
    readings = []
    for line, p in zip(texts, probabilities, strict=True):
        likeliest = p.topk(min(3, len(classes)))
        said = ", ".join(f"{classes[i]} {q:.1%}" for q, i in zip(*map(torch.Tensor.tolist, likeliest), strict=True))
        shown = line if len(line) <= 70 else f"{line[:67]}…"
        indices, _ = vocabulary.encode([line], max_length=args.max_length)
        if len(indices) == 0:
            print(f"{shown}\n  holds no word to read; by the classes' shares alone: {said}")
            continue
        print(f"{shown}\n  {said}")
        readings.append(reading.read(model, vocabulary, line, int(p.argmax()), args.max_length, said))
    if readings:
        name = re.sub(r"\W+", "-", texts[0]).strip("-")[:60]  # so that another text does not overwrite its answer
        path = request.out or loaded.path / "figures" / f"read-{name}.png"
        print(f"which words counted: {plots.write_figure(path, reading.plot_readings(readings[:12]))}")


if __name__ == "__main__":
    cli.run(read, Request)
