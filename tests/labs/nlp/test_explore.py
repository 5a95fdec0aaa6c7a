"""The notebook's figures: the numbers they show, worked by hand or found by another way."""

import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.sparse import csr_array

from common.errors import InputError
from labs.nlp import classify, explore, explore_networks, language_model
from labs.nlp.labels import place_labels
from labs.nlp.topics import explore as explore_topics
from labs.nlp.topics.methods import Topics
from labs.nlp.topics.preparation import Corpus
from labs.nlp.word_map import BLUE, GREY, RED, plot_map
from labs.nlp.word_vectors import Embeddings
from labs.nlp.words import TEXT


def bars(figure):
    """Names and lengths of the bars of a figure's first panel."""
    axis = figure.axes[0]
    return {tick.get_text(): bar.get_width() for tick, bar in zip(axis.get_yticklabels(), axis.patches, strict=False)}


# --- Words ---


def test_the_courses_sentence_in_its_stages():
    figure, text = explore.draw_words(TEXT, "stemmed")
    assert bars(figure) == dict.fromkeys(["quick", "brown", "fox", "is", "jump", "over", "lazi", "dog"], 1)
    assert "as written: 10 tokens, 10 different" in text
    assert "stemmed: 8 tokens, 8 different\n  quick brown fox is jump over lazi dog" in text


def test_stages_merge_words():
    text = "Dogs! The dog's dogs and a dog"
    assert bars(explore.draw_words(text, "as written")[0])["dogs"] == 1
    assert bars(explore.draw_words("Dogs, the dogs and a dog", "prepared")[0]) == {"dogs": 2, "and": 1, "dog": 1}
    assert bars(explore.draw_words("Dogs, the dogs and a dog", "stemmed", most=1)[0]) == {"dog": 3}


# --- Vectors ---


@pytest.fixture
def royals():
    """king − man + woman is queen exactly; prince is near."""
    words = ["man", "woman", "king", "queen", "prince", "apple"]
    vectors = [[1, 0, 0], [0, 1, 0], [1, 0, 2], [0, 1, 2], [1.0, 0.5, 2], [0, 0, -1]]
    return Embeddings(words, torch.tensor(vectors, dtype=torch.float32))


def test_the_analogy_box(royals):
    figure, text = explore.draw_nearest(royals, "king - man + woman")
    assert text.startswith("nearest, the question's own words left out: queen (cosine 1.0000")
    assert bars(figure)["queen"] == pytest.approx(1)
    assert bars(figure)["king"] == pytest.approx(4 / 5)  # (0, 1, 2) · (1, 0, 2) / 5
    figure, text = explore.draw_nearest(royals, "king")
    assert "prince" in text
    assert bars(figure)["king"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "empty"),
        ("emperor", "'emperor' is none"),
        ("king-man+emperor", "'emperor' is none"),
        ("king+man", "king-man"),
    ],
)
def test_questions_without_an_answer(royals, question, said):
    with pytest.raises(InputError, match=said):
        explore.draw_nearest(royals, question)


def test_vectors_come_from_glove_where_it_is_and_from_pythons_documentation_where_not(tmp_path, monkeypatch):
    monkeypatch.setenv("LABS_DATA", str(tmp_path))
    vectors, said, example = explore.find_vectors()
    assert said.startswith(f"No file glove*.txt in {tmp_path / 'glove'}")
    assert {"functions", "function", "method"} <= set(vectors.words)
    assert "functions" in example
    (tmp_path / "glove").mkdir()
    (tmp_path / "glove" / "glove.6B.50d.txt").write_text("king 1 0\nqueen 0 1\nman 1 1\n")
    vectors, said, example = explore.find_vectors(max_vocab_size=2)
    assert vectors.words == ["king", "queen"]
    assert "glove.6B.50d.txt: the first 2 words, 2 numbers each" in said
    assert example == "king-man+woman"


# --- Naive Bayes ---


