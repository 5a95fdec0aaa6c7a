"""What if? Networks that have been trained, asked about texts that the reader types. The notebook's figures."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from common.errors import InputError
from common.plots import plain
from common.runs import Run
from common.text.vocabulary import START
from labs.nlp import classify, language_model, reading
from labs.nlp.classifiers import Transformer
from labs.nlp.sampling import draw_tokens, probabilities
from labs.nlp.vocabulary import load_vocabulary

BLUE = "#2166ac"

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_reading(model: nn.Module, run: Run, text: str) -> tuple["Figure", str]:
    """Which words of a text counted for the class that a trained classifier gives it, and how sure it is of each."""
    vocabulary, loaded = load_vocabulary(run.path), classify.load_run(run.path)
    longest, classes = loaded.settings.max_length, loaded.about["classes"]
    if not vocabulary.pieces(text, longest):
        raise InputError("there is no word in this text; write a sentence")
    (p,) = classify.predict(model, vocabulary, [text], longest)
    best = p.topk(min(3, len(classes)))
    said = ", ".join(f"{classes[i]} {q:.1%}" for q, i in zip(best.values.tolist(), best.indices.tolist(), strict=True))
    one = reading.read(model, vocabulary, text, int(p.argmax()), longest, said)
    return reading.plot_readings([one], width=72), said


def draw_attention(model: nn.Module, run: Run, text: str, head: int) -> "Figure":
    """Who looks at whom in a text, in one head (from 1) of a trained Transformer's first block."""
    if not isinstance(model, Transformer):
        raise InputError("this classifier has no attention; train a transformer above")
    vocabulary, longest = load_vocabulary(run.path), classify.load_run(run.path).settings.max_length
    words = [word for word, _ in vocabulary.pieces(text, longest)]
    if not words:
        raise InputError("there is no word in this text; write a sentence")
    X = vocabulary.encode([text], max_length=longest)[0][None].to(next(model.parameters()).device)
    weights = model.eval().attention_weights(X)[0, 0]
    return reading.plot_attention(weights, words, min(head, len(weights)))


@torch.inference_mode()
def draw_next(model: nn.Module, run: Run, prompt: str, temperature: float, length: int = 40) -> tuple["Figure", str]:
    """How likely a trained language model thinks each next token, at temperature 1 and at this one; what it writes."""
    from matplotlib.figure import Figure

    vocabulary, settings = load_vocabulary(run.path), language_model.load_run(run.path).settings
    start = [START, *vocabulary.encode([prompt])[0].tolist()]
    device = next(model.parameters()).device
    logits = model.eval()(torch.tensor([start[-settings.context :]], device=device))[0, -1].float().cpu()
    plain_p, own = probabilities(logits), probabilities(logits, temperature)
    likeliest = plain_p.topk(min(12, len(plain_p))).indices
    names = [
        plain(repr(vocabulary.decode([i]))[1:-1].replace(" ", "␣") or vocabulary.tokens([i])[0])
        for i in likeliest.tolist()
    ]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(names))
    axis.barh(places - 0.2, plain_p[likeliest].numpy(), 0.4, color="#bbbbbb", label="temperature 1")
    axis.barh(places + 0.2, own[likeliest].numpy(), 0.4, color=BLUE, label=f"temperature {temperature:.2f}")
    axis.set_yticks(places, names, fontsize=11)
    axis.invert_yaxis()
    axis.set(xlabel="probability of the next token")
    axis.set_title(f"what comes after “{plain(prompt[-40:])}”?", fontsize=12)
    axis.legend(fontsize=11, loc="center right")
    written = draw_tokens(model, start, length, context=settings.context, temperature=temperature)
    return figure, vocabulary.decode(written)
