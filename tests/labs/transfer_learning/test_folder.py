"""Pictures of one's own: one folder a class, whatever the files and the classes are called."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import InputError
from labs.transfer_learning import pictures
from labs.transfer_learning.labelled_images import get_data
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import train

CPU = torch.device("cpu")
NAMES = ("cats & $dogs$", "Äpfel", "猫")


def save(path: Path, colour: tuple[int, ...], size: tuple[int, int] = (20, 20), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three classes of ten pictures; the class is the colour's strongest part."""
    for label, name in enumerate(NAMES):
        for i in range(10):
            colour = [20 * (i % 3)] * 3
            colour[label] = 200
            save(tmp_path / "own" / name / f"{i}.png", tuple(colour))
    return tmp_path / "own"


def settings(folder: Path, **kws) -> HyperParams:
    given = {"backbone": "mobilenet_v3_small", "weights": "none", "image_size": 32, "strategy": "feature_extraction"}
    return resolve(HyperParams(**{"dataset": f"folder:{folder}", "train_images": 0, "test_images": 0, **given, **kws}))


def test_a_folder_a_class(folder):
    data = get_data(settings(folder), CPU)
    assert data.classes == tuple(sorted(NAMES))
    assert (len(data.train[1]), len(data.test[1])) == (24, 6)
    assert data.train[0].shape == (24, 3, 20, 20)
    assert data.train[0].dtype == torch.uint8
    for X, y in (data.train, data.test):
        strongest = X[:, :, 0, 0].argmax(dim=1)
        assert [NAMES[i] for i in strongest] == [data.classes[label] for label in y]


def test_its_own_split_is_kept(tmp_path):
    for part, n in (("train", 4), ("test", 2)):
        for name in ("a", "b"):
            for i in range(n):
                save(tmp_path / "own" / part / name / f"{i}.jpg", (i, i, i))
    data = get_data(settings(tmp_path / "own"), CPU)
    assert (len(data.train[1]), len(data.test[1])) == (8, 4)
    pooled = get_data(settings(tmp_path / "own", split=(0.5, 0.25, 0.25)), CPU)
    assert [len(part[1]) for part in (pooled.train, pooled.val, pooled.test)] == [6, 3, 3]


def test_unreadable_files_are_named_and_left_out(folder):
    (folder / NAMES[0] / "notes.txt").write_text("no picture")
    (folder / NAMES[1] / "cut.png").write_bytes((folder / NAMES[1] / "0.png").read_bytes()[:40])
    (folder / NAMES[1] / ".hidden").write_text("not looked at")
    (folder / "readme.txt").write_text("beside the classes")
    paths, y = pictures.list_pictures(folder)[1]["all"]
    assert len(paths) == 32
    with pytest.warns(UserWarning, match=r"no readable pictures \(2\).*(notes\.txt|cut\.png)"):
        X, labels = pictures.read_pictures(paths, y, 32)
    assert len(X) == len(labels) == 30


def test_only_regular_files_are_opened(folder):
    """A pipe to which nobody writes would be waited for without end."""
    os.mkfifo(folder / NAMES[0] / "pipe.png")
    paths, _ = pictures.list_pictures(folder)[1]["all"]
    assert len(paths) == 30
    with pytest.raises(InputError, match="pipe.png is no regular file"):
        pictures.open_picture(folder / NAMES[0] / "pipe.png", 32)


def test_pictures_of_any_size_and_kind_become_squares_of_one_size(tmp_path):
    save(tmp_path / "wide.png", (10, 20, 30), (100, 40))
    save(tmp_path / "small.png", (10, 20, 30), (7, 9))
    save(tmp_path / "grey.png", (10, 10, 10), (50, 50), "L")
    save(tmp_path / "palette.gif", (10, 20, 30), (50, 60), "P")
    save(tmp_path / "print.jpg", (10, 20, 30), (300, 200), "CMYK")
    paths = sorted(tmp_path.iterdir())
    X, _ = pictures.read_pictures(paths, torch.zeros(5), 32)
    assert X.shape == (5, 3, 32, 32)


def test_the_middle_of_a_picture_is_kept_and_a_photograph_is_turned_upright(tmp_path):
    stripes = np.zeros((10, 30, 3), np.uint8)
    stripes[:, 10:20] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    assert (pictures.read_picture(tmp_path / "a.png", 32) == 255).all()
    upper = np.zeros((16, 16, 3), np.uint8)
    upper[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # held upside down
    Image.fromarray(upper).save(tmp_path / "b.png", exif=exif)
    assert (pictures.read_picture(tmp_path / "b.png", 32)[8:] == 255).all()


def test_only_the_pictures_asked_for_are_opened(folder, monkeypatch):
    opened = []
    read = pictures.read_picture
    monkeypatch.setattr(pictures, "read_picture", lambda path, size: opened.append(path) or read(path, size))
    get_data(settings(folder, train_images=6, test_images=3), CPU)
    assert len(opened) == 9


def test_training_on_a_folder_whose_names_are_formulas_and_unknown_letters(folder):
    _, run = train(
        dataset=f"folder:{folder}",
        backbone="mobilenet_v3_small",
        weights="none",
        image_size=32,
        strategy="from_scratch",
        epochs=1,
        quiet=True,
        out=Path("run"),
        device="cpu",
    )
    assert run.settings.dataset == f"folder:{folder}"
    assert (run.path / "figures" / "confusion.png").is_file()


def test_what_begins_with_a_dot_is_no_class_and_no_picture(folder):
    save(folder / ".thumbnails" / "a.png", (1, 2, 3))
    save(folder / NAMES[0] / ".hidden.png", (1, 2, 3))
    classes, found = pictures.list_pictures(folder)
    assert set(classes) == set(NAMES)
    assert len(found["all"][0]) == 30


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text exist on Linux only")
def test_a_class_whose_name_is_no_text_can_still_be_printed(tmp_path):
    for name in (b"\xff\xe9", b"plain"):
        (tmp_path / os.fsdecode(name)).mkdir()
        (tmp_path / os.fsdecode(name) / "a.png").touch()
    classes, _ = pictures.list_pictures(tmp_path)
    assert sorted(classes) == ["??", "plain"]


@pytest.mark.parametrize("kind", ["missing", "empty", "one class", "no pictures", "unreadable"])
def test_a_folder_that_is_no_data_set_is_named(tmp_path, kind):
    root = tmp_path / "own"
    if kind != "missing":
        root.mkdir()
    for name in {"one class": ["a"], "no pictures": ["a", "b"], "unreadable": ["a", "b"]}.get(kind, []):
        (root / name).mkdir()
        if kind == "unreadable":
            for i in range(10):
                (root / name / f"{i}.png").write_text("no")
    said = {"missing": "no such folder", "no pictures": "no picture in", "unreadable": "readable picture"}
    with pytest.raises(InputError, match=said.get(kind, "class")), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the unreadable files are named, too
        pictures.read_pictures(*pictures.list_pictures(root)[1]["all"], 32)
