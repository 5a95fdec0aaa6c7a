"""Every flag of every command of this lab does something."""

import re
from pathlib import Path

import pytest
import torch
from flags import Case, check_all_listed, check_flag

from common.checkpoint import digest
from common.datasets import ImageData
from common.runs import Run
from labs.cnn.classify_2d import Playground, play
from labs.cnn.cnn import HyperParams, build_model, train
from labs.cnn.detection import HyperParams as Detection
from labs.cnn.detection import build_model as build_detector
from labs.cnn.detection import detection, pretrained
from labs.cnn.detection.export import Request as ExportDetector
from labs.cnn.detection.export import export as export_detector
from labs.cnn.detection.load_predict import Request as Looking
from labs.cnn.detection.load_predict import load_predict as find_digits
from labs.cnn.detection.timeline import Request as Timeline
from labs.cnn.detection.timeline import draw
from labs.cnn.export import Request as Export
from labs.cnn.export import export
from labs.cnn.kernels import Request as Kernel
from labs.cnn.kernels import convolve_picture
from labs.cnn.load_predict import Request as Reading
from labs.cnn.load_predict import load_predict
from labs.cnn.own_pictures import PICTURES
from labs.cnn.shapes import Request as Shapes
from labs.cnn.shapes import shapes

TINY = {"dataset": "digits", "limit": 40, "epochs": 2, "batch_size": 16}
TASK2 = {"model": "task2"}
SCENES = {"dataset": "digits", "scenes": 8, "test_scenes": 2, "batch_size": 4, "epochs": 1, "digits": 3}
PHOTOGRAPHS = {
    "pictures": (PICTURES / "8.png",),
    "backbone": "ssdlite320_mobilenet_v3_large",
    "weights": "none",
    "threshold": 0.0,
}
CASES = [
    Case(
        HyperParams,
        train,
        TINY,
        {
            "dataset": {"dataset": "mnist", "limit": 40},
            "preset": "fast",
            "seed": 1,
            "epochs": 1,
            "batch_size": 8,
            "lr": 1e-2,
            "precision": "bfloat16",
            "limit": 41,
            "optimizer": "sgd",
            "schedule": "cosine",
            "model": "lenet",
            "start": "orthogonal",
            "split": (0.6, 0.2, 0.2),
            "hold_out": 0.4,
            "patience": {"patience": 1, "split": (0.6, 0.2, 0.2), "epochs": 4, "lr": 0.5, "optimizer": "sgd"},
            "filters": {"filters": (8, 8), **TASK2},
            "kernel_size": {"kernel_size": 5, **TASK2},
            "padding": {"padding": "same", **TASK2},
            "stride": {"stride": 2, **TASK2},
            "pooling": {"pooling": "average", **TASK2},
            "weight_decay": 0.1,
            "dropout": {"dropout": 0.5, **TASK2},
            "batch_norm": {"batch_norm": True, **TASK2},
            "degrees": 20.0,
            "zoom": 0.2,
            "shift": 2,
            "flip": True,
            "label_smoothing": 0.1,
        },
        exempt={"compile": "the same numbers, to rounding; test_cnn.py's slow test"},
    ),
    Case(
        Playground,
        play,
        {"steps": 3},
        {
            "shape": "moons",
            "features": "squares",
            "file": Path(__file__).parent / "points.csv",
            "points": 40,
            "noise": 0.5,
            "hidden": 3,
            "layers": 2,
            "activation": "relu",
            "steps": 9,
            "lr": 0.5,
            "weight_decay": 1.0,
            "seed": 1,
            "out": Path("elsewhere.png"),
        },
    ),
    Case(
        Kernel,
        convolve_picture,
        {"picture": "digit"},
        {"picture": "flower", "kernel": "blur", "bias": 0.3, "relu": True, "pool": 2, "out": Path("elsewhere.png")},
    ),
    Case(
        Shapes,
        shapes,
        {},
        {
            "model": "lenet",
            "size": (40, 40),
            "channels": 3,
            "batch_size": 2,
            "filters": {"filters": (8, 8), **TASK2},
            "kernel_size": {"kernel_size": 5, **TASK2},
            "padding": {"padding": "same", **TASK2},
            "stride": {"stride": 2, **TASK2},
            "pooling": {"pooling": "average", **TASK2},
            "batch_norm": {"batch_norm": True, **TASK2},
            "out": Path("elsewhere.png"),
        },
    ),
]
CASES += [
    Case(
        detection.HyperParams,
        detection.train,
        SCENES,
        {
            "dataset": "mnist",
            "seed": 1,
            "epochs": 2,
            "batch_size": 8,
            "lr": 1e-2,
            "precision": "bfloat16",
            "limit": 20,
            "optimizer": "sgd",
            "schedule": {"schedule": "constant", "epochs": 2},
            "scenes": 4,
            "test_scenes": 3,
            "digits": 6,
            "overlap": 0.0,
            "anchors": 2,
            "cell": 16,
            "box_weight": 1.0,
            "empty_weight": 1.0,
        },
        exempt={"compile": "the same numbers, to rounding; the loop of labs.cnn, whose slow test compiles"},
    ),
    Case(
        pretrained.Request,
        pretrained.look,
        PHOTOGRAPHS,
        {
            "pictures": (PICTURES / "5.png",),
            "backbone": "ssd300_vgg16",
            "threshold": 1.0,
        },
        exempt={
            "weights": "test_detection_pictures.py: by name, from a file, none",
            "seed": "test_detection_pictures.py: drawn weights are others",
        },
    ),
    Case(Timeline, draw, {}, {}),
]
PAIRS = [(case, flag) for case in CASES for flag in case.changes]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_flag_is_listed(case):
    check_all_listed(case)


