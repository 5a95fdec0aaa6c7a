"""The layers of the encoder and the decoder: shapes, parameters, a drawing: `python -m labs.vae.shapes`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch

from common import cli
from common.layers import Layer, describe_layers, layer_table, plot_layers
from common.settings import UNGIVEN, Counts, Role, Settings, Usual
from labs.vae.vae import PRESETS, HyperParams, LatentDim, ModelName, build_model


@dataclass(frozen=True)
class Request(Settings):
    """Print the layer tables of encoder and decoder, and draw them."""

    preset: Literal["course", "notebook", "examples"] = "course"  # vae.jl's settings, the notebook's, pytorch/examples'
    model: ModelName = "vae"  # as in training: vae, conv_vae, or the autoencoders
    latent_dim: Usual[LatentDim] = UNGIVEN  # numbers per image in the middle; none: 2, 4, 20
    hidden: Counts = ()  # units of the encoder's dense layers (the decoder has them in reverse); none: 512, 256, 400
    filters: Counts = (32, 64)  # conv_vae: filters of each convolution, as many convolutions as numbers
    out: Annotated[Path, Role.PLACE] = Path("runs/vae_shapes")  # folder for architecture.png

    def usual(self) -> dict[str, Any]:
        return {name: PRESETS[self.preset][name] for name in ("latent_dim", "hidden")}

    def check(self) -> None:
        self.network()  # the training command's own rules

    def network(self) -> HyperParams:
        """The settings with which a training would build this network."""
        named = ("preset", "model", "latent_dim", "hidden", "filters")
        return HyperParams(**{name: getattr(self, name) for name in named})


def shapes(**kws: Any) -> dict[str, list[Layer]]:
    """Print both tables and draw the whole; returns the layers. Keyword arguments are the fields of Request."""
    from common.plots import write_figure

    args = Request(**kws)
    settings = args.network()
    model = build_model(settings).to("meta")  # shapes without numbers
    X, z = torch.zeros(1, 1, 28, 28, device="meta"), torch.zeros(1, settings.latent_dim, device="meta")
    layers = {"encoder": layer_table(model.encoder, X), "decoder": layer_table(model.decoder, z)}
    for name, rows in layers.items():
        print(f"{name}\n{describe_layers(rows)}\n")
    drawn, title = layers["encoder"], "encoder → z → decoder"
    if settings.variational:  # the layers of μ and log σ lie side by side
        *trunk, mu, _ = layers["encoder"]
        drawn = [*trunk, replace(mu, name=f"{mu.name}, once for μ, once for log σ")]
        title = "encoder → z = μ + σ ⊙ ε → decoder"
    print(write_figure(args.out / "architecture.png", plot_layers([*drawn, *layers["decoder"]], title)))
    return layers


def main() -> None:
    """The command `python -m labs.vae.shapes`."""
    cli.run(shapes, Request)


if __name__ == "__main__":
    main()
