"""Variational autoencoders: information, the loss and its two terms, codes.

Exercises of Task № 5. Where the lab has ln σ and −ELBO, these have ln σ² and ELBO, as the slides and the manual do.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from assignments.anticipation import anticipation
from assignments.compare import form
from assignments.exercise import Draw, exercise, number, tensor
from common.errors import InputError

LAB = "labs.vae"
RUNS: dict[str, str] = {
    "base": "--preset examples --latent-dim 2 --split 0.8,0.2 --epochs 30",
    "latent_5": "--preset examples --latent-dim 5 --split 0.8,0.2 --epochs 30",
    "latent_10": "--preset examples --latent-dim 10 --split 0.8,0.2 --epochs 30",
    "latent_20": "--preset examples --latent-dim 20 --split 0.8,0.2 --epochs 30",
    "beta_4": "--preset examples --latent-dim 10 --split 0.8,0.2 --epochs 30 --beta 4",
    "deep": "--preset examples --latent-dim 10 --split 0.8,0.2 --epochs 30 --hidden 512,256",
}


def evaluate(path: Path, data_dir: Path | None = None) -> dict[str, float]:
    """The test metrics of a finished run, with the lab's own functions; the names are those of its summary.json."""
    from common.data import ArrayLoader
    from common.device import derive_seed
    from common.trainer import evaluate as means
    from labs.vae import diversity, vae

    loaded, data = vae.open_run(path, data_dir, offline=data_dir is not None)
    model, args = loaded.model, loaded.settings
    noise = torch.Generator().manual_seed(derive_seed(args.seed, 0, 1))

    def scored(batch: tuple[Tensor]) -> dict[str, Tensor]:
        (X,) = batch
        logs = vae.score(model, X, args, generator=noise)
        del logs["loss"]
        mu, _ = model.encoder(vae.corrupt(X, args, noise))
        return logs | {"mse": F.mse_loss(model.decoder(mu).sigmoid(), X)}

    with torch.inference_mode():
        row = means(scored, ArrayLoader(data.test[0], batch_size=1000), [model])
    drawn = torch.Generator().manual_seed(derive_seed(args.seed, 4))
    samples = vae.generate(model, diversity.IMAGES, drawn)
    return {f"test_{name}": value for name, value in row.items()} | diversity.compare(samples, data.test[0])


# --- Information ----------------------------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.75,
    hints=(
        "Slides, information theory: entropy and cross-entropy; lab sheet, exercise 3.",
        "A row's result is a sum over its outcomes: how often each comes (P) times the bits of its code word (from Q).",
        "-(P * torch.log2(Q)).sum(dim=1), and where P is 0 the product must be 0 even if log2(Q) is −∞: torch.where.",
    ),
    compare="labs/vae/information.py, cross_entropy",
    forbidden=("cross_entropy", "kl_div", "kl_divergence", "nll_loss", "Categorical"),
)
def cross_entropy_bits(P: Tensor, Q: Tensor) -> Tensor:
    """Cross-entropy H(P, Q) in bits, for each row: (N,).

    P, Q are (N, K): in each row the probabilities of K outcomes; P is what comes, Q what the code was made for.
    An outcome with P = 0 adds nothing, also if Q is 0 there. If Q is 0 where P is not, the result is ∞; so add no small
    number to Q. For a fair coin and Q = (0.9, 0.1) the slide prints 1.085 bits, which is wrong: see what you get.
    """
    raise NotImplementedError


@cross_entropy_bits.example("fair coin, code for (0.9, 0.1): 1.737 bits, not the slide's 1.085")
def _():
    return (tensor([0.5, 0.5]), tensor([0.9, 0.1])), tensor(1.7369655941662063)


@cross_entropy_bits.example("0 · log 0 counts 0")
def _():
    return (tensor([0.5, 0.5, 0.0]), tensor([0.25, 0.75, 0.0])), tensor(1 - 0.5 * math.log2(0.75))


@cross_entropy_bits.example("∞ for what Q rules out")
def _():
    return (tensor([0.6, 0.3, 0.1]), tensor([0.0, 0.0, 1.0])), tensor(math.inf)


@cross_entropy_bits.probes
def _(draw):
    n, k = draw.size(1, 4), draw.size(2, 4)
    return draw.shares(n, k), draw.shares(n, k)


@cross_entropy_bits.expected
def _(P, Q):
    return -torch.special.xlogy(P, Q).sum(dim=1) / math.log(2)


@cross_entropy_bits.mistake("X1", "exchanging P and Q: the probabilities of P weigh, the logarithm is of Q")
def _(P, Q):
    return -(Q * P.log2()).sum(dim=1)


@cross_entropy_bits.mistake("X2", "taking the natural logarithm, which gives nats: bits need the logarithm to base 2")
def _(P, Q):
    return -(P * Q.log()).sum(dim=1)


