import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from common import distributed
from common.data import ArrayLoader, stratified_split
from common.errors import InputError


def numbers(n: int) -> torch.Tensor:
    return torch.arange(n)


def test_batches_are_slices_in_order_and_the_last_is_smaller():
    batches = list(ArrayLoader(numbers(10), numbers(10) * 2, batch_size=4))
    assert [x.tolist() for x, _ in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(torch.equal(y, 2 * x) for x, y in batches)


@pytest.mark.parametrize(("n", "batches"), [(60_000, 938), (10_000, 157), (64, 1), (65, 2)])
def test_steps_per_epoch_are_n_over_b_rounded_up(n, batches):
    loader = ArrayLoader(numbers(n), batch_size=64)
    assert len(loader) == batches == sum(1 for _ in loader)


def test_every_sample_once_per_pass_in_an_order_set_by_seed_and_epoch():
    def order(seed, epoch):
        loader = ArrayLoader(numbers(100), batch_size=7, shuffle=True, seed=seed)
        loader.set_epoch(epoch)
        return torch.cat([x for (x,) in loader]).tolist()

    assert sorted(order(0, 1)) == list(range(100))
    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)
    assert order(0, 1) != list(range(100))


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        ArrayLoader(numbers(3), numbers(4))


@pytest.mark.parametrize("shuffle", [False, True])
def test_processes_share_every_batch(monkeypatch, shuffle):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    shares = []
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shares.append([x for (x,) in ArrayLoader(numbers(11), batch_size=4, shuffle=shuffle)])
    monkeypatch.setattr(distributed, "world_size", lambda: 1)
    monkeypatch.setattr(distributed, "rank", lambda: 0)
    whole = [x for (x,) in ArrayLoader(numbers(11), batch_size=4, shuffle=shuffle)]
    for i, (a, b) in enumerate(zip(*shares, strict=True)):
        together = set(a.tolist()) | set(b.tolist())
        assert together == set(whole[i].tolist())
        assert len(a) + len(b) == len(whole[i])


def test_no_process_is_left_without_a_sample_to_train_on(monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    for rank in (0, 1, 2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        sizes = [len(x) for (x,) in ArrayLoader(numbers(5), batch_size=3, shuffle=True)]
        assert sizes == [1, 2]  # the last batch has two samples, fewer than processes: each takes both
        assert [len(x) for (x,) in ArrayLoader(numbers(5), batch_size=3)] == [1, 1] if rank < 2 else [1]


def test_a_split_keeps_every_class_share_and_every_sample_once():
    y = torch.tensor([0] * 100 + [1] * 50 + [2] * 50)
    parts = stratified_split(y, (0.6, 0.2, 0.2), seed=1)
    assert [len(part) for part in parts] == [120, 40, 40]
    assert [torch.bincount(y[part]).tolist() for part in parts] == [[60, 30, 30], [20, 10, 10], [20, 10, 10]]
    assert sorted(torch.cat(parts).tolist()) == list(range(200))
    assert not torch.equal(parts[0], stratified_split(y, (0.6, 0.2, 0.2), seed=2)[0])


def test_the_manuals_split_of_70_000():
    y = torch.arange(70_000) % 10
    assert [len(p) for p in stratified_split(y, (0.6, 0.2, 0.2))] == [42_000, 14_000, 14_000]


@pytest.mark.parametrize("fractions", [(0.6, 0.2), (0.5, 0.6, -0.1), (1.0, 0.0)])
def test_fractions_that_are_no_split_are_refused(fractions):
    with pytest.raises(InputError, match="positive and sum to 1"):
        stratified_split(torch.arange(100) % 2, fractions)


def test_a_part_too_small_for_the_classes_is_refused():
    with pytest.raises(InputError, match="split 0.9,0.1 of 10 samples: class 0 has 2; .* needs at least 10$"):
        stratified_split(torch.arange(10) % 5, (0.9, 0.1))
    with pytest.raises(InputError, match="split 0.8,0.2 of 21 samples: class dog has 1; .* needs at least 5$"):
        stratified_split(torch.tensor([0] * 20 + [1]), (0.8, 0.2), classes=("cat", "dog"))
    parts = stratified_split(torch.tensor([0] * 20 + [1] * 5), (0.8, 0.2))
    assert [(y == 1).sum() for y in (torch.tensor([0] * 20 + [1] * 5)[part] for part in parts)] == [4, 1]


def test_a_split_takes_seeds_of_63_bits_and_those_of_32_are_scikit_learns_own():
    y = torch.arange(50) % 2
    train, test = train_test_split(np.arange(50), train_size=40, stratify=y.numpy(), random_state=2**32 - 1)
    ours = stratified_split(y, (0.8, 0.2), seed=2**32 - 1)
    assert ours[0].tolist() == train.tolist()
    assert sorted(ours[1].tolist()) == sorted(test.tolist())
    large = [
        stratified_split(y, (0.8, 0.2), seed=seed)[0].tolist() for seed in (2**63 - 1, 2**63 - 1, 2**63 - 2, 2**32)
    ]
    assert large[0] == large[1]
    assert len({tuple(rows) for rows in large}) == 3
