"""Which part of speech is each word? A network that reads the sentence, beside two ways that only count.

The network (bilstm.py) may have a conditional random field on top (`--crf`, crf.py); the two that count are in
counting_taggers.py. With `--dataset entities`, or a file in CoNLL format, the same network finds named entities.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, expectations, runs
from common.data import ArrayLoader
from common.device import autocast, pick_device, seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.metrics import confusion_matrix, describe_share
from common.optimizers import make_optimizer
from common.runs import Run
from common.settings import Count, Positive, Share, TrainingFlags
from common.text.corpora import Sentence, TaggedData, load_tagged, split_tagged
from common.trainer import describe, evaluate, fit, for_step
from labs.nlp.tagging import entities
from labs.nlp.tagging.bilstm import PADDING, Encoding, Tagger, build_encoding
from labs.nlp.tagging.conll import kinds_of, load_entities, read_conll, spans
from labs.nlp.tagging.counting_taggers import HiddenMarkov, MostFrequentTag, viterbi
from labs.nlp.tagging.crf import CRF, IGNORED

LONGEST = 1000  # words of a sentence: every one is padded to the longest
SLIDE = "Apple released a new iPhone in California"


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a tagger: parts of speech by default, named entities where a CoNLL file has them."""

    # Its loss is a mean over words, and processes would share a batch by sentences: torchrun is refused.
    COMMAND: ClassVar[str] = "labs.nlp.tagging"

    dataset: str = "tagged"  # tagged, entities (come with the suite), conll:FILE (word first, tag last in each line)
    epochs: Count = 30  # passes over the training sentences
    batch_size: Count = 16  # sentences per gradient step
    lr: Positive = 3e-3  # learning rate (η)
    crf: bool = False  # score whole sequences of tags with a conditional random field
    width: Count = 64  # numbers per word, and LSTM units in each direction
    dropout: Share = 0.5  # share of values set to 0 in training
    unknown: Share = 0.2  # share of training words read as unknown, so that endings are learnt, too


def build_model(args: HyperParams, encoding: Encoding) -> nn.ModuleDict:
    """The network that scores tags, and with `--crf` the field that scores their order."""
    parts: dict[str, nn.Module] = {"tagger": Tagger(encoding, args.width, args.dropout, args.unknown)}
    if args.crf:
        parts["crf"] = CRF(len(encoding.tags))
    return nn.ModuleDict(parts)


def decode(model: nn.ModuleDict, tokens: Tensor) -> Tensor:
    """The best tags (N, T) for tokens (N, T, 3): each by itself, or with a CRF the best sequence."""
    scores = model["tagger"](tokens)
    best = scores.argmax(dim=2)
    if "crf" in model:
        crf, lengths = model["crf"], (tokens[:, :, 0] != PADDING).sum(dim=1).tolist()
        assert isinstance(crf, CRF)
        # On the CPU: Viterbi's algorithm goes token by token, and would wait for the GPU at each.
        scores, transitions, start, best = (x.cpu() for x in (scores, crf.transitions, crf.start, best))
        for i, length in enumerate(lengths):
            best[i, :length] = torch.tensor(viterbi(scores[i, :length], transitions, start))
    return best.to(tokens.device)


