"""Every runnable file from the command line, on a tiny run."""

import json
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from common import checkpoint, cli
from common.errors import InputError
from labs.vae import anomaly, information, latent, likelihood, sample, shapes, vae
from labs.vae.vae import load_run, train

DONE = Path("done")


TINY = {"dataset": "digits", "limit": 64, "epochs": 1, "hidden": (16,), "quiet": True, "device": "cpu"}


@pytest.fixture
def run(monkeypatch):
    """A function that trains a run in the directory `done`, without figures."""
    monkeypatch.setattr(vae, "save_figures", lambda *args: None)

    def make(**settings):
        train(**{**TINY, "out": DONE, **settings})
        return DONE

    return make


def test_train(here):
    done = here("labs.vae", "--dataset", "digits", "--limit", "64", "--epochs", "1", "--out", "new", "--offline")
    assert done.returncode == 0, done.stderr
    *_, reached, hint, path = done.stdout.splitlines()
    assert path == "new"
    assert hint.startswith("look at new/figures/curves.png, reconstructions.png, samples.png, manifold.png; ")
    assert hint.endswith("python -m labs.vae.sample --run new")
    assert reached.startswith("−ELBO")
    assert json.loads(Path("new/summary.json").read_text())["lab"] == "vae"


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (sample.main, ["--data-dir", "data"], "--data-dir has no effect without --interpolate"),
        (information.main, ["--unit", "bits"], "--unit has no effect"),
        (vae.main, ["--beta", "-1"], "--beta is -1"),
        (vae.main, ["--latent-dim", "0"], "--latent-dim is 0; it must be at least 1"),
        (sample.main, ["--run", "nowhere"], "nowhere"),
        (latent.main, ["--side", "1"], "--side is 1"),
        (anomaly.main, ["--against", "cats"], "cats"),
        (likelihood.main, ["--samples", "0"], "--samples is 0"),
        (information.main, ["--p", "0.5,0.6"], "0.5,0.6"),
    ],
)
def test_bad_input_of_each_command(main, words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert said in lines[0]


def test_settings_of_a_run_cannot_be_changed_by_resume(run):
    run()
    with pytest.raises(InputError, match="--beta"):
        train(resume=DONE, beta=2.0)


@pytest.fixture
def said_by(capsys):
    """A function that runs a command on `done` with words from a command line: the lines that it prints."""

    def call(command, kind, *words):
        capsys.readouterr()
        cli.run(command, kind, ["--run", str(DONE), *words])
        return capsys.readouterr().out.splitlines()

    return call


def test_sample(run, said_by):
    run()
    said = said_by(sample.sample, sample.Request, "--count", "12", "--seed", "3")
    assert said == ["done/samples/samples_seed3.png"]
    with Image.open("done/samples/samples_seed3.png") as picture:
        assert picture.size == (3 * 28 * 10, 4 * 28 * 10)  # three columns, each pixel a square of ten


def test_samples_depend_on_the_seed_only_and_single_files_hold_the_same_images(run, capsys):
    run()
    images = sample.sample(run=DONE, count=3, seed=5, single=True, out=Path("pngs"))
    again, other = (sample.sample(run=DONE, count=3, seed=seed) for seed in (5, 6))
    assert torch.equal(images, again)
    assert not torch.equal(images, other)
    paths = sorted(Path("pngs").glob("*.png"))
    assert [path.name for path in paths] == [f"samples_seed5_{i}.png" for i in range(3)]
    with Image.open(paths[1]) as picture:
        pixels = torch.tensor(list(picture.tobytes())).view(28, 28)
    torch.testing.assert_close(pixels / 255, images[1, 0], atol=0.5 / 255 + 1e-6, rtol=0)


def test_interpolation_goes_from_one_class_to_the_other(run, capsys):
    run()
    images = sample.sample(run=DONE, count=4, interpolate=(3, 8))
    assert images.shape == (4, 1, 28, 28)
    assert Path("done/samples/interpolation_3_8.png").is_file()
    with pytest.raises(InputError, match="class 11"):
        sample.sample(run=DONE, interpolate=(3, 11))


def test_the_newest_run_is_taken_if_none_is_named(run, capsys):
    with pytest.raises(InputError, match="python -m labs.vae"):
        sample.sample()
    run(out=None)
    sample.sample(count=2)
    assert len(list(Path("runs/vae").glob("*/samples/*.png"))) == 1


def test_latent(run, said_by):
    run()
    paths = [Path(line) for line in said_by(latent.draw_latent_space, latent.Request, "--side", "3")]
    names = {path.name for path in paths}
    assert names == {"latent_codes.png", "interpolation.png", "latent_kl.png", "manifold.png"}
    assert all(path.is_file() for path in paths)


def test_shapes(capsys):
    layers = cli.run(shapes.shapes, shapes.Request, ["--model", "conv_vae", "--filters", "4,8", "--latent-dim", "3"])
    said = capsys.readouterr().out
    model = vae.build_model(vae.HyperParams(model="conv_vae", filters=(4, 8), latent_dim=3))
    for part in (model.encoder, model.decoder):
        assert f"\n{sum(p.numel() for p in part.parameters()):,} parameters" in said
    assert [layer.leaving for layer in layers["encoder"][-2:]] == [(1, 3)] * 2  # μ and log σ
    assert layers["decoder"][-1].leaving == (1, 1, 28, 28)
    assert Path("runs/vae_shapes/architecture.png").is_file()
    with pytest.raises(InputError, match="--filters has no effect"):
        shapes.Request(filters=(4,))


def test_anomaly(run, said_by):
    run(epochs=20, lr=3e-3)
    assert "AUC 1.0000" in said_by(anomaly.detect, anomaly.Request, "--against", "noise")[0]
    assert Path("done/figures/anomaly_noise.png").is_file()
    with pytest.raises(InputError, match="kmnist"):
        anomaly.detect(run=DONE, against="kmnist", offline=True)


def test_likelihood(run, said_by):
    run()
    said = said_by(likelihood.estimate, likelihood.Request, "--samples", "4", "--images", "20")
    assert [line.split()[2] for line in said[:3]] == ["1", "2", "4"]
    assert Path("done/figures/importance_bound.png").is_file()
    run(model="autoencoder", out=Path("plain"))
    with pytest.raises(InputError, match="no likelihood"):
        likelihood.estimate(run=Path("plain"))


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"count": 10**8}, {"seed": -1}, {"interpolate": (3,)}, {"interpolate": (3, 4, 5)}],
)
def test_requests_that_cannot_be_are_named(wrong):
    name = next(iter(wrong))
    with pytest.raises(InputError, match=f"--{name}"):
        sample.Request(**wrong)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (latent.Request, "side", 10**5),
        (latent.Request, "steps", 10**5),
        (likelihood.Request, "samples", 10**9),
        (vae.HyperParams, "latent_dim", 10**8),
        (vae.HyperParams, "beta", 1e38),
        (vae.HyperParams, "l2", 1e38),
        (vae.HyperParams, "noise", 1e38),
        (vae.HyperParams, "pixel_std", 1e-30),
    ],
)
def test_numbers_that_no_machine_can_use_are_refused(kind, name, value):
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is .*; it must be at .* and at most"):
        kind(**{name: value})


def test_weights_of_another_model_are_named(run):
    run()
    tensors, header = checkpoint.load(DONE / "model.safetensors")
    checkpoint.save(DONE / "model.safetensors", tensors, {**header, "latent_dim": 5})
    with pytest.raises(InputError, match="another model"):
        load_run(DONE)
    for command, said in {"labs.cnn": "is a run of labs.cnn", None: "another release"}.items():
        checkpoint.save(DONE / "model.safetensors", tensors, {**header, "command": command})
        with pytest.raises(InputError, match=said):
            load_run(DONE)


def test_looking_at_a_run_reaches_for_the_network_only_if_the_run_may_and_the_command(run, monkeypatch):
    asked = []
    original = vae.load_images
    monkeypatch.setattr(vae, "load_images", lambda *a, offline, **k: asked.append(offline) or original(*a, **k))
    run()
    run(offline=True, out=Path("offline"))
    asked.clear()
    for path in (DONE, Path("offline")):
        for offline in (False, True):
            vae.open_run(path, offline=offline)
    assert asked == [False, True, True, True]
