"""Accuracy against labels per class: the sweep, its table and figure, going on after an interruption."""

import itertools
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common import trainer
from common.errors import InputError
from common.runs import read_summary
from labs.transfer_learning import labels_per_class
from labs.transfer_learning.labels_per_class import (
    LabelsPerClass,
    as_text,
    plot_labels_per_class,
    read_rows,
    settings_of_draw,
    summarize,
    sweep,
    verdict,
)
from labs.transfer_learning.recipe import STRATEGIES

TINY = {"labels": (1, 2), "draws": 2, "steps": 1, "device": "cpu", "quiet": True, "offline": True, "test_images": 20}
ONE = {**TINY, "draws": 1}


def row(labels: int, strategy: str, draw: int, accuracy: float) -> dict:
    return {"labels": labels, "strategy": strategy, "draw": draw, "test_accuracy": accuracy, "seconds": 1.0}


ROWS = [
    row(1, "from_scratch", 0, 0.4),
    row(1, "from_scratch", 1, 0.5),
    row(1, "fine_tuning", 0, 0.7),
    row(1, "fine_tuning", 1, 0.8),
    row(5, "from_scratch", 0, 0.8),
    row(5, "fine_tuning", 0, 0.9),
]


def test_mean_and_spread_over_the_draws():
    table = summarize(ROWS)
    assert table[1, "from_scratch"] == (pytest.approx(0.45), pytest.approx(0.05 * 2**0.5))
    assert table[5, "fine_tuning"] == (pytest.approx(0.9), 0)
    header, one, five = as_text(table).splitlines()
    assert header.split() == ["labels", "per", "class", "from", "scratch", "fine", "tuning"]
    assert one.split() == ["1", "45.0", "±", "7.1", "%", "75.0", "±", "7.1", "%"]
    assert five.split()[:2] == ["5", "80.0"]


def test_the_verdict_names_the_largest_gain():
    assert verdict(ROWS).endswith("the most with 1 label per class: fine tuning +30.0 points over scratch")
    assert verdict(ROWS[:2]) == "2 trainings"


def test_the_figure_has_a_line_of_means_per_strategy():
    (axis,) = plot_labels_per_class(ROWS).axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert lines["from scratch"] == [[1, pytest.approx(45)], [5, 80]]
    assert lines["fine tuning"] == [[1, pytest.approx(75)], [5, 90]]
    low, high = axis.collections[1].get_datalim(axis.transData).intervaly
    assert (low, high) == (pytest.approx(70), 90)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(labels_per_class.Run, "save_figure", lambda *args: None)


@pytest.fixture
def trained_on(monkeypatch, no_figures) -> dict:
    """What each training of a sweep is given: (strategy, number of the seed) → Data. Nothing is trained."""
    found, seeds = {}, []

    def note(settings, data):
        seeds.append(settings.seed) if settings.seed not in seeds else None
        found[settings.strategy, seeds.index(settings.seed)] = data
        return 0.5

    monkeypatch.setattr(labels_per_class, "accuracy_of", note)
    return found


def test_a_draw_has_the_same_images_for_every_strategy_and_every_class_as_often_as_said(trained_on):
    sweep(**{**TINY, "labels": (2,)}, out=Path("a"))
    X = {key: data.train[0] for key, data in trained_on.items()}
    assert all(data.train[1].bincount().tolist() == [2] * 10 for data in trained_on.values())
    first, second = X["from_scratch", 0], X["from_scratch", 1]
    assert all((X[s, 0] == first).all() and (X[s, 1] == second).all() for s in STRATEGIES)
    assert not (first == second).all()


@pytest.mark.parametrize("own_parts", [False, True])
def test_all_draws_are_tested_on_the_same_images(own_parts, trained_on):
    """Also of a folder that is not split yet: a draw takes other images to learn from, and none of those tested on."""
    rng = np.random.default_rng(0)
    for part, name, i in itertools.product(("train", "test") if own_parts else ("",), "abc", range(10)):
        path = Path("own") / part / name / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    tiny = {**TINY, "dataset": "folder:own", "backbone": "characters", "test_images": 0}
    sweep(**{**tiny, "labels": (2,), "draws": 3}, out=Path("a"))
    tests = [data.test[0] for data in trained_on.values()]
    assert len(tests) == 3 * len(STRATEGIES)
    assert len(tests[0]) == (30 if own_parts else 6)
    assert all(torch.equal(X, tests[0]) for X in tests)
    trains = [trained_on["fine_tuning", draw].train[0] for draw in range(3)]
    assert not torch.equal(trains[0], trains[1])
    seen = {X.numpy().tobytes() for train in trains for X in train}
    assert not seen & {X.numpy().tobytes() for X in tests[0]}


