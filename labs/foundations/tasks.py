"""Four tasks of machine learning on one data set, each as model, score and search: `python -m labs.foundations.tasks`

The data are Fisher's irises (1936; they come with scikit-learn): 150 flowers of three species, four lengths each.

    task                  model                       score                         search
    classification        softmax(x W + b)            cross-entropy                 gradient descent
    regression            x·w + b: one length of the  mean squared error            where the gradient is 0
                          other three
    clustering            k centres                   Σ distance² to the nearest    assign, average, again (Lloyd 1957)
    dimension reduction   a plane                     variance that stays           singular value decomposition
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris
from torch import Tensor

from common import cli
from common.runs import place
from common.settings import OptionalFolder, Positive, Range, Role, Seed, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTHS = ("sepal length", "sepal width", "petal length", "petal width")  # centimetres
SPECIES = ("setosa", "versicolor", "virginica")


@dataclass(frozen=True)
class Request(Settings):
    """Classify, predict, group and project the irises: four tasks, each with model, score and search."""

    steps: Annotated[int, Range(1, 100_000)] = 2000  # classification: gradient steps
    lr: Positive = 0.1  # classification: learning rate (η)
    l2: Annotated[float, Range(0, 100)] = 0.01  # classification: weight of ½ Σ W², without which W grows for ever
    clusters: Annotated[int, Range(1, 20)] = 3  # clustering: how many centres
    starts: Annotated[int, Range(1, 1000)] = 10  # clustering: tries from other flowers, of which the best counts
    seed: Seed = 0  # clustering: fixes where the centres start
    out: Annotated[OptionalFolder, Role.PLACE] = None  # folder for the figure; none: named after the settings


def get_data() -> tuple[Tensor, Tensor]:
    """Lengths X (150, 4) in centimetres and species y (150,)."""
    X, y = load_iris(return_X_y=True)
    return torch.from_numpy(X), torch.from_numpy(y)


def classify(X: Tensor, y: Tensor, l2: float = 0.01, lr: float = 0.1, steps: int = 2000) -> tuple[Tensor, Tensor]:
    """W (4, 3) and b (3,) of softmax regression; the gradient is that of losses.cross_entropy."""
    mean = X.mean(dim=0)
    W, b = torch.zeros(X.shape[1], 3, dtype=X.dtype), torch.zeros(3, dtype=X.dtype)
    for _ in range(steps):
        dz = (((X - mean) @ W + b).softmax(dim=1) - F.one_hot(y, 3)) / len(X)
        W, b = W - lr * ((X - mean).T @ dz + l2 * W), b - lr * dz.sum(dim=0)
    return W, b - mean @ W


def fit_linear(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """w and b of the smallest mean squared error: X̃ᵀX̃ w = X̃ᵀỹ of what is left without the means."""
    X0, y0 = X - X.mean(dim=0), y - y.mean()
    w = torch.linalg.solve(X0.T @ X0, X0.T @ y0)
    return w, y.mean() - X.mean(dim=0) @ w


def cluster(X: Tensor, k: int, starts: int = 10, seed: int = 0) -> tuple[Tensor, Tensor, float]:
    """Centres (k, 4), each flower's cluster (N,), and the sum of squared distances (k-means): the best of `starts`."""
    generator = torch.Generator().manual_seed(seed)
    best: tuple[Tensor, Tensor, float] | None = None
    for _ in range(starts):
        centres = X[torch.randperm(len(X), generator=generator)[:k]]
        while True:
            nearest = torch.cdist(X, centres).argmin(dim=1)
            moved = torch.stack([X[nearest == i].mean(dim=0) if (nearest == i).any() else centres[i] for i in range(k)])
            if torch.equal(moved, centres):
                break
            centres = moved
        cost = (X - centres[nearest]).square().sum().item()
        if best is None or cost < best[2]:
            best = centres, nearest, cost
    assert best is not None  # starts ≥ 1
    return best


def project(X: Tensor, dimensions: int = 2) -> tuple[Tensor, Tensor]:
    """Places (N, dimensions) in the plane of most variance, and the share of the variance along each axis (PCA)."""
    X0 = X - X.mean(dim=0)
    _, s, V = torch.linalg.svd(X0, full_matrices=False)
    return X0 @ V[:dimensions].T, s.square()[:dimensions] / s.square().sum()


def solve(**kws: Any) -> dict[str, float]:
    """Write the figure, print each task's score, and return them."""
    from common.plots import write_figure

    args = Request.of(**kws)
    X, y = get_data()
    W, b = classify(X, y, args.l2, args.lr, args.steps)
    w, c = fit_linear(X[:, :3], X[:, 3])
    _, nearest, cost = cluster(X, args.clusters, args.starts, args.seed)
    places, shares = project(X)
    predicted = X[:, :3] @ w + c
    found = {
        "accuracy": ((X @ W + b).argmax(dim=1) == y).double().mean().item(),
        "mse": (X[:, 3] - predicted).square().mean().item(),
        "cost": cost,
        "variance": shares.sum().item(),
    }
    print(f"classification: {found['accuracy']:.1%} of the {len(y)} flowers that it was fitted to")
    print(f"regression: petal width to {found['mse'] ** 0.5:.2f} cm of the other three lengths")
    print(f"clustering: {args.clusters} centres, sum of squared distances {cost:.2f} cm²")
    print(f"dimension reduction: a plane keeps {found['variance']:.1%} of the variance")
    folder = args.out or place(args)
    write_figure(folder / "tasks.png", draw(X, y, (X @ W + b).argmax(dim=1), predicted, nearest, places))
    print(folder)
    return found


def draw(X: Tensor, y: Tensor, species: Tensor, width: Tensor, nearest: Tensor, places: Tensor) -> "Figure":
    """A panel for each task; in three of them the flowers lie in the plane of most variance."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.6), layout="constrained")
    axes = figure.subplots(2, 2).flat
    for axis, colour, title in zip(
        (axes[0], axes[2], axes[3]),
        (species, nearest, y),
        (
            "classification: predicted species (✗ wrong)",
            "clustering: which centre is nearest",
            "the plane: true species",
        ),
        strict=True,
    ):
        for i in colour.unique().tolist():
            name = f"cluster {i + 1}" if colour is nearest else SPECIES[i]
            chosen = colour == i
            axis.scatter(*places[chosen].T, marker="osvD^P*X"[i % 8], s=30, alpha=0.8, label=name)
        axis.set_title(title, fontsize=13)
        axis.set_xlabel("first direction of most variance (cm)", fontsize=12)
        axis.set_ylabel("second (cm)", fontsize=12)
        axis.legend(fontsize=11, loc="center left", bbox_to_anchor=(1, 0.5))  # over no flower
    axes[0].scatter(*places[species != y].T, marker="x", s=120, color="black", linewidths=2)
    for i, name in enumerate(SPECIES):
        axes[1].scatter(X[y == i, 3], width[y == i], marker="osv"[i], s=30, alpha=0.8, label=name)
    axes[1].axline((1, 1), slope=1, color="black", linestyle=":")
    axes[1].set_title("regression: petal width of the other lengths", fontsize=13)
    axes[1].set_xlabel("measured (cm)", fontsize=12)
    axes[1].set_ylabel("predicted (cm)", fontsize=12)
    axes[1].legend(fontsize=11, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def main() -> None:
    """The command `python -m labs.foundations.tasks`."""
    cli.run(solve, Request)


if __name__ == "__main__":
    main()
