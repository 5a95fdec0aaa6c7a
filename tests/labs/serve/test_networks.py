"""Each lab's runs as they are served: the same numbers as the lab's own functions give."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import InputError
from common.runs import Run
from labs.cnn.own_pictures import PICTURES, find_digit
from labs.serve.networks import OPENERS, open_networks

CPU = torch.device("cpu")
FIVE = (PICTURES / "5.png").read_bytes()


def keep(command: str, model: torch.nn.Module, settings, **about) -> Path:
    """A run of a network that has learnt nothing."""
    path = Path(command.replace(".", "-"))
    with Run(dataclasses.replace(settings, out=path, quiet=True)) as run:
        run.save_model(model, **about)
    return path


def make_cnn() -> Path:
    from labs.cnn import HyperParams, build_model

    return keep("labs.cnn", build_model(), HyperParams(dataset="digits"))


def make_foundations() -> Path:
    from labs.foundations import HyperParams, build_model

    return keep("labs.foundations", build_model(), HyperParams(dataset="digits"))


def make_transfer() -> Path:
    from labs.transfer_learning import HyperParams, build_model, resolve

    args = resolve(HyperParams(dataset="digits", weights="none", backbone="characters", strategy="from_scratch"))
    return keep("labs.transfer_learning", build_model(args), args, classes=list("0123456789"))


def make_detection() -> Path:
    from labs.cnn.detection import HyperParams, build_model

    args = HyperParams(dataset="digits")
    model = build_model(args, torch.tensor([[14.0, 20.0], [20.0, 28.0], [9.0, 25.0]]))
    with torch.no_grad():  # sure of itself, so that there are boxes
        model.layers[-1].bias.view(3, 15)[:, 4] = 9.0
        model.layers[-1].bias.view(3, 15)[:, 5] = 9.0
    return keep("labs.cnn.detection", model, args, classes=list("0123456789"))


def make_vae() -> Path:
    from labs.vae import HyperParams, build_model

    return keep("labs.vae", build_model(), HyperParams(dataset="digits"))


def make_gan() -> Path:
    from labs.gan import HyperParams, build_model

    return keep("labs.gan", build_model(), HyperParams(dataset="digits"))


def make_classifier() -> Path:
    from labs.nlp.classify import HyperParams, build_model
    from labs.nlp.vocabulary import learn_vocabulary

    args = HyperParams(dataset="reviews")
    vocabulary = learn_vocabulary(["the food was cold"], "word", 100, subwords="wordpiece")
    path = keep("labs.nlp.classify", build_model(args, len(vocabulary), 2), args, classes=["negative", "positive"])
    vocabulary.save(path)
    return path


MAKERS: dict[str, Callable[[], Path]] = {
    "labs.cnn": make_cnn,
    "labs.foundations": make_foundations,
    "labs.transfer_learning": make_transfer,
    "labs.cnn.detection": make_detection,
    "labs.vae": make_vae,
    "labs.gan": make_gan,
    "labs.nlp.classify": make_classifier,
}


def opened(command: str):
    path = MAKERS[command]()
    (served,) = open_networks([path], CPU)
    assert (served.name, served.command, served.task) == (path.name, command, OPENERS[command][0])
    return path, served


def test_every_command_that_is_served_is_tested():
    assert set(MAKERS) == set(OPENERS)


@pytest.mark.parametrize("command", ["labs.cnn", "labs.foundations"])
def test_a_digit_is_read_as_the_lab_reads_it(command):
    import importlib

    path, served = opened(command)
    lab = importlib.import_module(command)
    picture = Image.open(io.BytesIO(FIVE)).convert("RGBA")
    picture.thumbnail((800, 800))  # own_pictures opens it so
    expected = lab.predict(lab.load_run(path).model, find_digit(picture)[None])[0]
    answer = served.answer(FIVE)
    assert list(answer.values()) == sorted(answer.values(), reverse=True)
    assert [answer[str(digit)] for digit in range(10)] == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_picture_is_named_as_transfer_learning_names_it():
    from labs.transfer_learning import load_run, predict
    from labs.transfer_learning.pictures import open_picture

    path, served = opened("labs.transfer_learning")
    loaded = load_run(path)
    expected = predict(loaded.model, open_picture(io.BytesIO(FIVE), loaded.settings.image_size)[None])[0]
    answer = served.answer(FIVE)
    assert [answer[str(digit)] for digit in range(10)] == pytest.approx(expected.tolist(), abs=1e-5)
    with pytest.raises(InputError, match="damaged"):
        served.answer(FIVE[:500])


def test_boxes_are_in_the_pixels_of_the_picture_that_was_sent():
    """A picture twice as large has the same boxes, twice as large."""
    _, served = opened("labs.cnn.detection")
    large = Image.open(io.BytesIO(FIVE)).convert("RGB").resize((800, 600))
    answers = []
    for picture in (large, large.resize((400, 300), Image.Resampling.BOX)):
        content = io.BytesIO()
        picture.save(content, "PNG")
        answers.append(served.answer(content.getvalue(), *picture.size))
    assert answers[1]
    assert max(box[2] for box, _, _ in answers[0]) > 400  # beyond the small picture
    for found, (width, height) in zip(answers, ((800, 600), (400, 300)), strict=True):
        for (x1, y1, x2, y2), label, confidence in found:
            assert 0 <= x1 < x2 <= width * 1.2 and 0 <= y1 < y2 <= height * 1.2
            assert label == "0" and 0.5 <= confidence <= 1
    surest = [np.array(found[0].box) for found in answers]
    assert surest[0] == pytest.approx(2 * surest[1], abs=8) or len(answers[0]) != len(answers[1])


@pytest.mark.parametrize("command", ["labs.vae", "labs.gan"])
def test_images_are_drawn_from_the_seed(command):
    path, served = opened(command)
    pictures = [Image.open(io.BytesIO(served.answer(4, seed))) for seed in (0, 0, 1)]
    assert [picture.size for picture in pictures] == [(2 * 28 * 4, 2 * 28 * 4)] * 3
    a, b, c = (np.asarray(picture, int) for picture in pictures)
    assert (a == b).all() and (a != c).any()
    if command == "labs.vae":
        from labs.vae import generate, load_run

        expected = generate(load_run(path).model, 4, torch.Generator().manual_seed(0))[0, 0]
    else:
        from labs.gan import generate, load_run, noise

        loaded = load_run(path)
        z = noise(4, loaded.settings.latent_dim, seed=0)
        expected = generate(loaded.model.get_submodule("generator"), z)[0, 0]
    assert np.abs(a[:112:4, :112:4] / 255 - expected.numpy()).max() < 0.5 / 255 + 1e-6


def test_a_text_is_read_as_the_lab_reads_it():
    from labs.nlp.classify import load_run, predict
    from labs.nlp.vocabulary import load_vocabulary

    path, served = opened("labs.nlp.classify")
    expected = predict(load_run(path).model, load_vocabulary(path), ["cold food"], 256)[0].tolist()
    answer = served.answer("cold food")
    assert [answer["negative"], answer["positive"]] == pytest.approx(expected, abs=1e-5)


def test_runs_are_named_by_what_tells_them_apart():
    for name in ("a/first", "b/first"):
        path = make_cnn()
        Path(name).parent.mkdir()
        path.rename(name)
    assert [one.name for one in open_networks([Path("a/first")], CPU)] == ["first"]
    assert [one.name for one in open_networks([Path("a/first"), Path("b/first")], CPU)] == ["a/first", "b/first"]
    with pytest.raises(InputError, match="named twice"):
        open_networks([Path("a/first"), Path("b/../a/first")], CPU)


def test_without_names_the_newest_run_of_each_command_is_served():
    with pytest.raises(InputError, match="no run to serve under runs; train one"):
        open_networks([], CPU)
    for make, place in ((make_cnn, "runs/cnn/x"), (make_vae, "runs/vae/y")):
        Path(place).parent.mkdir(parents=True)
        make().rename(place)
    assert [(one.name, one.task) for one in open_networks([], CPU)] == [("x", "classify"), ("y", "generate")]


def test_a_run_that_is_not_served_and_a_folder_that_is_none():
    Path("other").mkdir()
    Path("other/hyperparams.json").write_text('{"command": "labs.nlp.tagging"}')
    with pytest.raises(InputError, match="a run of labs.nlp.tagging, which is not served; runs of labs.cnn, "):
        open_networks([Path("other")], CPU)
    with pytest.raises(InputError, match="no run directory"):
        open_networks([Path("nowhere")], CPU)


@pytest.mark.gpu
def test_networks_answer_on_a_gpu():
    for command in MAKERS:
        path = MAKERS[command]()
        on_cpu, on_gpu = (open_networks([path], torch.device(name))[0] for name in ("cpu", "cuda"))
        if on_cpu.task in ("classify", "predict"):
            sent = FIVE if on_cpu.task == "classify" else "cold food"
            assert on_gpu.answer(sent) == pytest.approx(on_cpu.answer(sent), abs=1e-3)
        else:
            sent = (4, 0) if on_cpu.task == "generate" else (FIVE, 900, 700)
            assert len(on_gpu.answer(*sent)) > 0
