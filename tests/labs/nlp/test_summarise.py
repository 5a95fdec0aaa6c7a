"""Summaries: where sentences end, the graph and the SVD against other ways to compute them, ROUGE by hand, a run."""

import csv
import json
from itertools import islice
from pathlib import Path

import networkx
import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from common.errors import InputError
from common.text.corpora import corpora_folder
from labs.nlp.sentences import content_words, split_sentences
from labs.nlp.summarise import explore, figures, summarise
from labs.nlp.summarise.extraction import (
    best,
    cosine_weights,
    count_matrix,
    overlap_weights,
    rank,
    sentence_lengths,
    sentence_per_dimension,
    walk,
)
from labs.nlp.summarise.references import Text, interval, load_references, measure, measure_random, oracle
from labs.nlp.summarise.rouge import longest_common_subsequence, rouge_l, rouge_n

WORDS = [["moon", "orbit", "earth"], ["moon", "orbit", "month"], ["earth", "sun", "day"], ["soup", "salt"]]


# --- Sentences ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. We stay in! Do we? Yes.", ["It rains.", "We stay in!", "Do we?", "Yes."]),
        ("Dr. Lind took twelve men. He won.", ["Dr. Lind took twelve men.", "He won."]),
        (
            "It costs 3.50 dollars. See Fig. 3 and No. 5. Good.",
            ["It costs 3.50 dollars.", "See Fig. 3 and No. 5.", "Good."],
        ),
        ("He said no. Then he left.", ["He said no.", "Then he left."]),
        ("J. S. Bach wrote it. So did I. Really.", ["J. S. Bach wrote it.", "So did I.", "Really."]),
        ("Some, e.g. Bach, wrote fugues. 88 keys.", ["Some, e.g. Bach, wrote fugues.", "88 keys."]),
        ("“Did you?” “It was so.” (True.) Yes…", ["“Did you?”", "“It was so.”", "(True.)", "Yes…"]),
        ("A line\nthat goes on. And\n\na new paragraph", ["A line that goes on.", "And", "a new paragraph"]),
        ("1. Salt the water. 2. Wait.", ["1. Salt the water.", "2. Wait."]),
        (" \n ", []),
    ],
)
def test_sentences(text, expected):
    assert split_sentences(text) == expected


def test_no_word_of_an_essay_is_lost():
    for text in load_references():
        joined = " ".join(text.sentences)
        assert joined in {" ".join(line.split()) for line in _essays()}
        assert 5 <= len(text.sentences) <= 7


def _essays():
    return [line for path in (corpora_folder() / "topics").glob("*.txt") for line in path.read_text().splitlines()]


# --- TextRank ---


def test_weights_by_hand():
    weights = overlap_weights(WORDS)
    assert weights[0, 1] == weights[1, 0] == pytest.approx(2 / (2 * np.log(3)))  # moon, orbit
    assert weights[0, 2] == pytest.approx(1 / (2 * np.log(3)))
    assert not weights[3].any()
    assert not weights.diagonal().any()
    assert overlap_weights([["salt"], ["salt"], []]).sum() == 0  # ln 1 + ln 1 = 0: no division


def test_cosines_by_hand():
    weights = cosine_weights([["a", "b"], ["a", "c"], ["d"]])
    # idf of a: ln 3/2, of b and c: ln 3; the rest of two vectors is apart
    a, b = np.log(1.5), np.log(3)
    assert weights[0, 1] == pytest.approx(a * a / (a * a + b * b))
    assert weights[0, 2] == weights[2, 1] == weights[1, 1] == 0


@pytest.mark.parametrize("damping", [0.0, 0.5, 0.85])
def test_ranks_as_networkx_has_them(damping):
    graph = np.random.default_rng(0).random((8, 8))
    graph = (graph + graph.T) * (graph + graph.T > 1)
    np.fill_diagonal(graph, 0)
    graph[5] = graph[:, 5] = 0  # a sentence that no other is like
    expected = networkx.pagerank(networkx.from_numpy_array(graph), alpha=damping, tol=1e-10)
    assert rank(graph, damping) == pytest.approx(np.array([expected[i] for i in range(8)]), abs=1e-7)


