"""Activation functions, their derivatives, and what becomes of a gradient in 50 layers.

`python -m labs.foundations.activations` draws each function with its derivative, then sends a signal forwards and a
gradient backwards through a deep network. Two slips of the introductions: leaky ReLU is αz for z < 0, not αx; and ELU's
left side is an exponential, no “log curve”.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from common import cli
from common.runs import place
from common.settings import Count, OptionalFolder, Range, Role, Seed, Settings
from labs.foundations.deep_layers import DEEP, INITIALISATIONS, draw_layers, through_layers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Function = Callable[[Tensor], Tensor]
ALPHA = 0.01  # leaky ReLU's slope for z < 0; PReLU learns it, from 0.25
RRELU = (1 / 8 + 1 / 3) / 2  # RReLU draws it from [1/8, 1/3] in training, and takes the mean after


@dataclass(frozen=True)
class Activation:
    """A function of a number z, its derivative, and what to know about it."""

    formula: str
    f: Function
    derivative: Function
    range: str
    saturates: str  # where the derivative goes to 0


def sigmoid(z: Tensor) -> Tensor:
    """1/(1 + e^−z), from e^−|z|, which cannot overflow."""
    small = (-z.abs()).exp()
    return torch.where(z >= 0, 1 / (1 + small), small / (1 + small))


def tanh(z: Tensor) -> Tensor:
    """(e^z − e^−z)/(e^z + e^−z) = 2σ(2z) − 1: as it is written it overflows in float32 from z = 89 on."""
    return 2 * sigmoid(2 * z) - 1


def softplus(z: Tensor) -> Tensor:
    """ln(1 + e^z) = max(0, z) + ln(1 + e^−|z|)."""
    return z.clamp(min=0) + torch.log1p((-z.abs()).exp())


def elu(z: Tensor, alpha: float = 1.0) -> Tensor:
    """z for z ≥ 0, else α(e^z − 1)."""
    return torch.where(z >= 0, z, alpha * torch.expm1(z.clamp(max=0)))


def normal(z: Tensor) -> tuple[Tensor, Tensor]:
    """Φ(z), how much of a standard normal distribution lies below z, and its density φ(z) = e^(−z²/2)/√(2π)."""
    return 0.5 * (1 + torch.erf(z / math.sqrt(2))), (-z.square() / 2).exp() / math.sqrt(2 * math.pi)


def leaky(alpha: float) -> tuple[Function, Function]:
    """z for z ≥ 0, else αz; and its derivative."""
    return lambda z: torch.where(z >= 0, z, alpha * z), lambda z: torch.where(z > 0, 1.0, alpha).to(z.dtype)


def softmax(z: Tensor) -> Tensor:
    """e^zᵢ/Σ e^zⱼ over the last dimension; taking the largest away first changes nothing and cannot overflow."""
    e = (z - z.amax(dim=-1, keepdim=True)).exp()
    return e / e.sum(dim=-1, keepdim=True)


def log_softmax(z: Tensor) -> Tensor:
    """zᵢ − ln Σ e^zⱼ: finite where ln(softmax) is not."""
    z = z - z.amax(dim=-1, keepdim=True)
    return z - z.exp().sum(dim=-1, keepdim=True).log()


def with_zero(z: Tensor) -> Tensor:
    """Two logits (…, 2), the second of them 0: softmax's first output is then the sigmoid."""
    return torch.stack([z, torch.zeros_like(z)], dim=-1)


