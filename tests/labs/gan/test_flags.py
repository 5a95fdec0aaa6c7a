"""Every flag of every command of this lab does something."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from flags import Case, check_all_listed, check_flag, looking_at_a_run
from PIL import Image

from common.checkpoint import digest
from common.datasets import load_images
from common.files import write_csv
from labs.gan import evaluate, export, gan, gan_1d, gan_2d, quiz, sample, shapes

TINY = {"dataset": "digits", "model": "course", "limit": 2, "epochs": 2, "batch_size": 20}
TINY |= {"quiet": True, "device": "cpu"}
DATA: dict[str, Path] = {}
RUNS: dict[str, Path] = {}  # `two` has another seed than `one`


@pytest.fixture(scope="module", autouse=True)
def trained(data_dir, tmp_path_factory):
    """The runs that commands look at, and a data directory whose judge of MNIST is that of the digits."""
    DATA["dir"] = tmp_path_factory.mktemp("judges")
    for name in ("digits", "mnist"):
        shutil.copy(data_dir / "gan_judge-digits.safetensors", DATA["dir"] / f"gan_judge-{name}.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gan, "SAMPLES", 500)
        patch.setattr(gan, "save_figures", lambda *args: None)
        for name in ("draw", "animate"):
            patch.setattr(gan.Watch, name, lambda *args: None)
        for seed, name in enumerate(("one", "two")):
            RUNS[name] = tmp_path_factory.mktemp("runs") / name
            gan.train(**TINY, data_dir=DATA["dir"], seed=seed, out=RUNS[name])


CASES = [
    Case(
        gan.HyperParams,
        lambda **kws: gan.train(data_dir=DATA["dir"], **kws),
        TINY,
        {
            "seed": 1,
            "dataset": "mnist",
            "epochs": 1,
            "batch_size": 10,
            "lr": 1e-2,
            "precision": "bfloat16",
            "limit": 3,
            "model": "task4",
            "discriminator_lr": 1e-2,
            "beta1": 0.5,
            "latent_dim": 7,
            "dropout": 0.5,
            "real_label": 0.9,
            "sample_every": 1,
        },
        exempt={"compile": "the same numbers, to rounding"},
    ),
    Case(
        sample.Request,
        looking_at_a_run(sample.sample, RUNS),
        {"count": 1, "device": "cpu"},
        {"run": "two", "count": 2, "seed": 1, "single": True, "interpolate": True},
    ),
    Case(
        export.Request,
        looking_at_a_run(export.export, RUNS),
        {"out": Path("net.onnx")},
        {"run": "two", "out": Path("elsewhere.onnx")},
    ),
    Case(
        evaluate.Request,
        looking_at_a_run(evaluate.measure, RUNS),
        {"samples": 100, "device": "cpu"},
        {"run": "two", "samples": 110, "seed": 2},
    ),
    Case(
        quiz.Request,
        looking_at_a_run(quiz.set_quiz, RUNS),
        {},
        {"run": "two", "number": 2, "generated": (1, 2)},
    ),
    Case(shapes.Request, shapes.shapes, {}, {"model": "dcgan", "latent_dim": 7}),
    Case(gan_1d.HyperParams, gan_1d.train, {"steps": 3}, {"steps": 4, "lr": 0.1, "hidden": 2, "seed": 1}),
    Case(
        gan_2d.HyperParams,
        gan_2d.train,
        {"steps": 3},
        {"steps": 4, "batch_size": 8, "lr": 1e-3, "discriminator_lr": 1e-3, "seed": 1},
    ),
]
PAIRS = [(case, flag) for case in CASES for flag in case.changes]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_flag_is_listed(case):
    check_all_listed(case)


@pytest.mark.parametrize(("case", "flag"), PAIRS, ids=lambda part: getattr(part, "name", part))
@pytest.mark.filterwarnings("ignore:epoch")  # so short a training goes wrong, and is warned of
def test_a_flag_changes_the_outcome(case, flag, monkeypatch):
    for module in (gan, evaluate, quiz):
        monkeypatch.setattr(module, "load_images", images)
    for module in (gan_1d, gan_2d):  # the history says more than the figures, and faster
        monkeypatch.setattr(module, "save_figures", lambda folder, *_: write_csv(folder / "history.csv", _[-1]))
    monkeypatch.setattr(gan, "save_figures", lambda *args: None)
    if case.kind is gan.HyperParams:  # that a picture is written says it all
        monkeypatch.setattr("labs.gan.pictures.plot_sheet", lambda *args, **kws: None)
    monkeypatch.setattr(gan.Watch, "animate", lambda watch: None)
    if case.kind is export.Request:  # the weights say it all, and faster
        monkeypatch.setattr("common.exchange.to_onnx", lambda model, *_: digest(model.state_dict(), "").encode())
        monkeypatch.setattr("common.exchange.largest_difference", lambda *args: 0.0)
    if case.kind is shapes.Request:  # the tables say it all
        monkeypatch.setattr("common.plots.write_figure", lambda path, figure: path)
    if case.kind is evaluate.Request:
        monkeypatch.setattr("common.animation.as_image", lambda figure: Image.new("L", (1, 1)))
    check_flag(case, flag)


def images(name, *args, **kws):
    """The digits; the other data sets' stand-in is the digits mirrored."""
    found = load_images("digits", *args, **kws)
    return found if name == "digits" else dataclasses.replace(found, name=name, X_train=found.X_train.flip(3))
