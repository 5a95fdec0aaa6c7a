"""A trained generator as an ONNX file, for other programs: `python -m labs.gan.export --run DIR`.

Writes DIR/generator.onnx: noise z (N, latent_dim) → pixels (N, 1, 28, 28) in [0, 1], brought there from tanh's
(−1, 1) in the file itself, and checks that onnxruntime gives for 100 vectors the pixels that PyTorch gives.
"""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from common import cli
from common.exchange import Inputs, require_onnx, write_onnx
from common.settings import OptionalFolder, OptionalPath, Settings
from labs.gan.gan import load_run, noise


@dataclass(frozen=True)
class Request(Settings):
    """Write a trained generator as an ONNX file and check it against PyTorch (needs the extra `export`)."""

    run: OptionalFolder = None  # the run directory whose generator is written; none: the newest
    out: OptionalPath = None  # the file; none: generator.onnx in the run directory


class Pixels(nn.Module):
    """Noise z (N, latent_dim) → images (N, 1, 28, 28) in [0, 1], as `generate` gives them."""

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor) -> Tensor:
        return (self.generator(z) + 1) / 2


def export(run: Path | None = None, out: Path | None = None) -> Path:
    """Write the generator of a run, check it, return the file."""
    require_onnx()
    loaded = load_run(run)
    latent_dim = loaded.settings.latent_dim

    def draw(n: int) -> Inputs:
        return {"z": noise(n, latent_dim, seed=n)}

    return write_onnx(
        out or loaded.path / "generator.onnx",
        Pixels(loaded.model["generator"]),
        draw,
        outputs=["pixels"],
        name=f"generator of {loaded.settings.model}",
        about=f"noise z (N, {latent_dim}) → pixels (N, 1, 28, 28) in [0, 1]",
    )


def main() -> None:
    """The command `python -m labs.gan.export`."""
    cli.run(export, Request)


if __name__ == "__main__":
    main()
