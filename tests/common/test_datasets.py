import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from common import sources
from common.datasets import SOURCES, fetch_dataset, load_bytes, load_images, read_idx
from common.errors import InputError
from common.sources import Source, missing_files
from labs.__main__ import fetch


def idx(array: np.ndarray) -> bytes:
    """An IDX file, written from its specification."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def tiny_mnist(tmp_path, monkeypatch) -> Source:
    """MNIST with 20 training and 10 test images, placed by hand under data/, its checksums in the table."""
    rng = np.random.default_rng(0)
    contents = {}
    for part, n in (("train", 20), ("t10k", 10)):
        contents[f"{part}-images-idx3-ubyte.gz"] = idx(rng.integers(0, 256, (n, 28, 28), np.uint8))
        contents[f"{part}-labels-idx1-ubyte.gz"] = idx(np.arange(n, dtype=np.uint8) % 10)
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    md5 = {}
    for name, content in contents.items():
        (folder / name).write_bytes(gzip.compress(content, mtime=0))
        md5[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
        monkeypatch.setitem(sources.UNPACKED_MD5, md5[name], hashlib.md5(content).hexdigest())
    source = dataclasses.replace(SOURCES["mnist"], digests=md5, mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(SOURCES, "mnist", source)
    return source


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "data" / "MNIST" / "raw"


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_checksums_and_folders_are_torchvisions(name):
    theirs = getattr(torchvision.datasets, name)
    ours = next(source for source in SOURCES.values() if source.folder == f"{name}/raw")
    assert ours.digests == dict(theirs.resources)


def test_the_page_about_data_lists_every_file_and_checksum():
    page = (Path(__file__).parent.parent.parent / "data" / "README.md").read_text(encoding="utf-8")
    for name, source in SOURCES.items():
        assert f"`{name}`" in page
        for file, md5 in source.digests.items():
            assert file in page
            assert md5 in page


def test_the_bytes_are_those_of_the_file_and_the_floats_are_they_divided_by_255(tiny_mnist, raw):
    """And back again: rounding 255 times the float gives the byte, for each of the 256."""
    bytes_, floats = load_bytes("mnist", "data"), load_images("mnist", "data")
    original = torch.from_numpy(read_idx(raw / "t10k-images-idx3-ubyte.gz").copy())
    assert torch.equal(bytes_.X_test[:, 0], original)
    assert bytes_.X_train.dtype == torch.uint8
    assert torch.equal(floats.X_train, bytes_.X_train / 255)
    assert torch.equal(floats.y_test, bytes_.y_test)
    assert bytes_.name == floats.name == "mnist"
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal((every / 255 * 255).round().byte(), every)


def test_pixels_are_scaled_once_to_0_1(tiny_mnist, raw):
    data = load_images("mnist", "data")
    original = read_idx(raw / "train-images-idx3-ubyte.gz")
    assert data.X_train.shape == (20, 1, 28, 28)
    assert data.X_train.dtype == torch.float32
    assert torch.equal((data.X_train[:, 0] * 255).round().byte(), torch.from_numpy(original.copy()))
    assert 0.5 < data.X_train.max() <= 1
    assert data.y_test.tolist() == list(range(10))


def test_unpacked_files_are_used_in_place(tiny_mnist, raw):
    packed = load_images("mnist", "data")
    for file in list(raw.iterdir()):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert missing_files(SOURCES["mnist"], "data") == []
    assert torch.equal(load_images("mnist", "data").X_train, packed.X_train)


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_file_is_named_and_never_trained_on(tiny_mnist, raw, damage, packed):
    path = raw / "train-images-idx3-ubyte.gz"
    if not packed:
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
        path = path.with_suffix("")
    content = path.read_bytes()
    broken = {"cut": content[: len(content) // 2], "altered": content[:-9] + b"X" + content[-8:], "empty": b""}
    path.write_bytes(broken[damage])
    for name in ("mnist", "auto"):
        with pytest.raises(InputError, match=f"{path.name} is damaged"):
            load_images(name, "data")


def test_the_format_alone_tells_a_damaged_file(tmp_path):
    """As for the look-alikes' unpacked files, for which no checksum is published."""
    path = tmp_path / "images"
    good = idx(np.zeros((3, 28, 28), np.uint8))
    path.write_bytes(good)
    assert read_idx(path).shape == (3, 28, 28)
    for bad in (good[:-1], good + b"\0", good[:3], b"", b"<html>not found</html>"):
        path.write_bytes(bad)
        with pytest.raises(InputError, match="damaged"):
            read_idx(path)


def test_labels_that_do_not_belong_are_found(tiny_mnist, raw, monkeypatch):
    labels = raw / "train-labels-idx1-ubyte.gz"
    labels.unlink()
    labels.with_suffix("").write_bytes(idx(np.full(20, 200, np.uint8)))
    monkeypatch.setattr(sources, "UNPACKED_MD5", {})
    with pytest.raises(InputError, match="not those of an MNIST-like"):
        load_images("mnist", "data")


