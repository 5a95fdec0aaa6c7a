import dataclasses
import io
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import torch

from common import datasets, text_datasets
from common.errors import InputError
from common.sources import file_digest
from common.text.corpora import (
    EMBEDDED,
    GLOVE,
    TEXT_SOURCES,
    corpora_folder,
    load_tagged,
    load_texts,
    read_csv,
    read_tagged,
    read_text,
    read_topics,
)
from labs.__main__ import fetch

UNIVERSAL_TAGS = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
}


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def place(monkeypatch, name: str, *paths: Path) -> None:
    """The table's checksums for files made by the test; no mirror answers."""
    digests = {path.name: file_digest(path) for path in paths}
    source = dataclasses.replace(TEXT_SOURCES[name], digests=digests, mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(TEXT_SOURCES, name, source)


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
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
    write(folder / "tagged" / "tagged.txt", "".join(f"A_DET fox_NOUN no_DET {i}_NUM ._PUNCT\n" for i in range(10)))
    monkeypatch.setattr(text_datasets, "corpora_folder", lambda: folder)
    return folder


# --- What comes with the suite


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
    for data in (topics, reviews):
        assert len(set(data.texts)) == len(data.texts)
        openings = Counter(" ".join(line.split()[:4]) for line in data.texts)
        assert openings.most_common(1)[0][1] <= 3  # no templates
    tagged = load_tagged()
    sentences = tagged.train + tagged.test
    assert len(sentences) >= 250
    assert set(tagged.tags) <= UNIVERSAL_TAGS
    assert len({tuple(word for word, _ in sentence) for sentence in sentences}) == len(sentences)


def test_corpora_are_found_in_a_checkout_and_in_an_installed_suite(tmp_path, monkeypatch):
    assert corpora_folder() == Path(text_datasets.__file__).parents[1] / "data" / "corpora"
    monkeypatch.setattr(text_datasets, "__file__", str(tmp_path / "common" / "text_datasets.py"))
    assert corpora_folder() == tmp_path / "common" / "corpora"


# --- What is published


def test_ag_news_is_read_from_its_two_files(tmp_path, monkeypatch):
    train = '"3","Oil, up","A ""barrel"" rose"\n"1","Vote","In\\Rome"\n' * 3
    paths = [
        write(tmp_path / "ag_news" / f"{n}.csv", text) for n, text in (("train", train), ("test", '"4","X","Y"\n'))
    ]
    place(monkeypatch, "ag_news", *paths)
    data = load_texts("ag_news", tmp_path)
    assert data.classes == ("World", "Sports", "Business", "Sci/Tech")
    assert data.texts_train[:2] == ['Oil, up A "barrel" rose', "Vote In\\Rome"]
    assert data.y_train.tolist() == [2, 0] * 3
    assert (data.texts_test, data.y_test.tolist()) == (["X Y"], [3])
    assert load_texts("auto", tmp_path, offline=True).name == "ag_news"
    for wrong in ("5,a,b\n", "1,a\n", ""):
        place(monkeypatch, "ag_news", write(paths[0], wrong), paths[1])
        with pytest.raises(InputError, match=r"train\.csv is damaged: its lines are not"):
            load_texts("ag_news", tmp_path)


def test_imdb_is_read_from_its_archive_without_unpacking(tmp_path, monkeypatch):
    files = {f"aclImdb/{part}/{label}/{i}_7.txt": f"{part} {label} {i}é".encode() for part in ("test", "train")
             for label in ("neg", "pos") for i in range(2)}  # fmt: skip
    extra = ["aclImdb/train/unsup/0_0.txt", "aclImdb/README", "../aclImdb/train/pos/9_9.txt", "aclImdb/train/urls.txt"]
    archive = tar_of(tmp_path / "imdb" / "aclImdb_v1.tar.gz", files | dict.fromkeys(extra, b"no"))
    place(monkeypatch, "imdb", archive)
    data = load_texts("imdb", tmp_path)
    assert data.classes == ("negative", "positive")
    assert data.texts_train == ["train neg 0é", "train neg 1é", "train pos 0é", "train pos 1é"]
    assert data.y_train.tolist() == data.y_test.tolist() == [0, 0, 1, 1]
    assert [p.name for p in tmp_path.rglob("*")] == ["imdb", archive.name]


def test_newsgroups_lose_the_header_that_names_them(tmp_path, monkeypatch):
    post = b"From: a@b\nNewsgroups: sci.space\n\nThe caf\xe9 on Mars.\n\nBye"
    files = {"20news-bydate-train/sci.space/60191": post, "20news-bydate-test/alt.atheism/1": b"Subject: x\n\nNo."}
    place(monkeypatch, "20newsgroups", tar_of(tmp_path / "20newsgroups" / "20news-bydate.tar.gz", files))
    with pytest.raises(InputError, match="one document"):
        load_texts("20newsgroups", tmp_path)
    files["20news-bydate-train/sci.med/2"] = b"x\n\ny"
    place(monkeypatch, "20newsgroups", tar_of(tmp_path / "20newsgroups" / "20news-bydate.tar.gz", files))
    data = load_texts("20newsgroups", tmp_path)
    assert data.texts_train == ["The café on Mars.\n\nBye", "y"]
    assert [data.classes[i] for i in data.y] == ["sci.space", "sci.med", "alt.atheism"]
    assert len(data.classes) == 20


def test_wikitext2_is_cut_into_articles(tmp_path, monkeypatch):
    part = " \n = Fox = \n \n A fox . \n \n = = Food = = \n \n Mice . \n \n = Owl = \n \n An owl . \n"
    path = tmp_path / "wikitext2" / "wikitext-2-v1.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("train", "valid", "test"):
            archive.writestr(f"wikitext-2/wiki.{name}.tokens", part)
    place(monkeypatch, "wikitext2", path)
    data = load_texts("wikitext2", tmp_path)
    assert [t.split()[1] for t in data.texts_train] == ["Fox", "Owl"]
    assert "Mice" in data.texts_train[0]
    assert data.classes == ()
    assert len(data.y_train) == len(data.y) == 0


@pytest.mark.parametrize("name", ["imdb", "20newsgroups", "wikitext2"])
@pytest.mark.parametrize("damage", ["cut", "no archive", "another archive"])
def test_a_damaged_archive_is_named(tmp_path, monkeypatch, name, damage):
    path = tmp_path / name / next(iter(TEXT_SOURCES[name].digests))
    tar_of(path, {"other/file": b"0123456789" * 1000})
    if damage == "another archive" and name == "wikitext2":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other", "x")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    if damage == "no archive":
        path.write_text("<html>not found</html>")
    place(monkeypatch, name, path)
    with pytest.raises(InputError, match=f"{path.name} is damaged: .*Delete it"):
        load_texts(name, tmp_path)
    monkeypatch.undo()
    with pytest.raises(InputError, match=f"{path.name} is damaged: its (md5|sha256) is"):
        load_texts(name, tmp_path, offline=True)


def test_a_data_set_that_cannot_be_had_says_what_to_place_where(tmp_path):
    with pytest.raises(InputError, match=r"put aclImdb_v1\.tar\.gz into .*imdb"):
        load_texts("imdb", tmp_path, offline=True)


def test_a_mirror_is_a_folder_or_the_file_itself(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        datasets, "fetch", lambda urls, target, digest, **kws: asked.append((urls, target, digest, kws))
    )
    with pytest.raises(AttributeError):  # nothing was fetched in truth
        load_texts("20newsgroups", tmp_path, quiet=True)
    [(urls, target, digest, kws)] = asked
    source = TEXT_SOURCES["20newsgroups"]
    assert urls == [source.mirrors[0], source.mirrors[1] + "20news-bydate.tar.gz"]
    assert target == tmp_path / "20newsgroups" / "20news-bydate.tar.gz"
    assert (digest, kws) == (source.digests[target.name], {"algorithm": "sha256", "quiet": True})


def test_auto_falls_back_to_an_embedded_corpus_and_says_so(tiny_corpora, tmp_path):
    with pytest.warns(UserWarning, match="imdb is not under.*Using the embedded reviews instead"):
        data = load_texts("auto", tmp_path, preferred="imdb", embedded="reviews", offline=True)
    assert data.name == "reviews"


def test_labs_fetch_knows_texts_and_vectors(tmp_path, monkeypatch, capsys):
    place(
        monkeypatch, "ag_news", *[write(tmp_path / "ag_news" / f"{n}.csv", '"1","a","b"\n') for n in ("train", "test")]
    )
    assert fetch((), all=False, data_dir=tmp_path) == 0
    listed = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert listed["ag_news"] == "there"
    assert listed["glove"] == listed["imdb"] == listed["mnist"] == "missing"
    assert fetch(("ag_news",), all=False, data_dir=tmp_path) == 0
    assert capsys.readouterr().out == "ag_news: there already, checksums right\n"
    place(monkeypatch, "imdb", write(tmp_path / "aclImdb_v1.tar.gz", ""))
    assert fetch(("imdb", "ag_news"), all=False, data_dir=tmp_path) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "imdb is not under" in said.err
    assert "ag_news: there already" in said.out


def test_the_page_about_data_lists_every_text_and_checksum():
    page = (Path(__file__).parents[2] / "data" / "README.md").read_text(encoding="utf-8")
    for name in (*TEXT_SOURCES, *EMBEDDED, "tagged", "glove"):
        assert f"`{name}`" in page
    for source in (*TEXT_SOURCES.values(), GLOVE):
        for file, digest in source.digests.items():
            assert f"| `{file}` | `{source.folder}/` | `{digest}` |" in page


# --- A student's own


def test_a_folder_of_classes(tmp_path):
    for label in ("cats", "dogs"):
        for i in range(5):
            write(tmp_path / "mine" / label / f"{i}.txt", f"{label} {i}\n")
    write(tmp_path / "mine" / "cats" / "deeper" / "x.txt", "cats below")
    write(tmp_path / "mine" / "dogs" / "blank.txt", " \n")
    write(tmp_path / "mine" / "README.txt", "about")
    data = load_texts(f"folder:{tmp_path / 'mine'}", "nowhere")
    assert data.classes == ("cats", "dogs")
    assert torch.bincount(data.y).tolist() == [6, 5]
    assert all(line.startswith(data.classes[y]) for line, y in zip(data.texts, data.y, strict=True))
    assert len(data.texts_test) == 2


def test_a_folder_without_classes(tmp_path):
    for i in range(7):
        write(tmp_path / f"{i}.txt", f"text {i}")
    data = load_texts(f"folder:{tmp_path}", "nowhere")
    assert data.classes == ()
    assert (len(data.texts_train), len(data.texts_test)) == (6, 1)
    assert sorted(data.texts) == [f"text {i}" for i in range(7)]
    assert data.y.shape == (0,)


def test_a_folder_with_its_own_split(tmp_path):
    for part, label, text in (("train", "a", "1"), ("train", "b", "2"), ("test", "b", "3")):
        write(tmp_path / part / label / "x.txt", text)
    data = load_texts(f"folder:{tmp_path}", "nowhere")
    assert (data.texts_train, data.y_train.tolist()) == (["1", "2"], [0, 1])
    assert (data.texts_test, data.y_test.tolist()) == (["3"], [1])
    write(tmp_path / "test" / "c" / "x.txt", "4")
    with pytest.raises(InputError, match="class 'c' is in the part for testing only"):
        load_texts(f"folder:{tmp_path}", "nowhere")


def test_csv_columns_by_name_and_by_number(tmp_path):
    path = write(tmp_path / "my.csv", "id, title ,body,mark\n1,One,first,good\n2,Two,second,bad\n3, ,,\n")
    assert read_csv(path, "body") == (["first", "second"], [])
    assert read_csv(path, "title+body", "mark") == (["One first", "Two second"], ["good", "bad"])
    bare = write(tmp_path / "bare.csv", '"3","T; 1","body, ""one"""\n"1","T2","line\nbreak"\n')
    assert read_csv(bare, "2+3", "1") == (['T; 1 body, "one"', "T2 line\nbreak"], ["3", "1"])
    for delimiter in ";\t":
        write(path, f"label{delimiter}text\r\nx{delimiter}one, two\r\n\r\ny{delimiter}three\r\n")
        assert read_csv(path) == (["one, two", "three"], ["x", "y"])
    assert read_csv(write(path, "\ufefftext\none\n")) == (["one"], [])


def test_csv_by_its_name_as_a_data_set(tmp_path):
    rows = "".join(f"{i % 2},text {i}\n" for i in range(10))
    path = write(tmp_path / "my, own.csv", "mark,body\n" + rows)
    data = load_texts(f"csv:{path},text=body,label=mark", "nowhere")
    assert data.classes == ("0", "1")
    assert sorted(data.y_test.tolist()) == [0, 1]
    write(tmp_path / "split" / "train.csv", "text,label\na,x\nb,y\n")
    write(tmp_path / "split" / "test.csv", "text,label\nc,y\n")
    data = load_texts(f"csv:{tmp_path / 'split'}", "nowhere")
    assert (data.texts_train, data.texts_test, data.y_test.tolist()) == (["a", "b"], ["c"], [1])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("body,mark\na,b\n", "", "no column 'text'; its columns are body, mark. Name one behind the path"),
        ("text,mark\na,b\n", ",label=label", "no column 'label'; its columns are text, mark"),
        ("a,b\nc,d\n", ",text=3", "no column '3'; its columns are 1, 2"),
        ("text,label\na,b\nc\n", "", "line 3: 1 columns where 2 are expected"),
        ("text,label\na,b\nc,\n", "", "line 3: no label"),
        ("text,label\na,b\nc,d\n", "", "class 'b' has one document; it needs 2"),
        ("text\n" + "x" * 140_000 + "\n", "", "line 2: field larger than field limit"),
        ("", "", "holds no document; at least 2"),
        ("text,label\n", "", "holds no document; at least 2"),
        ("text,label\na,b\n", "", "holds one document; at least 2"),
        ("text\na\n", ",txt=x", "txt= is none of encoding, text, label"),
        ("text\na\nb\n", ",encoding=utf-9", "encoding 'utf-9' is not known"),
    ],
)
def test_a_csv_file_that_does_not_fit(tmp_path, content, options, message):
    path = write(tmp_path / "my.csv", content)
    with pytest.raises(InputError) as error:
        load_texts(f"csv:{path}{options}", "nowhere")
    assert message in str(error.value)
    assert "my.csv" in str(error.value) or "utf-9" in message
    assert "\n" not in str(error.value)


