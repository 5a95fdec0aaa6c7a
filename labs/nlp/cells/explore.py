"""What the notebook draws: one step of an LSTM, gradients over time, sequences to add, attention over a sentence."""

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from common.device import derive_seed
from common.errors import InputError
from common.runs import Run
from labs.nlp import reading
from labs.nlp.attention import Block, attention
from labs.nlp.cells.adding import draw_sequences
from labs.nlp.cells.cells import predict
from labs.nlp.cells.equations import GRU, LSTM, RNN, Cell
from labs.nlp.cells.figures import plot_adding, plot_gradients
from labs.nlp.cells.gates import draw_gates
from labs.nlp.cells.gradients import decay, gradient_lengths
from labs.nlp.cells.scaling import Request, measure_all, plot_scaling
from labs.nlp.classifiers import Transformer
from labs.nlp.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BARS = {"c(t−1)": "#888888", "f·c(t−1)": "#2166ac", "i·g": "#b2182b", "c(t)": "#444444", "h(t)": "#1b7837"}


def sigmoid(x: float) -> float:
    """1/(1 + e⁻ˣ)."""
    return 1 / (1 + math.exp(-x))


def draw_step(c: float, forget: float, write: float, candidate: float, say: float) -> tuple["Figure", str]:
    """One step of an LSTM of one unit, with what stands before the sigmoids and the tanh given; and its arithmetic."""
    from matplotlib.figure import Figure

    f, i, g, o = sigmoid(forget), sigmoid(write), math.tanh(candidate), sigmoid(say)
    new = f * c + i * g
    h = o * math.tanh(new)
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axis = figure.subplots()
    values = dict(zip(BARS, (c, f * c, i * g, new, h), strict=True))
    axis.bar(list(values), list(values.values()), color=list(BARS.values()), width=0.6)
    for place, value in enumerate(values.values()):
        axis.text(place, max(value, 0) + 0.06, f"{value:.2f}", ha="center", fontsize=12)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_ylim(-3.1, 3.4)
    axis.tick_params(labelsize=13)
    axis.grid(axis="y", alpha=0.3)
    said = (
        f"f = σ({forget:.1f}) = {f:.3f}   i = σ({write:.1f}) = {i:.3f}   "
        f"g = tanh({candidate:.1f}) = {g:.3f}   o = σ({say:.1f}) = {o:.3f}\n"
        f"c = f·c + i·g = {f:.3f}·{c:.2f} + {i:.3f}·{g:.3f} = {new:.3f}\n"
        f"h = o·tanh(c) = {o:.3f}·tanh({new:.3f}) = {h:.3f}      ∂c(t)/∂c(t−1), the direct way: f = {f:.3f}"
    )
    return figure, said


def draw_lengths(scale: float, forget_bias: float, update_bias: float, steps: int) -> tuple["Figure", str]:
    """How long the gradients of untrained cells are, many steps back, and by what factor a step shortens them.

    scale         of the plain RNN's U, against how torch draws it
    forget_bias   what the LSTM's forget gates begin with; `update_bias` the GRU's update gates
    """
    width = 16
    torch.manual_seed(0)
    rnn, lstm, gru = RNN(2, width), LSTM(2, width, forget_bias), GRU(2, width)
    with torch.no_grad():
        rnn.h.U.mul_(scale)
        gru.z.b.fill_(update_bias)
    X, _ = draw_sequences(4, steps, torch.Generator().manual_seed(0))
    cells: dict[str, Cell] = {"rnn": rnn, "lstm": lstm, "gru": gru}
    lengths = {name: gradient_lengths(cell, X) for name, cell in cells.items()}
    factors = ", ".join(
        f"{name.upper()} {letter} {decay(values):.3f}"
        for name, found in lengths.items()
        for letter, values in found.items()
    )
    return plot_gradients({f"{steps} steps, untrained, {width} units": lengths}), f"factor per step back: {factors}"


def draw_sums(model: nn.ModuleDict, run: Run, length: int, number: int) -> tuple["Figure", str]:
    """A sequence that nobody has trained on: what the three networks say, and the LSTM's gates over it."""
    X, y = draw_sequences(1, length, torch.Generator().manual_seed(derive_seed(number, length)))
    said = "   ".join(f"{name.upper()} {float(predict(net, X)):.2f}" for name, net in model.items())
    cell = cast(LSTM, model["lstm"].get_submodule("cell"))
    return plot_adding(cell, X[0].to(cell.f.b.device)), f"sum {float(y):.2f}   {said}"


def draw_trained_gates(model: nn.Module, run: Run, text: str) -> "Figure":
    """The gates of a classifier that has been trained above, over a sentence."""
    return draw_gates(model, load_vocabulary(run.path), text)


def draw_scale(words: int, seed: int) -> "Figure":
    """Why √d: scores, weights and gradients of random queries and keys."""
    return plot_scaling(measure_all(Request(words=words, seed=seed)))


@torch.inference_mode()
def draw_attention(
    model: nn.Module, run: Run, text: str, head: int, scaled: bool, causal: bool
) -> tuple["Figure", str]:
    """Who looks at whom in a sentence, in one head (from 1) of a trained Transformer's first block.

    scaled   divide the scores by √d, as in training
    causal   nobody looks at a word that stands further right; in training all may
    """
    if not isinstance(model, Transformer):
        raise InputError("this classifier has no attention; train a transformer above")
    vocabulary = load_vocabulary(run.path)
    longest = model.position.num_embeddings
    words = [word for word, _ in vocabulary.pieces(text, longest)]
    if not words:
        raise InputError("there is no word in this text; write a sentence")
    X = vocabulary.encode([text], max_length=longest)[0][None].to(model.position.weight.device)
    x, there = model.eval().embed(X)
    if causal:
        there = torch.ones(len(words), len(words), dtype=torch.bool, device=x.device).tril()
    query, key, value = cast(Block, model.blocks[0]).split(x)
    _, weights = attention(query, key, value, there, scaled)
    own = weights[0].cpu()
    head = min(head, len(own))
    entropy = -(own[head - 1] * own[head - 1].clamp(min=1e-12).log()).sum(dim=1).mean()
    said = (
        f"d = {query.shape[3]}; a row adds up to {float(own.sum(dim=2).mean()):.2f}; largest weight "
        f"{float(own[head - 1].max()):.2f}; a word looks at {math.exp(float(entropy)):.1f} of {len(words)} in the mean"
    )
    return reading.plot_attention(own, words, head), said