def test_ranks_by_hand():
    """A path a – b – c: b takes all of a and c, and gives half to each; r_b = (1 − d)/3 + d (1 − r_b)."""
    ranks = rank(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0.0]]), 0.85)
    assert ranks[1] == pytest.approx((0.05 + 0.85) / 1.85, abs=1e-6)
    assert ranks.sum() == pytest.approx(1)
    unequal = rank(np.array([[0, 2, 0], [2, 0, 1], [0, 1, 0.0]]))  # b is twice as much like a
    assert unequal == pytest.approx([0.05 + 0.85 * ranks[1] * 2 / 3, ranks[1], 0.05 + 0.85 * ranks[1] / 3], abs=1e-6)
    assert unequal == pytest.approx([0.326, 0.486, 0.188], abs=5e-4)  # as the sheet has them


def test_a_walk_by_hand():
    """The path again: from 1/3 each all but the middle's third go to the middle, and back."""
    path = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0.0]])
    middle = [float(ranks[1]) for ranks in islice(walk(path), 4)]
    assert middle == pytest.approx([0.333, 0.617, 0.376, 0.581], abs=5e-4)
    assert [float(ranks[1]) for ranks in islice(walk(path, 1.0), 3)] == pytest.approx([1 / 3, 2 / 3, 1 / 3])


@pytest.mark.parametrize("damping", [0.3, 0.85])
def test_a_walk_comes_nearer_by_the_damping_at_least(damping):
    graph = overlap_weights([content_words(sentence) for sentence in load_references()[0].sentences])
    end = rank(graph, damping, 1000, 0)
    apart = [float(np.abs(ranks - end).sum()) for ranks in islice(walk(graph, damping), 12)]
    assert all(after <= damping * before + 1e-12 for before, after in zip(apart, apart[1:], strict=False))


# --- LSA ---


def test_lengths_as_scikit_learn_has_them():
    counts = np.random.default_rng(0).integers(0, 3, (7, 20)).astype(float)
    theirs = TruncatedSVD(3, algorithm="arpack", random_state=0).fit_transform(counts)
    assert sentence_lengths(counts, 3) == pytest.approx(np.linalg.norm(theirs, axis=1))


def test_a_sentence_of_each_dimension():
    """Two themes that share no word: the stronger dimension names a sentence of the one, the next of the other."""
    words = [["moon", "orbit", "orbit", "earth"], ["salt"], ["moon", "orbit", "earth", "sun"], ["salt", "soup"]]
    first, second = sentence_per_dimension(count_matrix(words), 2)
    assert first in (0, 2)
    assert second == 3
    assert len(set(sentence_per_dimension(count_matrix(words), 4))) == 4


def test_the_best_are_in_the_order_of_the_text():
    assert best(np.array([0.1, 0.5, 0.2, 0.5]), 2) == [1, 3]
    assert best(np.array([0.3, 0.3, 0.3]), 2) == [0, 1]


def test_content_words():
    assert content_words("The dogs were running, and 3 dogs ran!") == ["dog", "run", "dog", "ran"]


# --- ROUGE ---


def test_rouge_by_hand():
    """Lin 2004: police killed the gunman; police kill the gunman; the gunman kill police."""
    reference = "police killed the gunman"
    assert rouge_n("police kill the gunman", reference, 1).f1 == pytest.approx(3 / 4)
    assert rouge_n("police kill the gunman", reference, 2) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert rouge_l("police kill the gunman", reference).f1 == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", reference).f1 == pytest.approx(2 / 4)
    assert rouge_n("The, the THE", "the cat", 1) == pytest.approx((1 / 3, 1 / 2, 2 / 5))
    assert rouge_n("the dog ran home", "the old dog ran away", 1) == pytest.approx((3 / 4, 3 / 5, 2 / 3))
    assert rouge_n("the dog ran home", "the old dog ran away", 2) == pytest.approx((1 / 3, 1 / 4, 2 / 7))
    assert rouge_l("the dog ran home", "the old dog ran away").f1 == pytest.approx(2 / 3)
    opposite = ("the dog chased the cat", "the cat chased the dog")
    assert (rouge_n(*opposite, 1).f1, rouge_n(*opposite, 2).f1, rouge_l(*opposite).f1) == (1, 0.75, 0.6)
    assert rouge_n("", reference, 1) == rouge_l("x", reference) == (0, 0, 0)


@pytest.mark.parametrize(("a", "b", "expected"), [("abcbdab", "bdcaba", 4), ("", "a", 0), ("aaa", "aa", 2)])
def test_longest_common_subsequence(a, b, expected):
    assert longest_common_subsequence(a, b) == longest_common_subsequence(b, a) == expected


