"""The warm-up: a neuron, a line, activations, losses, optimisers, backpropagation

Nine functions that all other labs stand on. They differ on purpose from the lab's in a sign, a layout or a count, which
their docstrings say.
"""

import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from assignments.anticipation import anticipation
from assignments.evaluation import measured, settings_here
from assignments.exercise import Draw, exercise, tensor

LAB = "labs.foundations"
RUNS = {
    "base": "--epochs 30",
    "sgd": "--epochs 30 --optimizer sgd",
    "sgd_fast": "--epochs 30 --optimizer sgd --lr 0.1",
    "by_heart": "--limit 200 --epochs 150",
    "dropout": "--limit 200 --epochs 150 --dropout 0.5",
    "l2": "--limit 200 --epochs 150 --l2 0.01",
    "early_stop": "--limit 200 --epochs 150 --patience 10",
}


def evaluate(path: Path, data_dir: Path | None = None) -> dict[str, float]:
    """The test metrics of a finished run, named as in its summary.json; a grader says where its data lie."""
    from labs.foundations.foundations import get_data, load_run, score

    run = load_run(path)
    data = get_data(settings_here(run.settings, data_dir), torch.device("cpu"))
    return measured(run.model, score, data.test, "test")


def _eighths(draw: Draw, low: int, high: int) -> float:
    """A number of eighths, which is exact in every precision."""
    return draw.integer(low, high) / 8


AUTOGRAD = ("autograd", "grad", "backward", "func", "vjp", "jvp", "jacobian", "jacrev", "jacfwd", "functorch")

# --- 1 A neuron -----------------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.5,
    hints=(
        "introduction 002, page 11, and “A neuron” in labs/foundations/README.md",
        "first the answer ŷ; if it is y, return w and b as they came; else return both moved",
        "if (1 if w @ x + b > 0 else -1) == y: return w, b; after it one line, for the mistake",
    ),
    compare="labs/foundations/perceptron.py, learn",
    forbidden=("Perceptron",),
)
def perceptron_step(w: Tensor, b: float, x: Tensor, y: int, lr: float) -> tuple[Tensor, float]:
    """Rosenblatt's rule for one example x (d,) of kind y, which here is −1 or 1 (and not 0 or 1).

    The neuron with the weights w (d,) and the bias b answers ŷ = 1 if w·x + b > 0, else −1. If that is right, nothing
    changes. If it is wrong, w moves by ±η x and b by ±η (lr is η), the sign such that w·x + b comes nearer to y.
    Returns the new (w, b).
    """
    raise NotImplementedError


@perceptron_step.use
def _(mine, w, b, x, y, lr):
    if x.ndim == 1:
        w, b = mine(w, b, x, y, lr)
        return {"w": w, "b": b}
    for _ in range(10):  # passes over a whole table
        mistakes = 0
        for row, kind in zip(x, y.tolist(), strict=True):
            before, bias = w.clone(), float(b)
            w, b = mine(w, b, row, kind, lr)
            mistakes += int(bool((w != before).any()) or float(b) != bias)
    return {"w": w, "b": b, "changes in the tenth pass": mistakes}


perceptron_step.example("a mistake moves the line")(
    lambda: ((tensor(1, -2), 0.5, tensor(2, 1), -1, 0.5), {"w": tensor(0, -2.5), "b": 0.0})
)
perceptron_step.example("w·x + b = 0 is answered with −1")(
    lambda: ((tensor(1, -1), 0.0, tensor(1, 1), -1, 0.5), {"w": tensor(1, -1), "b": 0.0})
)


def _neuron(draw: Draw, right: bool, kinds: tuple[int, ...] = (-1, 1)) -> tuple[Any, ...]:
    while True:
        d = draw.size(2, 4)
        w, x, b = draw.normal(d), draw.normal(d), draw.number(-1, 1)
        z = float(w @ x) + b
        y = (1 if z > 0 else -1) * (1 if right else -1)
        if abs(z) > 0.05 and y in kinds:
            return w, b, x, y, draw.number(0.1, 0.9)


perceptron_step.probes(lambda draw: _neuron(draw, right=False, kinds=(-1,)))
perceptron_step.probes(lambda draw: _neuron(draw, right=True))
perceptron_step.probes(lambda draw: _neuron(draw, right=False, kinds=(1,)))


@perceptron_step.expected
def _(w, b, x, y, lr):
    w, b = w.clone().requires_grad_(), tensor(b)[0].requires_grad_()
    z = w @ x + b - 1e-12  # what lies on the border is −1
    dw, db = torch.autograd.grad(F.relu(-y * z), (w, b))  # how far on the wrong side
    return (w - lr * dw).detach(), b.item() - lr * db.item()


def _corners(kinds: list[int]) -> tuple[Any, ...]:
    return tensor(0, 0), 0.0, tensor(0, 0, 0, 1, 1, 0, 1, 1).reshape(4, 2), torch.tensor(kinds), 1.0


perceptron_step.edge("AND is learnt")(lambda: _corners([-1, -1, -1, 1]))
perceptron_step.edge("OR is learnt")(lambda: _corners([-1, 1, 1, 1]))
perceptron_step.edge("XOR is not")(lambda: _corners([-1, 1, 1, -1]))


def _answer(w: Tensor, b: float, x: Tensor) -> int:
    return 1 if float(w @ x) + b > 0 else -1


perceptron_step.mistake("F1", "learning from every example: where ŷ is y, w and b must stay as they are")(
    lambda w, b, x, y, lr: (w + lr * y * x, b + lr * y)
)
perceptron_step.mistake("F2", "taking the wrong sign: to come nearer to y, w must move by +η y x and b by +η y")(
    lambda w, b, x, y, lr: (w, b) if _answer(w, b, x) == y else (w - lr * y * x, b - lr * y)
)


@perceptron_step.mistake(
    "F3",
    "answering ŷ with 0 or 1, as the lab does: here both y and ŷ are −1 or 1; where they are equal nothing "
    "changes, else move by η y x",
)
def _(w, b, x, y, lr):
    return (w + lr * (y - max(0, _answer(w, b, x))) * x, b + lr * (y - max(0, _answer(w, b, x))))


@perceptron_step.mistake(
    "F4", "taking a step of twice the length: y − ŷ is 2, −2 or 0; halve it, or move by η y x only where ŷ is not y"
)
def _(w, b, x, y, lr):
    return (w + lr * (y - _answer(w, b, x)) * x, b + lr * (y - _answer(w, b, x)))


