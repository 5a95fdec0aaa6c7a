"""Pictures of your own as a data set, `--dataset folder:PATH`: one folder a class.

`PATH/<class>/<any name>`; if PATH holds the folders `train` and `test`, these hold the classes and are the split.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from common.errors import InputError

PREFIX = "folder:"
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # what Pillow raises


def is_folder(dataset: str) -> bool:
    """Whether the name is one of a folder of pictures."""
    return dataset.startswith(PREFIX)


def list_pictures(root: Path) -> tuple[tuple[str, ...], dict[str, tuple[np.ndarray, Tensor]]]:
    """The classes, sorted, and of each part ("all", or "train" and "test") the files and their labels.

    A class may have any name; files and folders whose name begins with a dot are left out.
    Raises InputError if there is no such folder or there are fewer than two classes.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"--dataset {PREFIX}{root}: no such folder")
    given = {part: root / part for part in ("train", "test")}
    parts = given if all(path.is_dir() for path in given.values()) else {"all": root}
    classes = sorted({path.name for part in parts.values() for path in _visible(part) if path.is_dir()})
    if len(classes) < 2:
        raise InputError(f"--dataset {PREFIX}{root}: it must hold a folder for each class, at least two")
    found = {}
    for part, folder in parts.items():
        files = [(path, i) for i, name in enumerate(classes) for path in _files(folder / name)]
        if not files:
            raise InputError(f"--dataset {PREFIX}{root}: no picture in the folders of {folder}")
        paths = np.array([path for path, _ in files], dtype=object)
        found[part] = paths, torch.tensor([label for _, label in files])
    # A name that is no text in this system's encoding must still be printable and fit into JSON.
    return tuple(name.encode(errors="replace").decode() for name in classes), found


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    """Every regular file under the folder, also in folders within."""
    if not folder.is_dir():
        return []
    return [
        Path(where) / name
        for where, inner, names in sorted(os.walk(folder))
        for name in sorted(names)
        if not name.startswith(".") and (Path(where) / name).is_file()  # a pipe would be waited for
    ]


def read_picture(path: Path | BinaryIO, image_size: int) -> np.ndarray:
    """The middle square of the picture, upright, at most `image_size` a side: (S, S, 3), bytes.

    Raises one of UNREADABLE for what is no readable picture.
    """
    with Image.open(path) as file:
        file.draft("RGB", (2 * image_size, 2 * image_size))  # a large JPEG need not be decoded in full
        picture = ImageOps.exif_transpose(file).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((left, top, left + side, top + side))
    if side > image_size:
        picture = picture.resize((image_size, image_size), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def open_picture(path: Path | BinaryIO, image_size: int) -> Tensor:
    """The picture's middle square as bytes (3, S, S), S at most `image_size`. InputError if it cannot be read."""
    if isinstance(path, Path) and path.exists() and not path.is_file():
        raise InputError(f"{path} is no regular file; give a PNG, JPEG or the like")
    try:
        picture = read_picture(path, image_size)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UNREADABLE as error:
        why = "it is no image" if isinstance(error, Image.UnidentifiedImageError) else error
        raise InputError(f"{path} cannot be read: {why}; give a PNG, JPEG or the like") from None
    return torch.tensor(picture).permute(2, 0, 1)


def read_pictures(paths: Sequence[Path], y: Tensor, image_size: int) -> tuple[Tensor, Tensor]:
    """Pictures as bytes (N, 3, S, S) with their labels; those that cannot be read are named and left out.

    If all have the same size of at most `image_size` they keep it, otherwise all are brought to `image_size`.
    """
    pictures, labels, unreadable = [], [], []
    for path, label in zip(paths, y.tolist(), strict=True):
        try:
            pictures.append(read_picture(path, image_size))
            labels.append(label)
        except UNREADABLE:
            unreadable.append(path)
    if unreadable:
        shown = ", ".join(str(path) for path in unreadable[:5]) + (", …" if len(unreadable) > 5 else "")
        shown = shown.encode(errors="replace").decode()
        warnings.warn(f"left out, for they are no readable pictures ({len(unreadable)}): {shown}", stacklevel=2)
    if not pictures:
        raise InputError(f"none of the {len(paths)} files is a readable picture, e.g. {paths[0]}")
    if len({picture.shape for picture in pictures}) > 1:
        size = (image_size, image_size)
        pictures = [np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BILINEAR)) for p in pictures]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)
