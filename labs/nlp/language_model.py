"""A language model reads a text from left to right and says what comes next; asked again and again, it writes.

Networks one flag apart: an LSTM (Hochreiter & Schmidhuber 1997), a GRU (Cho et al. 2014), a plain RNN (Elman 1990) and
a decoder-only Transformer (Vaswani et al. 2017). The text is cut into characters or, by default, into subwords that
byte-pair encoding finds in it. What comes out is measured by perplexity on text the network has not seen, and shown by
letting it write.
"""

import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed, runs
from common.data import ArrayLoader
from common.device import autocast, pick_device, seed_everything
from common.errors import InputError
from common.files import write_atomically
from common.optimizers import make_optimizer
from common.runs import Run
from common.schedules import SCHEDULES
from common.settings import Count, OptionalCount, Positive, Share, TrainingFlags
from common.text.vocabulary import START
from common.trainer import evaluate, fit, for_step
from labs.nlp.attention import Block
from labs.nlp.sampling import Temperature, TopP, draw_tokens
from labs.nlp.texts import read_texts
from labs.nlp.vocabulary import Vocabulary, learn_vocabulary, load_vocabulary


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a small language model and let it write."""

    COMMAND: ClassVar[str] = "labs.nlp.language_model"
    SHARES_BATCHES: ClassVar[bool] = True
    ANNEALS: ClassVar[bool] = True

    dataset: str = "python_docs"  # python_docs (comes with Python), topics, reviews, wikitext2, folder:PATH, …
    epochs: Count = 10  # passes over the training text
    batch_size: Count = 32  # windows per gradient step
    lr: Positive = 3e-3  # learning rate (η)
    model: Literal["rnn", "lstm", "gru", "transformer"] = "lstm"  # network
    tokens: Literal["subword", "character"] = "subword"  # what the text is cut into
    vocabulary: Count = 2000  # subword: how many different tokens
    context: Count = 64  # tokens the network sees at once in training
    width: Count = 256  # numbers that stand for a token inside the network
    layers: Count = 2  # recurrent layers or Transformer blocks
    heads: Count = 4  # transformer: attention heads
    dropout: Share = 0.2  # share of values set to 0 in training
    prompt: str = "The"  # what the samples begin with
    length: Count = 80  # tokens in a sample
    temperature: Temperature = 0.8  # below 1: more predictable text, above: more surprising
    top_k: OptionalCount = None  # draw among the K likeliest tokens only
    top_p: TopP = None  # draw among the likeliest tokens that together have probability P

    def check(self) -> None:
        looks = self.model == "transformer"
        self.refuse_unused({"heads": looks}, f"on --model {self.model}")
        self.refuse_unused(
            {"vocabulary": self.tokens == "subword"}, f"with --tokens {self.tokens}, which keeps every one"
        )
        self.require("heads", not looks or self.width % self.heads == 0, f"a divisor of --width {self.width}")


class Recurrent(nn.Module):
    """Token numbers (N, T) → logits (N, T, V): position t has read tokens 0 to t. `kind`: rnn, lstm or gru."""

    def __init__(self, kind: str, vocabulary: int, width: int, layers: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        unit = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
        self.unit = unit(width, width, layers, dropout=dropout if layers > 1 else 0.0, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, vocabulary)
        self.head.weight = self.embedding.weight  # one table reads and writes tokens (Press & Wolf 2017)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.unit(self.dropout(self.embedding(tokens)))
        return self.head(self.dropout(hidden))


class Transformer(nn.Module):
    """Token numbers (N, T ≤ context) → logits (N, T, V): the classifier's blocks, but nobody looks ahead."""

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, dropout: float, context: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        x = self.dropout(self.embedding(tokens) + self.position(positions))
        for block in self.blocks:
            x = block(x, None)  # a position looks at itself and at those before it
        return self.head(self.norm(x))


def windows(tokens: Tensor, context: int) -> Tensor:
    """A text's tokens (L,) as windows (N, context + 1) that overlap by one token, so that each but the first of all
    is predicted once. The tokens after the last whole window are left out.

    Raises InputError if the text is shorter than a window.
    """
    if len(tokens) <= context:
        raise InputError(f"a part of the text has {len(tokens)} tokens, too few for --context {context}; lower it")
    return tokens.unfold(0, context + 1, context)


def score(model: nn.Module, batch: tuple[Tensor]) -> dict[str, Tensor]:
    """Cross-entropy in nats per token: −log p(next token | those before it in the window)."""
    (window,) = batch
    logits = model(window[:, :-1])
    return {"loss": F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())}


def unigram_perplexity(train: Tensor, test: Tensor, vocabulary: int) -> float:
    """What a model reaches that knows only how frequent each token is (add-one counts)."""
    counts = torch.bincount(train, minlength=vocabulary).double() + 1
    return float((counts / counts.sum()).log()[test].mean().neg().exp())


@dataclass(frozen=True)
class Data:
    """A text's tokens in windows (N, context + 1) for training, and apart for testing."""

    vocabulary: Vocabulary
    train: Tensor
    test: Tensor
    unigram: float  # perplexity on the test part of knowing only how frequent each token is
    characters_per_token: float  # in the test part


