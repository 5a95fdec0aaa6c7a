"""Every flag of every command of this lab does something."""

import dataclasses
import re
from pathlib import Path

import pytest
from flags import Case, check_all_listed, check_flag

from common import cli
from labs.nlp import classify, embeddings, generate, language_model, nlp, predict
from labs.nlp.answer import answer
from labs.nlp.cells import cells, gates, scaling
from labs.nlp.summarise import summarise
from labs.nlp.tagging import tag, tagging
from labs.nlp.topics import topics
from labs.nlp.translate import predict as translate_predict
from labs.nlp.translate import translate

COMPILED = "the same numbers, to rounding; test_tagging.py sees that the network is compiled"
VECTORS, TAGGED = Path("../vectors.txt"), "conll:../tagged.txt"
LEARNT = "refused with --vectors"
SKIP_GRAM = ("dataset", "limit", "epochs", "batch_size", "lr", "seed", "precision", "compile", "width", "window")
SKIP_GRAM += ("negatives", "min_count", "subsample")
CASES = [
    Case(
        cells.HyperParams,
        cells.train,
        {"epochs": 2, "steps": 3, "batch_size": 4, "width": 4, "longest": 8, "test_sequences": 9, "quiet": True},
        {
            "seed": 1,
            "epochs": 1,
            "steps": 2,
            "batch_size": 5,
            "lr": 0.1,
            "schedule": "constant",
            "width": 5,
            "longest": 9,
            "forget_bias": 0.0,
            "test_sequences": 10,
        },
    ),
    Case(
        scaling.Request,
        scaling.draw,
        {"dimensions": (2, 4), "words": 4},
        {"dimensions": (2, 8), "words": 5, "seed": 1, "out": Path("q.png")},
    ),
    Case(
        nlp.HyperParams,
        nlp.walk,
        {"limit": 16, "iterations": 3},
        {
            "text": "A fox and a dog",
            "dataset": "reviews",
            "limit": 20,
            "glove": VECTORS,
            "max_vocab_size": {"max_vocab_size": 3, "glove": VECTORS},
            "analogy": "and-in+to",
            "topics": 3,
            "iterations": 4,
            "alpha": 1.0,
            "beta": 1.0,
            "seed": 1,
        },
    ),
    Case(
        classify.HyperParams,
        classify.train,
        {"dataset": "reviews", "limit": 40, "epochs": 2, "max_length": 12, "width": 8, "quiet": True},
        {
            "dataset": "topics",
            "seed": 1,
            "epochs": 1,
            "batch_size": 8,
            "lr": 0.1,
            "precision": "bfloat16",
            "limit": 41,
            "model": "cnn",
            "tokens": "subword",
            "vocabulary": 50,
            "max_length": 6,
            "width": 4,
            "layers": {"layers": 2, "model": "gru"},
            "heads": {"heads": 2, "model": "transformer"},
            "dropout": 0.1,
            "vectors": VECTORS,
            "val_share": 0.3,
        },
        exempt={"compile": COMPILED},
    ),
    Case(
        tagging.HyperParams,
        tagging.train,
        {"limit": 20, "epochs": 2, "width": 8, "quiet": True},
        {
            "dataset": TAGGED,
            "seed": 1,
            "epochs": 1,
            "batch_size": 8,
            "lr": 0.1,
            "precision": "bfloat16",
            "limit": 21,
            "crf": True,
            "width": 4,
            "dropout": 0.1,
            "unknown": 0.5,
        },
        exempt={"compile": COMPILED},
    ),
    Case(
        language_model.HyperParams,
        language_model.train,
        {"dataset": "folder:../texts", "epochs": 2, "width": 8, "layers": 1, "context": 8, "vocabulary": 270}
        | {"length": 12, "batch_size": 8, "quiet": True},
        {
            "dataset": "folder:../other",
            "seed": 1,
            "epochs": 1,
            "batch_size": 4,
            "lr": 0.1,
            "precision": "bfloat16",
            "limit": 2,
            "model": "transformer",
            "tokens": {"tokens": "character", "vocabulary": 2000},
            "vocabulary": 265,
            "context": 4,
            "width": 4,
            "layers": 2,
            "heads": {"heads": 2, "model": "transformer"},
            "dropout": 0.5,
            "prompt": "A",
            "length": 3,
            "temperature": 0.01,
            "top_k": 1,
            "top_p": 0.1,
        },
        exempt={"compile": COMPILED},
    ),
    Case(
        embeddings.HyperParams,
        embeddings.train,
        {"dataset": "folder:../texts", "epochs": 2, "width": 4, "min_count": 1, "subsample": 0.01, "quiet": True},
        {
            "dataset": "folder:../other",
            "seed": 1,
            "epochs": 1,
            "batch_size": 8,
            "lr": 0.1,
            "precision": "bfloat16",
            "limit": 2,
            "width": 8,
            "window": 1,
            "negatives": 2,
            "min_count": 2,
            "subsample": 0.0,
            "words": {"words": "fox,dog", "quiet": False},
            "analogy": {"analogy": "fox-dog+the", "quiet": False},
        },
        exempt={"compile": COMPILED}
        | dict.fromkeys(("vectors", "glove", "max_words"), "vectors that are read: the case below"),
    ),
    Case(
        embeddings.HyperParams,
        embeddings.train,
        {"vectors": VECTORS},
        {"vectors": Path("../others.txt"), "max_words": 3, "words": "fox", "analogy": "fox-dog+the"},
        exempt={"glove": "test_embeddings.py: instead of --vectors"} | dict.fromkeys(SKIP_GRAM, LEARNT),
    ),
    Case(
        topics.HyperParams,
        topics.train,
        {"dataset": "folder:../texts", "topics": 2, "sweeps": 4, "min_documents": 1, "top": 3, "quiet": True},
        {
            "dataset": "folder:../other",
            "seed": 1,
            "limit": 4,
            "topics": 3,
            "sweeps": 5,
            "alpha": 1.0,
            "beta": 1.0,
            "weighting": "tf",
            "stop_words": {"stop_words": "english+../stop.txt"},
            "no_stem": True,
            "lemmas": True,
            "min_documents": 2,
            "max_share": 0.4,
            "vocabulary": 6,
            "top": 2,
            "sweep": True,
        },
    ),
    Case(
        summarise.HyperParams,
        summarise.train,
        {"essays": 3},
        {
            "text": {"text": Path("../long.txt"), "essays": 28},
            "seed": {"seed": 1, "essays": 8},
            "essays": 4,
            "sentences": 1,
            "method": "lead",
            "similarity": "cosine",
            "damping": 0.1,
            "dimensions": 1,
            "show": 0,
        },
    ),
    Case(
        answer.HyperParams,
        answer.train,
        {"documents": "folder:../notes", "questions": Path("../questions.csv"), "dimensions": 2, "method": "both"}
        | {"ask": ("Who runs home?",)},
        {
            "ask": ("Who milks cows?",),
            "documents": "folder:../texts",
            "questions": Path("../more_questions.csv"),
            "limit": 1,
            "passage_words": 5,
            "method": "bm25",
            "k1": 0.0,
            "b": 0.0,
            "dimensions": 1,
            "vectors": {"vectors": VECTORS, "dimensions": 100},
            "precision": {"precision": 0.0, "method": "bm25"},
            "threshold": 0.99,
            "seed": {
                "seed": 1,
                "dimensions": 3,
                "documents": "suite",
                "questions": None,
                "limit": 8,
                "method": "vectors",
            },
        },
        exempt={"chat": "test_answer.py: it waits for what is typed"},
    ),
    Case(
        translate.HyperParams,
        translate.train,
        {"pairs": 40, "epochs": 2, "width": 8, "batch_size": 16, "max_length": 64, "quiet": True},
        {
            "dataset": {"dataset": "tsv:../pairs.tsv", "pairs": 30_000, "limit": 30, "tokens": "character"},
            "pairs": 41,
            "seed": 1,
            "epochs": 1,
            "batch_size": 8,
            "lr": 0.1,
            "precision": "bfloat16",
            "limit": 30,
            "model": "transformer",
            "attention": "dot",
            "tokens": "word",
            "vocabulary": {"vocabulary": 30, "tokens": "word"},
            "max_length": 20,
            "width": 4,
            "layers": {"layers": 1, "model": "transformer"},
            "heads": {"heads": 2, "model": "transformer"},
            "dropout": 0.5,
            "beam": 2,
            "length_penalty": {"length_penalty": 50.0, "beam": 4, "epochs": 20, "lr": 0.01},
        },
        exempt={"compile": "the same numbers, to rounding; test_translate.py sees that the network is compiled"},
    ),
]
PAIRS = [(case, flag) for case in CASES for flag in case.changes]


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch):
    monkeypatch.setattr(translate, "HELD_OUT", {"val": 8, "test": 12})


