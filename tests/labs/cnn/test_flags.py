"""Every flag of every command of this lab does something."""

from pathlib import Path

import pytest
import torch
from flags import Case, check_all_listed, check_flag

from common.datasets import ImageData
from labs.cnn.classify_2d import Playground, play
from labs.cnn.cnn import HyperParams, train
from labs.cnn.kernels import Request as Kernel
from labs.cnn.kernels import convolve_picture
from labs.cnn.load_predict import Request as Reading
from labs.cnn.load_predict import load_predict
from labs.cnn.own_pictures import PICTURES
from labs.cnn.shapes import Request as Shapes
from labs.cnn.shapes import shapes

TINY = {"dataset": "digits", "limit": 40, "epochs": 2, "batch_size": 16}
TASK2 = {"model": "task2"}
CASES = [
    Case(
        HyperParams,
        train,
        TINY,
        {
            "dataset": {"dataset": "mnist", "limit": 40},
            "seed": 1,
            "epochs": 1,
            "batch_size": 8,
            "lr": 1e-2,
            "precision": "bfloat16",
            "limit": 41,
            "optimizer": "sgd",
            "schedule": "cosine",
            "model": "lenet",
            "split": (0.6, 0.2, 0.2),
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
            "flip": True,
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
PAIRS = [(case, flag) for case in CASES for flag in case.changes]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_flag_is_listed(case):
    check_all_listed(case)


@pytest.mark.parametrize(("case", "flag"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_a_flag_changes_the_outcome(case, flag, monkeypatch):
    monkeypatch.setattr("labs.cnn.cnn.load_images", images)
    monkeypatch.setattr("labs.cnn.cnn.save_figures", lambda *args: None)
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
