"""Random changes to images that leave their class alone, done on whole batches where the batch lives."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def random_affine(X: Tensor, *, degrees: float = 0.0, zoom: float = 0.0, flip: bool = False) -> Tensor:
    """Each image turned by up to ±`degrees`, scaled by 1 ± `zoom`, mirrored left to right half of the time.

    X is (N, C, H, W); so is the result. What comes in from outside is black (0). Square pixels are assumed:
    a turned H ≠ W image is turned about its centre, not stretched.
    """
    if degrees == 0 and zoom == 0 and not flip:
        return X
    n, _, height, width = X.shape

    def uniform(half_width: float) -> Tensor:  # drawn on the CPU, so that every device sees the same pictures
        return ((2 * torch.rand(n) - 1) * half_width).to(X.device)

    angle, scale = uniform(math.radians(degrees)), 1 + uniform(zoom)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0).to(X.device) if flip else torch.ones_like(scale)
    cos, sin, zero = angle.cos() / scale, angle.sin() / scale, torch.zeros_like(scale)
    # affine_grid's coordinates run from −1 to 1 along either side, hence the aspect ratio.
    matrix = torch.stack(
        [
            torch.stack([cos * mirror, -sin * height / width, zero], dim=1),
            torch.stack([sin * mirror * width / height, cos, zero], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrix, list(X.shape), align_corners=False)
    return F.grid_sample(X, grid.to(X.dtype), align_corners=False)
