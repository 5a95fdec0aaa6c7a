"""Real or generated: the quiz, its truth and its marks."""

import math

import pytest
import torch
from matplotlib.colors import to_hex

from common import cli
from common.datasets import load_images
from common.errors import InputError
from labs.gan import gan, quiz
from labs.gan.gan import HyperParams, build_model
from labs.gan.pictures import FAKE, REAL

BLACK, WHITE = torch.zeros(20, 1, 28, 28), torch.ones(20, 1, 28, 28)


@pytest.fixture
def networks():
    return build_model(HyperParams(latent_dim=5))


def test_half_of_the_pictures_are_real_and_the_truth_says_which(networks):
    asked = quiz.make_quiz(networks, 5, BLACK, 1)
    assert asked.X.shape == (16, 1, 28, 28)
    assert asked.generated.sum() == 8
    dark = asked.X.flatten(1).amax(dim=1) == 0  # the generator's pictures are grey
    assert torch.equal(dark, ~asked.generated)
    d = networks["discriminator"].eval()(2 * asked.X - 1).sigmoid()[:, 0]
    torch.testing.assert_close(asked.d, d.detach())


def test_a_number_is_a_quiz(networks):
    X_real = torch.rand(100, 1, 28, 28)
    first, again, other = (quiz.make_quiz(networks, 5, X_real, number) for number in (1, 1, 2))
    assert torch.equal(first.X, again.X)
    assert not torch.equal(first.generated, other.generated)
    pictures = {tuple(image.flatten().tolist()) for one in (first, other) for image in one.X}
    assert len(pictures) > 16 + 8  # other noise, too


def fixed(generated, d=0.5):
    truth = torch.zeros(16, dtype=torch.bool)
    truth[torch.tensor(generated) - 1] = True
    return quiz.Quiz(BLACK[:16], truth, torch.full((16,), d))


def test_marks():
    asked = fixed([1, 2, 3, 4, 5, 6, 7, 8])
    right, sentence = quiz.mark(asked, [1, 2, 3, 16])
    assert right.tolist() == [True] * 3 + [False] * 5 + [True] * 7 + [False]
    assert "named 4 pictures, 3 of them generated: 10 of 16 judged rightly" in sentence
    # 3 or 4 of 4 blindly: (C(8,3)·8 + C(8,4)) / C(16,4) = (448 + 70) / 1820
    assert f"{518 / 1820:.1%}" in sentence
    _, sentence = quiz.mark(asked, [1, 2, 3, 4, 5, 6, 7, 8])  # 1 of 12 870
    assert "as good or better less than 0.1% of the time" in sentence


def test_what_the_discriminator_would_have_answered():
    asked = fixed([1, 2, 3, 4, 5, 6, 7, 8])
    d = torch.full((16,), 0.9)
    d[torch.tensor([0, 1, 15])] = 0.2  # it takes 1, 2 and 16 for generated: 2 hits, 7 real ones recognised
    _, sentence = quiz.mark(quiz.Quiz(asked.X, asked.generated, d), [])
    assert "The discriminator judges 9 rightly" in sentence


def test_chance():
    assert quiz.chance(8, 8) == pytest.approx(1 / math.comb(16, 8))
    assert quiz.chance(0, 5) == 1
    assert quiz.chance(1, 1) == pytest.approx(0.5)


def test_a_game_counts_clicks_and_tells_the_truth_of_what_was_clicked():
    game = quiz.Game(fixed([1, 2, 3, 4, 5, 6, 7, 16]))
    assert game.picture().shape == (1, 2 * 28, 8 * 28)
    figure, text = game.play(None)
    assert text == "0 of 0 clicks right; 8 clicks left"
    assert [axis.get_xlabel() for axis in figure.axes] == [""] * 16
    game.play((0, 1))  # picture 2: generated
    figure, text = game.play((1, 3))  # picture 12: real
    assert text == "1 of 2 clicks right; 6 clicks left"
    told = {axis.get_title(): axis.get_xlabel().split("\n")[0] for axis in figure.axes if axis.get_xlabel()}
    assert told == {"2 ✓": "generated", "12 ✗": "real"}
    assert to_hex(figure.axes[1].spines["top"].get_edgecolor()) == FAKE  # as in every figure of the lab
    assert to_hex(figure.axes[11].spines["top"].get_edgecolor()) == REAL
    assert game.play((1, 3))[1] == text  # the same picture again


def test_a_game_is_over_after_eight_clicks():
    game = quiz.Game(fixed([1, 2, 3, 4, 5, 6, 7, 16]))
    for column in range(8):
        figure, text = game.play((0, column))
    right, sentence = quiz.mark(game.quiz, range(1, 9))
    assert text == sentence
    assert [axis.get_title()[-1] for axis in figure.axes] == ["✓" if r else "✗" for r in right]
    assert game.play((1, 1))[1] == sentence


def test_the_quiz_as_a_command(tmp_path, data_dir, capsys, monkeypatch):
    looked = []
    monkeypatch.setattr(
        quiz, "load_images", lambda name, place, **kws: looked.append(place) or load_images(name, place)
    )
    run = tmp_path / "run"
    gan.train(dataset="digits", data_dir=data_dir, epochs=1, limit=2, batch_size=40, out=run, quiet=True)
    words = ["--run", str(run), "--number", "3"]
    assert cli.run(quiz.set_quiz, quiz.Request, words) == run / "samples" / "quiz_3.png"
    assert "judged" not in capsys.readouterr().out
    assert looked == [data_dir]  # where the data lay in training
    assert len(quiz.new_game(run, 3).quiz.X) == 16
    path = cli.run(quiz.set_quiz, quiz.Request, [*words, "--generated", "1,2,3"])
    sentence, written = capsys.readouterr().out.splitlines()
    assert sentence.startswith("You named 3 pictures")
    assert written == str(path) == str(run / "samples" / "quiz_3_truth.png")
    assert path.is_file()


def test_bad_requests_name_the_value_and_the_rule():
    with pytest.raises(InputError, match="--number is 0; it must be at least 1"):
        quiz.Request(number=0)
    with pytest.raises(InputError, match="no picture 17"):
        quiz.Request(generated=(3, 17))
