"""How different the samples are from one another, and how many kinds of real images are among them.

Two numbers, because the plain one is fooled: *diversity*, the distance of two samples, is larger for black and white
squares than for digits. *Coverage* asks whether every real image has a sample near it: who draws only 1s leaves the
others out. Distances are taken between images shrunk to 7×7 pixels, so that a stroke which lies a pixel beside another
is near it. README.md has what was measured, of real images too.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

IMAGES = 2000  # of either kind that are compared
NEIGHBOURS = 5  # k: how far from a real image its k-th nearest real one lies is what counts as near


def embed(X: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) shrunk to 7×7 pixels, each the mean of 4×4: (N, 49)."""
    return F.avg_pool2d(X, 4).flatten(1)


def spread(points: Tensor) -> float:
    """Root mean square distance of two of the points (N, D), N ≥ 2. E‖a − b‖² = 2 · trace of the covariance."""
    return float(2 * points.double().var(dim=0).sum()) ** 0.5


def coverage(real: Tensor, samples: Tensor, k: int = NEIGHBOURS) -> float:
    """The share of real points (N, D) to which a sample (M, D) is at least as near as the k-th nearest other real one.

    Naeem, Oh, Uh, Choi, Yoo 2020, "Reliable fidelity and diversity metrics for generative models", section 3.2. As many
    real images in the place of the samples reach about 1 − 2⁻ᵏ: 97 % with k = 5.
    """
    k = min(k, len(real) - 1)
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values  # the nearest of all is the image itself
    return float((torch.cdist(real, samples).min(dim=1).values <= radius).double().mean())


def compare(samples: Tensor, real: Tensor) -> dict[str, float]:
    """What is to be said about samples (N, 1, 28, 28) beside real images; as many of either, at most 2 000.

    sample_diversity   root mean square distance of two samples, as a share of that of two real images: 1 is real
    sample_coverage    the share of the real images that have a sample near them
    """
    n = min(IMAGES, len(samples), len(real))
    evenly = (X[torch.linspace(0, len(X) - 1, n).long()] for X in (samples.cpu(), real.cpu()))
    points, real_points = map(embed, evenly)
    return {
        "sample_diversity": spread(points) / max(spread(real_points), 1e-9),
        "sample_coverage": coverage(real_points, points),
    }
