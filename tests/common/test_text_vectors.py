import dataclasses
import gzip
import ssl
import zipfile
from unittest import mock

import pytest
import torch

from common.errors import InputError
from common.sources import file_digest
from common.text import vectors as word_vectors
from common.text.installed import torchtext_if_installed
from common.text.vectors import GloVe, Vectors, VectorsError


def write_vectors(path, words="the of king queen", dim=3, start=0):
    rows = [f"{w} " + " ".join(str(0.5 * (i + j) - start) for j in range(dim)) for i, w in enumerate(words.split())]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_vectors_are_read_looked_up_and_kept(tmp_path):
    path = write_vectors(tmp_path / "v.txt")
    vectors = Vectors(path, tmp_path / "cache")
    assert (len(vectors), vectors.dim, vectors.itos) == (4, 3, ["the", "of", "king", "queen"])
    assert vectors["king"].tolist() == [1.0, 1.5, 2.0]
    assert vectors["King"].tolist() == [0.0, 0.0, 0.0]
    assert vectors.get_vecs_by_tokens("of").tolist() == [0.5, 1.0, 1.5]
    assert vectors.get_vecs_by_tokens(["King", "xyz"], lower_case_backup=True)[:, 0].tolist() == [1.0, 0.0]
    assert "of" in vectors and "xyz" not in vectors
    [kept] = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".safetensors"
    assert Vectors("v.txt", tmp_path / "cache", unk_init=torch.Tensor.zero_).itos == vectors.itos  # beside the test
    assert Vectors(path, tmp_path / "cache", unk_init=lambda t: t.fill_(9))["xyz"].tolist() == [9, 9, 9]


def test_kept_vectors_are_used_until_the_file_changes(tmp_path, monkeypatch):
    path, cache = write_vectors(tmp_path / "v.txt"), tmp_path / "cache"
    first = Vectors(path, cache)
    read = word_vectors._read_vectors
    monkeypatch.setattr(word_vectors, "_read_vectors", lambda *args: pytest.fail("read the text again"))
    assert torch.equal(Vectors(path, cache).vectors, first.vectors)
    monkeypatch.setattr(word_vectors, "_read_vectors", read)
    assert len(Vectors(path, cache, max_vectors=2)) == 2
    write_vectors(path, start=1)
    assert Vectors(path, cache)["the"].tolist() == [-1.0, -0.5, 0.0]
    [kept] = cache.glob("v.txt.all.*")
    kept.write_bytes(kept.read_bytes()[:20])
    assert Vectors(path, cache)["the"].tolist() == [-1.0, -0.5, 0.0]


def test_a_folder_that_cannot_be_written_to_only_costs_time(tmp_path, monkeypatch):
    path = write_vectors(tmp_path / "v.txt")
    (tmp_path / "file").write_text("")
    assert len(Vectors(path, tmp_path / "file")) == 4  # a folder cannot be made where a file is
    monkeypatch.setattr(word_vectors.checkpoint, "save", lambda *args: (_ for _ in ()).throw(PermissionError("no")))
    assert len(Vectors(path, tmp_path)) == 4


