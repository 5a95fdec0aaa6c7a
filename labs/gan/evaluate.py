"""Measures a trained generator with the judge, beside real images: `python -m labs.gan.evaluate --run DIR`."""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from common import cli
from common.datasets import load_images
from common.device import derive_seed, pick_device
from common.files import write_json
from common.settings import OptionalFolder, PlaceOrNone, Range, Role, Seed, Settings
from labs.gan.gan import generate, interpolate, load_run, noise
from labs.gan.judge import ask, assess, describe_scores, get_judge

Samples = Annotated[int, Range(100, 200_000)]


@dataclass(frozen=True)
class Request(Settings):
    """Measure a trained generator, beside real images."""

    run: OptionalFolder = None  # the run directory; none given: the newest under runs/gan
    samples: Samples = 10_000  # generated images to measure; with fewer, shares mean nothing
    seed: Seed = 1  # fixes the noise (the run's own figures take the seed of its training, 0)
    data_dir: PlaceOrNone = None  # where data sets and the judge lie; none: where they lay in training
    device: Annotated[str, Role.PLACE] = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps
    offline: Annotated[bool, Role.PLACE] = False  # never touch the network


def find_neighbours(X: Tensor, among: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Euclidean distances (N, k) from images X to their k nearest `among`, and those images' indices (N, k)."""
    rows = [torch.cdist(x.flatten(1), among.flatten(1)).topk(k, largest=False) for x in X.split(500)]
    return torch.cat([r.values for r in rows]), torch.cat([r.indices for r in rows])


def measure(**kws: Any) -> dict[str, dict[str, float]]:
    """Print and return measure → generated, real. Keyword arguments are the fields of Request.

    Writes <run>/evaluation.json and the figures class_shares, neighbours and interpolation.
    """
    from common.animation import as_image, write_picture
    from labs.gan import pictures

    args = Request(**kws)
    device = pick_device(args.device)
    loaded = load_run(args.run, device)
    run, trained, generator = loaded.path, loaded.settings, loaded.model.get_submodule("generator")
    data_dir = args.data_dir or trained.data_dir
    images = load_images(trained.dataset, data_dir, offline=args.offline or trained.offline)
    judge = get_judge(images, data_dir, device)
    X_train, X_test = images.X_train.to(device), images.X_test.to(device)
    X = generate(generator, noise(args.samples, trained.latent_dim, seed=args.seed))

    reference, fake, real = ask(judge, X_train[:10_000]), ask(judge, X), ask(judge, X_test)
    scores = {"generated": assess(fake, reference), "real test images": assess(real, reference)}
    distances, indices = find_neighbours(X[:1000], X_train, k=4)
    scores["generated"]["neighbour_distance"] = float(distances[:, 0].median())
    distances_of_real, _ = find_neighbours(X_test[:1000], X_train, k=1)
    scores["real test images"]["neighbour_distance"] = float(distances_of_real.median())

    print(f"{run}: {args.samples} samples of the {trained.model} generator for {images.name}, seed {args.seed}")
    print(describe_scores(scores))
    written = {group: {name: round(value, 5) for name, value in of.items()} for group, of in scores.items()}
    write_json(run / "evaluation.json", {"samples": args.samples, "seed": args.seed, **written})

    ends = noise(12, trained.latent_dim, seed=derive_seed(args.seed, 1))
    walk = generate(generator, interpolate(ends[::2], ends[1::2], steps=12))
    figures = {
        "class_shares": pictures.plot_shares(fake.shares, real.shares, images.classes),
        "neighbours": pictures.plot_neighbours(X[:12], X_train[indices[:12], 0], distances[:12]),
        "interpolation": pictures.plot_sheet(walk, 12, "each row: from one z to another", inches=6),
    }
    for name, figure in figures.items():
        write_picture(as_image(figure), run / "figures" / f"{name}.png")
    print(run)
    return scores


def main() -> None:
    """The command `python -m labs.gan.evaluate`."""
    cli.run(measure, Request)


if __name__ == "__main__":
    main()
