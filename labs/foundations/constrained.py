"""A minimum under constraints, exactly and by two kinds of descent: `python -m labs.foundations.constrained`

    minimise    J(x) = (x₁ − 3)² + 2 (x₂ − 1)²
    subject to  g(x) = x₁ + x₂ − 2 = 0          an equality
                h(x) = c − x₁ ≥ 0               an inequality (`--bound` c)

At the solution the gradient of the Lagrangian L = J − λ g − μ h is 0, with μ ≥ 0 and μ h = 0 (Karush 1939,
Kuhn & Tucker 1951): either the inequality does not matter (μ = 0), or it holds as an equality. Projected gradient
descent steps downhill and returns to the nearest allowed place. A penalty allows everything and lets it cost:
J + ρ/2 (g² + min(0, h)²); its minimum comes to the solution as ρ grows, and never quite arrives.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from common import cli
from common.runs import place
from common.settings import Floats, Number, OptionalFolder, Range, Role, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START = (0.0, 2.0)  # on the line g = 0


@dataclass(frozen=True)
class Request(Settings):
    """Find a minimum under an equality and an inequality: exactly, by projected gradient, and by a penalty."""

    bound: Annotated[Number, Range(-100, 100)] = 1.5  # c: x₁ must not be larger; from 5/3 on it does not matter
    lr: Annotated[float, Range(0, 0.4, open="least")] = 0.1  # learning rate (η) of the projected gradient
    steps: Annotated[int, Range(1, 10_000)] = 50  # of it
    rho: Annotated[Floats, Range(0, 1e6, open="least")] = (1.0, 10.0, 100.0, 1000.0)  # penalties (ρ), one after another
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figure; none: named after the settings

    def check(self) -> None:
        self.require("rho", bool(self.rho), "at least one penalty")


def objective(x: Tensor) -> Tensor:
    """J(x) (…) of places x (…, 2)."""
    return (x[..., 0] - 3).square() + 2 * (x[..., 1] - 1).square()


def gradient(x: Tensor) -> Tensor:
    """∇J = (2 (x₁ − 3), 4 (x₂ − 1))."""
    return torch.stack([2 * (x[0] - 3), 4 * (x[1] - 1)])


@dataclass(frozen=True)
class Solution:
    """The lowest allowed place, and the multipliers of equality (λ) and inequality (μ ≥ 0)."""

    x: tuple[float, float]
    equality: float
    inequality: float


def solve(bound: float) -> Solution:
    """Where ∇J = λ ∇g + μ ∇h: first as if there were no inequality; if that is not allowed, on its border."""
    free = 5 / 3  # of the line x₂ = 2 − x₁: 2 (x₁ − 3) − 4 (1 − x₁) = 0
    x1 = min(free, bound)
    x2 = 2 - x1
    equality = 4 * (x2 - 1)  # second row: ∂J/∂x₂ = λ
    return Solution((x1, x2), equality, equality - 2 * (x1 - 3) if bound < free else 0.0)  # first: ∂J/∂x₁ = λ − μ


def project(x: Tensor, bound: float) -> Tensor:
    """The nearest allowed place: onto the line g = 0, then back along it to x₁ ≤ c."""
    x = x - (x.sum() - 2) / 2
    return x if x[0] <= bound else torch.tensor([bound, 2 - bound], dtype=x.dtype)


def projected_gradient(bound: float, lr: float, steps: int) -> Tensor:
    """The path (steps + 1, 2) from START, as far as that is allowed."""
    path = [project(torch.tensor(START, dtype=torch.float64), bound)]
    for _ in range(steps):
        path.append(project(path[-1] - lr * gradient(path[-1]), bound))
    return torch.stack(path)


def penalty_minimum(bound: float, rho: float) -> Tensor:
    """The lowest place (2,) of J + ρ/2 (g² + min(0, h)²): its gradient is linear on either side of the border."""
    for active in (0.0, 1.0):  # without the inequality's penalty, then with it
        matrix = torch.tensor([[2 + rho + active * rho, rho], [rho, 4 + rho]], dtype=torch.float64)
        x = torch.linalg.solve(matrix, torch.tensor([6 + 2 * rho + active * rho * bound, 4 + 2 * rho]).double())
        if active or x[0] <= bound:
            break
    return x


def minimise(**kws: Any) -> Solution:
    """Write the figure, print how near each way comes, and return the exact solution."""
    from common.plots import write_figure

    args = Request.of(**kws)
    exact = solve(args.bound)
    lowest = torch.tensor(exact.x, dtype=torch.float64)
    binds = "on its border" if exact.inequality else "does not matter"
    print(
        f"exact: x = ({exact.x[0]:.4f}, {exact.x[1]:.4f}), J = {objective(lowest):.4f}, λ = {exact.equality:.4f}, ",
        end="",
    )
    print(f"μ = {exact.inequality:.4f} (the inequality {binds})")
    path = projected_gradient(args.bound, args.lr, args.steps)
    print(f"projected gradient, {args.steps} steps: {(path[-1] - lowest).norm():.1e} away")
    ends = [penalty_minimum(args.bound, rho) for rho in args.rho]
    for rho, end in zip(args.rho, ends, strict=True):
        away = (end - lowest).norm()
        print(f"penalty ρ = {rho:g}: ({end[0]:.4f}, {end[1]:.4f}), {away:.1e} away, g = {end.sum() - 2:.1e}")
    folder = args.out or place(args)
    write_figure(folder / "constrained.png", draw(args, exact, path, ends))
    print(folder)
    return exact


def draw(args: Request, exact: Solution, path: Tensor, ends: list[Tensor]) -> "Figure":
    """J, the allowed ray, the path of the projected gradient, and where the penalties lead."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    axis = figure.subplots()
    left, right = min(-1.0, args.bound - 1), max(4.0, args.bound + 1)
    x1, x2 = torch.linspace(left, right, 200), torch.linspace(-1.5, 3.5, 200)
    heights = objective(torch.stack(torch.meshgrid(x1, x2, indexing="xy"), dim=-1))
    axis.contourf(x1.numpy(), x2.numpy(), heights.numpy(), levels=18, cmap="Greys")
    axis.axvspan(
        args.bound,
        right,
        facecolor="#b2182b33",
        edgecolor="#b2182b88",
        hatch="/",
        label=f"not allowed: x₁ > {args.bound:g}",
    )
    axis.plot(x1, 2 - x1, "k--", label="g = x₁ + x₂ − 2 = 0")
    axis.plot(*path.T, "o-", color="C0", markersize=6, label="projected gradient")
    axis.plot(
        *torch.stack(ends).T,
        "s:",
        color="C1",
        markersize=7,
        label=f"penalty, ρ = {', '.join(f'{r:g}' for r in args.rho)}",
    )
    axis.plot(*exact.x, "k*", markersize=18, label="exact")
    axis.plot(3, 1, "w^", markersize=10, markeredgecolor="black", label="lowest J of all")
    axis.set(xlim=(left, right), ylim=(-1.5, 3.5))
    axis.set_xlabel("x₁", fontsize=12)
    axis.set_ylabel("x₂", fontsize=12)
    figure.legend(loc="outside lower center", ncols=2, fontsize=11)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.constrained`."""
    cli.run(minimise, Request)


if __name__ == "__main__":
    main()