def test_more_labels_than_a_class_has_images_are_refused():
    with pytest.raises(InputError, match="--labels is 1,200; it must be at most 139: that many training images"):
        sweep(**{**TINY, "labels": (1, 200)}, out=Path("a"))
    assert not Path("a").exists()


@pytest.mark.parametrize(("labels", "epochs"), [(1, 150), (5, 38), (50, 5)])
def test_every_training_takes_the_same_number_of_steps(labels, epochs):
    """150 steps as near as whole epochs come: 1, 4 and 32 batches of at most 16 images are one."""
    args = LabelsPerClass(offline=True)
    assert settings_of_draw(args, "from_scratch", labels, 0, 10).epochs == epochs


def test_flags_of_fine_tuning_are_for_fine_tuning_only():
    args = LabelsPerClass(**TINY, backbone_lr=1e-3, unfreeze=1)
    found = {s: settings_of_draw(args, s, 1, 0, 10) for s in args.strategies}
    assert {s: (one.backbone_lr, one.unfreeze) for s, one in found.items()} == {
        "from_scratch": (None, None),
        "feature_extraction": (None, None),
        "fine_tuning": (1e-3, 1),
        "initialisation": (None, None),
    }
    with pytest.raises(InputError, match="--backbone-lr has no effect with --strategies from_scratch"):
        LabelsPerClass(strategies=("from_scratch",), backbone_lr=1e-3)


def test_the_command_leaves_rows_a_figure_and_metrics():
    rows, run = sweep(**TINY, out=Path("a"))
    assert len(rows) == 2 * 2 * len(STRATEGIES)
    assert read_rows(run.path / "labels_per_class.csv") == rows
    assert (run.path / "figures/labels_per_class.png").is_file()
    metrics = read_summary(run.path).metrics
    expected = [r["test_accuracy"] for r in rows if (r["labels"], r["strategy"]) == (2, "fine_tuning")]
    assert metrics["fine_tuning_2"] == pytest.approx(sum(expected) / 2)


def test_interrupted_and_resumed_it_has_the_rows_of_an_uninterrupted_one(no_figures, monkeypatch):
    whole, _ = sweep(**ONE, out=Path("whole"))
    accuracy_of, trained = labels_per_class.accuracy_of, []

    with monkeypatch.context() as patch:

        def interrupt(settings, data):
            trained.append(settings)
            if len(trained) == 3:
                patch.setattr(trainer.Means, "read_all", lambda self: os.kill(os.getpid(), signal.SIGINT) or {})
            return accuracy_of(settings, data)

        patch.setattr(labels_per_class, "accuracy_of", interrupt)
        rows, run = sweep(**ONE, out=Path("cut"))
    assert (len(rows), run.interrupted, run.exit_status) == (2, True, 130)
    rows, run = sweep(resume=Path("cut"), quiet=True)
    assert not run.interrupted
    assert without_seconds(rows) == without_seconds(whole)


def without_seconds(rows: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_draws_can_be_added_and_not_taken_away(no_figures):
    quick = {**ONE, "labels": (1,), "strategies": ("feature_extraction",)}
    whole, _ = sweep(**{**quick, "draws": 2}, out=Path("whole"))
    sweep(**quick, out=Path("short"))
    longer, run = sweep(resume=Path("short"), draws=2, quiet=True)
    assert without_seconds(longer) == without_seconds(whole)
    assert run.metrics["feature_extraction_1"] == pytest.approx(sum(row["test_accuracy"] for row in whole) / 2)
    before = (run.path / "hyperparams.json").read_text()
    with pytest.raises(InputError, match="more draws already than --draws 1"):
        sweep(resume=Path("short"), draws=1, quiet=True)
    assert (run.path / "hyperparams.json").read_text() == before


def test_a_damaged_file_of_rows_is_named(no_figures):
    sweep(**{**ONE, "labels": (1,), "strategies": ("feature_extraction",)}, out=Path("a"))
    Path("a/labels_per_class.csv").write_text("labels,strategy\n1,x\n")
    with pytest.raises(InputError, match="labels_per_class.csv is damaged"):
        sweep(resume=Path("a"), quiet=True)


@pytest.mark.parametrize("setting", [{"labels": (0,)}, {"labels": ()}, {"draws": 0}, {"steps": 0}, {"strategies": ()}])
def test_bad_settings_are_named(setting):
    (name,) = setting
    with pytest.raises(InputError, match=f"--{name} is"):
        LabelsPerClass(**setting)
