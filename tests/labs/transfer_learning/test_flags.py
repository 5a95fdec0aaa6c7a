"""Every flag of every command of this lab does something."""

import contextlib
import dataclasses
import io
import shutil
from pathlib import Path

import pytest
import torch
from flags import Case, check_all_listed, check_flag, outcome
from PIL import Image

from common.datasets import ImageData
from common.errors import InputError
from common.runs import Run
from labs.transfer_learning import compare_strategies, grad_cam, load_predict
from labs.transfer_learning.architectures import Request as Networks
from labs.transfer_learning.architectures import print_table
from labs.transfer_learning.compare_strategies import Comparison, compare
from labs.transfer_learning.export import Request as Export
from labs.transfer_learning.labels_per_class import LabelsPerClass, sweep
from labs.transfer_learning.loss_landscape import LossLandscape, landscape
from labs.transfer_learning.pretrain import Pretraining, pretrain
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import train
from labs.transfer_learning.transfer_learning_mnist import MnistHyperParams
from labs.transfer_learning.transfer_learning_mnist import train as train_mnist

COMPILED = {"compile": "the same numbers, to rounding"}
TUNED = {"strategy": "fine_tuning"}
SPLIT = {"split": (0.6, 0.2, 0.2)}
FEW = {"labels": (1,), "strategies": ("feature_extraction",)}
PAIR = {"dataset": "digits", "train_images": 20, "test_images": 10, "epochs": 2, "lr": 0.01, "quiet": True}
ALONE = {**PAIR, "backbone": "characters", "baseline": False}
BOTH = ("feature_extraction", "fine_tuning")
RECIPE = {
    "seed": 1,
    "weights": "none",
    "unfreeze": 1,
    "batch_size": 7,
    "lr": 0.1,
    "backbone_lr": 0.01,
    "schedule": "constant",
    "optimizer": "sgd",
    "hidden": 16,
    "standardize": True,
    "dropout": 0.5,
    "image_size": 24,
    "test_images": 12,
    "degrees": 20.0,
    "zoom": 0.2,
    "flip": True,
    "brightness": 0.3,
    "precision": "bfloat16",
}
PARTS = {
    "epochs": 3,
    "train_images": 30,
    "limit": 15,
    "split": (0.6, 0.2, 0.2),
    "patience": {"patience": 1, "epochs": 4, "lr": 3.0, "schedule": "constant", **SPLIT},
    "no_cache": True,
}
SINGLE = {
    **RECIPE,
    **PARTS,
    "dataset": {"dataset": "mnist", "weights": "characters", "schedule": "cosine"},
    "unfreeze": {"unfreeze": 1, **TUNED},
    "backbone_lr": {"backbone_lr": 0.01, **TUNED},
    "backbone": {"backbone": "squeezenet1_0", "weights": "none", "image_size": 32},
    "strategy": "from_scratch",
    "baseline": True,
    "start_from": {"start_from": Path("first"), **TUNED},
}


def train_from_first(**kws) -> None:
    """Train; where the flag is given, after the run that it starts from, of which nothing stays."""
    if "start_from" in kws:
        with contextlib.redirect_stdout(io.StringIO()):
            train(**ALONE, out=kws["start_from"])
    train(**kws)
    shutil.rmtree("first", ignore_errors=True)


