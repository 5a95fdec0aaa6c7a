"""Text classifiers: every model, what it looks at, and the commands."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from common import cli
from common.errors import InputError
from common.text.batches import pad
from common.text.corpora import load_texts
from labs.nlp import classify, predict, reading
from labs.nlp.attention import attention
from labs.nlp.classifiers import NaiveBayes
from labs.nlp.classify import HyperParams, build_model, train
from labs.nlp.tagging import tagging
from labs.nlp.text_loader import TextLoader
from labs.nlp.vocabulary import learn_vocabulary, load_vocabulary

MODELS = ["naive_bayes", "bag", "cnn", "lstm", "gru", "transformer"]
NETWORKS = MODELS[1:]
SMALL = {"width": 8, "limit": 64, "max_length": 20, "epochs": 1, "quiet": True, "dataset": "reviews"}


COUNTED = {name: value for name, value in SMALL.items() if name not in ("width", "epochs")}  # naive Bayes has none


def small(name, **kws):
    torch.manual_seed(0)
    width = {} if name == "naive_bayes" else {"width": 8}
    return build_model(HyperParams(model=name, max_length=12, **width, **kws), vocabulary=30, classes=3)


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_and_gradients(name):
    model = small(name)
    X, lengths = torch.randint(4, 30, (5, 9)), torch.full((5,), 9)
    logits = model(X, lengths)
    assert logits.shape == (5, 3)
    F.cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1])).backward()
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.any()


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_nothing(name):
    """A text alone has the same logits as in a batch with longer ones."""
    model = small(name).eval()
    if name == "naive_bayes":
        model.count(torch.randint(4, 30, (60,)), torch.arange(0, 61, 10), torch.tensor([0, 1, 2, 0, 1, 2]))
    short = torch.randint(4, 30, (1, 4))
    batch = torch.cat([F.pad(short, (0, 5)), torch.randint(4, 30, (2, 9))])
    together = model(batch, torch.tensor([4, 9, 9]))
    assert torch.allclose(model(short, torch.tensor([4]))[0], together[0], atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_a_batch(name):
    model = small(name, dropout=0.0)
    X = torch.randint(4, 30, (16, 9))
    X[:, 0] = torch.arange(16) % 3 + 4  # the first word decides
    y = torch.arange(16) % 3
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(300):
        loss = F.cross_entropy(model(X, torch.full((16,), 9)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.05:
            return
    pytest.fail(f"loss {loss:.3f} after 300 steps")


def test_naive_bayes_by_hand():
    """Classes with the words 4 4 5 and 5 6: p(4|0) = 3/6, …: vocabulary of 4 words besides padding, one added each."""
    model = NaiveBayes(vocabulary=5, classes=2)
    model.count(torch.tensor([1, 1, 2, 2, 3]), torch.tensor([0, 3, 5]), torch.tensor([0, 1]))
    # class 0: counts 1:2, 2:1, so (3, 2, 1, 1)/7; class 1: counts 2:1, 3:1, so (1, 2, 2, 1)/6
    expected = torch.tensor([[0.5 * 3 / 7 * 2 / 7, 0.5 * 1 / 6 * 2 / 6]]).log()
    assert torch.allclose(model(torch.tensor([[1, 2]]), torch.tensor([2])), expected)


def test_naive_bayes_is_scikit_learns():
    from sklearn.naive_bayes import MultinomialNB

    counts = torch.randint(0, 4, (12, 7))
    y = torch.arange(12) % 3
    indices = torch.cat([torch.arange(7).repeat_interleave(row) for row in counts]) + 1  # 0 is padding
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.sum(dim=1).cumsum(0)])
    ours = NaiveBayes(vocabulary=8, classes=3)
    ours.count(indices, offsets, y)
    theirs = MultinomialNB().fit(counts.numpy(), y.numpy())
    X, lengths = pad(indices, offsets)
    assert torch.allclose(
        ours(X, lengths).softmax(dim=1), torch.from_numpy(theirs.predict_proba(counts.numpy())).float(), atol=1e-5
    )


def test_attention_is_torchs():
    query, key, value = torch.randn(3, 2, 4, 6, 5)
    there = (torch.arange(6) < torch.tensor([[4], [6]]))[:, None, None]
    mixed, weights = attention(query, key, value, there)
    assert torch.allclose(mixed, F.scaled_dot_product_attention(query, key, value, attn_mask=there), atol=1e-6)
    assert torch.allclose(weights.sum(dim=3), torch.ones(2, 4, 6))
    assert (weights[0, :, :, 4:] == 0).all()


def test_attention_weights_are_those_of_the_network():
    model = small("transformer", layers=2).eval()
    X = torch.randint(4, 30, (2, 7))
    weights = model.attention_weights(X)
    assert weights.shape == (2, 2, 4, 7, 7)
    with torch.inference_mode():
        x, there = model.embed(X)
        query, key, value = model.blocks[0].split(x)
    assert torch.allclose(weights[0] @ value, F.scaled_dot_product_attention(query, key, value), atol=1e-6)


def test_a_text_without_a_word_has_no_nan():
    X, lengths = torch.tensor([[0, 0], [5, 6]]), torch.tensor([1, 2])
    model = small("transformer").eval()
    weights = model.attention_weights(X)
    assert weights.isfinite().all() and (weights[:, 0] == 0).all()
    assert weights[:, 1].sum(dim=-1) == pytest.approx(1)
    assert model(X, lengths).isfinite().all()


def loader(n=50, **kws):
    lengths = torch.arange(n) % 7 + 1
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    texts = torch.arange(n).repeat_interleave(lengths) + 4  # every token says which text it is of
    return TextLoader(texts, offsets, torch.arange(n), batch_size=8, **kws)


@pytest.mark.parametrize("shuffle", [False, True])
def test_every_text_comes_once_and_whole(shuffle):
    batches = loader(shuffle=shuffle)
    seen = []
    for X, lengths, y in batches:
        assert X.shape[1] == lengths.max()
        for row, length, text in zip(X, lengths, y, strict=True):
            assert length == text % 7 + 1
            assert (row[:length] == text + 4).all() and (row[length:] == 0).all()
        seen += y.tolist()
    assert sorted(seen) == list(range(50)) and len(list(batches)) == len(batches) == 7


def test_the_shuffle_belongs_to_the_epoch():
    def order(epoch):
        batches = loader(shuffle=True, seed=1)
        batches.set_epoch(epoch)
        return [y.tolist() for *_, y in batches]

    assert order(1) == order(1) != order(2)


def test_contributions_of_naive_bayes_are_its_log_odds():
    """Leaving a word out takes its own log p(word | class) away, up to what normalises the classes."""
    model = NaiveBayes(vocabulary=6, classes=2)
    model.count(torch.tensor([1, 1, 2, 2, 3, 3]), torch.tensor([0, 3, 6]), torch.tensor([0, 1]))
    X = torch.tensor([1, 3, 2])
    whole = model(X[None], None).log_softmax(dim=1)[0, 0]
    values = reading.contributions(model, X, 0)
    for i, value in enumerate(values):
        rest = torch.cat([X[:i], X[i + 1 :]])
        assert value == pytest.approx(float(whole - model(rest[None], None).log_softmax(dim=1)[0, 0]), abs=1e-6)
    assert values[0] > 0 > values[1]
    assert reading.contributions(model, X[:1], 0).tolist() == [0]


def test_indicative_words_are_the_classes_own():
    texts = ["good fine fine day"] * 6 + ["bad sad sad day"] * 6
    vocabulary = learn_vocabulary(texts, "word")
    indices, offsets = vocabulary.encode(texts)
    model = NaiveBayes(len(vocabulary), 2)
    model.count(indices, offsets, torch.arange(12) // 6)
    words = reading.indicative_words(model, vocabulary, torch.bincount(indices), per_class=2)
    assert [{word for word, _ in found} for found in words] == [{"fine", "good"}, {"sad", "bad"}]
    # "fine" stands 12 times in one class and never in the other, of 24 words each: (12 + 1) / (0 + 1)
    assert dict(words[0])["fine"] == pytest.approx(math.log(13), abs=1e-5)


@pytest.mark.parametrize("kind", ["word", "subword", "character"])
def test_a_piece_is_what_stands_in_the_text(kind):
    vocabulary = learn_vocabulary(["the fox saw the dog"] * 3, kind, 300, subwords="wordpiece")
    text = "the fox saw ω"
    pieces = vocabulary.pieces(text)
    assert len(pieces) == len(vocabulary.encode([text])[0])
    assert "".join(piece for piece, _ in pieces).replace(" ", "") == "thefoxsawω"
    assert len(vocabulary.pieces(text, 2)) == 2
    assert [known for _, known in pieces] == [True] * (len(pieces) - 1) + [False]


def test_a_word_that_the_vocabulary_lacks_is_shown_as_it_stands_there():
    vocabulary = learn_vocabulary(["good fine", "bad sad"], "word")
    model = NaiveBayes(len(vocabulary), 2)
    one = reading.read(model, vocabulary, "good zorking evening", 0, 2, "title")
    assert (one.words, one.known, len(one.values)) == (["good", "zorking"], [True, False], 2)
    texts = [text.get_text() for text in reading.plot_readings([one]).axes[0].texts]
    assert "[zorking]" in texts and "[not in the vocabulary]" in texts and "speaks for the class" in texts


def test_of_attention_the_most_decided_head_is_large():
    even, sharp = torch.full((30, 30), 1 / 30), torch.eye(30)
    figure = reading.plot_attention(torch.stack([even, sharp]), [f"w{i}" for i in range(30)])
    large, small = figure.axes[0], figure.axes[-2 if figure.axes[-1].get_label() == "<colorbar>" else -1]
    assert large.get_title().startswith("head 2 of 2") and len(large.get_xticklabels()) == reading.MOST_SEEN
    assert small.get_title() == "head 1"
    width, height = figure.get_size_inches() * 120  # pixels of the file
    assert max(width, height) < 1500


def test_naive_bayes_is_not_told_to_try_naive_bayes():
    data = SimpleNamespace(test=SimpleNamespace(y=torch.tensor([0, 1])))
    said = {name: classify.verdict(HyperParams(model=name), data, 0.5) for name in ("bag", "naive_bayes")}
    assert "hard to beat" in said["bag"] and "hard to beat" not in said["naive_bayes"]


@pytest.mark.parametrize("kind", ["word", "subword", "character"])
def test_a_vocabulary_comes_back(kind):
    texts = ["Ein Wort gibt das andere.", "Das andere Wort!"]
    vocabulary = learn_vocabulary(texts, kind, 300)
    vocabulary.save(Path())
    again = load_vocabulary(Path())
    assert len(again) == len(vocabulary)
    for ours, theirs in zip(again.encode(texts), vocabulary.encode(texts), strict=True):
        assert torch.equal(ours, theirs)
    if kind != "word":
        assert again.decode(again.encode(texts[:1])[0]) == texts[0]
    with pytest.raises(InputError, match="hold no"):
        learn_vocabulary(["", " "], "word")


def test_vectors_start_the_embedding():
    Path("vectors.txt").write_text("film 1 2 3 4 5 6 7 8\nzebra 8 7 6 5 4 3 2 1\n")
    model, run = train(**{**SMALL, "model": "bag", "vectors": Path("vectors.txt"), "lr": 1e-9, "data_dir": Path("d")})
    word = load_vocabulary(run.path).table["film"]
    assert torch.allclose(model.embedding.weight[word], torch.arange(1.0, 9), atol=1e-5)
    assert run.settings.width == 8


@pytest.mark.parametrize("name", ["naive_bayes", "bag", "transformer"])
def test_a_run_predicts_as_its_model(name):
    model, run = train(**COUNTED if name == "naive_bayes" else SMALL, model=name)
    texts = load_texts("reviews", Path("data")).texts_test[:5]
    loaded = classify.load_run(run.path)
    assert loaded.about["classes"] == ["negative", "positive"]
    vocabulary = load_vocabulary(loaded.path)
    ours = classify.predict(model, vocabulary, texts, 20)
    assert torch.equal(ours, classify.predict(loaded.model, vocabulary, texts, loaded.settings.max_length))
    assert torch.allclose(ours.sum(dim=1), torch.ones(5))
    assert set(run.metrics) == {"test_accuracy", "test_loss"}


def test_same_seed_same_numbers_and_resume():
    settings = {**SMALL, "model": "gru", "epochs": 2}
    first, run = train(**settings, out=Path("whole"))
    again, _ = train(**settings)
    assert all(map(torch.equal, first.state_dict().values(), again.state_dict().values()))
    train(**{**settings, "epochs": 1}, out=Path("half"))
    resumed, other = train(resume=Path("half"), epochs=2)
    assert all(map(torch.equal, first.state_dict().values(), resumed.state_dict().values()))
    assert [row["val_loss"] for row in other.history] == [row["val_loss"] for row in run.history]


def test_the_best_epoch_stays():
    settings = {**SMALL, "model": "bag", "epochs": 8, "lr": 0.5}
    data = classify.get_data(HyperParams(**settings), torch.device("cpu"))
    model, run = train(data, **settings)
    losses = [row["val_loss"] for row in run.history]
    assert min(losses) < losses[-1]  # so steep that it gets worse again
    kept = classify.evaluate(lambda batch: classify.score(model, batch), data.val, [model])
    assert kept["loss"] == pytest.approx(min(losses))


def test_the_newest_classifier_reads_and_no_tagger(capsys):
    _, run = train(**COUNTED, model="naive_bayes")
    train(**COUNTED, model="naive_bayes", seed=1)[1].path.joinpath("model.safetensors").unlink()
    tagging.train(epochs=1, width=8, limit=10, quiet=True)
    assert classify.load_run().path == run.path
    predict.read(text=("lovely",))
    assert "positive" in capsys.readouterr().out


def test_a_damaged_vocabulary_is_named():
    train(**COUNTED, model="naive_bayes", out=Path("run"))
    for content, part in [
        ("{", "it is no JSON"),
        ('{"kind": "letters", "table": []}', "kind: invalid enum"),
        ('{"kind": "word", "table": {}}', "none of a word vocabulary"),
        ('{"kind": "subword", "table": {}}', "is damaged"),
        ('{"kind": "word", "table": ["one"]}', "holds another model"),
    ]:
        Path("run/vocabulary.json").write_text(content)
        with pytest.raises(InputError, match=part):
            classify.load_run(Path("run"))
    Path("run/vocabulary.json").unlink()
    with pytest.raises(InputError, match="run holds no vocabulary"):
        classify.load_run(Path("run"))


def test_words_tell_praise_from_complaint():
    """What a student gets without a network: far from chance with the simplest model."""
    _, run = train(dataset="reviews", model="naive_bayes", quiet=True)
    assert run.metrics["test_accuracy"] > 0.75


@pytest.mark.slow
def test_what_is_expected_is_reached():
    for expected in classify.EXPECTED:
        assert expected.holds(train(quiet=True, **expected.settings)[1].metrics)


def test_the_commands(command):
    done = command("labs.nlp.classify", "--offline", "--epochs", "1", "--limit", "64", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "sing the embedded reviews" in done.stderr
    assert done.stdout.splitlines()[-1] == "run"
    assert json.loads(Path("run/summary.json").read_text())["dataset"] == "reviews"
    names = {path.name for path in Path("run/figures").iterdir()}
    assert names == {
        "architecture.png",
        "class_counts.png",
        "confusion.png",
        "indicative_words.png",
        "what_counted.png",
    }
    Path("lines.txt").write_text("I loved every minute.\n\nA dreadful waste of money.\n")
    done = command("labs.nlp.predict", "A lovely evening", "--file", "lines.txt", "--run", "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2] == "I loved every minute." and done.stdout.count("positive") == 3
    assert Path("run/figures/read-A-lovely-evening.png").is_file()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--dataset", "poems"], ["'poems'"]),
        (
            ["--width", "10", "--model", "transformer", "--dataset", "reviews"],
            ["--width is 10", "multiple of --heads 4"],
        ),
        (["--heads", "2"], ["--heads has no effect on --model bag"]),
        (["--layers", "2", "--model", "cnn"], ["--layers has no effect on --model cnn"]),
        (["--epochs", "3", "--model", "naive_bayes"], ["--epochs has no effect on --model naive_bayes"]),
        (["--vectors", "v.txt", "--model", "naive_bayes"], ["--vectors has no effect"]),
        (["--vectors", "v.txt", "--width", "64"], ["--width is 64", "must be 2, as in v.txt"]),
        (["--vectors", "v.txt", "--tokens", "subword"], ["left away with --tokens subword"]),
        (["--val-share", "0"], ["--val-share is 0.0", "greater than 0"]),
        (["--vocabulary", "4"], ["--vocabulary is 4", "at least 5"]),
        (["--dropout", "1"], ["--dropout is 1.0"]),
        (["--dataset", "folder:plain"], ["has no classes"]),
        (["--dataset", "csv:ten.csv"], ["8 samples: class law has 4", "at least 10; give it more", "--val-share"]),
        (["--dataset", "csv:five.csv"], ["5 samples: class sport has 2", "at least 5"]),
        (["--vectors", "nowhere.txt", "--dataset", "reviews"], ["nowhere.txt"]),
    ],
)
def test_bad_input_ends_in_one_line(words, parts, capsys):
    Path("v.txt").write_text("film 1 2\n")
    Path("ten.csv").write_text("text,label\n" + "a court,law\na goal,sport\n" * 5)
    Path("five.csv").write_text("text,label\n" + "a court,law\n" * 3 + "a goal,sport\n" * 2)
    Path("plain").mkdir()
    for i in range(4):
        Path(f"plain/{i}.txt").write_text("some words")
    with pytest.raises(SystemExit) as exit:
        cli.run(train, HyperParams, [*words, "--quiet", "--data-dir", "d"], "classify")
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["x"], "no run of labs.nlp.classify under runs/nlp"),
        (["x", "--run", "other"], "other/model.safetensors is a run of labs.vae; a run of labs.nlp.classify is needed"),
        (["x", "--run", "nowhere"], "nowhere holds no trained network"),
        ([" "], "no text to read"),
    ],
)
def test_predict_without_what_it_needs(words, part, capsys):
    from common import checkpoint

    checkpoint.save(Path("other/model.safetensors"), {"w": torch.zeros(1)}, {"lab": "vae", "command": "labs.vae"})
    with pytest.raises(SystemExit) as exit:
        cli.run(predict.read, predict.Request, words, "predict")
    assert exit.value.code == 2
    assert part in capsys.readouterr().err


def test_predict_with_nothing_to_read_from(monkeypatch, capsys):
    """A service may start it with its standard input closed: Python then has none."""
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SystemExit) as exit:
        cli.run(predict.read, predict.Request, [], "predict")
    sys.stdin.close()  # what the command has put in its place
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no text to read; give one in quotation marks, or a file with --file")