def test_the_factors_of_the_courses_example():
    examples = "financial: this is financial doc\n\nlegal: this is legal doc\n"
    rows = explore.explain_naive_bayes(examples, "this should be predicted as a legal document").splitlines()
    said = {row.split()[0]: row.split()[1:] for row in rows}
    assert said["financial"] == ["legal"]  # the classes
    assert said["P(class)"] == ["0.5000", "0.5000"]
    assert said["this"] == ["0.2222", "0.2222"]  # 2/9
    assert said["legal"] == ["0.1111", "0.2222"]
    assert said["posterior"] == ["0.3333", "0.6667"]
    assert rows[-1].endswith("should be predicted as a document")


@pytest.mark.parametrize("examples", ["", "no class here", "legal:", ": text"])
def test_examples_need_a_class_and_a_text(examples):
    with pytest.raises(InputError, match="class: text"):
        explore.explain_naive_bayes(examples, "text")


# --- Matrix, LSA ---


def test_the_matrix_by_hand():
    counts, terms = explore.weigh("A boat sails\nThe boats, boats!", "counts")
    assert terms == ["boat", "sail"]
    assert counts.tolist() == [[1, 1], [2, 0]]
    weights, _ = explore.weigh("A boat sails\nThe boats, boats!", "TF-IDF")
    assert weights == pytest.approx(np.array([[0, np.log(2) / 2], [0, 0]]))
    smooth, _ = explore.weigh("A boat sails\nThe boats, boats!", "smooth TF-IDF")
    assert smooth == pytest.approx(np.array([[0.5, (np.log(3 / 2) + 1) / 2], [1, 0]]))
    assert explore.draw_matrix("A boat sails\nThe boats, boats!", "counts")[1] == "2 × 2, 25.0% zeros"


def test_one_document_is_the_courses_mistake():
    with pytest.raises(InputError, match="ln 1 = 0"):
        explore.draw_matrix(TEXT, "TF-IDF")
    with pytest.raises(InputError, match="two documents"):
        explore.draw_lsa(TEXT, "counts")
    with pytest.raises(InputError, match="no word"):
        explore.draw_matrix("?!\n12", "counts")


def test_lsa_brings_documents_together():
    # Two blocks: XXᵀ is (2 1; 1 2) with eigenvalues 3 and 1, and (2 2; 2 3) with (5 ± √17) / 2. The two largest are one
    # of each block, so that all documents of a block come to lie on one line.
    figure, text = explore.draw_lsa("ship sail\nboat sail\nstar planet\nstar planet moon", "counts")
    assert text == "brought together most: documents 1 and 2, cosine 0.50 in the matrix, 1.00 in two dimensions"
    singular = [bar.get_height() for bar in figure.axes[1].patches]
    root = np.sqrt(17)
    assert singular == pytest.approx(np.sqrt([(5 + root) / 2, 3, 1, (5 - root) / 2]))
    assert "documents 1 and 2, cosine 0.00" in explore.draw_lsa("ship\nstar", "counts")[1]  # never one with itself


# --- Topics ---

TERMS = ["court", "goal", "judg", "law", "match", "player"]
WORDS = ["court", "goal", "judge", "law", "match", "player"]
PHI = np.array([[0.4, 0.0, 0.3, 0.3, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0, 0.2, 0.3]])


@pytest.fixture
def found():
    texts = ["The court heard the law", "A judge in court", "The players scored a goal"]
    theta = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]])
    corpus = Corpus(texts, csr_array(np.eye(3, 6, dtype=int)), TERMS, WORDS, np.array([0, 0, 1]), ("law", "sport"), [])
    lsa = Topics("LSA", np.array([[0.5, -0.6, 0.4, 0.3, -0.2, -0.1], [1, 0, 0, 0, 0, 0.0]]), theta, 0.0)
    return explore_topics.Found(corpus, {"LDA": Topics("LDA", PHI, theta, 0.0), "LSA": lsa}, [], 0.1)


