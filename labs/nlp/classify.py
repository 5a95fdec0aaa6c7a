"""Which class does a text belong to? From counting words to a Transformer, one flag apart.

The seven are in classifiers.py: naive_bayes, bag, cnn, rnn, lstm, gru, transformer. README.md has what they reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import cli, distributed, expectations, runs
from common.data import stratified_split
from common.device import autocast, pick_device, seed_everything
from common.errors import InputError
from common.expectations import Expected
from common.metrics import accuracy, confusion_matrix, describe_share
from common.optimizers import make_optimizer
from common.runs import Run
from common.settings import UNGIVEN, Better, Count, OptionalPath, Positive, Range, Share, TrainingFlags, Usual
from common.text import Vectors
from common.text.batches import pad
from common.text.corpora import TextData, load_texts
from common.trainer import evaluate, fit, for_step
from labs.nlp import reading
from labs.nlp.classifiers import CNN, Bag, NaiveBayes, Recurrent, Transformer, start_from_vectors
from labs.nlp.text_loader import Batch, TextLoader
from labs.nlp.vocabulary import Vocabulary, learn_vocabulary, load_vocabulary


@dataclass(frozen=True)
class HyperParams(TrainingFlags):
    """Train a text classifier: news by topic, reviews by sentiment, or documents of your own."""

    COMMAND: ClassVar[str] = "labs.nlp.classify"
    SHARES_BATCHES: ClassVar[bool] = True
    BETTER: ClassVar[Mapping[str, Better]] = {"val_loss": "smaller", "val_accuracy": "larger"}

    dataset: str = "auto"  # auto (ag_news, else reviews), reviews3, imdb, 20newsgroups, topics, folder:PATH, csv:PATH
    epochs: Count = 10  # passes over the training texts
    batch_size: Count = 32  # texts per gradient step
    lr: Usual[Positive] = UNGIVEN  # learning rate (η); none: 0.01 for bag (little to upset), 0.002 for the others
    model: Literal["naive_bayes", "bag", "cnn", "rnn", "lstm", "gru", "transformer"] = "bag"  # what reads the text
    tokens: Literal["word", "subword"] = "word"  # what the text is cut into
    vocabulary: Annotated[int, Range(5)] = 20_000  # how many different tokens at most; the others are [UNK]
    max_length: Count = 256  # tokens of a text that are read; the rest is cut off
    width: Usual[Count] = UNGIVEN  # numbers that stand for a token; none: 64, or as many as --vectors have
    layers: Count = 1  # rnn, lstm, gru: layers; transformer: blocks
    heads: Count = 4  # transformer: attention heads
    dropout: Share = 0.5  # share of values set to 0 in training
    vectors: OptionalPath = None  # start from the word vectors in this file, e.g. glove.6B.50d.txt
    val_share: Share = 0.1  # share of the training texts that chooses the best epoch

    def usual(self) -> dict[str, Any]:
        width = {} if self.vectors else {"width": 64}
        return {**width, "lr": 1e-2 if self.model == "bag" else 2e-3}

    def check(self) -> None:
        trained, stacked = self.model != "naive_bayes", self.model in ("rnn", "lstm", "gru", "transformer")
        only_counts = ("epochs", "batch_size", "lr", "precision", "compile", "width", "dropout", "vectors")
        self.refuse_unused(
            {**dict.fromkeys(only_counts, trained), "layers": stacked, "heads": self.model == "transformer"},
            f"on --model {self.model}",
        )
        self.require("val_share", self.val_share > 0, "greater than 0 and less than 1")
        self.require("vectors", self.vectors is None or self.tokens == "word", "left away with --tokens subword")
        if self.model == "transformer" and self.width is not None:
            self.require("width", self.width % self.heads == 0, f"a multiple of --heads {self.heads}")


def build_model(args: HyperParams, vocabulary: int, classes: int) -> nn.Module:
    """The network that --model names: token numbers (N, T) and lengths (N,) → logits (N, classes)."""
    sizes: dict[str, Any] = {"vocabulary": vocabulary, "classes": classes}
    if args.model == "naive_bayes":
        return NaiveBayes(**sizes)
    sizes |= {"width": args.width, "dropout": args.dropout}
    if args.model in ("rnn", "lstm", "gru"):
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
    shares = (1 - args.val_share, args.val_share)
    try:
        train, val = stratified_split(texts.y_train, shares, seed=args.seed, classes=texts.classes)
    except InputError as error:
        raise InputError(f"{error}; give it more texts, or raise --val-share") from None
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


def train(data: Data | None = None, **kws) -> tuple[nn.Module, Run]:
    """Train and return the model and its run; keyword arguments are the fields of HyperParams."""
    args = HyperParams.of(**kws)
    device = pick_device(args.device)
    vectors = Vectors(args.vectors, cache=args.data_dir / "glove") if args.vectors else None
    if vectors:
        args.require("width", args.width in (None, vectors.dim), f"{vectors.dim}, as in {args.vectors}: leave it away")
        args = args.but(width=vectors.dim)
    data = data or get_data(args, device, load_vocabulary(args.resume) if args.resume else None)
    args = args.but(dataset=data.texts.name, device=str(device))
    classes = len(data.texts.classes)
    seed_everything(args.seed)
    model = build_model(args, len(data.vocabulary), classes).to(device)
    with Run(args) as run:
        if distributed.is_main() and not run.resumed:
            data.vocabulary.save(run.path)
        longest = int(data.train.offsets.diff().max())
        run.say(
            f"{args.model}, {sum(p.numel() for p in model.parameters()):,} parameters; {data.texts.name}, {classes} "
            f"classes, {len(data.train.y)} training texts of at most {longest} tokens, {len(data.val.y)} to choose the "
            f"epoch, {len(data.test.y)} to test; {len(data.vocabulary)} different tokens"
        )
        if args.vectors and vectors:
            run.say(f"{start_from_vectors(model, data.vocabulary, vectors)} words start from {args.vectors.name}")
        if isinstance(model, NaiveBayes):
            model.count(data.train.indices.to(device), data.train.offsets.to(device), data.train.y)
        else:
            learn(model, data, args, run)
        run.save_model(model, classes=data.texts.classes)
        tested = evaluate(lambda batch: score(model, batch), data.test, [model])
        if distributed.is_main():
            save_figures(run, model, data, args.max_length)
        run.finish(
            {f"test_{k}": v for k, v in tested.items()},
            verdict(args, data, tested["accuracy"]),
            look=("what_counted", "confusion", "attention"),
            then="python -m labs.nlp.predict",
        )
    return model, run


def learn(model: nn.Module, data: Data, args: HyperParams, run: Run) -> None:
    """The epochs; the weights of the epoch with the least validation loss stay."""
    device = data.train.y.device
    optimizer = make_optimizer("adam", model.parameters(), args.lr)
    net = for_step(model, compile=args.compile)

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


# What was measured with five seeds (README.md has more): 78.9 to 84.4 %; of three classes 54.7 to 65.6 %.
EXPECTED = (
    Expected("test_accuracy", 0.75, settings={"dataset": "reviews"}),
    Expected("test_accuracy", 0.50, settings={"dataset": "reviews3"}),
)


def verdict(args: HyperParams, data: Data, reached: float) -> str:
    """What was reached, beside what always naming the commonest class would, and what to expect."""
    hard = "" if args.model == "naive_bayes" else " (--model naive_bayes is hard to beat on few texts)"
    n = len(data.test.y)
    commonest = float(torch.bincount(data.test.y).max()) / n
    return (
        f"test accuracy {describe_share(reached, n)} on {n} texts{expectations.sentence(EXPECTED, args)}; "
        f"always the commonest class: {commonest:.2%}{hard}"
    )


def load_run(path: Path | None = None) -> runs.Loaded[HyperParams, nn.Module]:
    """A run's classifier, ready to predict, and its settings; the newest run's if none is named.

    `about["classes"]` has the classes' names, `load_vocabulary(path)` the run's vocabulary.
    """
    path = runs.newest(HyperParams.COMMAND) if path is None else Path(path)

    def build(args: HyperParams, classes: list[str]) -> nn.Module:
        return build_model(args, len(load_vocabulary(path)), len(classes))

    return runs.load(path, HyperParams, build, classes=list[str])


@torch.inference_mode()
def predict(model: nn.Module, vocabulary: Vocabulary, texts: list[str], max_length: int) -> Tensor:
    """Probabilities (N, K) of the classes for texts, on the CPU."""
    model.eval()
    device = next(iter(model.state_dict().values())).device
    found = []
    for start in range(0, len(texts), 256):
        X, lengths = pad(*vocabulary.encode(texts[start : start + 256], max_length=max_length))
        X = X if X.shape[1] else torch.zeros(len(X), 1, dtype=torch.int64)  # nothing but empty texts
        found.append(model(X.to(device), lengths.clamp(min=1)).softmax(dim=1).cpu())
    return torch.cat(found)


def save_figures(run: Run, model: nn.Module, data: Data, max_length: int) -> None:
    """The figures of a run; README.md says what to look for in each."""
    from common import plots  # here, so that --help need not wait for matplotlib
    from common.layers import layer_table, plot_layers

    classes, labels = data.texts.classes, data.texts.y_test
    probabilities = predict(model, data.vocabulary, data.texts.texts_test, max_length)
    predicted = probabilities.argmax(dim=1)
    if len(run.history) > 1:
        run.save_figure("curves", plots.plot_curves(run.history))
    if isinstance(model, (Bag, Transformer)):  # one layer after the other, as they are drawn; the others' branch
        X, lengths_of_batch, _ = data.test.batch(torch.arange(1))
        run.save_figure("architecture", plot_layers(layer_table(model, X, lengths_of_batch)))
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
        title = f"{classes[predicted[i]]} with {probabilities[i, predicted[i]]:.0%}"
        title += "" if right[i] else f", but labelled {classes[labels[i]]}"
        text = data.texts.texts_test[i]
        readings.append(reading.read(model, data.vocabulary, text, int(predicted[i]), max_length, title))
    run.save_figure("what_counted", reading.plot_readings(readings))
    if isinstance(model, Transformer):
        shown = (lengths > 5) & (lengths <= reading.MOST_SEEN)  # the surest right one that can be seen whole
        score = probabilities.amax(dim=1) * right if shown.any() else -lengths.float()
        i = int(torch.where(shown | ~shown.any(), score, -torch.inf).argmax())
        text = data.texts.texts_test[i]
        X = data.vocabulary.encode([text], max_length=max_length)[0][None].to(data.train.y.device)
        tokens = [word for word, _ in data.vocabulary.pieces(text, max_length)]
        run.save_figure("attention", reading.plot_attention(model.attention_weights(X)[0, 0], tokens))


def main() -> None:
    """The command `python -m labs.nlp.classify`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)


if __name__ == "__main__":
    main()
