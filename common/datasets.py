"""Named image data sets as tensors: fetched once, checked every time, and one that needs no network.

Files lie as torchvision lays them (`MNIST/raw/train-images-idx3-ubyte.gz`), so a folder that torchvision has
filled is used in place. CIFAR-10 is read from its binary edition: the Python edition is a pickle.
"""

import dataclasses
import functools
import gzip
import math
import tarfile
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from common.data import stratified_split
from common.errors import InputError
from common.images import to_mnist_form
from common.sources import FetchError, Source, damaged, fetch_files


@dataclass(frozen=True)
class ImageData:
    """Images (N, C, H, W) with labels as int64 (N,), apart for training and testing.

    `load_images` gives them as float32 in [0, 1], `load_bytes` as the bytes that they are published as. `name` says
    which data set it is: after `auto` it may be another than the one hoped for.
    """

    name: str
    classes: tuple[str, ...]
    X_train: Tensor
    y_train: Tensor
    X_test: Tensor
    y_test: Tensor


Tensors = tuple[Tensor, Tensor, Tensor, Tensor]  # X_train, y_train, X_test, y_test; the images as bytes


def read_idx(path: Path) -> np.ndarray:
    """The array of bytes in an IDX file, gzipped or not. Raises InputError if it is cut off or no such file."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged(path, error) from error
    # Header: 0, 0, 8 (unsigned bytes), the number of dimensions, each dimension as a big-endian int32.
    rank = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    start = 4 + 4 * rank
    shape = np.frombuffer(content, ">i4", rank, offset=4) if rank and len(content) >= start else ()
    if not 1 <= len(shape) <= 4 or min(shape) < 1 or len(content) != start + math.prod(map(int, shape)):
        raise damaged(path, "it is cut off, empty, or no IDX file")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_mnist(paths: list[Path]) -> Tensors:
    """The four files that MNIST and its look-alikes consist of."""
    X_train, y_train, X_test, y_test = (torch.from_numpy(read_idx(path).copy()) for path in paths)
    for X, y, path in ((X_train, y_train, paths[0]), (X_test, y_test, paths[2])):
        if X.ndim != 3 or X.shape[1:] != (28, 28) or y.shape != X.shape[:1] or y.max() > 9:
            raise damaged(path, "images or labels are not those of an MNIST-like data set")
    return X_train[:, None], y_train.long(), X_test[:, None], y_test.long()


def read_cifar10(paths: list[Path]) -> Tensors:
    """The binary edition's archive. An image is a label byte, then 1024 bytes each of red, green and blue."""
    with tarfile.open(paths[0]) as archive:

        def read(name: str) -> tuple[Tensor, Tensor]:
            file = archive.extractfile(f"cifar-10-batches-bin/{name}.bin")
            if file is None:
                raise damaged(paths[0], f"{name}.bin is no file")
            rows = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(-1, 3073)
            return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].long()

        batches = [read(f"data_batch_{i}") for i in range(1, 6)]
        X_test, y_test = read("test_batch")
    X_train, y_train = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return X_train, y_train, X_test, y_test


@functools.cache  # 0.2 s, and a notebook reads them at every move of a slider
def read_digits() -> Tensors:
    """scikit-learn's 1 797 scans of handwritten digits, brought from 8×8 pixels into MNIST's form (28×28).

    So the same networks and the same preparation of a student's own picture serve both. A fifth, drawn evenly
    over the classes, is for testing.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    X = torch.from_numpy(np.stack([to_mnist_form(image) for image in bunch.images]))[:, None]
    X = ((X - 0.3) / 0.4).clip(0, 1)  # strokes as sharp as MNIST's: enlarging has blurred them
    X, y = (X * 255).round().byte(), torch.from_numpy(bunch.target).long()
    train, test = stratified_split(y, (0.8, 0.2), seed=0)
    return X[train], y[train], X[test], y[test]


def _mnist_files(*md5: str) -> dict[str, str]:
    names = [f"{part}-{what}.gz" for part in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    return dict(zip(names, md5, strict=True))


SOURCES = {
    "mnist": Source(
        about="70 000 handwritten digits, 28×28",
        classes=tuple("0123456789"),
        folder="MNIST/raw",
        megabytes=12,
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        digests=_mnist_files(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        read=read_mnist,
    ),
    "fashion_mnist": Source(
        about="70 000 photographs of clothes, 28×28",
        classes=(
            *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        folder="FashionMNIST/raw",
        megabytes=31,
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        digests=_mnist_files(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        read=read_mnist,
    ),
    "kmnist": Source(
        about="70 000 cursive Japanese characters, 28×28",
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        folder="KMNIST/raw",
        megabytes=21,
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        digests=_mnist_files(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
        read=read_mnist,
    ),
    "cifar10": Source(
        about="60 000 colour photographs, 32×32 (at 1 MB/s 3 minutes; the last mirror is often slower)",
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        folder=".",
        megabytes=170,
        mirrors=(  # the makers' own server last: it has often been slow
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
            "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
            "https://www.cs.toronto.edu/~kriz/",
        ),
        digests={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        read=read_cifar10,
    ),
}

DIGITS = "digits"
NAMES = ("auto", *SOURCES, DIGITS)


def class_names(name: str) -> tuple[str, ...]:
    """The classes of the data set called `name`, in the order of their labels."""
    return SOURCES["mnist" if name == DIGITS else name].classes


def load_images(
    name: str, data_dir: Path, *, preferred: str = "mnist", offline: bool = False, quiet: bool = False
) -> ImageData:
    """`load_bytes`, as float32 in [0, 1]."""
    images = load_bytes(name, data_dir, preferred=preferred, offline=offline, quiet=quiet)
    return dataclasses.replace(images, X_train=images.X_train / 255, X_test=images.X_test / 255)


def load_bytes(
    name: str, data_dir: Path, *, preferred: str = "mnist", offline: bool = False, quiet: bool = False
) -> ImageData:
    """The data set called `name`; `auto` is `preferred` if it is there or can be fetched, else the digits.

    The images are bytes (uint8), a quarter of the memory of floats. Raises InputError for an unknown name, a damaged
    file, and a data set that is named but cannot be had.
    """
    if name == DIGITS:
        return ImageData(DIGITS, class_names(DIGITS), *(part.clone() for part in read_digits()))
    if name == "auto":
        try:
            return load_bytes(preferred, data_dir, offline=offline, quiet=quiet)
        except FetchError as error:
            instead = "the embedded digits (1 797 scans, easier than MNIST)"
            warnings.warn(error.describe_substitute(instead), stacklevel=3)
            return load_bytes(DIGITS, data_dir)
    if name not in SOURCES:
        raise InputError(f"dataset {name!r} is none of {', '.join(NAMES)}")
    tensors = SOURCES[name].read(fetch_dataset(name, data_dir, offline=offline, quiet=quiet))
    return ImageData(name, class_names(name), *tensors)


def fetch_dataset(name: str, data_dir: Path, *, offline: bool = False, quiet: bool = False) -> list[Path]:
    """The image data set's files: `fetch_files` of its source."""
    return fetch_files(name, SOURCES[name], data_dir, offline=offline, quiet=quiet)
