"""The lab's commands, on a corpus written for the test."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labs.nlp import nlp
from labs.nlp.topics import topics

THEMES = {
    "garden": ["soil", "seed", "plant", "water", "bloom", "root", "leaf", "compost", "tomato", "spade"],
    "harbour": ["ship", "anchor", "sail", "tide", "captain", "deck", "mast", "rope", "crew", "pilot"],
    "kitchen": ["oven", "butter", "flour", "bake", "sugar", "recipe", "dough", "pan", "taste", "salt"],
}


@pytest.fixture
def corpus():
    """A CSV file of documents of three themes, as `--dataset` names it."""
    random = np.random.default_rng(0)
    with Path("texts.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["label", "text"])
        for _ in range(16):
            rows.writerows([label, " ".join(random.choice(words, 30))] for label, words in THEMES.items())
    return "csv:texts.csv"


def test_the_walk(here, corpus):
    done = here("labs.nlp", "--dataset", corpus, "--iterations", "20", "--offline")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for line in (
        "lexical frequency of 'fox': 0.1",
        "stemmed   ['quick', 'brown', 'fox', 'is', 'jump', 'over', 'lazi', 'dog']",
        "'this should be predicted as a legal document': financial 0.333333, legal 0.666667",
        "of the sentence alone: 1 × 10",
    ):
        assert line in done.stdout.splitlines()
    assert "TF-IDF of 1 document(s) is 0 everywhere" in done.stdout
    assert "of 32 documents (garden and harbour)" in done.stdout


def test_topics(command, corpus):
    words = ("labs.nlp.topics", "--dataset", corpus, "--topics", "3", "--sweeps", "15", "--out", "new", "--offline")
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "new"
    assert done.stdout.splitlines()[-3].startswith("coherence (NPMI)")
    assert json.loads(Path("new/summary.json").read_text())["device"] == "cpu"
    figures = {path.stem for path in Path("new/figures").glob("*.png")}
    drawn = {"terms_lsa", "terms_lda", "clouds_lsa", "clouds_lda", "map", "mixtures", "topics_by_class"}
    assert figures == drawn | {"documents", "coherence", "overlap", "log_likelihood", "comparison"}
    assert "look at new/figures/terms_lda.png, map.png, overlap.png" in done.stdout
    for path in Path("new/figures").glob("*.png"):
        with Image.open(path) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 5  # something is drawn


def test_the_walk_with_vectors_from_a_file(corpus, monkeypatch, capsys):
    Path("tiny.txt").write_text("king 4 1 0\nman 0.5 1 0\nwoman 0.5 0 1\nqueen 2.5 0 2\n")
    words = ["--dataset", corpus, "--iterations", "2", "--glove", "tiny.txt"]
    monkeypatch.setattr(sys, "argv", ["command", *words])
    nlp.main()
    out = capsys.readouterr().out
    assert "king − man + woman: queen 0.9091" in out
    assert "cosine to 'queen' 0.9090648, rank 1 of 1" in out
    assert "madrid" not in out  # the file lacks its words


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (nlp.main, ["--alpha", "0"], ["--alpha is 0"]),
        (nlp.main, ["--alpha", "1e308"], ["--alpha is 1e+308", "at most 1000000"]),
        (nlp.main, ["--beta", "1e38"], ["--beta is 1e+38", "at most 1000000"]),
        (topics.main, ["--alpha", "1e308"], ["--alpha is 1e+308", "at most 1000000"]),
        (topics.main, ["--beta", "1e38"], ["--beta is 1e+38", "at most 1000000"]),
        (nlp.main, ["--text", " "], ["--text", "no word"]),
        (nlp.main, ["--analogy", "king+man"], ["king+man", "king-man+woman"]),
        (nlp.main, ["--analogy", "unicorn-sail+tide"], ["'unicorn'"]),
        (nlp.main, ["--glove", "nowhere.txt"], ["nowhere.txt"]),
        (nlp.main, ["--max-vocab-size", "5"], ["--max-vocab-size has no effect", "--glove"]),
        (topics.main, ["--stop-words", "nowhere.txt"], ["'nowhere.txt' is neither english nor none nor a file"]),
        (topics.main, ["--lemmas", "--no-stem"], ["--lemmas and --no-stem"]),
        (topics.main, ["--topics", "1"], ["--topics is 1", "at least 2"]),
        (topics.main, ["--topics", "40"], ["--topics is 40", "48 documents", "30 terms", "at most 29"]),
        (topics.main, ["--min-documents", "49"], ["cleaning left 0 terms", "--min-documents"]),
        (topics.main, ["--device", "cuda"], ["--device is cuda", "cpu"]),
        (topics.main, ["--dataset", "folder:nowhere"], ["nowhere"]),
        (topics.main, ["--dataset", "csv:one.csv"], ["one document"]),
        (topics.main, ["--dataset", "csv:none.csv"], ["none.csv"]),
        (topics.main, ["--dataset", "csv:five.csv"], ["5 samples: class sport has 2", "at least 5"]),
    ],
)
def test_bad_input_is_one_line(main, words, said, corpus, monkeypatch, capsys):
    Path("one.csv").write_text("text\nthe only fox\n")
    Path("none.csv").write_text("text\n")
    Path("five.csv").write_text("text,label\n" + "a court,law\n" * 3 + "a goal,sport\n" * 2)
    words = words if "--dataset" in words else [*words, "--dataset", corpus]
    monkeypatch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for part in said:
        assert part in lines[0]
