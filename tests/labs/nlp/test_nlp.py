"""The course's numbers: every golden value of nlp.jl and its notebook, and formulas worked by hand."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.naive_bayes import MultinomialNB

from common.errors import InputError
from common.text.corpora import load_tagged
from labs.nlp import nlp, word_vectors, words

TOKENS = ["The", "quick", "brown", "fox", "is", "jumping", "over", "the", "lazy", "dog"]


def test_the_lexicon_has_ten_entries_of_one_each_in_either_case():
    assert words.lexicon([]) == {}
    entries = words.lexicon([words.tokenize(words.TEXT)])
    assert entries == dict.fromkeys(TOKENS, 1)
    assert {"The", "the"} <= set(entries)
    assert words.lexical_frequency("fox", entries) == 0.1
    assert words.lexical_frequency("cat", entries) == 0


def test_tokenize_parts_punctuation_from_words():
    assert words.tokenize("Don't stop: it's 20-year-old.") == ["Don't", "stop", ":", "it's", "20-year-old", "."]


def test_prepare_keeps_raw_prepared_and_stemmed_apart():
    """The notebook has the same eight tokens twice: its document was stemmed when it printed the "original"."""
    document = words.prepare(words.TEXT)
    assert document.raw == TOKENS
    assert document.prepared == ["quick", "brown", "fox", "is", "jumping", "over", "lazy", "dog"]
    assert document.stemmed == [
        "quick",
        "brown",
        "fox",
        "is",
        "jump",
        "over",
        "lazi",
        "dog",
    ]


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        (words.strip_articles, "The cat, an owl and a theory", " cat,  owl and  theory"),
        (words.strip_numbers, "in 2024, 3 of 4", "in ,  of "),
        (words.strip_punctuation, "well-known: “it's” (so_so)!", "wellknown its soso"),
        (words.strip_case, "The FOX", "the fox"),
        (words.strip_whitespace, "  a \n\t b ", "a b"),
    ],
)
def test_each_step_of_preparation(step, text, expected):
    assert step(text) == expected


def test_the_table_of_tags_is_the_courses():
    assert list(words.TAGS) == ["JJ", "NN", "NNS", "VB", "VBZ", "VBG", "VBD", "RB", "IN", "DT", "PRP", "CC"]
    assert " ".join(word for word, _ in words.TAGGED) == "Apple released a new iPhone in California"
    assert {tag for _, tag in words.TAGGED} <= set(words.TAGS)
    known = {tag for universal, _ in words.TAGS.values() for tag in universal.split(", ")} | set(words.OTHER_TAGS)
    assert known == set(load_tagged().tags)  # all that the tagger may say
    assert words.ENTITIES == {"Apple": "Organization", "iPhone": "Product", "California": "Location"}


# --- Vectors ---


def test_cosine_similarity():
    u, v = torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])
    assert word_vectors.cosine_similarity(u, v).item() == pytest.approx(24 / 25)
    torch.testing.assert_close(
        word_vectors.cosine_similarity(torch.eye(2), u), torch.nn.functional.cosine_similarity(torch.eye(2), u[None])
    )
    assert word_vectors.cosine_similarity(u, torch.zeros(2)).item() == 0


def family():
    """king and queen, man and woman, each pair (1, 0, 0) apart in royalty's plane, and a word far away."""
    words = ["king", "man", "woman", "queen", "cabbage"]
    vectors = torch.tensor([[4.0, 1, 0], [0.5, 1, 0], [0.5, 0, 1], [2.5, 0, 2], [0, 0, -3]])
    return word_vectors.Embeddings(words, vectors)


def test_an_analogy_leaves_its_own_words_out():
    embeddings = family()
    target = embeddings["king"] - embeddings["man"] + embeddings["woman"]
    assert embeddings.nearest(target)[0][0] == "king"  # the nearest of all is one of the three
    ranked = embeddings.analogy("king", "man", "woman")
    assert [word for word, _ in ranked] == ["queen", "cabbage"]
    assert ranked[0][1] == pytest.approx(12 / (17**0.5 * 10.25**0.5), abs=1e-6)  # (4, 0, 1)·(2.5, 0, 2)


def test_an_unknown_word_is_named():
    with pytest.raises(InputError, match="'unicorn'.*5 words"):
        family().analogy("king", "man", "unicorn")


@pytest.mark.parametrize("text", ["king-man+woman", "king − man + woman", " king-man +woman "])
def test_analogies_are_read(text):
    assert word_vectors.parse_analogy(text) == ("king", "man", "woman")


@pytest.mark.parametrize("text", ["king", "king+man", "king-man-woman", "king-man+"])
def test_what_is_no_analogy_is_refused(text):
    with pytest.raises(InputError, match="king-man\\+woman"):
        word_vectors.parse_analogy(text)


def test_embeddings_are_read_from_a_file(tmp_path):
    path = tmp_path / "tiny.txt"
    path.write_text("the 0.5 1\nking 2 -1\nqueen 2.5 0\n")
    embeddings = word_vectors.load_embeddings(path, max_vocab_size=2)
    assert embeddings.words == ["the", "king"]
    assert embeddings["king"].tolist() == [2, -1]


def test_vectors_from_a_corpus_are_the_svd_of_its_ppmi():
    """Worked by hand: a b, a b, c d, all pairs within the window; log(p/(p p)) = log 3 or log 6 (6 near pairs)."""
    documents = [["a", "b"], ["a", "b"], ["c", "d"]]
    embeddings = word_vectors.corpus_embeddings(documents, dim=3, min_count=1)
    assert embeddings.words == ["a", "b", "c", "d"]
    vectors = embeddings.vectors.numpy()
    # log 6 between c and d, log 3 between a and b: singular values log 6 (twice), log 3 (twice, one of them cut off)
    np.testing.assert_allclose(vectors.T @ vectors, np.diag(np.log([6, 6, 3])), atol=1e-5)
    np.testing.assert_allclose(vectors[2:] @ vectors[2:].T, np.eye(2) * np.log(6), atol=1e-5)


