"""Word vectors: learnt by skip-gram with negative sampling, or read from GloVe; neighbours, analogies, a map.

Skip-gram (Mikolov et al. 2013, "Distributed representations of words and phrases and their compositionality"): from a
word guess those near it. For each true pair of words the network also sees a few false ones, and learns to tell them
apart: loss = −log σ(u·v) − Σ log σ(−u·v′).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, runs
from common.data import ArrayLoader
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.optimizers import make_optimizer
from common.runs import Run
from common.settings import Count, OptionalCount, OptionalPath, Positive, Share, TrainingFlags
from common.text import GloVe, Vectors, build_vocab_from_iterator, get_tokenizer
from common.text.batches import encode
from common.text.tokens import tokenize
from common.text.vocabulary import SPECIALS, UNKNOWN
from common.trainer import fit, for_step
from labs.nlp.texts import read_texts
from labs.nlp.word_map import plot_map
from labs.nlp.word_vectors import Embeddings, parse_analogy

LEARNT_BY = "dataset limit epochs batch_size lr seed precision compile width window negatives min_count subsample"


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Learn word vectors from a corpus, or read them with --vectors; show neighbours, analogies and a map."""

    COMMAND: ClassVar[str] = "labs.nlp.embeddings"

    dataset: str = "python_docs"  # python_docs (comes with Python), topics, reviews, ag_news, folder:PATH, csv:PATH
    epochs: Count = 15  # passes over all pairs of words
    batch_size: Count = 1024  # pairs per gradient step
    lr: Positive = 0.01  # learning rate (η)
    width: Count = 64  # numbers per word
    window: Count = 5  # how far apart two words may stand; each word draws its own window up to that
    negatives: Count = 5  # false words per true pair
    min_count: Count = 5  # words that are rarer get no vector
    subsample: Share = 1e-3  # words with a larger share of the text are left out at times; 0: never
    vectors: OptionalPath = None  # read these instead of learning, e.g. glove.6B.50d.txt
    glove: OptionalCount = None  # read GloVe's, of 50, 100, 200 or 300 numbers, fetched once (862 MB)
    max_words: OptionalCount = None  # of --vectors or --glove: the first N only
    words: str = "function,value,class,list,error"  # whose neighbours are shown
    analogy: str = ""  # e.g. king-man+woman: which words are nearest to that?

    @property
    def learns(self) -> bool:
        return self.vectors is None and self.glove is None

    def check(self) -> None:
        self.require("glove", self.glove in (None, 50, 100, 200, 300), "50, 100, 200 or 300")
        if self.glove and self.vectors:
            raise InputError("--glove and --vectors are two sources of vectors; leave one away")
        self.refuse_unused(dict.fromkeys(LEARNT_BY.split(), self.learns), "on vectors that are read, not learnt")
        self.refuse_unused({"max_words": not self.learns}, "on vectors that are learnt; see --min-count")
        if self.analogy:
            parse_analogy(self.analogy)


@dataclass(frozen=True)
class Corpus:
    """The words that get a vector, how often each occurs, and the texts as their numbers in a row."""

    words: list[str]
    counts: Tensor  # (V,)
    tokens: Tensor  # (L,)
    offsets: Tensor  # (N + 1,): where each text starts


def get_data(args: HyperParams) -> Corpus:
    """The corpus in numbers; InputError if too few words are frequent enough."""
    texts, _ = read_texts(args.dataset, args.data_dir, seed=args.seed, offline=args.offline, quiet=args.quiet)
    texts = texts[: args.limit]
    tokenizer = get_tokenizer("basic_english")
    vocabulary = build_vocab_from_iterator(tokenize(texts, tokenizer), args.min_count)
    words = vocabulary.get_itos()
    if len(words) <= args.negatives:
        raise InputError(
            f"{args.dataset} has {len(words)} words that occur {args.min_count} times; too few to learn vectors of"
        )
    vocabulary.append_token(SPECIALS[UNKNOWN])  # the last: a rare word, dropped below
    vocabulary.set_default_index(len(words))
    indices, offsets = encode(texts, vocabulary, tokenizer)
    known = indices < len(words)
    ends = torch.cat([torch.zeros(1, dtype=torch.int64), known.cumsum(0)])[offsets]
    return Corpus(words, torch.bincount(indices[known], minlength=len(words)), indices[known], ends)


