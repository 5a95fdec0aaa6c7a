"""Kernels made by hand: what they do to a picture, and what is no kernel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from common import cli
from common.errors import InputError
from labs.cnn import kernels
from labs.cnn.kernels import KERNELS, convolve, draw_kernel, get_picture, parse_kernel


def test_a_result_worked_by_hand():
    """The exam's picture and a kernel whose corner takes the difference of two diagonal neighbours."""
    X = torch.tensor([[1, 2, 0, 1], [3, 1, 2, 2], [0, 1, 1, 0], [2, 3, 0, 1]]).float()
    K = torch.tensor([[1, 0, 0], [0, -1, 0], [0, 0, 0]]).float()
    assert convolve(X, K).tolist() == [[1 - 1, 2 - 2], [3 - 1, 1 - 1]]
    assert convolve(X, K, bias=-1).tolist() == [[-1, -1], [1, -1]]
    assert convolve(X, K, bias=-1, relu=True).tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_does_what_scipy_does(name):
    X, K = torch.rand(9, 7), parse_kernel(name)
    k = len(K)
    whole = ndimage.correlate(X.numpy(), K.numpy(), origin=-(k // 2))  # the window's first pixel at O's place
    expected = whole[: 9 - k + 1, : 7 - k + 1]
    np.testing.assert_allclose(convolve(X, K), expected, atol=1e-5)


def test_the_sum_decides_what_becomes_of_a_plain_area():
    plain = torch.full((8, 8), 0.4)
    sums = {name: float(convolve(plain, parse_kernel(name)).mean()) / 0.4 for name in KERNELS}
    for name in ("identity", "blur", "gaussian", "sharpen", "emboss", "gaussian-5", "blur-7", "motion-7", "exam"):
        assert sums[name] == pytest.approx(1, abs=1e-5)
    for name in ("edges", "sobel-vertical", "sobel-horizontal", "spot-7"):
        assert sums[name] == pytest.approx(0, abs=1e-5)


def test_vertical_edges_are_found_by_their_kernel_only():
    X = torch.zeros(6, 6)
    X[:, 3:] = 1
    assert convolve(X, parse_kernel("sobel-vertical")).max() == 4
    assert convolve(X, parse_kernel("sobel-horizontal")).abs().max() == 0


@pytest.mark.parametrize("text", ["0,-1,0,-1,5,-1,0,-1,0", "0 -1 0\n-1 5 -1\n0 -1 0"])
def test_nine_numbers_are_a_kernel(text):
    assert torch.equal(parse_kernel(text), parse_kernel("sharpen"))


@pytest.mark.parametrize("text", ["", "blurr", "1,2,3", "1 2 3 4 5 6 7 8 x", "1 2 3 4 5 6 7 8 nan", "1 " * 64])
def test_what_is_no_kernel_is_named(text):
    with pytest.raises(InputError, match="neither a square of 1, 4, 9, .* nor one of identity, blur"):
        parse_kernel(text)


def test_pictures_are_grey_and_small():
    for name in kernels.EXAMPLES:
        X = get_picture(name)
        assert max(X.shape) <= 320
        assert 0 <= X.min() < 0.3 and 0.7 < X.max() <= 1
    Image.new("RGB", (4, 3), (255, 0, 0)).save("red.png")
    torch.testing.assert_close(get_picture("red.png"), torch.full((3, 4), 0.299), atol=0.01, rtol=0)
    with pytest.raises(InputError, match="smaller than the kernel"):
        convolve(torch.zeros(2, 8), parse_kernel("blur"))


def test_squares_of_up_to_seven_are_kernels():
    for k in range(1, 8):
        assert parse_kernel(" ".join(map(str, range(k * k)))).shape == (k, k)


def test_the_exam_of_january_2025_as_one_command(capsys):
    """Task 1: 4×4 and 2×2, bias 1, ReLU, 2×2 pooling that keeps the incomplete windows."""
    words = ["exam", "--kernel", "exam", "--bias", "1", "--relu", "--pool", "2"]
    path = cli.run(kernels.convolve_picture, kernels.Request, words, "kernels")
    said = capsys.readouterr().out
    assert "O[0,1] = 2·1 + 0·(−1) + 1·0 + 2·1 + 1 = 5\n" in said
    assert "convolution: [[1, 5, 2], [4, 1, 1], [3, 1, 3]]\nReLU: [[1, 5, 2]" in said
    assert "2×2 pooling: [[5, 2], [3, 3]]\n(torch's MaxPool2d(2) drops windows that are not full: [[5]])" in said
    assert path == Path("runs/kernel_exam_exam.png") and path.is_file()
    pooled = convolve(get_picture("exam"), parse_kernel("exam"), 1.0, relu=True, pool=2)  # what the figure shows
    assert pooled.tolist() == [[5, 2], [3, 3]]


def test_a_picture_of_numbers_and_what_is_none():
    assert get_picture("1,2; -3 4.5").tolist() == [[1, 2], [-3, 4.5]]
    for text in ("1,2;3", "1;x", ";", "1,nan;2,3"):
        with pytest.raises(InputError, match="rows of equally many numbers"):
            get_picture(text)


def test_the_help_names_every_kernel_and_picture(capsys):
    with pytest.raises(SystemExit):
        cli.run(kernels.convolve_picture, kernels.Request, ["--help"], "kernels")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name in (*KERNELS, *kernels.EXAMPLES):
        assert name in said


def test_a_kernel_that_keeps_the_brightness_is_drawn_as_the_picture_is():
    """Sharpened, a grey of 0.4 stays that grey; what overshoots is cut off, and the bar says so."""
    X = torch.full((40, 40), 0.4)
    X[:, 20:] = 0.9
    figure = draw_kernel(X, "sharpen")
    after = figure.axes[2]
    assert after.images[0].get_clim() == (0, 1)
    assert after.images[0].colorbar.extend == "both"
    low, high = draw_kernel(X, "edges").axes[2].images[0].get_clim()
    assert low == -high  # 0 is grey
    assert draw_kernel(X, "edges", relu=True).axes[2].images[0].get_clim()[0] == 0


def test_the_figure_shows_picture_kernel_and_result():
    X = torch.rand(20, 30)
    before, middle, after, _ = draw_kernel(X, "sharpen").axes
    shown = [np.asarray(axis.images[0].get_array()) for axis in (before, middle, after)]
    assert [image.shape for image in shown] == [(20, 30), (3, 3), (18, 28)]
    assert [text.get_text() for text in middle.texts] == ["0", "−1", "0", "−1", "5", "−1", "0", "−1", "0"]


def test_the_command_writes_the_figure(capsys):
    cli.run(kernels.convolve_picture, kernels.Request, ["digit", "--kernel=1,0,0,0,0,0,0,0,0", "--relu"], "kernels")
    path = Path(capsys.readouterr().out.strip())
    assert path.is_file()