@cross_entropy_bits.mistake("X3", "subtracting H(P): that is KL(P ‖ Q) = H(P, Q) − H(P), asked for is H(P, Q)")
def _(P, Q):
    return (P * (P / Q).log2()).sum(dim=1)


@cross_entropy_bits.mistake("X4", "leaving out the minus: log₂ of a probability is negative, bits are not")
def _(P, Q):
    return (P * Q.log2()).sum(dim=1)


@cross_entropy_bits.mistake(
    "X5", "taking the logarithm of P, which gives the entropy H(P): the logarithm is of Q, the weights stay P"
)
def _(P, Q):
    return -(P * P.log2()).sum(dim=1)


@cross_entropy_bits.mistake("X6", "adding up all rows, as the lab does with its one row: sum over dim=1 only")
def _(P, Q):
    return -(P * Q.log2()).sum()


@cross_entropy_bits.mistake(
    "X7",
    "taking 0 · log 0 as it comes, which is nan for a computer: where P is 0, put 0 for the whole product, "
    "torch.where(P == 0, 0, product)",
)
def _(P, Q):
    return -(P * Q.log2()).sum(dim=1)


def _more_than_0(small: float) -> Any:
    return lambda P, Q: -(P * (Q + small).log2()).sum(dim=1)


SMALL = (1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16)  # what is added against ln 0, a mistake each

for _letter, _small in zip("abcdef", SMALL, strict=True):
    cross_entropy_bits.mistake(
        f"X8{_letter}",
        "adding a small number to Q: where Q is 0 and P is not, ∞ is right; leave Q as it is, "
        "and put 0 for the product where P is 0",
    )(_more_than_0(_small))


@exercise(
    number=2,
    points=0.75,
    hints=(
        "Slides, Jensen–Shannon divergence: P1, P2 and M; lab sheet, exercise 4.",
        "First M, the mean of P and Q; then KL(P ‖ M) and KL(Q ‖ M); then the mean of the two.",
        "Write kl(P, M) = (P * (P / M).log()).sum(dim=1) with 0 where P is 0; (kl(P, M) + kl(Q, M)) / 2.",
    ),
    compare="labs/vae/information.py, js_divergence",
    forbidden=("kl_div", "kl_divergence", "jensenshannon", "rel_entr", "Categorical"),
)
def js(P: Tensor, Q: Tensor) -> Tensor:
    """Jensen–Shannon divergence of P and Q in nats, for each row: (N,).

    P, Q are (N, K): in each row the probabilities of K outcomes. JS(P, Q) is the mean of KL(P ‖ M) and KL(Q ‖ M), where
    M is the mean of P and Q (slides). An outcome of probability 0 adds nothing: 0 · ln 0 counts 0.
    """
    raise NotImplementedError


@js.example("the slide's P1 and P2: 0.0529")
def _():
    return (tensor([0.6, 0.3, 0.1]), tensor([1 / 3, 1 / 3, 1 / 3])), tensor(0.05289207985852184)


@js.example("nothing in common: ln 2")
def _():
    return (tensor([1.0, 0.0]), tensor([0.0, 1.0])), tensor(math.log(2))


@js.probes
def _(draw):
    n, k = draw.size(1, 4), draw.size(2, 4)
    return draw.shares(n, k), draw.shares(n, k)


@js.expected
def _(P, Q):
    entropy = torch.special.entr
    return (entropy((P + Q) / 2) - (entropy(P) + entropy(Q)) / 2).sum(dim=1)


def _kl(P: Tensor, Q: Tensor) -> Tensor:
    return (torch.special.xlogy(P, P) - torch.special.xlogy(P, Q)).sum(dim=1)


@js.mistake("J1", "leaving out the ½ at the end: JS is the mean of the two KL, not their sum")
def _(P, Q):
    return _kl(P, (P + Q) / 2) + _kl(Q, (P + Q) / 2)


@js.mistake("J2", "comparing P and Q with each other: each is compared with their mean M, so KL(P ‖ M), KL(Q ‖ M)")
def _(P, Q):
    return (_kl(P, Q) + _kl(Q, P)) / 2


@js.mistake("J3", "taking the logarithm to base 2, which gives bits: asked for are nats, torch.log")
def _(P, Q):
    return (_kl(P, (P + Q) / 2) + _kl(Q, (P + Q) / 2)) / 2 / math.log(2)


@js.mistake("J4", "taking P + Q for M: their mean is (P + Q) / 2, which sums to 1")
def _(P, Q):
    return (_kl(P, P + Q) + _kl(Q, P + Q)) / 2


