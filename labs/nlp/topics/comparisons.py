"""Measures as pictures: over the sweeps of one run, by method, over the number of topics, over α and β."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from labs.nlp.topics.panels import panels

COLOURS = {"LSA": "#2166ac", "LDA": "#e08214", "variational LDA": "#7a7a7a"}  # of a method in all figures

NAMES = {
    "coherence_npmi": "NPMI",
    "coherence_umass": "UMass",
    "diversity": "different terms",
    "nmi": "NMI",
    "clusters_nmi": "NMI of clusters",
}


def plot_log_likelihood(history: Sequence[dict[str, float]]) -> Figure:
    """Gibbs sampling: log-likelihood per token over the sweeps. Level: the chain has found its way."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.plot([row["epoch"] for row in history], [row["log_likelihood"] for row in history])
    axis.set(xlabel="sweep", ylabel="log-likelihood per token (nats)", title="LDA by Gibbs sampling")
    axis.grid(alpha=0.3)
    return figure


def plot_comparison(rows: dict[str, dict[str, float]]) -> Figure:
    """The methods side by side, one panel per measure."""
    measures = list(rows["LDA"])
    figure, axes = panels(len(measures), 4, 2.7, 2.7)
    for axis, name in zip(axes, measures, strict=True):
        values = [row[name] for row in rows.values()]
        bars = axis.bar(range(len(values)), values, color=[COLOURS[method] for method in rows])
        axis.bar_label(bars, fmt=lambda value: f"{value:.2f}".replace("-", "−"), fontsize=10, padding=2)
        axis.set_xticks(range(len(values)), [method.replace(" ", "\n") for method in rows], fontsize=10)
        axis.set_title(NAMES.get(name, name), fontsize=12)
        axis.margins(y=0.15)
    return figure


def plot_topic_counts(rows: Sequence[dict]) -> Figure:
    """Every measure over the number of topics, a line per method."""
    measures = [name for name in rows[0] if name not in ("topics", "method")]
    figure, axes = panels(len(measures), 4, 2.6, 2.5)
    for axis, name in zip(axes, measures, strict=True):
        for marker, (method, colour) in zip("osD", COLOURS.items(), strict=True):
            own = [(row["topics"], row[name]) for row in rows if row["method"] == method]
            axis.plot(*zip(*own, strict=True), marker=marker, markersize=5, color=colour, label=method)
        axis.set(xlabel="topics", title=NAMES.get(name, name))
        axis.set_xticks(sorted({row["topics"] for row in rows}))
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=11, loc="outside lower center", ncols=3)
    return figure


def plot_priors(rows: Sequence[dict]) -> Figure:
    """Every measure over α and β, as tables of colours: the brighter, the larger."""
    measures = [name for name in rows[0] if name not in ("alpha", "beta", "seconds")]
    alphas, betas = (sorted({row[name] for row in rows}) for name in ("alpha", "beta"))
    figure, axes = panels(len(measures), 3, 3.2, 3.0)
    for axis, name in zip(axes, measures, strict=True):
        table = np.full((len(alphas), len(betas)), np.nan)
        for row in rows:
            table[alphas.index(row["alpha"]), betas.index(row["beta"])] = row[name]
        axis.imshow(table, cmap="viridis")
        middle = (np.nanmin(table) + np.nanmax(table)) / 2
        for (i, j), value in np.ndenumerate(table):
            colour = "white" if value < middle else "black"
            axis.text(j, i, f"{value:.3f}".replace("-", "−"), ha="center", fontsize=11, color=colour)
        axis.set_xticks(range(len(betas)), [f"{b:g}" for b in betas])
        axis.set_yticks(range(len(alphas)), [f"{a:g}" for a in alphas])
        axis.set(xlabel="β", ylabel="α", title=NAMES.get(name, name))
    return figure
