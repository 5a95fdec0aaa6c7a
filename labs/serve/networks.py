"""Trained runs as functions from what is sent to what is answered: which command's runs can do what, and how.

A run says itself of which command it is. The labs are imported when a run of theirs is opened, and not before.
"""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from common.datasets import class_names
from common.errors import InputError
from common.runs import newest
from common.settings import read_record

Task = Literal["classify", "detect", "generate", "predict"]
ENLARGED = 4  # a drawn image's pixel becomes a square of so many


class Found(NamedTuple):
    """Something found in a picture: x1, y1, x2, y2 in its pixels, what it is, and with what probability."""

    box: tuple[float, float, float, float]
    label: str
    confidence: float


@dataclass(frozen=True)
class Served:
    """A network as it is served. `answer` gets and gives, by task:

    classify  a picture's bytes                → dict of label → probability, the likeliest first
    detect    a picture's bytes, width, height → list of Found, in pixels of that picture
    generate  how many, and a seed             → PNG's bytes
    predict   a text                           → dict of label → probability, the likeliest first
    """

    name: str
    command: str
    task: Task
    about: str
    answer: Callable[..., Any]


def _likeliest_first(classes: Sequence[str], probabilities: Tensor) -> dict[str, float]:
    pairs = zip(classes, probabilities.tolist(), strict=True)
    return dict(sorted(((name, round(p, 6)) for name, p in pairs), key=lambda pair: -pair[1]))


def _open_upright(content: bytes) -> Image.Image:
    from labs.cnn.own_pictures import open_picture

    try:
        return open_picture(io.BytesIO(content))
    except InputError:  # its sentence has a file's name, and this has none
        raise InputError("the picture cannot be read: it is damaged, or its end is missing") from None


def _reads_digits(predict: Callable[[Any, Tensor], Tensor], model: Any, classes: Sequence[str]) -> Callable[..., Any]:
    """The function for a network on images in MNIST's form."""
    from labs.cnn.own_pictures import find_digit

    def answer(content: bytes) -> dict[str, float]:
        return _likeliest_first(classes, predict(model, find_digit(_open_upright(content))[None])[0])

    return answer


def _open_cnn(path: Path, device: torch.device) -> tuple[str, Callable[..., Any]]:
    from labs.cnn import load_run, predict

    loaded = load_run(path)
    name = loaded.settings.dataset
    return f"{loaded.settings.model} network, {name}", _reads_digits(
        predict, loaded.model.to(device), class_names(name)
    )


def _open_foundations(path: Path, device: torch.device) -> tuple[str, Callable[..., Any]]:
    from labs.foundations import load_run, predict

    loaded = load_run(path)
    name = loaded.settings.dataset
    return f"dense network, {name}", _reads_digits(predict, loaded.model.to(device), class_names(name))


def _open_transfer(path: Path, device: torch.device) -> tuple[str, Callable[..., Any]]:
    from labs.transfer_learning import load_run, predict
    from labs.transfer_learning.pictures import open_picture

    loaded = load_run(path)
    args, model, classes = loaded.settings, loaded.model.to(device), loaded.about["classes"]

    def answer(content: bytes) -> dict[str, float]:
        try:
            X = open_picture(io.BytesIO(content), args.image_size)
        except InputError:
            raise InputError("the picture cannot be read: it is damaged, or its end is missing") from None
        return _likeliest_first(classes, predict(model, X[None])[0])

    return f"{args.backbone} with a head of its own, {args.dataset}", answer


def _open_detection(path: Path, device: torch.device) -> tuple[str, Callable[..., Any]]:
    from labs.cnn.detection.detection import load_run
    from labs.cnn.detection.load_predict import find_digits

    loaded = load_run(path)
    model, classes = loaded.model.to(device), loaded.about["classes"]

    def answer(content: bytes, width: int, height: int) -> list[Found]:
        picture = _open_upright(content)
        found = find_digits(model, picture)
        sides = torch.tensor([width / picture.width, height / picture.height]).repeat(2)
        edges = (found.boxes * sides).clamp(min=0).round(decimals=1).tolist()
        names = [classes[label] for label in found.labels.tolist()]
        scores = (round(score, 6) for score in found.scores.tolist())
        return [Found(tuple(box), *rest) for box, *rest in zip(edges, names, scores, strict=True)]

    return f"single-shot detector, {loaded.settings.dataset}", answer


