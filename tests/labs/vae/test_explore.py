"""What the notebook's sliders draw."""

import math

import numpy as np
import pytest
import torch

from labs.vae import explore
from labs.vae.autoencoder import decode, encode
from labs.vae.vae import HyperParams, build_model


def numbers(line):
    return [float(word) for word in line.replace(",", " ").split() if word.replace(".", "").lstrip("-").isdigit()]


def test_gaussian_says_the_kl_and_its_two_parts():
    _, text = explore.draw_gaussian(1.0, 0.5)
    total, parts, wrong = text.splitlines()
    assert numbers(total) == [pytest.approx(1 / 8 + math.log(2), abs=1e-6)]  # ½(¼ + 1 − 1) + ln 2
    assert numbers(parts) == [0.5, pytest.approx(math.log(2) - 3 / 8, abs=1e-6)]
    assert numbers(wrong) == [pytest.approx((1 / 16) / 2 + math.log(4), abs=1e-6)]  # σ = ¼


def test_gaussian_maps_the_noise_on_a_line_and_shades_the_kl():
    figure, text = explore.draw_gaussian(-1.5, 0.8)
    densities, noise = figure.axes
    epsilon, codes = (line.get_xdata() for line in noise.lines[-2:])
    np.testing.assert_allclose(codes, -1.5 + 0.8 * np.asarray(epsilon), rtol=1e-6)
    x, y = densities.collections[0].get_paths()[0].vertices.T  # there along the curve, back along 0
    area = np.sum(np.roll(x, -1) * y - x * np.roll(y, -1)) / 2  # below 0 it counts as negative
    assert abs(area) == pytest.approx(numbers(text.splitlines()[0])[0], rel=1e-3)


def test_the_share_of_codes_further_out():
    assert explore.share_beyond(torch.zeros(4)) == 1
    # χ² with 2: exp(−r²/2); with 4: (1 + r²/2) exp(−r²/2)
    assert explore.share_beyond(torch.tensor([3.0, 4.0])) == pytest.approx(math.exp(-12.5), rel=1e-4)
    assert explore.share_beyond(torch.tensor([1.0, -1, 1, 1])) == pytest.approx(3 * math.exp(-2), rel=1e-4)
    drawn = torch.randn(20_000, 3).norm(dim=1)
    assert explore.share_beyond(torch.tensor([0.0, 2, 0])) == pytest.approx((drawn > 2).float().mean().item(), abs=0.01)


class Bars(torch.nn.Module):
    """A decoder whose image says the code: column i has z_i, as logits."""

    def forward(self, z):
        return torch.nn.functional.pad(z, (0, 26))[:, None, None, :].expand(-1, 1, 28, -1)


def test_a_code_given_by_its_numbers_is_decoded_beside_the_nearest_image():
    model = build_model(HyperParams(latent_dim=2))
    model.decoder = Bars()
    X, codes = torch.rand(3, 1, 28, 28), torch.tensor([[0.0, 0.0], [1.0, -1.0], [3.0, 3.0]])
    figure, text = explore.draw_code(model, X, codes, z1=1.0, z2=-1.5)
    decoded, nearest, first, second = figure.axes
    shown = decoded.images[0].get_array()
    np.testing.assert_allclose(shown[0, :3], torch.tensor([1.0, -1.5, 0]).sigmoid(), rtol=1e-5)
    np.testing.assert_array_equal(nearest.images[0].get_array(), X[1, 0])
    assert "1.80" in text.splitlines()[0]  # √3.25
    assert "0.50" in text.splitlines()[1]
    # The picture of z1's row whose middle lies at −3, 0 and 3, and the mark at the value itself.
    for axis, i, value in ((first, 0, 1.0), (second, 1, -1.5)):
        image = axis.images[0]
        left, right, _, _ = image.get_extent()
        row, width = image.get_array(), (right - left) / (28 * explore.STEPS)
        for z in (-3.0, 0.0, 3.0):
            middle = round((z - left) / width)  # of that image's 28 columns
            np.testing.assert_allclose(row[0, middle - 14 + i], torch.tensor(z).sigmoid(), rtol=1e-5)
        assert axis.lines[0].get_xdata()[0] == value


def test_the_code_of_the_image_that_is_pointed_at():
    model = build_model(HyperParams(latent_dim=2))
    X = torch.rand(90, 1, 28, 28)
    assert explore.sheet_of_images(X).shape == (1, 5 * 28, 18 * 28)
    codes, log_sigma = encode(model, X)
    assert explore.draw_image_code(model, X, codes, None) == "point at an image above"
    figure, text = explore.draw_image_code(model, X, codes, (1, 3))  # the 22nd image
    shown, decoded, latents = figure.axes
    np.testing.assert_array_equal(shown.images[0].get_array(), X[21, 0])
    np.testing.assert_allclose(decoded.images[0].get_array(), decode(model, codes[21:22])[0, 0], rtol=1e-5)
    (bars,) = latents.containers
    np.testing.assert_allclose(np.asarray(bars.lines[0].get_xdata(), dtype=float), codes[21], rtol=1e-5)
    kl = 0.5 * ((2 * log_sigma[21]).exp() + codes[21].square() - 1) - log_sigma[21]
    assert numbers(text)[0] == pytest.approx(kl.sum().item(), abs=0.051)


def test_new_images_follow_their_seed():
    model = build_model(HyperParams(latent_dim=2))
    model.decoder = Bars()
    first, again, other = (explore.draw_new(model, seed).axes[0].images[0].get_array() for seed in (0, 0, 1))
    assert first.shape == (4 * 28, 15 * 28)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    z = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(first[0, :2], z[0].sigmoid(), rtol=1e-5)