def test_words_in_the_same_company_get_like_vectors():
    drinks = [f"we drink hot {w} with {m} every morning".split() for w in ("tea", "coffee") for m in ("milk", "sugar")]
    tools = [f"they hit a nail using {w} or {m} today".split() for w in ("hammer", "mallet") for m in ("force", "care")]
    embeddings = word_vectors.corpus_embeddings(drinks * 3 + tools * 3, dim=8)
    near = dict(embeddings.nearest(embeddings["tea"], excluded=["tea"]))
    assert near["coffee"] > 0.9 > 0.3 > near["hammer"]


def test_too_little_text_for_vectors():
    with pytest.raises(InputError, match="too few"):
        word_vectors.corpus_embeddings([["a", "b", "c"]])


def glove(dim):
    folder = Path(os.environ.get("LABS_DATA", "data")) / "glove"
    found = sorted(folder.glob(f"glove.6B.{dim}d*.txt"))
    if not found:
        pytest.skip(f"no glove.6B.{dim}d.txt under {folder}")
    return found[0]


@pytest.mark.slow
def test_glove_50d_as_in_the_notebook():
    first = word_vectors.load_embeddings(glove(50), 5)
    assert first.words == ["the", ",", ".", "of", "to"]
    assert first["the"][:2].tolist() == pytest.approx([0.418, 0.24968])
    embeddings = word_vectors.load_embeddings(glove(50), 10_000)
    for *asked, expected in nlp.COURSE_ANALOGIES:
        assert embeddings.analogy(*asked)[0][0] == expected


@pytest.mark.slow
def test_glove_200d_as_in_the_notebook():
    embeddings = word_vectors.load_embeddings(glove(200), 10_000)
    for (*asked, expected), cosine in zip(nlp.COURSE_ANALOGIES, (0.71191657, 0.8027344), strict=True):
        best, reached = embeddings.analogy(*asked)[0]
        assert best == expected
        assert reached == pytest.approx(cosine, abs=1e-5)


# --- Naive Bayes ---


def test_naive_bayes_gives_the_courses_two_thirds():
    model = nlp.NaiveBayes([words.tokenize(f"this is {w} doc") for w in ("financial", "legal")], ["financial", "legal"])
    p = model.predict(words.tokenize("this should be predicted as a legal document"))
    assert p == pytest.approx({"legal": 2 / 3, "financial": 1 / 3}, abs=1e-12)
    assert model.predict(["unseen"]) == pytest.approx({"legal": 0.5, "financial": 0.5})


def test_naive_bayes_is_that_of_scikit_learn():
    texts = ["a b b c", "a a c", "b d d", "d e"]
    labels = ["x", "x", "y", "x"]
    vectorizer = CountVectorizer(analyzer=str.split)
    reference = MultinomialNB().fit(vectorizer.fit_transform(texts), labels)
    model = nlp.NaiveBayes([text.split() for text in texts], labels)
    for text in ("a", "d d", "e b c"):
        expected = reference.predict_proba(vectorizer.transform([text]))[0]
        assert list(model.predict(text.split()).values()) == pytest.approx(expected.tolist())


# --- Matrix, LSA, LDA ---


def test_the_sentences_matrix_is_one_by_ten():
    counts, terms = nlp.document_term_matrix([TOKENS])
    assert counts.shape == (1, 10)
    assert (counts == 1).all()
    assert terms == sorted(TOKENS)


def test_tf_idf_by_hand():
    counts, terms = nlp.document_term_matrix([["a", "a", "b"], ["b", "c"]])
    assert terms == ["a", "b", "c"]
    np.testing.assert_allclose(nlp.tf_idf(counts), [[2 / 3 * np.log(2), 0, 0], [0, 0, np.log(2) / 2]])
    smooth = TfidfTransformer(norm=None).fit(counts).idf_
    np.testing.assert_allclose(nlp.tf_idf(counts, smooth=True), counts / [[3], [2]] * smooth)


def test_one_document_has_no_tf_idf():
    """Julia goes on: its only singular value is 0.0."""
    counts, _ = nlp.document_term_matrix([TOKENS])
    with pytest.raises(InputError, match="1 document"):
        nlp.tf_idf(counts)
    assert nlp.lsa(counts * np.log(1 / 1))[1].tolist() == [0.0]
    assert nlp.tf_idf(counts, smooth=True) == pytest.approx(np.full((1, 10), 0.1))


def test_lsa_puts_the_matrix_together_again():
    matrix = np.random.default_rng(0).random((5, 8))
    U, s, Vt = nlp.lsa(matrix)
    np.testing.assert_allclose(U * s @ Vt, matrix)
    assert (np.diff(s) <= 0).all()


def test_lda_has_julias_shapes_and_parts_two_themes():
    counts = np.kron(np.eye(2, dtype=int), np.full((3, 4), 5))  # three documents and four words each
    phi, theta, history = nlp.lda(counts, k=2, iterations=50)
    assert (phi.shape, theta.shape, len(history)) == ((2, 8), (2, 6), 50)
    np.testing.assert_allclose(phi.sum(axis=1), 1)
    np.testing.assert_allclose(theta.sum(axis=0), 1)
    dominant = theta.argmax(axis=0)
    assert len(set(dominant[:3])) == len(set(dominant[3:])) == 1
    assert dominant[0] != dominant[3]
