"""Which class does a text belong to? From counting words to a Transformer, one flag apart.

naive_bayes counts (Manning et al. 2008, ch. 13). bag averages the vectors of the words (Joulin et al. 2017), cnn looks
for short phrases (Kim 2014), lstm and gru read in both directions (Hochreiter & Schmidhuber 1997; Cho et al. 2014),
transformer lets every word look at every other (Vaswani et al. 2017). All of them take (N, T) token numbers and give
(N, K) logits.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed
from common.data import stratified_split
from common.device import autocast, derive_seed, pick_device, seed_everything
from common.errors import InputError
from common.metrics import accuracy, confidence_half_width, confusion_matrix
from common.optimizers import make_optimizer
from common.runs import Run
from common.text import Vectors
from common.text.batches import pad
from common.text.corpora import TextData, load_texts
from common.text.vocabulary import PADDING
from common.trainer import evaluate, fit, prepare
from labs.nlp.vocabulary import Vocabulary, learn_vocabulary, load_vocabulary

Batch = tuple[Tensor, Tensor, Tensor]  # token numbers (N, T), lengths (N,) on the CPU, labels (N,)


@dataclass(frozen=True)
class HyperParams(cli.TrainingFlags):
    """Train a text classifier: news by topic, reviews by sentiment, or documents of your own."""

    dataset: str = (
        "auto"  # ag_news, imdb, 20newsgroups, topics, reviews, folder:PATH, csv:PATH; auto: ag_news, else reviews
    )
    epochs: int = 10  # passes over the training texts
    batch_size: int = 32  # texts per gradient step
    lr: cli.OptionalFloat = None  # learning rate (η); none: 0.01 for bag (it has little to upset), 0.002 for the others
    model: Literal["naive_bayes", "bag", "cnn", "lstm", "gru", "transformer"] = "bag"  # what reads the text
    tokens: Literal["word", "subword"] = "word"  # what the text is cut into
    vocabulary: int = 20_000  # how many different tokens at most; the others are [UNK]
    max_length: int = 256  # tokens of a text that are read; the rest is cut off
    width: int = 64  # numbers that stand for a token
    layers: int = 1  # lstm, gru: layers; transformer: blocks
    heads: int = 4  # transformer: attention heads
    dropout: float = 0.5  # share of values set to 0 in training
    vectors: cli.OptionalPath = None  # start from the word vectors in this file, e.g. glove.6B.50d.txt; sets --width
    val_share: float = 0.1  # share of the training texts that chooses the best epoch

    def __post_init__(self) -> None:
        if self.lr is None:
            object.__setattr__(self, "lr", 1e-2 if self.model == "bag" else 2e-3)
        super().__post_init__()
        for name in ("max_length", "width", "layers", "heads"):
            self.require(name, getattr(self, name) >= 1, "at least 1")
        self.require("vocabulary", self.vocabulary >= 5, "at least 5: four special tokens and a word")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")
        self.require("val_share", 0 < self.val_share < 1, "between 0 and 1")
        self.require("vectors", self.vectors is None or self.tokens == "word", "left away with --tokens subword")


class TextLoader:
    """Batches of texts of similar length, padded to the longest of each batch: less padding, less to compute.

    In training the order is drawn anew for each epoch from the seed and the epoch's number. Under torchrun every
    process takes its share of each batch.
    """

    def __init__(
        self, indices: Tensor, offsets: Tensor, y: Tensor, *, batch_size: int, shuffle: bool = False, seed: int = 0
    ):
        self.indices, self.offsets, self.y = indices, offsets, y
        self.batch_size, self.shuffle, self.seed, self.epoch = batch_size, shuffle, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.y) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        lengths = self.offsets.diff()
        if not self.shuffle:
            batches = list(lengths.argsort(stable=True).split(self.batch_size))
        else:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
            # Sorting twenty batches at a time keeps the batches varied, too.
            parts = torch.randperm(len(self.y), generator=generator).split(20 * self.batch_size)
            batches = [rows for part in parts for rows in part[lengths[part].argsort()].split(self.batch_size)]
            batches = [batches[i] for i in torch.randperm(len(batches), generator=generator)]
        for rows in batches:
            own = rows[distributed.rank() :: distributed.world_size()]
            if len(own):
                yield self.batch(own)

    def batch(self, rows: Tensor) -> Batch:
        """The texts with these numbers."""
        starts, lengths = self.offsets[rows], self.offsets.diff()[rows]
        place = torch.arange(max(1, int(lengths.max())))
        there = place < lengths[:, None]
        X = torch.where(there, self.indices[(starts[:, None] + place).clamp(max=len(self.indices) - 1)], PADDING)
        device = self.y.device
        return X.to(device, non_blocking=True), lengths.clamp(min=1), self.y[rows.to(device)]


class NaiveBayes(nn.Module):
    """log p(class) + Σ log p(word | class), both from counts with one added to each word's. Nothing to train."""

    def __init__(self, vocabulary: int, classes: int):
        super().__init__()
        self.register_buffer("log_prior", torch.zeros(classes))
        self.register_buffer("log_likelihood", torch.zeros(vocabulary, classes))

    def count(self, indices: Tensor, offsets: Tensor, y: Tensor) -> None:
        """Learn from texts: tokens in a row, where each text starts, and the labels (N,)."""
        vocabulary, classes = self.log_likelihood.shape
        label = y.repeat_interleave(offsets.diff())
        words = torch.bincount(indices * classes + label, minlength=vocabulary * classes).view(vocabulary, classes)
        words = words.double() + 1
        words[PADDING] = 0  # stands for nothing
        documents = torch.bincount(y, minlength=classes).double()
        self.log_prior.copy_((documents / documents.sum()).log())
        self.log_likelihood.copy_((words / words.sum(dim=0)).clamp(min=1e-300).log())
        self.log_likelihood[PADDING] = 0

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        return self.log_prior + self.log_likelihood[X].sum(dim=1)


