"""What the runs of a sweep say together: tables, figures and a sentence."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.compare import read_runs
from common.files import write_atomically, write_csv
from common.programs import Outcome
from common.sweep.halving import dropped_after, epochs_spent, read_rounds
from common.sweep.metrics import choose_metric, metrics_of
from common.sweep.plan import Job, Plan
from common.sweep.statistics import LEVEL, TEST, Group, against_best, best_of, compared_with, verdict
from common.tables import markdown


def report(plan: Plan, jobs: Sequence[Job], outcomes: Mapping[str, Outcome], out: Path, by: str | None) -> None:
    """Write sweep.csv, table.csv, table.md and the figures into `out`; print the table and the sentence."""
    done = {job.name: read_runs([job.path])[0] for job in jobs if outcomes[job.name].state == "done"}
    ordered = sorted(jobs, key=lambda job: (plan.combinations.index(dict(job.combination)), job.seed))
    rounds = read_rounds(out) if plan.halve else []
    dropped = [dropped_after(rounds, i) for i in range(len(plan.combinations))]
    rows: list[dict[str, Any]] = []
    for job in ordered:
        run, outcome = done.get(job.name), outcomes[job.name]
        seconds = run.summary.seconds if run and run.summary else ""
        own = {"run": job.name, **job.combination, "seed": job.seed, "state": outcome.state, "seconds": seconds}
        if plan.halve:
            own["dropped_after"] = dropped[plan.combinations.index(dict(job.combination))] or ""
        rows.append({**own, "error": outcome.error, **(metrics_of(run) if run else {})})
    write_csv(out / "sweep.csv", rows)
    if not done:
        print("no run is finished: there is no table yet")
        return
    metric, better = choose_metric(list(done.values()), by or (rounds[0].metric if rounds else None))
    groups = []
    for combination, after in zip(plan.combinations, dropped, strict=True):
        own_runs = [done[job.name] for job in ordered if job.combination == combination and job.name in done]
        groups.append(Group(combination, [metrics_of(run) for run in own_runs], after))
    if better and (plan.drawn or plan.halve):  # the best first; a grid stays in its own order
        sign = 1 if better == "smaller" else -1
        groups.sort(key=lambda group: sign * group.mean(metric) if group.values(metric) else math.inf)
    groups.sort(key=lambda group: -(group.dropped or math.inf))  # who went farther, first
    whole = [group for group in groups if group.dropped is None]  # only they are compared: the others are not as old
    best = best_of(whole, metric, better)
    p = against_best(whole, metric, best) if best is not None else {}
    names = list(dict.fromkeys([metric, *(name for group in groups for own in group.metrics for name in own)]))
    table = [numbers(group, names, p.get(i), i == best) for i, group in enumerate(groups)]
    if plan.halve:
        table = [{**row, "dropped_after": group.dropped or ""} for row, group in zip(table, groups, strict=True)]
    write_csv(out / "table.csv", table)
    header = [*(name.replace("_", "-") for name in plan.settings), "n"]
    shown, short = [[*header, *names, "against the best"]], [[*header, metric, "against the best"]]
    for i, group in enumerate(groups):
        n = len(group.values(metric))
        cells, last = [*group.combination.values(), str(n)], compared_with(i, best, n, p)
        last = f"dropped after {group.dropped} epochs" if group.dropped else last
        shown.append([*cells, *map(group.show, names), last])
        short.append([*cells, group.show(metric), last])
    sentence = verdict(whole, metric, better, p, names)
    if better and metric.startswith("test_"):
        sentence += f"; {metric} is of the test set (--by): once it has chosen, it is no measure of the chosen any more"
    note = "mean ± standard deviation over seeds"
    note += f"; {metric} ({better} is better) chooses; against the best: {TEST}; level {LEVEL:g}" if better else ""
    if plan.halve:
        note += f"\n{epochs_spent(plan, jobs)}"
    write_atomically(out / "table.md", f"{markdown(shown)}\n{note}\n\n{sentence}\n")
    from common.sweep import figures  # here, so that --help need not wait for matplotlib

    drawn = figures.draw(plan, groups, metric, better, ordered, done, out / "figures")
    print(markdown(short) + note)
    print(f"look at {drawn[0].parent / ', '.join(path.name for path in drawn)}" if drawn else "no figures")
    print(sentence)


def numbers(group: Group, names: Sequence[str], p: float | None, best: bool) -> dict[str, Any]:
    """A combination's row of table.csv."""
    row: dict[str, Any] = {**group.combination, "n": len(group.values(names[0]))}
    for name in names:
        for column, value in ((name, group.mean(name)), (f"{name}_sd", group.spread(name))):
            row[column] = "" if math.isnan(value) else value
    return {**row, "p_against_best": "" if p is None else p, "best": best}
