"""A signal on its way through many layers, and the gradient on its way back, by activation and initialisation.

Each layer multiplies both by its weights and the gradient by f′ as well. Where that factor is below 1 on average,
nothing arrives after 50 layers (vanishing); where it is above 1, numbers overflow (exploding): 0.8⁵⁰ ≈ 10⁻⁵ and
1.25⁵⁰ ≈ 10⁵. Glorot's variance keeps it near 1 for a function that is nearly the identity at 0 (tanh), He's for ReLU,
which halves.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.device import seed_everything

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEEP: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": F.gelu,
}
INITIALISATIONS: dict[str, Callable[[Tensor], Any]] = {
    "zero": nn.init.zeros_,
    "small": lambda w: nn.init.normal_(w, std=0.01),
    "large": lambda w: nn.init.normal_(w, std=0.3),
    "glorot": nn.init.xavier_normal_,  # variance 2/(n_in + n_out): Glorot & Bengio 2010
    "he": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),  # variance 2/n_in: He et al. 2015
}


LINES: tuple[Any, ...] = ("-", "--", (0, (6, 1)), ":", "-.")  # of the initialisations in a figure


def through_layers(
    activation: Callable[[Tensor], Tensor],
    initialise: Callable[[Tensor], Any],
    layers: int = 50,
    width: int = 100,
    n: int = 64,
    seed: int = 0,
) -> tuple[list[float], list[float]]:
    """Root mean square of each layer's output, and of the gradient that arrives there, first layer first.

    The gradient is that of the mean of the last layer's squares, up to a factor; n random inputs.
    """
    seed_everything(seed)
    a = torch.randn(n, width, dtype=torch.float64, requires_grad=True)
    outputs = []
    for _ in range(layers):
        w = torch.empty(width, width, dtype=torch.float64)
        initialise(w)
        a = activation(a @ w.T)
        a.retain_grad()
        outputs.append(a)
    (outputs[-1].square().sum() / 2).backward()
    grads = [output.grad for output in outputs if output.grad is not None]
    return [o.detach().square().mean().sqrt().item() for o in outputs], [g.square().mean().sqrt().item() for g in grads]


def draw_layers(found: dict[tuple[str, str], tuple[list[float], list[float]]]) -> "Figure":
    """Signal (above) and gradient (below) by layer, a column for each activation, a line for each initialisation."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for name, _ in found))
    figure = Figure(figsize=(2.5 * max(2, len(names)) + 0.6, 5.8), layout="constrained")
    axes = figure.subplots(2, len(names), sharex=True, sharey=True, squeeze=False)
    for column, name in enumerate(names):
        for i, start in enumerate(dict.fromkeys(start for _, start in found)):
            for axis, values in zip(axes[:, column], found[name, start], strict=True):
                shown = [max(value, 1e-25) for value in values]  # a logarithm has no 0
                axis.plot(range(1, len(shown) + 1), shown, linestyle=LINES[i], linewidth=2, label=start)
        axes[0, column].set_title(name, fontsize=13)
        axes[1, column].set_xlabel("layer", fontsize=12)
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylim(1e-27, 1e25)  # what is 0 runs above the frame
    axes[0, 0].set_yticks([10.0**power for power in range(-24, 25, 12)])
    axes[0, 0].set_ylabel("signal", fontsize=12)
    axes[1, 0].set_ylabel("gradient", fontsize=12)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=12)
    return figure