def test_text_in_another_encoding_is_named_with_the_byte_and_the_cure(tmp_path):
    for name, encoding in (("cp1252", "cp1252"), ("utf-16", "utf-16"), ("latin-1", "latin-1")):
        folder = tmp_path / name
        text = "caf\x81é" if name == "latin-1" else "café"  # 0x81 is no character of cp1252
        write(folder / "one.txt", text.encode(encoding))
        write(folder / "two.txt", "plain".encode(encoding))
        with pytest.raises(
            InputError, match=rf"one\.txt is not utf-8: byte 0x.. at position \d+; {name} may .*,encoding={name}"
        ):
            load_texts(f"folder:{folder}", "nowhere")
        assert text in load_texts(f"folder:{folder},encoding={encoding}", "nowhere").texts
    with pytest.raises(InputError, match=r"byte 0xe9 at position 3"):
        read_text(tmp_path / "cp1252" / "one.txt")
    write(tmp_path / "bare", "plain".encode("utf-16-le"))  # valid UTF-8, but no text
    with pytest.raises(InputError, match="holds the byte 0x00 at position 1: it is no text, or utf-16"):
        read_text(tmp_path / "bare")


def test_empty_and_missing_places(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, message in (
        (f"folder:{tmp_path / 'empty'}", "holds no document"),
        (f"folder:{tmp_path / 'nowhere'}", "no such folder"),
        (f"csv:{tmp_path / 'nowhere.csv'}", "no such file"),
        (f"folder:{tmp_path},text=x", "text= is none of encoding"),
        ("agnews", "'agnews' is none of auto, topics, reviews, ag_news"),
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