def test_a_topic_with_its_documents(found):
    figure, text = explore_topics.draw_topic(found, "LDA", 1, documents=2)
    assert list(bars(figure))[:3] == ["court", "judge", "law"]
    lines = text.splitlines()
    assert lines[0].startswith("(law 89%)")  # (0.9 + 0.7) / 1.8
    assert lines[1] == "0.90 law: The court heard the law …"
    assert lines[2].startswith("0.70 law: A judge")
    assert len(lines) == 3


def test_terms_against_a_topic_are_marked(found):
    lines = explore_topics.describe_topics(found, terms=3).splitlines()
    assert lines[0] == "LDA" and lines[3] == "LSA"
    assert lines[1].endswith("court judge law")
    assert lines[4].endswith("−goal court judge")


def test_the_topics_of_a_new_text_by_hand(found):
    # Words that one topic alone has: θ = (α + tokens) / (N + Kα).
    theta, p = explore_topics.infer(PHI, [0, 3, 1], alpha=0.1)
    assert theta == pytest.approx([2.1 / 3.2, 1.1 / 3.2])
    assert p.argmax(axis=1).tolist() == [0, 0, 1]
    _, text = explore_topics.draw_mixture(found, "The courts, the laws: and a player? Nobody knows.")
    assert text.endswith("courts → 1 (1.00), laws → 1 (1.00), player → 2 (1.00)")


def test_an_ambiguous_word_follows_its_company():
    phi = np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    p = [explore_topics.infer(phi, [word, word, 2], alpha=0.1)[1][2] for word in (0, 1)]
    assert p[0][0] > 0.9 and p[1][1] > 0.9
    assert explore_topics.infer(phi, [2], alpha=1.0)[0] == pytest.approx([0.5, 0.5])


def test_relevance_by_hand():
    phi, shares = np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]), np.array([0.4, 0.1, 0.5])
    most_probable = explore_topics.relevance(phi, shares, 1.0)
    most_telling = explore_topics.relevance(phi, shares, 0.0)
    assert most_probable[0] == pytest.approx(np.log([0.6, 0.3, 0.1]))
    assert most_telling[0] == pytest.approx(np.log([1.5, 3, 0.2]))
    assert explore_topics.relevance(phi, shares, 0.5) == pytest.approx((most_probable + most_telling) / 2)


