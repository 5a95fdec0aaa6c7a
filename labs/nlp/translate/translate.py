"""A network reads a text and writes another: dates and numbers into one form, or one language into another.

Two networks (networks.py), one flag apart: GRUs with attention (Bahdanau et al. 2015; Luong et al. 2015's product with
`--attention dot`) and a Transformer (Vaswani et al. 2017). By default it learns to read dates and numbers as people
write them in five languages (dates.py); `--dataset tsv:FILE` has pairs of your own. beam.py finds what to write,
scores.py says how good it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, expectations, runs
from common.device import autocast, pick_device, seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.files import write_csv
from common.metrics import describe_share
from common.optimizers import make_optimizer
from common.runs import Run
from common.schedules import SCHEDULES
from common.settings import UNGIVEN, Better, Count, NotNegative, Positive, Share, TrainingFlags, Usual
from common.text.batches import pad
from common.text.vocabulary import PADDING
from common.trainer import evaluate, fit, for_step
from labs.nlp.translate.alignment import Translation
from labs.nlp.translate.batches import Batch, PairLoader, Vocabularies, learn_vocabularies, load_vocabularies
from labs.nlp.translate.beam import search
from labs.nlp.translate.dates import Pair, draw_pairs
from labs.nlp.translate.networks import Recurrent, Transformer, Translator
from labs.nlp.translate.scores import bleu, chrf, exact
from labs.nlp.translate.tsv import read_tsv, split_pairs

Tokens = Literal["character", "subword", "word"]
HELD_OUT = {"val": 500, "test": 2000}  # pairs of the dates, before those drawn twice are left out
FIXED = 1 << 40  # the pairs held out are the same for every seed


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a network that translates: dates and numbers by default, or pairs from a file."""

    # Its loss is a mean over tokens, and processes would share a batch by pairs: torchrun is refused.
    COMMAND: ClassVar[str] = "labs.nlp.translate"
    BETTER: ClassVar[Mapping[str, Better]] = {"val_loss": "smaller", "val_exact_share": "larger"}
    ANNEALS: ClassVar[bool] = True

    dataset: str = "dates"  # dates (and numbers: made by a grammar), tsv:FILE (source, tab, target in each line)
    pairs: Count = 30_000  # dates: pairs to train on
    epochs: Usual[Count] = UNGIVEN  # passes over the training pairs; none: 6, for a transformer 10
    batch_size: Count = 64  # pairs per gradient step
    lr: Positive = 2e-3  # learning rate (η); it rises for an epoch, then falls along a cosine
    model: Literal["gru", "transformer"] = "gru"  # what reads and writes
    attention: Literal["additive", "dot"] = "additive"  # gru: how a state and a position are compared
    tokens: Usual[Tokens] = UNGIVEN  # what texts are cut into; none: character for dates, subword for tsv
    vocabulary: Count = 4000  # subword, word: how many different tokens on each side
    max_length: Count = 100  # tokens: longer pairs are left out, longer translations end there
    width: Count = 128  # numbers that stand for a token inside the network
    layers: Count = 2  # transformer: blocks that read, and blocks that write
    heads: Count = 4  # transformer: attention heads
    dropout: Share = 0.1  # share of values set to 0 in training
    beam: Count = 1  # hypotheses side by side in the test; 1: the likeliest token each time
    length_penalty: NotNegative = 0.6  # with --beam: how much longer translations are favoured (α)

    def usual(self) -> dict[str, Any]:
        tokens = "character" if self.dataset == "dates" else "subword"
        return {"tokens": tokens, "epochs": 6 if self.model == "gru" else 10}

    def check(self) -> None:
        recurrent = self.model == "gru"
        self.refuse_unused(
            {"attention": recurrent, "layers": not recurrent, "heads": not recurrent}, f"on --model {self.model}"
        )
        self.refuse_unused({"pairs": self.dataset == "dates"}, "on pairs from a file: --limit takes fewer of them")
        self.refuse_unused({"vocabulary": self.tokens != "character"}, "with --tokens character, which keeps every one")
        self.refuse_unused({"length_penalty": self.beam > 1}, "without --beam: one hypothesis is the best of one")
        self.require("width", self.width % 2 == 0, "even")
        self.require("heads", recurrent or self.width % self.heads == 0, f"a divisor of --width {self.width}")


