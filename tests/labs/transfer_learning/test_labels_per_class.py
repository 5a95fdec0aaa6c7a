"""Accuracy against labels per class: the sweep, its table and figure, going on after an interruption."""

import os
import signal
from pathlib import Path

import pytest

from common import trainer
from common.errors import InputError
from common.runs import read_json
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
from labs.transfer_learning.transfer_learning import get_data

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
    assert verdict(ROWS).endswith("the most with 1 labels per class: fine tuning +30.0 points over scratch")
    assert verdict(ROWS[:2]) == "2 trainings"


def test_the_figure_has_a_line_of_means_per_strategy():
    (axis,) = plot_labels_per_class(ROWS).axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert lines["from scratch"] == [[1, pytest.approx(45)], [5, 80]]
    assert lines["fine tuning"] == [[1, pytest.approx(75)], [5, 90]]
    low, high = axis.collections[1].get_datalim(axis.transData).intervaly
    assert (low, high) == (pytest.approx(70), 90)


def test_a_draw_has_the_same_images_for_every_strategy_and_every_class_as_often_as_said():
    args = LabelsPerClass(**TINY)
    found = {}
    for strategy in args.strategies:
        for draw in (0, 1):
            settings = settings_of_draw(args, strategy, labels=2, draw=draw, classes=10)
            X, y = get_data(settings, labels_per_class.pick_device("cpu")).train
            assert y.bincount().tolist() == [2] * 10
            found[strategy, draw] = X
    first, second = found["from_scratch", 0], found["from_scratch", 1]
    assert all((found[s, 0] == first).all() and (found[s, 1] == second).all() for s in args.strategies)
    assert not (first == second).all()


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
    }
    with pytest.raises(InputError, match="--backbone-lr has an effect only"):
        LabelsPerClass(strategies=("from_scratch",), backbone_lr=1e-3)
    with pytest.raises(InputError, match="takes --strategies"):
        LabelsPerClass(strategy="fine_tuning")


def test_the_command_leaves_rows_a_figure_and_metrics():
    rows, run = sweep(**TINY, out=Path("a"))
    assert len(rows) == 2 * 2 * 3
    assert read_rows(run.path / "labels_per_class.csv") == rows
    assert (run.path / "figures/labels_per_class.png").is_file()
    metrics = read_json(run.path / "summary.json")["metrics"]
    expected = [r["test_accuracy"] for r in rows if (r["labels"], r["strategy"]) == (2, "fine_tuning")]
    assert metrics["fine_tuning_2"] == pytest.approx(sum(expected) / 2)


def test_interrupted_and_resumed_it_has_the_rows_of_an_uninterrupted_one(monkeypatch):
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
    without = [[{k: v for k, v in r.items() if k != "seconds"} for r in found] for found in (rows, whole)]
    assert without[0] == without[1]


@pytest.mark.parametrize("setting", [{"labels": (0,)}, {"labels": ()}, {"draws": 0}, {"steps": 0}, {"strategies": ()}])
def test_bad_settings_are_named(setting):
    (name,) = setting
    with pytest.raises(InputError, match=f"--{name} is"):
        LabelsPerClass(**setting)
