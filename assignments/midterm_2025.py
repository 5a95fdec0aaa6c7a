"""Midterm of November 2025, task 1: a variational autoencoder by hand.

Six functions as in the exam's code. A sample is a column of X, there are no activation functions, and all means are
over all entries. The formulas printed beside the code give other numbers: three errata, which are recognised here.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from assignments import vae
from assignments.exercise import exercise, number, tensor

LAB = ""
RUNS: dict[str, str] = {}


# The exam's data: two features (rows) of four samples (columns).
_X = tensor([0.5, 0.6, 0.1, 0.7], [0.3, 0.4, 0.2, 0.8])


@exercise(
    number=1,
    points=0.5,
    hints=(
        "Midterm of November 2025, task 1: the sizes stand at its start, for two features and two latents.",
        "The encoder gives two numbers for each latent, so its matrix has twice as many rows as there are latents.",
        "0.01 * torch.randn(2 * latents, features), torch.zeros(2 * latents), and the same for latents → features.",
    ),
    compare="labs/vae/information.py, midterm_vae (its docstring has the shapes)",
)
def init_params(features: int, latents: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The network's parameters before training: (We, be, Wd, bd).

    We is (2 · latents, features) and be (2 · latents,): μ and ln σ² of each latent from a sample's features. Wd is
    (features, latents) and bd (features,). The matrices are drawn from N(0, 0.01²), standard deviation 0.01; the biases
    are 0. With two features and two latents that is 4×2, 4, 2×2 and 2.
    """
    raise NotImplementedError


@init_params.probes
def _(draw):
    return draw.size(2, 6), draw.size(3, 7)


@init_params.use
def _(mine, features, latents):
    We, be, Wd, bd = mine(features, latents)
    found = {"We": We, "be": be, "Wd": Wd, "bd": bd}
    said: dict[str, object] = {f"shape of {name}": "×".join(map(str, p.shape)) for name, p in found.items()}
    We, be, Wd, bd = (p.detach().double() for p in mine(80, 100))  # large enough for mean and spread to be steady
    for name, W in (("We", We), ("Wd", Wd)):
        spread, mean = float(W.std()), float(W.mean())
        said[f"standard deviation of {name}, to one digit"] = float(f"{spread:.0e}")
        said[f"mean of {name} is near 0"] = abs(mean) <= 0.1 * spread
        said[f"some numbers of {name} lie beyond two deviations"] = bool(((W - mean).abs() > 2 * spread).any())
    return {**said, "biases are 0": not be.any() and not bd.any()}


@init_params.expected
def _(features, latents):
    encoder, decoder = torch.nn.Linear(features, 2 * latents), torch.nn.Linear(latents, features)
    for layer in (encoder, decoder):
        torch.nn.init.normal_(layer.weight, std=0.01)
        torch.nn.init.zeros_(layer.bias)
    return encoder.weight, encoder.bias, decoder.weight, decoder.bias


@init_params.mistake(
    "P1", "leaving out the factor 0.01: torch.randn has the standard deviation 1, so multiply it by 0.01"
)
def _(features, latents):
    W = torch.randn(2 * latents, features), torch.randn(features, latents)
    return W[0], torch.zeros(2 * latents), W[1], torch.zeros(features)


@init_params.mistake("P2", "starting the matrices at 0: only the biases are 0, the matrices are 0.01 times torch.randn")
def _(features, latents):
    W = torch.zeros(2 * latents, features), torch.zeros(features, latents)
    return W[0], torch.zeros(2 * latents), W[1], torch.zeros(features)


@init_params.mistake(
    "P3", "giving the encoder rows for μ only: it gives ln σ², too, so We and be have 2 · latents rows"
)
def _(features, latents):
    W = 0.01 * torch.randn(latents, features), 0.01 * torch.randn(features, latents)
    return W[0], torch.zeros(latents), W[1], torch.zeros(features)