def _png(X: Tensor) -> bytes:
    """Images (N, 1, H, W) in [0, 1] side by side, enlarged."""
    from common.plots import mosaic

    sheet = mosaic(X.cpu(), max(1, round(len(X) ** 0.5)))[0]
    picture = Image.fromarray((sheet * 255).round().byte().numpy())
    content = io.BytesIO()
    size = (picture.width * ENLARGED, picture.height * ENLARGED)
    picture.resize(size, Image.Resampling.NEAREST).save(content, "PNG")
    return content.getvalue()


def _open_vae(path: Path, device: torch.device) -> tuple[str, Callable[..., Any]]:
    from labs.vae import generate, load_run

    loaded = load_run(path)
    model = loaded.model.to(device)

    def answer(count: int, seed: int) -> bytes:
        return _png(generate(model, count, torch.Generator().manual_seed(seed)))

    return f"{loaded.settings.model}, {loaded.settings.dataset}", answer


def _open_gan(path: Path, device: torch.device) -> tuple[str, Callable[..., Any]]:
    from labs.gan import generate, load_run, noise

    loaded = load_run(path, device)
    generator, latent_dim = loaded.model.get_submodule("generator"), loaded.settings.latent_dim

    def answer(count: int, seed: int) -> bytes:
        return _png(generate(generator, noise(count, latent_dim, seed=seed)))

    return f"{loaded.settings.model} generator, {loaded.settings.dataset}", answer


def _open_classifier(path: Path, device: torch.device) -> tuple[str, Callable[..., Any]]:
    from labs.nlp.classify import load_run, predict
    from labs.nlp.vocabulary import load_vocabulary

    loaded = load_run(path)
    args, model, classes = loaded.settings, loaded.model.to(device), loaded.about["classes"]
    vocabulary = load_vocabulary(path)

    def answer(text: str) -> dict[str, float]:
        return _likeliest_first(classes, predict(model, vocabulary, [text], args.max_length)[0])

    return f"{args.model} classifier, {args.dataset}", answer


OPENERS: dict[str, tuple[Task, Callable[[Path, torch.device], tuple[str, Callable[..., Any]]]]] = {
    "labs.cnn": ("classify", _open_cnn),
    "labs.foundations": ("classify", _open_foundations),
    "labs.transfer_learning": ("classify", _open_transfer),
    "labs.cnn.detection": ("detect", _open_detection),
    "labs.vae": ("generate", _open_vae),
    "labs.gan": ("generate", _open_gan),
    "labs.nlp.classify": ("predict", _open_classifier),
}


def open_networks(paths: Sequence[Path], device: torch.device) -> list[Served]:
    """The runs' networks, ready to answer; without paths the newest run of each command that can be served.

    Raises InputError for a run that cannot be served, and if there is none.
    """
    paths = list(paths) or _newest_of_each()
    if not paths:
        raise InputError("there is no run to serve under runs; train one: python -m labs.cnn --dataset digits")
    return [_open(name, path, device) for name, path in _named(paths).items()]


def _newest_of_each() -> list[Path]:
    found = []
    for command in OPENERS:
        try:
            found.append(newest(command))
        except InputError:  # none of this command
            continue
    return found


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """The runs by names that tell them apart: the folder's own, or as much of the path as they differ in."""
    places = [path.resolve() for path in paths]
    twice = next((path for path, place in zip(paths, places, strict=True) if places.count(place) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is named twice; name each run once")
    if len({place.name for place in places}) == len(places):
        return {place.name: path for place, path in zip(places, paths, strict=True)}
    above = os.path.commonpath(places)
    return {place.relative_to(above).as_posix(): path for place, path in zip(places, paths, strict=True)}


def _open(name: str, path: Path, device: torch.device) -> Served:
    command = str(read_record(path).get("command"))
    if command not in OPENERS:
        raise InputError(f"{path} is a run of {command}, which is not served; runs of {', '.join(OPENERS)} are")
    task, opener = OPENERS[command]
    about, answer = opener(path, device)
    answer(*_example(task))  # the first answer takes several times as long as the next
    return Served(name, command, task, about, answer)


def _example(task: Task) -> tuple[Any, ...]:
    """Something to answer to: for pictures a stroke."""
    content = io.BytesIO()
    picture = Image.new("L", (28, 28))
    picture.paste(255, (12, 4, 16, 24))
    picture.save(content, "PNG")
    return {
        "classify": (content.getvalue(),),
        "detect": (content.getvalue(), *picture.size),
        "generate": (1, 0),
        "predict": ("a text",),
    }[task]
