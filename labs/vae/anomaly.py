"""Anomaly detection: what the model has never seen it reconstructs badly.

`python -m labs.vae.anomaly --run DIR --against fashion_mnist` scores the test images of the run's data set and
those of another with their reconstruction error, and says how well a threshold on it tells the two apart.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from torch import Tensor

from common import cli
from common.datasets import load_images
from common.device import derive_seed
from common.settings import OptionalFolder, PlaceOrNone, Role, Settings
from labs.vae.autoencoder import VAE
from labs.vae.vae import HyperParams, binarize, open_run, reconstruction_cost

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Request(Settings):
    """Tell test images from anomalies by their reconstruction error; figures ROC, histogram and examples."""

    run: OptionalFolder = None  # the run directory whose model judges; none: the newest
    against: Literal["rotated", "scrambled", "noise", "mnist", "fashion_mnist", "kmnist", "digits"] = (
        "rotated"  # anomalies: the test images turned by 90°, their pixels in random order, noise, or a data set
    )
    data_dir: PlaceOrNone = None  # where data sets lie; none: where they lay in training
    offline: Annotated[bool, Role.PLACE] = False  # never touch the network


@torch.inference_mode()
def anomaly_scores(model: VAE, X: Tensor, args: HyperParams) -> Tensor:
    """Reconstruction error of each image in nats, through its mean code, without noise: (N,)."""
    model.eval()
    costs = []
    for x in X.split(1000):
        x = x.to(model.device)
        mu, _ = model.encoder(x)
        costs.append(reconstruction_cost(model.decoder(mu), x, args).cpu())
    return torch.cat(costs)


def get_anomalies(against: str, X: Tensor, args: HyperParams) -> Tensor:
    """As many images as there are in X, or fewer if the data set `against` has fewer, made like X."""
    generator = torch.Generator().manual_seed(derive_seed(args.seed, 3))
    if against == "rotated":
        return X.rot90(dims=(2, 3))
    if against == "scrambled":  # as bright as the image, without its strokes
        order = torch.rand(len(X), 784, generator=generator).argsort(dim=1)
        return X.flatten(1).gather(1, order).view_as(X)
    if against == "noise":
        others = torch.rand(X.shape, generator=generator)
    else:
        others = load_images(against, args.data_dir, offline=args.offline).X_test[: len(X)]
    return binarize(others, generator) if args.binarize != "none" else others


def roc(normal: Tensor, anomalous: Tensor) -> tuple[Tensor, Tensor, float]:
    """False alarms and hits (shares) at every threshold on the score, and the area under that curve.

    The area (AUC) is the probability that an anomaly scores higher than a normal image: 0.5 is guessing.
    """
    from sklearn.metrics import auc, roc_curve

    truth = torch.cat([torch.zeros(len(normal)), torch.ones(len(anomalous))])
    false_alarms, hits, _ = roc_curve(truth.numpy(), torch.cat([normal, anomalous]).cpu().numpy())
    return torch.from_numpy(false_alarms), torch.from_numpy(hits), float(auc(false_alarms, hits))


def plot_anomalies(normal: Tensor, anomalous: Tensor, names: tuple[str, str]) -> "Figure":
    """Histogram of both groups' scores, and the ROC curve."""
    from matplotlib.figure import Figure

    false_alarms, hits, area = roc(normal, anomalous)
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    top = float(torch.cat([normal, anomalous]).quantile(0.995))
    for scores, name, hatch in zip((normal, anomalous), names, (None, "//"), strict=True):
        look: dict[str, Any] = {"histtype": "stepfilled", "alpha": 0.6, "hatch": hatch, "label": name}
        left.hist(scores.cpu().numpy(), bins=60, range=(0, top), density=True, **look)
    left.set_xlabel("reconstruction error (nats per image)", fontsize=12)
    left.set_ylabel("density", fontsize=12)
    left.legend(fontsize=12)
    right.plot(false_alarms, hits, color="#1b7837", linewidth=2.5, clip_on=False)
    right.plot([0, 1], [0, 1], color="grey", linestyle=":")
    right.set_xlabel(f"share of {names[0]} taken for anomalies", fontsize=12)
    right.set_ylabel(f"share of {names[1]} found", fontsize=12)
    right.set_title(f"ROC: AUC {area:.4f}", fontsize=13)
    right.set_aspect("equal")
    return figure


def detect(**kws: Any) -> float:
    """Print the AUC and what a threshold of 5 % false alarms finds, write the figures; returns the AUC.

    Keyword arguments are the fields of Request.
    """
    from common import plots

    args = Request(**kws)
    loaded, data = open_run(args.run, args.data_dir, offline=args.offline)
    X = data.test[0]
    others = get_anomalies(args.against, X, loaded.settings)
    normal, anomalous = (anomaly_scores(loaded.model, images, loaded.settings) for images in (X, others))
    _, _, area = roc(normal, anomalous)
    threshold = normal.quantile(0.95)
    names = (data.images.name, args.against)
    print(
        f"{names[0]} {normal.mean():.1f} nats, {names[1]} {anomalous.mean():.1f} nats on average; AUC {area:.4f}; "
        f"a threshold of {threshold:.1f} nats flags 5 % of {names[0]} and {(anomalous > threshold).float().mean():.1%} "
        f"of {names[1]}"
    )
    rank = normal.argsort(), anomalous.argsort()
    shown = {
        f"{names[0]}, least": X[rank[0][:10]],
        f"{names[0]}, most": X[rank[0][-10:]],
        f"{names[1]}, least": others[rank[1][:10]],
        f"{names[1]}, most": others[rank[1][-10:]],
    }
    path = loaded.path / "figures" / f"anomaly_{args.against}.png"
    print(plots.write_figure(path, plot_anomalies(normal, anomalous, names)))
    print(plots.write_figure(path.with_stem(f"{path.stem}_examples"), plots.plot_rows(shown)))
    return area


def main() -> None:
    """The command `python -m labs.vae.anomaly`."""
    cli.run(detect, Request)


if __name__ == "__main__":
    main()
