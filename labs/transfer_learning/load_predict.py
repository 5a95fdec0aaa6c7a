"""What does a network say of pictures of your own? `python -m labs.transfer_learning.load_predict rose.jpg tulip.png`

The picture goes through the preparation that the network was trained with, as that is part of the network; the Julia
lab shows its network a picture 255 times as bright as those it has learnt from.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from PIL import Image
from torch import Tensor
from tyro.conf import Positional, arg

from common import checkpoint, cli, runs
from common.errors import InputError
from labs.transfer_learning.pictures import read_picture
from labs.transfer_learning.pretrained_network import Network, build_model
from labs.transfer_learning.transfer_learning import HyperParams, predict

SHOWN = 3  # classes named for each picture


@dataclass(frozen=True)
class Request:
    """Let a trained network name what is in each picture, of any size; its middle square is looked at."""

    pictures: Positional[Annotated[tuple[Path, ...], arg(metavar="PICTURE")]]  # image files
    run: cli.OptionalPath = None  # the run directory whose network looks; none: the newest


def load_run(path: Path) -> tuple[Network, HyperParams, list[str]]:
    """The network of a run, ready to predict, the settings it was trained with, and its classes' names.

    Raises InputError if there is no network of this lab in the directory, or a damaged one.
    """
    file = Path(path) / "model.safetensors"
    tensors, header = checkpoint.load(file)
    if header.get("lab") != "transfer_learning" or "classes" not in header:
        raise InputError(f"{file} is no network of this lab; train one with `python -m labs.transfer_learning`")
    classes = header.pop("classes")
    args = cli.settings_from_json(HyperParams, header, str(path))
    # The file holds the backbone, too: the pretrained one need not be there any more.
    model = build_model(dataclasses.replace(args, weights="none"), len(classes))
    checkpoint.load_weights(model, tensors, file)
    return model.eval(), args, classes


def open_picture(path: Path, image_size: int) -> Tensor:
    """The picture's middle square as bytes (3, S, S), S at most `image_size`. InputError if it cannot be read."""
    try:
        picture = read_picture(path, image_size)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = "it is no image" if isinstance(error, Image.UnidentifiedImageError) else error
        raise InputError(f"{path} cannot be read: {why}; give a PNG, JPEG or the like") from None
    return torch.tensor(picture).permute(2, 0, 1)


def newest_network() -> Path:
    """The run whose network was written last (loss_landscape.py's are none); InputError if there is none."""
    files = sorted(runs.RUNS.glob("transfer_learning/*/model.safetensors"), key=lambda p: p.stat().st_mtime)
    for file in reversed(files):
        if "classes" in checkpoint.load(file)[1]:
            return file.parent
    raise InputError(
        "no trained network under runs/transfer_learning; train one with `python -m labs.transfer_learning`, or name "
        "one with --run"
    )


def name_pictures(pictures: tuple[Path, ...], run: Path | None = None) -> int:
    """Print the likeliest classes of each picture with their probabilities; returns how many could not be read."""
    if not pictures:
        raise InputError("no picture to look at; name an image file")
    model, args, classes = load_run(run or newest_network())
    failures = 0
    for path in pictures:
        try:
            X = open_picture(path, args.image_size)
        except InputError as error:
            cli.print_error(error)
            failures += 1
            continue
        likeliest = predict(model, X[None])[0].topk(min(SHOWN, len(classes)))
        found = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        print(f"{path}: {', '.join(f'{classes[i]} {p:.1%}' for i, p in found)}")
    return failures


def main() -> None:
    """The command `python -m labs.transfer_learning.load_predict`."""
    raise SystemExit(2 if cli.run(name_pictures, Request) else 0)


if __name__ == "__main__":
    main()
