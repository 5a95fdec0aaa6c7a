"""A trained network as an ONNX file, for other programs: `python -m labs.cnn.export --run DIR`.

Writes DIR/model.onnx: images (N, 1, 28, 28) in [0, 1] → logits (N, 10), and checks that onnxruntime gives for 100
images the logits that PyTorch gives. README.md shows how it is read back, beside the two other formats.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from common import cli
from common.exchange import Inputs, require_onnx, write_onnx
from common.settings import OptionalFolder, OptionalPath, Settings
from labs.cnn.cnn import load_run


@dataclass(frozen=True)
class Request(Settings):
    """Write a trained network as an ONNX file and check it against PyTorch (needs the extra `export`)."""

    run: OptionalFolder = None  # the run directory whose network is written; none: the newest
    out: OptionalPath = None  # the file; none: model.onnx in the run directory


def export(run: Path | None = None, out: Path | None = None) -> Path:
    """Write the network of a run, check it, return the file."""
    require_onnx()
    loaded = load_run(run)
    generator = torch.Generator().manual_seed(0)

    def draw(n: int) -> Inputs:
        return {"images": torch.rand(n, 1, 28, 28, generator=generator)}

    about = "images (N, 1, 28, 28) in [0, 1] → logits (N, 10)"
    return write_onnx(out or loaded.path / "model.onnx", loaded.model, draw, name=loaded.settings.model, about=about)


def main() -> None:
    """The command `python -m labs.cnn.export`."""
    cli.run(export, Request)


if __name__ == "__main__":
    main()
