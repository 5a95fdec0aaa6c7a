"""Rosenblatt's perceptron of 1958: one neuron that learns from its mistakes. `python -m labs.foundations.perceptron`

    ŷ = 1 if w·x + b > 0, else 0           a step, so there is no gradient
    w ← w + η (y − ŷ) x                    after each example: nothing happens unless it was a mistake
    b ← b + η (y − ŷ)

If a line separates the two kinds, the number of mistakes is finite: at most (R/γ)² from w = 0, where R is the length
of the longest input and γ the widest margin of any separating line (Novikoff 1962; both with a 1 appended to x for b).
AND and OR have such a line. XOR has none: the line turns for ever. Two layers solve it (`two_layers`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from torch import Tensor, nn

from common import cli
from common.device import seed_everything
from common.runs import place
from common.settings import OptionalFolder, Positive, Range, Role, Seed, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CORNERS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TABLES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0)}  # y at the four corners


@dataclass(frozen=True)
class Request(Settings):
    """Train a perceptron on AND, OR, XOR or points on a plane, and watch its line move with every mistake."""

    data: Literal["and", "or", "xor", "points"] = "and"  # what is to be learnt; points: two clouds
    lr: Positive = 1.0  # learning rate (η); from w = 0 it changes the length of w, and no decision
    passes: Annotated[int, Range(1, 10_000)] = 50  # at most so often over all examples
    seed: Seed = 0  # fixes the clouds
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figures; none: named after the settings


def get_data(args: Request) -> tuple[Tensor, Tensor]:
    """Inputs X (N, 2) and kinds y (N,), 0 or 1."""
    if args.data != "points":
        return CORNERS, torch.tensor(TABLES[args.data])
    generator = torch.Generator().manual_seed(args.seed)
    y = torch.arange(40) % 2
    return torch.randn(40, 2, generator=generator) * 0.5 + (2.0 * y[:, None] - 1) * 1.2, y


@dataclass(frozen=True)
class Step:
    """A neuron after an example (None: after none): its weights w (2,) and b, and whether that was a mistake."""

    w: Tensor
    b: Tensor
    example: int | None
    mistake: bool


def predict(w: Tensor, b: Tensor, X: Tensor) -> Tensor:
    """ŷ (N,) for inputs X (N, 2)."""
    return (X @ w + b > 0).long()


def learn(X: Tensor, y: Tensor, lr: float = 1.0, passes: int = 50) -> list[Step]:
    """The neuron after every example, until a whole pass is without a mistake or `passes` are over."""
    w, b = torch.zeros(2), torch.zeros(())
    steps: list[Step] = []
    for _ in range(passes):
        for i in range(len(X)):
            error = y[i] - predict(w, b, X[i])
            w, b = w + lr * error * X[i], b + lr * error
            steps.append(Step(w, b, i, bool(error)))
        if not any(step.mistake for step in steps[-len(X) :]):
            break
    return steps


def margin(X: Tensor, y: Tensor) -> float:
    """γ: how far the nearest example is from the best separating plane through 0 in (x₁, x₂, 1); 0 if there is none."""
    signed = (2 * y[:, None] - 1) * torch.cat([X, torch.ones(len(X), 1)], dim=1)
    rows = signed.double().numpy()
    found = minimize(  # the shortest v with v·x ≥ 1 for all examples: the widest margin is 1/|v|
        lambda v: v @ v / 2,
        np.zeros(3),
        jac=lambda v: v,
        constraints={"type": "ineq", "fun": lambda v: rows @ v - 1, "jac": lambda v: rows},
    )
    return float(1 / np.linalg.norm(found.x)) if found.success and (rows @ found.x).min() > 0.999 else 0.0


def most_mistakes(X: Tensor, y: Tensor) -> float:
    """Novikoff's bound (R/γ)²; infinite if no line separates the kinds."""
    gamma = margin(X, y)
    longest = torch.cat([X, torch.ones(len(X), 1)], dim=1).norm(dim=1).max().item()
    return (longest / gamma) ** 2 if gamma else float("inf")


