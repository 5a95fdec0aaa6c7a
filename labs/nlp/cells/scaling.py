"""Why are the scores of attention divided by √d? Random queries and keys, with the division and without.

The dot product of two vectors of d independent numbers of mean 0 and variance 1 has variance d (Vaswani et al. 2017,
section 3.2.1). So scores grow with √d, the softmax of large scores is nearly 0 and 1, and there its gradient is 0.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from torch import Tensor

from common import cli
from common.settings import Counts, OptionalPath, Range, Seed, Settings
from common.tables import markdown
from labs.nlp.attention import attention

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUERIES = 1000
SCALED, PLAIN = "q·k/√d", "q·k"


@dataclass(frozen=True)
class Request(Settings):
    """Draw random queries and keys, and see what the division by √d does to softmax and gradient."""

    dimensions: Counts = (1, 4, 16, 64, 256, 1024)  # numbers in a query and a key (d)
    words: Annotated[int, Range(2, 1000)] = 16  # keys that each query looks at
    seed: Seed = 0  # fixes the draws
    out: OptionalPath = None  # where the figure goes; none: softmax_scale.png, here


@dataclass(frozen=True)
class Row:
    """What `QUERIES` random queries see among the keys."""

    d: int
    variance: float  # of the scores
    largest: float  # weight, mean over the queries
    gradient: float  # size of the softmax's gradient, mean over the queries


def softmax_gradient(weights: Tensor) -> Tensor:
    """How large ∂p/∂s is for p = softmax(s), (…, T) → (…): the Frobenius norm of diag(p) − p pᵀ.

    ‖diag(p) − p pᵀ‖² = Σ p² − 2 Σ p³ + (Σ p²)². It is 0 where one p is 1.
    """
    squares = weights.square().sum(dim=-1)
    return (squares - 2 * weights.pow(3).sum(dim=-1) + squares.square()).clamp(min=0).sqrt()


def measure(d: int, words: int, seed: int, scaled: bool) -> Row:
    """One row: with the division (`scaled`) or without."""
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(QUERIES, 1, 1, d, generator=generator)
    key = torch.randn(QUERIES, 1, words, d, generator=generator)
    there = torch.ones(1, words, dtype=torch.bool)
    _, weights = attention(query, key, key, there, scaled)
    scores = (query @ key.transpose(2, 3)) / (d**0.5 if scaled else 1)
    largest, gradient = weights.amax(dim=3).mean(), softmax_gradient(weights).mean()
    return Row(d, float(scores.var()), float(largest), float(gradient))


def measure_all(request: Request) -> dict[str, list[Row]]:
    """Both ways, a row per d."""
    return {
        name: [measure(d, request.words, request.seed, name == SCALED) for d in request.dimensions]
        for name in (PLAIN, SCALED)
    }


def plot_scaling(rows: dict[str, list[Row]]) -> "Figure":
    """Over d: the variance of the scores, the largest weight, the size of the gradient."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    axes = figure.subplots(1, 3)
    looks = {
        PLAIN: {"color": "#b2182b", "linestyle": ":", "marker": "s"},
        SCALED: {"color": "#2166ac", "linestyle": "-", "marker": "o"},
    }
    titles = {"variance": "variance of the scores", "largest": "largest weight", "gradient": "size of ∂softmax"}
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        for way, found in rows.items():
            values = [getattr(row, name) for row in found]
            axis.plot([row.d for row in found], values, label=way, linewidth=2, markersize=8, **looks[way])
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_title(title, fontsize=14)
        axis.set_xlabel("d", fontsize=13)
        axis.tick_params(labelsize=12)
        axis.grid(alpha=0.3)
        if name == "variance":
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter("{x:g}")
        else:
            axis.set_ylim(bottom=0)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2, fontsize=13)
    return figure


def draw(**kws) -> None:
    """Print the table and write the figure."""
    from common.plots import write_figure

    request = Request.of(**kws)
    rows = measure_all(request)
    table = [["d", "scores", "variance", "largest weight", "size of the gradient"]]
    for way, found in rows.items():
        table += [[str(r.d), way, f"{r.variance:.2f}", f"{r.largest:.3f}", f"{r.gradient:.3f}"] for r in found]
    print(markdown(table))
    print(write_figure(request.out or Path("softmax_scale.png"), plot_scaling(rows)))


if __name__ == "__main__":
    cli.run(draw, Request)