def draw_pairs(corpus: Corpus, window: int, subsample: float, generator: torch.Generator) -> Tensor:
    """(centre, context) numbers (P, 2) of words that stand near one another in a text, in the order of the text.

    Frequent words are left out with probability 1 − √(subsample/share) each time, and every centre looks only as far
    as it has drawn, 1 to `window`: near words count more.
    """
    tokens, document = corpus.tokens, torch.arange(len(corpus.offsets) - 1).repeat_interleave(corpus.offsets.diff())
    if subsample:
        share = corpus.counts / corpus.counts.sum()
        kept = (subsample / share).sqrt()[tokens] > torch.rand(len(tokens), generator=generator)
        tokens, document = tokens[kept], document[kept]
    reach = torch.randint(1, window + 1, (len(tokens),), generator=generator)
    pairs = []
    for distance in range(1, window + 1):
        here, there = tokens[:-distance], tokens[distance:]
        same = document[:-distance] == document[distance:]
        forward, backward = same & (reach[:-distance] >= distance), same & (reach[distance:] >= distance)
        pairs += [torch.stack([here, there], dim=1)[forward], torch.stack([there, here], dim=1)[backward]]
    return torch.cat(pairs)


class SkipGram(nn.Module):
    """Two tables (V, d): of a word as centre, which is kept in the end, and as context."""

    def __init__(self, words: int, width: int):
        super().__init__()
        self.centre, self.context = nn.Embedding(words, width), nn.Embedding(words, width)
        nn.init.uniform_(self.centre.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.context.weight)

    def forward(self, centre: Tensor, contexts: Tensor) -> Tensor:
        """Logits (N, 1 + K) that each of the contexts (N, 1 + K) stands near the centre (N,)."""
        return (self.context(contexts) @ self.centre(centre)[:, :, None])[:, :, 0]


def score(model: nn.Module, centre: Tensor, contexts: Tensor) -> dict[str, Tensor]:
    """−log σ of the true pair's logit − Σ log σ of minus the false ones', in nats, mean over the pairs."""
    logits = model(centre, contexts)
    return {"loss": -(F.logsigmoid(logits[:, 0]) + F.logsigmoid(-logits[:, 1:]).sum(dim=1)).mean()}


class PairLoader:
    """Batches of pairs, drawn anew for each epoch from the seed and the epoch's number."""

    def __init__(self, corpus: Corpus, args: HyperParams, device: torch.device):
        self.corpus, self.args, self.device = corpus, args, device
        self.set_epoch(1)

    def set_epoch(self, epoch: int) -> None:
        """Draw the pairs of that epoch; InputError if there are none."""
        generator = torch.Generator().manual_seed(derive_seed(self.args.seed, epoch, 1))
        pairs = draw_pairs(self.corpus, self.args.window, self.args.subsample, generator).to(self.device)
        if not len(pairs):
            raise InputError(
                f"{self.args.dataset}: no two of the {len(self.corpus.tokens)} words left stand near each other in a "
                "text; give it more text, or leave no word out with --subsample 0"
            )
        self.batches = ArrayLoader(pairs, batch_size=self.args.batch_size, shuffle=True, seed=self.args.seed)
        self.batches.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        return iter(self.batches)


def train(**kws) -> tuple[Embeddings, Run]:
    """Learn (or read) vectors, show them, and return them with the run; keyword arguments: fields of HyperParams."""
    args = HyperParams.of(**kws)
    args = args.but(device=str(pick_device(args.device)))
    return learn(args) if args.learns else read(args)