def test_topics_that_differ_lie_apart(found):
    phi = np.array([[0.7, 0.1, 0.1, 0.1], [0.68, 0.12, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])
    own = Topics("LDA", phi, np.full((3, 3), 1 / 3), 0.0)
    places = explore_topics.place_topics(dataclasses.replace(found, methods={"LDA": own}))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert apart[0, 1] < 0.2 * apart[0, 2]
    p, q = phi[0], phi[2]  # three points lie on a plane exactly: distances are the roots of the divergences
    divergence = (p * np.log(p / (p + q) * 2)).sum() / 2 + (q * np.log(q / (p + q) * 2)).sum() / 2
    assert apart[0, 2] == pytest.approx(divergence**0.5)


def test_the_most_relevant_terms_of_a_topic(found):
    smooth = (PHI + 0.01) / (PHI + 0.01).sum(axis=1, keepdims=True)
    counts = csr_array(np.array([[2, 0, 1, 1, 0, 0], [1, 0, 1, 0, 0, 0], [0, 2, 0, 0, 1, 1]]))
    corpus = dataclasses.replace(found.corpus, counts=counts)
    own = Topics("LDA", smooth, found.methods["LDA"].document_topics, 0.0)
    figure = explore_topics.draw_relevance(explore_topics.Found(corpus, {"LDA": own}, [], 0.1), 2, 1.0, terms=2)
    names = [tick.get_text() for tick in figure.axes[1].get_yticklabels()]
    assert names == ["goal", "player"]
    assert figure.axes[1].patches[0].get_width() == 2  # the goal occurs twice


def test_labels_do_not_overlap():
    figure = Figure(figsize=(4, 4))
    axis = figure.subplots()
    axis.set(xlim=(0, 1), ylim=(0, 1))
    written = place_labels(axis, np.full((12, 2), 0.5), [f"name {i}" for i in range(12)])
    assert 2 <= len(written) < 12 and written[0] == "name 0"  # no room for all of them around one point
    boxes = [text.get_window_extent() for text in axis.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_map_marks_the_words_asked_for_and_their_nearest(royals):
    figure = plot_map(royals, ["king"], neighbours=2)
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colours["king"] == RED and colours["prince"] == BLUE and colours["apple"] == GREY


# --- Networks ---


def test_a_trained_classifier_is_asked_about_a_text():
    tiny = {"dataset": "reviews", "limit": 64, "epochs": 1, "width": 8, "heads": 2, "quiet": True}
    model, run = classify.train(**tiny, model="transformer", device="cpu")
    figure, said = explore_networks.draw_reading(model, run, "A lovely zorking evening")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "[zorking]" in words and "[not in the vocabulary]" in words and "lovely" in words
    assert said.count("%") == 2 and said in words
    figure = explore_networks.draw_attention(model, run, "A lovely evening", head=2)
    rows = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert rows == ["a", "lovely", "evening"] and "head 2 of 2" in figure.axes[0].get_title()
    with pytest.raises(InputError, match="no word"):
        explore_networks.draw_reading(model, run, " ")
    with pytest.raises(InputError, match="no attention"):
        explore_networks.draw_attention(torch.nn.Linear(1, 1), run, "A lovely evening", head=1)


def test_temperature_moves_the_next_token():
    tiny = {"dataset": "reviews", "limit": 40, "epochs": 1, "width": 8, "layers": 1, "vocabulary": 300}
    model, run = language_model.train(**tiny, length=1, quiet=True, device="cpu")
    warm, _ = explore_networks.draw_next(model, run, "The food", 1.0, length=2)
    cold, text = explore_networks.draw_next(model, run, "The food", 0.1, length=2)
    grey, blue = (bars.patches[:12] for bars in (warm.axes[0], cold.axes[0]))
    assert blue[0].get_width() == grey[0].get_width()  # temperature 1 is drawn beside it
    assert cold.axes[0].patches[12].get_width() > grey[0].get_width()  # the likeliest becomes likelier
    assert text.startswith("The food")


@pytest.mark.gpu
def test_what_is_asked_of_networks_on_a_gpu():
    model, run = classify.train(dataset="reviews", model="transformer", limit=64, epochs=1, quiet=True, device="cuda")
    explore_networks.draw_reading(model, run, "A lovely evening")
    explore_networks.draw_attention(model, run, "A lovely evening", 1)
    model, run = language_model.train(dataset="reviews", limit=40, epochs=1, width=8, quiet=True, device="cuda")
    explore_networks.draw_next(model, run, "The food", 0.5, length=2)


def test_a_text_of_unknown_words(found):
    with pytest.raises(InputError, match="none of these words"):
        explore_topics.draw_mixture(found, "Telescopes!")


def test_topics_are_found_and_repeatable():
    found, again = (explore_topics.find_topics("topics", k=3, sweeps=4, seed=1) for _ in range(2))
    assert [row["epoch"] for row in found.history] == [1, 2, 3, 4]
    assert found.history == again.history
    assert found.history[-1]["log_likelihood"] > found.history[0]["log_likelihood"]
    lda = found.methods["LDA"]
    assert lda.topic_terms.shape == (3, len(found.corpus.terms))
    assert lda.document_topics.sum(axis=1) == pytest.approx(np.ones(len(found.corpus.texts)))
    assert found.methods["LSA"].document_topics.shape == lda.document_topics.shape
