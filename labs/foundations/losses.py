"""Loss functions and their gradients: `python -m labs.foundations.losses`

Of a prediction ŷ for the number y, with the error e = ŷ − y:

    MSE    e²                              gradient 2e             one outlier pulls with all its length
    MAE    |e|                             gradient sign e         … with no more than anybody
    Huber  e²/2 if |e| ≤ δ, else δ(|e| − δ/2)   gradient e, at most ±δ   … up to δ as MSE, from there as MAE

Of logits z, which a sigmoid or softmax makes probabilities of:

    binary cross-entropy    −y ln σ(z) − (1 − y) ln σ(−z)           gradient σ(z) − y
    cross-entropy           −ln softmax(z)[y] = NLL of log-softmax   gradient softmax(z) − onehot(y)
    hinge                   max(0, 1 − t z), t = ±1                  gradient −t if t z < 1, else 0
    KL(p ‖ q)               Σ p ln(p/q)                              q = softmax(z): gradient q − p

The introduction's slide has cross-entropy without its minus sign: minimised so, it would prefer wrong answers.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common import cli
from common.runs import place
from common.settings import Floats, Number, OptionalFolder, Positive, Role, Settings
from labs.foundations.activations import log_softmax, sigmoid, softmax, softmax_derivative, softplus

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Request(Settings):
    """Draw the loss functions with their gradients, and what an outlier does to each."""

    numbers: Floats = (1.0, 2.0, 3.0, 4.0)  # what one constant is fitted to
    outlier: Number = 30.0  # one more of them, far away
    delta: Positive = 1.0  # Huber: from which error on it is linear (δ)
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figures; none: named after the settings

    def check(self) -> None:
        self.require("numbers", len(self.numbers) >= 1, "at least one number")


def mse(e: Tensor) -> tuple[Tensor, Tensor]:
    """e² and its gradient 2e, elementwise."""
    return e.square(), 2 * e


def mae(e: Tensor) -> tuple[Tensor, Tensor]:
    """|e| and its gradient sign e (0 at 0, as torch has it)."""
    return e.abs(), e.sign()


def huber(e: Tensor, delta: float = 1.0) -> tuple[Tensor, Tensor]:
    """e²/2 up to δ, then δ(|e| − δ/2); the gradient is e cut off at ±δ (Huber 1964)."""
    return torch.where(e.abs() <= delta, e.square() / 2, delta * (e.abs() - delta / 2)), e.clamp(-delta, delta)


def binary_cross_entropy(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """−y ln σ(z) − (1 − y) ln σ(−z) and its gradient σ(z) − y; −ln σ(z) = softplus(−z) cannot overflow."""
    return y * softplus(-z) + (1 - y) * softplus(z), sigmoid(z) - y


def cross_entropy(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """−ln softmax(z)[y] (N,) and its gradient softmax(z) − onehot(y) (N, K), of logits z (N, K) and labels y (N,)."""
    nll = -log_softmax(z).gather(1, y[:, None])[:, 0]
    return nll, softmax(z) - F.one_hot(y, z.shape[1])


def kl_divergence(p: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Σ p ln(p/q) (N,) with q = softmax(z), and its gradient q − p (N, K)."""
    return (torch.xlogy(p, p) - p * log_softmax(z)).sum(dim=1), softmax(z) - p


