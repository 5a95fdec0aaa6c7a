"""Cached features against running the frozen backbone in every epoch.

Both train the same head for the same epochs on the same pictures, in turns in one process; the ratio of their times is
the result. The time of the cached way includes running the backbone once.
"""

import contextlib
import io
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from common import cli
from common.settings import Count, Settings
from labs.transfer_learning import HyperParams, get_data, resolve, train


@dataclass(frozen=True)
class Request(Settings):
    """Measure what the feature cache is worth."""

    backbone: str = "squeezenet1_0"  # torchvision's name; its weights are drawn at random, which takes as long
    image_size: Count = 64  # side to which images are brought
    train_images: Count = 256  # embedded digits
    epochs: Count = 8  # of each training
    rounds: Count = 3  # of both ways, one after the other


def measure(backbone: str, image_size: int, train_images: int, epochs: int, rounds: int) -> float:
    """Print the median seconds of either way and their ratio; returns the ratio."""
    shared = {
        "dataset": "digits",
        "backbone": backbone,
        "weights": "none",
        "strategy": "feature_extraction",
        "image_size": image_size,
        "train_images": train_images,
        "test_images": 32,
        "epochs": epochs,
        "baseline": False,
        "quiet": True,
    }
    data = get_data(resolve(HyperParams(**shared)), torch.device("cpu"))
    seconds: dict[str, list[float]] = {"cached": [], "every epoch": []}
    for _ in tqdm(range(rounds), leave=False):
        for name, times in seconds.items():
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
                where = {"data_dir": Path(folder), "out": Path(folder) / "run", "device": "cpu"}
                _, run = train(data, **shared, **where, no_cache=name != "cached")
                # The training alone: the figures and the network's construction are the same for both.
                times.append(sum(row["seconds"] for row in run.history) + run.metrics["feature_seconds"])
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ratio = medians["every epoch"] / medians["cached"]
    print(f"{backbone}, {train_images} images at {image_size}×{image_size}, {epochs} epochs, median of {rounds}")
    for name, value in medians.items():
        print(f"  backbone {'once per image' if name == 'cached' else 'in every epoch':<15} {value:8.2f} s")
    print(f"  gain {ratio:.1f}×")
    return ratio


def main() -> None:
    """The command."""
    torch.set_num_threads(1)
    cli.run(measure, Request)


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"({time.perf_counter() - started:.0f} s in all)")