def softmax_derivative(s: Tensor) -> Tensor:
    """∂sᵢ/∂zⱼ = sᵢ(δᵢⱼ − sⱼ) (K, K), of a softmax's output s (K,)."""
    return torch.diag(s) - torch.outer(s, s)


ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation("1/(1 + e^−z)", sigmoid, lambda z: sigmoid(z) * sigmoid(-z), "(0, 1)", "both sides"),
    "tanh": Activation("2σ(2z) − 1", tanh, lambda z: 4 * sigmoid(2 * z) * sigmoid(-2 * z), "(−1, 1)", "both sides"),
    "relu": Activation("max(0, z)", lambda z: z.clamp(min=0), lambda z: (z > 0).to(z.dtype), "[0, ∞)", "z < 0"),
    "leaky_relu": Activation("z ≥ 0: z, else 0.01 z", *leaky(ALPHA), "(−∞, ∞)", "nowhere"),
    "prelu": Activation("z ≥ 0: z, else αz, α learnt", *leaky(0.25), "(−∞, ∞)", "nowhere"),
    "rrelu": Activation("z ≥ 0: z, else αz, α drawn", *leaky(RRELU), "(−∞, ∞)", "nowhere"),
    "elu": Activation("z ≥ 0: z, else e^z − 1", elu, lambda z: z.clamp(max=0).exp(), "(−1, ∞)", "z → −∞"),
    "celu": Activation(
        "z ≥ 0: z, else 2(e^(z/2) − 1)",
        lambda z: 2 * elu(z / 2),
        lambda z: (z / 2).clamp(max=0).exp(),
        "(−2, ∞)",
        "z → −∞",
    ),
    "gelu": Activation(
        "z Φ(z)",
        lambda z: z * normal(z)[0],
        lambda z: normal(z)[0] + z * normal(z)[1],
        "[−0.17, ∞)",
        "z → −∞",
    ),
    "softplus": Activation("ln(1 + e^z)", softplus, sigmoid, "(0, ∞)", "z → −∞"),
    "softsign": Activation(
        "z/(1 + |z|)", lambda z: z / (1 + z.abs()), lambda z: (1 + z.abs()) ** -2.0, "(−1, 1)", "both sides"
    ),
    "softmax": Activation(
        "of (z, 0): e^z/(e^z + 1)",
        lambda z: softmax(with_zero(z))[..., 0],
        lambda z: sigmoid(z) * sigmoid(-z),
        "(0, 1)",
        "both sides",
    ),
    "log_softmax": Activation(
        "of (z, 0): z − ln(e^z + 1)",
        lambda z: log_softmax(with_zero(z))[..., 0],
        lambda z: sigmoid(-z),
        "(−∞, 0)",
        "z → ∞",
    ),
}


@dataclass(frozen=True)
class Request(Settings):
    """Draw the activation functions, and how a signal and its gradient fare in a deep network."""

    layers: Annotated[int, Range(1, 1000)] = 50  # of the deep network
    width: Annotated[int, Range(1, 5000)] = 100  # units of each layer
    batch_size: Count = 64  # random inputs
    seed: Seed = 0  # fixes inputs and weights
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figures; none: named after the settings


def look(**kws: Any) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    """Write the figures, print the tables, and return signal and gradient by (activation, initialisation)."""
    from common.plots import write_figure

    args = Request.of(**kws)
    print(f"{'':<12}{'f(z)':<32}{'range':<12}{'f′(0)':<8}{'f′ → 0'}")
    for name, of in ACTIVATIONS.items():
        at_0 = of.derivative(torch.zeros(1)).item()
        print(f"{name:<12}{of.formula:<32}{of.range:<12}{at_0:<8.3g}{of.saturates}")
    found = {
        (name, start): through_layers(f, initialise, args.layers, args.width, args.batch_size, args.seed)
        for name, f in DEEP.items()
        for start, initialise in INITIALISATIONS.items()
    }
    print(f"\ngradient at the first of {args.layers} layers, as a multiple of that at the last")
    print(f"{'':<12}" + "".join(f"{start:<12}" for start in INITIALISATIONS))
    for name in DEEP:
        ratios = [found[name, start][1] for start in INITIALISATIONS]
        print(f"{name:<12}" + "".join(f"{g[0] / g[-1] if g[-1] else 0:<12.1e}" for g in ratios))
    folder = args.out or place(args)
    write_figure(folder / "activations.png", draw_activations(tuple(ACTIVATIONS)))
    write_figure(folder / "layers.png", draw_layers(found))
    print(folder)
    return found


def draw_activations(names: tuple[str, ...]) -> "Figure":
    """Each function (line) and its derivative (dashes) over z."""
    from common import plots

    columns = min(5, len(names))
    figure, axes = plots.panels(len(names), columns, 2.2)
    z = torch.linspace(-5, 5, 401)
    for i, (axis, name) in enumerate(zip(axes, names, strict=False)):
        axis.set_axis_on()
        axis.grid(alpha=0.4)
        axis.plot(z, ACTIVATIONS[name].f(z), linewidth=2, label="f(z)")
        axis.plot(z, ACTIVATIONS[name].derivative(z), "--", linewidth=2, label="f′(z)")
        axis.set_title(f"{name}\n{ACTIVATIONS[name].formula}", fontsize=10)
        axis.set(xticks=(-4, 0, 4), yticks=(-2, 0, 2), ylim=(-2.2, 3.2))
        axis.tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= len(names))
        if i + columns >= len(names):
            axis.set_xlabel("z", fontsize=11)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=12)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.activations`."""
    cli.run(look, Request)


if __name__ == "__main__":
    main()
