"""Anomaly scores and how well they separate."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

from labs.vae.anomaly import anomaly_scores, get_anomalies, roc
from labs.vae.vae import HyperParams, build_model, reconstruct


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    normal, anomalous = torch.randn(60), torch.randn(40) + 0.7
    *_, area = roc(normal, anomalous)
    assert area == pytest.approx(float((anomalous[:, None] > normal).float().mean()), abs=1e-6)
    truth = [0] * 60 + [1] * 40
    assert area == pytest.approx(roc_auc_score(truth, torch.cat([normal, anomalous])))


def test_the_score_of_an_image_is_the_error_of_its_mean_reconstruction():
    model, args = build_model(), HyperParams()
    X = torch.rand(3, 1, 28, 28)
    x_hat = reconstruct(model, X)
    expected = -(X * x_hat.log() + (1 - X) * (1 - x_hat).log()).sum(dim=(1, 2, 3))
    torch.testing.assert_close(anomaly_scores(model, X, args), expected)


def test_scrambled_images_keep_their_pixels_and_rotated_ones_their_shape():
    X, args = torch.rand(5, 1, 28, 28), HyperParams()
    scrambled = get_anomalies("scrambled", X, args)
    assert not torch.equal(scrambled, X)
    assert torch.equal(scrambled.flatten(1).sort().values, X.flatten(1).sort().values)
    rotated = get_anomalies("rotated", X, args)
    assert torch.equal(rotated[0, 0, 27 - 3, 5], X[0, 0, 5, 3])  # a quarter turn to the left


def test_anomalies_are_binarised_as_the_images_were():
    X = torch.rand(5, 1, 28, 28).round()
    assert set(get_anomalies("noise", X, HyperParams(binarize="static")).unique().tolist()) == {0.0, 1.0}
    assert get_anomalies("digits", X, HyperParams()).shape == X.shape
