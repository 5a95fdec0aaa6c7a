"""What does a classifier look at? The words that speak for each class, and those that decided about one text.

How much a word of a text counts is measured by leaving it out: if log p(class) falls, the word spoke for the class.
This works with every model (Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation
erasure"). A Transformer can also say which word looked at which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from common.text.vocabulary import SPECIALS
from labs.nlp.vocabulary import Vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_READ, MOST_SEEN = 400, 25  # words of a text that are drawn with their colours, and in a table of attention


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
    figure = Figure(figsize=(max(5, 2.3 * columns), 2.8 * rows + 0.2), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, name, found in zip(axes, classes, words, strict=False):
        axis.barh([plain(word) for word, _ in found][::-1], [value for _, value in found][::-1], color="tab:blue")
        axis.set_title(plain(name), fontsize=12)
        axis.tick_params(labelsize=11)
        axis.locator_params(axis="x", nbins=3)
    for axis in axes[len(classes) :]:
        axis.axis("off")
    figure.supxlabel("log-odds for the class when the word stands alone", fontsize=11)
    return figure


@dataclass(frozen=True)
class Reading:
    """A text as a classifier read it: its pieces, which of them the vocabulary knows, how much each counted (T,)."""

    title: str
    words: Sequence[str]
    known: Sequence[bool]
    values: Tensor


def read(model: nn.Module, vocabulary: Vocabulary, text: str, target: int, max_length: int, title: str) -> Reading:
    """How a classifier reads a text, of which at least one token is left, for the class number `target`."""
    indices, _ = vocabulary.encode([text], max_length=max_length)
    pieces = vocabulary.pieces(text, max_length)
    return Reading(title, [w for w, _ in pieces], [k for _, k in pieces], contributions(model, indices, target))


KEY = Reading(
    "the colours",
    ["speaks for the class", "for it a little", "no matter", "against it", "not in the vocabulary"],
    [True, True, True, True, False],
    torch.tensor([1.0, 0.35, 0.0, -1.0, 0.0]),
)


def plot_readings(readings: Sequence[Reading], width: int = 104, line_height: float = 0.21) -> "Figure":
    """Texts with every word coloured: blue speaks for the class named in the title, red against it.

    Words that the vocabulary does not have are in italics between brackets. The first MOST_READ words are drawn,
    `width` letters in a line.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    from common.plots import plain

    laid_out = []
    for one in (KEY, *readings):
        x, lines, row = 0, 1, []
        for word, known, value in zip(one.words[:MOST_READ], one.known, one.values.tolist(), strict=False):
            shown = word if known else f"[{word}]"
            if x and x + len(shown) > width:
                x, lines = 0, lines + 1
            row.append((x, lines, shown, known, value))
            x += len(shown) + 1
        title = one.title + (f" (its first {MOST_READ} words)" if len(one.words) > MOST_READ else "")
        laid_out.append((title, lines, row))
    height = sum(lines + 2 for _, lines, _ in laid_out)
    figure = Figure(figsize=(width / 10.4, line_height * height + 0.2))
    axis = figure.add_axes((0.02, 0, 0.97, 1))
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.axis("off")
    top = 1.0
    for title, lines, row in laid_out:
        axis.text(0, top, plain(title), fontsize=11, weight="bold", va="center")
        strongest = max((abs(value) for *_, value in row), default=0) or 1
        for x, line, word, known, value in row:
            box = {"facecolor": colormaps["RdBu"](0.5 + 0.38 * value / strongest), "edgecolor": "none", "pad": 1.2}
            style, ink = "normal" if known else "italic", "white" if abs(value) > 0.75 * strongest else "black"
            looks: dict[str, Any] = {"fontsize": 10, "family": "monospace", "style": style, "color": ink, "bbox": box}
            axis.text(x, top + line, plain(word), va="center", **looks)
        top += lines + 2
    return figure


def plot_attention(weights: Tensor, words: Sequence[str], head: int | None = None) -> "Figure":
    """Who looks at whom: rows look, columns are looked at. weights (heads, T, T), of which the first MOST_SEEN words.

    One head is large: `head`, counted from 1, or the one that looks most decidedly (the least entropy of its rows).
    """
    from matplotlib.figure import Figure

    from common.plots import plain

    names, weights = list(map(plain, words[:MOST_SEEN])), weights[:, :MOST_SEEN, :MOST_SEEN].cpu()
    entropy = -(weights * weights.clamp(min=1e-12).log()).sum(dim=2).mean(dim=1)  # (heads,)
    large = int(entropy.argmin()) if head is None else head - 1
    others = [i for i in range(len(weights)) if i != large][:6]
    side = 1.6 + 0.19 * len(names)
    figure = Figure(figsize=(side + 1 + 1.7 * bool(others), side), layout="constrained")
    parts = figure.subplot_mosaic([[large, i] for i in others] or [[large]], width_ratios=[3.6, 1] if others else None)
    axis = parts[large]
    drawn = axis.imshow(weights[large].numpy(), cmap="viridis", vmin=0)
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=11)
    axis.set_yticks(range(len(names)), names, fontsize=11)
    cut = f", its first {MOST_SEEN} words" if len(words) > MOST_SEEN else ""
    axis.set_title(f"head {large + 1} of {len(weights)}{cut}", fontsize=12)
    axis.set(xlabel="… looks at this one", ylabel="this word …")
    figure.colorbar(drawn, ax=axis, label="share of the word's attention", shrink=0.8)
    for i in others:
        parts[i].imshow(weights[i].numpy(), cmap="viridis", vmin=0)
        parts[i].set(xticks=[], yticks=[])
        parts[i].set_title(f"head {i + 1}", fontsize=10)
    return figure