perceptron_step.mistake("F5", "leaving b as it is: after a mistake b moves too, by η y")(
    lambda w, b, x, y, lr: (w, b) if _answer(w, b, x) == y else (w + lr * y * x, b)
)


@perceptron_step.mistake(
    "F68", "answering with 1 where w·x + b is 0: the answer is 1 only above 0, so ask for > 0, not ≥ 0"
)
def _(w, b, x, y, lr):
    return (w, b) if (float(w @ x) + b >= 0) == (y > 0) else (w + lr * y * x, b + lr * y)


@perceptron_step.mistake(
    "F69", "moving by η x whatever y is: move w by η y x and b by η y, which is against x where y is −1"
)
def _(w, b, x, y, lr):
    return (w, b) if _answer(w, b, x) == y else (w + lr * x, b + lr)


# --- 2 A line -------------------------------------------------------------------------------------------------------


@exercise(
    number=2,
    points=0.5,
    hints=(
        "introduction 002, page 14, with its errata; “Downhill” in labs/foundations/README.md",
        "the errors y − (m x + b) first; each derivative is −2 times a mean, one of them with x in it",
        "∂J/∂b = −2 · mean(e) with e = y − (m x + b); in ∂J/∂m each e is multiplied by its x before the mean",
    ),
    compare="labs/foundations/line_fit.py, gradient",
    forbidden=AUTOGRAD,
)
def line_gradient(x: Tensor, y: Tensor, m: float, b: float) -> tuple[Tensor, Tensor]:
    """The slope (∂J/∂m, ∂J/∂b) of the mean squared error J = 1/n Σ (yᵢ − (m xᵢ + b))² over the n points x, y (n,).

    Two numbers. The introduction's slide has the sign twice, and a sum of n + 1 terms: derive it yourself.
    """
    raise NotImplementedError


@line_gradient.use
def _(mine, x, y, m, b):
    by_m, by_b = mine(x, y, m, b)
    return {"∂J/∂m": by_m, "∂J/∂b": by_b}


line_gradient.example("three points of y = 2x + 1, from m = b = 0")(
    lambda: ((tensor(0, 1, 2), tensor(1, 3, 5), 0.0, 0.0), {"∂J/∂m": tensor(-26 / 3)[0], "∂J/∂b": tensor(-6)[0]})
)


@line_gradient.probes
def _(draw):
    n = draw.size(2, 6)
    return draw.normal(n), draw.normal(n), _eighths(draw, 1, 16), -_eighths(draw, 1, 16)


@line_gradient.expected
def _(x, y, m, b):
    line = tensor(m, b).requires_grad_()
    return tuple(torch.autograd.grad(F.mse_loss(line[0] * x + line[1], y), line)[0])


@line_gradient.mistake(
    "F6", "taking the introduction's double minus, which leads uphill: there is one minus sign, −2/n Σ …"
)
def _(x, y, m, b):
    return (2 * (x * (y - m * x - b)).mean(), 2 * (y - m * x - b).mean())


@line_gradient.mistake(
    "F7", "dividing by n + 1, as the introduction's sum from 0 to n does: there are n points, so divide by n"
)
def _(x, y, m, b):
    return tuple(-2 * s.sum() / (len(x) + 1) for s in (x * (y - m * x - b), y - m * x - b))


line_gradient.mistake("F8", "leaving out the 2 of the square's derivative: it is −2/n Σ …, not −1/n Σ …")(
    lambda x, y, m, b: (-(x * (y - m * x - b)).mean(), -(y - m * x - b).mean())
)
line_gradient.mistake("F9", "taking a sum over the points where J has their mean: divide by n")(
    lambda x, y, m, b: (-2 * (x * (y - m * x - b)).sum(), -2 * (y - m * x - b).sum())
)
line_gradient.mistake("F10", "leaving out the inner derivative by m: it is xᵢ, and stands within the sum")(
    lambda x, y, m, b: (-2 * (y - m * x - b).mean(), -2 * (y - m * x - b).mean())
)
line_gradient.mistake("F11", "multiplying two means: multiply each error by its own xᵢ first, and take the mean then")(
    lambda x, y, m, b: (-2 * x.mean() * (y - m * x - b).mean(), -2 * (y - m * x - b).mean())
)

# --- 3 Activations --------------------------------------------------------------------------------------------------


