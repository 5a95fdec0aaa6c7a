"""A race of optimisers over a ravine, a saddle, Rosenbrock's valley and a noisy surface, and on a small network.

`python -m labs.foundations.optimizers --surface rosenbrock`. A race with one learning rate for all says nothing, so
each gets its best one from a grid of powers of two (`--rate` sets one for all). The rules are in `update_rules.py`.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from common import cli
from common.device import seed_everything
from common.runs import place
from common.settings import UNGIVEN, Count, OptionalFolder, OptionalPositive, Range, Role, Seed, Settings, Usual
from labs.foundations.surfaces import SURFACES, Surface
from labs.foundations.update_rules import RULES, Memory, Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = torch.tensor([2.0**k for k in range(-12, 11)], dtype=torch.float64)  # AdaDelta's usual η is 1


@dataclass(frozen=True)
class Request(Settings):
    """Let the optimisers race over a surface, each with its best learning rate, and train a small network with each."""

    surface: Literal["ravine", "saddle", "rosenbrock", "noisy"] = "ravine"  # what they race over
    steps: Annotated[Usual[Count], Range(1, 20_000)] = UNGIVEN  # at most; none: 300, on rosenbrock 3000
    rate: OptionalPositive = None  # learning rate (η) of all; none: for each its best of a grid
    seed: Seed = 0  # fixes the noise, and the network's weights and batches
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figures; none: named after the settings

    def usual(self) -> dict[str, Any]:
        return {"steps": 3000 if self.surface == "rosenbrock" else 300}


def descend(rule: Rule, surface: Surface, rates: Tensor, steps: int, seed: int = 0) -> Tensor:
    """The paths (steps + 1, R, 2) of a rule with each of the `rates` (R,) from the surface's start."""
    theta, memory = torch.tensor(surface.start, dtype=torch.float64).repeat(len(rates), 1), Memory()
    path, noise = [theta], surface.noise_of(steps, seed)
    for t in range(1, steps + 1):
        theta = rule(theta, surface.gradient(theta) + noise[t - 1], memory, rates[:, None], t)
        path.append(theta)
    return torch.stack(path)


def steps_to_tolerance(path: Tensor, surface: Surface) -> float:
    """How many steps until the path (T, 2) stays as low as the tolerance asks; infinite if it does not."""
    low = surface.height(path) <= surface.lowest + surface.tolerance  # of nan: no
    outside = (~low).nonzero()
    last = int(outside[-1]) + 1 if len(outside) else 0
    return last if last < len(path) else math.inf


def best_rate(rule: Rule, surface: Surface, steps: int, seed: int = 0) -> float:
    """The rate of GRID that is soonest there; of those that never are, the one that ends lowest."""
    paths = descend(rule, surface, GRID, steps, seed)

    def order(i: int) -> tuple[float, float]:
        end = surface.height(paths[-1, i]).item()
        return steps_to_tolerance(paths[:, i], surface), end if math.isfinite(end) else math.inf

    return GRID[min(range(len(GRID)), key=order)].item()


def train_network(rule: Rule, lr: float, steps: int = 200, seed: int = 0) -> list[float]:
    """The loss of a small network (64 → 32 → 10) on scikit-learn's digits, step by step, in batches of 64."""
    seed_everything(seed)
    X, y = map(torch.tensor, load_digits(return_X_y=True))
    X = X.float() / 16
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    memories, losses = [Memory() for _ in model.parameters()], []
    for t in range(1, steps + 1):
        batch = torch.randint(len(X), (64,))
        loss = F.cross_entropy(model(X[batch]), y[batch])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, g, memory in zip(model.parameters(), gradients, memories, strict=True):
                parameter.copy_(rule(parameter, g, memory, lr, t))
        losses.append(loss.item())
    return losses


NETWORK_RATES = {  # of 10^−3.5, 10^−3, …, 10 that with the lowest mean loss of the last 20 of 200 steps, seed 0
    "sgd": 1.0,
    "momentum": 0.316,
    "nesterov": 0.316,
    "adagrad": 0.316,
    "rmsprop": 0.0316,
    "adadelta": 10.0,
    "adam": 0.0316,
    "adamw": 0.0316,
}


