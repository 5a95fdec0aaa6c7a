"""The importance-weighted bound, against a likelihood that can be computed exactly."""

import math

import pytest
import torch
from torch.distributions import Bernoulli

from labs.vae.likelihood import importance_bound, log_weights
from labs.vae.vae import HyperParams, build_model, score


@pytest.fixture
def model_and_images():
    """A random VAE with one latent, its decoder strong enough for z to matter, and three binary images."""
    args = HyperParams(latent_dim=1, hidden=(8,))
    model = build_model(args)
    with torch.no_grad():
        for p in model.decoder.parameters():
            p.mul_(0.3)
        model.encoder.log_sigma.bias.fill_(0.1)
    return model, args, torch.rand(3, 1, 28, 28).round()


def exact_log_likelihood(model, X):
    """log of the integral of p(x|z) p(z) over z, as a sum over a fine grid."""
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    logits = model.double().decoder(z[:, None]).flatten(1)
    log_prior = -0.5 * z.square() - 0.5 * math.log(2 * math.pi)
    rows = [Bernoulli(logits=logits).log_prob(x.flatten().double()).sum(dim=1) + log_prior for x in X]
    exact = torch.stack(rows).logsumexp(dim=1) + math.log(float(z[1] - z[0]))
    model.float()
    return float(exact.mean())


def test_many_codes_reach_the_exact_log_likelihood(model_and_images):
    model, args, X = model_and_images
    with torch.no_grad():
        exact = exact_log_likelihood(model, X)
    log_w = log_weights(model, X, args, 20_000, torch.Generator().manual_seed(0))
    assert log_w.shape == (3, 20_000)
    assert importance_bound(log_w, 20_000) == pytest.approx(-exact, abs=0.01)
    assert importance_bound(log_w, 1) > -exact + 0.05  # −ELBO is higher, so that the bound has something to gain


def test_one_code_gives_the_negative_elbo(model_and_images):
    model, args, X = model_and_images
    log_w = log_weights(model, X, args, 20_000, torch.Generator().manual_seed(0))
    many = X.repeat_interleave(5000, dim=0)
    with torch.no_grad():
        negative_elbo = float(score(model, many, args, generator=torch.Generator().manual_seed(1))["negative_elbo"])
    assert importance_bound(log_w, 1) == pytest.approx(negative_elbo, abs=0.1)


def test_the_bound_falls_with_the_number_of_codes(model_and_images):
    model, args, X = model_and_images
    log_w = log_weights(model, X, args, 4096, torch.Generator().manual_seed(0))
    bounds = [importance_bound(log_w, k) for k in (1, 4, 16, 64)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > bounds[-1]


def test_bound_by_hand():
    log_w = torch.tensor([[0.0, math.log(3)], [math.log(5), math.log(5)]])
    assert importance_bound(log_w, 2) == pytest.approx(-(math.log(2) + math.log(5)) / 2)
    assert importance_bound(log_w, 1) == pytest.approx(-(math.log(3) + 2 * math.log(5)) / 4)