class Bag(nn.Module):
    """The mean of the words' vectors, then a linear layer: fast, and blind to order."""

    def __init__(self, vocabulary: int, width: int, classes: int, dropout: float):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, width, mode="mean", padding_idx=PADDING)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.dropout(self.embedding(X)))


class CNN(nn.Module):
    """Filters over 3, 4 and 5 neighbouring words; each reports the strongest place it found (Kim 2014)."""

    def __init__(self, vocabulary: int, width: int, classes: int, dropout: float, filters: int = 64):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, k, padding=k // 2) for k in (3, 4, 5))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(3 * filters, classes)

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        x = self.dropout(self.embedding(X)).transpose(1, 2)  # (N, width, T)
        there = (X != PADDING)[:, None]  # no filter finds anything in padding
        found = [F.relu(convolution(x))[:, :, : X.shape[1]] * there for convolution in self.convolutions]
        return self.head(self.dropout(torch.cat([each.amax(dim=2) for each in found], dim=1)))


class Recurrent(nn.Module):
    """An LSTM or GRU in both directions; the strongest value each unit takes anywhere in the text goes on."""

    def __init__(self, kind: str, vocabulary: int, width: int, layers: int, classes: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        unit = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
        self.unit = unit(
            width, width, layers, batch_first=True, bidirectional=True, dropout=dropout if layers > 1 else 0.0
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        x = self.dropout(self.embedding(X))
        # Packed: the backward direction starts at a text's last word, and nothing is computed for padding.
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = nn.utils.rnn.pad_packed_sequence(self.unit(packed)[0], batch_first=True, padding_value=-1.0)
        return self.head(self.dropout(hidden.amax(dim=1)))  # tanh gives more than −1, so padding never wins


def attention(query: Tensor, key: Tensor, value: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """What each word takes from the others: softmax(Q Kᵀ / √d) V, and the weights that the softmax gives.

    query, key, value (N, heads, T, d); `there` (N, 1, 1, T) is False for padding, which nobody looks at.
    """
    similarity = query @ key.transpose(2, 3) / query.shape[3] ** 0.5  # (N, heads, T, T)
    weights = similarity.masked_fill(~there, float("-inf")).softmax(dim=3)
    return weights @ value, weights


class Block(nn.Module):
    """Attention, then two dense layers; each adds to what came in: (N, T, D) → (N, T, D).

    `there` (broadcastable to N, heads, T, T) says whom each word may look at.
    """

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def split(self, x: Tensor) -> Tensor:
        """Query, key and value of each head: (3, N, heads, T, D/heads)."""
        n, t, d = x.shape
        return self.query_key_value(self.norm1(x)).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        # torch's own `attention`: the same numbers, faster; it does not tell the weights
        mixed = F.scaled_dot_product_attention(*self.split(x), attn_mask=there)
        x = x + self.dropout(self.project(mixed.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class Transformer(nn.Module):
    """Words and their places; blocks of attention; the mean over the words goes on."""

    def __init__(
        self, vocabulary: int, width: int, layers: int, heads: int, classes: int, dropout: float, max_length: int
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.position = nn.Embedding(max_length, width)
        nn.init.normal_(self.position.weight, std=0.1)
        self.blocks = nn.ModuleList(Block(width, heads, dropout / 2) for _ in range(layers))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def embed(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """What the first block sees (N, T, D), and where there is a word (N, 1, 1, T)."""
        positions = torch.arange(X.shape[1], device=X.device)
        return self.dropout(self.embedding(X) + self.position(positions)), (X != PADDING)[:, None, None]

    def forward(self, X: Tensor, lengths: Tensor) -> Tensor:
        x, there = self.embed(X)
        for block in self.blocks:
            x = block(x, there)
        words = there[:, 0, 0, :, None]
        mean = (self.norm(x) * words).sum(dim=1) / words.sum(dim=1).clamp(min=1)
        return self.head(self.dropout(mean))

    @torch.inference_mode()
    def attention_weights(self, X: Tensor) -> Tensor:
        """Who looks at whom: (layers, N, heads, T, T), each row summing to 1."""
        x, there = self.embed(X)
        found = []
        for block in self.blocks:
            found.append(attention(*block.split(x), there)[1])
            x = block(x, there)
        return torch.stack(found)


def build_model(args: HyperParams, vocabulary: int, classes: int) -> nn.Module:
    """The network that --model names: token numbers (N, T) and lengths (N,) → logits (N, classes)."""
    sizes = {"vocabulary": vocabulary, "classes": classes}
    if args.model == "naive_bayes":
        return NaiveBayes(**sizes)
    sizes |= {"width": args.width, "dropout": args.dropout}
    if args.model in ("lstm", "gru"):
        return Recurrent(args.model, layers=args.layers, **sizes)
    if args.model == "transformer":
        return Transformer(layers=args.layers, heads=args.heads, max_length=args.max_length, **sizes)
    return {"bag": Bag, "cnn": CNN}[args.model](**sizes)


@dataclass(frozen=True)
class Data:
    """What a run trains and tests on."""

    texts: TextData
    vocabulary: Vocabulary
    train: TextLoader
    val: TextLoader
    test: TextLoader


def get_data(args: HyperParams, device: torch.device, vocabulary: Vocabulary | None = None) -> Data:
    """Texts as token numbers; the vocabulary is learnt from the training part alone."""
    texts = load_texts(args.dataset, args.data_dir, embedded="reviews", offline=args.offline, quiet=args.quiet)
    if not texts.classes:
        raise InputError(f"{texts.name} has no classes to tell apart; name a data set with labels")
    train, val = stratified_split(texts.y_train, (1 - args.val_share, args.val_share), seed=args.seed)
    train = train[: args.limit]
    own = [texts.texts_train[i] for i in train]
    if vocabulary is None:
        vocabulary = learn_vocabulary(own, args.tokens, args.vocabulary, subwords="wordpiece")

    def loader(documents: list[str], y: Tensor, **kws) -> TextLoader:
        indices, offsets = vocabulary.encode(documents, max_length=args.max_length)
        return TextLoader(indices, offsets, y.to(device), **kws)

    return Data(
        texts,
        vocabulary,
        loader(own, texts.y_train[train], batch_size=args.batch_size, shuffle=True, seed=args.seed),
        loader([texts.texts_train[i] for i in val], texts.y_train[val], batch_size=256),
        loader(texts.texts_test, texts.y_test, batch_size=256),
    )


def score(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Loss (cross-entropy in nats, mean over the batch) and accuracy."""
    X, lengths, y = batch
    logits = model(X, lengths)
    return {"loss": F.cross_entropy(logits, y), "accuracy": accuracy(logits, y)}


def start_from_vectors(model: nn.Module, vocabulary: Vocabulary, vectors: Vectors) -> int:
    """Copy the vectors of the words that both know into the model's embedding; returns how many."""
    rows = [(i, vectors.stoi[word]) for i, word in enumerate(vocabulary.table.get_itos()) if word in vectors.stoi]
    ours, theirs = (torch.tensor(column) for column in zip(*rows, strict=True)) if rows else ([], [])
    with torch.no_grad():
        model.embedding.weight[ours] = vectors.vectors[theirs].to(model.embedding.weight)
    return len(rows)


def train(data: Data | None = None, **kws) -> tuple[nn.Module, Run]:
    """Train and return the model and its run; keyword arguments are the fields of HyperParams."""
    args = cli.settings(HyperParams, kws)
    device = pick_device(args.device)
    vectors = Vectors(args.vectors, cache=args.data_dir / "glove") if args.vectors else None
    if vectors:
        args = dataclasses.replace(args, width=vectors.dim)
    args.require("width", args.model != "transformer" or args.width % args.heads == 0, f"a multiple of {args.heads}")
    data = data or get_data(args, device, load_vocabulary(args.resume) if args.resume else None)
    args = dataclasses.replace(args, dataset=data.texts.name, device=str(device))
    classes = len(data.texts.classes)
    seed_everything(args.seed)
    model = build_model(args, len(data.vocabulary), classes).to(device)
    with Run("nlp", args) as run:
        data.vocabulary.save(run.path)
        longest = int(data.train.offsets.diff().max())
        run.say(
            f"{args.model}, {sum(p.numel() for p in model.parameters()):,} parameters; {data.texts.name}, {classes} "
            f"classes, {len(data.train.y)} training texts of at most {longest} tokens, {len(data.val.y)} to choose the "
            f"epoch, {len(data.test.y)} to test; {len(data.vocabulary)} different tokens"
        )
        if vectors:
            run.say(f"{start_from_vectors(model, data.vocabulary, vectors)} words start from {args.vectors.name}")
        if args.model == "naive_bayes":
            model.count(data.train.indices.to(device), data.train.offsets.to(device), data.train.y)
        else:
            learn(model, data, args, run)
        run.save_model(model, classes=data.texts.classes)
        tested = evaluate(lambda batch: score(model, batch), data.test, [model])
        if distributed.is_main():
            save_figures(run, model, data)
        run.finish({f"test_{k}": v for k, v in tested.items()}, verdict(data, tested["accuracy"]))
    return model, run


def learn(model: nn.Module, data: Data, args: HyperParams, run: Run) -> None:
    """The epochs; the weights of the epoch with the least validation loss stay."""
    device = data.train.y.device
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    net = prepare(model, compile=args.compile)

    def step(batch: Batch) -> dict[str, Tensor]:
        with autocast(device, args.precision):
            logs = score(net, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        optimizer.step()
        return logs

    fit(
        step,
        data.train,
        modules=[model],
        optimizers=[optimizer],
        epochs=args.epochs,
        seed=args.seed,
        evaluations={"val": lambda: evaluate(lambda batch: score(model, batch), data.val, [model])},
        run=run,
        monitor="val_loss",
        quiet=args.quiet,
    )


def verdict(data: Data, reached: float) -> str:
    """What was reached, beside what always naming the commonest class would."""
    n = len(data.test.y)
    commonest = float(torch.bincount(data.test.y).max()) / n
    width = confidence_half_width(reached, n)
    return (
        f"test accuracy {reached:.2%} ± {width:.2%} on {n} texts (always the commonest class: {commonest:.2%}; "
        "--model naive_bayes is hard to beat on few texts)"
    )


@torch.inference_mode()
def predict(model: nn.Module, vocabulary: Vocabulary, texts: list[str], max_length: int) -> Tensor:
    """Probabilities (N, K) of the classes for texts."""
    model.eval()
    device = next(iter(model.state_dict().values())).device
    found = []
    for start in range(0, len(texts), 256):
        X, lengths = pad(*vocabulary.encode(texts[start : start + 256], max_length=max_length))
        X = X if X.shape[1] else torch.zeros(len(X), 1, dtype=torch.int64)  # nothing but empty texts
        found.append(model(X.to(device), lengths.clamp(min=1)).softmax(dim=1))
    return torch.cat(found)


def save_figures(run: Run, model: nn.Module, data: Data) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots
    from labs.nlp import reading

    classes, labels = data.texts.classes, data.texts.y_test
    probabilities = predict(model, data.vocabulary, data.texts.texts_test, run.settings.max_length).cpu()
    predicted = probabilities.argmax(dim=1)
    if len(run.history) > 1:
        run.save_figure("curves", plots.plot_curves(run.history))
    parts = {"train": data.train.y.cpu(), "validation": data.val.y.cpu(), "test": labels}
    run.save_figure("class_counts", plots.plot_class_counts(parts, classes))
    run.save_figure("confusion", plots.plot_confusion(confusion_matrix(labels, predicted, len(classes)), classes))
    counts = torch.bincount(data.train.indices, minlength=len(data.vocabulary))
    words = reading.indicative_words(model, data.vocabulary, counts)
    run.save_figure("indicative_words", reading.plot_indicative_words(words, classes))

    # The surest right ones and the surest mistakes, among texts short enough to be shown.
    lengths = data.test.offsets.diff()
    short = (lengths > 1) & (lengths <= lengths.float().quantile(0.75))
    right = predicted == labels
    sure = torch.where(short, probabilities.amax(dim=1), 0)
    chosen = [
        *(sure * right).topk(2).indices.tolist(),
        *(sure * ~right).topk(min(2, int((short & ~right).sum()))).indices,
    ]
    readings = []
    for i in map(int, chosen):
        X = data.test.indices[data.test.offsets[i] : data.test.offsets[i + 1]].to(data.train.y.device)
        title = f"{classes[predicted[i]]} with {probabilities[i, predicted[i]]:.0%}"
        title += "" if right[i] else f", but labelled {classes[labels[i]]}"
        values = reading.contributions(model, X, int(predicted[i]))
        readings.append((title, data.vocabulary.tokens(X), values))
    run.save_figure("what_counted", reading.plot_readings(readings))
    if isinstance(model, Transformer):
        shortest = int(torch.where(lengths > 5, lengths, lengths.max()).argmin())
        X = data.test.batch(torch.tensor([shortest]))[0]
        run.save_figure(
            "attention", reading.plot_attention(model.attention_weights(X)[0, 0], data.vocabulary.tokens(X[0]))
        )


def main() -> None:
    """The command `python -m labs.nlp.classify`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