def test_first_lines_of_counts_and_gzipped_files(tmp_path):
    plain = write_vectors(tmp_path / "v.txt")
    (tmp_path / "w.vec").write_text("4 3\n" + plain.read_text())
    (tmp_path / "w.gz").write_bytes(gzip.compress(plain.read_bytes()))
    for name in ("w.vec", "w.gz"):
        assert torch.equal(
            Vectors(tmp_path / name, tmp_path / "cache").vectors, Vectors(plain, tmp_path / "cache").vectors
        )
    assert Vectors(tmp_path / "w.vec", tmp_path / "cache", max_vectors=1).itos == ["the"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the 1 2 3\nof 1 2\n", r"line 2 \(of\): not a word and 3 finite numbers"),
        ("the 1 2 3\nof 1 2 x\n", "line 2"),
        ("the 1 2 3\nof 1 nan 3\n", "line 2"),
        ("the 1 2 3\n\nof 1 2 3\n", "line 2"),
        ("", "holds no vectors"),
        ("<html>\n", "line 1"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, content, message):
    (tmp_path / "v.txt").write_text(content)
    with pytest.raises(VectorsError, match=message):
        Vectors(tmp_path / "v.txt", tmp_path / "cache")


def test_missing_and_damaged_files_of_vectors(tmp_path):
    with pytest.raises(VectorsError, match="no vectors found at nowhere.txt, neither here nor under"):
        Vectors("nowhere.txt", tmp_path)
    (tmp_path / "w.gz").write_bytes(gzip.compress(b"the 1 2\n" * 1000)[:-20])
    with pytest.raises(VectorsError, match="damaged"):
        Vectors(tmp_path / "w.gz", tmp_path)
    with pytest.raises(RuntimeError):  # as torchtext
        Vectors("nowhere.txt", tmp_path)


def test_glove_is_read_from_its_text_file_or_from_the_archive(tmp_path, monkeypatch):
    write_vectors(tmp_path / "glove.6B.50d.txt", dim=50)
    assert GloVe("6B", 50, tmp_path, offline=True)["of"][:2].tolist() == [0.5, 1.0]
    with pytest.raises(InputError, match=r"glove is not under .* put glove\.6B\.zip into"):
        GloVe("6B", 100, tmp_path, offline=True)
    with pytest.raises(VectorsError, match="no vectors found at glove.840B.300d.txt"):
        GloVe("840B", 300, tmp_path)
    with zipfile.ZipFile(tmp_path / "glove.6B.zip", "w") as archive:
        archive.write(write_vectors(tmp_path / "t", dim=100), "glove.6B.100d.txt")
    with pytest.raises(InputError, match=r"glove\.6B\.zip is damaged: its sha256 is"):
        GloVe("6B", 100, tmp_path, offline=True)
    digest = dataclasses.replace(
        word_vectors.GLOVE, digests={"glove.6B.zip": file_digest(tmp_path / "glove.6B.zip", "sha256")}
    )
    monkeypatch.setattr(word_vectors, "GLOVE", digest)
    assert GloVe("6B", 100, tmp_path, max_vectors=3, offline=True).vectors.shape == (3, 100)
    with pytest.raises(VectorsError, match=r"holds no glove\.6B\.70d\.txt"):
        GloVe("6B", 70, tmp_path, offline=True)


@pytest.mark.skipif(torchtext_if_installed() is None, reason="torchtext is not installed")
@mock.patch.dict(vars(ssl))  # torchtext turns the check of certificates off: put back after the test
def test_same_vectors_as_torchtext(tmp_path):
    from torchtext.vocab import Vectors as TheirVectors

    path = write_vectors(tmp_path / "v.txt", dim=50)
    for limit in (None, 2, 100):
        theirs = TheirVectors(str(path), str(tmp_path / "theirs"), max_vectors=limit)
        ours = Vectors(path, tmp_path / "ours", max_vectors=limit)
        assert (ours.itos, ours.stoi, ours.dim, len(ours)) == (theirs.itos, theirs.stoi, theirs.dim, len(theirs))
        assert torch.equal(ours.vectors, theirs.vectors)
        for words in ("king", "King", ["King", "of", "?"]):
            for backup in (False, True):
                expected = theirs.get_vecs_by_tokens(words, lower_case_backup=backup)
                assert torch.equal(ours.get_vecs_by_tokens(words, lower_case_backup=backup), expected)
    (tmp_path / "bad.txt").write_text("the 1 2 3\nof 1 2\n")
    for read in (lambda p: TheirVectors(str(p), str(tmp_path / "theirs")), lambda p: Vectors(p, tmp_path / "ours")):
        for bad in (tmp_path / "bad.txt", tmp_path / "missing.txt"):
            with pytest.raises(RuntimeError):
                read(bad)
