"""Every flag of every command of this lab does something."""

from pathlib import Path

import pytest
from flags import Case, check_all_listed, check_flag

from common.datasets import load_images
from common.runs import place
from labs.foundations import (
    activations,
    backprop,
    charts,
    constrained,
    foundations,
    line_fit,
    losses,
    optimizers,
    perceptron,
    tasks,
)

TINY = {"dataset": "digits", "limit": 40, "epochs": 2, "batch_size": 16, "hidden": (8,), "quiet": True, "device": "cpu"}
CASES = [
    Case(
        foundations.HyperParams,
        foundations.train,
        TINY,
        {
            "seed": 1,
            "dataset": "mnist",
            "epochs": 1,
            "batch_size": 8,
            "lr": 1e-2,
            "precision": "bfloat16",
            "limit": 41,
            "hidden": (9,),
            "activation": "tanh",
            "optimizer": "sgd",
            "l2": 0.1,
            "dropout": 0.5,
            "patience": {"patience": 1, "epochs": 12, "lr": 0.1},
        },
        exempt={"compile": "the same numbers, to rounding"},
    ),
    Case(
        line_fit.Request,
        line_fit.fit_lines,
        {"points": 5, "steps": 3},
        {
            "points": 6,
            "slope": 2.0,
            "intercept": 0.0,
            "noise": 0.1,
            "centre": 0.0,
            "rates": (0.3,),
            "steps": 4,
            "seed": 1,
        },
    ),
    Case(
        perceptron.Request,
        perceptron.train,
        {"data": "points"},
        {"data": "or", "lr": 0.5, "passes": {"data": "xor", "passes": 3}, "seed": 1},
    ),
    Case(
        activations.Request,
        activations.look,
        {"layers": 3, "width": 5, "batch_size": 4},
        {"layers": 4, "width": 6, "batch_size": 5, "seed": 1},
    ),
    Case(losses.Request, losses.look, {}, {"numbers": (1.0, 2.0), "outlier": 9.0, "delta": 20.0}),
    Case(
        optimizers.Request,
        optimizers.race,
        {"steps": 5, "rate": 0.01},
        {"surface": "saddle", "steps": 6, "rate": 0.02, "seed": {"surface": "noisy", "seed": 1}},
    ),
    Case(
        backprop.Request,
        backprop.train,
        {"hidden": (3,), "points": 6, "steps": 2},
        {"hidden": (4,), "points": 7, "steps": 3, "lr": 0.5, "seed": 1},
    ),
    Case(constrained.Request, constrained.minimise, {}, {"bound": 1.0, "lr": 0.01, "steps": 5, "rho": (2.0,)}),
    Case(
        tasks.Request,
        tasks.solve,
        {"steps": 200, "starts": 1, "clusters": 8},
        {"steps": 10, "lr": 0.001, "l2": 5.0, "clusters": 2, "starts": 3, "seed": 1},
    ),
    Case(charts.Request, charts.draw, {}, {}),
]
PAIRS = [(case, flag) for case in CASES for flag in case.changes]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_flag_is_listed(case):
    check_all_listed(case)


@pytest.mark.parametrize(("case", "flag"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_a_flag_changes_the_outcome(case, flag, monkeypatch):
    monkeypatch.setattr(foundations, "load_images", images)
    monkeypatch.setattr(foundations, "save_figures", lambda *args: None)
    monkeypatch.setattr("common.plots.write_figure", named)
    monkeypatch.setattr("common.animation.write_gif", named)
    monkeypatch.setattr("common.animation.as_image", lambda figure: figure)
    for drawn in ("line_fit.draw_paths", "optimizers.draw_race", "optimizers.draw_network", "perceptron.draw_line"):
        monkeypatch.setattr(f"labs.foundations.{drawn}", lambda *args: None)
    check_flag(case, flag)


def images(name, *args, **kws):
    """The digits under each data set's name, in the other order for `mnist`."""
    found = load_images("digits", "data")
    if name != "digits":
        found.X_train.copy_(found.X_train.flip(0))
    return found


def named(figure: object, path: object, *args: object) -> Path:
    """Where a figure would be: drawing takes long, and nothing is seen in it only."""
    path = next(part for part in (figure, path) if isinstance(part, Path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a figure")
    return path


def test_what_is_usual_is_no_part_of_the_name():
    assert place(optimizers.Request()) == place(optimizers.Request(steps=300)) == Path("runs/foundations/optimizers")
    assert place(optimizers.Request(steps=5)).name == "optimizers_steps-5"


def test_files_are_named_after_the_question(monkeypatch):
    monkeypatch.setattr("common.plots.write_figure", named)
    constrained.minimise()
    constrained.minimise(bound=1.0, rho=(2.0, 3.0))
    folders = sorted(path.name for path in Path("runs/foundations").iterdir())
    assert folders == ["constrained", "constrained_bound-1.0_rho-2.0,3.0"]


def test_the_figures_are_drawn():
    """Once, in full: what the walk above leaves out."""
    constrained.minimise(out=Path("c"))
    tasks.solve(out=Path("t"), steps=20)
    losses.look(out=Path("l"))
    activations.look(out=Path("a"), layers=3)
    charts.draw(out=Path("h"))
    backprop.train(out=Path("b"), points=4, steps=2, hidden=(2,))
    perceptron.train(out=Path("p"), data="xor", passes=1)
    assert (
        all(path.stat().st_size > 5000 for path in Path().glob("*/*.png")) and len(list(Path().glob("*/*.png"))) == 10
    )
