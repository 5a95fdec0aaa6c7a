"""How well each class is told from the others: precision and recall, as numbers, a line and a figure."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from torch import Tensor

from common.plots import plain


@dataclass(frozen=True)
class Rates:
    """One class: `precision` of what is taken for it is right, `recall` of it is found (shares in [0, 1])."""

    name: str
    precision: float  # 0 if nothing is taken for it
    recall: float  # 0 if the part has none of it
    f1: float  # their harmonic mean
    samples: int


def rates(matrix: Tensor, classes: Sequence[str]) -> list[Rates]:
    """Of a confusion matrix (K, K) of counts, row = label, column = prediction: a row per class.

    precision = right / all predicted so (column); recall = right / all labelled so (row); f1 = 2 right / (both)
    """
    right, labelled, predicted = (x.float() for x in (matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)))
    precision, recall = right / predicted.clip(min=1), right / labelled.clip(min=1)
    f1 = 2 * right / (labelled + predicted).clip(min=1)
    columns = (precision.tolist(), recall.tolist(), f1.tolist(), map(int, labelled.tolist()))
    return [Rates(*row) for row in zip(classes, *columns, strict=True)]


def hardest(table: Sequence[Rates], n: int = 3) -> str:
    """The classes with the lowest f1, in a line."""
    worst = sorted(table, key=lambda row: row.f1)[:n]
    said = [f"{row.name} (precision {row.precision:.1%}, recall {row.recall:.1%})" for row in worst]
    return f"hardest classes: {', '.join(said)}; all in per_class.csv"


def plot_rates(table: Sequence[Rates]) -> Figure:
    """Precision and recall of every class, two marks above each other; how many samples of it there are, below."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axis = figure.subplots()
    places = range(len(table))
    precision, recall = ([100 * getattr(row, name) for row in table] for name in ("precision", "recall"))
    axis.vlines(places, precision, recall, color="#999999", linewidth=2)
    axis.plot(places, precision, "o", ms=10, color="tab:blue", label="precision: right, of what is taken for it")
    axis.plot(places, recall, "^", ms=10, color="tab:orange", label="recall: found, of what there is")
    long = max(len(row.name) for row in table) > 3
    names = [f"{plain(row.name)}\n({row.samples})" for row in table]
    axis.set_xticks(places, names, fontsize=11, rotation=30 if long else 0)
    axis.set_xlabel("class (test samples)", fontsize=12)
    axis.set_ylabel("%", fontsize=12)
    axis.tick_params(axis="y", labelsize=11)
    axis.margins(y=0.08)
    axis.grid(alpha=0.3)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=11)
    return figure
