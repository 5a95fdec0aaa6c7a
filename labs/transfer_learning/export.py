"""A trained network as an ONNX file, for Netron to draw and other programs to run.

`python -m labs.transfer_learning.export --run DIR` writes DIR/model.onnx and checks it: onnxruntime must give the
logits that PyTorch gives. Open the file in Netron (https://netron.app, or the program of that name, which needs no
network): every layer with its shapes, the skip connections as arrows that lead past it. `--backbone vgg16` draws any
network of torchvision without a training.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from common import cli
from common.errors import InputError
from common.exchange import Inputs, require_onnx, write_onnx
from common.settings import OptionalFolder, OptionalName, OptionalPath, Settings
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import load_run


@dataclass(frozen=True)
class Request(Settings):
    """Write a network as an ONNX file and check it against PyTorch (needs the extra `export`)."""

    run: OptionalFolder = None  # the run directory whose network is written; none: the newest
    backbone: OptionalName = None  # instead of a run: a network of torchvision's, random weights, 1000 classes
    out: OptionalPath = None  # the file; none: model.onnx in the run directory, or <backbone>.onnx

    def check(self) -> None:
        if self.run and self.backbone:
            raise InputError(f"--run {self.run} and --backbone {self.backbone} exclude each other; leave one away")


def export(run: Path | None = None, backbone: str | None = None, out: Path | None = None) -> Path:
    """Write the network of a run (or a backbone with a head for ImageNet's classes), check it, return the file."""
    require_onnx()
    if backbone:
        args = resolve(HyperParams(dataset="digits", backbone=backbone, weights="none", hidden=0))
        model, n_classes, path = build_model(args, 1000), 1000, out or Path(f"{backbone}.onnx")
    else:
        loaded = load_run(run)
        model, args, n_classes = loaded.model, loaded.settings, len(loaded.about["classes"])
        path = out or loaded.path / "model.onnx"
    shape, generator = (3, args.image_size, args.image_size), torch.Generator().manual_seed(0)

    def draw(n: int) -> Inputs:
        return {"images": torch.rand(n, *shape, generator=generator)}

    about = f"images (N, {', '.join(map(str, shape))}) in [0, 1] → logits (N, {n_classes})"
    return write_onnx(path, model, draw, name=args.backbone, about=about, checked=3)  # large networks, large images


def main() -> None:
    """The command `python -m labs.transfer_learning.export`."""
    cli.run(export, Request)


if __name__ == "__main__":
    main()
