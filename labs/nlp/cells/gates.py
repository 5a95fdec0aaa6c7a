"""What do the gates of a trained network do while it reads a sentence?

`python -m labs.nlp.cells.gates "Not a good film."` uses the newest run of labs.nlp.classify; --run names another, also
one of labs.nlp.language_model. torch's layers do not tell their gates; the cells of equations.py do, and with the
layer's weights they are the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from torch import Tensor, nn
from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.runs import newest
from common.settings import Count, OptionalFolder, OptionalPath, Settings, read_record
from labs.nlp import classify, language_model
from labs.nlp.cells.equations import of_torch
from labs.nlp.cells.gradients import trace
from labs.nlp.vocabulary import Vocabulary, load_vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPENED = {module.HyperParams.COMMAND: module.load_run for module in (classify, language_model)}
SENTENCE = "The food was not good, but the waiter was kind."


@dataclass(frozen=True)
class Request(Settings):
    """Draw what the gates of a trained recurrent network do over a sentence."""

    text: Positional[Annotated[tuple[str, ...], arg(metavar="TEXT")]] = (SENTENCE,)  # the sentence
    run: OptionalFolder = None  # a run of labs.nlp.classify or language_model; none: the newest of classify
    words: Count = 25  # how many of its tokens are drawn at most
    out: OptionalPath = None  # where the figure goes; none: gates.png in the run's figures


def open_run(path: Path) -> tuple[nn.Module, Vocabulary]:
    """A run's network and its vocabulary; InputError if it has no recurrent layer."""
    command = read_record(path).get("command")
    if command not in OPENED:
        raise InputError(f"{path} is a run of {command}; a run of {' or '.join(OPENED)} is needed")
    return OPENED[command](path).model, load_vocabulary(path)


def read_gates(model: nn.Module, vocabulary: Vocabulary, text: str, most: int) -> tuple[dict[str, Tensor], list[str]]:
    """What the first layer's cell, reading forwards, had in each letter (T, H), and the T ≤ `most` words it read."""
    layer = next((part for part in model.modules() if isinstance(part, nn.RNNBase)), None)
    if layer is None:
        raise InputError("this network has no recurrent layer; train one with --model lstm, gru or rnn")
    words = [word for word, _ in vocabulary.pieces(text, most)]
    if not words:
        raise InputError("there is no word in this text; write a sentence")
    embedding = cast(nn.Embedding, model.get_submodule("embedding"))
    X = vocabulary.encode([text], max_length=most)[0].to(embedding.weight.device)
    return trace(of_torch(layer), embedding(X).detach()), words


def draw_gates(model: nn.Module, vocabulary: Vocabulary, text: str, most: int = 25) -> "Figure":
    """The figure of `read_gates`."""
    from labs.nlp.cells.figures import plot_gates

    return plot_gates(*read_gates(model, vocabulary, text, most))


def draw(**kws) -> None:
    """Write gates.png."""
    from common.plots import write_figure

    request = Request.of(**kws)
    path = request.run or newest(classify.HyperParams.COMMAND)
    model, vocabulary = open_run(path)
    figure = draw_gates(model, vocabulary, " ".join(request.text), request.words)
    print(write_figure(request.out or path / "figures" / "gates.png", figure))


if __name__ == "__main__":
    cli.run(draw, Request)
