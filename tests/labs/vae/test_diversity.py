"""Diversity and coverage of samples, against formulas worked out and other libraries."""

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from common.datasets import load_images
from labs.vae import diversity


def test_spread_is_the_root_mean_square_distance_of_all_pairs():
    points = torch.randn(60, 5)
    assert diversity.spread(points) == pytest.approx(torch.pdist(points).square().mean().sqrt().item(), rel=1e-5)
    assert diversity.spread(torch.ones(3, 5)) == 0


def test_coverage_by_hand():
    real = torch.tensor([[0.0], [1.0], [3.0], [10.0]])  # nearest others at 1, 1, 2 and 7
    assert diversity.coverage(real, torch.tensor([[1.5]]), k=1) == 0.5  # near 1 and 3, not 0 and 10
    assert diversity.coverage(real, torch.tensor([[1.5], [0.0], [17.0]]), k=1) == 1
    assert diversity.coverage(real, torch.tensor([[99.0]]), k=1) == 0
    assert diversity.coverage(real, torch.tensor([[6.0]]), k=1) == 0.25  # 4 from 10


def test_coverage_is_that_of_a_library_of_neighbours():
    real, samples = torch.randn(80, 4), torch.randn(50, 4) + 0.5
    distances, _ = NearestNeighbors(n_neighbors=6).fit(real.numpy()).kneighbors(real.numpy())
    nearest, _ = NearestNeighbors(n_neighbors=1).fit(samples.numpy()).kneighbors(real.numpy())
    assert diversity.coverage(real, samples) == pytest.approx((nearest[:, 0] <= distances[:, 5]).mean())


def test_real_images_pass_one_class_blur_and_squares_do_not(tmp_path):
    digits = load_images("digits", tmp_path)
    means = torch.stack([digits.X_train[digits.y_train == c].mean(dim=0) for c in range(10)])
    squares = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 28, 28)
    tricks = {
        "real": digits.X_train,
        "ones": digits.X_train[digits.y_train == 1],
        "blur": means.repeat(40, 1, 1, 1),
        "squares": squares.repeat(200, 1, 1, 1),
    }
    scores = {name: diversity.compare(X, digits.X_test) for name, X in tricks.items()}
    assert scores["real"]["sample_diversity"] == pytest.approx(1, abs=0.05)
    assert scores["real"]["sample_coverage"] > 0.9
    assert scores["ones"]["sample_coverage"] < 0.5
    assert scores["blur"]["sample_diversity"] < 0.8
    assert scores["squares"]["sample_diversity"] > 1.5  # fooled
    assert scores["squares"]["sample_coverage"] < 0.05  # not fooled