CASES = [
    Case(HyperParams, train_from_first, ALONE, SINGLE, COMPILED),
    Case(
        MnistHyperParams,
        train_mnist,
        {**ALONE, "dataset": "mnist"},
        {"batch_size": 7},
        dict.fromkeys([*SINGLE, "compile"], "as in the course's other lab: only the defaults differ"),
    ),
    Case(
        Comparison,
        compare,
        {**PAIR, "backbones": ("characters",), "strategies": BOTH},
        {
            **RECIPE,
            **PARTS,
            "dataset": {"dataset": "mnist", "weights": "characters", "schedule": "cosine"},
            "backbones": {"backbones": ("characters", "squeezenet1_0"), "weights": "none", "image_size": 32},
            "strategies": ("from_scratch", "fine_tuning"),
            "depths": (2,),
            "rates": {"rates": (0.01, 0.1), "lr": None, **SPLIT},
            "backbone_rates": {"backbone_rates": (0.001, 0.01), **SPLIT},
        },
        COMPILED,
    ),
    Case(
        LabelsPerClass,
        sweep,
        {
            "dataset": "digits",
            "labels": (2,),
            "strategies": BOTH,
            "draws": 1,
            "epochs": 4,
            "test_images": 0,
            "lr": 0.01,
        },
        {
            **RECIPE,
            "dataset": {"dataset": "mnist", "backbone": "characters"},
            "backbone": {"backbone": "squeezenet1_0", "weights": "none", "image_size": 32},
            "labels": (3,),
            "strategies": ("from_scratch", "fine_tuning"),
            "draws": 2,
            "epochs": 2,
            "steps": {"steps": 4, "epochs": None, **FEW},
        },
        COMPILED,
    ),
    Case(
        LossLandscape,
        landscape,
        {"blocks": 1, "width": 2, "epochs": 2, "points": 3, "images": 8, "limit": 32, "batch_size": 16, "quiet": True},
        {
            "dataset": "mnist",
            "seed": 1,
            "epochs": 3,
            "batch_size": 8,
            "lr": 0.01,
            "precision": "bfloat16",
            "limit": 30,
            "blocks": 2,
            "width": 3,
            "images": 9,
            "radius": 0.5,
            "points": 5,
        },
        COMPILED,
    ),
    Case(
        Pretraining,
        pretrain,
        {"drawings": 64, "epochs": 2, "batch_size": 32, "out": Path("weights.safetensors")},
        {
            "backbone": "characters_mobile",
            "drawings": 70,
            "epochs": 1,
            "batch_size": 16,
            "lr": 0.01,
            "seed": 1,
        },
    ),
    Case(
        Networks,
        print_table,
        {"draw": "squeezenet1_0"},
        {"draw": "characters", "out": Path("elsewhere.png")},
        {"models": "not beside --draw and --out; test_architectures.py names others"},
    ),
]
PAIRS = [(case, flag) for case in CASES for flag in case.changes]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr("labs.transfer_learning.labelled_images.load_bytes", images)
    monkeypatch.setattr("labs.transfer_learning.loss_landscape.load_images", floats)
    monkeypatch.setattr("labs.transfer_learning.transfer_learning.save_figures", lambda *args: None)
    monkeypatch.setattr("labs.transfer_learning.loss_landscape.save_figures", lambda *args: None)
    monkeypatch.setattr("labs.transfer_learning.pretrain.TESTED", 62)
    row = compare_strategies.table_row  # without its seconds, which are others every time
    monkeypatch.setattr(compare_strategies, "table_row", lambda path: (*row(path)[:5], "", *row(path)[6:]))


def images(name, *args, **kws) -> ImageData:
    """240 images of noise, some brighter than others; of another name, others."""
    generator = torch.Generator().manual_seed(len(name))
    y = torch.arange(240) % 10
    X = (torch.rand(240, 1, 28, 28, generator=generator) * (100 + 15 * y.view(-1, 1, 1, 1))).byte()
    return ImageData(name, tuple("0123456789"), X[:100], y[:100], X[100:], y[100:])


def floats(name, *args, **kws) -> ImageData:
    """The same in [0, 1]."""
    found = images(name)
    return dataclasses.replace(found, X_train=found.X_train / 255, X_test=found.X_test / 255)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.__name__)
def test_every_flag_is_listed_and_without_a_change_the_outcome_is_the_same(case):
    check_all_listed(case)
    again = {"quiet": False} if "quiet" in case.kind.__dataclass_fields__ else {}  # which says more
    first, second = (dict(outcome(case, settings)) for settings in (case.base, {**case.base, **again}))
    assert first | {"printed": ""} == second | {"printed": ""}


@pytest.mark.parametrize(
    ("case", "flag"), PAIRS, ids=lambda part: part if isinstance(part, str) else part.kind.__name__
)
def test_a_flag_changes_the_outcome(case, flag):
    check_flag(case, flag)


def save_run(path: Path, seed: int) -> None:
    args = resolve(HyperParams(**ALONE, seed=seed, out=path))
    torch.manual_seed(seed)
    with Run(args) as run:
        run.save_model(build_model(args, 10), classes=[str(i) for i in range(10)])


