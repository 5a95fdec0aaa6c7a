"""A line is fitted to points by gradient descent: `python -m labs.foundations.line_fit`

    ŷ = m x + b                            the model
    J(m, b) = 1/n Σ (y − ŷ)²               mean squared error
    ∂J/∂m = −2/n Σ x (y − ŷ)               one minus sign: the introduction's slide has two, which is ascent
    ∂J/∂b = −2/n Σ (y − ŷ)
    (m, b) ← (m, b) − η (∂J/∂m, ∂J/∂b)

J is a bowl. How much it is curved in which direction is told by the eigenvalues λ of its Hessian
H = 2/n [[Σ x², Σ x], [Σ x, n]], which is the same everywhere. Along an eigenvector each step multiplies the distance
from the lowest place by 1 − ηλ: it shrinks as long as η < 2/λ, so that gradient descent diverges exactly above 2/λ_max,
and is fastest at η = 2/(λ_min + λ_max).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from common import cli
from common.runs import place
from common.settings import Floats, NotNegative, Number, OptionalFolder, Range, Role, Seed, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START = (-2.0, 4.0)  # m and b before the first step


@dataclass(frozen=True)
class Request(Settings):
    """Fit a line by gradient descent with several learning rates, and watch the paths over the surface of the loss."""

    points: Annotated[int, Range(2, 100_000)] = 50  # how many
    slope: Number = 1.5  # m of the line that they lie about
    intercept: Number = 1.0  # its b
    noise: NotNegative = 0.5  # standard deviation of their distance from it
    centre: Number = 1.0  # the mean of x: far from 0, m and b hinder one another, and the bowl becomes a ravine
    rates: Annotated[Floats, Range(0, 100, open="least")] = (0.02, 0.5, 0.98, 1.02)  # η, in units of 2/λ_max
    steps: Annotated[int, Range(1, 100_000)] = 60  # of each path
    seed: Seed = 0  # fixes the points
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figures; none: named after the settings

    def check(self) -> None:
        self.require("rates", 1 <= len(self.rates) <= 6, "one to six rates, e.g. 0.02,0.5,0.98,1.02")


def get_data(args: Request) -> tuple[Tensor, Tensor]:
    """Points x and y (n,), in float64."""
    generator = torch.Generator().manual_seed(args.seed)
    x = args.centre + torch.randn(args.points, generator=generator, dtype=torch.float64)
    noise = torch.randn(args.points, generator=generator, dtype=torch.float64)
    return x, args.slope * x + args.intercept + args.noise * noise


def loss(m: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """J(m, b) = 1/n Σ (y − (m x + b))²; m and b may be grids of any shape."""
    return (y - (m[..., None] * x + b[..., None])).square().mean(dim=-1)


def gradient(m: Tensor, b: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(∂J/∂m, ∂J/∂b)."""
    error = y - (m * x + b)
    return -2 * (x * error).mean(), -2 * error.mean()


def hessian(x: Tensor) -> Tensor:
    """H = 2/n [[Σ x², Σ x], [Σ x, n]]: the second derivatives of J."""
    return 2 * torch.stack([torch.stack([x.square().mean(), x.mean()]), torch.stack([x.mean(), torch.ones_like(x[0])])])