@init_params.mistake(
    "P4", "transposing the matrices: rows are outputs and columns inputs; exchange the two numbers in torch.randn"
)
def _(features, latents):
    W = 0.01 * torch.randn(features, 2 * latents), 0.01 * torch.randn(latents, features)
    return W[0], torch.zeros(2 * latents), W[1], torch.zeros(features)


@init_params.mistake("P5", "taking torch.rand, whose numbers lie between 0 and 1: the normal ones are torch.randn's")
def _(features, latents):
    W = 0.01 * torch.rand(2 * latents, features), 0.01 * torch.rand(features, latents)
    return W[0], torch.zeros(2 * latents), W[1], torch.zeros(features)


@init_params.mistake("P6", "drawing the biases, too: they start at 0")
def _(features, latents):
    W = 0.01 * torch.randn(2 * latents, features), 0.01 * torch.randn(features, latents)
    return W[0], 0.01 * torch.randn(2 * latents), W[1], 0.01 * torch.randn(features)


def _evenly(features, latents, most):
    """Matrices of numbers between −most and most, all of them as frequent."""
    W = most * (2 * torch.rand(2 * latents, features) - 1), most * (2 * torch.rand(features, latents) - 1)
    return W[0], torch.zeros(2 * latents), W[1], torch.zeros(features)


@init_params.mistake("P7", "spreading the numbers evenly from −0.01 to 0.01: take normal ones, 0.01 times torch.randn")
def _(features, latents):
    return _evenly(features, latents, 0.01)


@init_params.mistake("P8", "spreading the numbers evenly, with the deviation 0.01: take normal ones, torch.randn's")
def _(features, latents):
    return _evenly(features, latents, 0.01 * math.sqrt(3))


@exercise(
    number=2,
    points=1,
    hints=(
        "Midterm of November 2025, task 1: z_params = [μ1 μ2 ln σ1² ln σ2²].",
        "A matrix product and the bias in every column; the upper half of the rows is μ, the lower half ln σ².",
        "z_params = We @ X + be[:, None]; then cut it in two halves with .chunk(2).",
    ),
    compare="labs/vae/information.py, midterm_forward",
    forbidden=("linear", "Linear"),
    gradient=("We", "be"),
)
def encode(X: Tensor, We: Tensor, be: Tensor) -> tuple[Tensor, Tensor]:
    """μ and ln σ² of the samples' codes: (mu, log_var), each (latents, N).

    X is (features, N), a sample in each column. We is (2 · latents, features), be (2 · latents,). The first half of the
    rows of z_params is μ of all latents, the second half ln σ² of all latents. No activation function.
    """
    raise NotImplementedError


@encode.use
def _(mine, X, We, be):
    mu, log_var = mine(X, We, be)
    return {"mu": mu, "log_var": log_var}


@encode.example("one sample, worked by hand")
def _():
    We, be = tensor([1, 0], [0, 1], [1, 1], [1, -1]), tensor(0.0, 0, 0, 1)
    return (tensor([0.5], [0.3]), We, be), {"mu": tensor([0.5], [0.3]), "log_var": tensor([0.8], [1.2])}


@encode.probes
def _(draw):
    features, latents = draw.size(2, 4), draw.size(2, 3)
    n = 1 if draw.first else draw.choice([1, 2 * latents])  # so many that be can be added in the wrong direction
    return draw.uniform(features, n), draw.normal(2 * latents, features), draw.normal(2 * latents)


@encode.edge("three samples, each with its own codes")
def _():
    return tensor([1, 2, 3], [-1, 0, 1]), tensor([1, 0], [0, 1], [1, 1], [1, -1]), tensor(0.5, 1, -1, 2)


@encode.expected
def _(X, We, be):
    return F.linear(X.T, We, be).T.chunk(2)


@encode.mistake("C1", "leaving out the bias: be is one number for each row; add be[:, None], which makes it a column")
def _(X, We, be):
    return (We @ X).chunk(2)


@encode.mistake("C2", "exchanging the halves: the first rows are μ, the last ones ln σ²")
def _(X, We, be):
    return (We @ X + be[:, None]).chunk(2)[::-1]


