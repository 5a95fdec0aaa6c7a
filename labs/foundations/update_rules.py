"""Update rules, each in the order of its formula; `python -m labs.foundations.optimizers` lets them race.

θ the parameters, g the gradient at θ, η the learning rate, t the step from 1 on; what a rule remembers begins as 0.
ε stands outside the root, as torch has it, except in AdaDelta. All four boxes of the introduction are wrong in a sign
or a letter (README.md, errata); these agree with torch.optim over 100 steps to 1e-6, which is tested.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Memory = dict[str, Tensor]  # what a rule remembers of the steps before
Rate = float | Tensor  # η, or several that are tried at once, beside one another
Rule = Callable[[Tensor, Tensor, Memory, Rate, int], Tensor]  # θ, g, memory, η, t → the next θ


def sgd(theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int) -> Tensor:
    """θ ← θ − η g"""
    return theta - lr * g


def momentum(theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int, mu: float = 0.9) -> Tensor:
    """v ← μ v + g; θ ← θ − η v (Polyak 1964)"""
    v = memory["v"] = mu * memory.get("v", torch.zeros_like(g)) + g
    return theta - lr * v


def nesterov(theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int, mu: float = 0.9) -> Tensor:
    """v ← μ v + g; θ ← θ − η (g + μ v): one step of momentum ahead (Nesterov 1983, in Sutskever's form)"""
    v = memory["v"] = mu * memory.get("v", torch.zeros_like(g)) + g
    return theta - lr * (g + mu * v)


def adagrad(theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int, eps: float = 1e-10) -> Tensor:
    """A ← A + g²; θ ← θ − η g/(√A + ε): the steps become ever shorter (Duchi et al. 2011)"""
    a = memory["a"] = memory.get("a", torch.zeros_like(g)) + g.square()
    return theta - lr * g / (a.sqrt() + eps)


def rmsprop(theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int, rho: float = 0.9, eps: float = 1e-8) -> Tensor:
    """A ← ρ A + (1 − ρ) g²; θ ← θ − η g/(√A + ε): as AdaGrad, but it forgets (Hinton 2012)"""
    a = memory["a"] = rho * memory.get("a", torch.zeros_like(g)) + (1 - rho) * g.square()
    return theta - lr * g / (a.sqrt() + eps)


def adadelta(theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int, rho: float = 0.9, eps: float = 1e-6) -> Tensor:
    """A ← ρ A + (1 − ρ) g²; Δ = −√(D + ε)/√(A + ε) g; D ← ρ D + (1 − ρ) Δ²; θ ← θ + η Δ (Zeiler 2012)"""
    a = memory["a"] = rho * memory.get("a", torch.zeros_like(g)) + (1 - rho) * g.square()
    d = memory.get("d", torch.zeros_like(g))
    delta = -(d + eps).sqrt() / (a + eps).sqrt() * g
    memory["d"] = rho * d + (1 - rho) * delta.square()
    return theta + lr * delta


def adam(
    theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> Tensor:
    """m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; θ ← θ − η m̂/(√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)

    (Kingma & Ba 2015)
    """
    m = memory["m"] = b1 * memory.get("m", torch.zeros_like(g)) + (1 - b1) * g
    v = memory["v"] = b2 * memory.get("v", torch.zeros_like(g)) + (1 - b2) * g.square()
    return theta - lr * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + eps)


def adamw(theta: Tensor, g: Tensor, memory: Memory, lr: Rate, t: int, decay: float = 0.01) -> Tensor:
    """θ ← θ − η λ θ, then a step of Adam: the decay is not in the gradient (Loshchilov & Hutter 2019)"""
    return adam(theta - lr * decay * theta, g, memory, lr, t)


RULES: dict[str, Rule] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
    "adamw": adamw,
}
