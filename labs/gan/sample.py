"""Draws pictures from a trained generator, without training it again: `python -m labs.gan.sample --run DIR`."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from common import cli
from common.device import pick_device
from common.errors import InputError
from common.runs import newest_run
from labs.gan.gan import generate, load_run, noise


@dataclass(frozen=True)
class Sampling:
    """Draw pictures from a trained generator."""

    run: cli.OptionalPath = None  # the run directory; none given: the newest under runs/gan
    count: int = 16  # pictures, or with --interpolate rows of them
    seed: int = 0  # other noise, other pictures
    single: bool = False  # one PNG of 28×28 per picture, instead of a numbered grid of 800×800
    interpolate: bool = False  # each row walks from one noise vector to another
    out: cli.OptionalPath = None  # folder for the PNGs; none given: DIR/samples
    device: str = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 10_000:
            raise InputError(f"--count is {self.count}; it must be between 1 and 10 000")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}; it must be at least 0")


def interpolate(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """`steps` noise vectors on the arc from `start` to `end` (N, D): (N · steps, D), a row of them after the other.

    sin((1 − t) ω) / sin ω · start + sin(t ω) / sin ω · end, with ω the angle between the two (Shoemake 1985). On
    the straight line the middle would be too short: random vectors of many dimensions all have about one length.
    """
    omega = torch.acos(torch.cosine_similarity(start, end, dim=1).clamp(-0.9999, 0.9999))[:, None, None]
    t = torch.linspace(0, 1, steps)[:, None]
    path = ((1 - t) * omega).sin() * start[:, None] + (t * omega).sin() * end[:, None]
    return (path / omega.sin()).flatten(0, 1)


def draw(**kws) -> list[Path]:
    """Write the PNGs and return their paths. Keyword arguments are the fields of Sampling."""
    from PIL import Image

    from labs.gan import pictures

    args = Sampling(**kws)
    device = pick_device(args.device)
    run = args.run or newest_run("gan")
    model, trained = load_run(run, device)
    if args.interpolate:
        ends = noise(2 * args.count, trained.latent_dim, seed=args.seed)
        z, columns = interpolate(ends[::2], ends[1::2], steps=10), 10
    else:
        z = noise(args.count, trained.latent_dim, seed=args.seed)
        columns = max(1, round(args.count**0.5))
    X = generate(model["generator"], z).cpu()

    folder, name = args.out or run / "samples", "interpolation" if args.interpolate else "samples"
    if args.single:
        files = [folder / f"{name}_{i + 1:0{len(str(len(X)))}}.png" for i in range(len(X))]
        for image, file in zip(X, files, strict=True):
            pictures.write_picture(Image.fromarray((image[0] * 255).round().byte().numpy()), file)
    else:
        figure = pictures.plot_sheet(X, columns, numbered=not args.interpolate and args.count <= 100, inches=8)
        files = [folder / f"{name}.png"]
        pictures.write_picture(pictures.as_image(figure), files[0])
    print(files[0] if len(files) == 1 else folder)
    return files


if __name__ == "__main__":
    cli.run(draw, Sampling)
