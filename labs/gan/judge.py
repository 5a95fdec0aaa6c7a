"""A judge for generated images: a small classifier of the real ones, and what it can measure.

A generator has no test accuracy. So a network that tells the real classes apart looks at its samples, and at real
images it has not seen for comparison. No single number will do: coverage is fooled by ten blurred class means,
the Fréchet distance is small for them too, and diversity within a class is what gives them away (README.md shows
all of it measured).
"""

import itertools
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import checkpoint, distributed
from common.data import ArrayLoader
from common.datasets import ImageData
from common.device import seed_everything
from common.errors import InputError
from common.metrics import accuracy
from common.optimizers import make_optimizer
from common.schedules import cosine
from common.trainer import evaluate, fit, for_step

LR = 2e-3  # the judge's learning rate (η) at the start
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
FEWEST = 4  # real images of each part: the Fréchet distance needs two, the nearest neighbours four
COVERED = 0.01  # a class counts as covered from this share of the samples on


def build_judge(classes: int = 10) -> nn.Sequential:
    """LeNet-5 with ReLU and max-pooling: (N, 1, 28, 28) in [0, 1] → (N, classes) logits; 44 426 parameters."""
    return nn.Sequential(  # (N,  1, 28, 28)
        *(nn.Conv2d(1, 6, kernel_size=5), nn.MaxPool2d(2), nn.ReLU()),  # (N,  6, 12, 12)
        *(nn.Conv2d(6, 16, kernel_size=5), nn.MaxPool2d(2), nn.ReLU()),  # (N, 16,  4,  4)
        *(nn.Flatten(), nn.Linear(256, 120), nn.Tanh()),
        *(nn.Linear(120, 84), nn.Tanh()),  # (N, 84) features: where distances are measured
        nn.Linear(84, classes),
    )


def get_judge(images: ImageData, data_dir: Path, device: torch.device, *, quiet: bool = False) -> nn.Sequential:
    """The judge of this data set: from <data_dir>/gan_judge-<name>.safetensors, else trained now and kept there.

    It depends on nothing but the data set, so that all runs are measured alike. Raises InputError for fewer images
    than can be measured.
    """
    sizes = len(images.y_train), len(images.y_test)
    if min(sizes) < FEWEST:
        raise InputError(
            f"data set {images.name} has {sizes[0]} training and {sizes[1]} test images; generated images are compared "
            f"with at least {FEWEST} of each: take a larger one"
        )
    path = Path(data_dir) / f"gan_judge-{images.name}.safetensors"
    seed_everything(0)
    judge = build_judge(len(images.classes)).to(device).to(memory_format=torch.channels_last)
    if distributed.any_process(path.is_file()):
        tensors, _ = checkpoint.load(path)
        checkpoint.load_weights(judge, tensors, path)
        return judge.eval()

    reached = train_judge(judge, images, device, quiet=quiet)
    if distributed.is_main():
        try:
            checkpoint.save(path, judge.state_dict(), {"dataset": images.name, "test_accuracy": reached})
        except OSError as error:
            warnings.warn(f"{path} could not be written ({error.strerror}): the next run trains it again", stacklevel=2)
    return judge


def train_judge(judge: nn.Module, images: ImageData, device: torch.device, *, quiet: bool) -> float:
    """Train the judge on the real images and return its test accuracy."""
    if not quiet and distributed.is_main():
        print(f"training the judge of {images.name} once, on {len(images.y_train)} real images", flush=True)
    epochs = 5 if len(images.y_train) > 10_000 else 15
    loader = ArrayLoader(images.X_train.to(device), images.y_train.to(device), batch_size=64, shuffle=True, seed=0)
    optimizer = make_optimizer("adam", judge.parameters(), LR)
    net, steps = for_step(judge), itertools.count()

    def score(batch: tuple[Tensor, Tensor], network: nn.Module = judge) -> dict[str, Tensor]:
        X, y = batch
        logits = network(X)
        return {"loss": F.cross_entropy(logits, y), "accuracy": accuracy(logits, y)}

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        logs = score(batch, net)
        optimizer.zero_grad()
        logs["loss"].backward()
        for group in optimizer.param_groups:  # falls step by step, down to nearly 0: that makes up for the few epochs
            group["lr"] = LR * cosine(next(steps), epochs * len(loader))
        optimizer.step()
        return logs

    fit(step, loader, modules=[judge], optimizers=[optimizer], epochs=epochs, quiet=quiet)
    test = ArrayLoader(images.X_test.to(device), images.y_test.to(device), batch_size=1000)
    return evaluate(score, test, [judge])["accuracy"]