@encode.mistake("C3", "taking rows in turns: first come μ of all latents, then ln σ² of all latents")
def _(X, We, be):
    rows = We @ X + be[:, None]
    return rows[0::2], rows[1::2]


@encode.mistake(
    "C4",
    "transposing: a sample stays a column, so mu and log_var are (latents, N); We stands before X, and be[:, "
    "None] is added",
)
def _(X, We, be):
    return (X.T @ We.T + be).chunk(2, dim=1)


@encode.mistake(
    "C5", "halving ln σ², which gives ln σ: return log_var as it comes; it is halved later, in reparameterize"
)
def _(X, We, be):
    mu, log_var = (We @ X + be[:, None]).chunk(2)
    return mu, log_var / 2


@encode.mistake("C6", "taking e to the power of log_var, which gives σ²: return the logarithm as it comes")
def _(X, We, be):
    mu, log_var = (We @ X + be[:, None]).chunk(2)
    return mu, log_var.exp()


@encode.mistake("C7", "putting an activation function (tanh) on it: this encoder has none")
def _(X, We, be):
    return (We @ X + be[:, None]).tanh().chunk(2)


@encode.mistake("C8", "adding be in the wrong direction: it is one number for each row; be[:, None] makes it a column")
def _(X, We, be):
    return (We @ X + be).chunk(2)


@exercise(
    number=3,
    points=0.75,
    hints=(
        "Midterm of November 2025, task 1: z = μ + exp(½ ln σ²) ⊙ ε; slides, reparameterisation trick.",
        "Get σ from ln σ², stretch ε by it entry by entry, move it by μ.",
        "mu + torch.exp(0.5 * log_var) * epsilon.",
    ),
    compare="labs/vae/information.py, midterm_forward",
    forbidden=("Normal", "rsample"),
    gradient=("mu", "log_var"),
)
def reparameterize(mu: Tensor, log_var: Tensor, epsilon: Tensor) -> Tensor:
    """Codes z = μ + σ ⊙ ε, (latents, N); ⊙ is entry by entry.

    mu, log_var, epsilon are (latents, N); log_var is ln σ²; epsilon is noise that was drawn from N(0, 1) and is given.
    """
    raise NotImplementedError


@reparameterize.probes
def _(draw):
    latents, n = draw.size(2, 3), draw.size(1, 4)
    return draw.normal(latents, n), draw.uniform(latents, n, low=-2, high=1), draw.normal(latents, n)


@reparameterize.expected
def _(mu, log_var, epsilon):
    return torch.addcmul(mu, log_var.exp().sqrt(), epsilon)


# The set of the VAE asks the same of codes that are rows.
reparameterize.used = vae.reparameterize.used
reparameterize.examples = vae.reparameterize.examples
reparameterize.mistakes = vae.reparameterize.mistakes


@exercise(
    number=4,
    points=0.75,
    hints=(
        "Midterm of November 2025, task 1: the decoder has identity activation.",
        "One matrix product, and the bias in every column.",
        "Wd @ z + bd[:, None].",
    ),
    compare="labs/vae/information.py, midterm_forward",
    forbidden=("linear", "Linear"),
    gradient=("z", "Wd", "bd"),
)
def decode(z: Tensor, Wd: Tensor, bd: Tensor) -> Tensor:
    """The reconstruction X_hat of the samples from their codes: (features, N).

    z is (latents, N), a code in each column. Wd is (features, latents), bd (features,). No activation function.
    """
    raise NotImplementedError


@decode.example("one code, worked by hand")
def _():
    return (tensor([1.0], [2.0]), tensor([1.0, 0.0], [3.0, -1.0]), tensor(0.5, 0.0)), tensor([1.5], [1.0])


@decode.probes
def _(draw):
    features = draw.size(2, 4)  # as many latents, so that Wd could be transposed
    n = 1 if draw.first else draw.choice([1, features])  # so many that bd can be added in the wrong direction
    return draw.normal(features, n), draw.normal(features, features), draw.normal(features)


