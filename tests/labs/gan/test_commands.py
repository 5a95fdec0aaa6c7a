"""Every runnable file as a student runs it."""

import dataclasses
import json

import pytest
import torch
from PIL import Image

from common import checkpoint, cli
from common.errors import InputError
from labs.gan import evaluate, gan, gan_1d, gan_2d, quiz, sample, shapes
from labs.gan.gan import interpolate, noise

TINY = ["--dataset", "digits", "--limit", 64, "--epochs", 1, "--device", "cpu"]


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


@pytest.fixture
def run(here, data_dir, tmp_path):
    """A run directory, trained by the command."""
    done = here("labs.gan", *TINY, "--data-dir", data_dir, "--out", "run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "run"
    assert lines[-2].startswith("look at run/figures/early_late.png, classes.png, training.png; ")
    assert lines[-2].endswith("python -m labs.gan.quiz --run run")
    assert "of 10 classes drawn" in lines[-3]
    return tmp_path / "run"


def test_train_then_sample_then_evaluate(here, data_dir, run):
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["lab"], summary["dataset"], summary["epochs"]) == ("gan", "digits", 1)
    assert {"discriminator_loss", "generator_loss", "coverage"} <= summary["metrics"].keys()
    figures = {file.name for file in (run / "figures").iterdir()}
    assert {"training.png", "classes.png", "real.png", "training.gif", "early_late.png", "epoch_001.png"} <= figures
    with Image.open(run / "figures" / "training.gif") as animation:
        assert animation.n_frames == 2
    tensors, header = checkpoint.load(run / "model.safetensors")
    assert header["latent_dim"] == 100
    assert {name.split(".")[0] for name in tensors} == {"generator", "discriminator"}

    files = cli.run(sample.sample, sample.Request, ["--run", str(run), "--device", "cpu"])
    assert [size_of(file) for file in files] == [(800, 800)]
    files = sample.sample(run=run, single=True, count=3, seed=5, out=run.with_name("singles"), device="cpu")
    assert [file.name for file in files] == ["samples_1.png", "samples_2.png", "samples_3.png"]
    assert all(size_of(file) == (28, 28) for file in files)
    width, height = size_of(*sample.sample(run=run, interpolate=True, count=4, device="cpu"))
    assert width > 2 * height  # ten columns, four rows

    done = here("labs.gan.evaluate", "--run", run, "--samples", 200, "--offline")
    assert done.returncode == 0, done.stderr
    assert "training the judge" not in done.stdout  # that of the run's own data directory is taken
    scores = json.loads((run / "evaluation.json").read_text())
    assert scores["real test images"]["coverage"] == 10
    assert scores["real test images"]["neighbour_distance"] < scores["generated"]["neighbour_distance"]
    assert {"class_shares.png", "neighbours.png", "interpolation.png"} <= {p.name for p in (run / "figures").iterdir()}


def test_exercises_run(tmp_path, capsys):
    cli.run(gan_2d.train, gan_2d.HyperParams, ["--steps", "4", "--out", "2d"])
    assert capsys.readouterr().out.splitlines()[-1] == "2d"
    assert {p.name for p in (tmp_path / "2d").iterdir()} == {"training.gif", "snapshots.png", "losses.png"}
    gan_1d.train(steps=4, hidden=3, out=tmp_path / "1d")
    assert {p.name for p in (tmp_path / "1d").iterdir()} == {"training.gif", "training.png"}


@pytest.mark.parametrize(("model", "sizes"), [("task4", (247_440, 233_985)), ("dcgan", (347_073, 209_457))])
def test_shapes(model, sizes, capsys):
    layers = cli.run(shapes.shapes, shapes.Request, ["--model", model])
    said = capsys.readouterr().out
    assert all(f"\n{size:,} parameters" in said for size in sizes)
    assert layers["generator"][-1].leaving == (1, 1, 28, 28)
    assert layers["discriminator"][-1].leaving == (1, 1)


KINDS = [
    shapes.Request,
    gan.HyperParams,
    sample.Request,
    evaluate.Request,
    quiz.Request,
    gan_1d.HyperParams,
    gan_2d.HyperParams,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__module__)
def test_help_comes_from_the_fields(kind, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.parse(kind, ["--help"])
    assert exit.value.code == 0
    said = capsys.readouterr().out
    for field in dataclasses.fields(kind):
        assert f"--{field.name.replace('_', '-')}" in said


@pytest.mark.parametrize(
    ("kind", "words", "part"),
    [
        (gan.HyperParams, ["--model", "stylegan"], "stylegan"),
        (gan.HyperParams, ["--beta1", "2"], "--beta1 is 2.0; it must be"),
        (sample.Request, ["--count", "0"], "--count is 0; it must be"),
        (sample.Request, ["--seed", "-1"], "--seed is -1"),
        (evaluate.Request, ["--samples", "5"], "at least 100"),
        (evaluate.Request, ["--seed", "-1"], "--seed is -1"),
        (gan_1d.HyperParams, ["--lr", "0"], "--lr is 0.0; it must be"),
        (gan_2d.HyperParams, ["--steps", "0"], "--steps is 0; it must be"),
        (gan.HyperParams, ["--latent-dim", "100000000"], "--latent-dim is 100000000; it must be .* at most 10000"),
        (sample.Request, ["--count", "1000000"], "--count is 1000000; it must be .* at most 10000"),
        (evaluate.Request, ["--samples", "100000000"], "--samples is 100000000; it must be .* at most 200000"),
        (gan_1d.HyperParams, ["--hidden", "100000000"], "--hidden is 100000000; it must be .* at most 10000"),
        (gan_2d.HyperParams, ["--batch-size", "100000000"], "--batch-size is 100000000; it must be .* at most 100000"),
    ],
)
def test_wrong_values_are_refused(kind, words, part):
    with pytest.raises(InputError, match=part):
        cli.parse(kind, words)


def test_bad_input_is_one_line_and_status_2(here, assert_one_line_error):
    assert_one_line_error(here("labs.gan", "--beta1", 2), "--beta1 is 2.0", "less than 1")
    with pytest.raises(InputError, match="nowhere holds no trained network: it has no model.safetensors"):
        evaluate.measure(run="nowhere")
    with pytest.raises(InputError, match="no run of labs.gan .*python -m labs.gan"):
        sample.sample(device="cpu")


def test_interpolation_goes_from_one_end_to_the_other_and_keeps_the_length():
    start, end = noise(2, 100, seed=0), noise(2, 100, seed=1)
    path = interpolate(start, end, steps=5).view(2, 5, 100)
    torch.testing.assert_close(path[:, 0], start)
    torch.testing.assert_close(path[:, -1], end)
    lengths = path.norm(dim=2)
    assert (lengths > 0.9 * torch.minimum(start.norm(dim=1), end.norm(dim=1))[:, None]).all()