@dataclass(frozen=True)
class Opinion:
    """What the judge makes of N images: features (N, 84) in (−1, 1) and class probabilities (N, classes)."""

    features: Tensor
    probabilities: Tensor

    @property
    def classes(self) -> Tensor:
        """The likeliest class of each image, (N,)."""
        return self.probabilities.argmax(dim=1)

    @property
    def shares(self) -> Tensor:
        """Each class's share of the images, (classes,)."""
        counts = torch.bincount(self.classes, minlength=self.probabilities.shape[1])
        return counts.cpu().double() / len(self.classes)  # MPS has no float64


@torch.inference_mode()
def ask(judge: nn.Sequential, X: Tensor) -> Opinion:
    """The judge's opinion of images (N, 1, 28, 28) in [0, 1], wherever they are."""
    device = next(judge.parameters()).device
    features = torch.cat([judge[:-1](x.to(device)) for x in X.split(1000)])
    return Opinion(features, judge[-1](features).softmax(dim=1))


def assess(opinion: Opinion, reference: Opinion) -> dict[str, float]:
    """What is to be said about images of which the judge has this opinion.

    coverage          classes with at least 1 % of the images
    smallest_share    the rarest class's share
    class_kl          KL(shares ‖ uniform) in nats: 0 if all classes are equally frequent, ln 10 if there is one
    confidence        the judge's mean probability for the class it chooses
    frechet_distance  between the features of these images and of the reference's
    diversity         root mean square distance, in features, of two images of a class, as a share of the
                      reference's; mean over the classes covered
    """
    shares = opinion.shares
    covered = [c for c in range(len(shares)) if shares[c] >= COVERED]
    # Of a class with fewer than two images in the reference there is nothing to compare with.
    ratios = [spread(opinion, c) / real for c in covered if (real := spread(reference, c))]
    return {
        "coverage": len(covered),
        "smallest_share": float(shares.min()),
        "class_kl": float(torch.xlogy(shares, shares).sum()) + math.log(len(shares)),
        "confidence": float(opinion.probabilities.max(dim=1).values.mean()),
        "frechet_distance": frechet_distance(opinion.features, reference.features),
        "diversity": sum(ratios) / max(1, len(ratios)),
    }


def describe_scores(scores: Mapping[str, Mapping[str, float]]) -> str:
    """What `assess` says of several groups of images as a table: a line per measure, a column per group."""
    lines = ["".join([f"{'':20}", *(f"{name:>18}" for name in scores)])]
    for name, meaning in MEANING.items():
        if all(name in of for of in scores.values()):
            cells = (f"{describe_score(name, of[name]):>18}" for of in scores.values())
            lines.append("".join([f"{name.replace('_', ' '):20}", *cells, f"   {meaning}"]))
    return "\n".join(lines)


def describe_score(name: str, value: float) -> str:
    """A measure as one writes it: counts whole, shares in percent, the rest to about three digits."""
    if name == "coverage":
        return f"{value:.0f}"
    if name in ("smallest_share", "confidence"):
        return f"{value:.1%}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def spread(opinion: Opinion, label: int) -> float:
    """Root mean square distance of two images of a class. E‖a − b‖² = 2 · trace of the covariance."""
    features = opinion.features[opinion.classes == label].cpu().double()  # MPS has no float64
    return float(2 * features.var(dim=0).sum()) ** 0.5 if len(features) > 1 else 0.0


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of the Gaussians fitted to features (N, D) and (M, D) (Heusel et al. 2017, eq. 6).

    ‖μa − μb‖² + trace(Ca + Cb − 2 (Ca Cb)^½)
    """
    a, b = a.cpu().double(), b.cpu().double()
    cov_a, cov_b = torch.cov(a.T, correction=1), torch.cov(b.T, correction=1)
    # (Ca Cb)^½ has the trace of (Ca^½ Cb Ca^½)^½, whose matrix is symmetric: two eigenvalue problems.
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    distance = (a.mean(dim=0) - b.mean(dim=0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(0.0, float(distance))  # rounding can leave −1e-15 where the two are equal
