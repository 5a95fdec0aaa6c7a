"""The course's exercises on information: exact answers, by formulas other than the lab's where there are any."""

import math

import pytest
import torch
from scipy.stats import entropy as scipy_entropy

from common.errors import InputError
from labs.vae import information
from labs.vae.information import (
    FAIR,
    LOADED,
    P1,
    P2,
    P3,
    P4,
    cross_entropy,
    entropy,
    gaussian_kl,
    js_divergence,
    kl_divergence,
    midterm_as_printed,
    midterm_vae,
    mixture,
    self_information,
)


def test_the_coins():
    assert self_information(0.5) == 1
    assert self_information(0.5, "nats") == pytest.approx(math.log(2))
    assert entropy(FAIR) == 1
    assert entropy(LOADED) == pytest.approx(0.4689956, abs=5e-8)
    assert entropy((1.0, 0.0)) == 0


def test_cross_entropy_of_the_coins_where_the_slide_has_1_085():
    assert cross_entropy(FAIR, LOADED) == pytest.approx(1.7369656, abs=5e-8)
    assert cross_entropy(FAIR, LOADED) == pytest.approx(-0.5 * math.log2(0.9) - 0.5 * math.log2(0.1))


def test_the_divergences_of_the_slides():
    assert kl_divergence(P1, P2) == pytest.approx(0.2006666, abs=5e-8)
    assert kl_divergence(P2, P1) == pytest.approx(0.2405156, abs=5e-8)
    M = mixture(P1, P2)
    assert M.tolist() == pytest.approx([0.466667, 0.316667, 0.216667], abs=5e-7)
    assert kl_divergence(P1, M) == pytest.approx(0.0572495, abs=5e-8)
    assert kl_divergence(P2, M) == pytest.approx(0.0485347, abs=5e-8)
    assert js_divergence(P1, P2) == pytest.approx(0.0528921, abs=5e-8)
    assert js_divergence(P2, P1) == pytest.approx(0.0528921, abs=5e-8)


def test_the_bar_charts():
    assert kl_divergence(P3, P2) == pytest.approx(0.2006666, abs=5e-8)
    assert kl_divergence(P1, P3) == pytest.approx(0.8958797, abs=5e-8)
    assert kl_divergence(P1, P4) == math.inf
    assert kl_divergence(P4, P1) == pytest.approx(math.log(10))
    assert js_divergence((1.0, 0.0), (0.0, 1.0), "bits") == 1  # the largest there is


@pytest.mark.parametrize("unit", ["bits", "nats"])
def test_agrees_with_scipy(unit):
    P, Q = torch.rand(2, 6, dtype=torch.float64)
    P, Q, base = P / P.sum(), Q / Q.sum(), 2 if unit == "bits" else math.e
    assert entropy(P, unit) == pytest.approx(scipy_entropy(P, base=base))
    assert kl_divergence(P, Q, unit) == pytest.approx(scipy_entropy(P, Q, base=base))
    assert kl_divergence(P, Q, unit) == pytest.approx(cross_entropy(P, Q, unit) - entropy(P, unit))


def test_gaussian_kl_three_ways():
    for mu, sigma in ((1.0, 0.5), (0.0, 1.0), (-2.0, 3.0)):
        formula, torchs, integral = gaussian_kl(mu, sigma).values()
        assert formula == pytest.approx(torchs, abs=1e-12)
        assert formula == pytest.approx(integral, abs=1e-8)
    assert gaussian_kl(1.0, 0.5)["formula"] == pytest.approx(0.818147, abs=5e-7)


ZEROS = (torch.zeros(4, 2), torch.zeros(4), torch.zeros(2, 2), torch.zeros(2))
X = torch.tensor(information.MIDTERM_X)


def test_midterm_with_all_weights_zero():
    total, reconstruction, kl = midterm_vae(*ZEROS, X, torch.randn(2, 4))
    assert float(reconstruction) == pytest.approx(2.04 / 8)
    assert float(kl) == 0
    assert float(total) == pytest.approx(0.255)


def test_midterms_printed_formulas_with_all_weights_zero():
    """A sum over the two features instead of their mean, and −1 where two latents need −2."""
    total, reconstruction, kl = midterm_as_printed(*ZEROS, X, torch.randn(2, 4))
    assert float(reconstruction) == pytest.approx(2.04 / 4)
    assert float(kl) == pytest.approx(0.5)
    assert float(total) == pytest.approx(1.01)


def test_midterms_printed_kl_is_half_a_nat_too_large():
    be = torch.tensor([0.3, -1.0, 0.5, -0.2])  # μ, then log σ², of both latents, whatever x is
    _, _, printed = midterm_as_printed(ZEROS[0], be, *ZEROS[2:], X, torch.zeros(2, 4))
    q = torch.distributions.Normal(be[:2], (be[2:] / 2).exp())
    exact = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()
    assert float(printed - exact) == pytest.approx(0.5)


def test_midterms_code_takes_the_mean_over_the_latents():
    """be = (1, 1, 0, 0): mu = 1, sigma = 1 in both latents. The KL is 2 · 1/2 = 1, the code's mean 1/2."""
    We, _, Wd, bd = ZEROS
    total, reconstruction, kl = midterm_vae(We, torch.tensor([1.0, 1, 0, 0]), Wd, bd, X, torch.zeros(2, 4))
    assert float(kl) == pytest.approx(0.5)
    assert float(total) == pytest.approx(0.755)


def test_midterm_decodes_mu_plus_sigma_epsilon():
    """Identity decoder, be = (0, 0, ln 4, ln 4), so sigma = 2; epsilon = X/2 gives back X."""
    We, _, _, bd = ZEROS
    log_variance = math.log(4.0)
    be = torch.tensor([0.0, 0.0, log_variance, log_variance])
    _, reconstruction, kl = midterm_vae(We, be, torch.eye(2), bd, X, X / 2)
    assert float(reconstruction) == pytest.approx(0, abs=1e-12)
    assert float(kl) == pytest.approx((4 - log_variance - 1) / 2)


@pytest.mark.parametrize("wrong", [(0.6, 0.3), (1.5, -0.5), (), (math.nan, 1.0)])
def test_what_is_no_distribution_is_named(wrong):
    with pytest.raises(InputError, match="is no distribution"):
        entropy(wrong)


def test_distributions_over_different_outcomes_are_named():
    with pytest.raises(InputError, match="P has 2 numbers and Q 3"):
        kl_divergence(FAIR, P1)


def test_own_distributions(capsys):
    information.inform(p=(0.5, 0.5), q=(0.9, 0.1), unit="bits")
    assert "H(P, Q)    1.7369656 bits" in capsys.readouterr().out
    with pytest.raises(InputError, match="--p"):
        information.inform(q=(0.5, 0.5))


def test_command(here):
    printed = here("labs.vae.information").stdout
    for number in ("1.7369656", "0.2006666", "0.0572495", "0.0528921", "0.818147", "0.255", "0.510"):
        assert number in printed
