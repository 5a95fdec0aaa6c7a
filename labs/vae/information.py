"""Information in bits and nats: the quantities behind the VAE's loss, and the course's exercises on them.

`python -m labs.vae.information` works the exercises out, beside the course's answers;
`python -m labs.vae.information --p 0.6,0.3,0.1 --q 0.2,0.2,0.6` does your own distributions.
A distribution is a sequence of probabilities. 0 · log 0 counts as 0; what P has and Q lacks costs infinitely much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import Normal

from common import cli
from common.errors import InputError
from common.settings import Floats, Settings
from labs.vae import autoencoder

Unit = Literal["bits", "nats"]
Distribution = Sequence[float] | Tensor


@dataclass(frozen=True)
class Request(Settings):
    """Work out the course's exercises on information, or entropy and divergences of distributions you give."""

    p: Floats = ()  # the distribution P, e.g. 0.6,0.3,0.1; none: the course's exercises
    q: Floats = ()  # the distribution Q
    unit: Unit = "nats"  # of the results for --p and --q

    def check(self) -> None:
        if self.q and not self.p:
            raise InputError("--q needs --p: give both distributions, or neither for the exercises")
        self.refuse_unused({"unit": bool(self.p)}, "on the exercises; give a distribution with --p")


def log(p: Tensor, unit: Unit) -> Tensor:
    """Logarithm to base 2 (bits) or e (nats)."""
    return p.log2() if unit == "bits" else p.log()


def distribution(P: Distribution) -> Tensor:
    """P as float64; InputError unless its entries are probabilities that sum to 1."""
    p = torch.as_tensor(P, dtype=torch.float64)
    if p.ndim != 1 or not len(p) or not (p >= 0).all() or abs(float(p.sum()) - 1) > 1e-6:
        shown = ",".join(f"{x:g}" for x in p.flatten().tolist())
        raise InputError(f"{shown} is no distribution: its numbers must be at least 0 and sum to 1")
    return p


def self_information(p: float, unit: Unit = "bits") -> float:
    """I(x) = −log p(x): the surprise at an event of probability p."""
    return float(-log(torch.tensor(p, dtype=torch.float64), unit))


def entropy(P: Distribution, unit: Unit = "bits") -> float:
    """H(P) = −Σ p log p: the mean surprise, and the fewest bits a code for P needs."""
    return cross_entropy(P, P, unit)


def cross_entropy(P: Distribution, Q: Distribution, unit: Unit = "bits") -> float:
    """H(P, Q) = −Σ p log q: the mean length of a code made for Q when P is what comes."""
    p, q = distribution(P), distribution(Q)
    if len(p) != len(q):
        raise InputError(f"P has {len(p)} numbers and Q {len(q)}; they must be over the same outcomes")
    return float(-(p[p > 0] * log(q[p > 0], unit)).sum()) + 0.0  # not −0


def kl_divergence(P: Distribution, Q: Distribution, unit: Unit = "nats") -> float:
    """KL(P ‖ Q) = H(P, Q) − H(P) = Σ p log(p/q) ≥ 0: what coding P with Q's code costs too much."""
    return cross_entropy(P, Q, unit) - entropy(P, unit)


def mixture(P: Distribution, Q: Distribution) -> Tensor:
    """M = (P + Q)/2."""
    return (distribution(P) + distribution(Q)) / 2


def js_divergence(P: Distribution, Q: Distribution, unit: Unit = "nats") -> float:
    """JS(P, Q) = (KL(P ‖ M) + KL(Q ‖ M))/2: symmetric, and at most 1 bit."""
    M = mixture(P, Q)
    return (kl_divergence(P, M, unit) + kl_divergence(Q, M, unit)) / 2


FAIR, LOADED = (0.5, 0.5), (0.9, 0.1)
P1, P2, P3, P4 = (0.6, 0.3, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.1, 0.3, 0.6), (0.0, 0.0, 1.0)


def exercises() -> list[tuple[str, str, float, Unit, str]]:
    """The slides' exercises: what is asked, the course's answer, the exact value, its unit, a remark."""
    M = mixture(P1, P2)
    return [
        ("I(heads), fair coin", "1", self_information(0.5), "bits", ""),
        ("H(fair coin)", "1", entropy(FAIR), "bits", ""),
        ("H(0.9, 0.1)", "0.469", entropy(LOADED), "bits", ""),
        ("H(P, Q), P fair, Q = (0.9, 0.1)", "1.085", cross_entropy(FAIR, LOADED), "bits", "slide errs"),
        ("KL(P1 ‖ P2)", "0.201", kl_divergence(P1, P2), "nats", ""),
        ("KL(P2 ‖ P1)", "", kl_divergence(P2, P1), "nats", "KL is not symmetric"),
        ("KL(P1 ‖ M), M = (P1 + P2)/2", "0.056, then 0.058", kl_divergence(P1, M), "nats", "slide errs"),
        ("KL(P2 ‖ M)", "0.047", kl_divergence(P2, M), "nats", "slide errs"),
        ("JS(P1, P2)", "0.053", js_divergence(P1, P2), "nats", ""),
        ("KL(P3 ‖ P2)", "", kl_divergence(P3, P2), "nats", "as KL(P1 ‖ P2): order does not count"),
        ("KL(P1 ‖ P3)", "", kl_divergence(P1, P3), "nats", ""),
        ("KL(P1 ‖ P4)", "", kl_divergence(P1, P4), "nats", "P4 rules out what P1 does"),
        ("KL(P4 ‖ P1)", "", kl_divergence(P4, P1), "nats", "ln 10"),
    ]


