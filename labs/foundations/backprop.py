"""Backpropagation, twice: number by number with an engine of our own, and as four lines of matrices.

`python -m labs.foundations.backprop` draws the graph of an expression with values and gradients, trains a network of
single numbers (`engine.py`) on points in the plane, and compares gradients with torch's. The four lines, for layers
z = a W + b, a = tanh z, logits z at the last one, N samples in the rows:

    dz = (softmax(z) − onehot(y))/N        the loss's gradient at the last layer
    dW = aᵀ dz                             a: what entered the layer
    db = Σ dz over the samples
    dz = (dz Wᵀ) ⊙ (1 − a²)                one layer further back; then again dW, db
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common import cli
from common.errors import InputError
from common.runs import place
from common.settings import Counts, OptionalFolder, Positive, Range, Role, Seed, Settings
from labs.foundations.engine import Value
from labs.foundations.graph import draw_graph

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Layer = tuple[Tensor, Tensor]  # W (n_in, n_out) and b (n_out,)


@dataclass(frozen=True)
class Request(Settings):
    """Draw the graph of an expression with its gradients, and train a network with an autograd engine of our own."""

    hidden: Annotated[Counts, Range(1, 32)] = (8,)  # units of each hidden layer
    points: Annotated[int, Range(2, 500)] = 40  # of two kinds, a disc within a ring
    steps: Annotated[int, Range(1, 2000)] = 150  # gradient steps, each on all points
    lr: Positive = 1.0  # learning rate (η)
    seed: Seed = 0  # fixes points and weights
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figures; none: named after the settings


def get_data(args: Request) -> tuple[Tensor, Tensor]:
    """Points X (N, 2) and kinds y (N,): 0 in a disc, 1 in the ring around it; float64."""
    generator = torch.Generator().manual_seed(args.seed)
    y = torch.arange(args.points) % 2
    angle, along = 2 * torch.pi * torch.rand(2, args.points, generator=generator, dtype=torch.float64)
    radius = torch.where(y == 0, 0.4, 0.8) + 0.02 * (along - torch.pi)
    return radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1), y


def make_layers(args: Request) -> list[Layer]:
    """Random weights (Glorot) and biases 0."""
    generator = torch.Generator().manual_seed(args.seed)
    sizes = [2, *args.hidden, 2]
    return [
        (torch.randn(n, m, generator=generator, dtype=torch.float64) * (2 / (n + m)) ** 0.5, torch.zeros(m).double())
        for n, m in zip(sizes, sizes[1:], strict=False)
    ]


def forward(layers: list[Layer], X: Tensor) -> list[Tensor]:
    """What enters each layer, and at last the logits."""
    entering = [X]
    for i, (W, b) in enumerate(layers):
        z = entering[-1] @ W + b
        entering.append(z if i == len(layers) - 1 else z.tanh())
    return entering


def backward(layers: list[Layer], X: Tensor, y: Tensor) -> list[Layer]:
    """The gradients (dW, db) of the mean cross-entropy, by the four lines above."""
    *entering, z = forward(layers, X)
    gradients: list[Layer] = []
    dz = (z.softmax(dim=1) - F.one_hot(y, z.shape[1])) / len(X)
    for (W, _), a in zip(reversed(layers), reversed(entering), strict=True):
        gradients.insert(0, (a.T @ dz, dz.sum(dim=0)))
        dz = (dz @ W.T) * (1 - a.square())
    return gradients


Numbers = list[tuple[list[list[Value]], list[Value]]]  # the layers' W and b, number by number


def as_values(layers: list[Layer]) -> Numbers:
    """The same layers as single Values."""
    return [([[Value(w) for w in row] for row in W.tolist()], [Value(v) for v in b.tolist()]) for W, b in layers]


def loss_of_values(numbers: Numbers, X: Tensor, y: Tensor) -> Value:
    """The mean cross-entropy as one Value: ln Σ e^z − z[y] of each point, number by number."""
    total = Value(0.0)
    for x, label in zip(X.tolist(), y.tolist(), strict=True):
        a = [Value(number) for number in x]
        for i, (W, b) in enumerate(numbers):
            z = [sum((a[j] * W[j][k] for j in range(len(a))), b[k]) for k in range(len(b))]
            a = z if i == len(numbers) - 1 else [number.tanh() for number in z]
        total += sum((number.exp() for number in a), Value(0.0)).log() - a[label]
    return total * (1 / len(X))


def train(**kws: Any) -> list[float]:
    """Write the figures, say how far the gradients agree, and return the loss of each step."""
    from common.plots import write_figure

    args = Request.of(**kws)
    x = [Value(number, label=name) for name, number in (("w", 0.5), ("x", 2.0), ("b", -0.5))]
    result = (x[0] * x[1] + x[2]).tanh() * x[1]
    result.label = "y"
    result.backward()
    print("y = tanh(w x + b) · x: " + ", ".join(f"∂y/∂{v.label} = {v.grad:.4f}" for v in x))

    X, y = get_data(args)
    layers = make_layers(args)
    print(f"gradients: the four lines are {difference(layers, X, y):.1e} from torch's, ", end="")
    numbers = as_values(layers)
    weights = [w for W, b in numbers for row in [*W, b] for w in row]
    losses = []
    for step in range(args.steps):
        try:
            loss = loss_of_values(numbers, X, y)
        except (OverflowError, ValueError):  # e^z is too large for a float, or all of them are 0
            raise InputError(f"the training has diverged in step {step + 1}; lower --lr") from None
        loss.backward()
        if step == 0:
            ours = torch.tensor([w.grad for w in weights], dtype=torch.float64)
            theirs = torch.cat([torch.cat([dW, db[None]]).flatten() for dW, db in backward(layers, X, y)])
            print(f"the engine's {(ours - theirs).abs().max():.1e} from theirs")
        for w in weights:
            w.data -= args.lr * w.grad
        losses.append(loss.data)
    print(f"{len(weights)} weights, number by number: loss {losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    folder = args.out or place(args)
    write_figure(folder / "graph.png", draw_graph(result))
    write_figure(folder / "training.png", draw_training(numbers, X, y, losses))
    print(folder)
    return losses


def difference(layers: list[Layer], X: Tensor, y: Tensor) -> float:
    """The largest difference between the four lines' gradients and torch's."""
    leaves = [tensor.clone().requires_grad_() for layer in layers for tensor in layer]
    loss = F.cross_entropy(forward(list(zip(leaves[::2], leaves[1::2], strict=True)), X)[-1], y)
    ours = [gradient for layer in backward(layers, X, y) for gradient in layer]
    return max((a - b).abs().max().item() for a, b in zip(ours, torch.autograd.grad(loss, leaves), strict=True))


def draw_training(numbers: Numbers, X: Tensor, y: Tensor, losses: list[float]) -> "Figure":
    """The loss over the steps, and what the network decides where."""
    from matplotlib.figure import Figure

    layers = [
        (torch.tensor([[w.data for w in row] for row in W]), torch.tensor([v.data for v in b])) for W, b in numbers
    ]
    side = torch.linspace(-1.1, 1.1, 120)
    plane = forward(layers, torch.cartesian_prod(side, side))[-1].softmax(dim=1)[:, 1].view(120, 120).T.numpy()
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    curve, map_ = figure.subplots(1, 2)
    curve.plot(range(len(losses)), losses)
    curve.set_xlabel("step", fontsize=12)
    curve.set_ylabel("cross-entropy", fontsize=12)
    image = map_.imshow(plane, origin="lower", extent=(-1.1, 1.1) * 2, cmap="RdYlBu", vmin=0, vmax=1, alpha=0.8)
    for kind, (marker, colour) in enumerate((("o", "#a50026"), ("s", "#313695"))):
        map_.scatter(*X[y == kind].T, marker=marker, color=colour, edgecolors="white", label=f"y = {kind}")
    map_.set_xlabel("x₁", fontsize=12)
    map_.set_ylabel("x₂", fontsize=12)
    map_.set(xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))
    figure.colorbar(image).set_label("probability of y = 1", fontsize=12)
    map_.legend(fontsize=11)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.backprop`."""
    cli.run(train, Request)


if __name__ == "__main__":
    main()
