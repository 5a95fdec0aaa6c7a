"""What the notebook's controls draw."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import InputError
from labs.cnn import build_model, explore
from labs.cnn.load_predict import PICTURES


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def shown(figure, axis: int) -> np.ndarray:
    return np.asarray(figure.axes[axis].images[0].get_array())


def test_an_uploaded_file_comes_before_the_choice_and_own_numbers_when_chosen():
    file = png(Image.new("L", (12, 10), 255))
    figure = explore.draw_convolved("china", file, explore.OWN, "0 0 0 0 0.5 0 0 0 0")
    assert shown(figure, 0).shape == (10, 12)
    assert (shown(figure, 2) == 0.5).all()
    named = explore.draw_convolved("china", None, "identity", "not read")
    assert shown(named, 0).shape == (214, 320)
    np.testing.assert_array_equal(shown(named, 2), shown(named, 0)[1:-1, 1:-1])


def test_a_drawing_goes_through_the_layers():
    torch.manual_seed(0)
    model = build_model()
    own = (PICTURES / "5.png").read_bytes()
    reading, default = explore.draw_reading(model, own), explore.draw_reading(model, None)
    assert not np.array_equal(shown(reading, 1), shown(default, 1))
    assert shown(reading, 1).shape[:2] == (28, 28)
    titles = [axis.get_title(loc="left") for axis in explore.draw_maps(model, own).axes]
    assert "0 Conv2d  16×24×24" in titles and "4 MaxPool2d  16×5×5" in titles


def test_an_empty_canvas_is_named():
    empty = png(Image.new("L", (280, 280)))
    for draw in (explore.draw_reading, explore.draw_maps):
        with pytest.raises(InputError, match="nothing to read"):
            draw(build_model(), empty)
