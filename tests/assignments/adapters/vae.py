"""The lab's functions as answers to the set vae."""

from types import SimpleNamespace

import torch

from labs.vae import autoencoder, information, vae


def cross_entropy_bits(P, Q):
    return torch.tensor([information.cross_entropy(p, q, "bits") for p, q in zip(P, Q, strict=True)])


def js(P, Q):
    return torch.tensor([information.js_divergence(p, q) for p, q in zip(P, Q, strict=True)])


def reparameterize(mu, log_var, epsilon):
    network = SimpleNamespace(encoder=lambda X: (mu, log_var / 2), decoder=lambda z: z)
    return autoencoder.VAE.forward(network, None, epsilon)[0]


def kl_divergence(mu, log_var):
    return autoencoder.kl_divergence(mu, log_var / 2).sum(dim=1)


def reconstruction(logits, X):
    return vae.reconstruction_cost(logits, X.to(torch.float32), vae.HyperParams())


def elbo(reconstruction, kl, beta):
    return -(reconstruction + beta * kl).mean()


def midterm_loss(X, X_hat, mu, log_var):
    recon, kl = (X - X_hat).square().mean(), autoencoder.kl_divergence(mu, log_var / 2).mean()
    return recon, kl, recon + kl


def interpolate(start, end, n):
    return torch.lerp(start, end, torch.linspace(0, 1, n, dtype=start.dtype)[:, None])
