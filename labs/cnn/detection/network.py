"""The detector's network: convolutions from pixels to the cells of a grid."""

from typing import cast

import torch
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
    """A convolution, padded so that only `stride` makes the maps smaller, and normalised over the batch."""
    layer = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]


class Detector(nn.Module):
    """Convolutions from pixels to cells: (N, 1, H, W) → (N, A, 5 + C, H/c, W/c), what grid.py calls the output."""

    anchors: Tensor

    def __init__(self, anchors: Tensor, classes: int = 10, cell: int = 8):
        super().__init__()
        self.cell, self.classes = cell, classes
        self.register_buffer("anchors", anchors)  # (A, 2) widths and heights: saved with the weights
        answers = nn.Conv2d(128, len(anchors) * (5 + classes), kernel_size=1)
        self.layers = nn.Sequential(  # (N,   1, 96, 96)
            *convolution(1, 16, size=5, stride=2),  # (N,  16, 48, 48)
            *convolution(16, 32, stride=2),  # (N,  32, 24, 24)
            *convolution(32, 64),
            nn.MaxPool2d(2),  # (N,  64, 12, 12)
            *convolution(64, 128),
            nn.MaxPool2d(cell // 8),  # of cells of 16 pixels there are 6 × 6
            *convolution(128, 128),
            answers,  # (N, A (5 + C), 12, 12)
        )
        with torch.no_grad():  # nearly all places are empty: begin with that (Lin et al. 2017, section 4.1)
            cast(Tensor, answers.bias).view(len(anchors), 5 + classes)[:, 4] = -4.0

    def forward(self, X: Tensor) -> Tensor:
        output = self.layers(X)
        n, _, rows, columns = output.shape
        return output.view(n, len(self.anchors), 5 + self.classes, rows, columns)
