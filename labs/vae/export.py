"""A trained decoder as an ONNX file, for other programs: `python -m labs.vae.export --run DIR`.

Writes DIR/decoder.onnx: codes z (N, latent_dim) → pixels (N, 1, 28, 28) in [0, 1], the sigmoid behind the decoder's
logits included, and checks that onnxruntime gives for 100 codes the pixels that PyTorch gives. Standard normal codes
give new images.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from common import cli
from common.exchange import Inputs, require_onnx, write_onnx
from common.settings import OptionalFolder, OptionalPath, Settings
from labs.vae.vae import load_run


@dataclass(frozen=True)
class Request(Settings):
    """Write a trained decoder as an ONNX file and check it against PyTorch (needs the extra `export`)."""

    run: OptionalFolder = None  # the run directory whose decoder is written; none: the newest
    out: OptionalPath = None  # the file; none: decoder.onnx in the run directory


def export(run: Path | None = None, out: Path | None = None) -> Path:
    """Write the decoder of a run, check it, return the file."""
    require_onnx()
    loaded = load_run(run)
    latent_dim, generator = loaded.settings.latent_dim, torch.Generator().manual_seed(0)

    def draw(n: int) -> Inputs:
        return {"z": torch.randn(n, latent_dim, generator=generator)}

    return write_onnx(
        out or loaded.path / "decoder.onnx",
        nn.Sequential(loaded.model.decoder, nn.Sigmoid()),
        draw,
        outputs=["pixels"],
        name=f"decoder of {loaded.settings.model}",
        about=f"codes z (N, {latent_dim}) → pixels (N, 1, 28, 28) in [0, 1]",
    )


def main() -> None:
    """The command `python -m labs.vae.export`."""
    cli.run(export, Request)


if __name__ == "__main__":
    main()
