"""A language model reads a text from left to right and says what comes next; asked again and again, it writes.

Two networks, one flag apart: an LSTM (Hochreiter & Schmidhuber 1997) and a decoder-only Transformer (Vaswani et al.
2017). The text is cut into characters or, by default, into subwords that byte-pair encoding finds in it. What comes
out is measured by perplexity on text the network has not seen, and shown by letting it write.
"""

import dataclasses
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import checkpoint, cli, distributed
from common.data import ArrayLoader
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.files import write_atomically
from common.optimizers import make_optimizer
from common.runs import Run
from common.text.vocabulary import START
from common.trainer import evaluate, fit, prepare
from labs.nlp.classify import Block
from labs.nlp.vocabulary import Vocabulary, learn_vocabulary, load_vocabulary


@dataclass(frozen=True)
class HyperParams(cli.TrainingFlags):
    """Train a small language model and let it write."""

    dataset: str = "python_docs"  # python_docs (comes with Python), topics, reviews, wikitext2, folder:PATH, …
    epochs: int = 10  # passes over the training text
    batch_size: int = 32  # windows per gradient step
    lr: float = 3e-3  # learning rate (η)
    model: Literal["lstm", "transformer"] = "lstm"  # network
    tokens: Literal["subword", "character"] = "subword"  # what the text is cut into
    vocabulary: int = 2000  # subword: how many different tokens
    context: int = 64  # tokens the network sees at once in training
    width: int = 256  # numbers that stand for a token inside the network
    layers: int = 2  # LSTM layers or Transformer blocks
    heads: int = 4  # transformer: attention heads
    dropout: float = 0.2  # share of values set to 0 in training
    prompt: str = "The"  # what the samples begin with
    length: int = 80  # tokens in a sample
    temperature: float = 0.8  # below 1: more predictable text, above: more surprising
    top_k: cli.OptionalInt = None  # draw among the K likeliest tokens only
    top_p: cli.OptionalFloat = None  # draw among the likeliest tokens that together have probability P

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("vocabulary", "context", "width", "layers", "heads", "length"):
            self.require(name, getattr(self, name) >= 1, "at least 1")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")
        self.require("heads", self.width % self.heads == 0, f"a divisor of --width {self.width}")
        check_sampling(self.temperature, self.top_k, self.top_p)


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """InputError for a way of drawing tokens that makes no sense."""
    if not 0 < temperature < math.inf:
        raise InputError(f"--temperature is {temperature}; it must be greater than 0")
    if top_k is not None and top_k < 1:
        raise InputError(f"--top-k is {top_k}; it must be at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise InputError(f"--top-p is {top_p}; it must be greater than 0 and at most 1")


class LSTM(nn.Module):
    """Token numbers (N, T) → logits (N, T, V): position t has read tokens 0 to t."""

    def __init__(self, vocabulary: int, width: int, layers: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, layers, dropout=dropout if layers > 1 else 0.0, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, vocabulary)
        self.head.weight = self.embedding.weight  # one table reads and writes tokens (Press & Wolf 2017)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.lstm(self.dropout(self.embedding(tokens)))
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
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        before = positions[:, None] >= positions  # (T, T): a position looks at itself and at those before it
        x = self.dropout(self.embedding(tokens) + self.position(positions))
        for block in self.blocks:
            x = block(x, before)
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


def probabilities(logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None):
    """Probabilities (V,) from which the next token is drawn, from logits (V,).

    temperature divides the logits; `top_k` keeps the K likeliest tokens; `top_p` the fewest likeliest whose
    probabilities reach P (nucleus sampling, Holtzman et al. 2020). What is left is scaled to sum to 1.
    """
    p, order = (logits / temperature).softmax(dim=0).sort(descending=True)
    if top_k is not None:
        p[top_k:] = 0
    if top_p is not None:
        p[p.cumsum(0) - p >= top_p * p.sum()] = 0  # those before it suffice already
    return torch.zeros_like(p).scatter_(0, order, p / p.sum())


@torch.inference_mode()
def generate(
    model: nn.Module,
    tokens: list[int],
    length: int,
    *,
    context: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> list[int]:
    """`tokens` and `length` more, each drawn from what the model says after the last `context` ones."""
    generator = torch.Generator().manual_seed(derive_seed(seed))
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    tokens = list(tokens)
    for _ in range(length):
        logits = model(torch.tensor([tokens[-context:]], device=device))[0, -1].float().cpu()
        tokens.append(int(torch.multinomial(probabilities(logits, temperature, top_k, top_p), 1, generator=generator)))
    model.train(was_training)
    return tokens


@dataclass(frozen=True)
class Data:
    """A text's tokens in windows (N, context + 1) for training, and apart for testing."""

    vocabulary: Vocabulary
    train: Tensor
    test: Tensor
    unigram: float  # perplexity on the test part of knowing only how frequent each token is
    characters_per_token: float  # in the test part


def read_texts(args: HyperParams) -> tuple[list[str], list[str]]:
    """The documents to train on and those held out: of python_docs a tenth of the text, drawn by the seed."""
    if args.dataset != "python_docs":
        from common.text.corpora import load_texts

        data = load_texts(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
        return data.texts_train, data.texts_test
    from pydoc_data.topics import topics

    names = sorted(topics)
    generator = torch.Generator().manual_seed(derive_seed(args.seed))
    train, test = [topics[names[i]] for i in torch.randperm(len(names), generator=generator)], []
    tenth = sum(map(len, train)) / 10
    while sum(map(len, test)) < tenth:
        test.append(train.pop())
    return train, test


def get_data(args: HyperParams, device: torch.device, vocabulary: Vocabulary | None = None) -> Data:
    """The text as windows of token numbers on `device`; the vocabulary is learnt from the training part alone."""
    train, test = read_texts(args)
    train = train[: args.limit]
    vocabulary = vocabulary or learn_vocabulary(
        train, args.tokens, args.vocabulary if args.tokens == "subword" else None
    )
    rows = [vocabulary.encode(part, framed=True)[0] for part in (train, test)]
    train_windows, test_windows = (windows(tokens, args.context).to(device) for tokens in rows)
    return Data(
        vocabulary,
        train_windows,
        test_windows,
        unigram=unigram_perplexity(*rows, len(vocabulary)),
        characters_per_token=sum(map(len, test)) / len(rows[1]),
    )


def build_model(args: HyperParams, vocabulary: int) -> nn.Module:
    """Token numbers (N, T) → logits (N, T, vocabulary)."""
    if args.model == "lstm":
        return LSTM(vocabulary, args.width, args.layers, args.dropout)
    return Transformer(vocabulary, args.width, args.layers, args.heads, args.dropout, args.context)


def write(model: nn.Module, vocabulary: Vocabulary, args: HyperParams) -> str:
    """What the model writes after `--prompt`."""
    prompt = [START, *vocabulary.encode([args.prompt])[0].tolist()]
    ways = {name: getattr(args, name) for name in ("context", "temperature", "top_k", "top_p", "seed")}
    return vocabulary.decode(generate(model, prompt, args.length, **ways))


def train(data: Data | None = None, **kws) -> tuple[nn.Module, Run]:
    """Train and return the model and its run; keyword arguments are the fields of HyperParams."""
    args = cli.settings(HyperParams, kws)
    device = pick_device(args.device)
    args = dataclasses.replace(args, device=str(device))
    data = data or get_data(args, device, load_vocabulary(args.resume) if args.resume else None)
    seed_everything(args.seed)
    model = build_model(args, len(data.vocabulary)).to(device)
    optimizer = make_optimizer("adamw", model.parameters(), args.lr)
    fade = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: (1 + math.cos(math.pi * epoch / args.epochs)) / 2)
    net = prepare(model, compile=args.compile)

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

    with Run("nlp", args) as run:
        run.say(
            f"{args.model}, {sum(p.numel() for p in model.parameters()):,} parameters; {args.dataset}, "
            f"{len(data.vocabulary)} different tokens, {data.train[:, 1:].numel():,} in a row to train on, "
            f"{data.test[:, 1:].numel():,} to test; knowing only each token's frequency: perplexity {data.unigram:.0f}"
        )
        data.vocabulary.save(run.path)
        fit(
            step,
            ArrayLoader(data.train, batch_size=args.batch_size, shuffle=True, seed=args.seed),
            modules=[model],
            optimizers=[optimizer],
            schedulers=[fade],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"test": test},
            run=run,
            on_epoch=[show],
            quiet=args.quiet,
        )
        run.save_model(model)
        if distributed.is_main() and run.history:
            from common import plots

            run.save_figure("curves", plots.plot_curves(run.history))
            write_atomically(run.path / "sample.txt", write(model, data.vocabulary, args) + "\n")
        tested = test()
        run.finish(
            {"test_loss": tested["loss"], **{name: tested[name] for name in ("perplexity", "bits_per_character")}},
            f"perplexity {tested['perplexity']:.1f} per {args.tokens} on held-out text (chance of the right next token "
            f"about 1 in {tested['perplexity']:.0f}; frequencies alone 1 in {data.unigram:.0f}), "
            f"{tested['bits_per_character']:.2f} bits per character",
        )
    return model, run


def load_run(path: Path) -> tuple[nn.Module, Vocabulary, HyperParams]:
    """The model of a run, its vocabulary and its settings; InputError if it is no run of this command."""
    tensors, header = checkpoint.load(path / "model.safetensors")
    args, vocabulary = cli.settings_from_json(HyperParams, header, str(path)), load_vocabulary(path)
    model = build_model(args, len(vocabulary))
    checkpoint.load_weights(model, tensors, path / "model.safetensors")
    return model.eval(), vocabulary, args


def main() -> None:
    """The command `python -m labs.nlp.language_model`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