def hinge(z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """max(0, 1 − tz) and its gradient, −t where tz < 1; t is ±1."""
    return (1 - t * z).clamp(min=0), torch.where(t * z < 1, -t, torch.zeros_like(t))


def softmax_with_mse(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Σ (softmax(z) − onehot(y))² (N,) and its gradient (N, K): 0 also where the answer is certain and wrong."""
    s, onehot = softmax(z), F.one_hot(y, z.shape[1])
    gradient = torch.stack([2 * softmax_derivative(p) @ (p - target) for p, target in zip(s, onehot, strict=True)])
    return (s - onehot).square().sum(dim=1), gradient


def best_constant(numbers: Tensor, loss: str, delta: float = 1.0) -> float:
    """The one number c with the smallest loss over `numbers`: mean (MSE), median (MAE), or between them (Huber)."""
    if loss == "mse":
        return numbers.mean().item()
    if loss == "mae":
        return numbers.double().quantile(0.5).item()
    low, high = numbers.min().item(), numbers.max().item()
    for _ in range(60):  # the gradient rises with c: halve the interval in which it is 0
        c = (low + high) / 2
        low, high = (low, c) if huber(c - numbers, delta)[1].sum() > 0 else (c, high)
    return (low + high) / 2


def look(**kws: Any) -> dict[str, tuple[float, float]]:
    """Write the figures, print what the outlier does, and return each loss's constant without and with it."""
    from common.plots import write_figure

    args = Request.of(**kws)
    numbers = torch.tensor(args.numbers, dtype=torch.float64)
    spoilt = torch.cat([numbers, torch.tensor([args.outlier], dtype=torch.float64)])
    found = {}
    print(f"the best constant for {', '.join(f'{n:g}' for n in args.numbers)}, and with {args.outlier:g} among them")
    for name in ("mse", "mae", "huber"):
        found[name] = best_constant(numbers, name, args.delta), best_constant(spoilt, name, args.delta)
        print(f"  {name:<6} {found[name][0]:.4f}  {found[name][1]:.4f}")
    z, y = torch.tensor([[8.0, -8.0]]), torch.tensor([1])
    print(f"logits (8, −8), label 1, certain and wrong: gradient of cross-entropy {cross_entropy(z, y)[1][0, 0]:.4f},")
    print(f"  of MSE behind a softmax {softmax_with_mse(z, y)[1][0, 0]:.1e}: it has nothing to learn from")
    folder = args.out or place(args)
    write_figure(folder / "losses.png", draw_losses(args.delta))
    print(folder)
    return found


def draw_losses(delta: float = 1.0) -> "Figure":
    """Above the losses, below their gradients: over the error, over a logit, and behind a softmax."""
    from matplotlib.figure import Figure

    e, one = torch.linspace(-4, 4, 401), torch.ones(401)
    pairs, right = torch.stack([e, -e], dim=1), torch.zeros(401, dtype=torch.long)
    ce, ce_gradient = cross_entropy(pairs, right)
    se, se_gradient = softmax_with_mse(pairs, right)
    kl, kl_gradient = kl_divergence(torch.tensor([[0.8, 0.2]]), pairs)
    columns = [
        ("error e = ŷ − y", {"MSE": mse(e), "MAE": mae(e), f"Huber, δ = {delta:g}": huber(e, delta)}),
        ("logit z, right answer 1", {"binary cross-entropy": binary_cross_entropy(e, one), "hinge": hinge(e, one)}),
        (
            "logit z₁ = −z₂, right answer 1",
            {
                "softmax, cross-entropy": (ce, ce_gradient[:, 0]),
                "softmax, MSE": (se, se_gradient[:, 0]),
                "KL(p ‖ softmax), p = (0.8, 0.2)": (kl, kl_gradient[:, 0]),
            },
        ),
    ]
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True)
    for column, (over, losses) in enumerate(columns):
        for i, (name, values) in enumerate(losses.items()):
            for axis, value in zip(axes[:, column], values, strict=True):
                axis.plot(e, value, ("-", "--", "-.")[i], linewidth=2, label=name)
        axes[0, column].legend(fontsize=11, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)  # beside no curve
        axes[0, column].set_ylim(-0.2, 6)
        axes[1, column].set_xlabel(over, fontsize=12)
        axes[1, column].axhline(0, color="grey", linewidth=0.8)
    axes[0, 0].set_ylabel("loss", fontsize=12)
    axes[1, 0].set_ylabel("gradient", fontsize=12)
    return figure


def main() -> None:
    """The command `python -m labs.foundations.losses`."""
    cli.run(look, Request)


if __name__ == "__main__":
    main()