def test_the_flags_of_what_looks_at_a_run(capsys, monkeypatch):
    """Which pictures or images, which run's network, which block; of another place the same."""
    for seed in (0, 1):
        save_run(Path(str(seed)), seed)
    for name in ("a.png", "b.png"):
        Image.effect_noise((40, 40), 60).save(name)
    drawn = []
    monkeypatch.setattr(grad_cam, "plot_heat", lambda X, y, p, heat, classes: drawn.append((X, heat)))
    monkeypatch.setattr("common.plots.write_figure", lambda path, figure: path)
    for command, kind, base, changes in (
        (load_predict.name_pictures, load_predict.Request, {}, {}),
        (grad_cam.draw, grad_cam.Request, {}, {"layer": "3"}),
        (grad_cam.draw, grad_cam.Request, {"pictures": ()}, {"images": 4}),
    ):
        base = {"pictures": (Path("a.png"),), "run": Path("0"), **base}

        def outcome_of(command=command, kind=kind, **kws):
            drawn.clear()
            command(**vars(kind(**kws)))
            return str(drawn), capsys.readouterr().out.replace(str(kws["run"]), "the run")

        usual = outcome_of(**base)
        assert outcome_of(**base) == usual
        for name, value in {"run": Path("1"), "pictures": (Path("b.png"),), **changes}.items():
            assert outcome_of(**{**base, name: value}) != usual, f"{kind}: {name}"
    for ignored in ({"images": 4}, {"data_dir": Path("d")}):
        with pytest.raises(InputError, match="has no effect on pictures that are named"):
            grad_cam.Request(pictures=(Path("a.png"),), **ignored)
    with pytest.raises(InputError, match="exclude each other"):
        Export(run=Path("0"), backbone="vgg16")


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (Comparison, {"strategies": ("from_scratch",), "depths": (2,)}, "--depths has no effect with --strategies"),
        (Comparison, {"strategies": ("from_scratch",), "weights": "a.npz"}, "--weights has no effect with"),
        (Comparison, {"strategies": ("fine_tuning",), "no_cache": True}, "--no-cache has no effect with"),
        (Comparison, {"strategies": ()}, "--strategies is"),
        (Comparison, {"patience": 2}, "--patience needs"),
        (Comparison, {"rates": (0.1,)}, "a rate is chosen by a validation part; add --split"),
        (Comparison, {"rates": (0.1, 0.0), **SPLIT}, "--rates is 0.1,0.0; it must be greater than 0"),
        (Comparison, {"rates": (0.1,), "lr": 0.1, **SPLIT}, "--lr has no effect beside --rates"),
        (Comparison, {"backbone_rates": (0.1,), "strategies": ("from_scratch",)}, "--backbone-rates has no effect"),
        (HyperParams, {"strategy": "initialisation", "backbone_lr": 0.1}, "--backbone-lr has no effect without"),
        (HyperParams, {"strategy": "from_scratch", "start_from": Path("r")}, "--start-from contradicts"),
        (Comparison, {"flip": True, "no_cache": True}, "--no-cache has no effect with augmentation"),
        (LabelsPerClass, {"strategies": ("feature_extraction",), "unfreeze": 2}, "--unfreeze has no effect with"),
        (LabelsPerClass, {"epochs": 3, "steps": 10}, "--steps has no effect beside --epochs"),
        (LabelsPerClass, {"dataset": "cifar100"}, "--dataset cifar100 is none of"),
        (Networks, {"draw": "vgg16", "models": ("alexnet",)}, "--models has no effect beside --draw"),
        (Networks, {"out": Path("x.png")}, "--out has no effect without --draw"),
        (LabelsPerClass, {"hidden": 0, "dropout": 0.5}, "--dropout has no effect"),
    ],
)
def test_a_command_refuses_what_it_would_ignore(kind, wrong, said):
    with pytest.raises(InputError, match=said):
        kind(**wrong)


@pytest.mark.parametrize(
    ("command", "gone"), [(compare, {"baseline": True}), (compare, {"strategy": "fine_tuning"}), (sweep, {"limit": 5})]
)
def test_flags_of_a_single_training_that_mean_nothing_among_several_are_gone(command, gone):
    with pytest.raises(TypeError):
        command(**gone)
