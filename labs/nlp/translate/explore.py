"""What the notebook shows: pairs of the grammar, what a trained network writes, how sure it is, what else it weighs.

A network is chosen by its label in what `find_networks` gives; the functions below take that table and the label.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from common.errors import InputError
from common.metrics import describe_share
from common.records import read_summary, runs_of
from common.tables import columns
from common.text.batches import pad
from common.text.vocabulary import END, START
from labs.nlp.translate.alignment import Translation, printable
from labs.nlp.translate.batches import Vocabularies, load_vocabularies
from labs.nlp.translate.beam import search
from labs.nlp.translate.dates import Pair, draw_pairs
from labs.nlp.translate.figures import plot_alignments, plot_forcing, plot_sureness
from labs.nlp.translate.networks import Translator
from labs.nlp.translate.translate import HyperParams, load_run, predict, sources, targets, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from common.runs import Run

KINDS: dict[str, dict[str, Any]] = {  # what stands in the notebook's form → the flags
    "GRUs, additive attention": {"model": "gru"},
    "GRUs, dot product": {"model": "gru", "attention": "dot"},
    "Transformer": {"model": "transformer"},
}
PARTS = ("date", "number", "English", "German", "French", "Spanish", "Italian", "digits")  # of the kinds' names
NONE_YET, AS_IT_IS = "none yet", "(as it is)"
MOST = 16  # tokens written that are shown: a network that has learnt little may never come to an end
Networks = Mapping[str, Path]


class Reader(NamedTuple):
    """A trained network and what belongs to it."""

    model: Translator
    vocabularies: Vocabularies
    longest: int  # tokens


def show_pairs(number: int, kind: str) -> str:
    """Twelve pairs to train on, drawn anew for each number: all kinds, or those whose name has `kind` in it."""
    pairs = [pair for pair in draw_pairs("train", 600, number) if kind in ("all", *pair.kind.split())][:12]
    wide = max(len(pair.source) for pair in pairs)
    return "\n".join(f"{pair.source:<{wide}}  →  {pair.target:<10}  {pair.kind}" for pair in pairs)


# --- Networks -------------------------------------------------------------------------------------------------------


def train_small(network: str, pairs: int, epochs: int, width: int) -> tuple[Translator, "Run"]:
    """Train a network small enough for the notebook, without dropout and at a higher rate than the command's."""
    lr = 2e-3 if network == "Transformer" else 5e-3
    return train(**KINDS[network], pairs=pairs, epochs=epochs, width=width, lr=lr, batch_size=32, dropout=0.0)


def find_networks(trained: object = None) -> dict[str, Path]:
    """The finished runs of dates that lie in runs/nlp, the last one first, by a label that says what they are.

    `trained` is what the notebook has trained, if it has: that run is among them. If there is none, a single label says
    so, and to ask it for something is an InputError.
    """
    found = {}
    for path in runs_of(HyperParams.COMMAND):
        if not (path / "summary.json").is_file():  # not finished yet
            continue
        summary = read_summary(path)
        share, count = summary.metrics.get("test_exact_share"), summary.parameters or 0
        if summary.dataset == "dates" and share is not None:
            found[f"{path.name}: {count:,} parameters, {share:.1%} exact"] = path
    return found or {NONE_YET: Path()}


def open_network(networks: Networks, network: str) -> Reader:
    """The network with this label."""
    if network == NONE_YET:
        raise InputError("No network yet: press the button above, or run `python -m labs.nlp.translate`.")
    return read_network(networks[network])


@lru_cache(maxsize=2)  # a slider that moves need not read the file each time
def read_network(path: Path) -> Reader:
    loaded = load_run(path)
    return Reader(loaded.model, load_vocabularies(path), loaded.settings.max_length)


def ready(reader: Reader, text: str) -> str:
    """The text without blanks around it; InputError if there is none, or too much."""
    text = text.strip()
    count = len(reader.vocabularies.source.pieces(text))
    if not 1 <= count <= reader.longest:
        raise InputError(f"{count} letters; write from 1 to {reader.longest}")
    return text