@pytest.fixture(autouse=True)
def files():
    words = ("the", "fox", "dog", "of", "film", "and")
    rows = {word: [(i * j) % 7 for j in range(1, 9)] for i, word in enumerate(words, 1)}
    Path("vectors.txt").write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in rows.items()))
    Path("others.txt").write_text("".join(f"{word} {' '.join(map(str, row[::-1]))}\n" for word, row in rows.items()))
    Path("stop.txt").write_text("Fox said\n")
    Path("tagged.txt").write_text("the DT\nfox NN\n\na DT\ndog NN\nruns VB\n\n" * 8)
    texts = ["The fox and the dog run", "A dog of the fox runs home", "The farmer milks cows at home"]
    texts += ["Cows run and farmers run", "The dog and a farmer", "Foxes of the farm"]
    for folder, chosen in (("texts", texts), ("other", texts[1:] + ["Nothing but a fox"])):
        Path(folder).mkdir()
        for i, text in enumerate(chosen):
            Path(f"{folder}/{i}.txt").write_text(f"{text} number {i}. {text}, it is said.")

    pairs = [f"the {i} fox of {i % 7}\tder {i}. Fuchs von {i % 7}\n" for i in range(40)]
    Path("pairs.tsv").write_text("".join(pairs))
    Path("long.txt").write_text("The fox runs. The dog runs home. Cows are milked. A farmer milks cows at home.")
    asked = "part,document,section,question,answers\ntune,2.txt,,Who milks cows?,The farmer\n"
    asked += "held_out,1.txt,,Who runs home?,A dog\ntune,,,Where is the moon?,\nheld_out,,,Which fox is a star?,\n"
    Path("questions.csv").write_text(asked)
    Path("notes").mkdir()
    for i, text in enumerate(texts):
        Path(f"notes/{i}.txt").write_text(f"{text}.\n\nOne more line.\n\nAnd {text}, it is said.")
    Path("more_questions.csv").write_text(asked + "tune,3.txt,,Who run beside cows?,farmers\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_flag_is_listed(case):
    check_all_listed(case)


@pytest.mark.parametrize("kind", dict.fromkeys(case.kind for case in CASES), ids=lambda kind: kind.__module__)
def test_every_flag_has_a_help_text(kind, capsys):
    """It is the comment in the field's line: one that the formatter has moved to another line is lost."""
    with pytest.raises(SystemExit):
        cli.parse(kind, ["--help"], "command")
    assert not re.findall(r"--[\w-]+(?: [A-Z]+| \{\S+\})?\s+\(default", capsys.readouterr().out)


@pytest.mark.parametrize(("case", "flag"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_a_flag_changes_the_outcome(case, flag):
    check_flag(case, flag)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_not_changed_has_the_same_outcome(case):
    """Or the test above would see a change where there is none."""
    with pytest.raises(AssertionError, match="changes nothing"):
        check_flag(dataclasses.replace(case, changes={"seed": 0}), "seed")


def test_the_flags_of_predict(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("common.plots.write_figure", lambda path, figure: Path(path).write_text("a figure") and path)
    for seed in (0, 1):
        classify.train(
            dataset="reviews", model="naive_bayes", limit=64, seed=seed, out=tmp_path / str(seed), quiet=True
        )
    Path("lines.txt").write_text("a dreadful mess\n")
    capsys.readouterr()

    def said(**kws):
        base = {"text": ("a lovely evening",), "run": tmp_path / "0", "out": Path("p.png")}
        predict.read(**vars(predict.Request(**{**base, **kws})))
        return capsys.readouterr().out

    base = said()
    assert Path("p.png").is_file()
    for other in ({"text": ("a mess",)}, {"file": Path("lines.txt")}, {"run": tmp_path / "1"}, {"out": Path("q.png")}):
        assert said(**other) != base, other
    assert Path("q.png").is_file()


def test_the_flags_of_tag(tmp_path, capsys):
    Path("ner.txt").write_text("Anna B-PER\nsings O\n\nRome B-LOC\nsleeps O\n\n" * 8)
    for seed in (0, 1):
        tiny = {"dataset": "conll:ner.txt", "epochs": 1, "width": 8, "seed": seed, "quiet": True}
        tagging.train(**tiny, out=tmp_path / str(seed))
    Path("lines.txt").write_text("Rome sleeps\n")
    capsys.readouterr()

    def said(**kws):
        base = {"text": ("Anna sings in Rome",), "run": tmp_path / "0", "out": Path("p.png")}
        tag.read(**vars(tag.Request(**{**base, **kws})))
        return capsys.readouterr().out

    base = said()
    assert said() == base and Path("p.png").is_file()
    for other in ({"text": ("Anna",)}, {"file": Path("lines.txt")}, {"run": tmp_path / "1"}, {"out": Path("q.png")}):
        assert said(**other) != base, other
    assert Path("q.png").is_file()


def test_the_flags_of_translate_predict(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("common.plots.write_figure", lambda path, figure: Path(path).write_text("a figure") and path)
    for seed in (0, 1):
        translate.train(pairs=40, epochs=1, width=8, seed=seed, quiet=True, out=tmp_path / str(seed))
    Path("lines.txt").write_text("8. May 1994\n")
    capsys.readouterr()

    def said(**kws):
        base = {"text": ("3 May 1994",), "run": tmp_path / "0", "out": Path("p.png")}
        translate_predict.read(**vars(translate_predict.Request(**{**base, **kws})))
        return capsys.readouterr().out

    base, wide = said(), said(beam=3)
    assert said() == base != wide and Path("p.png").is_file()
    for other in ({"text": ("May",)}, {"file": Path("lines.txt")}, {"run": tmp_path / "1"}, {"out": Path("q.png")}):
        assert said(**other) != base, other
    assert Path("q.png").is_file()
    assert said(beam=3, length_penalty=50.0) != wide


def test_the_flags_of_gates(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("common.plots.write_figure", lambda path, figure: Path(path).write_text("a figure") and path)
    drawn = []
    monkeypatch.setattr("labs.nlp.cells.figures.plot_gates", lambda seen, words: drawn.append((seen, words)))
    tiny = {"dataset": "reviews", "limit": 40, "epochs": 1, "width": 4, "quiet": True}
    for seed in (0, 1):
        classify.train(**tiny, model="gru", seed=seed, out=tmp_path / str(seed))

    def seen(**kws):
        gates.draw(**{"run": tmp_path / "0", "out": Path("p.png"), **kws})
        values, words = drawn[-1]
        return words, values["z"].tolist()

    base = seen()
    assert seen() == base and Path("p.png").is_file()
    for other in ({"text": ("a lovely evening",)}, {"run": tmp_path / "1"}, {"words": 3}):
        assert seen(**other) != base, other
    seen(out=Path("q.png"))
    assert Path("q.png").is_file()


def test_the_flags_of_generate(tmp_path, capsys):
    tiny = {"dataset": "folder:texts", "epochs": 1, "width": 8, "layers": 1, "context": 8, "vocabulary": 270}
    for seed in (0, 1):
        language_model.train(**tiny, length=1, seed=seed, out=tmp_path / str(seed), quiet=True)
    capsys.readouterr()

    def said(**kws):
        generate.generate(**{"run": tmp_path / "0", "length": 12, **kws})
        return capsys.readouterr().out

    base = said()
    assert said() == base
    others = [{"run": tmp_path / "1"}, {"prompt": "A"}, {"length": 13}, {"samples": 2}, {"temperature": 2.0}]
    for other in [*others, {"top_k": 1}, {"top_p": 0.1}, {"seed": 1}]:
        assert said(**other) != base, other
