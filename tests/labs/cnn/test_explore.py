"""What the notebook's controls draw."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from common.errors import InputError
from common.runs import Run
from labs.cnn import HyperParams, build_model, explore
from labs.cnn.inside import draw_all, explain, steps
from labs.cnn.own_pictures import PICTURES


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def shown(figure, axis: int) -> np.ndarray:
    return np.asarray(figure.axes[axis].images[0].get_array())


@pytest.fixture
def trained():
    torch.manual_seed(0)
    return build_model(), Run(HyperParams(dataset="digits", out="run"))


def test_an_uploaded_file_and_own_numbers_come_before_what_is_chosen():
    file = png(Image.new("L", (12, 10), 255))
    figure = explore.draw_convolved("china", file, "edges", "0 0 0 0 0.5 0 0 0 0")
    assert shown(figure, 0).shape == (10, 12)
    assert (shown(figure, 2) == 0.5).all()
    named = explore.draw_convolved("china", None, "identity", "")
    assert shown(named, 0).shape == (214, 320)
    np.testing.assert_array_equal(shown(named, 2), shown(named, 0)[1:-1, 1:-1])


@pytest.mark.parametrize(("place", "corner"), [((20, 30), (19, 29)), ((0, 0), (0, 0)), ((36, 55), (34, 53))])
def test_the_products_under_the_pointer_add_up(place, corner):
    """Also at the picture's rim, where the window stays inside."""
    figure, said = explore.draw_products("china", None, "sharpen", "", place, bias=0.5, relu=True)
    pixels, kernel, products = (shown(figure, i) for i in (1, 2, 3))
    np.testing.assert_allclose(products, pixels * kernel)
    total = products.sum() + 0.5
    assert said.startswith(f"O[{corner[0]},{corner[1]}] = ") and "(−1)" in said
    assert float(re.search(r" = (\S+); ReLU", said)[1].replace("−", "-")) == pytest.approx(total, abs=6e-3)
    assert said.endswith(f"ReLU: {max(0, total):.2f}")


def test_a_drawing_goes_through_the_layers(trained):
    own = (PICTURES / "5.png").read_bytes()
    reading, default = explore.draw_reading(*trained, own), explore.draw_reading(*trained, None)
    assert not np.array_equal(shown(reading, 1), shown(default, 1))
    assert shown(reading, 1).shape[:2] == (28, 28)
    said = " ".join(text.get_text() for axis in explore.draw_maps(*trained, own).axes for text in axis.texts)
    assert "0 Conv 5×5, 1→16\n16 maps of 24 × 24" in said and "4 MaxPool 2×2\n16 maps of 5 × 5" in said


@pytest.mark.parametrize(
    "settings",
    [{}, {"model": "lenet"}, {"model": "task2", "batch_norm": True, "pooling": "average", "filters": (4, 20)}],
)
def test_every_map_that_is_clicked_is_explained_by_a_sum_that_is_right(settings):
    torch.manual_seed(0)
    model, image = build_model(HyperParams(**settings)), torch.rand(1, 28, 28)
    with_maps = [step for step in steps(model, image) if step.left.ndim == 3]
    for row, step in enumerate(with_maps):
        figure, said = explain(model, image, row, 1)
        largest = step.left[1].flatten()[step.left[1].abs().argmax()]
        stated = re.search(r"= (−?[\d.]+)(;|$)", said)
        assert float(stated[1].replace("−", "-")) == pytest.approx(float(largest), abs=0.006), said
        if "Conv" in step.name and "…" not in said:
            terms = said.split(": ")[-1].split(" = ")[0].replace("bias ", "").replace("− ", "+ -").replace("−", "-")
            assert sum(map(float, terms.split(" + "))) == pytest.approx(float(largest), abs=0.1), said
    _, said = explain(model, image, len(with_maps), 3)
    probability = steps(model, image)[-1].left.softmax(dim=0)[3]
    assert said.startswith("class 3: ") and said.endswith(f" = {float(probability):.2%}")


def test_there_is_a_tile_for_every_map_and_answer(trained):
    content, rows, columns = draw_all(trained[0], torch.rand(1, 28, 28), explore.as_png)
    assert (rows, columns) == (7, 16)
    assert Image.open(io.BytesIO(content)).size == (16 * 70, 7 * 70)


def test_an_empty_canvas_is_named(trained):
    empty = png(Image.new("L", (280, 280)))
    for draw in (explore.draw_reading, explore.draw_maps):
        with pytest.raises(InputError, match="nothing to read"):
            draw(*trained, empty)
    with pytest.raises(InputError, match="all points would be of one kind"):
        explore.draw_painted(empty)
    assert "Paint" in explore.draw_painted(None)


def test_points_on_what_was_painted_are_of_the_other_kind():
    canvas = Image.new("L", (100, 100))
    ImageDraw.Draw(canvas).rectangle((50, 0, 99, 49), fill=255)  # the right upper quarter
    X, y = explore.throw(np.asarray(canvas) > 127, 200, seed=0)
    assert torch.equal(y == 1, (X > 0).all(dim=1))
    figure, said = explore.draw_painted(png(canvas), steps=3)
    assert "of 300 points right" in said and "of 1000 new ones" in said


def test_what_was_saved_predicts_the_same(monkeypatch):
    from labs.cnn import train

    monkeypatch.setattr("labs.cnn.cnn.save_figures", lambda *args: None)
    trained = train(dataset="digits", limit=32, epochs=1, quiet=True)
    assert explore.compare_saved(*trained) == "largest difference between 3,590 probabilities: 0"


def test_before_training_it_guesses_and_always_the_same():
    said = explore.score_untrained("digits")
    assert said == explore.score_untrained("digits")
    loss, share = re.match(r"loss ([\d.]+), ([\d.]+)% of 359", said).groups()
    assert float(loss) == pytest.approx(2.303, abs=0.05) and float(share) < 20


def test_data_and_networks_are_shown_in_pictures_and_words():
    figure, said = explore.draw_samples("digits")
    assert said == "(1438, 1, 28, 28) with values from 0 to 1; 359 images for testing"
    figure, said = explore.draw_network("task2", "same", 2, "none")
    assert said.endswith("421,642 parameters in 8 arrays")
    assert "32×14×14" in [text.get_text() for text in figure.axes[0].texts]
    with pytest.raises(InputError, match="--stride has no effect"):
        explore.draw_network("course", stride=2)


def test_before_training_there_is_nothing_to_point_at():
    assert explore.point_at_maps(None) is None