def unknown_letters(reader: Reader, text: str) -> str:
    """Which letters of the text the network has never seen, in a line; empty if there is none."""
    letters = dict.fromkeys(piece for piece, known in reader.vocabularies.source.pieces(text) if not known)
    return f"never seen in training, read as unknown: {printable(' '.join(letters))}\n" if letters else ""


@torch.inference_mode()
def token_probabilities(reader: Reader, text: str, tokens: Sequence[int]) -> Tensor:
    """What the network thinks of each next token, given these before it (teacher forcing): (len(tokens), V)."""
    X, lengths = pad(*reader.vocabularies.source.encode([text]))
    Y = torch.tensor([[START, *tokens[:-1]]])
    return reader.model.eval()(X, lengths, Y)[0].float().softmax(dim=1)


def name_of(reader: Reader, token: int) -> str:
    """A token of the target as it is shown."""
    return "end" if token == END else printable(reader.vocabularies.target.decode([token])) or "?"


# --- What is written ------------------------------------------------------------------------------------------------


def draw_translation(networks: Networks, network: str, text: str) -> tuple["Figure", str]:
    """Where the network looked for each token, and how sure it was; below, what it would have written instead."""
    reader = open_network(networks, network)
    text = ready(reader, text)
    (translation,) = predict(reader.model, reader.vocabularies, [text], longest=reader.longest)
    tokens = greedy_tokens(reader, text)
    p = token_probabilities(reader, text, tokens)
    sure = [float(p[i, token]) for i, token in enumerate(tokens)]
    best = p.topk(2, dim=1)
    second = []
    for i, token in enumerate(tokens):
        other, likely = name_of(reader, int(best.indices[i, 1])), float(best.values[i, 1])
        second.append(f"{name_of(reader, token)} {sure[i]:.3f}, then {other} {likely:.3f}")
    product = " · ".join(f"{each:.3f}" for each in sure[:MOST]) + (" · …" if len(sure) > MOST else "")
    said = (
        f"{printable(text)} → {printable(translation.text)}\n{unknown_letters(reader, text)}"
        f"p of the whole: {product} = {math.exp(translation.log_p):.3f}"
    )
    shown = beginning(translation)
    return plot_sureness(shown, sure[: len(shown.target)], second[: len(shown.target)]), said


def beginning(translation: Translation) -> Translation:
    """The translation with its first tokens only, if it has too many to be drawn."""
    return replace(translation, target=translation.target[:MOST], weights=translation.weights[:MOST])


def greedy_tokens(reader: Reader, text: str) -> list[int]:
    """The tokens that the network writes, the likeliest each time; the end is one of them."""
    X, lengths = pad(*reader.vocabularies.source.encode([text]))
    ((best,),) = search(reader.model.eval(), X, lengths, longest=reader.longest)
    return best.tokens


def show_beam(networks: Networks, network: str, text: str, beam: int, length_penalty: float) -> str:
    """All that a beam of this width finds, the best score first."""
    reader = open_network(networks, network)
    text = ready(reader, text)
    X, lengths = pad(*reader.vocabularies.source.encode([text]))
    (ranked,) = search(
        reader.model.eval(), X, lengths, beam=beam, length_penalty=length_penalty, longest=reader.longest
    )
    rows = [("written", "tokens and end", "p", "log p", f"score, α = {length_penalty:.1f}")]
    for h in ranked:
        p, score = math.exp(h.log_p), h.score(length_penalty)
        written = printable(reader.vocabularies.target.decode(h.tokens))
        rows.append((written, f"{len(h.tokens)}", f"{p:.4f}", f"{h.log_p:.3f}", f"{score:.3f}"))
    table = "\n".join(columns(rows))
    total = sum(math.exp(h.log_p) for h in ranked)
    return f"{unknown_letters(reader, text)}{table}\n\ntogether p {total:.4f}; the rest is elsewhere"


def draw_strange(networks: Networks, network: str, lines: str) -> tuple["Figure", str]:
    """What the network makes of texts, a line each, that it was never taught."""
    reader = open_network(networks, network)
    texts = [ready(reader, line) for line in lines.splitlines() if line.strip()][:4]
    if not texts:
        raise InputError("there is no text; write a line or several")
    found = predict(reader.model, reader.vocabularies, texts, longest=reader.longest)
    rows = [("text", "written", "p")]
    for text, each in zip(texts, found, strict=True):
        rows.append((printable(text), printable(each.text), f"{math.exp(each.log_p):.3f}"))
    table = "\n".join(columns(rows))
    unknown = "".join(dict.fromkeys(unknown_letters(reader, text) for text in texts))
    return plot_alignments([beginning(each) for each in found]), f"{table}\n{unknown}"


