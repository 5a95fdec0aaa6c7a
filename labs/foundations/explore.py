"""What the notebook's controls draw: one neuron over four corners, an activation, a line fit, a race."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labs.foundations import line_fit
from labs.foundations.activations import ACTIVATIONS, draw_activations
from labs.foundations.deep_layers import DEEP, INITIALISATIONS, draw_layers, through_layers
from labs.foundations.engine import Value
from labs.foundations.graph import draw_graph
from labs.foundations.optimizers import descend, draw_race, steps_to_tolerance
from labs.foundations.perceptron import CORNERS, TABLES, Step, draw_line, predict
from labs.foundations.surfaces import SURFACES
from labs.foundations.update_rules import RULES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_neuron(table: str, w1: float, w2: float, b: float) -> tuple["Figure", str]:
    """A neuron's line over the four corners of AND, OR or XOR, and how many it gets right."""
    w, y = torch.tensor([w1, w2]), torch.tensor(TABLES[table])
    right = int((predict(w, torch.tensor(b), CORNERS) == y).sum())
    figure = draw_line(CORNERS, y, [Step(w, torch.tensor(b), None, False)], 0)
    figure.axes[0].set_title(f"{table.upper()}: {right} of 4 right", fontsize=14)
    return figure, f"ŷ = 1 where {w1:g} x₁ + {w2:g} x₂ + {b:g} > 0"


def draw_line_fit(rate: float, steps: int, centre: float) -> tuple["Figure", str]:
    """The path of gradient descent with one rate, in units of 2/λ_max."""
    args = line_fit.Request(rates=(rate,), steps=max(1, steps), centre=centre)
    x, y = line_fit.get_data(args)
    low, high = torch.linalg.eigvalsh(line_fit.hessian(x)).tolist()
    path = line_fit.descend(x, y, rate * 2 / high, args.steps)
    best = torch.stack(line_fit.closed_form(x, y))
    return line_fit.draw_paths(args, x, y, [path], args.steps), (
        f"η = {rate * 2 / high:.4f}; diverges above 2/λ_max = {2 / high:.4f}; fastest at {2 / (low + high):.4f}\n"
        f"{(path[-1] - best).norm():.2g} from the exact line after {args.steps} steps"
    )


def draw_activation(name: str, z: float) -> tuple["Figure", str]:
    """One function with its derivative, and both at z."""
    of, at = ACTIVATIONS[name], torch.tensor(z)
    figure = draw_activations((name,))
    figure.set_size_inches(5.5, 4.4)
    axis = figure.axes[0]
    axis.plot(z, of.f(at), "o", color="C0", markersize=9)
    axis.plot(z, of.derivative(at), "s", color="C1", markersize=9)
    return (
        figure,
        f"f({z:g}) = {of.f(at):.4f}, f′({z:g}) = {of.derivative(at):.4f}; range {of.range}; f′ → 0: {of.saturates}",
    )


def draw_signal(activation: str, start: str, layers: int) -> tuple["Figure", str]:
    """Signal and gradient through a deep network."""
    found = through_layers(DEEP[activation], INITIALISATIONS[start], layers)
    first, last = found[1][0], found[1][-1]
    arrives = f"{first / last:.2g} times" if last else "nothing of"
    return draw_layers({(activation, start): found}), f"the first layer receives {arrives} the last one's gradient"


def draw_optimizer(
    surface: str, rule: str, rate: float, other: str, other_rate: float, steps: int
) -> tuple["Figure", str]:
    """Two rules over a surface, each with a rate of one's own (as a power of two)."""
    ground = SURFACES[surface]
    paths: dict[str, Tensor] = {}
    said = []
    for name, power in ((rule, rate), (other, other_rate)):
        path = descend(RULES[name], ground, torch.tensor([2.0**power], dtype=torch.float64), steps)[:, 0]
        finite = path[path.isfinite().all(dim=1) & (path.abs().amax(dim=1) < 1e6)]
        label = name if name not in paths else f"{name} (second)"
        paths[label] = finite
        needed = steps_to_tolerance(path, ground)
        said.append(
            f"{label}, η = {2.0**power:.4g}: " + (f"there after {needed:.0f} steps" if needed < steps else "not there")
        )
    return draw_race(ground, paths, steps), "\n".join(said)


def draw_expression(w: float, x: float, b: float) -> tuple["Figure", str]:
    """y = tanh(w x + b) · x with values and gradients."""
    leaves = [Value(number, label=name) for name, number in (("w", w), ("x", x), ("b", b))]
    result = (leaves[0] * leaves[1] + leaves[2]).tanh() * leaves[1]
    result.label = "y"
    result.backward()
    return draw_graph(result), ", ".join(f"∂y/∂{leaf.label} = {leaf.grad:.4f}" for leaf in leaves)
