import math

import pytest
import torch

from common.schedules import constant, cosine, warmup_cosine


def rates_of_torch(scheduler, epochs: int) -> list[float]:
    """What a scheduler of torch makes of a learning rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, rates = scheduler(optimizer, epochs), []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_the_cosine_is_torchs():
    theirs = rates_of_torch(torch.optim.lr_scheduler.CosineAnnealingLR, 9)
    assert [cosine(epoch, 9) for epoch in range(9)] == pytest.approx(theirs)
    assert cosine(9, 9) == pytest.approx(0, abs=1e-15)


def test_constant():
    assert {constant(epoch, 5) for epoch in range(5)} == {1.0}


def test_warm_up_then_cosine_by_hand():
    assert [warmup_cosine(epoch, 20) for epoch in (0, 1, 2)] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert warmup_cosine(11, 20) == pytest.approx((1 + math.cos(math.pi / 2)) / 2)
    assert [warmup_cosine(epoch, 4) for epoch in range(4)] == pytest.approx([0.5, 1.0, 0.75, 0.25])
    assert warmup_cosine(0, 1) == 0.5  # one epoch only: it does learn