# --- Teacher forcing ------------------------------------------------------------------------------------------------


def show_forced(networks: Networks, network: str, text: str, right: str, place: int, given: str) -> str:
    """What the network says at each place, with the right tokens before it, with one of them changed, and by itself.

    place, given   the token that stands there (from 1) is changed to this one, or left (as it is)
    """
    reader = open_network(networks, network)
    text, target = ready(reader, text), reader.vocabularies.target
    wanted = target.encode([right.strip()])[0].tolist()
    if not wanted or not all(known for _, known in target.pieces(right.strip())):
        raise InputError(f"{right!r} is not written in the letters of the standard form")
    wanted.append(END)
    before = list(wanted)
    if given != AS_IT_IS:
        if not 1 <= place < len(wanted):
            raise InputError(f"there is no token {place} in {right!r}")
        before[place - 1] = target.encode([given])[0].tolist()[0]
    p = token_probabilities(reader, text, before)
    forced, own = p.argmax(dim=1).tolist(), greedy_tokens(reader, text)
    hits = sum(said == token for said, token in zip(forced, wanted, strict=True))
    rows = [
        ("token", *(str(i) for i in range(1, len(wanted) + 1))),
        ("wanted", *(name_of(reader, token) for token in wanted)),
        ("given before it", "", *(name_of(reader, token) for token in before[:-1])),
        ("says", *(name_of(reader, token) for token in forced)),
        ("p of the wanted", *(f"{p[i, token]:.2f}" for i, token in enumerate(wanted))),
    ]
    table = "\n".join(columns(rows))
    return (
        f"{table}\n\n{hits} of {len(wanted)} right, given what stands above\n"
        f"by itself it writes {printable(target.decode(own))}: {'exact' if own == wanted else 'not exact'}"
    )


def draw_forcing(networks: Networks, network: str, count: int = 400) -> tuple["Figure", str]:
    """Each kind of text: the share of right tokens given right ones, and of texts right to the end; and aᵁ."""
    reader = open_network(networks, network)
    pairs = list({pair.source: pair for pair in draw_pairs("val", count, 0)}.values())
    kinds = sorted({pair.kind for pair in pairs})
    shares = {kind: forced_and_own(reader, [pair for pair in pairs if pair.kind == kind]) for kind in kinds}
    hard = sorted(kinds, key=lambda kind: shares[kind][1])[:3]
    accuracy, exact, length = forced_and_own(reader, pairs)
    said = (
        f"{len(pairs)} texts held out from training: {accuracy:.1%} of the tokens right if those before are, "
        f"{describe_share(exact, len(pairs))} of the texts exact\n"
        f"{length:.1f} tokens each in the mean: {accuracy:.4f} to that power is {accuracy**length:.1%}\n"
        f"lowest: {', '.join(f'{kind} {shares[kind][1]:.0%}' for kind in hard)}"
    )
    return plot_forcing(shares, length), said


@torch.inference_mode()
def forced_and_own(reader: Reader, pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """Of pairs: the share of right tokens given right ones, the share exact by itself, the mean number of tokens."""
    X, lengths = pad(*reader.vocabularies.source.encode(sources(pairs)))
    Y, counts = pad(*reader.vocabularies.target.encode(targets(pairs), framed=True))
    logits, wanted = reader.model.eval()(X, lengths, Y[:, :-1]), Y[:, 1:]
    there = torch.arange(wanted.shape[1]) < (counts - 1)[:, None]
    right = ((logits.argmax(dim=2) == wanted) & there).sum() / there.sum()
    said = predict(reader.model, reader.vocabularies, sources(pairs), longest=reader.longest)
    exact = sum(t.text == pair.target for t, pair in zip(said, pairs, strict=True)) / len(pairs)
    return float(right), exact, float((counts - 1).float().mean())
