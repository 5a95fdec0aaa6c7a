"""A trained network reads pictures of digits: `python -m labs.cnn.load_predict 1.png 8.png`.

Mirrors load_predict.jl. There the network had learnt from digits prepared in one way and was shown pictures
prepared in another (255 times brighter, transposed, squashed); here any picture is brought into the form that MNIST's
digits have (own_pictures.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from common import cli
from common.datasets import class_names
from common.errors import InputError
from common.settings import OptionalFolder, Settings
from labs.cnn.cnn import load_run, predict
from labs.cnn.own_pictures import PICTURES, find_digit, open_picture


@dataclass(frozen=True)
class Request(Settings):
    """Read the digit in each picture with a trained network. Size, colours, background and position are free."""

    pictures: Positional[Annotated[tuple[Path, ...], arg(metavar="PICTURE")]] = ()  # image files; none: the lab's own
    run: OptionalFolder = None  # the run directory whose network reads; none: the newest


def load_predict(pictures: tuple[Path, ...] = (), run: Path | None = None) -> int:
    """Print the digit and its probability for each picture; returns how many could not be read.

    Into the run directory go the prepared 28×28 pictures (prepared/) and figures/load_predict.png.
    """
    from common import plots
    from labs.cnn.figures import percent, plot_readings

    loaded = load_run(run)
    classes = class_names(loaded.settings.dataset)
    read, failures = [], 0
    for path in map(Path, pictures or sorted(PICTURES.glob("*.png"))):
        try:
            picture = open_picture(path)
            X = find_digit(picture)
        except InputError as error:
            message = str(error)
            cli.print_error(message if str(path) in message else f"{path}: {message}")
            failures += 1
            continue
        p = predict(loaded.model, X[None])[0]
        print(f"{path}: {classes[int(p.argmax())]} ({percent(float(p.max()))})")
        read.append((path.name, picture, X, p))
    for number, (name, _, X, _) in enumerate(read, 1):
        plots.write_image(loaded.path / "prepared" / f"{number}_{Path(name).stem}.png", X)
    if read:
        figure = plots.write_figure(loaded.path / "figures" / "load_predict.png", plot_readings(read, classes))
        print(f"what the network saw: {loaded.path / 'prepared'} and {figure}")
        if loaded.settings.dataset == "digits":
            print("this network knows 1 438 small scans only; one trained on MNIST (or with --degrees 20) reads better")
    return failures


def main() -> None:
    """The command `python -m labs.cnn.load_predict`."""
    raise SystemExit(2 if cli.run(load_predict, Request) else 0)


if __name__ == "__main__":
    main()
