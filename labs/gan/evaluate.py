"""Measures a trained generator with the judge, beside real images: `python -m labs.gan.evaluate --run DIR`."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from common import cli
from common.datasets import load_images
from common.device import derive_seed, pick_device
from common.errors import InputError
from common.files import write_atomically
from common.runs import newest_run
from common.sources import data_dir_from_environment
from labs.gan.gan import generate, load_run, noise
from labs.gan.judge import ask, assess, get_judge
from labs.gan.sample import interpolate


@dataclass(frozen=True)
class Evaluation:
    """Measure a trained generator, beside real images."""

    run: cli.OptionalPath = None  # the run directory; none given: the newest under runs/gan
    samples: int = 10_000  # generated images to measure
    seed: int = 1  # fixes the noise (the run's own figures take the seed of its training, 0)
    data_dir: Path = field(default_factory=data_dir_from_environment)  # where data sets and the judge lie
    device: str = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps
    offline: bool = False  # never touch the network

    def __post_init__(self) -> None:
        if self.samples < 100:
            raise InputError(f"--samples is {self.samples}; it must be at least 100, for shares to mean something")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}; it must be at least 0")


# measure → what it says
MEANING = {
    "coverage": "classes with at least 1 % of the images",
    "smallest_share": "the rarest class's share",
    "class_kl": "nats from equally frequent classes",
    "confidence": "mean probability of the class the judge chooses",
    "frechet_distance": "from the training images, in the judge's features",
    "diversity": "within a class, in the judge's features; 1 is real",
    "neighbour_distance": "median, in pixels, to the nearest training image",
}


def nearest(X: Tensor, among: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Euclidean distances (N, k) from images X to their k nearest `among`, and those images' indices (N, k)."""
    rows = [torch.cdist(x.flatten(1), among.flatten(1)).topk(k, largest=False) for x in X.split(500)]
    return torch.cat([r.values for r in rows]), torch.cat([r.indices for r in rows])


def evaluate(**kws) -> dict[str, dict[str, float]]:
    """Print and return measure → generated, test. Keyword arguments are the fields of Evaluation.

    Writes <run>/evaluation.json and the figures class_shares, neighbours and interpolation.
    """
    from labs.gan import pictures

    args = Evaluation(**kws)
    device = pick_device(args.device)
    run = args.run or newest_run("gan")
    model, trained = load_run(run, device)
    images = load_images(trained.dataset, args.data_dir, offline=args.offline)
    judge = get_judge(images, args.data_dir, device)
    X_train, X_test = images.X_train.to(device), images.X_test.to(device)
    X = generate(model["generator"], noise(args.samples, trained.latent_dim, seed=args.seed))

    reference, fake, real = ask(judge, X_train[:10_000]), ask(judge, X), ask(judge, X_test)
    scores = {"generated": assess(fake, reference), "real test images": assess(real, reference)}
    distances, indices = nearest(X[:1000], X_train, k=4)
    scores["generated"]["neighbour_distance"] = float(distances[:, 0].median())
    scores["real test images"]["neighbour_distance"] = float(nearest(X_test[:1000], X_train, k=1)[0].median())

    print(f"{run}: {args.samples} samples of the {trained.model} generator for {images.name}, seed {args.seed}")
    print(f"{'':20}" + "".join(f"{name:>18}" for name in scores))
    for measure, meaning in MEANING.items():
        print(f"{measure:20}" + "".join(f"{of[measure]:18.3f}" for of in scores.values()) + f"   {meaning}")
    write_atomically(
        run / "evaluation.json", json.dumps({"samples": args.samples, "seed": args.seed, **scores}, indent=2) + "\n"
    )

    ends = noise(12, trained.latent_dim, seed=derive_seed(args.seed, 1))
    walk = generate(model["generator"], interpolate(ends[::2], ends[1::2], steps=12))
    figures = {
        "class_shares": pictures.plot_shares(fake.shares, real.shares, images.classes),
        "neighbours": pictures.plot_neighbours(X[:12], X_train[indices[:12], 0], distances[:12]),
        "interpolation": pictures.plot_sheet(walk, 12, "each row: from one z to another", inches=6),
    }
    for name, figure in figures.items():
        pictures.write_picture(pictures.as_image(figure), run / "figures" / f"{name}.png")
    print(run)
    return scores


if __name__ == "__main__":
    cli.run(evaluate, Evaluation)
