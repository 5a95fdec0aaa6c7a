"""What the runs of a sweep say together: tables, figures and a sentence."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.compare import Compared, read_runs
from common.errors import InputError
from common.files import write_atomically, write_csv
from common.settings import Better
from common.sweep_plan import Job, Plan
from common.sweep_statistics import LEVEL, TEST, Group, against_best, best_of, compared_with, verdict

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


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of them the header, as a table."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "| " + " | ".join("-" * width for width in widths) + " |", *lines[1:]]) + "\n"


def report(plan: Plan, jobs: Sequence[Job], states: Mapping[str, tuple[str, str]], out: Path, by: str | None) -> None:
    """Write sweep.csv, table.csv, table.md and the figures into `out`; print the table and the sentence."""
    done = {job.name: read_runs([job.path])[0] for job in jobs if states[job.name][0] == "done"}
    ordered = sorted(jobs, key=lambda job: (plan.combinations.index(dict(job.combination)), job.seed))
    rows: list[dict[str, Any]] = []
    for job in ordered:
        run, (state, error) = done.get(job.name), states[job.name]
        seconds = run.summary.seconds if run and run.summary else ""
        own = {"run": job.name, **job.combination, "seed": job.seed, "state": state, "seconds": seconds}
        rows.append({**own, "error": error, **(metrics_of(run) if run else {})})
    write_csv(out / "sweep.csv", rows)
    if not done:
        print("no run is finished: there is no table yet")
        return
    metric, better = choose_metric(list(done.values()), by)
    groups = []
    for combination in plan.combinations:
        own_runs = [done[job.name] for job in ordered if job.combination == combination and job.name in done]
        groups.append(Group(combination, [metrics_of(run) for run in own_runs]))
    if plan.drawn and better:  # the best first; a grid stays in its own order
        sign = 1 if better == "smaller" else -1
        groups.sort(key=lambda group: sign * group.mean(metric) if group.values(metric) else math.inf)
    best = best_of(groups, metric, better)
    p = against_best(groups, metric, best) if best is not None else {}
    names = list(dict.fromkeys([metric, *(name for group in groups for own in group.metrics for name in own)]))
    write_csv(out / "table.csv", [numbers(group, names, p.get(i), i == best) for i, group in enumerate(groups)])
    header = [*(name.replace("_", "-") for name in plan.settings), "n"]
    shown, short = [[*header, *names, "against the best"]], [[*header, metric, "against the best"]]
    for i, group in enumerate(groups):
        n = len(group.values(metric))
        cells, last = [*group.combination.values(), str(n)], compared_with(i, best, n, p)
        shown.append([*cells, *map(group.show, names), last])
        short.append([*cells, group.show(metric), last])
    sentence = verdict(groups, metric, better, p)
    if better and metric.startswith("test_"):
        sentence += f"; {metric} is of the test set (--by): once it has chosen, it is no measure of the chosen any more"
    note = "mean ± standard deviation over seeds"
    note += f"; {metric} ({better} is better) chooses; against the best: {TEST}; level {LEVEL:g}" if better else ""
    write_atomically(out / "table.md", f"{markdown(shown)}\n{note}\n\n{sentence}\n")
    from common import sweep_figures  # here, so that --help need not wait for matplotlib

    figures = sweep_figures.draw(plan, groups, metric, better, ordered, done, out / "figures")
    print(markdown(short) + note)
    print(f"look at {figures[0].parent / ', '.join(path.name for path in figures)}" if figures else "no figures")
    print(sentence)


def numbers(group: Group, names: Sequence[str], p: float | None, best: bool) -> dict[str, Any]:
    """A combination's row of table.csv."""
    row: dict[str, Any] = {**group.combination, "n": len(group.values(names[0]))}
    for name in names:
        for column, value in ((name, group.mean(name)), (f"{name}_sd", group.spread(name))):
            row[column] = "" if math.isnan(value) else value
    return {**row, "p_against_best": "" if p is None else p, "best": best}
