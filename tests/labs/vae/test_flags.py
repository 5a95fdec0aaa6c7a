"""Every flag of every command of this lab does something."""

import dataclasses
from pathlib import Path

import pytest
from flags import Case, check_all_listed, check_flag, looking_at_a_run

from common.checkpoint import digest
from common.datasets import load_images
from labs.vae import anomaly, export, information, latent, likelihood, sample, shapes, vae

TINY = {"dataset": "digits", "limit": 40, "epochs": 2, "batch_size": 16, "hidden": (8,), "quiet": True, "device": "cpu"}
RUNS: dict[str, Path] = {}  # `two` has another seed than `one`


@pytest.fixture(scope="module", autouse=True)
def trained(tmp_path_factory):
    """The runs that commands look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vae, "save_figures", lambda *args: None)
        for seed, name in enumerate(("one", "two")):
            RUNS[name] = tmp_path_factory.mktemp("runs") / name
            vae.train(**TINY, seed=seed, out=RUNS[name])


CASES = [
    Case(
        vae.HyperParams,
        vae.train,
        TINY,
        {
            "seed": 1,
            "dataset": {"dataset": "mnist", "limit": 40},
            "epochs": 1,
            "batch_size": 8,
            "lr": 1e-2,
            "precision": "bfloat16",
            "limit": 41,
            "preset": "examples",
            "model": "conv_vae",
            "latent_dim": 3,
            "hidden": (9,),
            "activation": "relu",
            "filters": {"filters": (3,), "model": "conv_vae"},
            "beta": 2.0,
            "warmup": 2,
            "likelihood": "gaussian",
            "pixel_std": {"pixel_std": 0.5, "likelihood": "gaussian"},
            "binarize": "dynamic",
            "noise": {"noise": 0.1, "model": "denoising_autoencoder"},
            "l2": 0.1,
            "split": (0.7, 0.3),
        },
        exempt={"compile": "the same numbers, to rounding"},
    ),
    Case(
        sample.Request,
        looking_at_a_run(sample.sample, RUNS),
        {"count": 4},
        {"run": "two", "count": 5, "seed": 1, "single": True, "interpolate": (3, 8)},
    ),
    Case(
        export.Request,
        looking_at_a_run(export.export, RUNS),
        {"out": Path("net.onnx")},
        {"run": "two", "out": Path("elsewhere.onnx")},
    ),
    Case(
        latent.Request,
        looking_at_a_run(latent.draw_latent_space, RUNS),
        {"side": 2, "steps": 2},
        {"run": "two", "side": 3, "steps": 3},
    ),
    Case(
        anomaly.Request,
        looking_at_a_run(anomaly.detect, RUNS),
        {},
        {"run": "two", "against": "noise"},
    ),
    Case(
        likelihood.Request,
        looking_at_a_run(likelihood.estimate, RUNS),
        {"samples": 3, "images": 20},
        {"run": "two", "samples": 4, "images": 21, "seed": 1},
    ),
    Case(
        shapes.Request,
        shapes.shapes,
        {},
        {
            "preset": "examples",
            "model": "autoencoder",
            "latent_dim": 3,
            "hidden": (9,),
            "filters": {"filters": (3,), "model": "conv_vae"},
        },
    ),
    Case(
        information.Request,
        information.inform,
        {"p": (0.5, 0.5)},
        {"p": (0.9, 0.1), "q": (0.9, 0.1), "unit": "bits"},
    ),
]
PAIRS = [(case, flag) for case in CASES for flag in case.changes]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_flag_is_listed(case):
    check_all_listed(case)


@pytest.mark.parametrize(("case", "flag"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_a_flag_changes_the_outcome(case, flag, monkeypatch):
    monkeypatch.setattr(vae, "save_figures", lambda *args: None)
    monkeypatch.setattr(vae, "load_images", images)
    if case.kind is export.Request:  # the weights say it all, and faster
        monkeypatch.setattr("common.exchange.to_onnx", lambda model, *_: digest(model.state_dict(), "").encode())
        monkeypatch.setattr("common.exchange.largest_difference", lambda *args: 0.0)
    if case.kind is shapes.Request:  # the tables say it all
        monkeypatch.setattr("common.plots.write_figure", lambda path, figure: path)
    check_flag(case, flag)


def images(name, *args, **kws):
    """The digits; the other data sets' stand-in is the digits mirrored."""
    found = load_images("digits", *args, **kws)
    return found if name == "digits" else dataclasses.replace(found, name=name, X_train=found.X_train.flip(3))
