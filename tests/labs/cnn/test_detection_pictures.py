"""Figures of detection, pictures of one's own, torchvision's detectors, the notebook and the sheet."""

import hashlib
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import test_sheets
import test_structure
import torch
import torchvision
from PIL import Image

from common import weights
from common.errors import InputError
from labs.cnn.detection import Detection, HyperParams, build_model, explore, load_predict, pretrained, train
from labs.cnn.detection.own_scenes import PICTURES, to_scene
from labs.cnn.detection.timeline import TIMELINE, draw

PACKAGE = Path(load_predict.__file__).parent
TINY = {"dataset": "digits", "scenes": 8, "test_scenes": 4, "batch_size": 4, "epochs": 1, "quiet": True}
SMALL = "ssdlite320_mobilenet_v3_large"


def opened(path: Path) -> Image.Image:
    """The picture, its file closed again."""
    with Image.open(path) as picture:
        return picture.copy()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run, with its figures."""
    return train(**TINY, out=tmp_path_factory.mktemp("run"))[1]


def test_the_figures_of_a_run(run):
    names = {path.stem for path in (run.path / "figures").glob("*.png")}
    wanted = {"scenes", "cells", "learning", "detections", "mistakes", "precision_recall", "suppressed"}
    assert names == wanted
    for name in names:
        assert len(np.unique(opened(run.path / "figures" / f"{name}.png").convert("L"))) > 10, name
    assert (run.path / "per_class.csv").read_text().count("\n") == 11


# --- Pictures of one's own ------------------------------------------------------------------------------------------


def test_a_sheet_becomes_a_scene():
    X, factor = to_scene(opened(PICTURES / "sheet.png"), 120)
    assert X.shape == (1, 88, 120) and factor == pytest.approx(760 / 120)
    assert X.min() == 0 and X.max() == 1 and 0.02 < (X > 0.5).float().mean() < 0.2  # light strokes on black
    with pytest.raises(InputError, match="--side is 20; it must be at least 48 and at most 512"):
        to_scene(opened(PICTURES / "sheet.png"), 20)
    with pytest.raises(InputError, match="nothing to read"):
        to_scene(Image.new("L", (200, 100), 255))


def test_boxes_are_told_in_the_pictures_pixels(monkeypatch):
    """A detector that always finds the box 10, 20, 30, 40 in its scene of 96 pixels."""
    box = torch.tensor([[10.0, 20, 30, 40]])
    found = Detection(box, torch.tensor([7]), torch.tensor([0.9]))
    monkeypatch.setattr(load_predict, "predict", lambda *args: [found])
    there = load_predict.find_digits(build_model(), opened(PICTURES / "sheet.png"))
    assert torch.allclose(there.boxes, box * 760 / 96)
    assert load_predict.describe(there, list("0123456789")) == "7 (90%) at 79,158–238,317"
    assert load_predict.describe(Detection(box[:0], box[:0, 0], box[:0, 0]), []) == "nothing found"


def test_load_predict_draws_and_names_what_it_cannot_read(run, tmp_path, capsys):
    (tmp_path / "no.png").write_text("no picture")
    capsys.readouterr()
    own = (PICTURES / "sheet.png", tmp_path / "no.png", tmp_path / "none.png")
    assert load_predict.load_predict(own, run.path, threshold=0.0) == 2
    said = capsys.readouterr()
    assert "sheet.png: " in said.out and (run.path / "figures" / "load_predict.png").is_file()
    first, second = said.err.splitlines()
    assert "no.png cannot be read: it is no image" in first and "none.png: no such file" in second


# --- torchvision's detectors ----------------------------------------------------------------------------------------


@pytest.fixture
def photograph(tmp_path) -> Path:
    from sklearn.datasets import load_sample_image

    Image.fromarray(load_sample_image("china.jpg")).resize((200, 140)).save(tmp_path / "china.png")
    return tmp_path / "china.png"


@pytest.fixture(scope="module")
def small() -> torch.nn.Module:
    torch.manual_seed(5)
    return torchvision.models.get_model(SMALL, weights=None, weights_backbone=None, num_classes=91).eval()


@pytest.mark.filterwarnings("default")
def test_a_file_of_weights_is_what_looks(small, photograph, tmp_path):
    """Random weights of a known network, saved and read: the same boxes as that network's own, and COCO's names."""
    torch.save(small.state_dict(), tmp_path / "small.pth")
    args = pretrained.Request((photograph,), backbone=SMALL, weights=str(tmp_path / "small.pth"), device="cpu")
    network, classes = pretrained.load_detector(args)
    X = pretrained.read_photograph(photograph)
    assert X.shape == (3, 140, 200) and 0 <= X.min() < 0.2 and 0.8 < X.max() <= 1
    with torch.inference_mode():
        (reference,) = small([X])
    found = pretrained.detect(network, X, 0.0)
    assert len(found.labels) and torch.equal(found.boxes, reference["boxes"])
    assert len(classes) == 91 and classes[1] == "person" and classes[18] == "dog"
    some = pretrained.detect(network, X, float(reference["scores"][3]))
    assert len(some.labels) == int((reference["scores"] >= reference["scores"][3]).sum())


@pytest.mark.filterwarnings("default")
def test_weights_by_name_are_those_that_lie_there(small, photograph, tmp_path, monkeypatch, capsys):
    torch.save(small.state_dict(), tmp_path / "x.pth")
    digest = hashlib.sha256((tmp_path / "x.pth").read_bytes()).hexdigest()[:8]
    (tmp_path / "data" / "weights").mkdir(parents=True)
    file = (tmp_path / "x.pth").rename(tmp_path / "data" / "weights" / f"small-{digest}.pth")
    meta = {"categories": weights.published(SMALL).meta["categories"]}
    monkeypatch.setattr(
        weights, "published", lambda name: SimpleNamespace(url=f"http://nowhere/{file.name}", meta=meta)
    )
    kws = {"backbone": SMALL, "data_dir": tmp_path / "data", "device": "cpu", "offline": True, "threshold": 0.0}
    assert pretrained.look((photograph,), **kws, out=tmp_path / "out") == 0
    assert re.search(r"china.png: \d+ found\n  \w+.* \(\d+%\) at -?\d+,", capsys.readouterr().out)
    assert (tmp_path / "out" / "pretrained.png").is_file()
    file.write_bytes(b"half")
    with pytest.raises(InputError, match="is damaged"):
        pretrained.look((photograph,), **kws)
    file.unlink()
    with pytest.raises(InputError, match=f"put {file.name} from http://nowhere/ into"):
        pretrained.look((photograph,), **kws)


def test_drawn_weights_follow_the_seed(photograph):
    def drawn(seed: int) -> torch.Tensor:
        args = pretrained.Request((photograph,), backbone=SMALL, weights="none", seed=seed, device="cpu")
        return next(pretrained.load_detector(args)[0].parameters())

    assert torch.equal(drawn(0), drawn(0)) and not torch.equal(drawn(0), drawn(1))


def test_what_pretrained_refuses(photograph, tmp_path):
    with pytest.raises(InputError, match="no picture to look at"):
        pretrained.look(())
    with pytest.raises(InputError, match="--backbone yolov8 is none of fasterrcnn_mobilenet_v3_large_320_fpn"):
        pretrained.look((photograph,), backbone="yolov8", device="cpu")
    with pytest.raises(InputError, match="--seed has no effect unless weights are drawn"):
        pretrained.Request((photograph,), seed=3)
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file({"x": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=f"is not of {SMALL}: it has no backbone"):
        pretrained.look((photograph,), backbone=SMALL, weights=str(tmp_path / "other.safetensors"), device="cpu")


def test_every_detector_has_published_weights_and_words():
    assert {"fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "ssd300_vgg16", SMALL} <= set(pretrained.names())
    for name in pretrained.names():
        assert "person" in weights.published(name).meta["categories"]
        assert re.search(r"-[0-9a-f]{8}\.pth$", weights.published(name).url)


# --- Timeline, notebook, sheet --------------------------------------------------------------------------------------


def test_the_timeline_goes_forward(tmp_path):
    years = [year for year, _, _ in TIMELINE]
    assert years == sorted(years) and (2014, "R-CNN") in [row[:2] for row in TIMELINE]
    draw(out=tmp_path)
    assert opened(tmp_path / "timeline.png").width > 1000


def test_what_the_notebook_draws():
    _, said = explore.draw_two_boxes(42, 30, 36, 36)  # moved by a third of the side
    assert "intersection 864, union 1296 + 1296 − 864 = 1728" in said and "IoU = 864/1728 = 0.500" in said
    assert "= 0.000" in explore.draw_two_boxes(0, 0, 10, 10)[1]
    figure, said = explore.draw_grid("digits", 3, 8, 3)
    assert said.count("anchor ") == len(said.splitlines()) - 1 and len(figure.axes) == 2
    assert explore.draw_new_scenes("digits", 1, 6, 0.3)[1] != explore.draw_new_scenes("digits", 2, 6, 0.3)[1]
    model, run = build_model(HyperParams(), torch.tensor([[9.0, 15], [14, 22], [21, 30]])), SimpleNamespace()
    run.settings = HyperParams(dataset="digits")
    many = explore.draw_suppression(model, run, 3, 0.0, 1.0)
    few = explore.draw_suppression(model, run, 3, 0.0, 0.1)
    assert many.axes[0].get_title() == "432 boxes before" == few.axes[0].get_title()
    assert many.axes[1].get_title().startswith("432 after") and not few.axes[1].get_title().startswith("432")
    assert explore.draw_found(model, run, 1, 1.0)[1].startswith("0 boxes; ")
    assert explore.draw_own(model, run, None, 96, 1.0)[1] == "0 found; one pixel here is 7.9 of the picture"


def test_the_notebook_asks():
    assert (PACKAGE / "notebook.py").read_text(encoding="utf-8").count("**Question") >= 4


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_twin_runs_from_top_to_bottom(tmp_path, monkeypatch):
    """With fewer scenes; as a student runs it, it trains for a minute."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("LABS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    text = (PACKAGE / "detection.ipynb").read_text(encoding="utf-8")
    assert "1, 15, 4" in text and "100, 4000, 2000" in text
    text = text.replace("1, 15, 4", "1, 15, 1").replace("100, 4000, 2000", "100, 4000, 100")
    notebook = nbformat.reads(text, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("<img" in str(o.get("data", {}).get("text/html", "")) for o in outputs) >= 10
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "Traceback" not in said and "Warning" not in said, said
    assert "Figure(" not in json.dumps([o.get("data", {}) for o in outputs])


def test_the_sheet_has_its_parts_and_its_commands_are_understood():
    sheet = PACKAGE / "README.md"
    test_sheets.test_a_sheet_has_its_parts(sheet)
    test_sheets.test_pictures_are_there_small_and_described(sheet)
    assert {path.resolve() for path in (PACKAGE / "images").glob("*")} <= set(test_sheets.pictures(sheet))
    assert len(test_structure.readme_commands(sheet)) >= 5
    test_structure.test_every_command_in_a_text_is_understood(sheet)
