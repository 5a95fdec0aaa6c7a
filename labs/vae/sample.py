"""A trained model draws new digits: `python -m labs.vae.sample --run DIR`, without training again."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from common import checkpoint, cli
from common.errors import InputError
from common.runs import newest_run
from labs.vae.vae import VAE, Data, HyperParams, build_model, decode, encode, generate, get_data


@dataclass(frozen=True)
class Request:
    """Draw images with a trained model: from codes of the prior, or along the path between two test images."""

    run: cli.OptionalPath = None  # the run directory whose model draws; none: the newest
    count: int = 64  # images
    seed: int = 0  # fixes the codes
    single: bool = False  # one PNG per image instead of one grid
    interpolate: cli.Ints = ()  # A,B: COUNT images on the way from a test image of class A to one of class B
    data_dir: cli.OptionalPath = None  # for --interpolate: where data sets lie; none: where they lay in training
    out: cli.OptionalPath = None  # where the PNG files go; none: samples/ in the run directory

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"--count is {self.count}; it must be at least 1")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}; it must be at least 0")
        if len(self.interpolate) not in (0, 2):
            shown = ",".join(map(str, self.interpolate))
            raise InputError(f"--interpolate is {shown}; it must be two classes, such as 3,8")


def load_model(run: Path) -> tuple[VAE, HyperParams]:
    """The model of a run, on the CPU, and the settings it was trained with."""
    path = Path(run) / "model.safetensors"
    tensors, header = checkpoint.load(path)
    args = cli.settings_from_json(HyperParams, header, str(path))
    model = build_model(args)
    checkpoint.load_weights(model, tensors, path)
    return model.eval(), args


def open_run(run: Path | None, data_dir: Path | None = None) -> tuple[Path, VAE, HyperParams, Data]:
    """A trained run (the newest if None is named) to look at: directory, model, settings, and its data."""
    run = Path(run) if run else newest_run("vae")
    model, args = load_model(run)
    args = dataclasses.replace(args, data_dir=data_dir or args.data_dir)
    return run, model, args, get_data(args, torch.device("cpu"))


def interpolate(model: VAE, start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Images (steps, 1, 28, 28) decoded along the straight line between two codes (latent_dim,), both included."""
    return decode(model, torch.lerp(start, end, torch.linspace(0, 1, steps, device=start.device)[:, None]))


def draw(**kws) -> Tensor:
    """Write the PNG files that a Request asks for and return the images (count, 1, 28, 28) in [0, 1]."""
    from common.plots import mosaic, write_image

    args = Request(**kws)
    generator = torch.Generator().manual_seed(args.seed)
    if args.interpolate:
        run, model, _, data = open_run(args.run, args.data_dir)
        ends = [pick(data, label, generator) for label in args.interpolate]
        mu, _ = encode(model, torch.stack(ends))
        images, name = interpolate(model, *mu, args.count), "interpolation_{}_{}".format(*args.interpolate)
    else:
        run = args.run or newest_run("vae")
        model, _ = load_model(run)
        images, name = generate(model, args.count, generator), f"samples_seed{args.seed}"
    folder = args.out or run / "samples"
    if args.single:
        for number, image in enumerate(images):
            print(write_image(folder / f"{name}_{number:0{len(str(args.count - 1))}}.png", image))
    else:
        print(write_image(folder / f"{name}.png", mosaic(images, columns=min(len(images), 10))))
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
    cli.run(draw, Request)


if __name__ == "__main__":
    main()
