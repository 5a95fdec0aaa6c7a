"""What the lab reaches on real MNIST in full (slow: minutes on a CPU). LABS_DATA says where MNIST lies."""

import pytest

from labs.vae.vae import train


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "least", "most"),
    [
        ({"preset": "examples"}, 104, 107),
        ({"preset": "examples", "latent_dim": 10}, 108, 112),
        ({"preset": "examples", "latent_dim": 2}, 150, 156),
        ({"preset": "course"}, 149, 156),
        ({"preset": "examples", "model": "conv_vae"}, 98, 102),
    ],
)
def test_negative_elbo_on_mnist(settings, least, most):
    _, run = train(dataset="mnist", offline=True, quiet=True, **settings)
    assert least < -run.metrics["test_elbo"] < most
