"""Which part of speech is each word? A network that reads the sentence, beside two ways that only count.

The baseline gives every word its most frequent tag. The HMM also counts which tag follows which and finds the best
whole sequence with Viterbi's algorithm (Viterbi 1967; Rabiner 1989). The BiLSTM reads the sentence in both
directions (Huang et al. 2015) and may put a conditional random field on top (`--crf`; Lafferty et al. 2001). With a
corpus in CoNLL format the same network finds named entities.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import checkpoint, cli, distributed
from common.data import ArrayLoader
from common.device import autocast, pick_device, seed_everything
from common.errors import InputError
from common.metrics import confidence_half_width, confusion_matrix
from common.optimizers import make_optimizer
from common.runs import Run
from common.text.corpora import Sentence, TaggedData, load_tagged, split_tagged
from common.text.own_files import read_text
from common.trainer import describe, evaluate, fit

PADDING, UNKNOWN = 0, 1  # numbers of the two entries every vocabulary begins with
IGNORED = -100  # the tag of what is only padding; F.cross_entropy skips it
SLIDE = "Apple released a new iPhone in California"


@dataclass(frozen=True)
class HyperParams(cli.TrainingFlags):
    """Train a tagger: parts of speech by default, named entities where a CoNLL file has them."""

    dataset: str = "tagged"  # tagged (comes with the suite), or conll:FILE (word first, tag last in each line)
    epochs: int = 30  # passes over the training sentences
    batch_size: int = 16  # sentences per gradient step
    lr: float = 3e-3  # learning rate (η)
    crf: bool = False  # score whole sequences of tags with a conditional random field
    width: int = 64  # numbers per word, and LSTM units in each direction
    dropout: float = 0.5  # share of values set to 0 in training
    unknown: float = 0.2  # share of training words read as unknown, so that endings are learnt, too

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("width", self.width >= 1, "at least 1")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")
        self.require("unknown", 0 <= self.unknown < 1, "at least 0 and less than 1")


# --- two that count


class MostFrequentTag:
    """Every word gets the tag it had most often, a word never seen the commonest tag of all."""

    def __init__(self, sentences: list[Sentence]):
        counts: dict[str, Counter] = defaultdict(Counter)
        for sentence in sentences:
            for word, tag in sentence:
                counts[word.lower()][tag] += 1
        self.tags = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
        self.commonest = sum(counts.values(), Counter()).most_common(1)[0][0]

    def tag(self, words: list[str]) -> list[str]:
        """A tag for each word."""
        return [self.tags.get(word.lower(), self.commonest) for word in words]


def viterbi(emissions: Tensor, transitions: Tensor, start: Tensor) -> list[int]:
    """The best sequence of tags: argmax of start[y₁] + Σ emissions[t, yₜ] + Σ transitions[yₜ₋₁, yₜ].

    emissions (T, K), transitions (K, K) from row to column, start (K,): scores such as log-probabilities.
    """
    best, came_from = start + emissions[0], []
    for scores in emissions[1:]:
        # best score of a path that ends in (i, j): i the tag before, j this one
        values, previous = (best[:, None] + transitions).max(dim=0)
        best = values + scores
        came_from.append(previous)
    path = [int(best.argmax())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return path[::-1]


class HiddenMarkov:
    """Tags follow tags, words follow from tags: log-probabilities from counts, with a little added to each."""

    def __init__(self, sentences: list[Sentence], tags: Sequence[str], added: float = 0.1):
        self.tags = tags
        number = {tag: i for i, tag in enumerate(tags)}
        k = len(tags)
        start, transitions = torch.full((k,), added), torch.full((k, k), added)
        words: dict[str, Tensor] = defaultdict(lambda: torch.zeros(k))
        for sentence in sentences:
            path = [number[tag] for _, tag in sentence]
            start[path[0]] += 1
            for before, after in zip(path, path[1:], strict=False):
                transitions[before, after] += 1
            for (word, _), tag in zip(sentence, path, strict=True):
                words[word.lower()][tag] += 1
        total = sum(words.values())
        once = sum((counts for counts in words.values() if counts.sum() == 1), torch.zeros(k))
        self.start, self.transitions = (start / start.sum()).log(), (transitions / transitions.sum(1, True)).log()
        # A word never seen is as likely under a tag as words seen once were.
        self.unknown = ((once + added) / (total + added * k)).log()
        self.emissions = {
            word: ((counts + added / len(words)) / (total + added)).log() for word, counts in words.items()
        }

    def tag(self, words: list[str]) -> list[str]:
        """The likeliest sequence of tags."""
        emissions = torch.stack([self.emissions.get(word.lower(), self.unknown) for word in words])
        return [self.tags[i] for i in viterbi(emissions, self.transitions, self.start)]


# --- one that learns


@dataclass(frozen=True)
class Encoding:
    """Numbers for words, for their last three letters, and for tags; 0 pads, 1 stands for what was never seen."""

    words: tuple[str, ...]
    endings: tuple[str, ...]
    tags: tuple[str, ...]

    def encode(self, sentences: list[list[str]]) -> Tensor:
        """Sentences as (N, T, 3): word, ending and shape of each token, padded with 0 to the longest."""
        word = {w: i for i, w in enumerate(self.words, UNKNOWN + 1)}
        ending = {e: i for i, e in enumerate(self.endings, UNKNOWN + 1)}
        rows = [
            torch.tensor(
                [[word.get(w.lower(), UNKNOWN), ending.get(w.lower()[-3:], UNKNOWN), shape(w)] for w in sentence]
            )
            for sentence in sentences
        ]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def encode_tags(self, sentences: list[Sentence]) -> Tensor:
        """Tags (N, T), padded with IGNORED."""
        number = {tag: i for i, tag in enumerate(self.tags)}
        rows = [torch.tensor([number[tag] for _, tag in sentence]) for sentence in sentences]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORED)


SHAPES = 5  # padding, lower case, Capitalised, CAPITALS, has no letter


def shape(word: str) -> int:
    """How a word is written, as one of SHAPES numbers."""
    if not any(c.isalpha() for c in word):
        return 4
    if len(word) > 1 and word.isupper():
        return 3
    return 2 if word[0].isupper() else 1


def build_encoding(data: TaggedData) -> Encoding:
    """The words and endings of the training sentences, in alphabetical order, and all tags."""
    words = sorted({word.lower() for sentence in data.train for word, _ in sentence})
    return Encoding(tuple(words), tuple(sorted({word[-3:] for word in words})), data.tags)


class Tagger(nn.Module):
    """Tokens (N, T, 3) → scores (N, T, K) of the tags: embeddings, then an LSTM in each direction."""

    def __init__(self, encoding: Encoding, width: int, dropout: float, unknown: float):
        super().__init__()
        self.unknown = unknown
        self.word = nn.Embedding(len(encoding.words) + 2, width, padding_idx=PADDING)
        self.ending = nn.Embedding(len(encoding.endings) + 2, width // 2, padding_idx=PADDING)
        self.shape = nn.Embedding(SHAPES, 8, padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width + width // 2 + 8, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, len(encoding.tags))

    def forward(self, tokens: Tensor) -> Tensor:
        words, endings, shapes = tokens.unbind(dim=2)
        if self.training:  # so that the network learns what to do with a word it does not know
            hide = torch.rand(words.shape).to(words.device) < self.unknown
            words = torch.where(hide & (words != PADDING), UNKNOWN, words)
        x = torch.cat([self.word(words), self.ending(endings), self.shape(shapes)], dim=2)
        lengths = (tokens[:, :, 0] != PADDING).sum(dim=1).cpu()
        # Packed, so that the backward direction starts at a sentence's last word, not at its padding.
        packed = nn.utils.rnn.pack_padded_sequence(self.dropout(x), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        return self.head(self.dropout(hidden))


class CRF(nn.Module):
    """Scores of whole tag sequences: those of the tags plus those of which tag follows which."""

    def __init__(self, tags: int):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))  # from row to column

    def log_partition(self, scores: Tensor, mask: Tensor) -> Tensor:
        """log Σ exp(score) over all tag sequences (N,): the forward algorithm, a token at a time."""
        total = self.start + scores[:, 0]
        for t in range(1, scores.shape[1]):
            # logsumexp over the tag before: (N, K, 1) + (K, K) → (N, K)
            longer = (total[:, :, None] + self.transitions).logsumexp(dim=1) + scores[:, t]
            total = torch.where(mask[:, t, None], longer, total)
        return total.logsumexp(dim=1)

    def sequence_score(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Score (N,) of one tag sequence (N, T)."""
        own = scores.gather(2, tags[:, :, None])[:, :, 0]
        steps = self.transitions[tags[:, :-1], tags[:, 1:]]
        return self.start[tags[:, 0]] + (own * mask).sum(dim=1) + (steps * mask[:, 1:]).sum(dim=1)

    def loss(self, scores: Tensor, tags: Tensor) -> Tensor:
        """−log p(tags | sentence), nats per token."""
        mask = tags != IGNORED
        known = tags.clamp(min=0)
        nats = self.log_partition(scores, mask) - self.sequence_score(scores, known, mask)
        return nats.sum() / mask.sum()