@dataclass(frozen=True)
class Data:
    """Pairs to train on, to choose the epoch by, and to test on; their vocabularies are learnt from the first."""

    parts: dict[str, list[Pair]]
    vocabularies: Vocabularies


def get_data(args: HyperParams, vocabularies: Vocabularies | None = None) -> Data:
    """The pairs that --dataset names. No source or target held out is in the part to train on."""
    if args.dataset == "dates":
        held_out = {part: draw_pairs(part, count, FIXED) for part, count in HELD_OUT.items()}
        parts = {part: list({pair.source: pair for pair in pairs}.values()) for part, pairs in held_out.items()}
        parts["train"] = draw_pairs("train", args.pairs, args.seed)
    elif args.dataset.startswith("tsv:"):
        parts = split_pairs(read_tsv(args.dataset), args.seed)
    else:
        raise InputError(f"dataset {args.dataset!r} is none of dates, tsv:FILE")
    train = parts["train"][: args.limit]
    if vocabularies is None:
        size = None if args.tokens == "character" else args.vocabulary
        vocabularies = learn_vocabularies(train, args.tokens, size)
    parts = {
        part: short_enough(pairs, vocabularies, args.max_length) for part, pairs in (parts | {"train": train}).items()
    }
    for part, pairs in parts.items():
        if not pairs:
            raise InputError(f"no pair to {part} has at most --max-length {args.max_length} tokens; raise it")
    return Data(parts, vocabularies)


def short_enough(pairs: Sequence[Pair], vocabularies: Vocabularies, longest: int) -> list[Pair]:
    """The pairs of which neither side has more than `longest` tokens, the end of the target counted."""
    sources = vocabularies.source.encode([pair.source for pair in pairs])[1].diff()
    targets = vocabularies.target.encode([pair.target for pair in pairs])[1].diff() + 1
    fit_in = (sources <= longest) & (targets <= longest)
    return [pair for pair, fits in zip(pairs, fit_in.tolist(), strict=True) if fits]


def build_model(args: HyperParams, vocabularies: Vocabularies) -> Translator:
    """The network that --model names; networks.py says what it answers."""
    sizes = (len(vocabularies.source), len(vocabularies.target), args.width)
    if args.model == "gru":
        return Recurrent(*sizes, args.dropout, args.attention)
    return Transformer(*sizes, args.layers, args.heads, args.dropout)


def score(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """With the right tokens before each (teacher forcing): −log p in nats, and the share of right tokens, means."""
    X, lengths, Y = batch
    logits, wanted = model(X, lengths, Y[:, :-1]).float(), Y[:, 1:]
    there = wanted != PADDING
    right = ((logits.argmax(dim=2) == wanted) & there).sum() / there.sum()
    return {"loss": F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PADDING), "accuracy": right}