def test_measures_of_a_text():
    text = Text("t", ["The cat sat.", "It rained.", "Dogs bark."], "the cat sat")
    assert measure(text, [0]) == {"rouge_1": 1, "rouge_2": 1, "rouge_l": 1}
    assert measure_random(text, 1)["rouge_1"] == pytest.approx(1 / 3)
    assert oracle(text, 1) == [0]
    low, high = interval(np.array([0.0, 1.0, 0.0, 1.0]), 0)
    assert low == 0.0
    assert high == 1.0


# --- Data ---


def test_the_references():
    texts = load_references()
    assert len(texts) == summarise.HyperParams().essays >= 20
    for text in texts:
        assert text.reference is not None
        assert 15 <= len(text.reference.split()) <= 35
        assert rouge_n(text.reference, " ".join(text.sentences), 4).precision < 0.3, text.name  # written, not copied


def test_a_reference_whose_essay_is_gone(tmp_path):
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "law.txt").write_text("One essay.\n\nOne more.")
    (tmp_path / "summaries").mkdir()
    (tmp_path / "summaries" / "summaries.csv").write_text("theme,begins,summary\nlaw,One,Short.\n")
    with pytest.raises(InputError, match="2 essays on law begin with 'One', not one"):
        load_references(tmp_path)


# --- A run ---


def test_a_run(tmp_path, capsys):
    means, run = summarise.train(essays=5, show=1, out=tmp_path / "run")
    said = capsys.readouterr().out
    assert said.count("→") == 2
    assert "reference: Saturn" in said
    assert list(means) == ["textrank", "lsa", "gong_liu", "lead", "random", "oracle"]
    assert all(means["oracle"]["rouge_1"] >= row["rouge_1"] for row in means.values())
    rows = list(csv.DictReader((run.path / "summaries.csv").read_text().splitlines()))
    assert [row["sentences"] for row in rows if row["method"] == "lead"] == ["1 2"] * 5
    assert len(list(csv.DictReader((run.path / "history.csv").read_text().splitlines()))) == 5
    metrics = json.loads((run.path / "summary.json").read_text())["metrics"]
    assert metrics["lead_rouge_1"] == pytest.approx(means["lead"]["rouge_1"])


def test_a_resumed_run_is_an_uninterrupted_one(tmp_path):
    whole, _ = summarise.train(essays=4, out=tmp_path / "whole", quiet=True)
    summarise.train(essays=2, out=tmp_path / "part", quiet=True)
    resumed, run = summarise.train(essays=4, resume=tmp_path / "part", quiet=True)
    assert resumed == whole
    assert (run.path / "summaries.csv").read_bytes() == (tmp_path / "whole" / "summaries.csv").read_bytes()


def test_a_text_file(tmp_path, capsys):
    Path("text.txt").write_text(
        "The Moon orbits the Earth. Its orbit takes a month. Soup is hot. \x1b[31mThe Moon is far."
    )
    means, run = summarise.train(text=Path("text.txt"), sentences=1, out=tmp_path / "run")
    said = capsys.readouterr().out
    assert means == {}
    assert "\x1b" not in said
    assert said.count("→") == 1
    rows = csv.DictReader((run.path / "summaries.csv").read_text().splitlines())
    assert {row["method"] for row in rows} == set(summarise.OWN)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"text": "none.txt"}, "no such file: none.txt"),
        ({"text": "short.txt"}, "has 1 sentences; --sentences 2 needs a text of more"),
        ({"text": "short.txt", "show": 1}, "--show has no effect on --text"),
        ({"text": "short.txt", "seed": 1}, "--seed has no effect on --text"),
        ({"sentences": 5}, "--sentences is 5; it must be less than 5, the shortest essay's sentences"),
        ({"essays": 999}, "--essays is 999; it must be at most"),
        ({"device": "cuda"}, "--device is cuda; it must be auto or cpu"),
    ],
)
def test_errors(settings, says):
    Path("short.txt").write_text("One sentence.")
    with pytest.raises(InputError, match=says):
        summarise.train(**settings)


