"""Several runs of one lab side by side: settings that differ, metrics, time, and their curves in one figure."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from common.runs import read_history, read_summary
from common.settings import Role, TrainingFlags, read_record, roles

# Settings that say where and how a run was made, not what it was (but its times depend on the device); the length has
# its own column.
PLACES = {field.name for field in dataclasses.fields(TrainingFlags) if Role.PLACE in roles(TrainingFlags, field.name)}
NOT_COMPARED = PLACES - {"device"} | {"lab", "command", "epochs"}

# In which direction a metric is better, by a word in its name; others get no mark.
HIGHER = ("accuracy", "elbo", "coverage", "return", "success", "coherence", "likelihood", "auc", "nmi", "purity", "f1")
LOWER = ("loss", "perplexity", "reconstruction", "distance", "error", "mse")


def comparison_table(paths: Sequence[Path]) -> list[list[str]]:
    """Header and a row per run, as text: differing settings, metrics (the best marked *), epochs, seconds.

    Raises InputError without runs, for a folder that is no run and for runs of different labs.
    """
    if not paths:
        raise InputError("no runs to compare; name run directories, e.g. labs compare runs/cnn/*")
    settings = [read_record(Path(path)) for path in paths]
    labs = sorted({str(s.get("lab", "unknown")) for s in settings})
    if len(labs) > 1:
        raise InputError(f"these are runs of different labs ({', '.join(labs)}); compare runs of one")
    summaries = [read_summary(path) if (path / "summary.json").is_file() else None for path in map(Path, paths)]
    names = dict.fromkeys(name for s in settings for name in s if name not in NOT_COMPARED)
    differing = [name for name in names if len({str(s.get(name)) for s in settings}) > 1]
    # As precise as they are shown, so that runs that look equal are equally good.
    reached = [{name: round(value, 4) for name, value in s.metrics.items()} if s else {} for s in summaries]
    metrics = list(dict.fromkeys(name for values in reached for name in values))
    best = {name: _best([values.get(name) for values in reached], name) for name in metrics}

    rows = [["run", *differing, *(name.replace("_", " ") for name in metrics), "epochs", "seconds"]]
    for path, own, summary, values in zip(paths, settings, summaries, reached, strict=True):
        row = [str(path) + ("" if summary and not summary.interrupted else " (interrupted)")]
        for name in differing:
            value = own.get(name, "")
            row.append(",".join(map(str, value)) if isinstance(value, list) else str(value))
        for name in metrics:
            value = values.get(name)
            row.append("" if value is None else f"{value:.4f}" + (" *" if value == best[name] else ""))
        row += [str(summary.epochs), f"{summary.seconds:.1f}"] if summary else ["", ""]
        rows.append(row)
    return rows


def _best(values: Sequence[float | None], name: str) -> float | None:
    known = [value for value in values if value is not None]
    if not known or len(values) < 2:
        return None
    if any(word in name for word in LOWER):
        return min(known)
    return max(known) if any(word in name for word in HIGHER) else None


def compare(runs: Sequence[Path], out: Path) -> None:
    """Print the table (as Markdown, to paste into a report) and draw the curves into `out`."""
    from common import plots

    rows = comparison_table(runs)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("| " + " | ".join("-" * width for width in widths) + " |")
    histories = {str(path): read_history(path) for path in runs}
    names = dict.fromkeys(name for history in histories.values() for row in history for name in row)
    shown = [name for name in names if name.startswith(("val_", "test_"))]
    shown = shown or [name for name in names if name not in ("epoch", "seconds")]
    if shown:
        print(f"curves: {plots.write_figure(out, plots.plot_runs(histories, shown))}")