def test_a_named_data_set_that_cannot_be_had_says_what_to_place_where(tiny_mnist, raw):
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"refused.*put t10k-labels-idx1-ubyte\.gz into data/MNIST/raw"):
        load_images("mnist", "data")


def test_offline_never_asks_the_network(tiny_mnist, raw, monkeypatch):
    monkeypatch.setattr(sources, "fetch", lambda *args, **kws: pytest.fail("asked the network"))
    assert load_images("mnist", "data", offline=True).name == "mnist"
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match="network is not to be used"):
        load_images("mnist", "data", offline=True)


def test_auto_is_the_courses_data_set_if_it_is_there(tiny_mnist):
    assert load_images("auto", "data").name == "mnist"


def test_auto_falls_back_to_the_digits_and_says_so(tmp_path):
    with pytest.warns(UserWarning, match=r"^using the embedded digits .* instead\n  mnist is not under"):
        data = load_images("auto", tmp_path / "nowhere", offline=True)
    assert data.name == "digits"


def test_missing_files_are_fetched_and_checked(tiny_mnist, raw, monkeypatch):
    name = "t10k-labels-idx1-ubyte.gz"
    content = (raw / name).read_bytes()
    (raw / name).unlink()
    asked = []

    def fake_fetch(urls, target, digest, **kws):
        asked.append((urls, digest))
        target.write_bytes(content)

    monkeypatch.setattr(sources, "fetch", fake_fetch)
    fetch_dataset("mnist", "data")
    assert asked == [([f"http://127.0.0.1:9/{name}"], tiny_mnist.digests[name])]


def test_labs_fetch_brings_a_data_set_from_a_server_and_says_so(tiny_mnist, raw, tmp_path, monkeypatch, capsys):
    """The whole way: `labs fetch mnist` from a web server on this machine, whose first mirror is not there."""
    served = tmp_path / "served"
    raw.rename(served)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mirrors = ("http://127.0.0.1:9/", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setitem(SOURCES, "mnist", dataclasses.replace(tiny_mnist, mirrors=mirrors))
        assert fetch(("mnist",), all=False, data_dir=Path("data")) == 0
        assert capsys.readouterr().out == "mnist: fetched, checksums right\n"
        assert fetch(("mnist",), all=False, data_dir=Path("data")) == 0
        assert capsys.readouterr().out == "mnist: there already, checksums right\n"
        server.shutdown()
    assert sorted(p.name for p in raw.iterdir()) == sorted(tiny_mnist.digests)
    assert load_images("mnist", "data", offline=True).name == "mnist"


def test_the_digits_need_no_network_and_look_like_mnist():
    data = load_images("digits", "nowhere")
    assert (len(data.X_train), len(data.X_test)) == (1438, 359)
    assert data.X_train.shape[1:] == (1, 28, 28)
    assert data.X_train.max() == 1
    assert data.X_train.min() == 0
    all_counts = torch.tensor([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])  # as scikit-learn documents them
    assert torch.equal(torch.bincount(data.y_train) + torch.bincount(data.y_test), all_counts)
    assert (torch.bincount(data.y_test) - all_counts / 5).abs().max() < 1
    # MNIST's geometry: all ink within the field's middle 20 rows (give or take the shift to the centre of mass)
    rows = data.X_train.sum(dim=(0, 1, 3))
    assert rows[:1].sum() == rows[-1:].sum() == 0


def test_cifar10_is_read_from_the_binary_edition(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    archive = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
            rows = rng.integers(0, 256, (4, 3073), np.uint8)
            rows[:, 0] = [3, 1, 4, 1]
            if name == "test_batch":
                test = rows
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = rows.size
            tar.addfile(info, io.BytesIO(rows.tobytes()))
    md5 = {archive.name: hashlib.md5(archive.read_bytes()).hexdigest()}
    monkeypatch.setitem(SOURCES, "cifar10", dataclasses.replace(SOURCES["cifar10"], digests=md5))
    data = load_images("cifar10", tmp_path, offline=True)
    assert data.X_train.shape == (20, 3, 32, 32)
    assert data.y_test.tolist() == [3, 1, 4, 1]
    assert data.classes[3] == "cat"
    green = test[2, 1 + 1024 : 1 + 2048].reshape(32, 32)  # red, then green, then blue, row by row
    assert torch.equal((data.X_test[2, 1] * 255).round().byte(), torch.from_numpy(green.copy()))


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(InputError, match="'mnits' is none of auto, mnist"):
        load_images("mnits", "data")


def test_loading_warns_of_nothing_else(tiny_mnist):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_images("mnist", "data")
