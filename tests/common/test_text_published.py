import dataclasses
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from common import sources
from common.errors import InputError
from common.sources import file_digest
from common.text.corpora import EMBEDDED, load_texts
from common.text.published import GLOVE, TEXT_SOURCES
from labs.__main__ import fetch


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
    monkeypatch.setattr(sources, "fetch", lambda urls, target, digest, **kws: asked.append((urls, target, digest, kws)))
    with pytest.raises(FileNotFoundError):  # nothing was fetched in truth
        load_texts("20newsgroups", tmp_path, quiet=True)
    [(urls, target, digest, kws)] = asked
    source = TEXT_SOURCES["20newsgroups"]
    assert urls == [source.mirrors[0], source.mirrors[1] + "20news-bydate.tar.gz"]
    assert target == tmp_path / "20newsgroups" / "20news-bydate.tar.gz"
    assert (digest, kws) == (source.digests[target.name], {"algorithm": "sha256", "quiet": True})


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
    assert fetch(("imdb", "ag_news"), all=False, data_dir=tmp_path) == 2
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
