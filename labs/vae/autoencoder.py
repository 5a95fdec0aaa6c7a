"""The networks: images to codes and back, with noise on the code or without."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Image → μ and log σ of its code's normal distribution, each (N, latent_dim); log σ is None if not variational."""

    def __init__(self, trunk: nn.Sequential, features: int, latent_dim: int, *, variational: bool):
        super().__init__()
        self.trunk = trunk  # (N, 1, 28, 28) → (N, features)
        self.mu = nn.Linear(features, latent_dim)
        self.log_sigma = nn.Linear(features, latent_dim) if variational else None

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.trunk(X)
        return self.mu(h), None if self.log_sigma is None else self.log_sigma(h)


class VAE(nn.Module):
    """Encoder and decoder with the noise between them; without noise if the encoder gives no log σ."""

    def __init__(self, encoder: Encoder, decoder: nn.Sequential):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.encoder.mu.weight.device

    def forward(self, X: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits (N, 1, 28, 28), μ and log σ for images X and standard normal noise (N, latent_dim)."""
        mu, log_sigma = self.encoder(X)
        # z = mu + sigma * epsilon: the noise comes from outside, so the gradient reaches mu and sigma
        z = mu if log_sigma is None else mu + log_sigma.exp() * epsilon
        return self.decoder(z), mu, log_sigma


def build_autoencoder(
    latent_dim: int,
    hidden: Sequence[int],
    activation: type[nn.Module],
    filters: Sequence[int] = (),
    *,
    variational: bool = True,
) -> VAE:
    """Dense layers on both sides of the code: `hidden` units in the encoder's, the decoder has them in reverse.

    With `filters` convolutions that halve the image's side come before the encoder's, and their mirror image behind
    the decoder's.
    """
    encoder: list[nn.Module] = []  # (N, 1, 28, 28)
    mirror: list[nn.Module] = []
    side, channels = 28, (1, *filters)
    for a, b in pairwise(channels):
        kernel = 3 if side % 2 else 4  # so that the mirror image has exactly the same sides
        encoder += [nn.Conv2d(a, b, kernel, stride=2, padding=1), activation()]  # (N, 32, 14, 14), (N, 64, 7, 7)
        mirror = [activation(), nn.ConvTranspose2d(b, a, kernel, stride=2, padding=1), *mirror]
        side = (side + 1) // 2
    shape = (channels[-1], side, side)
    sizes = (channels[-1] * side**2, *hidden)
    encoder += [nn.Flatten()]  # (N, 784); behind the convolutions (N, 3136)
    for a, b in pairwise(sizes):
        encoder += [nn.Linear(a, b), activation()]  # (N, 512)
    decoder: list[nn.Module] = []  # (N, 2)
    for a, b in pairwise((latent_dim, *reversed(hidden))):
        decoder += [nn.Linear(a, b), activation()]  # (N, 512)
    decoder += [nn.Linear(sizes[1], sizes[0]), nn.Unflatten(1, shape), *mirror]  # (N, 1, 28, 28) logits
    trunk = nn.Sequential(*encoder)
    return VAE(Encoder(trunk, sizes[-1], latent_dim, variational=variational), nn.Sequential(*decoder))


def kl_divergence(mu: Tensor, log_sigma: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) in nats, elementwise (Kingma & Welling 2014, appendix B)."""
    # KL = (sigma^2 + mu^2 - 1)/2 - log sigma. Here log_sigma is log σ, as in vae.jl; the notebook's, the slides' and
    # the lab manual's networks give log σ² = 2 log σ instead. Mixing the two up counts σ² as σ.
    return 0.5 * ((2 * log_sigma).exp() + mu.square() - 1) - log_sigma


@torch.inference_mode()
def encode(model: VAE, X: Tensor) -> tuple[Tensor, Tensor | None]:
    """μ and log σ (None for an autoencoder) of the codes of images X, each (N, latent_dim), on the CPU."""
    model.eval()
    mu, log_sigma = zip(*(model.encoder(x.to(model.device)) for x in X.split(1000)), strict=True)
    return torch.cat(mu).cpu(), None if log_sigma[0] is None else torch.cat(log_sigma).cpu()


@torch.inference_mode()
def decode(model: VAE, z: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) in [0, 1] for codes z (N, latent_dim), on the CPU: the pixels' means, not draws."""
    model.eval()
    return torch.cat([model.decoder(part.to(model.device)).sigmoid() for part in z.split(1000)]).cpu()


def reconstruct(model: VAE, X: Tensor) -> Tensor:
    """The decoder's image of each X's mean code, without noise."""
    return decode(model, encode(model, X)[0])


def generate(model: VAE, n: int, generator: torch.Generator | None = None) -> Tensor:
    """n new images: codes from the prior N(0, 1), decoded."""
    return decode(model, torch.randn(n, model.encoder.mu.out_features, generator=generator))


def manifold(model: VAE, side: int) -> Tensor:
    """side² images over the plane of a two-dimensional latent space, first row on top: (side², 1, 28, 28).

    Evenly spaced in probability under the prior (Kingma & Welling 2014, fig. 4), not in z.
    """
    z = torch.special.ndtri(torch.linspace(0.5 / side, 1 - 0.5 / side, side))
    return decode(model, torch.cartesian_prod(z.flip(0), z).flip(1))  # z2 falls from row to row, z1 grows along the row


def interpolate(model: VAE, start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Images (steps, 1, 28, 28) decoded along the straight line between two codes (latent_dim,), both included."""
    return decode(model, torch.lerp(start, end, torch.linspace(0, 1, steps)[:, None]))


def traverse(model: VAE, start: Tensor, dimension: int, steps: int) -> Tensor:
    """Images (steps, 1, 28, 28) as one number of the code `start` goes from −3 to 3, the others kept."""
    codes = start.repeat(steps, 1)
    codes[:, dimension] = torch.linspace(-3, 3, steps)
    return decode(model, codes)