def gaussian_kl(mu: float, sigma: float) -> dict[str, float]:
    """KL(N(μ, σ²) ‖ N(0, 1)) in nats, three ways: the lab's formula, torch's, and the integral as a sum."""
    q = Normal(torch.tensor(mu, dtype=torch.float64), torch.tensor(sigma, dtype=torch.float64))
    p = Normal(torch.zeros_like(q.loc), torch.ones_like(q.loc))
    z = torch.linspace(mu - 12 * sigma, mu + 12 * sigma, 100_001, dtype=torch.float64)
    return {
        "formula": float(autoencoder.kl_divergence(q.loc, q.scale.log())),
        "torch.distributions": float(torch.distributions.kl_divergence(q, p)),
        "integral": float(torch.trapezoid(q.log_prob(z).exp() * (q.log_prob(z) - p.log_prob(z)), z)),
    }


def midterm_vae(
    We: Tensor, be: Tensor, Wd: Tensor, bd: Tensor, X: Tensor, epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The midterm's VAE (November 2025, task 1) as its code has it: total loss, reconstruction and KL.

    X is (2, N), a sample in each column, epsilon (latent, N); We (2·latent, 2) gives [μ; log σ²], Wd (2, latent). No
    activation functions. Reconstruction and KL are means over samples *and* features, samples *and* latents.
    """
    error, mu, log_variance = midterm_forward(We, be, Wd, bd, X, epsilon)
    reconstruction, kl = error.square().mean(), autoencoder.kl_divergence(mu, log_variance / 2).mean()
    return reconstruction + kl, reconstruction, kl


def midterm_as_printed(
    We: Tensor, be: Tensor, Wd: Tensor, bd: Tensor, X: Tensor, epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same by the formulas printed beside the code: means over the samples only, and one −1 for all latents.

    MSE = 1/N Σ ‖x − x̂‖² and KL = 1/N Σ ½ (‖μ‖² + ‖σ‖² − Σ log σ² − 1). A KL has a −1 for each latent: with two of
    them this one is ½ too large, and ½ even for N(0, 1), where the KL is 0.
    """
    error, mu, log_variance = midterm_forward(We, be, Wd, bd, X, epsilon)
    reconstruction = error.square().sum(dim=0).mean()
    kl = 0.5 * ((mu.square() + log_variance.exp() - log_variance).sum(dim=0) - 1).mean()
    return reconstruction + kl, reconstruction, kl


def midterm_forward(
    We: Tensor, be: Tensor, Wd: Tensor, bd: Tensor, X: Tensor, epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """x − x̂ (2, N), μ and log σ² (latent, N) of the midterm's network."""
    mu, log_variance = (We @ X + be[:, None]).chunk(2)
    z = mu + (0.5 * log_variance).exp() * epsilon
    return X - (Wd @ z + bd[:, None]), mu, log_variance


MIDTERM_X = ((0.5, 0.6, 0.1, 0.7), (0.3, 0.4, 0.2, 0.8))  # two features by four samples


def print_exercises() -> None:
    """The exercises as a table, then the Gaussian KL and the midterm."""
    print(f"P1 = {P1}, P2 = (1/3, 1/3, 1/3), P3 = {P3}, P4 = {P4}\n")
    print(f"{'':34}{'course':>18}{'exact':>12}")
    for question, answer, exact, unit, remark in exercises():
        print(f"{question:34}{answer:>18}{exact:>12.7f} {unit}  {remark}".rstrip())
    print("M =", ", ".join(f"{m:.6f}" for m in mixture(P1, P2)))
    print("\nKL(N(1, ½²) ‖ N(0, 1)): ", ", ".join(f"{name} {value:.6f}" for name, value in gaussian_kl(1, 0.5).items()))
    print(f"the same with σ² taken for σ: {gaussian_kl(1, 0.25)['formula']:.6f} (the classic bug)")
    zeros = torch.zeros(4, 2), torch.zeros(4), torch.zeros(2, 2), torch.zeros(2)
    print("\nthe midterm's VAE, all weights 0")
    for name, loss in {"its code": midterm_vae, "its printed formulas": midterm_as_printed}.items():
        total, reconstruction, kl = loss(*zeros, torch.tensor(MIDTERM_X), torch.zeros(2, 4))
        print(f"{name:34}reconstruction {reconstruction:.3f} + KL {kl:.3f} = {total:.3f}")


def inform(**kws: Any) -> None:
    """Print the exercises, or what there is to say about P and Q. Keyword arguments are the fields of Request."""
    args = Request(**kws)
    p, q, unit = args.p, args.q, args.unit
    if not p:
        print_exercises()
        return
    print(f"H(P)       {entropy(p, unit):.7f} {unit}, at most {float(log(torch.tensor(float(len(p))), unit)):.7f}")
    if q:
        print(f"H(P, Q)    {cross_entropy(p, q, unit):.7f} {unit}")
        print(f"KL(P ‖ Q)  {kl_divergence(p, q, unit):.7f} {unit}")
        print(f"KL(Q ‖ P)  {kl_divergence(q, p, unit):.7f} {unit}")
        print(f"JS(P, Q)   {js_divergence(p, q, unit):.7f} {unit}")


def main() -> None:
    """The command `python -m labs.vae.information`."""
    cli.run(inform, Request)


if __name__ == "__main__":
    main()