def test_figures():
    sentences = [f"Sentence {i} costs $5 and $6." for i in range(40)]
    weights = np.linspace(0.1, 1, 40)
    graph = np.ones((40, 40)) - np.eye(40)
    chosen = {"textrank": [1], "lsa": [2, 3]}
    figure = figures.plot_weights(sentences, weights, weights, chosen)
    assert [len(axis.patches) for axis in figure.axes] == [30, 30]
    assert [sum(bool(bar.get_hatch()) for bar in axis.patches) for axis in figure.axes] == [1, 2]
    (axis,) = figures.plot_graph(sentences[:5], graph[:5, :5], weights[:5], [4]).axes
    assert len(axis.lines) == 10
    left, right = figures.plot_steps(graph[:5, :5], 0.85, 2).axes
    assert len(left.patches) == 10
    assert [len(line.get_xdata()) for line in right.lines] == [31, 31, 1]
    table = figures.plot_dimensions([["moon", "orbit"], ["moon", "moon"], ["salt"]], 2).axes[0]
    assert [text.get_text() for text in table.texts][-3:] == ["0.00", "1.00", "1.00"]  # salt: the second dimension
    assert len(table.patches) == 2
    marked = figures.plot_marked(sentences[:4], {"textrank": [1], "lead": [0, 1]}).axes[0]
    assert [text.get_text() for text in marked.texts if len(text.get_text()) == 1] == ["1", "T", "1"]
    means = {method: {"rouge_1": 0.3} for method in summarise.METHODS}
    bands = {method: {"rouge_1": (0.2, 0.4)} for method in summarise.METHODS}
    assert len(figures.plot_rouge(means, bands).axes[0].patches) == 6


# --- What the notebook draws ---

OWN = "The Moon orbits the Earth. Its orbit takes a month. Soup is hot. The Moon is far."


def test_a_text_is_explored():
    name = next(iter(explore.essays()))
    assert "   piec · follow · orbit · round · planet" in explore.draw_text(name, "").splitlines()
    assert explore.draw_graph(name, "", "overlap", 0.85)[1] == (
        "heaviest edge: 4 and 6 share moon, planet, ring: 3/(ln 5 + ln 9) = 0.788"
    )
    assert "1 and 4 share moon = " in explore.draw_graph(name, OWN, "cosine", 0.85)[1]
    assert "nobody can walk" in explore.draw_graph(name, "Soup. Salt. Bread.", "overlap", 0.85)[1]
    assert "sentence 6 is first, with 0.254; all 6 add up to 1.000" in explore.draw_steps(name, "", 0.85, 99)[1]
    assert explore.draw_methods(name, "", 2, 0.85, 3)[1] == "TextRank and LSA both take: none"
    for d in (0.0, 0.95, 1.0 + 2e-16):  # the ends of the notebook's sliders
        assert "add up to 1.000" in explore.draw_steps(name, "", d, 30)[1]
        assert explore.draw_graph(name, "", "overlap", min(d, 0.95))[1].startswith("heaviest edge")
    assert len(explore.draw_dimensions(name, "", 3).axes[0].get_xticklabels()) == 4


def test_a_choice_is_measured():
    name = next(iter(explore.essays()))
    figure, said = explore.draw_rouge(name, "", "", "3 and 1")
    assert "14 words shared; precision 14/53 = 0.264, recall 14/27 = 0.519, F1 = 2·14/(53 + 27) = 0.350" in said
    assert len(figure.axes[0].get_xticks()) == 7
    _, said = explore.draw_rouge(name, OWN, "Soup is hot", "3")
    assert "F1 = 2·3/(3 + 3) = 1.000" in said
    long = " ".join(f"Here is sentence {i}." for i in range(40))  # too many sets for an oracle
    assert len(explore.draw_rouge(name, long, "Here", "1 2 3")[0].axes[0].get_xticks()) == 5


@pytest.mark.parametrize(
    ("own", "numbers", "says"),
    [
        ("One. Two.", "1", "your text has 2 sentences; paste one of 3 to 60"),
        (OWN, "1", "your text has no summary to compare with"),
        ("", "none", "'none' names no choice; write some of the numbers 1 to 6"),
        ("", "0 1", "names no choice"),
        ("", "7", "names no choice"),
        ("", "1 2 3 4 5 6", "but not all"),
    ],
)
def test_what_cannot_be_explored(own, numbers, says):
    with pytest.raises(InputError, match=says):
        explore.draw_rouge(next(iter(explore.essays())), own, "", numbers)
