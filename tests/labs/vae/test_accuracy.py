"""What the lab reaches on real MNIST in full (slow: minutes on a CPU). LABS_DATA says where MNIST lies."""

import pytest

from labs.vae.vae import EXPECTED, train


@pytest.mark.slow
@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: " ".join(map(str, row.settings.values())))
def test_what_is_said_to_be_expected_is_reached(row):
    _, run = train(offline=True, quiet=True, **row.settings)
    assert row.holds(run.metrics), (row.band(), run.metrics)
