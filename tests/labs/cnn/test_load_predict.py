import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from common.errors import InputError
from labs.cnn import train
from labs.cnn.cnn import load_run
from labs.cnn.load_predict import load_predict
from labs.cnn.own_pictures import PICTURES, brightness, find_digit, find_ink, open_picture


def seven(size=(300, 200), ink=(255, 255, 255), paper=(0, 0, 0), at=(100, 40), width=14, mode="RGB") -> Image.Image:
    """A 7 of 60×110 pixels whose upper left corner is at `at`."""
    picture = Image.new(mode, size, paper)
    x, y = at
    ImageDraw.Draw(picture).line([(x, y), (x + 60, y), (x + 20, y + 110)], fill=ink, width=width, joint="curve")
    return picture


REFERENCE = find_digit(seven())

PICTURES_OF_THE_SAME = {
    "dark on light": seven(ink=(0, 0, 0), paper=(255, 255, 255)),
    "colours": seven(ink=(20, 30, 160), paper=(250, 240, 200)),
    "light on mid-grey": seven(ink=(250, 250, 250), paper=(120, 120, 120)),
    "off-centre, at the rim": seven(size=(790, 600), at=(712, 12)),
    "in a tall field": seven(size=(150, 600), at=(50, 480)),
    "grey": seven(mode="L", ink=255, paper=0),
    "palette": seven().convert("P"),
    "black on transparent": seven(mode="RGBA", ink=(0, 0, 0, 255), paper=(0, 0, 0, 0)),
    "white on transparent": seven(mode="RGBA", ink=(255, 255, 255, 255), paper=(255, 255, 255, 0)),
    "sixteen bits": Image.fromarray(np.asarray(seven(mode="L", ink=255, paper=0)).astype(np.uint16) * 200),
}


@pytest.mark.parametrize("kind", PICTURES_OF_THE_SAME)
def test_the_same_digit_in_any_dress_is_prepared_the_same(kind, tmp_path):
    PICTURES_OF_THE_SAME[kind].save(tmp_path / "7.png")
    prepared = find_digit(open_picture(tmp_path / "7.png"))
    assert prepared.shape == (1, 28, 28)
    # the centre of mass is rounded to whole pixels, so a column more or less is the same picture
    nearest = min((prepared.roll(shift, dims=2) for shift in (-1, 0, 1)), key=lambda p: (p - REFERENCE).abs().sum())
    assert (nearest - REFERENCE).abs().max() < 0.3
    assert (nearest - REFERENCE).abs().mean() < 0.01


def test_prepared_as_mnist_was():
    rows = REFERENCE[0].max(dim=1).values > 0.3
    assert rows.sum() == 20
    assert 0.99 < REFERENCE.max() <= 1
    weights = REFERENCE[0] / REFERENCE.sum()
    for axis in (0, 1):
        centre = (weights.sum(dim=1 - axis) * torch.arange(28)).sum()
        assert centre == pytest.approx(13.5, abs=0.6)
    # upright, not mirrored: a 7 has its long bar above, and its foot is left of its corner
    bar, foot = ((REFERENCE[0, row] > 0.3).nonzero() for row in (7, 22))
    assert len(bar) > 2 * len(foot)
    assert foot.max() < bar.max() - 3


def test_shade_noise_and_specks_do_not_matter():
    rng = np.random.default_rng(0)
    picture = np.asarray(seven(ink=(40, 40, 60), paper=(235, 230, 225))).astype(float)
    picture *= np.linspace(1, 0.6, 300)[None, :, None]  # darker to the right
    picture += rng.normal(0, 5, picture.shape)
    for y, x in rng.integers(0, 180, (8, 2)):
        picture[y : y + 2, x : x + 2] = 0
    prepared = find_digit(Image.fromarray(picture.clip(0, 255).astype(np.uint8)))
    assert (prepared - REFERENCE).abs().mean() < 0.03


def test_a_photograph_is_turned_as_the_phone_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    seven().rotate(90, expand=True).save(tmp_path / "7.jpg", exif=exif, quality=95)
    torch.testing.assert_close(find_digit(open_picture(tmp_path / "7.jpg")), REFERENCE, atol=0.5, rtol=0)


def test_brightness_and_ink():
    assert brightness(Image.new("RGB", (2, 2), (255, 255, 255))).tolist() == [[1, 1], [1, 1]]
    green = brightness(Image.new("RGB", (1, 1), (0, 255, 0)))
    assert green.item() == pytest.approx(0.587)  # Rec. 601
    grey = np.full((50, 50), 0.8, np.float32)
    grey[20:30, 20:30] = 0.1
    ink = find_ink(grey)
    assert ink[25, 25] == 1
    assert ink[5, 5] == 0


@pytest.mark.parametrize(
    "picture", [Image.new("RGB", (50, 50)), Image.new("RGBA", (9, 9), (0, 0, 0, 0)), Image.new("L", (1, 1), 9)]
)
def test_an_empty_picture_is_refused(picture):
    with pytest.raises(InputError, match="nothing to read"):
        find_digit(picture)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that has learnt the digits well enough to read a drawn one."""
    out = tmp_path_factory.mktemp("runs") / "run"
    train(dataset="digits", epochs=12, degrees=15.0, zoom=0.2, out=out, quiet=True)
    return out


def test_the_labs_own_pictures_are_read(run, capsys):
    assert load_predict(run=run) == 0
    *read, where, advice = capsys.readouterr().out.splitlines()
    names = sorted(p.name for p in PICTURES.iterdir())
    assert names == ["1.png", "5.png", "8.png"]  # each is named after its digit
    for name, line in zip(names, read, strict=True):
        path, answer = line.split(": ")
        assert path.endswith(name)
        assert answer.startswith(f"{name[0]} (")
    assert str(run / "figures" / "load_predict.png") in where
    assert (run / "figures" / "load_predict.png").is_file()
    assert "MNIST" in advice  # for this network has learnt from the digits


def test_what_the_network_saw_is_saved(run, tmp_path):
    seven().save(tmp_path / "my 7.png")
    load_predict((tmp_path / "my 7.png",), run)
    saved = np.asarray(Image.open(run / "prepared" / "1_my 7.png"))
    assert saved.shape == (28, 28)
    np.testing.assert_array_equal(saved, np.asarray((REFERENCE[0] * 255).round().byte()))


def test_what_is_no_image_gets_a_line_and_the_others_are_still_read(run, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no picture")
    whole = io.BytesIO()
    seven().save(whole, "PNG")
    (tmp_path / "cut.png").write_bytes(whole.getvalue()[:300])
    Image.new("RGB", (40, 40)).save(tmp_path / "black.png")
    seven().save(tmp_path / "good.png")
    names = ["text.png", "cut.png", "missing.png", "black.png", "good.png"]
    assert load_predict(tuple(tmp_path / name for name in names), run) == 4
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'good.png'}: ")
    errors = err.splitlines()
    assert len(errors) == 4
    for name, line in zip(names, errors, strict=False):
        assert line.startswith("error: ")
        assert name in line


def test_a_run_of_another_kind_or_none_is_named(tmp_path, run):
    with pytest.raises(InputError, match="no run of labs.cnn under"):
        load_predict()
    with pytest.raises(InputError, match="holds no trained network"):
        load_run(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load_run(tmp_path)