@decode.probes
def _(draw):
    features, latents = draw.integer(3, 4), 2
    n = draw.choice([1, features])
    return draw.normal(latents, n), draw.normal(features, latents), draw.normal(features)


@decode.edge("three codes, each a sample of its own")
def _():
    return tensor([1, 2, 3], [-1, 0, 1]), tensor([1, 0], [3, -1]), tensor(0.5, -2)


@decode.expected
def _(z, Wd, bd):
    return F.linear(z.T, Wd, bd).T


@decode.mistake("D1", "leaving out the bias: bd is one number for each row; add bd[:, None], which makes it a column")
def _(z, Wd, bd):
    return Wd @ z


@decode.mistake("D2", "putting a sigmoid at the end: this decoder has no activation function")
def _(z, Wd, bd):
    return (Wd @ z + bd[:, None]).sigmoid()


@decode.mistake(
    "D3",
    "transposing: a sample stays a column, so X_hat is (features, N); Wd stands before z, and bd[:, None] is added",
)
def _(z, Wd, bd):
    return z.T @ Wd.T + bd


@decode.mistake("D4", "subtracting the bias: add it")
def _(z, Wd, bd):
    return Wd @ z - bd[:, None]


@decode.mistake("D5", "adding bd in the wrong direction: it is one number for each row; bd[:, None] makes it a column")
def _(z, Wd, bd):
    return Wd @ z + bd


def _terms(recon, kl):
    return recon, kl, recon + kl


def _kl(mu, log_var):
    """KL from N(0, 1) of each entry."""
    return 0.5 * (mu.square() + log_var.exp() - log_var - 1)


def _printed_kl(mu, log_var):
    """As printed: ½ (‖μ‖² + ‖σ‖² − Σ ln σ² − 1), a mean over the samples."""
    return 0.5 * ((mu.square() + log_var.exp() - log_var).sum(dim=0) - 1).mean()


