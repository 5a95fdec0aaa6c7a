"""How likely the model finds the test images: the importance-weighted bound on −log p(x).

After Burda, Grosse, Salakhutdinov 2016, "Importance weighted autoencoders". −ELBO is an upper bound on −log p(x);
with K codes per image instead of one the bound falls towards it:
    −log p(x) <= −E[log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x)],   K = 1: −ELBO.
`python -m labs.vae.likelihood --run DIR --samples 500` estimates it for a trained model.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from common import cli
from common.device import derive_seed
from common.errors import InputError
from common.settings import Count, OptionalFolder, PlaceOrNone, Range, Seed, Settings
from labs.vae.autoencoder import VAE
from labs.vae.vae import HyperParams, draw_noise, open_run, reconstruction_cost

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHUNK = 10_000  # codes decoded at once


@dataclass(frozen=True)
class Request(Settings):
    """Estimate the log-likelihood of test images under a trained VAE with K codes per image (IWAE bound)."""

    run: OptionalFolder = None  # the run directory whose model is evaluated; none: the newest
    samples: Annotated[int, Range(1, 10_000)] = 500  # K: codes per image
    images: Count = 1000  # test images, the first ones
    seed: Seed = 0  # fixes the codes
    data_dir: PlaceOrNone = None  # where data sets lie; none: where they lay in training


@torch.inference_mode()
def log_weights(model: VAE, X: Tensor, args: HyperParams, k: int, generator: torch.Generator | None = None) -> Tensor:
    """log p(x|z) + log p(z) − log q(z|x) in nats for k codes z drawn from q(z|x), for each image: (N, k)."""
    model.eval()
    rows = []
    for x in X.split(max(1, CHUNK // k)):
        x = x.to(model.device)
        mu, log_sigma = (part.repeat_interleave(k, dim=0) for part in model.encoder(x))
        epsilon = draw_noise(mu.shape, mu, generator)
        z = mu + log_sigma.exp() * epsilon
        # log N(z; 0, 1) - log N(z; mu, sigma) = log sigma + (epsilon^2 - z^2)/2
        log_ratio = (log_sigma + (epsilon.square() - z.square()) / 2).sum(dim=1)
        cost = reconstruction_cost(model.decoder(z), x.repeat_interleave(k, dim=0), args)
        rows.append((log_ratio - cost).view(len(x), k).cpu())
    return torch.cat(rows)


def importance_bound(log_w: Tensor, k: int) -> float:
    """The bound on −log p(x) with k codes per image: mean over images and over groups of k columns of `log_w`."""
    groups = log_w[:, : log_w.shape[1] // k * k].unflatten(1, (-1, k))
    return float((math.log(k) - groups.double().logsumexp(dim=2)).mean())


def estimate(**kws: Any) -> dict[int, float]:
    """Print the bound for 1, 2, 5, 10, … `samples` codes per image and draw it; returns it by number of codes.

    Keyword arguments are the fields of Request.
    """
    from common.plots import write_figure

    args = Request(**kws)
    loaded, data = open_run(args.run, args.data_dir)
    trained = loaded.settings
    if not trained.variational:
        raise InputError(
            f"{loaded.path} holds a model {trained.model!r}, which has no likelihood; name a run of a VAE with --run"
        )
    X, most = data.test[0][: args.images], args.samples
    log_w = log_weights(loaded.model, X, trained, most, torch.Generator().manual_seed(derive_seed(args.seed)))
    ks = [k for decade in range(7) for k in (10**decade, 2 * 10**decade, 5 * 10**decade) if k < most] + [most]
    bounds = {k: importance_bound(log_w, k) for k in ks}
    for k, bound in bounds.items():
        print(f"K = {k:>6}  −log p(x) ≤ {bound:9.2f} nats per image" + ("  (−ELBO)" if k == 1 else ""))
    print(f"mean over {len(X)} test images of {data.images.name}, binarize {trained.binarize}")
    print(write_figure(loaded.path / "figures" / "importance_bound.png", plot_bounds(bounds)))
    return bounds


def plot_bounds(bounds: dict[int, float]) -> "Figure":
    """The bound against the number of codes per image."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot(list(bounds), list(bounds.values()), marker="o")
    axis.annotate("−ELBO", (1, bounds[1]), xytext=(8, 0), textcoords="offset points", va="center", fontsize=11)
    axis.set(xscale="log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("K, codes per image", fontsize=12)
    axis.set_ylabel("bound on −log p(x) (nats per image)", fontsize=12)
    axis.tick_params(labelsize=11)
    axis.grid(alpha=0.3)
    return figure


def main() -> None:
    """The command `python -m labs.vae.likelihood`."""
    cli.run(estimate, Request)


if __name__ == "__main__":
    main()
