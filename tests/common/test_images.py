import math

import numpy as np
import pytest
import torch
from PIL import Image

from common import images
from common.errors import InputError
from common.images import LARGEST_PICTURE, random_affine, shrink_picture, to_mnist_form


def test_nothing_asked_changes_nothing():
    X = torch.rand(4, 1, 28, 28)
    assert random_affine(X) is X


def test_a_mirrored_image_is_the_image_from_right_to_left():
    X = torch.rand(200, 3, 6, 8)
    Y = random_affine(X, flip=True)
    same = torch.isclose(Y, X, atol=1e-5).flatten(1).all(dim=1)
    mirrored = torch.isclose(Y, X.flip(3), atol=1e-5).flatten(1).all(dim=1)
    assert torch.equal(same, ~mirrored)
    assert 60 < mirrored.sum() < 140  # half of 200, within 5 standard deviations


@pytest.mark.parametrize("shape", [(28, 28), (28, 56)])
def test_a_dot_turns_about_the_centre_and_keeps_its_distance(shape, monkeypatch):
    height, width = shape
    X = torch.zeros(1, 1, height, width)
    y0, x0 = height / 2 - 0.5, width / 2 - 0.5 + 8  # 8 pixels to the right of the centre
    X[0, 0, int(y0) : int(y0) + 2, int(x0) : int(x0) + 2] = 1
    monkeypatch.setattr(torch, "rand", lambda n: torch.ones(n))  # the largest angle
    Y = random_affine(X, degrees=90)[0, 0]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    dy = (rows * Y).sum() / Y.sum() - (height - 1) / 2
    dx = (columns * Y).sum() / Y.sum() - (width - 1) / 2
    assert math.hypot(dx, dy) == pytest.approx(8, abs=0.3)
    assert abs(dx) < 0.3  # a quarter turn puts it above or below


def test_every_image_turns_by_its_own_angle_and_none_by_more_than_asked():
    X = torch.zeros(64, 1, 41, 41)
    X[:, :, 20, 24:40] = 1  # a bar from the centre to the right
    Y = random_affine(X, degrees=20)
    rows, columns = torch.meshgrid(torch.arange(41.0) - 20, torch.arange(41.0) - 20, indexing="ij")
    angles = torch.atan2((rows * Y[:, 0]).sum(dim=(1, 2)), (columns * Y[:, 0]).sum(dim=(1, 2)))
    degrees = angles * 180 / math.pi
    assert degrees.abs().max() <= 20.5
    assert degrees.max() > 10
    assert degrees.min() < -10


def test_zoom_changes_the_area_by_the_square_of_the_scale():
    X = torch.zeros(200, 1, 40, 40)
    X[:, :, 15:25, 15:25] = 1
    area = random_affine(X, zoom=0.2).sum(dim=(1, 2, 3)) / 100
    assert 0.8**2 - 0.03 < area.min() < 0.75
    assert 1.3 < area.max() < 1.2**2 + 0.03


def test_mnist_form_fits_the_box_keeps_the_aspect_and_centres_the_mass():
    ink = np.zeros((300, 500))
    ink[40:240, 30:80] = 1  # 200 high, 50 wide, in a corner
    form = to_mnist_form(ink)
    rows, columns = (np.flatnonzero(form.max(axis=axis) > 0.5) for axis in (1, 0))
    assert (len(rows), len(columns)) == (20, 5)
    assert form.max() == 1
    for axis in (0, 1):
        centre = (np.indices(form.shape)[axis] * form).sum() / form.sum()
        assert abs(centre - 13.5) <= 0.5


def test_mnist_form_of_a_single_dot_and_of_a_line():
    dot, line = np.zeros((9, 9)), np.zeros((50, 50))
    dot[4, 4] = 0.3
    line[25, :] = 1
    assert to_mnist_form(dot).shape == to_mnist_form(line).shape == (28, 28)
    assert (to_mnist_form(line) > 0.5).sum(axis=1).max() == 20


def test_a_figure_for_a_page_is_small(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (500, 1200, 3), dtype=np.uint8)
    noise[50:] //= 64  # what a figure is: much of it of one colour
    noise[80:] = 255
    Image.fromarray(noise).save(tmp_path / "figure.png")
    small = tmp_path / "page" / "small.png"
    shrink_picture(tmp_path / "figure.png", small, width=600)
    with Image.open(small) as picture:
        assert picture.mode == "P" and picture.size == (600, 250)
    assert small.stat().st_size <= LARGEST_PICTURE


def test_a_picture_that_cannot_be_small_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "LARGEST_PICTURE", 500)
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    with pytest.raises(InputError, match="kB even with 16 colours; give a smaller --width"):
        shrink_picture(tmp_path / "noise.png", tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png is no picture"):
        shrink_picture(tmp_path / "text.png", tmp_path / "small.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # PIL refuses twice as many
    with pytest.raises(InputError, match="is no picture: Image size"):
        shrink_picture(tmp_path / "noise.png", tmp_path / "small.png")
    assert not (tmp_path / "small.png").exists()


def test_a_line_of_pixels_keeps_its_height(tmp_path):
    Image.new("RGB", (5000, 1)).save(tmp_path / "line.png")
    shrink_picture(tmp_path / "line.png", tmp_path / "small.png")
    with Image.open(tmp_path / "small.png") as picture:
        assert picture.size == (900, 1)
