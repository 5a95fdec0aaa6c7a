"""The embedded digits and their judge, trained once for all tests of the lab."""

import os
from pathlib import Path

import pytest
import torch

from common.datasets import ImageData, load_images
from labs.gan import gan
from labs.gan.judge import get_judge


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """A data directory that has the digits' judge."""
    folder = tmp_path_factory.mktemp("data")
    if "PYTEST_XDIST_WORKER" in os.environ:  # one for all workers of this session
        folder = tmp_path_factory.getbasetemp().parent / "gan_data"
    torch.set_num_threads(1)
    get_judge(load_images("digits", folder), folder, torch.device("cpu"), quiet=True)
    return folder


@pytest.fixture(scope="session")
def digits(data_dir) -> ImageData:
    return load_images("digits", data_dir)


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    """500 images are enough to see that a run is judged."""
    monkeypatch.setattr(gan, "SAMPLES", 500)
