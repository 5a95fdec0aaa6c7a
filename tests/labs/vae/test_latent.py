"""The latent space: principal components, paths, the plane."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from labs.vae.autoencoder import decode, interpolate, manifold, traverse
from labs.vae.figures import plot_codes, principal_components
from labs.vae.vae import HyperParams, build_model


def test_principal_components_are_those_of_scikit_learn():
    codes = torch.randn(200, 6) @ torch.randn(6, 6)
    points, shares = principal_components(codes)
    reference = PCA(2).fit(codes.numpy())
    assert shares.tolist() == pytest.approx(reference.explained_variance_ratio_.tolist(), rel=1e-4)
    np.testing.assert_allclose(points.abs(), np.abs(reference.transform(codes.numpy())), rtol=1e-2, atol=1e-3)


def test_a_path_starts_and_ends_at_its_codes_and_passes_their_middle():
    model = build_model(HyperParams(latent_dim=3))
    start, end = torch.randn(2, 3)
    images = interpolate(model, start, end, 5)
    expected = decode(model, torch.stack([start, (start + end) / 2, end]))
    torch.testing.assert_close(images[[0, 2, 4]], expected)


class Plane(torch.nn.Module):
    """A decoder whose first two pixels are the code itself (as logits)."""

    def forward(self, z):
        return torch.nn.functional.pad(z, (0, 782)).view(-1, 1, 28, 28)


def test_the_plane_has_z1_to_the_right_and_z2_upwards_in_even_steps_of_probability():
    model = build_model()
    model.decoder = Plane()
    z = manifold(model, 4).logit()[:, 0, 0, :2]
    shares = torch.special.ndtr(z).view(4, 4, 2)
    steps = torch.tensor([0.125, 0.375, 0.625, 0.875])
    torch.testing.assert_close(shares[..., 0], steps.expand(4, 4))
    torch.testing.assert_close(shares[..., 1], steps.flip(0)[:, None].expand(4, 4))


def test_a_traversal_changes_one_latent():
    model = build_model()
    model.decoder = Plane()
    z = traverse(model, torch.tensor([0.5, 1.0]), 1, 3).logit()[:, 0, 0, :2]
    torch.testing.assert_close(z, torch.tensor([[0.5, -3], [0.5, 0], [0.5, 3]]))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_codes_of_any_size_are_drawn(size):
    figure = plot_codes(torch.randn(50, size), torch.arange(50) % 10, "0123456789")
    drawn = figure.axes[0].collections[0].get_offsets()
    assert drawn.shape == (50, 2)
