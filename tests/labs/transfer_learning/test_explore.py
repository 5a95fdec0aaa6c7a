"""What the notebook's sliders draw."""

import io

import pytest
import torch
from PIL import Image

from common.errors import InputError
from labs.transfer_learning import explore, transfer_learning
from labs.transfer_learning.grad_cam import grad_cam
from labs.transfer_learning.pretrained_network import build_model
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import predict


@pytest.fixture(scope="module")
def digits():
    return explore.open_pair("digits", "", "characters")


def images(figure) -> list:
    return [image.get_array() for axis in figure.axes for image in axis.images]


def test_drawings_follow_the_seed():
    (one,), (same,), (other,) = (images(explore.draw_characters(seed)) for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one == other).all()


def test_without_augmentation_every_row_is_the_first(digits):
    (plain,) = images(explore.draw_augmented(digits, 0, 0.0, 0.0))
    (turned,) = images(explore.draw_augmented(digits, 20, 0.1, 0.2))
    rows = torch.as_tensor(plain).chunk(4)
    assert all(torch.equal(rows[0], row) for row in rows)
    first, *others = torch.as_tensor(turned).chunk(4)
    assert torch.equal(first, rows[0])
    assert not any(torch.equal(first, row) for row in others)


def test_a_draw_shows_its_labels_and_pretraining_is_ahead():
    figure, text = explore.draw_few_labels(labels=5, draw=0)
    first, pretrained, random = text.splitlines()
    assert first == "50 labelled images, 359 test images"
    reached = [float(line.split(":")[1].split("%")[0]) for line in (pretrained, random)]
    assert reached[0] > 75
    assert reached[0] > reached[1] + 20
    (shown,) = images(figure)
    assert shown.shape[:2] == (5 * 28, 10 * 28)
    assert "20 labelled images" in explore.draw_few_labels(labels=2, draw=0)[1]


def test_heat_over_a_test_image_or_a_picture_of_ones_own(digits):
    model = build_model(digits.settings)
    own = io.BytesIO()
    Image.new("RGB", (60, 40), (255, 0, 0)).save(own, "PNG")
    data = digits.data
    first, test = (explore.draw_heat(model, None, digits, None, place) for place in (None, (1, 3)))
    upload = explore.draw_heat(model, None, digits, own.getvalue(), None)
    assert first.axes[0].get_title() == f"label: {data.classes[data.test[1][0]]}"
    assert test.axes[0].get_title() == f"label: {data.classes[data.test[1][13]]}"
    assert upload.axes[0].get_title() == ""
    assert images(upload)[0].shape == (32, 32, 3)
    assert len(images(upload)) == 5  # the picture three times, heat over two of them
    with pytest.raises(InputError, match="the picture cannot be read: it is no image"):
        explore.draw_heat(model, None, digits, b"text", None)
    assert explore.test_mosaic(digits).shape == (1, 4 * 28 * 2, 10 * 28 * 2)


def test_a_pair_is_chosen_described_and_trained(digits, monkeypatch):
    monkeypatch.setattr(transfer_learning, "save_figures", lambda *args: None)
    said = explore.describe_network(digits)
    assert "(8, 1, 28, 28) → (8, 3, 32, 32) → (8, 256) → (8, 10)" in said
    assert "guessing would be 2.30" in said
    assert explore.name_button(digits) == "Train characters on digits"
    trained = explore.train_pair(digits, "initialisation", train_images=20, epochs=1, lr=1e-3)
    assert trained[1].settings.train_images == 20
    assert explore.reopen(*trained).endswith("to the last bit: True")
    assert explore.figure("curves")(*trained) == trained[1].path / "figures/curves.png"
    with pytest.raises(InputError, match="open a data set first"):
        explore.train_pair(None, "initialisation", 20, 1, 1e-3)


def test_photographs_are_a_folder(tmp_path):
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        for i in range(5):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.new("RGB", (50, 40), colour).save(tmp_path / name / f"{i}.png")
    pair = explore.open_pair("photographs", str(tmp_path), "characters_mobile")
    assert pair.data.classes == ("blue", "red")
    assert "8 training and 2 test images of 2 classes" in explore.draw_samples(pair)[1]
    with pytest.raises(InputError, match="name the folder of your photographs"):
        explore.open_pair("photographs", " ", "characters")


def test_what_predicts_moves_its_images_to_the_model():
    """On a machine with a GPU the model is there and the notebook's images are not. `meta` stands for a GPU: what stays
    behind is refused with another error than the wish to bring the answer back."""
    model = build_model(resolve(HyperParams(dataset="digits", backbone="characters", weights="none"))).to("meta")
    X = torch.zeros(2, 1, 28, 28)
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        predict(model, X)
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        grad_cam(model, X, torch.tensor([1, 2]), model.backbone[3])
