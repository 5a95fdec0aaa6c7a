"""A run's network, measured again by the lab's own functions: what the sets' `evaluate` have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from common import trainer
from common.data import ArrayLoader
from common.settings import RunFlags

S = TypeVar("S", bound=RunFlags)


def settings_here(settings: S, data_dir: Path | None) -> S:
    """A run's settings on this machine: on the CPU, and for a grader with the data of `data_dir` and no network.

    What was handed in does not say where a grader reads and writes.
    """
    here: dict[str, Any] = {"device": "cpu", "quiet": True}
    if data_dir and hasattr(settings, "data_dir"):
        here |= {"data_dir": data_dir, "offline": True}
    return settings.but(**here)


def measured(model: nn.Module, score: Callable[..., Any], part: tuple[Tensor, ...], name: str) -> dict[str, float]:
    """Means of `score` over images and labels, named as a run's summary.json has them: <name>_loss, …"""
    found = trainer.evaluate(lambda batch: score(model, batch), ArrayLoader(*part, batch_size=1000), [model])
    return {f"{name}_{metric}": value for metric, value in found.items()}
