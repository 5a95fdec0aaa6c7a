from collections import Counter
from pathlib import Path

import pytest
import torch

from common.errors import InputError
from common.text import corpora
from common.text.corpora import corpora_folder, load_tagged, load_texts, read_tagged, read_topics

UNIVERSAL_TAGS = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
}


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def tiny_corpora(tmp_path, monkeypatch) -> Path:
    """Corpora in the form of those that come with the suite."""
    folder = tmp_path / "corpora"
    for theme in ("sea", "law"):
        write(folder / "topics" / f"{theme}.txt", "\n\n".join(f"{theme} number {i}" for i in range(10)) + "\n")
    write(folder / "topics" / "README.md", "not a theme")
    rows = "".join(f'{("positive", "negative")[i % 2]},book,"Well, review {i}"\n' for i in range(20))
    write(folder / "reviews" / "reviews.csv", "label,domain,text\n" + rows)
    more = "".join(f'neutral,book,"So so, review {i}"\n' for i in range(10))
    write(folder / "reviews" / "neutral.csv", "label,domain,text\n" + more)
    write(folder / "tagged" / "tagged.txt", "".join(f"A_DET fox_NOUN no_DET {i}_NUM ._PUNCT\n" for i in range(10)))
    monkeypatch.setattr(corpora, "corpora_folder", lambda: folder)
    return folder


def test_topics_are_read_theme_by_theme_and_a_fifth_of_each_kept_for_testing(tiny_corpora):
    data = load_texts("topics", "nowhere")
    assert (data.name, data.classes) == ("topics", ("law", "sea"))
    assert (len(data.texts_train), len(data.texts_test)) == (16, 4)
    assert data.y_train.tolist() == [0] * 8 + [1] * 8
    assert data.y_test.tolist() == [0, 0, 1, 1]
    for label, line in zip(data.y, data.texts, strict=True):
        assert line.startswith(data.classes[label])
    assert len(set(data.texts)) == 20
    again = load_texts("topics", "nowhere")
    assert again.texts == data.texts
    assert torch.equal(again.y, data.y)


def test_paragraphs_may_be_parted_by_lines_of_blanks(tmp_path):
    write(tmp_path / "sea.txt", "\n\n one\nline  \n \t\n\n\ntwo\n")
    assert read_topics(tmp_path) == (["one\nline", "two"], ["sea", "sea"])


def test_reviews_and_tagged_sentences(tiny_corpora):
    data = load_texts("reviews", "nowhere")
    assert data.classes == ("negative", "positive")
    assert data.texts_train[0].startswith("Well, review")
    assert torch.bincount(data.y_test).tolist() == [2, 2]
    three = load_texts("reviews3", "nowhere")
    assert three.classes == ("negative", "neutral", "positive")
    assert torch.bincount(three.y_test).tolist() == [2, 2, 2]
    assert set(data.texts) < set(three.texts) and len(three.texts) == 30
    tagged = load_tagged()
    assert tagged.tags == ("DET", "NOUN", "NUM", "PUNCT")
    assert (len(tagged.train), len(tagged.test)) == (8, 2)
    assert tagged.train[0][:2] == [("A", "DET"), ("fox", "NOUN")]
    assert sorted(s[3][0] for s in tagged.train + tagged.test) == list("0123456789")


def test_words_may_hold_the_sign_before_the_tag(tmp_path):
    assert read_tagged(write(tmp_path / "t.txt", "snake_case_NOUN\n\n__PUNCT\n")) == [
        [("snake_case", "NOUN")],
        [("_", "PUNCT")],
    ]
    for wrong in ("fox\n", "_NOUN\n", "fox_\n"):
        with pytest.raises(InputError, match=r"line 2: .* is not of the form word_TAG"):
            read_tagged(write(tmp_path / "t.txt", "a_DET\n" + wrong))


def test_the_suites_corpora_are_as_large_and_varied_as_promised():
    topics = load_texts("topics", "nowhere")
    counts = Counter(topics.y.tolist())
    assert len(topics.classes) >= 8
    assert min(counts.values()) >= 30
    reviews = load_texts("reviews", "nowhere")
    assert len(reviews.texts) >= 600
    assert reviews.classes == ("negative", "positive")
    three = load_texts("reviews3", "nowhere")
    assert torch.bincount(three.y).tolist() == [320, 320, 320]
    for data in (topics, reviews, three):
        assert len(set(data.texts)) == len(data.texts)
        openings = Counter(" ".join(line.split()[:4]) for line in data.texts)
        assert openings.most_common(1)[0][1] <= 3  # no templates
    tagged = load_tagged()
    sentences = tagged.train + tagged.test
    assert len(sentences) >= 250
    assert set(tagged.tags) <= UNIVERSAL_TAGS
    assert len({tuple(word for word, _ in sentence) for sentence in sentences}) == len(sentences)


def test_corpora_are_found_in_a_checkout_and_in_an_installed_suite(tmp_path, monkeypatch):
    assert corpora_folder() == Path(corpora.__file__).parents[2] / "data" / "corpora"
    monkeypatch.setattr(corpora, "__file__", str(tmp_path / "common" / "text" / "corpora.py"))
    assert corpora_folder() == tmp_path / "common" / "corpora"


def test_auto_falls_back_to_an_embedded_corpus_and_says_so(tiny_corpora, tmp_path):
    with pytest.warns(UserWarning, match=r"^using the embedded reviews .* instead\n  imdb is not under"):
        data = load_texts("auto", tmp_path, preferred="imdb", embedded="reviews", offline=True)
    assert data.name == "reviews"


def test_empty_and_missing_places(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, message in (
        (f"folder:{tmp_path / 'empty'}", "holds no document"),
        (f"folder:{tmp_path / 'nowhere'}", "no such folder"),
        (f"csv:{tmp_path / 'nowhere.csv'}", "no such file"),
        (f"folder:{tmp_path},text=x", "text= is none of encoding"),
        ("agnews", "'agnews' is none of auto, topics, reviews, reviews3, ag_news"),
    ):
        with pytest.raises(InputError, match=message):
            load_texts(name, "nowhere")
    write(tmp_path / "one" / "a.txt", "only one")
    with pytest.raises(InputError, match="holds one document; at least 2 are needed"):
        load_texts(f"folder:{tmp_path / 'one'}", "nowhere")
    with pytest.raises(InputError, match="no such file"):
        load_tagged(tmp_path / "nowhere.txt")
    with pytest.raises(InputError, match="holds no sentence"):
        load_tagged(write(tmp_path / "t.txt", "\n"))
