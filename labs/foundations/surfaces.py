"""Landscapes with two coordinates, on which optimisers are compared: each shows one difficulty by itself."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Surface:
    """A height over the plane, a place to start, and what one tries to reach."""

    formula: str
    height: Callable[[Tensor], Tensor]  # (…, 2) → (…)
    start: tuple[float, float]
    lowest: float  # the height to come down to, as far as `tolerance` above it
    tolerance: float
    view: tuple[float, float, float, float]  # x from, to, y from, to: what is drawn
    noise: float = 0.0  # standard deviation of what is added to each gradient, as a small batch does

    def gradient(self, theta: Tensor) -> Tensor:
        """∇ of the height (…, 2) at the places theta (…, 2), without noise."""
        theta = theta.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.height(theta).sum(), theta)
        return gradient

    def noise_of(self, steps: int, seed: int) -> Tensor:
        """What is added to the gradients of all steps (steps, 2): the same for every optimiser."""
        generator = torch.Generator().manual_seed(seed)
        return self.noise * torch.randn(steps, 2, generator=generator, dtype=torch.float64)


def ravine(theta: Tensor) -> Tensor:
    """(u² + 50 v²)/2, 50 times as steep across as along; u and v are x − 1 and y − ½ turned by 30°.

    Turned, because rules that treat each coordinate by itself would find a ravine along an axis easier than it is; and
    lowest at (1, ½) rather than 0, where weight decay would pull anyhow.
    """
    x, y = (theta - torch.tensor([1.0, 0.5], dtype=theta.dtype)).unbind(dim=-1)
    cos, sin = math.cos(math.pi / 6), math.sin(math.pi / 6)
    u, v = cos * x + sin * y, cos * y - sin * x
    return (u.square() + 50 * v.square()) / 2


def saddle(theta: Tensor) -> Tensor:
    """x⁴/4 − x²/2 + y²/2: flat at (0, 0), where it goes up in y and down in x; lowest at x = ±1."""
    x, y = theta.unbind(dim=-1)
    return x**4 / 4 - x.square() / 2 + y.square() / 2


def rosenbrock(theta: Tensor) -> Tensor:
    """(1 − x)² + 100 (y − x²)²: a bent valley, easy to find and slow to follow (Rosenbrock 1960)."""
    x, y = theta.unbind(dim=-1)
    return (1 - x).square() + 100 * (y - x.square()).square()


SURFACES = {
    "ravine": Surface("(u² + 50 v²)/2, turned by 30°", ravine, (-3.0, 0.0), 0.0, 1e-3, (-4, 4, -3, 3)),
    "saddle": Surface("x⁴/4 − x²/2 + y²/2", saddle, (0.001, 1.0), -0.25, 1e-3, (-1.8, 1.8, -1.2, 1.2)),
    "rosenbrock": Surface("(1 − x)² + 100 (y − x²)²", rosenbrock, (-1.2, 1.0), 0.0, 1e-2, (-2, 2, -1, 3)),
    "noisy": Surface("the ravine, noise in each gradient", ravine, (-3.0, 0.0), 0.0, 0.1, (-4, 4, -3, 3), noise=3.0),
}
