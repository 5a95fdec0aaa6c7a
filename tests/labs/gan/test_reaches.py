"""What README.md says the GANs reach, on real MNIST (LABS_DATA names the folder that has it)."""

import pytest

from labs.gan import train


@pytest.fixture(autouse=True)
def few_samples():
    """Not here: 10 000 samples, as in README.md."""


@pytest.mark.slow
@pytest.mark.parametrize(("model", "epochs", "distance"), [("task4", 25, 15), ("dcgan", 12, 4)])
def test_all_classes_and_a_small_distance(model, epochs, distance):
    _, run = train(dataset="mnist", model=model, epochs=epochs, offline=True)
    assert run.metrics["coverage"] == 10
    assert run.metrics["smallest_share"] > 0.01
    assert run.metrics["frechet_distance"] < distance
