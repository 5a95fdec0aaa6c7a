"""Words, classes and tags with dollar signs are drawn as they are: to matplotlib they could be mathematics."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from scipy.sparse import csr_array

from common.text.corpora import TextData, split_tagged
from labs.nlp import classify, explore, reading
from labs.nlp.classify import save_figures as save_classifiers_figures
from labs.nlp.tagging import tagging
from labs.nlp.tagging.tagging import save_figures as save_taggers_figures
from labs.nlp.topics import explore as explore_topics
from labs.nlp.topics import figures
from labs.nlp.topics.methods import Topics
from labs.nlp.topics.preparation import Corpus
from labs.nlp.word_map import plot_map
from labs.nlp.word_vectors import Embeddings

BROKEN, VALID = r"$\frac$", "$x$"  # as mathematics the first is an error, and the second would lose its dollar signs
ODD = (BROKEN, VALID)


def drawn(figure):
    """What stands in a figure once it is drawn, as the reader sees it."""
    figure.savefig(io.BytesIO(), dpi=20)
    shown = [text._preprocess_math(text.get_text()) for text in figure.findobj(Text)]
    assert not any(mathematics for _, mathematics in shown), shown
    return " ".join(text for text, _ in shown)


def check(figure):
    text = drawn(figure)
    assert all(name in text for name in ODD), text


@pytest.fixture
def run():
    """A run that draws what it is given."""
    own: dict[str, str] = {}
    return SimpleNamespace(history=[], own=own, save_figure=lambda name, figure: own.update({name: drawn(figure)}))


@pytest.fixture
def corpus():
    texts = [f"{BROKEN} law", f"{VALID} goal", "law goal", f"{BROKEN} {VALID}"]
    counts = csr_array(np.array([[2, 1, 0], [0, 1, 2], [1, 1, 1], [2, 0, 2]]))
    terms = [BROKEN, "law", VALID]
    return Corpus(texts, counts, terms, terms, np.array([0, 1, 0, 1]), ODD, [])


@pytest.fixture
def topics():
    terms, documents = np.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]]), np.array([[0.9, 0.1], [0.1, 0.9]] * 2)
    return [Topics("LSA", terms - 0.2, documents - 0.2, 0.0), Topics("LDA", terms, documents, 0.0)]


def test_a_classifiers_figures(run):
    texts = [f"{ODD[i % 2]} is good {i % 2} {'word' * (i % 3)}" for i in range(60)]
    y = torch.arange(60) % 2
    data = TextData("odd", ODD, texts[:50], y[:50], texts[50:], y[50:])
    settings = classify.HyperParams(dataset="odd", model="transformer", width=8, max_length=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classify, "load_texts", lambda *args, **kws: data)
        data = classify.get_data(settings, torch.device("cpu"))
    model = classify.build_model(settings, len(data.vocabulary), 2)
    save_classifiers_figures(run, model, data, 12)
    for name in ("class_counts", "confusion", "indicative_words"):
        assert all(odd in run.own[name] for odd in ODD), name
    assert any(odd in run.own["what_counted"] for odd in ODD) and "attention" in run.own


def test_words_that_counted():
    words, known = ["a", VALID, VALID], [True, True, False]
    check(reading.plot_readings([reading.Reading(f"{BROKEN} with 90%", words, known, torch.ones(3))]))
    check(reading.plot_attention(torch.ones(2, 2, 2), ODD))
    check(reading.plot_indicative_words([[(VALID, 1.0)], [(BROKEN, 1.0)]], ODD))


def test_of_a_long_text_the_beginning_is_drawn():
    words = [f"w{i}" for i in range(reading.MOST_READ + 1)]
    long = reading.Reading("long", words, [True] * len(words), torch.ones(len(words)))
    text = drawn(reading.plot_readings([long]))
    assert f"long (its first {reading.MOST_READ} words)" in text and words[-2] in text and words[-1] not in text
    seen = words[: reading.MOST_SEEN + 1]
    text = drawn(reading.plot_attention(torch.ones(1, len(seen), len(seen)), seen))
    assert seen[-2] in text and seen[-1] not in text


def test_a_taggers_figures(run):
    sentences = split_tagged([[("a", BROKEN), ("b", VALID)]] * 10, "odd")
    encoding = tagging.build_encoding(sentences)
    settings = tagging.HyperParams(width=8)
    save_taggers_figures(run, tagging.build_model(settings, encoding), encoding, sentences)
    assert all(odd in run.own["confusion"] for odd in ODD)


def test_the_map_of_words():
    words = ["court", "judge", "match", "player", *ODD]
    check(plot_map(Embeddings(words, torch.randn(6, 4)), list(ODD)))


def test_the_figures_of_topics(corpus, topics):
    check(figures.plot_documents(corpus))
    check(figures.plot_terms(topics[0], corpus, 3))
    drawn(figures.plot_clouds(topics[1], corpus))
    check(figures.plot_coherence(topics, corpus, 2))
    check(figures.plot_overlap(topics, corpus, 2))
    check(figures.plot_map(topics, corpus, 0))
    check(figures.plot_mixtures(topics, corpus))
    check(figures.plot_topics_by_class(topics, corpus))


def test_what_the_notebook_draws(corpus, topics, monkeypatch):
    drawn(explore.draw_words(f"{BROKEN} {VALID} fox", "as written")[0])
    vectors = Embeddings(["a", *ODD], torch.randn(3, 4))
    check(explore.draw_nearest(vectors, VALID)[0])
    monkeypatch.setattr(explore, "weigh", lambda *args: (corpus.counts.toarray(), corpus.terms))
    check(explore.draw_matrix("", "counts")[0])
    check(explore.draw_lsa("", "counts")[0])
    found = explore_topics.Found(corpus, {one.method: one for one in topics}, [], 0.1)
    check(explore_topics.draw_topic(found, "LSA", 1)[0])