def train(data: Data | None = None, **kws: Any) -> tuple[Translator, Run]:
    """Train and return the model and its run; keyword arguments are the fields of HyperParams."""
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    args = args.but(device=str(device))
    data = data or get_data(args, load_vocabularies(args.resume) if args.resume else None)
    parts, vocabularies = data.parts, data.vocabularies
    seed_everything(args.seed)
    model = build_model(args, vocabularies).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    net = for_step(model, compile=args.compile)
    loader = PairLoader(parts["train"], vocabularies, device, batch_size=args.batch_size, shuffle=True, seed=args.seed)
    held_out = {part: PairLoader(parts[part], vocabularies, device, batch_size=256) for part in HELD_OUT}

    def step(batch: Batch) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # now and then a GRU's gradient explodes
        optimizer.step()
        return logs

    def validate() -> dict[str, float]:
        forced = evaluate(lambda batch: score(model, batch), held_out["val"], [model])
        said = [t.text for t in predict(model, vocabularies, sources(parts["val"]), longest=args.max_length)]
        return forced | {"exact_share": exact(said, targets(parts["val"]))}

    with Run(args) as run:
        run.say(
            f"{args.model}, {sum(p.numel() for p in model.parameters()):,} parameters; {args.dataset}: "
            f"{', '.join(f'{len(pairs)} pairs to {part}' for part, pairs in sorted(parts.items()))}; {args.tokens}s: "
            f"{len(vocabularies.source)} different ones to read, {len(vocabularies.target)} to write"
        )
        if not run.resumed:
            vocabularies.save(run.path)
        fit(
            step,
            loader,
            modules=[model],
            optimizers=[optimizer],
            schedule=SCHEDULES["warmup_cosine"],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"val": validate},
            run=run,
            monitor="val_loss",
            say=brief,
            quiet=args.quiet,
        )
        run.save_model(model)
        forced = evaluate(lambda batch: score(model, batch), held_out["test"], [model])
        found = predict(model, vocabularies, sources(parts["test"]), **ways(args))
        said, wanted = [each.text for each in found], targets(parts["test"])
        reached = {"exact_share": exact(said, wanted), "bleu": bleu(said, wanted), "chrf": chrf(said, wanted)}
        write_csv(
            run.path / "translations.csv",
            [
                {"kind": p.kind, "source": p.source, "target": p.target, "said": t.text, "log_p": t.log_p}
                for p, t in zip(parts["test"], found, strict=True)
            ],
        )
        save_figures(run, found, parts["test"])
        run.finish(
            {f"test_{name}": value for name, value in (forced | reached).items()},
            f"{describe_share(reached['exact_share'], len(said))} of {len(said)} unseen pairs exact"
            f"{expectations.sentence(EXPECTED, args)}; BLEU {reached['bleu']:.1%}, chrF {reached['chrf']:.1%}",
            look=("alignment", "kinds", "mistakes"),
            then="python -m labs.nlp.translate.predict",
        )
    return model, run


def brief(row: Mapping[str, float]) -> str:
    """An epoch in a line."""
    names = ("train_loss", "val_loss", "val_exact_share")
    return "  ".join(f"{name.replace('_', ' ')} {row[name]:.4f}" for name in names if name in row)


def sources(pairs: Sequence[Pair]) -> list[str]:
    """What is read."""
    return [pair.source for pair in pairs]


def targets(pairs: Sequence[Pair]) -> list[str]:
    """What is to be written."""
    return [pair.target for pair in pairs]


# What was measured, seeds 0, 1, 2 (README.md).
EXPECTED = (
    Expected("test_exact_share", 0.99),
    Expected("test_exact_share", 0.99, settings={"attention": "dot"}),
    Expected("test_exact_share", 0.985, settings={"model": "transformer"}),
)


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, Translator]:
    """A run's network, ready to translate, and its settings; the newest run's if none is named.

    `load_vocabularies(path)` has the run's vocabularies.
    """
    path = runs.newest(HyperParams.COMMAND) if path is None else Path(path)
    return runs.load(path, HyperParams, lambda args: build_model(args, load_vocabularies(path)))


def ways(args: HyperParams) -> dict[str, Any]:
    """How a run's settings have targets searched."""
    return {"longest": args.max_length, "beam": args.beam, "length_penalty": args.length_penalty}


@torch.inference_mode()
def predict(
    model: Translator,
    vocabularies: Vocabularies,
    texts: Sequence[str],
    *,
    longest: int = 100,
    beam: int = 1,
    length_penalty: float = 0.0,
) -> list[Translation]:
    """What the network writes for each text, and where it looked; texts hold a token at least."""
    model.eval()
    device = next(model.parameters()).device
    found: list[Translation] = []
    for start in range(0, len(texts), 256):
        own = texts[start : start + 256]
        X, lengths = pad(*vocabularies.source.encode(own))
        ranked = search(model, X.to(device), lengths, beam=beam, length_penalty=length_penalty, longest=longest)
        found += [Translation.of(text, each, vocabularies) for text, each in zip(own, ranked, strict=True)]
    return found


def save_figures(run: Run, found: list[Translation], pairs: list[Pair]) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots  # here, so that --help need not wait for matplotlib
    from labs.nlp.translate import figures

    if len(run.history) > 1:
        run.save_figure("curves", plots.plot_curves(run.history))
    run.save_figure("alignment", figures.plot_alignments(figures.choose(found, pairs)))
    run.save_figure("mistakes", figures.plot_mistakes(found, pairs))
    if any(pair.kind for pair in pairs):
        run.save_figure("kinds", figures.plot_kinds(found, pairs))


def main() -> None:
    """The command `python -m labs.nlp.translate`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
