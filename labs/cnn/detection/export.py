"""A trained detector as an ONNX file, for other programs: `python -m labs.cnn.detection.export --run DIR`.

Writes DIR/model.onnx: scenes (N, 1, 96, 96) in [0, 1] → boxes (N, K, 4) in pixels (left, top, right, bottom) and scores
(N, K, classes) of all K places of the grid, and checks that onnxruntime gives for 100 scenes what PyTorch gives. What
is left to the program that reads it: a threshold for the scores, and non-maximum suppression.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from common import cli
from common.exchange import Inputs, require_onnx, write_onnx
from common.settings import OptionalFolder, OptionalPath, Settings
from labs.cnn.detection.detection import Detector, load_run
from labs.cnn.detection.grid import decode
from labs.cnn.detection.scenes import SIDE


@dataclass(frozen=True)
class Request(Settings):
    """Write a trained detector as an ONNX file and check it against PyTorch (needs the extra `export`)."""

    run: OptionalFolder = None  # the run directory whose detector is written; none: the newest
    out: OptionalPath = None  # the file; none: model.onnx in the run directory


class Decoded(nn.Module):
    """Scenes → boxes (N, K, 4) in pixels and scores p(object) · p(class), (N, K, classes), of every place."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        output = self.detector(X)  # (N, A, 5 + C, H, W)
        boxes = decode(output, self.detector.anchors, self.detector.cell)
        scores = output[:, :, 4:5].sigmoid() * output[:, :, 5:].softmax(dim=2)
        return boxes.flatten(1, 3), scores.movedim(2, -1).flatten(1, 3)


def export(run: Path | None = None, out: Path | None = None) -> Path:
    """Write the detector of a run, check it, return the file."""
    require_onnx()
    loaded = load_run(run)
    generator, classes = torch.Generator().manual_seed(0), len(loaded.about["classes"])

    def draw(n: int) -> Inputs:
        return {"scenes": torch.rand(n, 1, SIDE, SIDE, generator=generator)}

    return write_onnx(
        out or loaded.path / "model.onnx",
        Decoded(loaded.model),
        draw,
        outputs=["boxes", "scores"],
        name="detector",
        about=f"scenes (N, 1, {SIDE}, {SIDE}) in [0, 1] → boxes (N, K, 4) in pixels and scores (N, K, {classes})",
    )


def main() -> None:
    """The command `python -m labs.cnn.detection.export`."""
    cli.run(export, Request)


if __name__ == "__main__":
    main()
