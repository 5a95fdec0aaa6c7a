"""What does a network say of pictures of your own? `python -m labs.transfer_learning.load_predict rose.jpg tulip.png`

The picture goes through the preparation that the network was trained with, as that is part of the network; the Julia
lab shows its network a picture 255 times as bright as those it has learnt from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from common import cli
from common.errors import InputError
from common.settings import OptionalFolder, Settings
from labs.transfer_learning.pictures import open_picture
from labs.transfer_learning.transfer_learning import load_run, predict

SHOWN = 3  # classes named for each picture


@dataclass(frozen=True)
class Request(Settings):
    """Let a trained network name what is in each picture, of any size; its middle square is looked at."""

    pictures: Positional[Annotated[tuple[Path, ...], arg(metavar="PICTURE")]]  # image files
    run: OptionalFolder = None  # the run directory whose network looks; none: the newest


def name_pictures(pictures: tuple[Path, ...], run: Path | None = None) -> int:
    """Print the likeliest classes of each picture with their probabilities; returns how many could not be read."""
    if not pictures:
        raise InputError("no picture to look at; name an image file")
    loaded = load_run(run)
    classes, failures = loaded.about["classes"], 0
    for path in pictures:
        try:
            X = open_picture(path, loaded.settings.image_size)
        except InputError as error:
            cli.print_error(error)
            failures += 1
            continue
        likeliest = predict(loaded.model, X[None])[0].topk(min(SHOWN, len(classes)))
        found = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        print(f"{path}: {', '.join(f'{classes[i]} {p:.1%}' for i, p in found)}")
    return failures


def main() -> None:
    """The command `python -m labs.transfer_learning.load_predict`."""
    raise SystemExit(2 if cli.run(name_pictures, Request) else 0)


if __name__ == "__main__":
    main()
