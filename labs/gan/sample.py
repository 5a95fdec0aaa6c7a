"""Draws pictures from a trained generator, without training it again: `python -m labs.gan.sample --run DIR`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from common import cli
from common.device import pick_device
from common.settings import OptionalFolder, PlaceOrNone, Range, Role, Seed, Settings
from labs.gan.gan import generate, interpolate, load_run, noise


@dataclass(frozen=True)
class Request(Settings):
    """Draw pictures from a trained generator."""

    run: OptionalFolder = None  # the run directory; none given: the newest under runs/gan
    count: Annotated[int, Range(1, 10_000)] = 16  # pictures, or with --interpolate rows of them
    seed: Seed = 0  # other noise, other pictures
    single: bool = False  # one PNG of 28×28 per picture, instead of a numbered grid of 800×800
    interpolate: bool = False  # each row walks from one noise vector to another
    out: PlaceOrNone = None  # folder for the PNGs; none given: DIR/samples
    device: Annotated[str, Role.PLACE] = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps


def sample(**kws: Any) -> list[Path]:
    """Write the PNGs and return their paths. Keyword arguments are the fields of Request."""
    from common.animation import as_image, write_picture
    from common.plots import write_image
    from labs.gan.pictures import plot_sheet

    args = Request(**kws)
    loaded = load_run(args.run, pick_device(args.device))
    latent_dim = loaded.settings.latent_dim
    if args.interpolate:
        ends = noise(2 * args.count, latent_dim, seed=args.seed)
        z, columns = interpolate(ends[::2], ends[1::2], steps=10), 10
    else:
        z = noise(args.count, latent_dim, seed=args.seed)
        columns = max(1, round(args.count**0.5))
    X = generate(loaded.model.get_submodule("generator"), z).cpu()

    folder, name = args.out or loaded.path / "samples", "interpolation" if args.interpolate else "samples"
    if args.single:
        files = [folder / f"{name}_{i + 1:0{len(str(len(X)))}}.png" for i in range(len(X))]
        for image, file in zip(X, files, strict=True):
            write_image(file, image)
    else:
        figure = plot_sheet(X, columns, numbered=not args.interpolate and args.count <= 100, inches=8)
        files = [write_picture(as_image(figure), folder / f"{name}.png")]
    print(files[0] if len(files) == 1 else folder)
    return files


def main() -> None:
    """The command `python -m labs.gan.sample`."""
    cli.run(sample, Request)


if __name__ == "__main__":
    main()