@js.mistake("J5", "exchanging the two sides of KL: M comes second, KL(P ‖ M) = Σ P ln(P / M)")
def _(P, Q):
    M = (P + Q) / 2
    return (_kl(M, P) + _kl(M, Q)) / 2


@js.mistake("J6", "taking the root: that is the Jensen–Shannon distance, as SciPy has it, not the divergence")
def _(P, Q):
    return ((_kl(P, (P + Q) / 2) + _kl(Q, (P + Q) / 2)) / 2).sqrt()


@js.mistake(
    "J7",
    "taking 0 · ln 0 as it comes, which is nan for a computer: where P is 0, put 0 for the whole product P ln(P "
    "/ M), torch.where(P == 0, 0, product); the same for Q",
)
def _(P, Q):
    M = (P + Q) / 2
    return ((P * (P / M).log()).sum(dim=1) + (Q * (Q / M).log()).sum(dim=1)) / 2


# --- The two terms of the loss --------------------------------------------------------------------------------------


@exercise(
    number=3,
    points=1,
    hints=(
        "Slides, reparameterisation trick; manual, part b; lab sheet, The idea.",
        "From ln σ² get σ first, then stretch the given ε by σ and move it by μ.",
        "σ = e to the power of half of ln σ²: torch.exp(0.5 * log_var); then mu + σ * epsilon.",
    ),
    compare="labs/vae/autoencoder.py, VAE.forward",
    forbidden=("Normal", "rsample"),
    gradient=("mu", "log_var"),
)
def reparameterize(mu: Tensor, log_var: Tensor, epsilon: Tensor) -> Tensor:
    """Codes z ~ N(μ, σ²), made from standard normal noise that is given: (N, D).

    mu, log_var, epsilon are (N, D); log_var is ln σ², not ln σ; epsilon was drawn from N(0, 1). Differentiable in mu
    and log_var (reparameterisation trick, Kingma & Welling 2014, section 2.4).
    """
    raise NotImplementedError


@reparameterize.example("ln σ² = ln 9, so σ = 3: z = 1 + 3 · 1.5 = 5.5")  # at σ = 2, σ² / 2 is σ by chance
def _():
    z = {"z changes with epsilon": True, "z": tensor([5.5])}
    return (tensor([1.0]), tensor([math.log(9)]), tensor([1.5])), z


@reparameterize.probes
def _(draw):
    n, d = draw.size(1, 4), draw.size(2, 4)
    return draw.normal(n, d), draw.uniform(n, d, low=-2, high=1), draw.normal(n, d)


@reparameterize.use
def _(mine, mu, log_var, epsilon):
    state = torch.get_rng_state()
    z = mine(mu, log_var, epsilon)
    torch.set_rng_state(state)
    changes = not torch.equal(z, mine(mu, log_var, epsilon + 1))
    return {"z changes with epsilon": changes, "z": z if changes else 0 * z}


@reparameterize.expected
def _(mu, log_var, epsilon):
    return torch.distributions.AffineTransform(mu, log_var.exp().sqrt())(epsilon)


@reparameterize.mistake("Z1", "taking σ² for σ, as e^(ln σ²) is σ²: halve log_var before e is raised to it")
def _(mu, log_var, epsilon):
    return mu + log_var.exp() * epsilon


@reparameterize.mistake("Z2", "multiplying ε by the logarithm itself: take e to the power of half of it, which is σ")
def _(mu, log_var, epsilon):
    return mu + log_var * epsilon


@reparameterize.mistake("Z3", "multiplying ε by ½ ln σ², which is ln σ: σ is e to the power of that")
def _(mu, log_var, epsilon):
    return mu + 0.5 * log_var * epsilon


@reparameterize.mistake("Z4", "drawing noise of your own, or none: use the argument epsilon in its place")
def _(mu, log_var, epsilon):
    return mu + (0.5 * log_var).exp() * torch.randn_like(mu)


@reparameterize.mistake("Z5", "multiplying μ by σ, too: multiply only ε, and add μ afterwards")
def _(mu, log_var, epsilon):
    return (mu + epsilon) * (0.5 * log_var).exp()


@reparameterize.mistake(
    "Z6", "halving after e was raised, ½ e^(ln σ²), which is σ²/2: halve log_var before, e^(½ ln σ²) is σ"
)
def _(mu, log_var, epsilon):
    return mu + 0.5 * log_var.exp() * epsilon


