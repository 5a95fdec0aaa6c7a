"""The commands as a student types them, and the comparison."""

import json
from pathlib import Path

import pytest
import torch

from common import cli, datasets
from common.datasets import ImageData
from common.runs import read_history, read_summary
from common.sources import FetchError
from labs.transfer_learning import (
    compare_strategies,
    labelled_images,
    recipe,
    transfer_learning,
    transfer_learning_cifar,
    transfer_learning_mnist,
)
from labs.transfer_learning.compare_strategies import Comparison, compare
from labs.transfer_learning.recipe import HyperParams, resolve

SMALL = ("--dataset", "digits", "--backbone", "squeezenet1_0", "--weights", "none", "--image-size", "32")
SMALL += ("--train-images", "20", "--test-images", "10", "--epochs", "1", "--device", "cpu")


def test_the_command_trains_and_ends_with_its_directory(here):
    done = here("labs.transfer_learning", *SMALL, "--strategy", "feature_extraction", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "run"
    assert "133,898 of 869,322 parameters learn" in done.stdout
    assert json.loads(Path("run/summary.json").read_text())["dataset"] == "digits"
    assert len(list(Path("data/features").iterdir())) == 2


@pytest.mark.parametrize(
    ("module", "words", "parts"),
    [
        (transfer_learning_cifar, ["--weights", "nowhere.npz"], ["nowhere.npz", "no such file"]),
        (transfer_learning_cifar, ["--backbone", "resnet17"], ["resnet17 is none of"]),
        # Named weights that cannot be had: which file, and where to place it.
        (
            transfer_learning_mnist,
            ["--backbone", "vgg16", "--weights", "imagenet", "--offline"],
            ["vgg16-397923af.pth"],
        ),
        (transfer_learning_mnist, ["--weights", "imagenet", "--offline"], ["into data/weights", "--weights"]),
    ],
)
def test_what_a_student_gets_wrong_is_one_line(module, words, parts, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["lab", *SMALL, "--strategy", "feature_extraction", *words])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert all(part in said for part in parts)


@pytest.mark.parametrize("module", [transfer_learning_cifar, transfer_learning_mnist, compare_strategies])
def test_help_lists_every_flag(module, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["lab", "--help"])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert not end.value.code
    said = capsys.readouterr().out
    own = "--strategies" if module is compare_strategies else "--strategy "
    assert all(flag in said for flag in (own, "--unfreeze", "--backbone-lr", "--weights", "--split"))


def test_auto_is_the_embedded_pair_where_nothing_can_be_had(monkeypatch):
    def unreachable(*args, **kws):
        raise FetchError("no network")

    monkeypatch.setattr(recipe.weights, "find_published", unreachable)
    with pytest.warns(
        UserWarning,
        match="using the embedded handwritten digits, and a network that has learnt drawn characters(.|\n)*no network",
    ):
        args = resolve(HyperParams(offline=True))
    assert (args.dataset, args.backbone, args.weights) == ("digits", "characters", "characters")
    assert (args.strategy, args.train_images, args.baseline, args.image_size) == ("feature_extraction", 50, True, 32)
    assert resolve(args) == args


def test_auto_is_the_courses_pair_where_it_can_be_had(monkeypatch):
    monkeypatch.setattr(recipe.weights, "find_published", lambda *args, **kws: Path("w.pth"))
    monkeypatch.setattr(recipe, "fetch_dataset", lambda *args, **kws: [])
    args = resolve(HyperParams())
    assert (args.dataset, args.backbone, args.weights, args.image_size) == ("cifar10", "resnet18", "imagenet", 224)


def test_cifar10_is_used_in_its_own_size_and_evenly(monkeypatch):
    y = torch.arange(100) % 10
    X = torch.randint(256, (100, 3, 32, 32), dtype=torch.uint8)
    made = ImageData("cifar10", datasets.class_names("cifar10"), X, y, X[:50], y[:50])
    monkeypatch.setattr(labelled_images, "load_bytes", lambda *args, **kws: made)
    args = resolve(HyperParams(dataset="cifar10", weights="none", train_images=40, test_images=20))
    data = labelled_images.get_data(args, torch.device("cpu"))
    assert data.train[0].shape == (40, 3, 32, 32)
    assert torch.bincount(data.train[1]).tolist() == [4] * 10
    assert torch.bincount(data.test[1]).tolist() == [2] * 10


COMPARED = {
    "dataset": "digits",
    "backbones": ("squeezenet1_0",),
    "weights": "none",
    "image_size": 32,
    "train_images": 20,
    "test_images": 20,
    "epochs": 1,
    "device": "cpu",
    "depths": (2,),
    "split": (0.7, 0.15, 0.15),
}


def test_the_comparison_has_a_row_per_training_and_goes_on_where_it_was(capsys, monkeypatch):
    monkeypatch.setattr(transfer_learning, "save_figures", lambda *args: None)
    run = compare(**COMPARED, out=Path("c"))
    rows = [line.split("|")[1:-1] for line in (run.path / "table.md").read_text().splitlines()]
    table = {row[1].strip() + row[2].strip(): row for row in ([cell.strip() for cell in row] for row in rows[2:])}
    assert set(table) == {
        "from scratch0 of 9",
        "feature extraction9 of 9",
        "fine tuning0 of 9",
        "fine tuning7 of 9",
        "initialisation0 of 9",
    }
    assert table["feature extraction9 of 9"][4] == "133,898"
    assert table["from scratch0 of 9"][4] == table["fine tuning0 of 9"][4] == "869,322"
    assert table["fine tuning7 of 9"][4] == f"{133_898 + 188_992 + 197_184:,}"
    assert (table["fine tuning0 of 9"][3], table["initialisation0 of 9"][3]) == ("0.003, backbone 0.0001", "0.003")
    assert all("(95 %: " in row[7] and "%" in row[6] for row in table.values())
    assert (run.path / "figures" / "comparison.png").is_file()
    monkeypatch.setattr(compare_strategies, "train_with", lambda *args: pytest.fail("trained again"))
    assert compare(resume=Path("c"), quiet=True).path == run.path
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "c"
    assert said[1].startswith("digits: 20 training, 20 validation and 20 test images of 10 classes (1737 more are left")


def test_rates_are_tried_and_the_validation_images_choose(capsys, monkeypatch):
    monkeypatch.setattr(transfer_learning, "save_figures", lambda *args: None)
    rates = {"strategies": ("feature_extraction",), "depths": (), "rates": (1e-6, 1e-2), "epochs": 3}
    pair = {"backbones": ("characters",), "weights": "auto", "train_images": 50}
    run = compare(**{**COMPARED, **pair, **rates}, out=Path("c"))
    found = {path.name: read_summary(path).metrics for path in run.path.iterdir() if (path / "summary.json").is_file()}
    low, high = (f"characters-feature_extraction-rate-{rate}" for rate in ("1e-06", "0.01"))
    assert set(found) == {low, high}
    assert found[low]["val_accuracy"] < found[high]["val_accuracy"]
    assert f"; chosen by the validation images: {high} (" in capsys.readouterr().out
    assert run.metrics == {name: found[high][name] for name in ("val_accuracy", "test_accuracy")}
    assert (run.path / "figures/rates.png").is_file()
    tuned = Comparison(
        backbones=("characters",), dataset="digits", backbone_rates=(1e-4, 1e-3), split=(0.7, 0.15, 0.15)
    )
    names = [name for name in compare_strategies.trainings(tuned) if "backbone-rate" in name]
    assert names == [f"characters-fine_tuning-backbone-rate-{rate}" for rate in ("0.0001", "0.001")]


def test_a_comparison_that_is_made_longer_has_its_trainings_go_on(monkeypatch):
    monkeypatch.setattr(transfer_learning, "save_figures", lambda *args: None)
    monkeypatch.setattr(compare_strategies, "save_curves", lambda *args: None)
    short = {**COMPARED, "depths": (), "split": (), "strategies": ("feature_extraction", "fine_tuning"), "quiet": True}
    compare(**short, out=Path("c"))
    compare(resume=Path("c"), epochs=2, quiet=True)
    compare(**{**short, "epochs": 2}, out=Path("whole"))
    for name in ("squeezenet1_0-feature_extraction", "squeezenet1_0-fine_tuning"):
        longer, whole = (
            [{k: v for k, v in row.items() if k != "seconds"} for row in read_history(Path(run) / name)]
            for run in ("c", "whole")
        )
        assert longer == whole
        assert len(longer) == 2


def test_one_backbone_may_be_named_by_backbone():
    words = ["--backbone", "characters", "--dataset", "digits"]
    given = cli.parse(Comparison, words, "compare")
    assert given["backbones"] == ("characters",)
    assert given == cli.parse(Comparison, ["--backbones", *words[1:]], "compare")


def test_weights_given_are_not_for_the_training_from_scratch():
    args = Comparison(dataset="digits", backbones=("characters",), weights="own.safetensors")
    found = {name.split("-")[1]: settings.weights for name, settings in compare_strategies.trainings(args).items()}
    assert found == {
        "from_scratch": "none",
        "feature_extraction": "own.safetensors",
        "fine_tuning": "own.safetensors",
        "initialisation": "own.safetensors",
    }


def test_an_interrupted_comparison_says_so_and_keeps_its_rows(monkeypatch):
    monkeypatch.setattr(transfer_learning, "save_figures", lambda *args: None)
    train_with = compare_strategies.train_with

    def interrupt_second(settings, data):
        model, run = train_with(settings, data)
        run.interrupted = settings.strategy == "feature_extraction"
        return model, run

    monkeypatch.setattr(compare_strategies, "train_with", interrupt_second)
    run = compare(**{**COMPARED, "depths": ()}, out=Path("c"))
    assert run.exit_status == 130
    assert (run.path / "table.md").read_text().count("from scratch") == 1
    assert "feature extraction" not in (run.path / "table.md").read_text()