@pytest.mark.parametrize(("case", "flag"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_a_flag_changes_the_outcome(case, flag, monkeypatch):
    monkeypatch.setattr("labs.cnn.cnn.load_images", images)
    monkeypatch.setattr("labs.cnn.cnn.save_figures", lambda *args: None)
    monkeypatch.setattr("labs.cnn.detection.detection.load_images", images)
    monkeypatch.setattr("labs.cnn.detection.detection.save_figures", lambda *args: None)
    check_flag(case, flag)


def images(name, *args, **kws):
    """Eighty images of noise; of another name, others."""
    generator = torch.Generator().manual_seed(len(name))
    X, y = torch.rand(80, 1, 28, 28, generator=generator), torch.arange(80) % 10
    return ImageData(name, tuple("0123456789"), X[:60], y[:60], X[60:], y[60:])


def test_the_flags_of_load_predict(tmp_path, capsys, monkeypatch):
    """Which pictures, and which run's network reads them."""
    monkeypatch.setattr("labs.cnn.cnn.save_figures", lambda *args: None)
    for seed in (0, 1):
        train(**TINY, seed=seed, out=tmp_path / str(seed), quiet=True)
    capsys.readouterr()

    def said(**kws):
        load_predict(**{**Reading(**kws).__dict__})
        return capsys.readouterr().out

    picture = PICTURES / "1.png"
    base = said(pictures=(picture,), run=tmp_path / "0")
    assert said(pictures=(PICTURES / "5.png",), run=tmp_path / "0") != base
    assert said(pictures=(picture,), run=tmp_path / "1") != base


def test_the_flags_of_export(tmp_path, capsys, monkeypatch):
    """Which run's network is written, and where to; another seed has other weights, and nothing else is compared."""
    monkeypatch.setattr("common.exchange.to_onnx", lambda model, *_: digest(model.state_dict(), "").encode())
    monkeypatch.setattr("common.exchange.largest_difference", lambda *args: 0.0)
    for write, request, kind, build in (
        (export, Export, HyperParams, build_model),
        (export_detector, ExportDetector, Detection, build_detector),
    ):
        runs = [tmp_path / f"{kind.COMMAND}{i}" for i in range(2)]
        for path in runs:
            with Run(kind(dataset="digits", device="cpu", quiet=True, out=path)) as run:
                run.save_model(build(run.settings), classes=list("0123456789"))
        first = write(**vars(request(run=runs[0]))).read_bytes()
        assert write(**vars(request(run=runs[1]))).read_bytes() != first
        elsewhere = write(**vars(request(run=runs[0], out=tmp_path / "net.onnx")))
        assert (elsewhere, elsewhere.read_bytes()) == (tmp_path / "net.onnx", first)


def test_the_flags_of_the_detectors_load_predict(tmp_path, capsys, monkeypatch):
    """Which pictures, which run's detector looks, how large, and what it tells."""
    monkeypatch.setattr("labs.cnn.detection.detection.load_images", images)
    monkeypatch.setattr("labs.cnn.detection.detection.save_figures", lambda *args: None)
    for seed in (0, 1):
        detection.train(**SCENES, seed=seed, out=tmp_path / str(seed), quiet=True)
    capsys.readouterr()

    def said(**kws):
        settings = {"run": tmp_path / "0", "threshold": 0.0, **kws}
        find_digits(**{**Looking(**settings).__dict__})
        return re.sub(r".*what the network saw.*", "", capsys.readouterr().out)

    base = said()
    for change in (
        {"pictures": (PICTURES / "8.png",)},
        {"run": tmp_path / "1"},
        {"side": 120},
        {"threshold": 1.0},
        {"overlap": 1.0},
    ):
        assert said(**change) != base, change
