"""What the judge measures, against formulas, another library, and images of known quality."""

import dataclasses
import json
import math

import numpy as np
import pytest
import scipy.linalg
import torch
from safetensors.torch import save_file

from common import checkpoint
from common.errors import InputError
from labs.gan import judge as judging
from labs.gan.judge import Opinion, ask, assess, build_judge, frechet_distance, get_judge, spread

CPU = torch.device("cpu")


def test_judge_has_84_features_and_lenets_size():
    judge = build_judge()
    assert judge[:-1](torch.zeros(2, 1, 28, 28)).shape == (2, 84)
    assert sum(p.numel() for p in judge.parameters()) == 44_426


def test_frechet_distance_against_scipys_matrix_root():
    a, b = torch.randn(400, 5).double(), (torch.randn(300, 5) @ torch.randn(5, 5) + 1).double()
    cov_a, cov_b = np.cov(a.T.numpy()), np.cov(b.T.numpy())
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum().item() + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_by_hand():
    """A shift of the mean costs its square; the doubled cloud trace(C + 4C − 2 · 2C) = trace(C)."""
    a = torch.randn(1000, 3).double()
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + torch.tensor([3.0, 0, 4.0])) == pytest.approx(25)
    centred = a - a.mean(dim=0)
    assert frechet_distance(centred, 2 * centred) == pytest.approx(a.var(dim=0).sum().item())


def test_a_data_set_of_one_image_cannot_be_measured(digits, tmp_path):
    parts = ("X_train", "y_train", "X_test", "y_test")
    one = dataclasses.replace(digits, **{part: getattr(digits, part)[:1] for part in parts})
    with pytest.raises(InputError, match="data set digits has 1 training and 1 test images; .* at least 4 of each"):
        get_judge(one, tmp_path, CPU, quiet=True)


def test_a_class_that_the_reference_has_once_says_nothing_of_diversity():
    even, rare = opinion_of(torch.arange(1000) % 2), opinion_of([0] * 1000 + [1])
    assert assess(even, rare)["diversity"] == pytest.approx(spread(even, 0) / spread(rare, 0))


def opinion_of(labels, confidence=0.91):
    labels = torch.as_tensor(labels)
    probabilities = torch.full((len(labels), 10), (1 - confidence) / 9)
    probabilities[torch.arange(len(labels)), labels] = confidence
    return Opinion(torch.randn(len(labels), 84), probabilities)


def test_shares_coverage_and_kl_by_hand():
    even, one = opinion_of(torch.arange(1000) % 10), opinion_of(torch.full((1000,), 8))
    scores = assess(even, even)
    assert scores["coverage"] == 10
    assert scores["smallest_share"] == pytest.approx(0.1)
    assert scores["class_kl"] == pytest.approx(0, abs=1e-12)
    assert scores["confidence"] == pytest.approx(0.91)
    assert scores["diversity"] == pytest.approx(1)
    assert scores["frechet_distance"] == pytest.approx(0, abs=1e-9)
    scores = assess(one, even)
    assert (scores["coverage"], scores["smallest_share"]) == (1, 0)
    assert scores["class_kl"] == pytest.approx(math.log(10))
    half = assess(opinion_of([0] * 500 + [1] * 491 + [2] * 9), even)  # 0.9 % is not covered
    assert half["coverage"] == 2
    expected = math.log(10) + 0.5 * math.log(0.5) + 0.491 * math.log(0.491) + 0.009 * math.log(0.009)
    assert half["class_kl"] == pytest.approx(expected)


def test_spread_is_the_root_mean_square_distance_of_all_pairs():
    opinion = opinion_of([3] * 40 + [4] * 7)
    distances = torch.pdist(opinion.features[:40].double())
    assert spread(opinion, 3) == pytest.approx(distances.square().mean().sqrt().item(), rel=1e-6)
    assert spread(opinion, 9) == 0


def test_scores_are_written_as_a_person_writes_them():
    real = {"coverage": 10, "smallest_share": 0.08984, "frechet_distance": 0.0911899, "diversity": 1.00366}
    lines = judging.describe_scores({"dirt": {**real, "frechet_distance": 54.44}, "real": real}).splitlines()
    assert lines[0].split() == ["dirt", "real"]
    words = {" ".join(line.split()[:2]): line.split() for line in lines[1:]}
    assert words["coverage 10"][1:3] == ["10", "10"]
    assert words["smallest share"][2:4] == ["9.0%", "9.0%"]
    assert words["frechet distance"][2:4] == ["54.4", "0.091"]
    assert len(lines) == 5  # what nobody has measured has no line


def test_judge_knows_the_digits_and_is_kept(digits, data_dir, monkeypatch):
    monkeypatch.setattr(judging, "train_judge", lambda *args, **kws: pytest.fail("trained again"))
    judge = get_judge(digits, data_dir, CPU)
    right = ask(judge, digits.X_test).classes == digits.y_test
    assert right.float().mean() > 0.95


def test_measures_tell_real_images_from_noise_from_one_class_from_blur(digits, data_dir):
    """Each trick is seen through by one measure at least, and real images pass all."""
    judge = get_judge(digits, data_dir, CPU)
    reference = ask(judge, digits.X_train)
    means = torch.stack([digits.X_train[digits.y_train == c].mean(dim=0) for c in range(10)])
    tricks = {
        "real": digits.X_test,
        "noise": torch.rand(500, 1, 28, 28),
        "ones": digits.X_train[digits.y_train == 1],
        "blur": (means.repeat(50, 1, 1, 1) + 0.05 * torch.randn(500, 1, 28, 28)).clamp(0, 1),
    }
    scores = {name: assess(ask(judge, X), reference) for name, X in tricks.items()}
    assert scores["real"]["coverage"] == 10
    assert scores["real"]["frechet_distance"] < 1
    assert 0.9 < scores["real"]["diversity"] < 1.2
    assert scores["noise"]["frechet_distance"] > 20
    assert scores["ones"]["coverage"] <= 2
    assert scores["blur"]["coverage"] == 10  # fooled
    assert scores["blur"]["diversity"] < 0.5  # not fooled


def test_damaged_judge_is_refused(digits, tmp_path):
    (tmp_path / "gan_judge-digits.safetensors").write_bytes(b"no tensors")
    with pytest.raises(InputError, match="gan_judge-digits"):
        get_judge(digits, tmp_path, CPU)


def test_judge_of_an_older_release_is_taken_which_wrote_no_digest(digits, data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "train_judge", lambda *args, **kws: pytest.fail("trained again"))
    tensors, header = checkpoint.load(data_dir / "gan_judge-digits.safetensors")
    save_file(tensors, tmp_path / "gan_judge-digits.safetensors", {"header": json.dumps(header)})
    old, new = (ask(get_judge(digits, folder, CPU), digits.X_test[:20]) for folder in (tmp_path, data_dir))
    assert torch.equal(old.probabilities, new.probabilities)


def test_judge_that_cannot_be_kept_is_used_all_the_same(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "train_judge", lambda *args, **kws: 0.99)
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="could not be written"):
        get_judge(digits, tmp_path / "data", CPU, quiet=True)
