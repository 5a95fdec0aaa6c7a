"""By which metric the runs of a sweep are compared."""

from collections.abc import Sequence

from common.compare import Compared
from common.errors import InputError
from common.settings import Better

SMALLER = ("negative_elbo", "loss", "error", "mse", "distance", "perplexity", "kl", "reconstruction", "steps")
LARGER = ("elbo", "accuracy", "return", "rate", "purity", "nmi", "npmi", "coverage", "f1", "diversity")


def metrics_of(run: Compared) -> dict[str, float]:
    """The validation metrics of the epoch whose weights were kept, then those of the summary, unrounded."""
    if run.summary is None:
        return {}
    kept = run.summary.kept
    row = next((row for row in run.history if row["epoch"] == kept), run.history[-1] if run.history else {})
    return {**{k: v for k, v in row.items() if k.startswith("val_")}, **run.summary.metrics}


def choose_metric(runs: Sequence[Compared], by: str | None) -> tuple[str, Better | None]:
    """The metric of the tables, and whether less or more of it is better; None: nothing may choose by it.

    That of --by, else the first that the lab has named as fit to choose by, else the first of all. InputError for a
    metric that no run has, and for one of which nobody knows what is better.
    """
    names = list(dict.fromkeys(name for run in runs for name in metrics_of(run)))
    known = {name: better for run in runs if run.summary for name, better in run.summary.better.items()}
    if by is None:
        chosen = next((name for name in known if name in names), None)
        return (chosen, known[chosen]) if chosen else (names[0], None)
    name, _, said = by.partition(":")
    if name not in names:
        raise InputError(f"--by {name}: no run has this metric; go on with --resume and --by one of {', '.join(names)}")
    if said in ("smaller", "larger"):
        return name, said  # type: ignore[return-value]
    if name in known:
        return name, known[name]
    for words, better in ((SMALLER, "smaller"), (LARGER, "larger")):
        if not said and any(word in name for word in words):
            return name, better  # type: ignore[return-value]
    raise InputError(f"--by {by}: say what is better: --by {name}:smaller or --by {name}:larger")