def get_data(args: HyperParams, device: torch.device, vocabulary: Vocabulary | None = None) -> Data:
    """The text as windows of token numbers on `device`; the vocabulary is learnt from the training part alone."""
    train, test = read_texts(args.dataset, args.data_dir, seed=args.seed, offline=args.offline, quiet=args.quiet)
    train = train[: args.limit]
    vocabulary = vocabulary or learn_vocabulary(
        train, args.tokens, args.vocabulary if args.tokens == "subword" else None
    )
    train_tokens, test_tokens = (vocabulary.encode(part, framed=True)[0] for part in (train, test))
    return Data(
        vocabulary,
        windows(train_tokens, args.context).to(device),
        windows(test_tokens, args.context).to(device),
        unigram=unigram_perplexity(train_tokens, test_tokens, len(vocabulary)),
        characters_per_token=sum(map(len, test)) / len(test_tokens),
    )


def build_model(args: HyperParams, vocabulary: int) -> nn.Module:
    """Token numbers (N, T) → logits (N, T, vocabulary)."""
    if args.model != "transformer":
        return Recurrent(args.model, vocabulary, args.width, args.layers, args.dropout)
    return Transformer(vocabulary, args.width, args.layers, args.heads, args.dropout, args.context)


def write(model: nn.Module, vocabulary: Vocabulary, args: HyperParams) -> str:
    """What the model writes after `--prompt`."""
    prompt = [START, *vocabulary.encode([args.prompt])[0].tolist()]
    ways = {name: getattr(args, name) for name in ("context", "temperature", "top_k", "top_p", "seed")}
    return vocabulary.decode(draw_tokens(model, prompt, args.length, **ways))


def train(data: Data | None = None, **kws) -> tuple[nn.Module, Run]:
    """Train and return the model and its run; keyword arguments are the fields of HyperParams."""
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    args = args.but(device=str(device))
    data = data or get_data(args, device, load_vocabulary(args.resume) if args.resume else None)
    seed_everything(args.seed)
    model = build_model(args, len(data.vocabulary)).to(device)
    optimizer = make_optimizer("adamw", model.parameters(), args.lr)
    net = for_step(model, compile=args.compile)

    def step(batch: tuple[Tensor]) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # now and then an LSTM's gradient explodes
        optimizer.step()
        return logs

    def test() -> dict[str, float]:
        batches = ArrayLoader(data.test, batch_size=args.batch_size)
        nats = evaluate(lambda batch: score(model, batch), batches, [model])["loss"]
        bits = nats / math.log(2) / data.characters_per_token
        return {"loss": nats, "perplexity": math.exp(nats), "bits_per_character": bits}

    def show(epoch: int, row: dict[str, float]) -> None:
        run.say(textwrap.indent(write(model, data.vocabulary, args).strip(), "    | ", lambda line: True))

    with Run(args) as run:
        run.say(
            f"{args.model}, {sum(p.numel() for p in model.parameters()):,} parameters; {args.dataset}, "
            f"{len(data.vocabulary)} different tokens, {data.train[:, 1:].numel():,} in a row to train on, "
            f"{data.test[:, 1:].numel():,} to test; knowing only each token's frequency: perplexity {data.unigram:.0f}"
        )
        if distributed.is_main() and not run.resumed:
            data.vocabulary.save(run.path)
        fit(
            step,
            ArrayLoader(data.train, batch_size=args.batch_size, shuffle=True, seed=args.seed),
            modules=[model],
            optimizers=[optimizer],
            schedule=SCHEDULES["cosine"],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"test": test},
            run=run,
            on_epoch=[show] if distributed.is_main() and not args.quiet else [],
            quiet=args.quiet,
        )
        run.save_model(model)
        if distributed.is_main() and run.history:
            from common import plots
            from common.layers import layer_table, plot_layers

            run.save_figure("curves", plots.plot_curves(run.history))
            run.save_figure("architecture", plot_layers(layer_table(model, data.test[:1, :-1])))
            write_atomically(run.path / "sample.txt", write(model, data.vocabulary, args) + "\n")
        tested = test()
        run.finish(
            {"test_loss": tested["loss"], **{name: tested[name] for name in ("perplexity", "bits_per_character")}},
            f"perplexity {tested['perplexity']:.1f} per {args.tokens} on held-out text (chance of the right next token "
            f"about 1 in {tested['perplexity']:.0f}; frequencies alone 1 in {data.unigram:.0f}), "
            f"{tested['bits_per_character']:.2f} bits per character",
            look=("curves",),
            then="python -m labs.nlp.generate",
        )
    return model, run


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, nn.Module]:
    """A run's network, ready to write, and its settings; the newest run's if none is named.

    `load_vocabulary(path)` has the run's vocabulary.
    """
    path = runs.newest(HyperParams.COMMAND) if path is None else Path(path)
    return runs.load(path, HyperParams, lambda args: build_model(args, len(load_vocabulary(path))))


def main() -> None:
    """The command `python -m labs.nlp.language_model`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