@exercise(
    number=4,
    points=1.5,
    hints=(
        "Slides, loss of the VAE: D_KL with ln σ²; lab sheet, “The KL term, derived”, which has ln σ.",
        "Four terms for each latent: μ², σ², −ln σ², −1; half their sum; then the sum over an image's latents.",
        "0.5 * (mu² + log_var.exp() − log_var − 1), then .sum(dim=1).",
    ),
    compare="labs/vae/autoencoder.py, kl_divergence",
    forbidden=("kl_divergence", "kl_div", "Normal", "MultivariateNormal"),
    gradient=("mu", "log_var"),
    slot=("labs.vae.autoencoder.kl_divergence", lambda mine: _for_the_lab(mine)),
)
def kl_divergence(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) in nats per image: a sum over the latents, (N,).

    mu, log_var are (N, D): for each image the mean and ln σ² (not ln σ) of each of its D latents. Also right where σ²
    is so small that a computer takes it for 0. (Kingma & Welling 2014, appendix B, has −KL; slides: D_KL.)
    """
    raise NotImplementedError


def _for_the_lab(mine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The lab's function is elementwise and has ln σ. The sum over an image's latents is what `mine` says it is."""

    def kl(mu: Tensor, log_sigma: Tensor) -> Tensor:
        total = _per_image("kl_divergence", mine(mu, 2 * log_sigma), len(mu))
        each = mine(mu.reshape(-1, 1), 2 * log_sigma.reshape(-1, 1)).reshape(mu.shape)
        return each + ((total - each.sum(dim=1)) / mu.shape[1])[:, None]

    return kl


def _per_image(name: str, result: Any, n: int) -> Tensor:
    """The result, if it has a number for each of n images: InputError otherwise, as the lab cannot train with it."""
    if isinstance(result, Tensor) and result.shape == (n,):
        return result
    raise InputError(f"{name} gives {form(result)} for {n} images; to train with it, it must be of shape ({n},)")


@kl_divergence.example("μ = 1, σ = ½: 0.818")
def _():
    return (tensor([1.0]), tensor([math.log(0.25)])), tensor(0.8181471805599453)


@kl_divergence.example("the prior gives 0")
def _():
    return (torch.zeros(1, 2, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)), tensor(0.0)


@kl_divergence.example("ln σ² = −800: 399.5")
def _():
    return (tensor([0.0]), tensor([-800.0])), tensor(399.5)


@kl_divergence.probes
def _(draw):
    n, d = draw.size(1, 5), draw.size(2, 4)
    return draw.normal(n, d), draw.uniform(n, d, low=-2, high=1)


@kl_divergence.expected
def _(mu, log_var):
    return _torchs_kl(mu, log_var).sum(dim=1)


def _torchs_kl(mu, log_var):
    encoded = torch.distributions.Normal(mu, log_var.exp().sqrt(), validate_args=False)
    prior = torch.distributions.Normal(0.0, 1.0, validate_args=False)
    return torch.distributions.kl_divergence(encoded, prior)


def _elements(mu: Tensor, log_var: Tensor) -> Tensor:
    return 0.5 * (mu.square() + log_var.exp() - log_var - 1)


@kl_divergence.mistake(
    "V1",
    "taking log_var for ln σ, as the lab's line does: here it is ln σ², so σ² is e^log_var, and ln σ² is log_var "
    "itself",
)
def _(mu, log_var):
    return _elements(mu, 2 * log_var).sum(dim=1)


@kl_divergence.mistake("K1", "leaving out the ½: the sum over the latents is halved")
def _(mu, log_var):
    return 2 * _elements(mu, log_var).sum(dim=1)


@kl_divergence.mistake("K2", "leaving μ without its square: it is ½ (μ² + σ² − ln σ² − 1)")
def _(mu, log_var):
    return 0.5 * (mu + log_var.exp() - log_var - 1).sum(dim=1)


@kl_divergence.mistake("K3", "taking the wrong sign: this is −KL, as in the paper's appendix; a KL is never below 0")
def _(mu, log_var):
    return -_elements(mu, log_var).sum(dim=1)


@kl_divergence.mistake("K4", "taking a mean over the latents: nats per image are a sum over them, .sum(dim=1)")
def _(mu, log_var):
    return _elements(mu, log_var).mean(dim=1)


@kl_divergence.mistake(
    "K5", "subtracting a single 1 for all latents, as the midterm prints it: each latent has its own −1, inside the sum"
)
def _(mu, log_var):
    return 0.5 * ((mu.square() + log_var.exp() - log_var).sum(dim=1) - 1)


@kl_divergence.mistake("K6", "taking σ for σ²: e to the power of log_var is σ², to the power of its half it is σ")
def _(mu, log_var):
    return 0.5 * (mu.square() + (0.5 * log_var).exp() - log_var - 1).sum(dim=1)


@kl_divergence.mistake(
    "K7", "adding up the images, too: sum over the latents only, dim=1, so that each image has a number"
)
def _(mu, log_var):
    return _elements(mu, log_var).sum()


@kl_divergence.mistake("K8", "adding ln σ²: it is subtracted, so that a σ near 0 costs much")
def _(mu, log_var):
    return 0.5 * (mu.square() + log_var.exp() + log_var - 1).sum(dim=1)


