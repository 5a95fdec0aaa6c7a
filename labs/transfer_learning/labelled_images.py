"""The labelled images of a run: as many of a data set as the settings say, as evenly from all classes as can be."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.data import stratified_split
from common.datasets import load_bytes
from common.device import derive_seed
from common.images import random_affine
from labs.transfer_learning import pictures
from labs.transfer_learning.recipe import HyperParams, Recipe

Labelled = tuple[Tensor, Tensor]  # images as bytes (N, C, H, W) in their own size, labels (N,)
Items = Tensor | np.ndarray  # such images, or the files that they are in


@dataclass(frozen=True)
class Data:
    """What a run trains and tests on."""

    name: str
    classes: tuple[str, ...]
    train: Labelled
    val: Labelled | None
    test: Labelled
    left_out: int = 0  # images of the data set that the settings leave out

    def to(self, device: torch.device) -> "Data":
        """The same on another device."""
        moved = [None if part is None else (part[0].to(device), part[1].to(device)) for part in self.parts]
        train, val, test = moved
        assert train and test
        return dataclasses.replace(self, train=train, val=val, test=test)

    @property
    def parts(self) -> tuple[Labelled, Labelled | None, Labelled]:
        """Training, validation (or None), test."""
        return self.train, self.val, self.test

    def describe(self) -> str:
        """How many images each part has, of what, and how to take all."""
        parts = {"training": self.train} | ({"validation": self.val} if self.val else {}) | {"test": self.test}
        numbers = [f"{len(y)} {name}" for name, (_, y) in parts.items()]
        said = f"{self.name}: {', '.join(numbers[:-1])} and {numbers[-1]} images of {len(self.classes)} classes"
        if self.left_out:
            said += f" ({self.left_out} more are left out; all: --train-images 0 --test-images 0)"
        return said


@dataclass(frozen=True)
class Pool:
    """A data set's parts, before images are chosen from them: train (and validation) and test, in this order."""

    name: str
    classes: tuple[str, ...]
    parts: tuple[tuple[Items, Tensor], ...]
    read: Callable[[Items, Tensor], Labelled] | None  # what opens files

    def choose(self, part: int, n: int | None, seed: int, device: torch.device) -> Labelled:
        """n images of a part (all, if n is 0 or None), as many of each class, on `device`."""
        items, y = self.parts[part]
        rows = choose_evenly(y, n or len(y), seed)
        X, y = items[rows.numpy()], y[rows]
        if self.read:
            X, y = self.read(X, y)
        return X.to(device), y.to(device)


def get_pool(args: HyperParams) -> Pool:
    """The parts of the data set that the settings name: as published, or as they say, split by the seed."""
    read, found = None, dict[str, tuple[Any, Tensor]]()
    if pictures.is_folder(args.dataset):
        classes, found = pictures.list_pictures(Path(args.dataset.removeprefix(pictures.PREFIX)))
        read = functools.partial(pictures.read_pictures, image_size=args.image_size)
    else:
        images = load_bytes(args.dataset, args.data_dir, offline=args.offline, quiet=args.quiet)
        classes = images.classes
        found = {"train": (images.X_train, images.y_train), "test": (images.X_test, images.y_test)}
    parts = tuple(found.values())
    if args.split or "all" in found:  # without a split of their own a fifth of the pictures is for testing
        items, y = _concatenate([items for items, _ in parts]), torch.cat([y for _, y in parts])
        cut = stratified_split(y, args.split or (0.8, 0.2), seed=args.seed, classes=classes)
        parts = tuple((items[rows.numpy()], y[rows]) for rows in cut)
    return Pool(args.dataset, classes, parts, read)


def _concatenate(parts: list[Any]) -> Any:
    return torch.cat(parts) if isinstance(parts[0], Tensor) else np.concatenate(parts)


def get_data(args: HyperParams, device: torch.device) -> Data:
    """The parts of a data set, on `device`: as many images as the settings say, as evenly from all classes as can be.

    Images stay in their own size (or, of a folder, at most `--image-size`); each batch is enlarged when it is used.
    All of MNIST as RGB at 224×224 would be 36 GB.
    """
    pool = get_pool(args)
    available = len(pool.parts[0][1])
    wanted = min(args.train_images or available, args.limit or available)
    numbers = [wanted, *[args.test_images] * (len(pool.parts) - 1)]
    drawn = [pool.choose(i, n, derive_seed(args.seed, i), device) for i, n in enumerate(numbers)]
    left_out = sum(max(0, len(y) - (n or len(y))) for (_, y), n in zip(pool.parts, numbers, strict=True))
    return Data(pool.name, pool.classes, drawn[0], drawn[1] if args.split else None, drawn[-1], left_out)


def choose_evenly(y: Tensor, n: int, seed: int) -> Tensor:
    """Indices of n samples (or all, if there are fewer) drawn so that no class has two more than another, if it can."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    shuffled = y[order]
    same = torch.zeros(len(y), dtype=torch.long)  # how many of a sample's class come before it
    for label in shuffled.unique():
        same[shuffled == label] = torch.arange(int((shuffled == label).sum()))
    return order[same.argsort(stable=True)][:n]


def augment(X: Tensor, args: Recipe) -> Tensor:
    """Images (N, C, H, W) turned, scaled, mirrored, brightened at random, in [0, 1]; what comes in is black."""
    X = X.float() / 255
    X = random_affine(X, degrees=args.degrees, zoom=args.zoom, flip=args.flip)
    factor = 1 + args.brightness * (2 * torch.rand(len(X), 1, 1, 1) - 1)  # drawn on the CPU: the same on every device
    return (X * factor.to(X.device)).clamp(0, 1)
