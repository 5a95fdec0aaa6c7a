"""The drawn characters, the small network that comes with the lab, and how its weights are made."""

from pathlib import Path

import pytest
import torch
from PIL import ImageFont

from common import checkpoint
from common.errors import InputError
from labs.transfer_learning import characters
from labs.transfer_learning.backbones import preparation
from labs.transfer_learning.pretrain import Pretraining, pretrain
from labs.transfer_learning.pretrained_network import Prepare


def test_drawings_are_seeded_and_even():
    X, y = characters.draw(124, seed=3)
    assert X.shape == (124, 3, 32, 32)
    assert X.dtype == torch.uint8
    assert torch.bincount(y).tolist() == [2] * 62
    again, other = characters.draw(124, seed=3)[0], characters.draw(124, seed=4)[0]
    assert torch.equal(X, again)
    assert not torch.equal(X, other)
    assert X.float().flatten(1).std(dim=1).min() > 5  # something is drawn in every one


def test_every_font_has_letters():
    """A font that lacks letters draws the same box for all of them."""
    fonts = [ImageFont.truetype(str(path), 20) for path in characters.fonts()]
    assert len(fonts) >= 20
    for font in fonts:
        assert len({bytes(font.getmask(letter)) for letter in "ABCabc123"}) == 9, font.getname()


def test_undistorted_the_middle_of_the_sheet_is_cut_out(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.full(shape, 0.5))  # the middle of every range
    sheets = torch.rand(2, 1, 48, 48, generator=None) * torch.arange(48 * 48.0).view(48, 48)
    torch.testing.assert_close(characters.distort(sheets, None), sheets[:, :, 8:40, 8:40])


def test_paper_and_pen_can_be_told_apart():
    paper, pen = characters.draw_colours(500, torch.Generator().manual_seed(0))
    assert paper.shape == pen.shape == (500, 3, 1, 1)
    assert (paper - pen).mean(dim=1).abs().min() >= 0.3


@pytest.mark.parametrize("name", characters.OWN)
def test_the_weights_that_come_with_the_lab_read_characters_they_have_not_seen(name):
    """Each drawing is given the character whose mean feature is nearest; by chance 1.6 % are right."""
    assert characters.shipped(name).stat().st_size <= 2**20
    X, y = characters.draw(1240, seed=99)
    with torch.no_grad():
        prepared = Prepare(preparation(name), 32)(X)
        features = characters.load_pretrained(name)(prepared)
        drawn = characters.build_backbone(name).eval()(prepared)

    def right(found: torch.Tensor) -> float:
        known, asked = slice(0, 930), slice(930, None)
        means = torch.stack([found[known][y[known] == label].mean(dim=0) for label in range(62)])
        return float((torch.cdist(found[asked], means).argmin(dim=1) == y[asked]).float().mean())

    assert right(features) > 0.7
    assert right(drawn) < 0.2


def test_pretraining_makes_a_file_that_can_be_loaded(capsys):
    backbone, _ = pretrain(drawings=124, epochs=1, data_dir=Path("d"), device="cpu", quiet=True)
    path = Path("d/weights/characters.safetensors")
    assert capsys.readouterr().out.strip() == str(path)
    assert checkpoint.load(path)[1]["seed"] == 0
    loaded, X = characters.load_pretrained(path=path), torch.rand(2, 3, 32, 32)
    assert backbone.eval()(X).shape == (2, 256)
    torch.testing.assert_close(loaded(X), backbone(X), rtol=2e-2, atol=2e-2)  # float16


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"drawings": 0}, {"drawings": 10**9}, {"batch_size": -1}, {"seed": -1}, {"lr": 0.0}],
)
def test_settings_that_train_nothing_are_one_line(wrong):
    (name, value), *_ = wrong.items()
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is {value}; it must be"):
        Pretraining(**wrong)
