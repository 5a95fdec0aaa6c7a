"""Correct answers to the set vae, each written in several ways."""

import math

import torch

# What a mutant of the first version does that is right, too: {exercise: {a part of what was changed: why}}
EQUAL = {}


def cross_entropy_bits__vectorised(P, Q):
    bits = torch.where(P > 0, P * torch.log2(Q), torch.zeros_like(P))
    return -bits.sum(dim=1)


def cross_entropy_bits__loop(P, Q):
    rows = []
    for p, q in zip(P.tolist(), Q.tolist(), strict=True):
        total = 0.0
        for a, b in zip(p, q, strict=True):
            if a > 0:
                total -= a * math.log2(b) if b > 0 else -math.inf
        rows.append(total)
    return torch.tensor(rows, dtype=torch.float64)


def cross_entropy_bits__float32(P, Q):
    P, Q = P.float(), Q.float()
    return (P * -Q.log2()).nan_to_num(nan=0.0, posinf=math.inf).sum(1)


def cross_entropy_bits__ratio(P, Q):
    return -torch.special.xlogy(P, Q).sum(-1) / torch.log(torch.tensor(2.0, dtype=P.dtype))


def js__entropies(P, Q):
    def entropy(R):
        return -(R * R.clamp(min=1e-300).log()).sum(dim=1)

    return entropy((P + Q) / 2) - (entropy(P) + entropy(Q)) / 2


def js__vectorised(P, Q):
    M = (P + Q) / 2
    parts = torch.where(P > 0, P * (P / M).log(), 0.0) + torch.where(Q > 0, Q * (Q / M).log(), 0.0)
    return parts.sum(dim=1) / 2


def _kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def js__loop(P, Q):
    rows = []
    for p, q in zip(P.tolist(), Q.tolist(), strict=True):
        m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        rows.append(0.5 * _kl(p, m) + 0.5 * _kl(q, m))
    return torch.tensor(rows)


def js__float32(P, Q):
    P, Q = P.float(), Q.float()
    M = 0.5 * (P + Q)
    return 0.5 * ((P * (P / M).log()).nan_to_num() + (Q * (Q / M).log()).nan_to_num()).sum(dim=1)


def reparameterize__vectorised(mu, log_var, epsilon):
    return mu + torch.exp(0.5 * log_var) * epsilon


def reparameterize__loop(mu, log_var, epsilon):
    rows = [m + torch.sqrt(torch.exp(v)) * e for m, v, e in zip(mu, log_var, epsilon, strict=True)]
    return torch.stack(rows)


def reparameterize__float32(mu, log_var, epsilon):
    sigma = log_var.float().exp() ** 0.5
    return mu.float() + sigma * epsilon.float()


def reparameterize__power(mu, log_var, epsilon):
    return torch.addcmul(mu, math.e ** (log_var / 2), epsilon)


def kl_divergence__vectorised(mu, log_var):
    return 0.5 * (mu**2 + torch.exp(log_var) - log_var - 1).sum(dim=1)


def kl_divergence__loop(mu, log_var):
    rows = []
    for m, v in zip(mu, log_var, strict=True):
        total = 0.0
        for j in range(len(m)):
            total = total + 0.5 * (m[j] * m[j] + v[j].exp() - v[j] - 1)
        rows.append(total)
    return torch.stack(rows)


def kl_divergence__float32(mu, log_var):
    mu, log_var = mu.float(), log_var.float()
    return -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=-1)


def kl_divergence__slides(mu, log_var):
    variance = log_var.exp()
    return 0.5 * (-(log_var + 1).sum(1) + variance.sum(1) + (mu * mu).sum(1))


def reconstruction__vectorised(logits, X):
    softplus = torch.clamp(logits, min=0) + torch.log1p(torch.exp(-logits.abs()))
    return (softplus - X * logits).sum(dim=(1, 2, 3))


def reconstruction__loop(logits, X):
    rows = []
    for l, x in zip(logits.flatten(1), X.flatten(1), strict=True):  # noqa: E741
        rows.append(sum(torch.logaddexp(a, torch.zeros_like(a)) - b * a for a, b in zip(l, x, strict=True)))
    return torch.stack(rows)


def reconstruction__float32(logits, X):
    softplus, logits, X = torch.nn.functional.softplus, logits.float(), X.float()
    return (X * softplus(-logits) + (1 - X) * softplus(logits)).flatten(1).sum(1)


def reconstruction__logsigmoid(logits, X):
    log_p, log_not_p = torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)
    return -(X * log_p + (1 - X) * log_not_p).sum((-3, -2, -1))


def elbo__vectorised(reconstruction, kl, beta):
    return -(reconstruction + beta * kl).mean()


def elbo__loop(reconstruction, kl, beta):
    total = 0.0
    for cost, divergence in zip(reconstruction, kl, strict=True):
        total = total - cost - beta * divergence
    return total / len(kl)


def elbo__float32(reconstruction, kl, beta):
    return -reconstruction.float().mean() - beta * kl.float().mean()


def elbo__sums(reconstruction, kl, beta):
    return (-reconstruction - beta * kl).sum() / reconstruction.shape[0]


def midterm_loss__vectorised(X, X_hat, mu, log_var):
    recon = ((X - X_hat) ** 2).mean()
    kl = 0.5 * (mu**2 + torch.exp(log_var) - log_var - 1).mean()
    return recon, kl, recon + kl


def midterm_loss__loop(X, X_hat, mu, log_var):
    recon = kl = 0.0
    for x, x_hat in zip(X.flatten(), X_hat.flatten(), strict=True):
        recon = recon + (x - x_hat) ** 2 / X.numel()
    for m, v in zip(mu.flatten(), log_var.flatten(), strict=True):
        kl = kl + (m**2 + v.exp() - v - 1) / (2 * mu.numel())
    return [recon, kl, recon + kl]


def midterm_loss__float32(X, X_hat, mu, log_var):
    X, X_hat, mu, log_var = X.float(), X_hat.float(), mu.float(), log_var.float()
    recon = torch.mean(torch.square(X_hat - X))
    kl = -0.5 * torch.mean(1 + log_var - mu.square() - log_var.exp())
    return recon, kl, torch.add(recon, kl)


def midterm_loss__by_parts(X, X_hat, mu, log_var):
    features, n = X.shape
    recon = (X - X_hat).pow(2).sum() / (features * n)
    kl = (mu.square().mean() + log_var.exp().mean() - log_var.mean() - 1) / 2
    return recon, kl, kl + recon


def interpolate__vectorised(start, end, n):
    t = torch.arange(n, dtype=start.dtype)[:, None] / (n - 1)
    return (1 - t) * start + t * end


def interpolate__loop(start, end, n):
    rows = []
    for i in range(n):
        share = i / (n - 1)
        rows.append(start + share * (end - start))
    return torch.stack(rows)


def interpolate__float32(start, end, n):
    return torch.lerp(start.float(), end.float(), torch.linspace(0, 1, n).unsqueeze(1))


def interpolate__outer(start, end, n):
    return start + torch.outer(torch.linspace(0, 1, n, dtype=start.dtype), end - start)


def interpolate__columns(start, end, n):
    return torch.stack(
        [torch.linspace(a, b, n, dtype=torch.float64) for a, b in zip(start.tolist(), end.tolist(), strict=True)], 1
    )
