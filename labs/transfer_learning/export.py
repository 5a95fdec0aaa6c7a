"""A trained network as an ONNX file, for Netron to draw and other programs to run.

`python -m labs.transfer_learning.export --run DIR` writes DIR/model.onnx and checks it: onnxruntime must give the
logits that PyTorch gives. Open the file in Netron (https://netron.app, or the program of that name, which needs no
network): every layer with its shapes, the skip connections as arrows that lead past it. `--backbone vgg16` draws any
network of torchvision without a training.
"""

import importlib.util
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from common import cli
from common.errors import InputError
from common.files import write_atomically
from common.settings import OptionalFolder, OptionalName, OptionalPath, Settings
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import load_run

NEEDED = ("onnx", "onnxruntime", "onnxscript")
TOLERANCE = 1e-3  # of the largest logit: the engines add in another order
LIMIT = 2**31  # bytes that a file of ONNX's format can hold


@dataclass(frozen=True)
class Request(Settings):
    """Write a network as an ONNX file and check it against PyTorch (needs the extra `export`)."""

    run: OptionalFolder = None  # the run directory whose network is written; none: the newest
    backbone: OptionalName = None  # instead of a run: a network of torchvision's, random weights, 1000 classes
    out: OptionalPath = None  # the file; none: model.onnx in the run directory, or <backbone>.onnx

    def check(self) -> None:
        if self.run and self.backbone:
            raise InputError(f"--run {self.run} and --backbone {self.backbone} exclude each other; leave one away")


def require_onnx() -> None:
    """InputError that says how to install what is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed; install the extra: pip install '.[export]'")


def to_onnx(model: nn.Module, X: Tensor) -> bytes:
    """The network in ONNX's format, for any number of images like X (N ≥ 2, 3, S, S) in [0, 1]. No file beside it."""
    names: dict[str, Any] = {"input_names": ["images"], "output_names": ["logits"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own insides
        if torch.__version__ < "2.5":  # follows one computation; its successor reads the program
            content: Any = io.BytesIO()
            torch.onnx.export(model.eval(), (X,), content, **names, dynamic_axes={"images": [0], "logits": [0]})
            return content.getvalue()
        shapes = ({0: torch.export.Dim("N", min=1)},)
        program: Any = torch.onnx.export(model.eval(), (X,), **names, dynamic_shapes=shapes, dynamo=True, verbose=False)
        return program.model_proto.SerializeToString()


def largest_difference(model: nn.Module, X: Tensor, content: bytes) -> float:
    """Between the logits that onnxruntime computes and PyTorch's, as a share of the largest logit."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(["logits"], {"images": X.numpy()})
    with torch.no_grad():
        own = model.eval()(X)
    return float((torch.from_numpy(theirs) - own).abs().max() / own.abs().max())


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
    size = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    if size >= LIMIT:
        raise InputError(f"{args.backbone} is {size / 2**30:.1f} GiB, and an ONNX file holds 2 at most; take another")
    shape, generator = (3, args.image_size, args.image_size), torch.Generator().manual_seed(0)
    content = to_onnx(model, torch.rand(2, *shape, generator=generator))
    # Not as many images as it was written with: the file must serve any number.
    differences = [largest_difference(model, torch.rand(n, *shape, generator=generator), content) for n in (1, 3)]
    if not max(differences) < TOLERANCE:
        raise InputError(f"the exported {args.backbone} gives other logits: {max(differences):.1e} of the largest")
    write_atomically(path, content)
    print(
        f"{args.backbone}: images (N, {', '.join(map(str, shape))}) in [0, 1] → logits (N, {n_classes}), "
        f"{len(content) / 2**20:.1f} MiB; onnxruntime and PyTorch differ by {max(differences):.0e} of the largest logit"
    )
    print(path)
    return path


def main() -> None:
    """The command `python -m labs.transfer_learning.export`."""
    cli.run(export, Request)


if __name__ == "__main__":
    main()
