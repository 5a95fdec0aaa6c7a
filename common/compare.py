"""Several runs of one lab side by side: settings that differ, metrics, size, time, and their curves in one figure."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.records import DIFFERING, Summary, read_history, read_summary
from common.settings import Role, TrainingFlags, read_record, roles
from common.tables import markdown

# Settings that say where and how a run was made, not what it was (but its times depend on the device); the length has
# its own column.
PLACES = {field.name for field in dataclasses.fields(TrainingFlags) if Role.PLACE in roles(TrainingFlags, field.name)}
LENGTHS = ("episodes", "steps")  # columns that say how long a run has been going, where the epoch does not
NOT_COMPARED = PLACES - {"device"} | {"lab", "command", "epochs", DIFFERING}


@dataclasses.dataclass(frozen=True)
class Compared:
    """A run as it is compared."""

    path: Path
    settings: Mapping[str, Any]
    summary: Summary | None  # none if it was killed
    history: Sequence[Mapping[str, float]]

    @property
    def length(self) -> str:
        """The column of the history that says how long the run is."""
        row = self.history[-1] if self.history else {}
        return next((name for name in LENGTHS if name in row), "epoch")

    @property
    def metrics(self) -> dict[str, float]:
        """The validation metrics of the epoch whose weights were kept, then the summary's.

        As precise as they are shown, so that runs that look equal are equally good.
        """
        if self.summary is None:
            return {}
        kept = self.summary.kept
        row = next((row for row in self.history if row["epoch"] == kept), self.history[-1] if self.history else {})
        chosen = {name: value for name, value in row.items() if name.startswith("val_")}
        return {name: round(value, 4) for name, value in {**chosen, **self.summary.metrics}.items()}


def read_runs(paths: Sequence[Path]) -> list[Compared]:
    """The runs in the directories; InputError without any, for a folder that is no run and for different labs."""
    if not paths:
        raise InputError("no runs to compare; name run directories, e.g. labs compare runs/cnn/*")
    runs = []
    for path in map(Path, paths):
        summary = read_summary(path) if (path / "summary.json").is_file() else None
        runs.append(Compared(path, read_record(path), summary, read_history(path)))
    labs = sorted({str(run.settings.get("lab", "unknown")) for run in runs})
    if len(labs) > 1:
        raise InputError(f"these are runs of different labs ({', '.join(labs)}); compare runs of one")
    return runs


def comparison_table(runs: Sequence[Compared]) -> list[list[str]]:
    """Header and a row per run, as text: differing settings, parameters, metrics, length, seconds.

    The best run is marked * in those metrics that the lab has named as fit to choose by; the test set's are not.
    """
    names = dict.fromkeys(name for run in runs for name in run.settings if name not in NOT_COMPARED)
    differing = [name for name in names if len({str(run.settings.get(name)) for run in runs}) > 1]
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    best = {name: _best(runs, name) for name in metrics}
    sizes = [run.summary.parameters if run.summary else None for run in runs]
    length = runs[0].length

    sized = ["parameters"] if any(sizes) else []
    rows = [["run", *differing, *sized, *(name.replace("_", " ") for name in metrics), _plural(length), "seconds"]]
    for run, size in zip(runs, sizes, strict=True):
        row = [str(run.path) + ("" if run.summary and not run.summary.interrupted else " (interrupted)")]
        for name in differing:
            value = run.settings.get(name, "")
            row.append(",".join(map(str, value)) if isinstance(value, list) else str(value))
        row += [f"{size:,}" if size else ""] if sized else []
        for name in metrics:
            value = run.metrics.get(name)
            row.append("" if value is None else describe_number(value) + (" *" if value == best[name] else ""))
        row.append(f"{run.history[-1].get(length, run.history[-1]['epoch']):.0f}" if run.history else "")
        row.append(f"{run.summary.seconds:.1f}" if run.summary else "")
        rows.append(row)
    return rows


def describe_number(value: float) -> str:
    """A count as a count, the rest with four digits behind the point."""
    return f"{value:,.0f}" if isinstance(value, int) or (value.is_integer() and abs(value) >= 1000) else f"{value:.4f}"


def _plural(length: str) -> str:
    return length if length.endswith("s") else f"{length}s"


def _best(runs: Sequence[Compared], name: str) -> float | None:
    """The best value of a metric; none if there is nothing to choose between, or nothing to choose by."""
    values = [run.metrics[name] for run in runs if name in run.metrics]
    better = {run.summary.better.get(name) for run in runs if run.summary}
    if len(values) < 2 or len(set(values)) < 2 or better not in ({"smaller"}, {"larger"}):
        return None
    return min(values) if better == {"smaller"} else max(values)


def curves_to_draw(runs: Sequence[Compared]) -> list[str]:
    """Columns of the histories that are worth a panel: of what the network has not learnt from, if there are any."""
    names = list(dict.fromkeys(name for run in runs for row in run.history for name in row))
    unseen = [name for name in names if name.startswith(("val_", "test_"))]
    return unseen or [name for name in names if name not in ("epoch", "seconds", *LENGTHS)]


def figure_path(paths: Sequence[Path]) -> Path:
    """Beside the first run, named after all of them: runs/cnn/comparison_base_deep.png."""
    names = [re.sub(r"[^\w.-]+", "-", Path(path).resolve().name) for path in paths]
    name = "_".join(names)
    if len(name) > 80:
        name = f"{names[0]}_to_{names[-1]}_{len(names)}_runs"
    return Path(paths[0]).parent / f"comparison_{name}.png"


def compare(runs: Sequence[Path], out: Path | None = None) -> None:
    """Print the table (as Markdown, to paste into a report) and draw the curves into `out`."""
    from common import plots

    compared = read_runs(runs)
    rows = comparison_table(compared)
    print(markdown(rows), end="")
    if len(compared) > 1 and not any("*" in cell for row in rows[1:] for cell in row[1:]):
        print("no run is marked as the best: nothing here may choose between them (a test metric must not)")
    if shown := curves_to_draw(compared):
        histories = {str(run.path): run.history for run in compared}
        figure = plots.plot_runs(histories, shown, compared[0].length)
        print(f"curves: {plots.write_figure(out or figure_path(runs), figure)}")
