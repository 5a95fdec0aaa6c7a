"""The latent space of a trained model in figures: `python -m labs.vae.latent --run DIR` draws them anew."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from common import cli
from common.settings import OptionalFolder, PlaceOrNone, Range, Settings
from labs.vae.vae import open_run


@dataclass(frozen=True)
class Request(Settings):
    """Draw the latent space of a trained model: codes of the test images, the plane, paths between digits."""

    run: OptionalFolder = None  # the run directory whose model is looked at; none: the newest
    data_dir: PlaceOrNone = None  # where data sets lie; none: where they lay in training
    side: Annotated[int, Range(2, 100)] = 20  # images along each side of the plane's grid
    steps: Annotated[int, Range(2, 100)] = 10  # images along each path between two digits


def draw_latent_space(**kws: Any) -> list[Path]:
    """Draw the figures into the run's figures/ and print their paths. Keyword arguments are the fields of Request."""
    from common.plots import write_figure
    from labs.vae.figures import plot_latent_space

    args = Request(**kws)
    loaded, data = open_run(args.run, args.data_dir)
    figures = plot_latent_space(loaded.model, *data.test, data.images.classes, side=args.side, steps=args.steps)
    paths = [write_figure(loaded.path / "figures" / f"{name}.png", figure) for name, figure in figures.items()]
    print(*paths, sep="\n")
    return paths


def main() -> None:
    """The command `python -m labs.vae.latent`."""
    cli.run(draw_latent_space, Request)


if __name__ == "__main__":
    main()
