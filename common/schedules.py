"""Learning-rate schedules: what the learning rate is multiplied by in an epoch.

Closed forms of the epoch (from 0) and of how many there are, so that a run that was interrupted goes on with the rates
of one that was not. A run that is made longer follows the schedule of its new length from there on: a cosine that had
come down to 0 begins anew at what the longer one has at that epoch.
"""

import math
from collections.abc import Callable
from typing import Literal

Schedule = Callable[[int, int], float]
ScheduleName = Literal["constant", "cosine", "warmup_cosine"]


def constant(epoch: int, epochs: int) -> float:
    """1 all the time."""
    return 1.0


def cosine(epoch: int, epochs: int) -> float:
    """From 1 down to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * epoch / epochs)) / 2


def warmup_cosine(epoch: int, epochs: int) -> float:
    """Up in even steps over the first tenth of the epochs (at least one of them), then a cosine."""
    rising = max(1, epochs // 10)
    if epoch < rising:
        return (epoch + 1) / (rising + 1)
    return cosine(epoch - rising, max(1, epochs - rising))


SCHEDULES: dict[str, Schedule] = {"constant": constant, "cosine": cosine, "warmup_cosine": warmup_cosine}
