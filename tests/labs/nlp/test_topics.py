"""Task № 1: cleaning, the matrix, the methods, the measures, and a whole run."""

import csv
import dataclasses
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.metrics import v_measure_score

from common.errors import InputError
from common.text.corpora import TextData, load_texts
from labs.nlp.topics import figures, topics, train
from labs.nlp.topics.coherence import agreement, coherence
from labs.nlp.topics.matching import classes_of_topics, diversity, match, shared_terms
from labs.nlp.topics.methods import Topics, gibbs_lda, lsa, measure, variational_lda, weigh
from labs.nlp.topics.panels import colours_of, word_cloud
from labs.nlp.topics.preparation import Cleaning, clean, count_terms

WORDS = {
    "garden": ["soil", "seed", "plant", "water", "bloom", "root", "leaf", "compost", "tomato", "spade"],
    "harbour": ["ship", "anchor", "sail", "tide", "captain", "deck", "mast", "harbour", "rope", "crew"],
    "kitchen": ["oven", "butter", "flour", "bake", "sugar", "recipe", "dough", "pan", "taste", "salt"],
}


def made_texts(per_class=14, length=25, seed=0):
    """Documents of one theme each, with a few words that all themes share."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(per_class):
        for label, own in enumerate(WORDS.values()):
            words = [*random.choice(own, size=length), *random.choice(["morning", "people", "weather"], size=5)]
            texts.append(" ".join(random.permutation(words)))
            labels.append(label)
    return TextData("made", tuple(WORDS), texts, torch.tensor(labels), [], torch.tensor([], dtype=torch.int64))


def data_of(*texts):
    empty = torch.tensor([], dtype=torch.int64)
    return TextData("few", (), list(texts), empty, [], empty)


# --- Corpus ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The <b>fox</b>&amp;the dog<br/>ran.", ["the", "fox", "the", "dog", "ran"]),
        ("I don't think it's John’s 2nd car", ["do", "think", "it", "john", "nd", "car"]),
        ("well-known, snake_case; 3 < 4 CAFÉ", ["well", "known", "snake", "case", "café"]),
    ],
)
def test_clean(text, expected):
    assert clean(text) == expected


def test_each_step_of_preparation_is_counted():
    data = data_of("The running foxes run", "Foxes and dogs and cats", "foxes: cats, cats!")
    corpus = count_terms(data, Cleaning(max_share=0.9, min_documents=1))
    # fox is in all three documents: more than 90 %
    assert corpus.terms == ["cat", "dog", "run"]
    np.testing.assert_array_equal(corpus.counts.toarray(), [[0, 0, 2], [1, 1, 0], [2, 0, 0]])
    assert [(words, tokens) for _, words, tokens in corpus.steps] == [(7, 12), (5, 9), (4, 9), (3, 6), (3, 6)]
    assert corpus.sparsity == pytest.approx(5 / 9)


def test_flags_of_preparation():
    data = data_of("the fox and the dog", "the foxes and the cat", "a dog, a cat, the fox")
    plain = {"no_stem": True, "stop_words": "none", "max_share": 1.0, "min_documents": 1}
    assert count_terms(data, Cleaning(**plain)).terms == ["and", "cat", "dog", "fox", "foxes", "the"]
    assert count_terms(data, Cleaning(**plain | {"stop_words": "english"})).terms == ["cat", "dog", "fox", "foxes"]
    assert count_terms(data, Cleaning(**plain | {"no_stem": False})).terms == ["and", "cat", "dog", "fox", "the"]
    assert count_terms(data, Cleaning(**plain | {"min_documents": 2})).terms == ["and", "cat", "dog", "fox", "the"]
    assert count_terms(data, Cleaning(**plain | {"max_share": 0.8})).terms == ["and", "cat", "dog", "fox", "foxes"]
    assert set(count_terms(data, Cleaning(**plain | {"vocabulary": 3})).terms) >= {"the", "fox"}


def test_stems_are_shown_as_their_commonest_word():
    texts = ("galaxies and a galaxy", "two galaxies, a dog", "the dogs", "dog, penalties")
    corpus = count_terms(data_of(*texts), Cleaning(min_documents=1))
    assert corpus.terms == ["dog", "galaxi", "penalti"]
    assert corpus.words == ["dog", "galaxies", "penalties"]


def test_lemmas_are_words_of_a_dictionary():
    data = data_of("mice ran in galaxies", "a mouse runs", "the galaxy was better")
    corpus = count_terms(data, Cleaning(min_documents=1, lemmas=True))
    assert corpus.terms == corpus.words == ["galaxy", "good", "mouse", "run"]
    np.testing.assert_array_equal(corpus.counts.toarray(), [[1, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]])


def test_stop_words_from_a_file():
    Path("stop.txt").write_text("Fox dog\n\ncat\n")
    data = data_of("the fox and the owl", "the owl and a cat", "the dog")
    kept = {"min_documents": 1, "max_share": 1.0, "no_stem": True}
    assert count_terms(data, Cleaning(**kept, stop_words="stop.txt")).terms == ["and", "owl", "the"]
    data = data_of("the fox and the owl", "the owl and a cow", "the cow")
    assert count_terms(data, Cleaning(**kept, stop_words="english+stop.txt")).terms == ["cow", "owl"]


def test_a_document_of_which_nothing_is_left_is_left_out():
    texts = ["soil and seed", "the and of", "seed, leaf, seed", "soil, leaf"]
    data = TextData("x", ("a", "b"), texts, torch.tensor([0, 1, 1, 0]), [], torch.tensor([]).long())
    corpus = count_terms(data, Cleaning())
    assert corpus.texts == ["soil and seed", "seed, leaf, seed", "soil, leaf"]
    assert corpus.y.tolist() == [0, 1, 0]


def test_limit_draws_documents_by_the_seed():
    corpora = [count_terms(made_texts(), Cleaning(), limit=20, seed=seed) for seed in (0, 0, 1)]
    assert [len(corpus.texts) for corpus in corpora] == [20, 20, 20]
    assert corpora[0].texts == corpora[1].texts != corpora[2].texts


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["the and of", "of the", "12 34"], "left 0 terms in 0 documents"),
        (["fox dog", "cat owl"], "--min-documents"),
    ],
)
def test_too_little_text(texts, said):
    with pytest.raises(InputError, match=said):
        count_terms(data_of(*texts), Cleaning())


def test_more_topics_than_can_be_told_apart():
    texts = ["fox dog cat", "fox dog cat", "dog cat owl"]
    with pytest.raises(InputError, match="--topics is 3.*at most 2"):
        train(data_of(*texts), max_share=1.0, topics=3, out=Path("never"))
    assert not Path("never").exists()


# --- Methods ---


COUNTS = csr_array(np.array([[2, 1, 0, 0], [1, 1, 0, 1], [0, 0, 3, 1], [0, 0, 1, 2]]))


def test_tf_and_tfidf_by_hand():
    tf = weigh(COUNTS, "tf").toarray()
    np.testing.assert_allclose(tf[0], np.array([2, 1, 0, 0]) / 5**0.5)
    idf = np.log(5 / (1 + np.array([2, 2, 2, 3]))) + 1
    row = np.array([1, 1, 0, 1]) * idf
    np.testing.assert_allclose(weigh(COUNTS, "tfidf").toarray()[1], row / np.linalg.norm(row))


def test_lsa_is_the_svd_with_each_heavier_side_positive():
    found = lsa(COUNTS, 2, "tf")
    matrix = weigh(COUNTS, "tf").toarray()
    U, s, Vt = np.linalg.svd(matrix)
    np.testing.assert_allclose(np.abs(found.topic_terms), np.abs(Vt[:2]), atol=1e-8)
    np.testing.assert_allclose(
        found.document_topics @ found.topic_terms, U[:, :2] * s[:2] @ Vt[:2], atol=1e-8
    )  # turning both leaves the product
    positive = np.where(found.topic_terms > 0, found.topic_terms, 0)
    assert (np.square(positive).sum(axis=1) >= 0.5).all()


def test_variational_lda_gives_distributions():
    found = variational_lda(COUNTS, 2, 0.1, 0.1)
    assert (found.topic_terms.shape, found.document_topics.shape) == ((2, 4), (4, 2))
    np.testing.assert_allclose(found.topic_terms.sum(axis=1), 1)
    np.testing.assert_allclose(found.document_topics.sum(axis=1), 1)


def test_top_terms_and_dominant_topics():
    found = Topics("x", np.array([[0.1, 0.7, 0.2], [0.5, -0.9, 0.0]]), np.array([[0.2, -0.8], [0.3, 0.1]]), 0.0)
    assert found.top(2) == [[1, 2], [0, 2]]
    assert found.heaviest(2) == [[1, 2], [1, 0]]
    assert found.dominant.tolist() == [1, 0]


# --- Measures ---


def test_coherence_by_hand():
    """Four documents: a in 3, b in 2, both in 2; c in 1, never with a; d in all."""
    counts = csr_array(np.array([[1, 2, 0, 1], [1, 1, 0, 1], [3, 0, 0, 1], [0, 0, 1, 1]]))
    npmi, umass = coherence([[0, 1], [0, 2], [3, 0]], counts)
    ab = np.log((2 / 4) / (3 / 4 * 2 / 4)) / -np.log(2 / 4)
    assert npmi.tolist() == pytest.approx([ab, -1, 0])  # with a term of every document: as by chance
    assert umass.tolist() == pytest.approx([np.log(3 / 3), np.log(1 / 3), np.log(4 / 4)])


def test_terms_of_every_document_are_as_coherent_as_can_be():
    counts = csr_array(np.ones((3, 2)))
    assert coherence([[0, 1]], counts)[0].tolist() == [1]


def test_coherence_is_a_mean_over_all_pairs():
    counts = csr_array(np.random.default_rng(0).integers(2, size=(40, 3)))
    whole, _ = coherence([[0, 1, 2]], counts)
    pairs, _ = coherence([[0, 1], [0, 2], [1, 2]], counts)
    assert whole[0] == pytest.approx(pairs.mean())


def test_agreement():
    y = np.array([0, 0, 0, 1, 1, 2])
    assert agreement(np.array([2, 2, 2, 0, 0, 1]), y) == pytest.approx({"nmi": 1, "purity": 1})
    groups = np.array([0, 0, 1, 1, 1, 1])
    expected = {"nmi": v_measure_score(y, groups), "purity": 4 / 6}
    assert agreement(groups, y) == pytest.approx(expected)


def test_topics_are_matched_one_to_one():
    shared = shared_terms([[1, 2, 3], [1, 2, 4], [7, 8, 9]], [[1, 2, 3], [4, 5, 6], [0, 1, 9]])
    assert shared.tolist() == [[3, 0, 1], [2, 1, 1], [0, 0, 1]]
    assert match(shared) == [(0, 0), (1, 1), (2, 2)]  # the second is nearer to the first, which is taken
    assert diversity([[1, 2, 3], [1, 2, 4]]) == 4 / 6


def test_topics_are_matched_with_classes():
    dominant, y = np.array([2, 2, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 0, 1])
    assert classes_of_topics(dominant, y, 3, 2) == [1, None, 0]
    corpus = count_terms(data_of("fox dog", "fox dog"), Cleaning(max_share=1.0))
    corpus = dataclasses.replace(corpus, y=y, classes=("a", "b"))
    own = np.eye(3)[dominant]
    colours = figures.topic_colours(Topics("x", np.ones((3, 2)), own, 0.0), corpus)
    assert (colours[2] == colours_of(3)[0]).all() and (colours[0] == colours_of(3)[1]).all()
    assert len({tuple(colour) for colour in colours}) == 3


def test_themes_that_share_no_word_are_found_by_lda():
    corpus = count_terms(made_texts(), Cleaning())
    found = gibbs_lda(corpus.counts, 3, 0.1, 0.1, sweeps=40)
    row = measure(found, corpus, top=5)
    assert row["nmi"] == row["purity"] == row["clusters_nmi"] == pytest.approx(1)
    assert row["coherence_npmi"] > 0.5


def test_the_suites_own_corpus_has_topics_that_are_its_themes():
    corpus = count_terms(load_texts("topics", Path("data")), Cleaning())
    themes = len(corpus.classes)
    row = measure(gibbs_lda(corpus.counts, themes, 0.1, 0.1, sweeps=150), corpus, top=10)
    assert row["purity"] > 0.4  # shuffled labels reach 0.24 at most, and an NMI of 0.08
    assert row["nmi"] > 0.25


# --- Figures ---


def test_words_of_a_cloud_do_not_touch_and_shrink_with_their_weights():
    from matplotlib.figure import Figure

    words = [f"word{'x' * (i % 7)}" for i in range(25)]
    weights = np.linspace(1, 0.1, 25) * np.where(np.arange(25) % 2, -1, 1)
    axis = Figure().subplots()
    placed = word_cloud(axis, words, weights)
    for i, (left, bottom, right, top) in enumerate(placed):
        for other in placed[:i]:
            assert right <= other[0] or other[2] <= left or top <= other[1] or other[3] <= bottom
    heights = [top - bottom for _, bottom, _, top in placed]
    assert heights[0] > 1.3 * heights[14]
    assert len(axis.patches) == 25
    red = [patch.get_facecolor() for patch in axis.patches[1::2]]
    assert len(set(red)) == 1
    assert red[0] != axis.patches[0].get_facecolor()


# --- Runs ---


@pytest.fixture
def run():
    """A function that finds the topics of a made corpus in a given directory."""

    def make(out, **settings):
        return train(made_texts(), **{"topics": 3, "sweeps": 12, "quiet": True, "out": Path(out), **settings})

    return make


def read(path):
    with Path(path).open(newline="") as rows:
        return list(csv.DictReader(rows))


def test_a_run_leaves_tables_and_metrics(run, capsys):
    found, made = run("one", sweep=True)
    assert capsys.readouterr().out.splitlines() == ["one"]
    assert list(found) == ["LSA", "LDA", "variational LDA"]
    summary = json.loads(Path("one/summary.json").read_text())
    assert summary["lab"] == "nlp"
    assert summary["epochs"] == 12
    assert summary["samples_per_second"] > 0
    names = ["coherence_npmi", "coherence_umass", "diversity", "nmi", "purity"]
    assert list(summary["metrics"]) == [*names, *(f"lsa_{name}" for name in names)]
    assert summary["metrics"]["nmi"] == pytest.approx(
        measure(found["LDA"], count_terms(made_texts(), made.settings), 10)["nmi"]
    )
    assert [row["method"] for row in read("one/comparison.csv")] == list(found)
    terms = read("one/topics.csv")
    assert len(terms) == 3 * 3 * 10
    of_lsa = [float(row["weight"]) for row in terms if (row["method"], row["topic"]) == ("LSA", "3")]
    assert of_lsa == pytest.approx(found["LSA"].topic_terms[2, found["LSA"].heaviest(10)[2]], abs=1e-5)
    documents, weights = read("one/documents.csv"), read("one/document_topics.csv")
    assert len(documents) == 42 and len(weights) == 3 * 42
    assert [row["class"] for row in documents[:3]] == list(WORDS)
    for row, theta in zip(documents, found["LDA"].document_topics, strict=True):
        assert [float(row[f"share_{k}"]) for k in (1, 2, 3)] == pytest.approx(theta, abs=1e-5)
        assert int(row["topic_lda"]) == theta.argmax() + 1
    assert float(weights[0]["topic_1"]) == pytest.approx(found["LSA"].document_topics[0, 0], abs=1e-5)
    quality = [float(row["npmi"]) for row in read("one/topic_coherence.csv") if row["method"] == "LDA"]
    assert np.mean(quality) == pytest.approx(summary["metrics"]["coherence_npmi"], abs=1e-5)
    assert sorted(row["lsa"] for row in read("one/matching.csv")) == ["1", "2", "3"]
    assert {row["topics"] for row in read("one/topic_counts.csv")} == {"5", "10", "20"}  # 50 are more than documents
    assert len(read("one/priors.csv")) == 9
    assert [row["epoch"] for row in read("one/history.csv")] == [str(n) for n in range(1, 13)]


def test_the_same_seed_gives_the_same_topics(run):
    (one, _), (same, _), (other, _) = run("a", seed=1), run("b", seed=1), run("c", seed=2)
    for method in one:
        np.testing.assert_array_equal(one[method].topic_terms, same[method].topic_terms)
    assert (one["LDA"].topic_terms != other["LDA"].topic_terms).any()


def test_a_run_made_longer_is_one_never_ended(run):
    whole, _ = run("whole", sweeps=9)
    run("parts", sweeps=4)
    found, _ = train(made_texts(), resume=Path("parts"), sweeps=9)
    np.testing.assert_array_equal(found["LDA"].topic_terms, whole["LDA"].topic_terms)
    np.testing.assert_array_equal(found["LDA"].document_topics, whole["LDA"].document_topics)
    assert len(read("parts/history.csv")) == 9


def test_a_run_cannot_be_shortened_or_given_another_corpus(run):
    run("done")
    with pytest.raises(InputError, match="--sweeps 5 is less"):
        train(made_texts(), resume=Path("done"), sweeps=5)
    with pytest.raises(InputError, match="another corpus"):
        train(made_texts(seed=1, length=20), resume=Path("done"))
    with pytest.raises(InputError, match="--alpha"):
        train(made_texts(), resume=Path("done"), alpha=0.5)


@pytest.mark.parametrize("cut", range(1, 6))
def test_ctrl_c_ends_after_any_sweep_and_can_be_continued(run, monkeypatch, cut):
    sweep = topics.GibbsLDA.sweep

    def interrupted(self):
        sweep(self)
        if self.sweeps == cut:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(topics.GibbsLDA, "sweep", interrupted)
    found, made = run("cut")
    assert made.exit_status == 130
    assert json.loads(Path("cut/summary.json").read_text())["interrupted"] is True
    assert len(read("cut/history.csv")) == cut
    assert list(found) == ["LSA", "LDA"]

    monkeypatch.setattr(topics.GibbsLDA, "sweep", sweep)
    found, made = train(made_texts(), resume=Path("cut"))
    whole, uninterrupted = run("whole")
    assert made.exit_status == 0
    np.testing.assert_array_equal(found["LDA"].topic_terms, whole["LDA"].topic_terms)
    assert [row["log_likelihood"] for row in made.history] == [row["log_likelihood"] for row in uninterrupted.history]


def test_ctrl_c_while_settings_are_tried_keeps_what_was_found(run, monkeypatch):
    tried = []

    def interrupted(counts, k, *args):
        tried.append(k)
        if len(tried) == 2:
            signal.raise_signal(signal.SIGINT)
        return gibbs_lda(counts, k, *args)

    monkeypatch.setattr(topics, "gibbs_lda", interrupted)
    found, made = run("cut", sweep=True)
    assert made.exit_status == 130 and list(found) == ["LSA", "LDA", "variational LDA"]
    assert len(tried) == 2
    assert {row["topics"] for row in read("cut/topic_counts.csv")} == {"5", "10"}
    assert json.loads(Path("cut/summary.json").read_text())["interrupted"] is True


def test_a_checkpoint_is_not_written_for_every_sweep(run, monkeypatch):
    """It would take longer than the sweep."""
    saved = []
    monkeypatch.setattr(topics.Chain, "save", lambda self, save=topics.Chain.save: saved.append(1) or save(self))
    run("one", sweeps=40)
    assert len(saved) < 10


@pytest.mark.slow
def test_what_is_expected_is_reached():
    for expected in topics.EXPECTED:
        assert expected.holds(train(quiet=True, **expected.settings)[1].metrics)


def test_unknown_settings_are_type_errors():
    with pytest.raises(TypeError, match="topcis"):
        train(topcis=3)