@exercise(
    number=3,
    points=0.75,
    hints=(
        "introduction 003, and “Activations” in labs/foundations/README.md",
        "torch.where chooses between the two sides; in f′ of logistic and hyperbolic the value a = f(z) can be used",
        "a = 1/(1 + e^−z) has a′ = a(1 − a); tanh z = 2 σ(2z) − 1 stays finite, and its derivative is 1 − tanh² z",
    ),
    compare="labs/foundations/activations.py, ACTIVATIONS",
    forbidden=(*AUTOGRAD, "sigmoid", "sigmoid_", "Sigmoid", "expit", "tanh", "tanh_", "Tanh", "relu", "relu_", "ReLU",
               "leaky_relu", "LeakyReLU", "prelu", "elu", "ELU", "celu", "logsigmoid", "softmax", "sigmoid_backward"),
)  # fmt: skip
def activation(name: str, z: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """An activation function and its derivative, (f(z), f′(z)), each of z's shape. `name` says which:

    "logistic"      1/(1 + e^−z), also called sigmoid
    "hyperbolic"    tanh z = (e^z − e^−z)/(e^z + e^−z)
    "rectified"     ReLU: max(0, z)
    "leaky"         leaky ReLU: z if z ≥ 0, else α z
    "exponential"   ELU: z if z ≥ 0, else α (e^z − 1)

    alpha is α; the first three do not use it. Numbers such as ±1000 must give finite results.
    """
    raise NotImplementedError


@activation.use
def _(mine, name, z, alpha):
    f, slope = mine(name, z, alpha)
    return {"f(z)": f, "f′(z)": slope}


activation.example("σ(0) = ½ and σ′(0) = ¼")(
    lambda: (("logistic", tensor(0), 1.0), {"f(z)": tensor(0.5), "f′(z)": tensor(0.25)})
)


KINDS = ("logistic", "hyperbolic", "rectified", "leaky", "exponential")


def _probe(kind: str) -> None:
    @activation.probes
    def _(draw):
        z = [draw.uniform(1, low=low, high=low + 0.8) for low in (-2, -0.9, 0.1, 1.2)]
        return kind, torch.cat(z), _eighths(draw, 2, 6)

    @activation.edge("finite at ±1000")
    def _():
        return kind, tensor(-1000, 1000), 0.25


for _kind in KINDS:
    _probe(_kind)


@activation.expected
def _(name, z, alpha):
    functions = (torch.sigmoid, torch.tanh, F.relu, lambda z: F.leaky_relu(z, alpha), lambda z: F.elu(z, alpha))
    z = z.clone().requires_grad_()
    f = functions[KINDS.index(name)](z)
    return f.detach(), torch.autograd.grad(f.sum(), z)[0]


def _activation(**changes: Any) -> Any:
    """The reference, but for the kinds that are named: there a change makes (f, f′) of (z, α, f, f′)."""

    def function(name: str, z: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
        f, slope = activation.reference(name, z, alpha)
        return changes[name](z, alpha, f, slope) if name in changes else (f, slope)

    return function


def _quotient(z: Tensor) -> Tensor:
    return z.exp() / (1 + z.exp())


activation.mistake("F12", "taking σ once more in σ′: with a = σ(z), σ′(z) is a(1 − a)")(
    _activation(logistic=lambda z, c, f, d: (f, f.sigmoid() * (1 - f.sigmoid())))
)
activation.mistake("F13", "taking z(1 − z) for σ′: the formula a(1 − a) is meant for a = σ(z)")(
    _activation(logistic=lambda z, c, f, d: (f, z * (1 - z)))
)
activation.mistake("F14", "taking 1 − z² for tanh′: the formula 1 − a² is meant for a = tanh z")(
    _activation(hyperbolic=lambda z, c, f, d: (f, 1 - z**2))
)
activation.mistake("F15", "leaving out z on leaky ReLU's left side: it is α z there (the slide's αx), not α")(
    _activation(leaky=lambda z, c, f, d: (torch.where(z >= 0, z, c), d))
)
activation.mistake(
    "F16", "giving leaky ReLU a fixed slope of 0.01, as the lab does: take the argument alpha, in f and in f′"
)(_activation(leaky=lambda z, c, f, d: (torch.where(z >= 0, z, 0.01 * z), torch.where(z >= 0, 1.0, 0.01))))
activation.mistake("F17", "leaving out the − 1 of ELU: left of 0 it is α(e^z − 1), which is 0 at z = 0")(
    _activation(exponential=lambda z, c, f, d: (torch.where(z >= 0, z, c * z.exp()), d))
)
activation.mistake("F18", "leaving out α in ELU's derivative, as the lab does, where α is 1: left of 0 it is α e^z")(
    _activation(exponential=lambda z, c, f, d: (f, z.clamp(max=0).exp()))
)
activation.mistake(
    "F19", "dividing ∞ by ∞ in tanh, as e^1000 is infinite: write tanh z as 2σ(2z) − 1, with σ(z) = 1/(1 + e^−z)"
)(_activation(hyperbolic=lambda z, c, f, d: (z.sinh() / z.cosh(), 1 - (z.sinh() / z.cosh()) ** 2)))
activation.mistake(
    "F20", "dividing ∞ by ∞ in σ, as e^1000 is infinite: write σ(z) as 1/(1 + e^−z), not as e^z/(1 + e^z)"
)(_activation(logistic=lambda z, c, f, d: (_quotient(z), _quotient(z) * (1 - _quotient(z)))))
activation.mistake(
    "F21", "multiplying 0 by ∞ in ELU: a factor of 0 does not stop e^1000; choose the side by torch.where instead"
)(_activation(exponential=lambda z, c, f, d: (z * (z > 0) + c * (z.exp() - 1) * (z <= 0), d)))
activation.mistake(
    "F70", "multiplying 0 by ∞ in ELU and in its derivative: a factor of 0 does not stop e^1000; use torch.where"
)(
    _activation(
        exponential=lambda z, c, f, d: (
            z * (z > 0) + c * (z.exp() - 1) * (z <= 0),
            (z > 0) + c * z.exp() * (z <= 0),
        )
    )
)
activation.mistake("F71", "dividing ∞ by ∞ in σ′, as e^1000 is infinite: with a = σ(z), take a(1 − a)")(
    _activation(logistic=lambda z, c, f, d: (f, (-z).exp() / (1 + (-z).exp()) ** 2))
)


def _fraction(z: Tensor) -> Tensor:
    return (z.exp() - (-z).exp()) / (z.exp() + (-z).exp())


activation.mistake(
    "F72", "dividing ∞ by ∞ in σ and in tanh, as e^1000 is infinite: write σ(z) as 1/(1 + e^−z), tanh z as 2σ(2z) − 1"
)(
    _activation(
        logistic=lambda z, c, f, d: (_quotient(z), _quotient(z) * (1 - _quotient(z))),
        hyperbolic=lambda z, c, f, d: (_fraction(z), 1 - _fraction(z) ** 2),
    )
)
activation.mistake(
    "F73", "taking over the lab's α, 0.01 in leaky ReLU and 1 in ELU's derivative: take the argument alpha"
)(
    _activation(
        leaky=lambda z, c, f, d: (torch.where(z >= 0, z, 0.01 * z), torch.where(z >= 0, 1.0, 0.01)),
        exponential=lambda z, c, f, d: (f, z.clamp(max=0).exp()),
    )
)

# --- 4 A loss -------------------------------------------------------------------------------------------------------


def _as_score(mine: Any) -> Any:
    """The lab's `score` with the student's loss in it."""

    def score(model: Any, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        from common.metrics import accuracy

        X, y = batch
        logits = model(X)
        return {"loss": mine(logits, y), "accuracy": accuracy(logits, y)}

    return score


@exercise(
    number=4,
    points=1,
    hints=(
        "introduction 003, whose formula lacks its minus sign; “Losses” in labs/foundations/README.md",
        "subtract each row's largest logit; then −z[y] + ln Σ e^z for each sample, then the mean over the samples",
        "z = logits − logits.amax(dim=1, keepdim=True); the right classes' logits are z[torch.arange(len(y)), y]",
    ),
    compare="labs/foundations/losses.py, cross_entropy",
    forbidden=("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss", "log_softmax", "LogSoftmax", "logsumexp",
               "cross_entropy_loss", "binary_cross_entropy_with_logits", "Categorical"),
    gradient=("logits",),
    slot=("labs.foundations.foundations.score", _as_score),
)  # fmt: skip
def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """The mean over a batch of −ln pᵧ in nats, a single number; p = softmax(logits) are a sample's probabilities.

    logits (N, K): a row for each sample, a column for each class; y (N,): the classes that are right, 0 to K − 1.
    softmax(z)ₖ = e^zₖ/Σⱼ e^zⱼ over the K classes. Logits of ±1000 must give a finite result.
    """
    raise NotImplementedError


cross_entropy.example("no class preferred gives ln K")(
    lambda: ((torch.zeros(2, 10).double(), torch.tensor([3, 7])), tensor(math.log(10))[0])
)


@cross_entropy.probes
def _(draw):
    n, k = 2 if draw.first else draw.choice((2, 4)), draw.size(3, 6)
    return draw.normal(n, k), draw.integers(n, low=0, high=k - 1)


@cross_entropy.expected
def _(logits, y):
    return F.cross_entropy(logits, y)


cross_entropy.edge("finite at ±1000")(
    lambda: (tensor(1000, 0, 1000, 1000, 0, 1000).reshape(2, 3), torch.tensor([1, 0]))
)

cross_entropy.mistake("F22", "taking softmax twice: the loss takes logits, and softmax belongs in it once")(
    lambda logits, y: F.cross_entropy(logits.softmax(dim=1), y)
)
cross_entropy.mistake("F23", "taking softmax over the samples: probabilities sum to 1 over a row's classes, dim=1")(
    lambda logits, y: F.nll_loss(logits.log_softmax(dim=0), y)
)
cross_entropy.mistake("F24", "taking log₂: torch.log is the natural logarithm, which gives nats")(
    lambda logits, y: F.cross_entropy(logits, y) / math.log(2)
)
cross_entropy.mistake("F25", "taking a sum over the samples: divide by their number N")(
    lambda logits, y: F.cross_entropy(logits, y, reduction="sum")
)
cross_entropy.mistake("F26", "leaving out the minus, as the introduction does: ln p is negative, and a loss is −ln p")(
    lambda logits, y: -F.cross_entropy(logits, y)
)
cross_entropy.mistake("F27", "giving a result for each sample, as the lab's function does: take their mean")(
    lambda logits, y: F.cross_entropy(logits, y, reduction="none")
)
cross_entropy.mistake("F28", "taking a mean over all N·K places of a table with one 1 in a row: divide by N, not N·K")(
    lambda logits, y: F.cross_entropy(logits, y) / logits.shape[1]
)


@cross_entropy.mistake(
    "F29",
    "taking ln 0 or ∞/∞, as e^1000 is infinite: subtract each row's largest logit first, then take −z[y] + ln Σ "
    "e^z of the rest",
)
def _(logits, y):
    return -(logits.exp() / logits.exp().sum(dim=1, keepdim=True)).log()[range(len(y)), y].mean()


@cross_entropy.mistake(
    "F30",
    "taking ln of a softmax that has become 0: subtract each row's largest logit first, then take −z[y] + ln Σ "
    "e^z of the rest",
)
def _(logits, y):
    return -logits.softmax(dim=1).log()[range(len(y)), y].mean()


# --- 5 to 7 Optimisers ----------------------------------------------------------------------------------------------

SLIDES = "introduction 003, whose boxes have wrong signs; “Optimisers” in labs/foundations/README.md, with the errata"


# torch's rules without the class around them; they write into the tensors that they are given
PLAIN: dict[str, Any] = {"foreach": False, "maximize": False, "weight_decay": 0.0}


@exercise(
    number=5,
    points=0.5,
    hints=(
        SLIDES,
        "two lines: the new velocity from the old one and the slope, then θ moved by the new velocity",
        "the velocity has the direction in which θ goes: μ v, less η times the slope",
    ),
    compare="labs/foundations/update_rules.py, momentum",
    forbidden=("optim", "SGD", "sgd"),
)
def momentum_step(theta: Tensor, g: Tensor, v: Tensor, lr: float, mu: float) -> tuple[Tensor, Tensor]:
    """A step of gradient descent with momentum, as Keras has it: the new (θ, v). All tensors have one shape.

    The velocity v is the last step that θ took. The new one is μ times the old one, and η times the gradient g against
    the slope; θ moves by it. (lr is η; for a constant η, θ goes the way that it goes in torch, whose v is another.)
    """
    raise NotImplementedError


@momentum_step.use
def _(mine, theta, g, v, lr, mu):
    for gradient in g if g.ndim > 1 else [g]:
        theta, v = mine(theta, gradient, v, lr, mu)
    return {"θ": theta, "v": v}


momentum_step.example("from rest it is plain descent")(
    lambda: (
        (tensor(1, 1), tensor(3, -0.5), tensor(0, 0), 0.25, 0.5),
        {"θ": tensor(0.25, 1.125), "v": tensor(-0.75, 0.125)},
    )
)


@momentum_step.probes
def _(draw):
    d = draw.size(1, 4)
    return draw.normal(d), draw.normal(d), draw.normal(d), _eighths(draw, 2, 7), _eighths(draw, 3, 6)


@momentum_step.expected
def _(theta, g, v, lr, mu):
    theta, buffer = theta.clone(), -v / lr
    sgd([theta], [g], [buffer], lr=lr, momentum=mu, dampening=0.0, nesterov=False, **PLAIN)
    return theta, -lr * buffer


def _slopes(steps: int) -> Tensor:
    """Slopes in two directions: one changes its sign, one hardly."""
    t = torch.arange(1, steps + 1, dtype=torch.float64)
    return torch.stack([torch.sin(t), 1 + 0.5 * torch.cos(3 * t)], dim=1)


momentum_step.edge("100 steps")(lambda: (tensor(1, 1), _slopes(100), tensor(0, 0), 0.05, 0.9))


@momentum_step.mistake(
    "F31",
    "taking the lab's (and torch's) v, which has no η and points uphill: here the new v is μ v − η g, and the "
    "new θ is θ + v",
)
def _(theta, g, v, lr, mu):
    return (theta - lr * (mu * v + g), mu * v + g)


momentum_step.mistake("F32", "putting (1 − μ) before the gradient, as Adam's mean has it: here the new v is μ v − η g")(
    lambda theta, g, v, lr, mu: (theta + mu * v - (1 - mu) * lr * g, mu * v - (1 - mu) * lr * g)
)
momentum_step.mistake("F33", "moving θ by the old velocity: work out the new v first")(
    lambda theta, g, v, lr, mu: (theta + v, mu * v - lr * g)
)
momentum_step.mistake("F34", "taking Nesterov's rule, which looks a step ahead: here θ moves by the new v itself")(
    lambda theta, g, v, lr, mu: (theta + mu * (mu * v - lr * g) - lr * g, mu * v - lr * g)
)
momentum_step.mistake("F35", "moving θ against the new velocity: v points downhill already, so θ + v")(
    lambda theta, g, v, lr, mu: (theta - (mu * v - lr * g), mu * v - lr * g)
)
momentum_step.mistake("F74", "turning v uphill: here the new v is μ v − η g, downhill, and the new θ is θ + v")(
    lambda theta, g, v, lr, mu: (theta - (mu * v + lr * g), mu * v + lr * g)
)


@exercise(
    number=6,
    points=1,
    hints=(
        SLIDES,
        "m and v first; then both divided by their corrections 1 − β^(t + 1), which are not kept; then θ",
        "θ − η m̂/(√v̂ + ε) with m̂ = m/(1 − β₁^(t + 1)), v̂ = v/(1 − β₂^(t + 1)); return m and v, not m̂ and v̂",
    ),
    compare="labs/foundations/update_rules.py, adam",
    forbidden=("optim", "Adam", "adam", "AdamW"),
)
def adam_step(
    theta: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """A step of Adam (Kingma & Ba 2015, algorithm 1) with the gradient g: the new (θ, m, v). Tensors have one shape.

    m and v are running means of g and of g², with the shares β₁ and β₂ of what was there before. Both began as 0;
    for the step of θ they are corrected for that. ε (eps) is added to the root of the corrected v. lr is η.
    t counts the steps that are already *over*: 0 at the first.
    """
    raise NotImplementedError


@adam_step.use
def _(mine, theta, g, m, v, t, lr, beta1, beta2, eps):
    for step, gradient in enumerate(g if g.ndim > 1 else [g]):
        theta, m, v = mine(theta, gradient, m, v, t + step, lr, beta1, beta2, eps)
    return {"θ": theta, "m": m, "v": v}


adam_step.example("the first step has the length η")(
    lambda: (
        (tensor(1, 1), tensor(3, -0.2), tensor(0, 0), tensor(0, 0), 0, 0.25, 0.5, 0.75, 0.0),
        {"θ": tensor(0.75, 1.25), "m": tensor(1.5, -0.1), "v": tensor(2.25, 0.01)},
    )
)


@adam_step.probes
def _(draw):
    d, t = draw.size(1, 4), draw.size(0, 9)
    g, m, v = draw.normal(d), draw.normal(d), draw.uniform(d, low=0.5, high=2)
    if t == 0:
        m, v = 0 * m, 0 * v
    betas = _eighths(draw, 4, 5), _eighths(draw, 6, 7)
    return draw.normal(d), g, m, v, t, _eighths(draw, 2, 7), *betas, _eighths(draw, 1, 4)


@adam_step.expected
def _(theta, g, m, v, t, lr, beta1, beta2, eps):
    theta, m, v, over = theta.clone(), m.clone(), v.clone(), torch.tensor(float(t))
    adam([theta], [g], [m], [v], [], [over], lr=lr, beta1=beta1, beta2=beta2, eps=eps, amsgrad=False, **PLAIN)
    return theta, m, v


adam_step.edge("the thousandth step")(
    lambda: (tensor(1), tensor(0.5), tensor(-0.25), tensor(2), 999, 0.5, 0.5, 0.75, 0.25)
)
adam_step.edge("100 steps")(lambda: (tensor(1, 1), _slopes(100), tensor(0, 0), tensor(0, 0), 0, 0.05, 0.9, 0.999, 0.01))


def _adam(
    means: Any = lambda m, g, beta: beta * m + (1 - beta) * g,
    corrected: Any = lambda m, v, c1, c2: (m / c1, v / c2),
    change: Any = lambda m, v, eps, c1, c2: m / (v.sqrt() + eps),
    done: int = 1,
    keep: bool = False,
) -> Any:
    """Adam with one part exchanged."""

    def function(theta, g, m, v, t, lr, beta1, beta2, eps):
        c1, c2 = 1 - beta1 ** (t + done), 1 - beta2 ** (t + done)
        m, v = means(m, g, beta1), means(v, g**2, beta2)
        hats = corrected(m, v, c1, c2)
        return theta - lr * change(*hats, eps, c1, c2), *(hats if keep else (m, v))

    return function


adam_step.mistake(
    "F36", "leaving out the correction of means that began as 0: divide m by 1 − β₁^(t + 1), v by 1 − β₂^(t + 1)"
)(_adam(corrected=lambda m, v, c1, c2: (m, v)))
adam_step.mistake("F37", "counting t from 1, as the lab does: here t is 0 at the first step, so the power is t + 1")(
    _adam(done=0)
)
adam_step.mistake("F38", "putting ε inside the root: it is √v̂ + ε, not √(v̂ + ε)")(
    _adam(change=lambda m, v, eps, c1, c2: m / (v + eps).sqrt())
)
adam_step.mistake("F39", "adding ε to √v before the correction: it belongs to the root of the corrected v, √v̂ + ε")(
    _adam(change=lambda m, v, eps, c1, c2: m / (v.sqrt() + eps / c2**0.5))
)
adam_step.mistake("F40", "returning m̂ and v̂: the corrections are for this step only, m and v go on without")(
    _adam(keep=True)
)
adam_step.mistake("F41", "taking the slides' minus sign: both means add the new part, β m + (1 − β) g")(
    _adam(means=lambda m, g, beta: beta * m - (1 - beta) * g)
)
adam_step.mistake("F42", "exchanging β and 1 − β: the new means are β₁ m + (1 − β₁) g and β₂ v + (1 − β₂) g²")(
    _adam(means=lambda m, g, beta: (1 - beta) * m + beta * g)
)
adam_step.mistake("F75", "leaving out the root of v̂: θ goes −η m̂/(√v̂ + ε)")(
    _adam(change=lambda m, v, eps, c1, c2: m / (v + eps))
)
adam_step.mistake("F76", "moving θ uphill: the step is subtracted, θ − η m̂/(√v̂ + ε)")(
    _adam(change=lambda m, v, eps, c1, c2: -m / (v.sqrt() + eps))
)


@exercise(
    number=7,
    points=1,
    hints=(
        SLIDES,
        "three branches; in each the new A first, then the step, then (in AdaDelta) the new D from the step",
        "AdaDelta: A = ρ A + (1 − ρ) g²; Δ = −√(D + ε)/√(A + ε) · g with the old D; D = ρ D + (1 − ρ) Δ²; θ + η Δ",
    ),
    compare="labs/foundations/update_rules.py, adagrad, rmsprop and adadelta",
    forbidden=("optim", "Adagrad", "RMSprop", "Adadelta"),
)
def adaptive_step(
    rule: str, theta: Tensor, g: Tensor, a: Tensor, d: Tensor, lr: float, rho: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """A step with the gradient g, in which each coordinate has a length of its own: the new (θ, A, D).

    "adagrad"    A sums up g²;                                      θ goes −η g/(√A + ε); D stays
    "rmsprop"    A is a running mean of g², ρ the old one's share;  θ goes −η g/(√A + ε); D stays
    "adadelta"   A as in rmsprop; D is a running mean of Δ², where Δ = −√(D + ε)/√(A + ε) · g with the new A and the
                 old D is the step; θ goes η Δ

    ε (eps) stands outside the root in the first two and inside in the third. All tensors have one shape; lr is η.
    """
    raise NotImplementedError


@adaptive_step.use
def _(mine, rule, theta, g, a, d, lr, rho, eps):
    for gradient in g if g.ndim > 1 else [g]:
        theta, a, d = mine(rule, theta, gradient, a, d, lr, rho, eps)
    return {"θ": theta, "A": a, "D": d}


adaptive_step.example("AdaGrad's first step has the length η")(
    lambda: (
        ("adagrad", tensor(1, 1), tensor(3, -0.2), tensor(0, 0), tensor(0, 0), 0.25, 0.5, 0.0),
        {"θ": tensor(0.75, 1.25), "A": tensor(9, 0.04), "D": tensor(0, 0)},
    )
)


def _rule(rule: str) -> None:
    @adaptive_step.probes
    def _(draw):
        n = draw.size(1, 3)
        a, d = draw.uniform(n, low=0.5, high=2), draw.uniform(n, low=0.5, high=2)
        numbers = _eighths(draw, 2, 6), _eighths(draw, 5, 7), _eighths(draw, 1, 4)
        return rule, draw.normal(n), draw.normal(n), a, d, *numbers

    @adaptive_step.edge(f"ten steps of {rule}")
    def _():
        return rule, tensor(1, 1), _slopes(10), tensor(0, 0), tensor(0, 0), 0.05, 0.9, 0.01


for _name in ("adagrad", "rmsprop", "adadelta"):
    _rule(_name)


@adaptive_step.expected
def _(rule, theta, g, a, d, lr, rho, eps):
    theta, a, d, over = theta.clone(), a.clone(), d.clone(), [torch.tensor(0.0)]
    if rule == "adagrad":
        adagrad([theta], [g], [a], over, lr=lr, eps=eps, lr_decay=0.0, **PLAIN)
    elif rule == "rmsprop":
        rmsprop([theta], [g], [a], [], [], over, lr=lr, alpha=rho, eps=eps, momentum=0.0, centered=False, **PLAIN)
    else:
        adadelta([theta], [g], [a], [d], over, lr=lr, rho=rho, eps=eps, **PLAIN)
    return theta, a, d


def _adaptive(
    inside: tuple[str, ...] = ("adadelta",),
    keep: Any = lambda rule, a, g, rho: a + g**2 if rule == "adagrad" else rho * a + (1 - rho) * g**2,
    after: Any = lambda d, change, rho: rho * d + (1 - rho) * change**2,
    first: bool = False,
    rate: bool = True,
) -> Any:
    """The three rules with one part exchanged."""

    def function(rule, theta, g, a, d, lr, rho, eps):
        a = keep(rule, a, g, rho)
        root = lambda s: (s + eps).sqrt() if rule in inside else s.sqrt() + eps  # noqa: E731
        if rule != "adadelta":
            return theta - lr * g / root(a), a, d
        change = -root(after(d, g, rho) if first else d) / root(a) * g
        return theta + (lr if rate else 1) * change, a, after(d, change, rho)

    return function


def _signs(*rules: str) -> Any:
    def keep(rule: str, a: Tensor, g: Tensor, rho: float) -> Tensor:
        sign = -1 if rule in rules else 1
        return a + sign * g**2 if rule == "adagrad" else rho * a + sign * (1 - rho) * g**2

    return keep


for _code, _inside, _text in (
    ("F43", ("adagrad", "rmsprop", "adadelta"), "in AdaGrad and RMSProp: there it is √A + ε"),
    ("F44", ("adagrad", "adadelta"), "in AdaGrad: there it is √A + ε"),
    ("F45", ("rmsprop", "adadelta"), "in RMSProp: there it is √A + ε"),
):
    adaptive_step.mistake(_code, f"putting ε inside the root {_text}")(_adaptive(inside=_inside))
for _code, _rules, _where in (
    ("F46", ("adagrad",), "AdaGrad"),
    ("F47", ("rmsprop",), "RMSProp"),
    ("F48", ("adagrad", "rmsprop"), "AdaGrad and RMSProp"),
    ("F77", ("adagrad", "rmsprop", "adadelta"), "all three rules"),
):
    adaptive_step.mistake(_code, f"taking the slides' minus sign in {_where}: A grows by g², it does not shrink")(
        _adaptive(keep=_signs(*_rules))
    )
adaptive_step.mistake("F49", "putting ε outside the roots in AdaDelta: there it is √(D + ε)/√(A + ε)")(
    _adaptive(inside=())
)
adaptive_step.mistake("F50", "keeping the mean of Δ itself in AdaDelta's D: it is the mean of Δ²")(
    _adaptive(after=lambda d, change, rho: rho * d + (1 - rho) * change)
)
adaptive_step.mistake("F51", "leaving out η in AdaDelta: θ goes η Δ")(_adaptive(rate=False))
adaptive_step.mistake("F52", "forgetting in AdaGrad: its A is a plain sum A + g², without ρ")(
    _adaptive(keep=lambda rule, a, g, rho: rho * a + (1 - rho) * g**2)
)
adaptive_step.mistake("F53", "taking a plain sum in RMSProp and AdaDelta: their A is a mean, ρ A + (1 − ρ) g²")(
    _adaptive(keep=lambda rule, a, g, rho: a + g**2 if rule == "adagrad" else rho * a + g**2)
)
adaptive_step.mistake(
    "F78", "putting ε inside the root in AdaGrad and RMSProp (it is √A + ε) and leaving out AdaDelta's η"
)(_adaptive(inside=("adagrad", "rmsprop", "adadelta"), rate=False))

# --- 8 Backpropagation ----------------------------------------------------------------------------------------------


@exercise(
    number=8,
    points=1.25,
    hints=(
        "“Backpropagation” in labs/foundations/README.md: four lines, there for tanh and for W the other way round",
        "forwards keep z₁ and h; backwards dz₂, dW₂, db₂, dh, dz₁, dW₁, db₁: each from the one before",
        "dz₂ = (softmax(z₂) − onehot(y))/N; dW₂ = dz₂ᵀ h; db₂ sums dz₂ over the samples; dz₁ = (dz₂ W₂) where z₁ > 0",
    ),
    compare="labs/foundations/backprop.py, backward",
    forbidden=(*AUTOGRAD, "threshold_backward", "linear_backward", "requires_grad_"),
)
def mlp_backward(
    x: Tensor, y: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients (dW₁, db₁, dW₂, db₂) of the mean cross-entropy of a network of two layers, without autograd.

    z₁ = x W₁ᵀ + b₁, h = max(0, z₁), z₂ = h W₂ᵀ + b₂ are the logits, J = mean over the N samples of −ln softmax(z₂)ᵧ.
    x (N, D), y (N,) classes, W₁ (H, D), b₁ (H,), W₂ (K, H), b₂ (K,): as nn.Linear has them. Each gradient has the
    shape of what it belongs to.
    """
    raise NotImplementedError


@mlp_backward.use
def _(mine, x, y, w1, b1, w2, b2):
    dw1, db1, dw2, db2 = mine(x, y, w1, b1, w2, b2)
    return {"dW₁": dw1, "db₁": db1, "dW₂": dw2, "db₂": db2}


mlp_backward.example("one sample, by hand")(
    lambda: (
        (tensor(2)[None], torch.tensor([0]), tensor(0.5)[None], tensor(0), tensor(2, 0)[:, None], tensor(-2, 0)),
        {"dW₁": tensor(-2)[None], "db₁": tensor(-1), "dW₂": tensor(-0.5, 0.5)[:, None], "db₂": tensor(-0.5, 0.5)},
    )
)


@mlp_backward.probes
def _(draw):
    n, d, h, k = 2 if draw.first else draw.choice((2, 4)), draw.size(1, 3), draw.size(2, 4), draw.size(2, 4)
    while True:
        x, w1, b1 = draw.normal(n, d), draw.normal(h, d), draw.normal(h)
        z1 = x @ w1.T + b1
        if z1.abs().min() > 0.02 and z1.min() < 0 < z1.max():  # ReLU has a slope, and both of its sides are seen
            return x, draw.integers(n, low=0, high=k - 1), w1, b1, draw.normal(k, h), draw.normal(k)


@mlp_backward.expected
def _(x, y, *parameters):
    w1, b1, w2, b2 = (p.clone().requires_grad_() for p in parameters)
    loss = F.cross_entropy(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2), y)
    return torch.autograd.grad(loss, (w1, b1, w2, b2))


def _backward(
    first: Any = lambda p, hot, n: (p - hot) / n,
    slope: Any = lambda z, h: (z > 0) + 0.0,
    bias: Any = lambda dz: dz.sum(dim=0),
    weight: Any = lambda dz, a: dz.T @ a,
) -> Any:
    """Backpropagation with one part exchanged."""

    def function(x, y, w1, b1, w2, b2):
        z = x @ w1.T + b1
        h = z.clamp(min=0)
        dz = first((h @ w2.T + b2).softmax(dim=1), F.one_hot(y, len(b2)), len(y))
        dw2, db2 = weight(dz, h), bias(dz)
        dz = (dz @ w2) * slope(z, h)
        return weight(dz, x), bias(dz), dw2, db2

    return function


mlp_backward.mistake("F54", "leaving out 1/N: the loss is a mean over N samples, so dz₂ is divided by N")(
    _backward(first=lambda p, hot, n: p - hot)
)
mlp_backward.mistake(
    "F55", "taking the layout of the lab: here W is (outputs, inputs) as in nn.Linear, so dW = dzᵀ h, not hᵀ dz"
)(_backward(weight=lambda dz, a: a.T @ dz))
mlp_backward.mistake("F56", "leaving out ReLU's slope on the way back: dz₁ is 0 wherever z₁ < 0")(
    _backward(slope=lambda z, h: 1.0)
)
mlp_backward.mistake(
    "F57", "taking the slope of tanh, 1 − h², as the lab does: ReLU's slope is 1 where z₁ > 0, else 0"
)(_backward(slope=lambda z, h: 1 - h**2))
mlp_backward.mistake(
    "F58", "leaving a row for each sample in db: each of the N samples adds to it, so sum dz over dim=0"
)(_backward(bias=lambda dz: dz))
mlp_backward.mistake("F59", "leaving out the right classes: dz₂ is (softmax(z₂) − onehot(y))/N, not softmax(z₂)/N")(
    _backward(first=lambda p, hot, n: p / n)
)
mlp_backward.mistake(
    "F60", "taking the wrong sign: dz₂ is (softmax(z₂) − onehot(y))/N, not (onehot(y) − softmax(z₂))/N"
)(_backward(first=lambda p, hot, n: (hot - p) / n))
mlp_backward.mistake("F79", "taking the mean over the batch for db, which divides by N once more: sum dz over dim=0")(
    _backward(bias=lambda dz: dz.mean(dim=0))
)
mlp_backward.mistake("F80", "multiplying by h for ReLU's slope: it is 1 where z₁ > 0, else 0")(
    _backward(slope=lambda z, h: h)
)

# --- 9 Regularisation -----------------------------------------------------------------------------------------------


@exercise(
    number=9,
    points=0.5,
    hints=(
        "introductions 002, page 12, and 004; “Learning by heart” in labs/foundations/README.md",
        "in training torch.where(u < p, …) or a mask of zeros and ones; what is left grows; not in training: h",
        "what is left is divided by 1 − p; the derivative of λ w² by w is 2 λ w, and is added to g",
    ),
    compare="nn.Dropout, and weight_decay in torch.optim (whose penalty is λ/2 Σ w², so that it adds λ w)",
    forbidden=(*AUTOGRAD, "dropout", "Dropout", "dropout_", "alpha_dropout", "native_dropout", "feature_dropout"),
)
def regularise(
    h: Tensor, u: Tensor, p: float, training: bool, g: Tensor, w: Tensor, l2: float
) -> tuple[Tensor, Tensor]:
    """Two means against learning by heart: (h after dropout, the gradient of the loss with an L2 penalty).

    Dropout: in training each unit of h whose number in u is below p becomes 0 (u has h's shape, drawn evenly from
    [0, 1); 0 < p < 1); the others are made larger, so that h stays on average what it was. Not in training h stays.
    L2: g is the gradient of the loss in the weights w; to the loss the penalty λ Σ w² is added (the lab's --l2 is
    another one: λ/2 Σ w²). l2 is λ. This gradient does not depend on `training`.
    """
    raise NotImplementedError


@regularise.use
def _(mine, h, u, p, training, g, w, l2):
    h, slope = mine(h, u, p, training, g, w, l2)
    return {"h": h, "gradient": slope}


regularise.example("not in training nothing is dropped")(
    lambda: (
        (tensor(1, 2), tensor(0.1, 0.9), 0.5, False, tensor(1), tensor(0), 0.5),
        {"h": tensor(1, 2), "gradient": tensor(1)},
    )
)
regularise.edge("the penalty's slope")(
    lambda: (tensor(1, 2), tensor(0.1, 0.9), 0.5, False, tensor(1, 2), tensor(3, -4), 0.5)
)


def _units(draw: Draw, training: bool) -> tuple[Any, ...]:
    n = draw.size(1, 2)
    u = torch.cat([draw.uniform(n, low=low, high=low + 0.08) for low in (0.02, 0.4, 0.9)])
    p, l2 = draw.choice((0.75, 0.875)), _eighths(draw, 1, 7)
    return draw.normal(3 * n), u, p, training, draw.normal(n), draw.normal(n), l2


regularise.probes(lambda draw: _units(draw, training=True))
regularise.probes(lambda draw: _units(draw, training=False))


@regularise.expected
def _(h, u, p, training, g, w, l2):
    kept = torch.distributions.Bernoulli(1 - p)
    w = w.clone().requires_grad_()
    (slope,) = torch.autograd.grad((g * w).sum() + l2 * w.norm() ** 2, w)
    return (h * (u >= p).double() / kept.mean if training else h), slope


def _regularise(dropped: Any = None, penalty: Any = lambda g, w, l2: g + 2 * l2 * w) -> Any:
    """The reference with one part exchanged."""

    def function(h, u, p, training, g, w, l2):
        right = regularise.reference(h, u, p, training, g, w, l2)[0]
        return dropped(h, u, p, training) if dropped else right, penalty(g, w, l2)

    return function


regularise.mistake(
    "F61", "leaving out 1/(1 − p), so that the mean of h shrinks by dropout: divide what is left by 1 − p"
)(_regularise(lambda h, u, p, training: h * (u >= p) if training else h))
regularise.mistake("F62", "dropping where u ≥ 1 − p: that is as often, but here a unit is 0 where u is below p")(
    _regularise(lambda h, u, p, training: h * (u < 1 - p) / (1 - p) if training else h)
)
regularise.mistake("F63", "taking p for the share that stays: p is the share that is dropped")(
    _regularise(lambda h, u, p, training: h * (u < p) / p if training else h)
)
regularise.mistake("F64", "dropping when not in training: then h must stay as it is")(
    _regularise(lambda h, u, p, training: h * (u >= p) / (1 - p))
)
regularise.mistake(
    "F65", "making h smaller when not in training: divide by 1 − p in training, and leave h alone otherwise"
)(_regularise(lambda h, u, p, training: h * (u >= p) if training else h * (1 - p)))
regularise.mistake("F66", "adding λ w, as the lab does for λ/2 Σ w²: the penalty here is λ Σ w², so add 2 λ w")(
    _regularise(penalty=lambda g, w, l2: g + l2 * w)
)
regularise.mistake("F67", "subtracting the penalty's slope: the penalty makes the loss larger, so 2 λ w is added to g")(
    _regularise(penalty=lambda g, w, l2: g - 2 * l2 * w)
)

# --- Questions ------------------------------------------------------------------------------------------------------


def _say(*numbers: float) -> str:
    return ", ".join(f"{number:g}".replace("-", "−") for number in numbers)


def _points(draw: Draw) -> tuple[list[float], list[float]]:
    x = [-draw.integer(2, 9) / 10, draw.integer(2, 9) / 10, draw.integer(11, 19) / 10]
    return x, [draw.integer(-9, 9) / 2 for _ in x]


@anticipation("A1")
def _steps(draw):
    n, size, epochs = draw.integer(1000, 9000), draw.choice((32, 48, 64, 100, 128)), draw.integer(5, 30)
    text = f"{n} images train a network in batches of {size}; the last batch of an epoch may be smaller. "
    return text + f"How many steps are {epochs} epochs?", math.ceil(n / size) * epochs


@anticipation("A2")
def _slope(draw):
    (x, y), m, b = _points(draw), draw.integer(1, 5) / 2, draw.integer(-3, 3) / 2
    text = f"Three points have x = {_say(*x)} and y = {_say(*y)}. "
    answer = -2 / 3 * sum(u * (v - m * u - b) for u, v in zip(x, y, strict=True))
    return text + f"What is ∂J/∂m of the mean squared error at m = {_say(m)}, b = {_say(b)}?", answer


@anticipation("A3")
def _largest_rate(draw):
    x, _ = _points(draw)
    square, mean = sum(u * u for u in x) / 3, sum(x) / 3  # the bowl's H = 2 [[square, mean], [mean, 1]]
    largest = square + 1 + math.sqrt((square - 1) ** 2 + 4 * mean**2)
    return (
        f"A line is fitted to three points with x = {_say(*x)}. Above which η does gradient descent diverge?",
        2 / largest,
    )


@anticipation("A4")
def _loss(draw):
    z, y = [draw.integer(-20, 30) / 10 for _ in range(3)], draw.integer(0, 2)
    text = f"A network's logits for one image are {_say(*z)} (classes 0, 1, 2); class {y} is right. "
    return text + "What is the cross-entropy in nats?", math.log(sum(map(math.exp, z))) - z[y]


@anticipation("A5")
def _chain(draw):
    w, x, b = draw.integer(2, 9) / 10, draw.integer(10, 20) / 10, -draw.integer(1, 9) / 10
    a = math.tanh(w * x + b)
    text = f"y = tanh(w x + b)·x at w = {_say(w)}, x = {_say(x)}, b = {_say(b)}. What is ∂y/∂x?"
    return text, a + (1 - a * a) * w * x


@anticipation("A6")
def _two_steps(draw):
    g = [draw.integer(4, 30) / 10, -draw.integer(2, 30) / 10]
    m, v = 0.9 * 0.1 * g[0] + 0.1 * g[1], 0.999 * 0.001 * g[0] ** 2 + 0.001 * g[1] ** 2
    text = f"Adam begins at θ = 0 with η = 1, β₁ = 0.9, β₂ = 0.999, ε = 0. The first two gradients are {_say(*g)}. "
    return text + "Where is θ after both steps?", -1 - m / (1 - 0.9**2) / math.sqrt(v / (1 - 0.999**2))
