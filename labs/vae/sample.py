"""A trained model draws new digits: `python -m labs.vae.sample --run DIR`, without training again."""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from common import cli
from common.errors import InputError
from common.settings import Ints, OptionalFolder, PlaceOrNone, Range, Seed, Settings
from labs.vae.autoencoder import encode, generate, interpolate
from labs.vae.vae import Data, load_run, open_run

WIDTH = 800  # pixels of a grid or a row, about


@dataclass(frozen=True)
class Request(Settings):
    """Draw images with a trained model: from codes of the prior, or along the path between two test images."""

    run: OptionalFolder = None  # the run directory whose model draws; none: the newest
    count: Annotated[int, Range(1, 10_000)] = 64  # images
    seed: Seed = 0  # fixes the codes
    single: bool = False  # one PNG of 28×28 per image instead of a grid about 800 wide
    interpolate: Ints = ()  # A,B: COUNT images on the way from a test image of class A to one of class B
    data_dir: PlaceOrNone = None  # for --interpolate: where data sets lie; none: where they lay in training
    out: PlaceOrNone = None  # where the PNG files go; none: samples/ in the run directory

    def check(self) -> None:
        self.require("interpolate", len(self.interpolate) in (0, 2), "two classes, such as 3,8")
        self.refuse_unused({"data_dir": bool(self.interpolate)}, "without --interpolate")


def sample(**kws: Any) -> Tensor:
    """Write the PNG files that a Request asks for and return the images (count, 1, 28, 28) in [0, 1]."""
    from common.plots import mosaic, write_image

    args = Request(**kws)
    generator = torch.Generator().manual_seed(args.seed)
    if args.interpolate:
        loaded, data = open_run(args.run, args.data_dir)
        ends = [pick(data, label, generator) for label in args.interpolate]
        (start, end), _ = encode(loaded.model, torch.stack(ends))
        images = interpolate(loaded.model, start, end, args.count)
        name = "interpolation_{}_{}".format(*args.interpolate)
    else:
        loaded = load_run(args.run)
        images, name = generate(loaded.model, args.count, generator), f"samples_seed{args.seed}"
    folder = args.out or loaded.path / "samples"
    if args.single:
        for number, image in enumerate(images):
            print(write_image(folder / f"{name}_{number:0{len(str(args.count - 1))}}.png", image))
    else:
        columns = min(len(images), 10) if args.interpolate else round(len(images) ** 0.5)
        sheet = mosaic(images, columns)
        enlarged = max(1, round(WIDTH / sheet.shape[2]))  # each pixel as a square of so many
        sheet = sheet.repeat_interleave(enlarged, dim=1).repeat_interleave(enlarged, dim=2)
        print(write_image(folder / f"{name}.png", sheet))
    return images


def pick(data: Data, label: int, generator: torch.Generator) -> Tensor:
    """A test image (1, 28, 28) of the class, drawn."""
    X, y = data.test
    candidates = (y == label).nonzero()[:, 0]
    if not len(candidates):
        known = ",".join(map(str, y.unique().tolist()))
        raise InputError(f"--interpolate names class {label}; {data.images.name} has the classes {known}")
    return X[candidates[torch.randint(len(candidates), (), generator=generator)]]


def main() -> None:
    """The command `python -m labs.vae.sample`."""
    cli.run(sample, Request)


if __name__ == "__main__":
    main()