@exercise(
    number=5,
    points=1.25,
    hints=(
        "Midterm of November 2025, task 1, its code, not the formulas above it; lab sheet, exercise 5.",
        "Two means over *all* entries: of (X − X_hat)², and of μ² + σ² − ln σ² − 1, this one halved; and their sum.",
        "recon = ((X - X_hat) ** 2).mean(); kl = 0.5 * (mu**2 + log_var.exp() - log_var - 1).mean(); recon + kl.",
    ),
    compare="labs/vae/information.py, midterm_vae and midterm_as_printed",
    forbidden=("kl_divergence", "kl_div", "Normal"),
    gradient=("X_hat", "mu", "log_var"),
)
def loss(X: Tensor, X_hat: Tensor, mu: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss as the exam's code has it: (recon, kl, total), three numbers.

    X, X_hat are (features, N), mu, log_var (latents, N); log_var is ln σ². recon is the mean of the squared errors over
    samples *and* features. kl is ½ times the mean of μ² + σ² − ln σ² − 1 over samples *and* latents. total is
    recon + kl.
    """
    raise NotImplementedError


@loss.use
def _(mine, X, X_hat, mu, log_var):
    recon, kl, total = mine(X, X_hat, mu, log_var)
    return {"recon": recon, "kl": kl, "total": total}


@loss.example("the exam's X, all weights 0: 0.255 + 0")
def _():
    zeros = torch.zeros_like(_X)
    return (_X, zeros, zeros, zeros), {"recon": number(0.255), "kl": number(0.0), "total": number(0.255)}


@loss.probes
def _(draw):
    return _case(draw, latents=2)


@loss.probes
def _(draw):
    return _case(draw, latents=3)  # where a ½ and a mean over the latents differ


def _case(draw, latents):
    n, features = draw.size(2, 5), draw.size(2, 4)
    X, X_hat = draw.uniform(features, n), draw.normal(features, n)
    return X, X_hat, draw.normal(latents, n), draw.uniform(latents, n, low=-2, high=1)


@loss.expected
def _(X, X_hat, mu, log_var):
    encoded = torch.distributions.Normal(mu, log_var.exp().sqrt(), validate_args=False)
    prior = torch.distributions.Normal(0.0, 1.0, validate_args=False)
    return _terms(F.mse_loss(X_hat, X), torch.distributions.kl_divergence(encoded, prior).mean())


@loss.mistake(
    "M1", "taking the printed MSE, 1/N Σ‖x − x̂‖²: the code divides by the features, too; take .mean() over all entries"
)
def _(X, X_hat, mu, log_var):
    return _terms((X - X_hat).square().sum(dim=0).mean(), _kl(mu, log_var).mean())


@loss.mistake(
    "M2", "taking the printed KL: take the mean over all entries of μ² + σ² − ln σ² − 1, the −1 inside, and halve it"
)
def _(X, X_hat, mu, log_var):
    return _terms((X - X_hat).square().mean(), _printed_kl(mu, log_var))


@loss.mistake("M3", "summing the KL over the latents, as printed: take its .mean() over all entries")
def _(X, X_hat, mu, log_var):
    return _terms((X - X_hat).square().mean(), _kl(mu, log_var).sum(dim=0).mean())


@loss.mistake(
    "M4", "taking both printed formulas: take .mean() over all entries in both terms, the KL's −1 inside of it"
)
def _(X, X_hat, mu, log_var):
    return _terms((X - X_hat).square().sum(dim=0).mean(), _printed_kl(mu, log_var))


@loss.mistake("M5", "summing over features and latents: take .mean() over all entries in both terms, no sum")
def _(X, X_hat, mu, log_var):
    return _terms((X - X_hat).square().sum(dim=0).mean(), _kl(mu, log_var).sum(dim=0).mean())


@loss.mistake("M6", "taking log_var for ln σ: it is ln σ², so σ² is e^log_var, and ln σ² is log_var itself")
def _(X, X_hat, mu, log_var):
    return _terms((X - X_hat).square().mean(), _kl(mu, 2 * log_var).mean())


@loss.mistake("M7", "leaving out the ½ of the KL: halve its mean")
def _(X, X_hat, mu, log_var):
    return _terms((X - X_hat).square().mean(), 2 * _kl(mu, log_var).mean())


@loss.mistake("M8", "leaving the KL out of the total: it is recon + kl")
def _(X, X_hat, mu, log_var):
    recon, kl, _ = _terms((X - X_hat).square().mean(), _kl(mu, log_var).mean())
    return recon, kl, recon


@exercise(
    number=6,
    points=0.75,
    hints=(
        "Midterm of November 2025, task 1: the forward pass from X to the total loss.",
        "Your own functions, one after another: encode, reparameterize, decode, loss.",
        "mu, log_var = encode(X, We, be); z = reparameterize(mu, log_var, epsilon); …; the total is loss(…)[2].",
    ),
    compare="labs/vae/information.py, midterm_vae",
    forbidden=("kl_divergence", "kl_div", "Normal"),
    gradient=("We", "be", "Wd", "bd"),
)
def total_loss(X: Tensor, We: Tensor, be: Tensor, Wd: Tensor, bd: Tensor, epsilon: Tensor) -> Tensor:
    """The total loss of the network for the samples X, by the exam's code: a number.

    X is (features, N), epsilon (latents, N); We (2 · latents, features), be (2 · latents,), Wd (features, latents), bd
    (features,). You may call your encode, reparameterize, decode and loss.
    """
    raise NotImplementedError


@total_loss.use
def _(mine, X, We, be, Wd, bd, epsilon):
    total = mine(X, We, be, Wd, bd, epsilon)
    again = mine(X, We, be, Wd, bd, epsilon)
    steady = torch.allclose(torch.as_tensor(total), torch.as_tensor(again), equal_nan=True)
    return {"twice with the same epsilon gives the same": steady, "total": total if steady else 0 * total}


@total_loss.example("the exam's X, all weights 0: 0.255")
def _():
    zeros = [torch.zeros(shape, dtype=torch.float64) for shape in ((4, 2), (4,), (2, 2), (2,), (2, 4))]
    return (_X, *zeros), {"twice with the same epsilon gives the same": True, "total": number(0.255)}


@total_loss.probes
def _(draw):
    n, features, latents = draw.size(1, 5), draw.size(2, 4), draw.size(2, 3)
    encoder = draw.normal(2 * latents, features), draw.normal(2 * latents)
    decoder = draw.normal(features, latents), draw.normal(features)
    return draw.uniform(features, n), *encoder, *decoder, draw.normal(latents, n)


def _forward(X, We, be, Wd, bd, epsilon):
    """X_hat, μ and ln σ²."""
    mu, log_var = F.linear(X.T, We, be).T.chunk(2)
    return F.linear((mu + log_var.exp().sqrt() * epsilon).T, Wd, bd).T, mu, log_var


@total_loss.expected
def _(X, We, be, Wd, bd, epsilon):
    X_hat, mu, log_var = _forward(X, We, be, Wd, bd, epsilon)
    return F.mse_loss(X_hat, X) + _kl(mu, log_var).mean()


@total_loss.mistake(
    "T1", "taking the printed formulas: take .mean() over all entries in both terms, the KL's −1 inside of it"
)
def _(X, We, be, Wd, bd, epsilon):
    X_hat, mu, log_var = _forward(X, We, be, Wd, bd, epsilon)
    return (X - X_hat).square().sum(dim=0).mean() + _printed_kl(mu, log_var)


@total_loss.mistake("T2", "leaving out the KL: the total is recon + kl")
def _(X, We, be, Wd, bd, epsilon):
    return F.mse_loss(_forward(X, We, be, Wd, bd, epsilon)[0], X)


@total_loss.mistake("T3", "decoding μ: decode z, which has the noise epsilon in it")
def _(X, We, be, Wd, bd, epsilon):
    X_hat, mu, log_var = _forward(X, We, be, Wd, bd, 0 * epsilon)
    return F.mse_loss(X_hat, X) + _kl(mu, log_var).mean()


@total_loss.mistake("T4", "subtracting the KL: both terms are costs, the total is recon + kl")
def _(X, We, be, Wd, bd, epsilon):
    X_hat, mu, log_var = _forward(X, We, be, Wd, bd, epsilon)
    return F.mse_loss(X_hat, X) - _kl(mu, log_var).mean()


@total_loss.mistake(
    "T5",
    "taking the printed MSE, a mean over the samples only: the code divides by the features, too; take .mean() "
    "over all entries",
)
def _(X, We, be, Wd, bd, epsilon):
    X_hat, mu, log_var = _forward(X, We, be, Wd, bd, epsilon)
    return (X - X_hat).square().sum(dim=0).mean() + _kl(mu, log_var).mean()


@total_loss.mistake(
    "T6",
    "taking the printed KL, a sum over the latents with a single −1: take the .mean() over all entries, the −1 inside",
)
def _(X, We, be, Wd, bd, epsilon):
    X_hat, mu, log_var = _forward(X, We, be, Wd, bd, epsilon)
    return F.mse_loss(X_hat, X) + _printed_kl(mu, log_var)


@total_loss.mistake("T7", "taking σ² for σ in z, as e^(ln σ²) is σ²: halve log_var before e is raised to it")
def _(X, We, be, Wd, bd, epsilon):
    mu, log_var = F.linear(X.T, We, be).T.chunk(2)
    X_hat = F.linear((mu + log_var.exp() * epsilon).T, Wd, bd).T
    return F.mse_loss(X_hat, X) + _kl(mu, log_var).mean()


@total_loss.mistake("T8", "drawing noise of your own: give the argument epsilon to reparameterize in its place")
def _(X, We, be, Wd, bd, epsilon):
    X_hat, mu, log_var = _forward(X, We, be, Wd, bd, torch.randn_like(epsilon))
    return F.mse_loss(X_hat, X) + _kl(mu, log_var).mean()