def race(**kws: Any) -> dict[str, float]:
    """Write the figures, print the table, and return how many steps each rule needed (infinite: more than it had)."""
    from common.animation import as_image, write_gif
    from common.plots import write_figure

    args = Request.of(**kws)
    surface = SURFACES[args.surface]
    rates = {name: args.rate or best_rate(rule, surface, args.steps, args.seed) for name, rule in RULES.items()}
    paths = {
        name: descend(rule, surface, torch.tensor([rates[name]], dtype=torch.float64), args.steps, args.seed)[:, 0]
        for name, rule in RULES.items()
    }
    found = {name: steps_to_tolerance(path, surface) for name, path in paths.items()}
    print(
        f"{args.surface}: {surface.formula}, down to {surface.lowest + surface.tolerance:g}, at most {args.steps} steps"
    )
    print(f"{'':<10}{'η':<12}{'steps':<8}{'ends at'}")
    for name in sorted(found, key=lambda name: found[name]):
        steps = f"{found[name]:.0f}" if math.isfinite(found[name]) else "–"
        print(f"{name:<10}{rates[name]:<12.3g}{steps:<8}{surface.height(paths[name][-1]):.3g}")
    folder = args.out or place(args)
    write_figure(folder / "race.png", draw_race(surface, paths, args.steps))
    shown = sorted({round(args.steps * (i / 30) ** 2) for i in range(31)})
    write_gif([as_image(draw_race(surface, paths, step)) for step in shown], folder / "race.gif", 200)
    curves = {
        name: train_network(rule, args.rate or NETWORK_RATES[name], seed=args.seed) for name, rule in RULES.items()
    }
    write_figure(folder / "network.png", draw_network(curves))
    print(folder)
    return found


def draw_race(surface: Surface, paths: dict[str, Tensor], step: int) -> "Figure":
    """The paths over the surface up to `step`, and the heights that they have reached."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    plane, curves = figure.subplots(1, 2)
    left, right, bottom, top = surface.view
    x, y = torch.linspace(left, right, 160), torch.linspace(bottom, top, 160)
    heights = surface.height(torch.cartesian_prod(x, y)).view(160, 160).T - surface.lowest
    plane.contourf(x.numpy(), y.numpy(), (heights + 1e-3).log().numpy(), levels=20, cmap="Greys")
    for i, (name, path) in enumerate(paths.items()):
        style = {"color": f"C{i}", "marker": "osvD^P*X"[i], "label": name}
        walked = path[: step + 1]
        plane.plot(*walked.T, linewidth=1.5, markersize=6, markevery=max(1, step // 20), **style)
        plane.plot(*walked[-1:].T, markersize=10, markeredgecolor="white", linestyle="none", **{**style, "label": None})
        above = (surface.height(walked) - surface.lowest).clamp(min=1e-12)
        curves.plot(range(len(walked)), above, linewidth=1.5, markersize=6, markevery=max(1, step // 15), **style)
    plane.set(xlim=(left, right), ylim=(bottom, top))
    plane.set_title(f"step {step}", fontsize=13)
    plane.set_xlabel("x", fontsize=12)
    plane.set_ylabel("y", fontsize=12)
    curves.axhline(surface.tolerance, color="black", linestyle=":")
    curves.set(yscale="log", ylim=(surface.tolerance / 100, None), xlim=(0, len(next(iter(paths.values()))) - 1))
    curves.set_title("height above the lowest (dots: tolerance)", fontsize=13)
    curves.set_xlabel("step", fontsize=12)
    figure.legend(*curves.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=11)
    return figure


def draw_network(curves: dict[str, list[float]]) -> "Figure":
    """The small network's loss over the steps, by optimiser, each point the mean of the last ten."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for i, (name, losses) in enumerate(curves.items()):
        smooth = torch.tensor(losses).unfold(0, 10, 1).mean(dim=1)
        axis.plot(range(10, len(losses) + 1), smooth, marker="osvD^P*X"[i], markevery=20, label=name)
    axis.set(yscale="log")
    axis.set_title("a small network on the digits, 64 → 32 → 10", fontsize=13)
    axis.set_xlabel("step", fontsize=12)
    axis.set_ylabel("training loss, mean of ten steps", fontsize=12)
    axis.legend(fontsize=11, ncols=2)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.optimizers`."""
    cli.run(race, Request)


if __name__ == "__main__":
    main()
