"""What does a classifier look at? The words that speak for each class, and those that decided about one text.

How much a word of a text counts is measured by leaving it out: if log p(class) falls, the word spoke for the class.
This works with every model (Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation
erasure"). A Transformer can also say which word looked at which.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from common.text.vocabulary import SPECIALS
from labs.nlp.vocabulary import Vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_READ, MOST_SEEN = 400, 60  # words of a text that are drawn with their colours, and in a table of attention


@torch.inference_mode()
def contributions(model: nn.Module, X: Tensor, target: int) -> Tensor:
    """How much each token of one text X (T,) speaks for class `target`: log p with it − log p without it, (T,)."""
    model.eval()
    X, n = X.to(_device(model)), len(X)
    if n == 1:
        return torch.zeros(1)
    without = torch.stack([X[torch.arange(n) != i] for i in range(n)])  # (T, T − 1)
    whole = model(X[None], torch.tensor([n])).log_softmax(dim=1)[0, target]
    parts = model(without, torch.full((n,), n - 1)).log_softmax(dim=1)[:, target]
    return (whole - parts).cpu()


@torch.inference_mode()
def indicative_words(
    model: nn.Module, vocabulary: Vocabulary, counts: Tensor, per_class: int = 12
) -> list[list[tuple[str, float]]]:
    """For each class the tokens that as a text of one word speak most for it, among those seen at least 5 times.

    Returns per class a list of (token, log-odds against the mean of the other classes).
    """
    model.eval()
    frequent = (counts >= min(5, int(counts.max()))).nonzero()[:, 0]
    frequent = frequent[frequent >= len(SPECIALS)]
    device = _device(model)
    logits = [model(part[:, None].to(device), torch.ones(len(part), dtype=torch.int64)) for part in frequent.split(512)]
    log_p = torch.cat(logits).log_softmax(dim=1).cpu()
    others = (log_p.sum(dim=1, keepdim=True) - log_p) / (log_p.shape[1] - 1)
    found = []
    for odds in (log_p - others).T:
        best = odds.topk(min(per_class, len(odds)))
        words = vocabulary.tokens(frequent[best.indices])
        found.append(list(zip(words, best.values.tolist(), strict=True)))
    return found


def _device(model: nn.Module) -> torch.device:
    return next(iter(model.state_dict().values())).device  # naive Bayes has buffers and no parameter


def plot_indicative_words(words: Sequence[Sequence[tuple[str, float]]], classes: Sequence[str]) -> "Figure":
    """Bars: the words that speak most for each class."""
    from matplotlib.figure import Figure

    from common.plots import plain

    columns = min(5, len(classes))
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(2.8 * columns, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, name, found in zip(axes, classes, words, strict=False):
        axis.barh([plain(word) for word, _ in found][::-1], [value for _, value in found][::-1], color="tab:blue")
        axis.set_title(plain(name), fontsize=10)
        axis.tick_params(labelsize=8)
    for axis in axes[len(classes) :]:
        axis.axis("off")
    figure.supxlabel("log-odds for the class when the word stands alone", fontsize=9)
    return figure


def plot_readings(
    readings: Sequence[tuple[str, Sequence[str], Tensor]], width: int = 88, line_height: float = 0.26
) -> "Figure":
    """Texts with every word coloured: blue speaks for the class named in the title, red against it.

    readings: (title, words, contributions (T,)) of each text, of which the first MOST_READ words are drawn.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    from common.plots import plain

    laid_out = []
    for title, words, values in readings:
        x, lines, row = 0, 1, []
        for word, value in zip(words[:MOST_READ], values.tolist()[:MOST_READ], strict=True):
            shown = word.removeprefix("##")
            if x + len(shown) > width:
                x, lines = 0, lines + 1
            row.append((x, lines, shown, value))
            x += len(shown) + 1
        if len(words) > MOST_READ:
            title += f" (its first {MOST_READ} words)"
        laid_out.append((title, lines, row))
    height = sum(lines + 2 for _, lines, _ in laid_out)
    figure = Figure(figsize=(9, line_height * height + 0.2))
    axis = figure.add_axes((0.02, 0, 0.97, 1))
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.axis("off")
    top = 1.0
    for title, lines, row in laid_out:
        axis.text(0, top, plain(title), fontsize=9, weight="bold", va="center")
        strongest = max((abs(value) for *_, value in row), default=0) or 1
        for x, line, word, value in row:
            colour = colormaps["RdBu"](0.5 + 0.38 * value / strongest)
            box = {"facecolor": colour, "edgecolor": "none", "pad": 1.2}
            axis.text(x, top + line, plain(word), fontsize=9, family="monospace", va="center", bbox=box)
        top += lines + 2
    return figure


def plot_attention(weights: Tensor, words: Sequence[str]) -> "Figure":
    """Who looks at whom, a panel per head: rows look, columns are looked at. weights (heads, T, T).

    Of a long text its first MOST_SEEN words.
    """
    from matplotlib.figure import Figure

    from common.plots import plain

    names, weights = list(map(plain, words[:MOST_SEEN])), weights[:, :MOST_SEEN, :MOST_SEEN]
    size = 1.4 + 0.19 * len(names)
    figure = Figure(figsize=(size * len(weights), size), layout="constrained")
    for head, (axis, values) in enumerate(
        zip(figure.subplots(1, len(weights), squeeze=False)[0], weights, strict=True)
    ):
        axis.imshow(values.cpu().numpy(), cmap="magma", vmin=0)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(names)), names, fontsize=7)
        axis.set_title(f"head {head + 1}", fontsize=9)
    return figure
