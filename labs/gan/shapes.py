"""The layers of generator and discriminator: shapes, parameters, drawings: `python -m labs.gan.shapes`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch

from common import cli
from common.layers import Layer, describe_layers, layer_table, plot_layers
from common.settings import UNGIVEN, Role, Settings, Usual
from labs.gan.gan import PRESETS, HyperParams, LatentDim, ModelName, build_model


@dataclass(frozen=True)
class Request(Settings):
    """Print the layer tables of a GAN's two networks, and draw them."""

    model: ModelName = "task4"  # the lab manual's networks, gan.jl's (course), convolutional ones (dcgan)
    latent_dim: Usual[LatentDim] = UNGIVEN  # length of the noise vector z; none: 100, course 16
    out: Annotated[Path, Role.PLACE] = Path("runs/gan_shapes")  # folder for generator.png and discriminator.png

    def usual(self) -> dict[str, Any]:
        return {"latent_dim": PRESETS[self.model]["latent_dim"]}


def shapes(**kws: Any) -> dict[str, list[Layer]]:
    """Print the tables and draw the networks; returns the layers. Keyword arguments are the fields of Request."""
    from common.plots import write_figure

    args = Request(**kws)
    model = build_model(HyperParams(model=args.model, latent_dim=args.latent_dim)).to("meta")  # shapes without numbers
    inputs = {"generator": (args.latent_dim,), "discriminator": (1, 28, 28)}
    titles = {"generator": "generator: noise → image", "discriminator": "discriminator: image → logit of being real"}
    layers = {name: layer_table(model[name], torch.zeros(1, *shape, device="meta")) for name, shape in inputs.items()}
    for name, rows in layers.items():
        print(f"{titles[name]}\n{describe_layers(rows)}\n")
        print(write_figure(args.out / f"{name}.png", plot_layers(rows, titles[name])))
    return layers


def main() -> None:
    """The command `python -m labs.gan.shapes`."""
    cli.run(shapes, Request)


if __name__ == "__main__":
    main()