def learn(args: HyperParams) -> tuple[Embeddings, Run]:
    """Skip-gram with negative sampling: the centre words' vectors."""
    device = torch.device(args.device)
    corpus = get_data(args)
    seed_everything(args.seed)
    model = SkipGram(len(corpus.words), args.width).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    net = for_step(model, compile=args.compile)
    noise = corpus.counts.double().pow(0.75)  # false words: by frequency, but rare ones more often than they occur
    chosen = (noise / noise.sum()).cumsum(0).float()

    def step(batch: tuple[Tensor]) -> dict[str, Tensor]:
        (pairs,) = batch
        drawn = torch.rand(len(pairs), args.negatives)
        false = torch.searchsorted(chosen, drawn).clamp(max=len(corpus.words) - 1).to(device)
        with autocast(device, args.precision):
            logs = score(net, pairs[:, 0], torch.cat([pairs[:, 1:], false], dim=1))
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    loader = PairLoader(corpus, args, device)
    with Run(args) as run:
        run.say(
            f"skip-gram on {args.dataset}: {len(corpus.tokens):,} words of text, {len(corpus.words):,} different ones "
            f"that occur {args.min_count} times; {len(loader) * args.batch_size:,} pairs an epoch, {args.negatives} "
            "false words each"
        )
        fit(
            step,
            loader,
            modules=[model],
            optimizers=[optimizer],
            epochs=args.epochs,
            seed=args.seed,
            run=run,
            quiet=args.quiet,
        )
        run.save_model(model, words=corpus.words)
        embeddings = vectors_of(model, corpus.words)
        show(run, embeddings, args)
        loss = run.history[-1]["train_loss"] if run.history else float("nan")
        chance = (1 + args.negatives) * math.log(2)
        run.finish(
            {"train_loss": loss, "words": len(corpus.words)},
            f"loss {loss:.3f} nats a pair with its false words (knowing nothing: {chance:.3f})",
            look=("map", "curves"),
        )
    return embeddings, run


def read(args: HyperParams) -> tuple[Embeddings, Run]:
    """The vectors that --vectors or --glove names; what was read is kept under the data directory for the next time."""
    cache = args.data_dir / "glove"
    if args.vectors:
        found = Vectors(args.vectors, cache=cache, max_vectors=args.max_words)
    else:
        assert args.glove
        found = GloVe("6B", args.glove, cache=cache, max_vectors=args.max_words, offline=args.offline, quiet=args.quiet)
    embeddings = Embeddings(found.itos, found.vectors)
    with Run(args) as run:
        name = args.vectors or f"GloVe {args.glove}d"
        run.say(f"{name}: {len(embeddings.words):,} words, {embeddings.vectors.shape[1]} numbers each")
        show(run, embeddings, args)
        said = f"{len(embeddings.words):,} words read, none learnt"
        run.finish({"words": len(embeddings.words)}, said, look=("map",))
    return embeddings, run


def vectors_of(model: SkipGram, words: list[str]) -> Embeddings:
    """What is kept of the network: the vectors of the words as centres, on the CPU."""
    return Embeddings(words, model.centre.weight.detach().cpu())


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, SkipGram]:
    """The network of a run that learnt vectors; the newest one if none is named. `about["words"]` has its words."""
    return runs.load(path, HyperParams, lambda args, words: SkipGram(len(words), args.width), words=list[str])


def show(run: Run, embeddings: Embeddings, args: HyperParams) -> None:
    """Neighbours and the analogy asked for, and the map of frequent words."""
    asked = [word.strip() for word in args.words.split(",") if word.strip()]
    given = args.words != HyperParams.words
    for word in [word for word in asked if given or word in embeddings.places]:
        near = embeddings.nearest(embeddings[word], excluded=(word,))[:6]
        run.say(f"nearest to {word!r}: " + ", ".join(f"{other} {cosine:.2f}" for other, cosine in near))
    if args.analogy:
        a, b, c = parse_analogy(args.analogy)
        ranked = embeddings.analogy(a, b, c)
        said = ", ".join(f"{i} {word} {cosine:.4f}" for i, (word, cosine) in enumerate(ranked[:5], 1))
        run.say(f"{a} − {b} + {c}: {said}  (of {len(ranked):,} words)")
    if run.history:
        from common import plots  # here, so that --help need not wait for matplotlib

        run.save_figure("curves", plots.plot_curves(run.history))
    run.save_figure("map", plot_map(embeddings, asked))


def main() -> None:
    """The command `python -m labs.nlp.embeddings`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
