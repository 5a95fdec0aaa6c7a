"""The sampler: the very posterior, whatever the blocks; its bookkeeping; topics that were planted."""

from itertools import product

import numpy as np
import pytest
from scipy.special import gammaln

from common.errors import InputError
from labs.nlp.lda import GibbsLDA, block_size, schedule

COUNTS = np.array([[2, 1, 0], [0, 1, 1], [1, 0, 1]])
ALPHA, BETA = 0.5, 0.4


def log_joint(counts, z, documents, words, topics):
    """log p(words, topics) with θ and φ integrated out (Griffiths & Steyvers 2004, eqs. 2 and 3), up to a constant."""
    n_dk, n_kw = np.zeros((counts.shape[0], topics)), np.zeros((topics, counts.shape[1]))
    np.add.at(n_dk, (documents, z), 1)
    np.add.at(n_kw, (z, words), 1)
    of_words = gammaln(n_kw + BETA).sum() - gammaln((n_kw + BETA).sum(axis=1)).sum()
    return of_words + gammaln(n_dk + ALPHA).sum()


@pytest.mark.parametrize("block", [1, 3])
def test_samples_are_from_the_posterior(block):
    """Every one of the 2⁷ states counted: how often two tokens share a topic, exactly and as sampled."""
    sampler = GibbsLDA(COUNTS, 2, ALPHA, BETA, block=block)
    assert max(map(len, sampler.blocks)) == block
    states = np.array(list(product(range(2), repeat=len(sampler.words))))
    log_p = np.array([log_joint(COUNTS, z, sampler.documents, sampler.words, 2) for z in states])
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    exact = np.einsum("s,sij->ij", p, states[:, :, None] == states[:, None, :])

    sweeps = 8000
    together = np.zeros_like(exact)
    for _ in range(sweeps):
        sampler.sweep()
        together += sampler.topics_of_tokens[:, None] == sampler.topics_of_tokens
    assert np.abs(together / sweeps - exact).max() < 0.025  # four standard deviations, some for correlation


def corpus(seed=0, documents=60, length=40):
    """Documents of one of three topics with ten words each, none shared."""
    random = np.random.default_rng(seed)
    counts = np.zeros((documents, 30), dtype=int)
    for d in range(documents):
        np.add.at(counts[d], random.integers(10, size=length) + 10 * (d % 3), 1)
    return counts


def test_planted_topics_are_found():
    sampler = GibbsLDA(corpus(), 3)
    first = sampler.log_likelihood()
    for _ in range(60):
        sampler.sweep()
    assert sampler.log_likelihood() == pytest.approx(np.log(0.1), abs=0.1)  # ten words, equally likely
    assert first < sampler.log_likelihood() - 0.5
    assert set(sampler.topic_words.reshape(3, 3, 10).sum(axis=2).round().flatten()) == {0, 1}
    assert len(set(sampler.document_topics[:3].argmax(axis=1))) == 3


def test_counts_stay_those_of_the_topics():
    sampler = GibbsLDA(corpus(), 4, block=17)
    for _ in range(3):
        sampler.sweep()
    again = GibbsLDA(corpus(), 4)
    again.set_topics(sampler.topics_of_tokens)
    np.testing.assert_array_equal(sampler.document_counts, again.document_counts)
    np.testing.assert_array_equal(sampler.word_counts, again.word_counts)
    np.testing.assert_array_equal(sampler.totals, again.totals)
    np.testing.assert_array_equal(sampler.document_counts.sum(axis=1), corpus().sum(axis=1))
    np.testing.assert_array_equal(sampler.word_counts.sum(axis=1), corpus().sum(axis=0))


def test_most_blocks_are_accepted():
    sampler = GibbsLDA(corpus(documents=300), 5)
    sampler.sweep()
    assert max(map(len, sampler.blocks)) > 20
    assert 0.8 < sampler.acceptance <= 1


def test_a_chain_can_be_continued():
    whole, first, second = (GibbsLDA(corpus(), 3, seed=1) for _ in range(3))
    for _ in range(6):
        whole.sweep()
    for _ in range(2):
        first.sweep()
    second.set_topics(first.topics_of_tokens)
    second.sweeps = 2
    for _ in range(4):
        second.sweep()
    np.testing.assert_array_equal(whole.topics_of_tokens, second.topics_of_tokens)


def test_the_seed_decides():
    one, same, other = (GibbsLDA(corpus(), 3, seed=seed) for seed in (1, 1, 2))
    for sampler in (one, same, other):
        sampler.sweep()
    np.testing.assert_array_equal(one.topics_of_tokens, same.topics_of_tokens)
    assert (one.topics_of_tokens != other.topics_of_tokens).any()


def test_theta_phi_and_likelihood_by_hand():
    """Two documents, "a a b" and "b": topics 0, 0, 1 and 1; α = β = 1."""
    sampler = GibbsLDA(np.array([[2, 1], [0, 1]]), 2, alpha=1, beta=1)
    sampler.set_topics(np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(sampler.document_topics, [[3 / 5, 2 / 5], [1 / 3, 2 / 3]])
    np.testing.assert_allclose(sampler.topic_words, [[3 / 4, 1 / 4], [1 / 4, 3 / 4]])
    a, b = 3 / 5 * 3 / 4 + 2 / 5 * 1 / 4, 3 / 5 * 1 / 4 + 2 / 5 * 3 / 4
    b_alone = 1 / 3 * 1 / 4 + 2 / 3 * 3 / 4
    expected = (2 * np.log(a) + np.log(b) + np.log(b_alone)) / 4
    assert sampler.log_likelihood() == pytest.approx(expected)


def test_blocks_share_no_document_and_no_word():
    random = np.random.default_rng(0)
    documents, words = random.integers(30, size=500), random.integers(40, size=500)
    blocks = schedule(documents, words, size=12)
    assert sorted(np.concatenate(blocks).tolist()) == list(range(500))
    for tokens in blocks:
        assert len(tokens) <= 12
        assert len(set(documents[tokens])) == len(set(words[tokens])) == len(tokens)
    assert len(schedule(np.zeros(5, int), np.arange(5), size=12)) == 5  # one document: a token at a time


def test_block_sizes():
    assert block_size(10) == 1
    assert block_size(8 * 27) == 9


@pytest.mark.parametrize(
    ("counts", "settings", "said"),
    [
        (np.zeros((2, 3), int), {"topics": 2}, "no tokens"),
        (COUNTS, {"topics": 0}, "0 topics"),
        (COUNTS, {"topics": 2, "alpha": 0}, "α 0"),
    ],
)
def test_bad_input(counts, settings, said):
    with pytest.raises(InputError, match=said):
        GibbsLDA(counts, **settings)