def two_layers(hidden: int = 4, steps: int = 500, lr: float = 0.05, seed: int = 0) -> tuple[nn.Sequential, float]:
    """XOR by two layers with tanh between them, trained by gradient descent (Adam): the network and its loss."""
    seed_everything(seed)
    model = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    y = torch.tensor(TABLES["xor"]).float()
    optimizer = torch.optim.Adam(model.parameters(), lr)
    for _ in range(steps):
        loss = F.binary_cross_entropy_with_logits(model(CORNERS)[:, 0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, loss.item()


def train(**kws: Any) -> list[Step]:
    """Write the figures, say how many mistakes were made, and return the steps."""
    from common.animation import as_image, write_gif
    from common.plots import write_figure

    args = Request.of(**kws)
    X, y = get_data(args)
    steps = learn(X, y, args.lr, args.passes)
    last, mistakes = steps[-1], sum(step.mistake for step in steps)
    right = (predict(last.w, last.b, X) == y).float().mean()
    print(f"{mistakes} mistakes in {-(-len(steps) // len(X))} passes; (R/γ)² = {most_mistakes(X, y):.1f}")
    print(f"w = ({last.w[0]:g}, {last.w[1]:g}), b = {last.b:g}: {right:.0%} right")
    folder = args.out or place(args)
    model = None
    if args.data == "xor":
        model, loss = two_layers(seed=args.seed % 2**63)
        solved = ((model(X)[:, 0] > 0).long() == y).float().mean()
        print(f"no line separates XOR; two layers (4 units, tanh): {solved:.0%} right, loss {loss:.4f}")
    write_figure(folder / "line.png", draw_line(X, y, steps, len(steps) - 1, model))
    moves = [i for i, step in enumerate(steps) if step.mistake][:60]
    write_gif([as_image(draw_line(X, y, steps, i)) for i in [*moves, len(steps) - 1]], folder / "line.gif", 500)
    print(folder)
    return steps


def draw_line(X: Tensor, y: Tensor, steps: list[Step], i: int, model: nn.Module | None = None) -> "Figure":
    """The neuron's line after step i, the example of that step in a ring; with `model` also what two layers decide."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4 + 4.6 * (model is not None), 4.8), layout="constrained")
    axes = figure.subplots(1, 1 + (model is not None), squeeze=False)[0]
    low, high = X.min().item() - 0.6, X.max().item() + 0.6
    side = torch.linspace(low, high, 200)
    plane = torch.cartesian_prod(side, side)
    step = steps[i]
    decisions = [(plane @ step.w + step.b > 0).float()]
    if model is not None:
        decisions.append(model(plane)[:, 0].sigmoid().detach())
    for axis, decided in zip(axes, decisions, strict=True):
        shown = decided.view(200, 200).T.numpy()
        axis.imshow(shown, origin="lower", extent=(low, high) * 2, cmap="RdYlBu", vmin=-0.4, vmax=1.4)
        for kind, (marker, colour) in enumerate((("o", "#a50026"), ("s", "#313695"))):
            axis.scatter(*X[y == kind].T, s=90, marker=marker, color=colour, edgecolors="white", label=f"y = {kind}")
        axis.set_xlabel("x₁", fontsize=12)
        axis.set_ylabel("x₂", fontsize=12)
    if step.example is not None:
        axes[0].scatter(*X[step.example], s=420, facecolors="none", edgecolors="black", linewidths=2)
    mistakes = sum(step.mistake for step in steps[: i + 1])
    axes[0].set_title(f"example {i + 1}: {mistakes} mistakes so far", fontsize=13)
    if model is not None:
        axes[1].set_title("two layers", fontsize=13)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=12)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.perceptron`."""
    cli.run(train, Request)


if __name__ == "__main__":
    main()