def build_model(args: HyperParams, encoding: Encoding) -> nn.ModuleDict:
    """The network that scores tags, and with `--crf` the field that scores their order."""
    parts = {"tagger": Tagger(encoding, args.width, args.dropout, args.unknown)}
    if args.crf:
        parts["crf"] = CRF(len(encoding.tags))
    return nn.ModuleDict(parts)


def decode(model: nn.ModuleDict, tokens: Tensor) -> Tensor:
    """The best tags (N, T) for tokens (N, T, 3): each by itself, or with a CRF the best sequence."""
    scores = model["tagger"](tokens)
    best = scores.argmax(dim=2)
    if "crf" in model:
        crf, lengths = model["crf"], (tokens[:, :, 0] != PADDING).sum(dim=1).tolist()
        for i, length in enumerate(lengths):
            path = viterbi(scores[i, :length], crf.transitions, crf.start)
            best[i, :length] = torch.tensor(path, device=best.device)
    return best


def score(model: nn.ModuleDict, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss in nats per token."""
    tokens, tags = batch
    scores = model["tagger"](tokens)
    if "crf" in model:
        return {"loss": model["crf"].loss(scores, tags)}
    return {"loss": F.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=IGNORED)}


def read_conll(path: Path) -> list[Sentence]:
    """Sentences in CoNLL format: a token a line, the word first and its tag last, a blank line between sentences."""
    sentences: list[Sentence] = [[]]
    for number, line in enumerate(read_text(path).splitlines(), 1):
        columns = line.split()
        if not columns:
            sentences.append([])
        elif columns[0] != "-DOCSTART-" and not line.startswith("# "):
            if len(columns) < 2:
                raise InputError(f"{path}, line {number}: {line!r} has no tag; it must be a word, blanks and a tag")
            sentences[-1].append((columns[0], columns[-1]))
    return [sentence for sentence in sentences if sentence]


def get_data(args: HyperParams) -> TaggedData:
    """The sentences that --dataset names, a fifth of them for testing."""
    if args.dataset == "tagged":
        return load_tagged()
    kind, _, path = args.dataset.partition(":")
    if kind != "conll":
        raise InputError(f"dataset {args.dataset!r} is neither tagged nor conll:FILE")
    if not Path(path).is_file():
        raise InputError(f"no such file: {path}")
    return split_tagged(read_conll(Path(path)), path)


def spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """The entities in IOB tags as (first word, word after the last, kind): B-PER I-PER O → {(0, 2, PER)}."""
    found, start = set(), None
    for i, tag in enumerate([*tags, "O"]):
        place, _, kind = tag.partition("-")
        if start is not None and (place != "I" or kind != tags[start].partition("-")[2]):
            found.add((start, i, tags[start].partition("-")[2]))
            start = None
        if place in ("B", "I") and start is None:
            start = i
    return found


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


def train(data: TaggedData | None = None, **kws) -> tuple[nn.ModuleDict, Run]:
    """Train the network, and measure it beside the two taggers that count. Returns the model and its run."""
    args = cli.settings(HyperParams, kws)
    device = pick_device(args.device)
    data = data or get_data(args)
    data = dataclasses.replace(data, train=data.train[: args.limit])
    args = dataclasses.replace(args, device=str(device))
    encoding = build_encoding(data)
    seed_everything(args.seed)
    model = build_model(args, encoding).to(device)
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    tokens = [encoding.encode(words_of(part)).to(device) for part in (data.train, data.test)]
    tags = [encoding.encode_tags(part).to(device) for part in (data.train, data.test)]

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(model, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    def test() -> dict[str, float]:
        loss = evaluate(lambda batch: score(model, batch), ArrayLoader(tokens[1], tags[1]), [model])
        return loss | measure(predict(model, encoding, words_of(data.test)), data.test)

    with Run("nlp", args) as run:
        run.say(
            f"{sum(p.numel() for p in model.parameters()):,} parameters; {args.dataset}: {len(data.train)} sentences "
            f"to train on, {len(data.test)} to test; {len(data.tags)} tags, {len(encoding.words)} different words"
        )
        for name, reached in counting(data).items():
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
        about = {"tags": encoding.tags, "words": encoding.words, "endings": encoding.endings}
        run.save_model(model, **about)
        tested = test()
        if distributed.is_main():
            save_figures(run, model, encoding, data)
        if args.dataset == "tagged":
            words = SLIDE.split()
            tagged = zip(words, predict(model, encoding, [words])[0], strict=True)
            run.say("  ".join(f"{word}/{tag}" for word, tag in tagged))
        run.finish({f"test_{k}": v for k, v in tested.items()}, verdict(tested["accuracy"], data))
    return model, run


def words_of(sentences: list[Sentence]) -> list[list[str]]:
    """The sentences without their tags."""
    return [[word for word, _ in sentence] for sentence in sentences]


def counting(data: TaggedData) -> dict[str, dict[str, float]]:
    """What the two taggers that only count reach."""
    taggers = {
        "most frequent tag": MostFrequentTag(data.train),
        "hidden Markov model": HiddenMarkov(data.train, data.tags),
    }
    return {
        name: measure([tagger.tag(words) for words in words_of(data.test)], data.test)
        for name, tagger in taggers.items()
    }


def verdict(reached: float, data: TaggedData) -> str:
    """What the network reached beside the two that count."""
    others = ", ".join(f"{name} {metrics['accuracy']:.1%}" for name, metrics in counting(data).items())
    n = sum(map(len, data.test))
    return f"{reached:.1%} ± {confidence_half_width(reached, n):.1%} of {n} held-out words tagged rightly ({others})"


def save_figures(run: Run, model: nn.ModuleDict, encoding: Encoding, data: TaggedData) -> None:
    """Curves, and which tag is taken for which."""
    from common import plots

    number = {tag: i for i, tag in enumerate(encoding.tags)}
    own = torch.tensor([number[tag] for sentence in data.test for _, tag in sentence])
    said = [number[tag] for row in predict(model, encoding, words_of(data.test)) for tag in row]
    matrix = confusion_matrix(own, torch.tensor(said), len(encoding.tags))
    run.save_figure("confusion", plots.plot_confusion(matrix, encoding.tags))
    if len(run.history) > 1:
        run.save_figure("curves", plots.plot_curves(run.history))


def load_run(path: Path) -> tuple[nn.ModuleDict, Encoding]:
    """The network of a run, and what its numbers stand for; InputError if it is no run of this command."""
    tensors, header = checkpoint.load(path / "model.safetensors")
    encoding = Encoding(*(tuple(header.pop(name, ())) for name in ("words", "endings", "tags")))
    model = build_model(cli.settings_from_json(HyperParams, header, str(path)), encoding)
    checkpoint.load_weights(model, tensors, path / "model.safetensors")
    return model.eval(), encoding


def main() -> None:
    """The command `python -m labs.nlp.tagging`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