@kl_divergence.mistake(
    "K9", "taking ln(e^log_var), which is ln 0 for a very small σ²: you have the logarithm already, log_var"
)
def _(mu, log_var):
    return 0.5 * (mu.square() + log_var.exp() - log_var.exp().log() - 1).sum(dim=1)


@kl_divergence.mistake(
    "K10", "taking the lab's line as it stands: put log_var wherever it has 2 ln σ, and add up the latents, .sum(dim=1)"
)
def _(mu, log_var):
    return _elements(mu, 2 * log_var)


@exercise(
    number=5,
    points=1,
    hints=(
        "Manual, part d: binary cross-entropy; lab sheet, “Which reconstruction loss” and exercise 2.",
        "With p = sigmoid(logit): −x ln p − (1 − x) ln(1 − p) for each pixel, summed over all pixels of an image.",
        "−ln p is softplus(−logit), −ln(1 − p) is softplus(logit), and neither overflows; sum over dim=(1, 2, 3).",
    ),
    compare="labs/vae/vae.py, reconstruction_cost",
    forbidden=(
        "binary_cross_entropy_with_logits",
        "binary_cross_entropy",
        "BCEWithLogitsLoss",
        "BCELoss",
        "Bernoulli",
        "ContinuousBernoulli",
    ),
    gradient=("logits",),
    slot=("labs.vae.vae.reconstruction_cost", lambda mine: _unless_gaussian(mine)),
)
def reconstruction(logits: Tensor, X: Tensor) -> Tensor:
    """Binary cross-entropy of images in nats per image: a sum over the pixels, (N,).

    logits, X are (N, 1, H, W). X is in [0, 1]; a logit is what the decoder gives for a pixel *before* the sigmoid.
    Finite for logits of ±1000, too. (Kingma & Welling 2014, appendix C.1; manual, part d.)
    """
    raise NotImplementedError


