"""A trained detector looks at pictures of one's own: `python -m labs.cnn.detection.load_predict sheet.jpg`"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from PIL import Image
from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.settings import OptionalFolder, Probability, Range, Settings
from labs.cnn.detection.boxes import Detection
from labs.cnn.detection.detection import Detector, load_run, predict
from labs.cnn.detection.own_scenes import LARGEST, PICTURES, to_scene
from labs.cnn.detection.scenes import SIDE
from labs.cnn.own_pictures import open_picture


@dataclass(frozen=True)
class Request(Settings):
    """Find the digits in each picture with a trained detector. Colours and background are free."""

    pictures: Positional[Annotated[tuple[Path, ...], arg(metavar="PICTURE")]] = ()  # image files; none: the lab's own
    run: OptionalFolder = None  # the run directory whose detector looks; none: the newest
    side: Annotated[int, Range(SIDE // 2, LARGEST)] = SIDE  # pixels its longer side gets; a digit should have 10 to 40
    threshold: Probability = 0.5  # score from which on a box is told
    overlap: Probability = 0.5  # NMS: IoU above which the fainter of two boxes of a class is dropped


def find_digits(
    model: Detector, picture: Image.Image, side: int = SIDE, threshold: float = 0.5, overlap: float = 0.5
) -> Detection:
    """What is found in a picture, its boxes in the picture's own pixels. InputError if there is nothing to be seen."""
    X, factor = to_scene(picture, side)
    return predict(model, X[None], threshold, overlap)[0].scaled(factor)


def load_predict(
    pictures: tuple[Path, ...] = (),
    run: Path | None = None,
    side: int = SIDE,
    threshold: float = 0.5,
    overlap: float = 0.5,
) -> int:
    """Print what is found in each picture; returns how many could not be read.

    Into the run directory goes figures/load_predict.png: the pictures as the network saw them, and the boxes.
    """
    from common import plots
    from labs.cnn.detection.figures import found_marks, plot_pictures

    loaded = load_run(run)
    classes, failures, seen = loaded.about["classes"], 0, []
    for path in map(Path, pictures or sorted(PICTURES.glob("*.png"))):
        try:
            X, factor = to_scene(open_picture(path), side)
        except InputError as error:
            message = str(error)
            cli.print_error(message if str(path) in message else f"{path}: {message}")
            failures += 1
            continue
        found = predict(loaded.model, X[None], threshold, overlap)[0]
        print(f"{path}: {describe(found.scaled(factor), classes)}")
        seen.append((path.name, X, found_marks(found, classes)))
    if seen:
        names, scenes, marks = zip(*seen, strict=True)
        columns = min(2, len(seen))
        figure = plots.write_figure(
            loaded.path / "figures" / "load_predict.png", plot_pictures(scenes, marks, columns, titles=names)
        )
        print(f"what the network saw: {figure}")
    return failures


def describe(found: Detection, classes: list[str]) -> str:
    """What was found, the surest first, with the boxes in whole pixels: 3 (98 %) at 12,30–40,71."""
    if not len(found.labels):
        return "nothing found"
    parts = []
    for box, label, score in zip(found.boxes.round().int().tolist(), found.labels, found.scores, strict=True):
        x1, y1, x2, y2 = box
        parts.append(f"{classes[label]} ({score:.0%}) at {x1},{y1}–{x2},{y2}")
    return "; ".join(parts)


def main() -> None:
    """The command `python -m labs.cnn.detection.load_predict`."""
    raise SystemExit(2 if cli.run(load_predict, Request) else 0)


if __name__ == "__main__":
    main()
