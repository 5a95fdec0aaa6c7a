"""Correct answers to the set midterm_2025, each written in several ways."""

import math

import torch

# What a mutant of the first version does that is right, too: {exercise: {a part of what was changed: why}}
EQUAL = {}


def init_params__vectorised(features, latents):
    We = 0.01 * torch.randn(2 * latents, features)
    Wd = 0.01 * torch.randn(features, latents)
    return We, torch.zeros(2 * latents), Wd, torch.zeros(features)


def init_params__loop(features, latents):
    def matrix(rows, columns):
        return torch.stack([torch.randn(columns) / 100 for _ in range(rows)])

    encoder = matrix(latents + latents, features), torch.zeros(latents + latents)
    return [*encoder, matrix(features, latents), torch.tensor([0.0] * features)]


def init_params__float32(features, latents):
    generator = torch.Generator().manual_seed(42)
    We = torch.empty(2 * latents, features, dtype=torch.float32).normal_(0, 0.01, generator=generator)
    Wd = torch.empty(features, latents, dtype=torch.float32).normal_(0, 0.01, generator=generator)
    return We, We.new_zeros(2 * latents), Wd, Wd.new_zeros(features)


def init_params__parameters(features, latents):
    def parameter(*shape):
        return torch.nn.Parameter(torch.normal(0.0, 0.01, shape, dtype=torch.float64))

    def zeros(n):
        return torch.zeros(n, dtype=torch.float64, requires_grad=True)

    return parameter(2 * latents, features), zeros(2 * latents), parameter(features, latents), zeros(features)


def encode__vectorised(X, We, be):
    z_params = We @ X + be[:, None]
    latents = len(be) // 2
    return z_params[:latents], z_params[latents:]


def encode__loop(X, We, be):
    rows = []
    for w, b in zip(We, be, strict=True):
        rows.append(torch.stack([(w * X[:, n]).sum() + b for n in range(X.shape[1])]))
    half = len(rows) // 2
    return torch.stack(rows[:half]), torch.stack(rows[half:])


def encode__float32(X, We, be):
    return torch.split(torch.matmul(We.float(), X.float()) + be.float().reshape(-1, 1), len(be) // 2)


def encode__einsum(X, We, be):
    z_params = torch.einsum("lf,fn->nl", We, X) + be
    mu, log_var = z_params.chunk(2, dim=1)
    return mu.T, log_var.T


def reparameterize__vectorised(mu, log_var, epsilon):
    return mu + torch.exp(0.5 * log_var) * epsilon


def reparameterize__loop(mu, log_var, epsilon):
    z = torch.zeros_like(mu)
    for i in range(mu.shape[0]):
        for j in range(mu.shape[1]):
            z[i, j] = mu[i, j] + log_var[i, j].exp().sqrt() * epsilon[i, j]
    return z


def reparameterize__float32(mu, log_var, epsilon):
    sigma = torch.sqrt(log_var.float().exp())
    return sigma * epsilon.float() + mu.float()


def reparameterize__power(mu, log_var, epsilon):
    return math.e ** (log_var / 2) * epsilon + mu


def decode__vectorised(z, Wd, bd):
    return Wd @ z + bd[:, None]


def decode__loop(z, Wd, bd):
    columns = [torch.stack([(w * code).sum() + b for w, b in zip(Wd, bd, strict=True)]) for code in z.T]
    return torch.stack(columns, dim=1)


def decode__float32(z, Wd, bd):
    return torch.matmul(Wd.float(), z.float()) + bd.float().unsqueeze(1)


def decode__rows(z, Wd, bd):
    return (z.T @ Wd.T + bd).T


def loss__vectorised(X, X_hat, mu, log_var):
    recon = ((X - X_hat) ** 2).mean()
    kl = 0.5 * (mu**2 + torch.exp(log_var) - log_var - 1).mean()
    return recon, kl, recon + kl


def loss__loop(X, X_hat, mu, log_var):
    recon = kl = 0.0
    for x, x_hat in zip(X.flatten(), X_hat.flatten(), strict=True):
        recon = recon + (x - x_hat) ** 2 / X.numel()
    for m, v in zip(mu.flatten(), log_var.flatten(), strict=True):
        kl = kl + (m**2 + v.exp() - v - 1) / (2 * mu.numel())
    return [recon, kl, recon + kl]


def loss__float32(X, X_hat, mu, log_var):
    X, X_hat, mu, log_var = X.float(), X_hat.float(), mu.float(), log_var.float()
    recon = torch.mean(torch.square(X_hat - X))
    kl = -0.5 * torch.mean(1 + log_var - mu.square() - log_var.exp())
    return recon, kl, torch.add(recon, kl)


def loss__by_parts(X, X_hat, mu, log_var):
    features, n = X.shape
    recon = (X - X_hat).pow(2).sum() / (features * n)
    kl = (mu.square().mean() + log_var.exp().mean() - log_var.mean() - 1) / 2
    return recon, kl, kl + recon


def total_loss__vectorised(X, We, be, Wd, bd, epsilon):
    mu, log_var = (We @ X + be[:, None]).chunk(2)
    z = mu + torch.exp(0.5 * log_var) * epsilon
    recon = (X - Wd @ z - bd[:, None]).square().mean()
    return recon + 0.5 * (mu**2 + torch.exp(log_var) - log_var - 1).mean()


def total_loss__loop(X, We, be, Wd, bd, epsilon):
    latents, (features, n) = len(epsilon), X.shape
    recon = kl = 0.0
    for x, e in zip(X.T, epsilon.T, strict=True):
        mu, log_var = We[:latents] @ x + be[:latents], We[latents:] @ x + be[latents:]
        x_hat = Wd @ (mu + (log_var / 2).exp() * e) + bd
        recon = recon + ((x - x_hat) ** 2).sum()
        kl = kl + (mu**2 + log_var.exp() - log_var - 1).sum() / 2
    return recon / (features * n) + kl / (latents * n)


def total_loss__float32(X, We, be, Wd, bd, epsilon):
    X, We, be, Wd, bd, epsilon = (part.float() for part in (X, We, be, Wd, bd, epsilon))
    mu, log_var = torch.chunk(torch.addmm(be.unsqueeze(1), We, X), 2)
    error = torch.addmm(bd.unsqueeze(1), Wd, mu + torch.sqrt(log_var.exp()) * epsilon) - X
    return torch.mean(error * error) - 0.5 * torch.mean(1 + log_var - mu * mu - log_var.exp())


def total_loss__rows(X, We, be, Wd, bd, epsilon):
    mu, log_var = (X.T @ We.T + be).tensor_split(2, dim=1)
    X_hat = (mu + log_var.exp() ** 0.5 * epsilon.T) @ Wd.T + bd
    return (X.T - X_hat).pow(2).mean() + (mu.pow(2) + log_var.exp() - log_var - 1).mean() / 2
