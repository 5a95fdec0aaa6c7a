"""The lab's functions, and torch's, as answers to the set midterm_2025."""

import torch
import torch.nn.functional as F

from labs.vae import autoencoder, information


def init_params(features, latents):
    W = 0.01 * torch.randn(3 * latents, features)
    return W[: 2 * latents], torch.zeros(2 * latents), W[2 * latents :].T, torch.zeros(features)


def encode(X, We, be):
    zeros = X.new_zeros(len(X), len(We) // 2), X.new_zeros(len(X)), X, X.new_zeros(len(We) // 2, X.shape[1])
    return information.midterm_forward(We, be, *zeros)[1:]


def reparameterize(mu, log_var, epsilon):
    return torch.addcmul(mu, log_var.exp().sqrt(), epsilon)


def decode(z, Wd, bd):
    return torch.addmm(bd[:, None], Wd, z)


def loss(X, X_hat, mu, log_var):
    recon, kl = F.mse_loss(X, X_hat), autoencoder.kl_divergence(mu, log_var / 2).mean()
    return recon, kl, recon + kl


def total_loss(X, We, be, Wd, bd, epsilon):
    return information.midterm_vae(We, be, Wd, bd, X, epsilon)[0]
