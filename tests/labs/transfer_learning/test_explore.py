"""What the notebook's sliders draw."""

import io

import pytest
import torch
from PIL import Image

from common.errors import InputError
from labs.transfer_learning import explore
from labs.transfer_learning.labelled_images import get_data
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve


@pytest.fixture(scope="module")
def digits():
    args = resolve(HyperParams(dataset="digits", backbone="characters", train_images=0, test_images=0, offline=True))
    return get_data(args, torch.device("cpu"))


def images(figure) -> list:
    return [image.get_array() for axis in figure.axes for image in axis.images]


def test_drawings_follow_the_seed():
    (one,), (same,), (other,) = (images(explore.draw_characters(seed)) for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one == other).all()


def test_without_augmentation_every_row_is_the_first(digits):
    X = digits.train[0][:4]
    (plain,) = images(explore.draw_augmented(X, 0, 0.0, 0.0))
    (turned,) = images(explore.draw_augmented(X, 20, 0.1, 0.2))
    rows = torch.as_tensor(plain).chunk(4)
    assert all(torch.equal(rows[0], row) for row in rows)
    first, *others = torch.as_tensor(turned).chunk(4)
    assert torch.equal(first, rows[0])
    assert not any(torch.equal(first, row) for row in others)


def test_a_draw_shows_its_labels_and_pretraining_is_ahead(digits):
    figure, text = explore.draw_few_labels(digits, labels=5, draw=0)
    first, pretrained, random = text.splitlines()
    assert first == "50 labelled images, 359 test images"
    reached = [float(line.split(":")[1].split("%")[0]) for line in (pretrained, random)]
    assert reached[0] > 75
    assert reached[0] > reached[1] + 20
    (shown,) = images(figure)
    assert shown.shape[:2] == (5 * 28, 10 * 28)
    assert "20 labelled images" in explore.draw_few_labels(digits, labels=2, draw=0)[1]


def test_heat_over_a_test_image_or_a_picture_of_ones_own(digits):
    args = resolve(HyperParams(dataset="digits", backbone="characters", offline=True))
    model = build_model(args)
    own = io.BytesIO()
    Image.new("RGB", (60, 40), (255, 0, 0)).save(own, "PNG")
    test = explore.draw_heat(model, digits, None, example=3)
    upload = explore.draw_heat(model, digits, own.getvalue(), example=3)
    assert test.axes[0].get_title() == f"label: {digits.classes[digits.test[1][3]]}"
    assert upload.axes[0].get_title() == ""
    assert images(upload)[0].shape == (32, 32, 3)
    assert len(images(upload)) == 5  # the picture three times, heat over two of them
    with pytest.raises(InputError, match="the picture cannot be read: it is no image"):
        explore.draw_heat(model, digits, b"text", example=3)