def score(model: nn.ModuleDict, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss in nats per token."""
    tokens, tags = batch
    scores = model["tagger"](tokens)
    if "crf" in model:
        crf = model["crf"]
        assert isinstance(crf, CRF)
        return {"loss": crf.loss(scores, tags)}
    return {"loss": F.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=IGNORED)}


def get_data(args: HyperParams) -> TaggedData:
    """The sentences that --dataset names, a fifth of them for testing."""
    if args.dataset == "tagged":
        return load_tagged()
    if args.dataset == "entities":
        return load_entities()
    kind, _, path = args.dataset.partition(":")
    if kind != "conll":
        raise InputError(f"dataset {args.dataset!r} is none of tagged, entities, conll:FILE")
    if not Path(path).is_file():
        raise InputError(f"no such file: {path}")
    sentences = read_conll(Path(path))
    longest = max(map(len, sentences), default=0)
    if longest > LONGEST:
        raise InputError(
            f"{path}: a sentence has {longest} words, and at most {LONGEST} are read at once; part the sentences by "
            "blank lines"
        )
    return split_tagged(sentences, path)


def measure(predictions: Sequence[Sequence[str]], sentences: list[Sentence]) -> dict[str, float]:
    """Share of right tags; for named entities (IOB tags) also the F1 score of whole entities."""
    right = total = hits = said = there = 0
    for predicted, sentence in zip(predictions, sentences, strict=True):
        own = [tag for _, tag in sentence]
        right, total = right + sum(map(str.__eq__, predicted, own)), total + len(own)
        mine, theirs = spans(predicted), spans(own)
        hits, said, there = hits + len(mine & theirs), said + len(mine), there + len(theirs)
    result = {"accuracy": right / total}
    return result | {"entity_f1": 2 * hits / (said + there)} if there else result


def predict(model: nn.ModuleDict, encoding: Encoding, sentences: list[list[str]]) -> list[list[str]]:
    """A tag for each word of each sentence."""
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        best = decode(model, encoding.encode(sentences).to(device)).tolist()
    return [[encoding.tags[i] for i in row[: len(words)]] for row, words in zip(best, sentences, strict=True)]


def train(data: TaggedData | None = None, draw: bool = True, **kws) -> tuple[nn.ModuleDict, Run]:
    """Train the network, and measure it beside the two taggers that count. Returns the model and its run.

    draw   figures, too; without them a short training takes half the time
    """
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    data = data or get_data(args)
    data = dataclasses.replace(data, train=data.train[: args.limit])
    args = args.but(device=str(device))
    encoding = build_encoding(data)
    seed_everything(args.seed)
    model = build_model(args, encoding).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    net = nn.ModuleDict({**model, "tagger": for_step(model["tagger"], compile=args.compile)})
    tokens = [encoding.encode(words_of(part)).to(device) for part in (data.train, data.test)]
    tags = [encoding.encode_tags(part).to(device) for part in (data.train, data.test)]

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def test() -> dict[str, float]:
        loss = evaluate(lambda batch: score(model, batch), ArrayLoader(tokens[1], tags[1]), [model])
        return loss | measure(predict(model, encoding, words_of(data.test)), data.test)

    with Run(args) as run:
        run.say(
            f"{sum(p.numel() for p in model.parameters()):,} parameters; {args.dataset}: {len(data.train)} sentences "
            f"to train on, {len(data.test)} to test; {len(data.tags)} tags, {len(encoding.words)} different words"
        )
        counted = counting(data)
        for name, reached in counted.items():
            run.say(f"{name:<20} test {describe(reached)}")
        fit(
            step,
            ArrayLoader(tokens[0], tags[0], batch_size=args.batch_size, shuffle=True, seed=args.seed),
            modules=[model],
            optimizers=[optimizer],
            epochs=args.epochs,
            seed=args.seed,
            evaluations={"test": test},
            run=run,
            quiet=args.quiet,
        )
        run.save_model(model, **dataclasses.asdict(encoding))
        tested = test()
        if draw:
            save_figures(run, model, encoding, data)
        if "entity_f1" in tested:
            tagged = predict(model, encoding, words_of(data.test))
            run.say(entities.describe_scores(entities.score_entities(tagged, tags_of(data.test))))
            run.say(f"I tags that no B begins: {entities.broken_starts(tagged)}")
        if args.dataset in ("tagged", "entities"):
            words = SLIDE.split()
            slide = zip(words, predict(model, encoding, [words])[0], strict=True)
            run.say("  ".join(f"{word}/{tag}" for word, tag in slide))
        said = verdict(args, tested, counted, sum(map(len, data.test)))
        look = ("entities", "sentences") if "entity_f1" in tested else ("confusion", "curves")
        run.finish({f"test_{k}": v for k, v in tested.items()}, said, look=look)
    return model, run


def words_of(sentences: list[Sentence]) -> list[list[str]]:
    """The sentences without their tags."""
    return [[word for word, _ in sentence] for sentence in sentences]


def tags_of(sentences: list[Sentence]) -> list[list[str]]:
    """The tags without their sentences."""
    return [[tag for _, tag in sentence] for sentence in sentences]


def counting(data: TaggedData) -> dict[str, dict[str, float]]:
    """What the two taggers that only count reach."""
    taggers: dict[str, MostFrequentTag | HiddenMarkov] = {
        "most frequent tag": MostFrequentTag(data.train),
        "hidden Markov model": HiddenMarkov(data.train, data.tags),
    }
    return {
        name: measure([tagger.tag(words) for words in words_of(data.test)], data.test)
        for name, tagger in taggers.items()
    }


EXPECTED = (  # README.md has what was measured
    Expected("test_accuracy", 0.90),
    Expected("test_entity_f1", 0.53, settings={"dataset": "entities"}),
    Expected("test_entity_f1", 0.58, settings={"dataset": "entities", "crf": True}),
)


def verdict(args: HyperParams, reached: dict[str, float], counted: dict[str, dict[str, float]], n: int) -> str:
    """What the network reached on n words beside the two that count, and what to expect."""
    metric = "entity_f1" if "entity_f1" in reached else "accuracy"
    others = ", ".join(f"{name} {metrics[metric]:.1%}" for name, metrics in counted.items())
    said = f"{describe_share(reached['accuracy'], n)} of {n} held-out words tagged rightly"
    if metric == "entity_f1":
        said += f", F1 of whole entities {reached[metric]:.1%}"
    return f"{said}{expectations.sentence(EXPECTED, args)}; {others}"


def save_figures(run: Run, model: nn.ModuleDict, encoding: Encoding, data: TaggedData) -> None:
    """Curves, which tag is taken for which, Viterbi's table; of a field its scores of which tag follows which.

    Of named entities also whole ones, and sentences with theirs.
    """
    from common import plots  # here, so that --help need not wait for matplotlib
    from labs.nlp.tagging import figures

    number = {tag: i for i, tag in enumerate(encoding.tags)}
    own = torch.tensor([number[tag] for sentence in data.test for _, tag in sentence])
    predicted, kinds = predict(model, encoding, words_of(data.test)), kinds_of(encoding.tags)
    said = [number[tag] for row in predicted for tag in row]
    matrix = confusion_matrix(own, torch.tensor(said), len(encoding.tags))
    run.save_figure("confusion", plots.plot_confusion(matrix, encoding.tags))
    if len(run.history) > 1:
        run.save_figure("curves", plots.plot_curves(run.history))
    markov = HiddenMarkov(data.train, data.tags)
    words = figures.choose_sentence(markov, words_of(data.test))
    run.save_figure("viterbi", figures.plot_table(words, data.tags, markov.parts(words)))
    if isinstance(crf := dict(model).get("crf"), CRF):
        run.save_figure("transitions", figures.plot_transitions(crf.transitions, encoding.tags))
    if kinds:
        run.save_figure("entities", entities.plot_confused(predicted, tags_of(data.test), kinds))
        chosen = entities.choose(words_of(data.test), predicted, tags_of(data.test))
        run.save_figure("sentences", entities.plot_sentences(chosen, kinds))


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, nn.ModuleDict]:
    """A run's tagger, ready to tag, and its settings; the newest run's if none is named.

    `Encoding(**about)` says what its numbers stand for.
    """

    def build(args: HyperParams, **about: tuple[str, ...]) -> nn.ModuleDict:
        return build_model(args, Encoding(**about))

    return runs.load(path, HyperParams, build, words=tuple[str, ...], endings=tuple[str, ...], tags=tuple[str, ...])


def main() -> None:
    """The command `python -m labs.nlp.tagging`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