def _unless_gaussian(mine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """The lab's function has the settings as an argument, too; --likelihood gaussian has another cost."""
    from labs.vae import vae

    lab = vae.reconstruction_cost

    def cost(logits: Tensor, X: Tensor, args: Any) -> Tensor:
        if args.likelihood != "bernoulli":
            return lab(logits, X, args)
        return _per_image("reconstruction", mine(logits.float(), X), len(X))

    return cost


@reconstruction.example("logits 0: ln 2 for each pixel")
def _():
    return (torch.zeros(1, 1, 1, 2, dtype=torch.float64), tensor([[[0.0, 1.0]]])), tensor(2 * math.log(2))


@reconstruction.probes
def _(draw):
    shape = draw.size(1, 3), 1, draw.size(1, 3), draw.size(2, 3)
    return draw.normal(*shape, std=2), draw.uniform(*shape)


@reconstruction.edge("finite at ±1000")
def _():
    return tensor([[[1000.0, -1000.0]]]), tensor([[[0.0, 1.0]]])


@reconstruction.expected
def _(logits, X):
    return F.binary_cross_entropy_with_logits(logits, X, reduction="none").sum(dim=(1, 2, 3))


def _pixels(logits, X):
    return F.softplus(logits) - X * logits


@reconstruction.mistake(
    "R1", "taking a mean over the pixels (784 times too small for digits): nats per image are a sum over them"
)
def _(logits, X):
    return _pixels(logits, X).mean(dim=(1, 2, 3))


@reconstruction.mistake(
    "R2", "giving one number for all images: sum over dim=(1, 2, 3) only, so that each image has its own"
)
def _(logits, X):
    return _pixels(logits, X).sum()


@reconstruction.mistake(
    "R3", "taking a mean over everything: sum over an image's pixels, dim=(1, 2, 3), one number per image"
)
def _(logits, X):
    return _pixels(logits, X).mean()


@reconstruction.mistake(
    "R4",
    "taking the sigmoid twice: softplus, or a function “with logits”, takes it itself; give it the logits as they come",
)
def _(logits, X):
    return _pixels(logits.sigmoid(), X).sum(dim=(1, 2, 3))


@reconstruction.mistake(
    "R5", "leaving out the dark pixels' term: add (1 − x) softplus(a), which is −(1 − x) ln(1 − p), a being the logit"
)
def _(logits, X):
    return (X * F.softplus(-logits)).sum(dim=(1, 2, 3))


@reconstruction.mistake("R6", "taking the wrong sign: this is ln p(x), which is negative; return −ln p(x)")
def _(logits, X):
    return -_pixels(logits, X).sum(dim=(1, 2, 3))


@reconstruction.mistake(
    "R7",
    "taking the squared error of image and sigmoid: asked for is x softplus(−a) + (1 − x) softplus(a), a being "
    "the logit",
)
def _(logits, X):
    return (logits.sigmoid() - X).square().sum(dim=(1, 2, 3))


@reconstruction.mistake(
    "R8",
    "taking ln of a probability that has become 0: write −ln p as softplus(−a) and −ln(1 − p) as softplus(a), a "
    "being the logit",
)
def _(logits, X):
    p = logits.sigmoid()
    return -(X * p.log() + (1 - X) * (1 - p).log()).sum(dim=(1, 2, 3))


_STABLE = "the cost cannot grow with the logit then; −ln p is softplus(−a) and −ln(1 − p) softplus(a), a the logit"


@reconstruction.mistake("R9", f"cutting ln p off at −100, as torch's own function for probabilities does: {_STABLE}")
def _(logits, X):
    p = logits.sigmoid()
    return -(X * p.log().clamp(min=-100) + (1 - X) * (1 - p).log().clamp(min=-100)).sum(dim=(1, 2, 3))


def _more_than_ln_0(small: float) -> Any:
    def cost(logits: Tensor, X: Tensor) -> Tensor:
        p = logits.sigmoid()
        return -(X * (p + small).log() + (1 - X) * (1 - p + small).log()).sum(dim=(1, 2, 3))

    return cost


for _letter, _small in zip("abcdef", SMALL, strict=True):
    reconstruction.mistake(f"R10{_letter}", f"adding a small number before ln is taken: {_STABLE}")(
        _more_than_ln_0(_small)
    )


@exercise(
    number=6,
    points=0.5,
    hints=(
        "Slides, ELBO; lab sheet, exercise 9 and part g on β.",
        "Both terms are costs; the ELBO is to be made large. β says how much the KL counts.",
        "-(reconstruction + beta * kl), and its mean over the images.",
    ),
    compare="labs/vae/vae.py, score",
    gradient=("reconstruction", "kl"),
)
def elbo(reconstruction: Tensor, kl: Tensor, beta: float) -> Tensor:
    """The β-VAE's ELBO in nats, a mean over the images: a number, of which *more* is better.

    reconstruction, kl are (N,): for each image −ln p(x|z) and KL, both in nats. beta (β) is the weight of the KL; with
    1 it is the ELBO of the slides. The lab logs −ELBO, of which less is better.
    """
    raise NotImplementedError


@elbo.example("ELBO −150.41 = −(144.38 + 6.03)")
def _():
    return (tensor(144.38), tensor(6.03), 1.0), number(-150.41)


@elbo.probes
def _(draw):
    n = draw.size(2, 5)
    return draw.uniform(n, low=1, high=9), draw.uniform(n, low=0.5, high=3), draw.number(1.5, 4)


@elbo.expected
def _(reconstruction, kl, beta):
    return torch.stack([reconstruction, kl]).mean(dim=1) @ tensor(-1.0, -beta)


@elbo.mistake("E1", "taking the wrong sign: this is −ELBO, the loss; put a minus before the whole of it")
def _(reconstruction, kl, beta):
    return (reconstruction + beta * kl).mean()


@elbo.mistake("E2", "multiplying the reconstruction by β: it is the KL that β multiplies, reconstruction + β · kl")
def _(reconstruction, kl, beta):
    return -(beta * reconstruction + kl).mean()


@elbo.mistake(
    "E3",
    "adding the KL to the ELBO, as −(reconstruction − β · kl) does: both are subtracted, −(reconstruction + β · kl)",
)
def _(reconstruction, kl, beta):
    return -(reconstruction - beta * kl).mean()


@elbo.mistake("E4", "leaving out β: multiply the KL by it")
def _(reconstruction, kl, beta):
    return -(reconstruction + kl).mean()


@elbo.mistake("E5", "adding up the images: take their mean")
def _(reconstruction, kl, beta):
    return -(reconstruction + beta * kl).sum()


@exercise(
    number=7,
    points=1,
    hints=(
        "Midterm of November 2025, task 1, its code; lab sheet, exercise 5.",
        "Two means over *all* entries: of (X − X_hat)², and of μ² + σ² − ln σ² − 1, this one halved; and their sum.",
        "recon = (X - X_hat).square().mean(); kl = 0.5 * (mu**2 + log_var.exp() - log_var - 1).mean(); recon + kl.",
    ),
    compare="labs/vae/information.py, midterm_vae",
    forbidden=("kl_divergence", "kl_div", "Normal"),
    gradient=("X_hat", "mu", "log_var"),
)
def midterm_loss(X: Tensor, X_hat: Tensor, mu: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of the midterm of November 2025 as its *code* has it: (recon, kl, total), three numbers.

    X and X_hat are (features, N), mu and log_var (latents, N): here a sample is a column. log_var is ln σ². recon is
    the mean of the squared errors over samples and features; kl is the KL from N(0, 1) as a mean over samples and
    latents; total is their sum. The formulas printed beside the code give other numbers: three errata.
    """
    raise NotImplementedError


@midterm_loss.use
def _(mine, X, X_hat, mu, log_var):
    recon, kl, total = mine(X, X_hat, mu, log_var)
    return {"recon": recon, "kl": kl, "total": total}


@midterm_loss.example("the exam's X, all weights 0: 0.255 + 0")
def _():
    X, zeros = tensor([0.5, 0.6, 0.1, 0.7], [0.3, 0.4, 0.2, 0.8]), torch.zeros(2, 4, dtype=torch.float64)
    return (X, zeros, zeros, zeros), {"recon": number(0.255), "kl": number(0), "total": number(0.255)}


@midterm_loss.probes
def _(draw):
    return _case(draw, latents=2)


@midterm_loss.probes
def _(draw):
    return _case(draw, latents=3)  # where a ½ and a mean over the latents differ


def _case(draw, latents):
    n, features = draw.size(2, 5), draw.size(2, 4)
    X, X_hat = draw.uniform(features, n), draw.normal(features, n)
    return X, X_hat, draw.normal(latents, n), draw.uniform(latents, n, low=-2, high=1)


@midterm_loss.expected
def _(X, X_hat, mu, log_var):
    return _midterm(F.mse_loss(X_hat, X), _torchs_kl(mu, log_var).mean())


def _midterm(recon: Tensor, kl: Tensor) -> list[Tensor]:
    return [recon, kl, recon + kl]


@midterm_loss.mistake(
    "M1", "taking the printed MSE, 1/N Σ‖x − x̂‖²: the code divides by the features, too; take .mean() over all entries"
)
def _(X, X_hat, mu, log_var):
    return _midterm((X - X_hat).square().sum(dim=0).mean(), _elements(mu, log_var).mean())


@midterm_loss.mistake(
    "M2", "taking the printed KL: take the mean over all entries of μ² + σ² − ln σ² − 1, the −1 inside, and halve it"
)
def _(X, X_hat, mu, log_var):
    kl = 0.5 * ((mu.square() + log_var.exp() - log_var).sum(dim=0) - 1).mean()
    return _midterm((X - X_hat).square().mean(), kl)


@midterm_loss.mistake("M3", "summing the KL over the latents, as printed: take its .mean() over all entries")
def _(X, X_hat, mu, log_var):
    return _midterm((X - X_hat).square().mean(), _elements(mu, log_var).sum(dim=0).mean())


@midterm_loss.mistake(
    "M4", "taking both printed formulas: take .mean() over all entries in both terms, the KL's −1 inside of it"
)
def _(X, X_hat, mu, log_var):
    kl = 0.5 * ((mu.square() + log_var.exp() - log_var).sum(dim=0) - 1).mean()
    return _midterm((X - X_hat).square().sum(dim=0).mean(), kl)


@midterm_loss.mistake("M5", "summing over features and latents: take .mean() over all entries in both terms, no sum")
def _(X, X_hat, mu, log_var):
    return _midterm((X - X_hat).square().sum(dim=0).mean(), _elements(mu, log_var).sum(dim=0).mean())


@midterm_loss.mistake("M6", "taking log_var for ln σ, as the lab's function does: here it is ln σ², so σ² is e^log_var")
def _(X, X_hat, mu, log_var):
    return _midterm((X - X_hat).square().mean(), _elements(mu, 2 * log_var).mean())


@midterm_loss.mistake("M7", "leaving out the ½ of the KL: halve its mean")
def _(X, X_hat, mu, log_var):
    return _midterm((X - X_hat).square().mean(), 2 * _elements(mu, log_var).mean())


# --- Codes ----------------------------------------------------------------------------------------------------------


@exercise(
    number=8,
    points=0.5,
    hints=(
        "Manual, part f: interpolate between two encodings; lab sheet, part f.",
        "n points are n − 1 steps: the share of the way is 0 at the first and 1 at the last.",
        "t = torch.linspace(0, 1, n, dtype=start.dtype)[:, None]; start + t * (end - start).",
    ),
    compare="labs/vae/autoencoder.py, interpolate",
)
def interpolate(start: Tensor, end: Tensor, n: int) -> Tensor:
    """n codes at equal distances on the straight line from start to end, both included: (n, D).

    start, end are (D,), the codes of two images; n is at least 2. The first row is start, the last one end.
    """
    raise NotImplementedError


@interpolate.example("two codes are the ends")
def _():
    return (tensor(1.0, 2.0), tensor(3.0, -2.0), 2), tensor([1.0, 2.0], [3.0, -2.0])


@interpolate.probes
def _(draw):
    n = draw.size(3, 7)
    d = n if draw.first else draw.choice([1, n])  # so many that a row of shares can be multiplied by the way
    return draw.normal(d), draw.normal(d, mean=5), n


@interpolate.edge("five codes of two numbers")
def _():
    return tensor(1.0, 2.0), tensor(3.0, -2.0), 5


@interpolate.expected
def _(start, end, n):
    line = torch.stack([start, end], dim=1)[None]
    return F.interpolate(line, size=n, mode="linear", align_corners=True)[0].T


@interpolate.mistake(
    "I1", "dividing the way by n: n points are n − 1 steps, so divide by n − 1, that the last one reaches the end"
)
def _(start, end, n):
    return start + torch.arange(n, dtype=start.dtype)[:, None] / n * (end - start)


@interpolate.mistake("I2", "leaving out both ends: the first code is start, the last one end, n − 2 lie between")
def _(start, end, n):
    return start + torch.arange(1, n + 1, dtype=start.dtype)[:, None] / (n + 1) * (end - start)


@interpolate.mistake(
    "I3", "making n steps, which are n + 1 points: asked for are n points, which are n − 1 steps; divide by n − 1"
)
def _(start, end, n):
    return start + torch.arange(n + 1, dtype=start.dtype)[:, None] / n * (end - start)


@interpolate.mistake("I4", "going from end to start: the first row is start")
def _(start, end, n):
    return end + torch.linspace(0, 1, n, dtype=start.dtype)[:, None] * (start - end)


@interpolate.mistake("I5", "multiplying the way by a row of shares: make them a column, [:, None], a row for each code")
def _(start, end, n):
    return start + torch.linspace(0, 1, n, dtype=start.dtype) * (end - start)


# --- Anticipation ---------------------------------------------------------------------------------------------------


@anticipation("A1")
def _a1(draw: Draw) -> tuple[str, float]:
    p, q = draw.number(0.2, 0.5), draw.number(0.6, 0.95)
    said = f"P = ({p:g}, {1 - p:.2f}) comes, Q = ({q:g}, {1 - q:.2f}) was expected. The cross-entropy H(P, Q) in bits?"
    return said, -(p * math.log2(q) + (1 - p) * math.log2(1 - q))


@anticipation("A2")
def _a2(draw: Draw) -> tuple[str, float]:
    a, b = draw.number(0.4, 0.6), draw.number(0.2, 0.35)
    c = round(1 - a - b, 2)
    said = f"P = ({a:g}, {b:g}, {c:g}), and Q is uniform over the three. KL(P ‖ Q) in nats?"
    return said, sum(p * math.log(3 * p) for p in (a, b, c))


@anticipation("A3")
def _a3(draw: Draw) -> tuple[str, float]:
    p = draw.number(0.75, 0.95)
    m = (p + 0.5) / 2
    said = f"P = ({p:g}, {1 - p:.2f}), Q = (½, ½), M is their mean. The Jensen–Shannon divergence of P and Q in nats?"
    halves = [x * math.log(x / y) for x, y in ((p, m), (1 - p, 1 - m), (0.5, m), (0.5, 1 - m))]
    return said, sum(halves) / 2


@anticipation("A4")
def _a4(draw: Draw) -> tuple[str, float]:
    mu, sigma = draw.number(0.5, 2), draw.number(0.2, 0.8)
    said = f"An encoder gives μ = {mu:g} and σ = {sigma:g} for its one latent. KL(N(μ, σ²) ‖ N(0, 1)) in nats?"
    return said, (mu**2 + sigma**2 - 1) / 2 - math.log(sigma)


@anticipation("A5")
def _a5(draw: Draw) -> tuple[str, float]:
    mu, log_var, epsilon = draw.number(-1, 1), draw.number(-2, -0.5), draw.number(0.5, 2)
    said = f"μ = {mu:g}, ln σ² = {log_var:g}, and the noise drawn is ε = {epsilon:g}. The code z?"
    return said.replace("-", "−"), mu + math.exp(log_var / 2) * epsilon


@anticipation("A6")
def _a6(draw: Draw) -> tuple[str, float]:
    x = [draw.number(0.1, 0.9) for _ in range(4)]
    mu, variance = draw.number(0.5, 1.5), draw.number(0.2, 0.7)
    said = (
        f"The midterm's VAE with X = [{x[0]:g} {x[1]:g}; {x[2]:g} {x[3]:g}] (two features, two samples). All weights "
        f"and biases are 0 but the encoder's biases: both latents have μ = {mu:g} and σ² = {variance:g} for each "
        "sample. The total loss by the exam's code, whose reconstruction and KL are means over all entries?"
    )
    return said, sum(v**2 for v in x) / 4 + (mu**2 + variance - math.log(variance) - 1) / 2
