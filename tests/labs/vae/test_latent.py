"""The latent space: principal components, paths, the plane."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from labs.vae.autoencoder import decode, interpolate, manifold, traverse
from labs.vae.figures import plot_codes, plot_manifold, plot_traversals, principal_components
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


def test_the_axes_of_plane_and_traversal_say_z():
    axis = plot_manifold(torch.rand(9, 1, 28, 28), 3).axes[0]
    places = dict(zip([text.get_text() for text in axis.get_xticklabels()], axis.get_xticks(), strict=True))
    assert places["0"] == 0.5
    assert places["−1"] == pytest.approx(0.158655, abs=1e-6)  # Φ(−1): as far along as the prior's share below it
    axis = plot_traversals({"z1": torch.rand(7, 1, 28, 28), "z2": torch.rand(7, 1, 28, 28)}).axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["−3.0", "−2.0", "−1.0", "0.0", "1.0", "2.0", "3.0"]
    assert axis.get_xticks()[3] == pytest.approx(sum(axis.get_xlim()) / 2)


def test_a_traversal_changes_one_latent():
    model = build_model()
    model.decoder = Plane()
    z = traverse(model, torch.tensor([0.5, 1.0]), 1, 3).logit()[:, 0, 0, :2]
    torch.testing.assert_close(z, torch.tensor([[0.5, -3], [0.5, 0], [0.5, 3]]))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_codes_of_any_size_are_drawn(size):
    figure = plot_codes(torch.randn(50, size), torch.arange(50) % 10, "0123456789")
    axis, (legend,) = figure.axes[0], figure.legends
    assert sum(len(points.get_offsets()) for points in axis.collections) == 50
    assert [text.get_text() for text in legend.get_texts()] == list("0123456789")
    assert {text.get_text() for text in axis.texts} == set("0123456789")  # not by colour alone