def closed_form(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The m and b of the lowest J, without a step: where both derivatives are 0."""
    m = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return m, y.mean() - m * x.mean()


def descend(x: Tensor, y: Tensor, lr: float, steps: int) -> Tensor:
    """The path (steps + 1, 2) of (m, b) from START."""
    m, b = (torch.tensor(value, dtype=torch.float64) for value in START)
    path = [torch.stack([m, b])]
    for _ in range(steps):
        dm, db = gradient(m, b, x, y)
        m, b = m - lr * dm, b - lr * db
        path.append(torch.stack([m, b]))
    return torch.stack(path)


def fit_lines(**kws: Any) -> list[Tensor]:
    """Write the figures, print a table, and return the path of each rate."""
    from common.animation import as_image, write_gif
    from common.plots import write_figure

    args = Request.of(**kws)
    x, y = get_data(args)
    best = torch.stack(closed_form(x, y))
    low, high = torch.linalg.eigvalsh(hessian(x)).tolist()
    limit = 2 / high
    print(f"exact: m = {best[0]:.4f}, b = {best[1]:.4f}, J = {loss(best[0], best[1], x, y):.4f}")
    print(f"curvature λ from {low:.4f} to {high:.4f}; diverges above η = 2/λ_max = {limit:.4f}")
    print(f"fastest at η = 2/(λ_min + λ_max) = {2 / (low + high):.4f}, {2 / (low + high) / limit:.2f} of that")
    paths = [descend(x, y, rate * limit, args.steps) for rate in args.rates]
    for rate, path in zip(args.rates, paths, strict=True):
        away = (path[-1] - best).norm()
        m, b = path[-1]
        print(
            f"{rate:5.2f} · 2/λ_max: η = {rate * limit:.4f}  after {args.steps} steps m = {m:.4g}, b = {b:.4g}, "
            f"J = {loss(m, b, x, y):.4g}, {away:.2g} from the exact line"
        )
    folder = args.out or place(args)
    write_figure(folder / "paths.png", draw_paths(args, x, y, paths, args.steps))
    shown = [round(args.steps * (i / 30) ** 2) for i in range(31)]  # the first steps are the large ones
    frames = [as_image(draw_paths(args, x, y, paths, step)) for step in sorted(set(shown))]
    write_gif(frames, folder / "paths.gif", 200)
    print(folder)
    return paths


def draw_paths(args: Request, x: Tensor, y: Tensor, paths: list[Tensor], step: int) -> "Figure":
    """Left the paths over J up to `step`, in the middle the lines they have reached, right J over the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    bowl, plane, curves = figure.subplots(1, 3)
    best = torch.stack(closed_form(x, y))
    reach = (torch.tensor(START, dtype=torch.float64) - best).abs().max().item() * 1.3
    sides = [torch.linspace(middle - reach, middle + reach, 80, dtype=torch.float64) for middle in best.tolist()]
    m, b = torch.meshgrid(*sides, indexing="xy")
    surface = (loss(m, b, x, y) - loss(best[0], best[1], x, y)).sqrt()
    bowl.contourf(m.numpy(), b.numpy(), surface.numpy(), levels=16, cmap="Greys")
    bowl.plot(*best.tolist(), "k*", markersize=14, zorder=3)
    bowl.set_xlim(sides[0][0].item(), sides[0][-1].item())
    bowl.set_ylim(sides[1][0].item(), sides[1][-1].item())
    bowl.set_title("J(m, b) and the paths (★ exact)", fontsize=13)
    plane.scatter(x, y, s=14, color="black", zorder=3)
    ends = torch.linspace(x.min().item(), x.max().item(), 5, dtype=x.dtype)
    limit = 2 / torch.linalg.eigvalsh(hessian(x))[-1].item()
    for i, (rate, path) in enumerate(zip(args.rates, paths, strict=True)):
        label = f"η = {rate:g} · 2/λ_max = {rate * limit:.3g}"
        style = {"color": f"C{i}", "marker": "osvD^P"[i], "markersize": 6, "label": label}
        under = 2 - i / 10  # a path that diverges hides no other
        bowl.plot(*path[: step + 1].T, linewidth=1, zorder=under, **{**style, "markersize": 4})
        plane.plot(ends, path[step, 0] * ends + path[step, 1], **style)
        heights = [loss(at[0], at[1], x, y).item() for at in path[: step + 1]]
        curves.plot(range(step + 1), heights, markevery=max(1, args.steps // 10), **style)
    height = (y.max() - y.min()).item()
    plane.set_ylim(y.min().item() - 0.5 * height, y.max().item() + 0.5 * height)
    plane.set_title(f"the lines after {step} steps", fontsize=13)
    curves.set(xlim=(0, args.steps), yscale="log")
    curves.set_title("J over the steps", fontsize=13)
    curves.axhline(loss(best[0], best[1], x, y).item(), color="black", linestyle=":", linewidth=1)
    figure.legend(*plane.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=11)
    for axis, names in ((bowl, ("m", "b")), (plane, ("x", "y")), (curves, ("step", "J"))):
        axis.set_xlabel(names[0], fontsize=12)
        axis.set_ylabel(names[1], fontsize=12)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.line_fit`."""
    cli.run(fit_lines, Request)


if __name__ == "__main__":
    main()
