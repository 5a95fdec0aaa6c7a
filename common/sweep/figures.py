"""Figures of a sweep: the metric over each setting, two settings as a heat map, the curves of all runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from common.compare import Compared, curves_to_draw
from common.plots import plain, write_figure
from common.settings import Better
from common.sweep.plan import Job, Plan, describe
from common.sweep.statistics import Group, best_of

SIZE = (7.2, 4.05)  # inches
FACTOR = 20  # between the least and the largest value, from which an axis is logarithmic
LINES = 8  # as many can be told apart


def draw(
    plan: Plan,
    groups: Sequence[Group],
    metric: str,
    better: Better | None,
    jobs: Sequence[Job],
    done: Mapping[str, Compared],
    folder: Path,
) -> list[Path]:
    """All figures that there is something to show in; where they were written."""
    groups = [group for group in groups if group.values(metric)]
    drawn: dict[str, Figure] = {}
    varied = [name for name in plan.settings if len({group.combination[name] for group in groups}) > 1]
    for name in varied:
        drawn[f"{metric}_over_{name}"] = plot_setting(groups, metric, name, varied, plan.drawn, plan.whole)
    if len(varied) == 2 and not plan.drawn and not plan.halve:
        drawn[f"{metric}_heat_map"] = plot_heat_map(groups, metric, better, varied)
    curve = next((name for name in (metric, *curves_to_draw(list(done.values())))), metric)
    if not any(curve in row for run in done.values() for row in run.history):
        curve = next(iter(curves_to_draw(list(done.values()))), "")
    if curve:
        drawn["curves"] = plot_all_curves(groups, metric, better, curve, jobs, done)
    return [write_figure(folder / f"{name}.png", figure) for name, figure in drawn.items()]


def as_numbers(values: Sequence[str]) -> list[float] | None:
    """The values as numbers; None if one is no number."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def wants_log(numbers: Sequence[float]) -> bool:
    """Whether values spread so far that an even axis would press the small ones together."""
    return min(numbers) > 0 and max(numbers) / min(numbers) > FACTOR


def label(axis: Any, x: str, y: str) -> None:
    """Names of the axes, and letters that are still read when the figure is small."""
    axis.set_xlabel(plain(x.replace("_", " ")), fontsize=13)
    axis.set_ylabel(plain(y.replace("_", " ")), fontsize=13)
    axis.tick_params(labelsize=12)
    axis.grid(alpha=0.3)


def plot_setting(
    groups: Sequence[Group], metric: str, name: str, varied: Sequence[str], drawn: bool, whole: int | None = None
) -> Figure:
    """The metric over one setting: a dot per run, mean ± standard deviation; a line per value of the other settings.

    With `whole`, the epochs of a run that halving did not drop, a colour per number of epochs instead.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axis = figure.subplots()
    words = list(dict.fromkeys(group.combination[name] for group in groups))
    numbers = as_numbers(words)
    place = dict(zip(words, numbers or range(len(words)), strict=True))
    others = [other for other in varied if other != name]

    def line_of(group: Group) -> str:
        if whole:
            return f"dropped after {group.dropped}" if group.dropped else f"all {whole} epochs"
        return describe({other: group.combination[other] for other in others})

    lines = list(dict.fromkeys(map(line_of, groups)))
    joined = not drawn and not whole and len(lines) <= LINES
    parted = joined or bool(whole)
    shift = 0.0 if numbers or not parted else 0.5 / len(lines)  # names stand apart: so may the lines at each
    for i, line in enumerate(lines if parted else [""]):
        own = [group for group in groups if not parted or line_of(group) == line]
        if joined and numbers:
            own.sort(key=lambda group: place[group.combination[name]])
        x = [place[group.combination[name]] + shift * (i - (len(lines) - 1) / 2) for group in own]
        for at, group in zip(x, own, strict=True):
            values = group.values(metric)
            axis.plot([at] * len(values), values, ".", color=f"C{i}", alpha=0.4, markersize=7, zorder=1)
        spread = [0.0 if math.isnan(s := group.spread(metric)) else s for group in own]
        style: dict[str, Any] = {"color": f"C{i}", "capsize": 4, "marker": "osvD^<>P"[i % 8], "markersize": 6}
        style["linestyle"] = ("-", "--", ":", "-.")[i % 4] if joined and numbers else "none"
        axis.errorbar(x, [group.mean(metric) for group in own], spread, **style, label=plain(line))
    label(axis, name, metric)
    if numbers is None:
        axis.set_xticks(range(len(words)), [plain(word) for word in words], rotation=20 if len(words) > 4 else 0)
    else:
        if wants_log(numbers):
            axis.set_xscale("log")
        if len(words) <= 8 and not drawn:
            axis.set_xticks(sorted(numbers), [word for _, word in sorted(zip(numbers, words, strict=True))])
            axis.minorticks_off()
    if whole or (joined and others):
        name_lines(figure, *axis.get_legend_handles_labels())
    return figure


def plot_heat_map(groups: Sequence[Group], metric: str, better: Better | None, varied: Sequence[str]) -> Figure:
    """The mean over seeds (and below it the standard deviation) for two settings; the best is framed."""
    down, across = varied
    rows, columns = (list(dict.fromkeys(group.combination[name] for group in groups)) for name in varied)
    means = np.full((len(rows), len(columns)), np.nan)
    cells = {}
    for group in groups:
        at = rows.index(group.combination[down]), columns.index(group.combination[across])
        means[at], cells[at] = group.mean(metric), group
    figure = Figure(figsize=(max(SIZE[0], 1.5 + 1.0 * len(columns)), max(SIZE[1], 1.2 + 0.6 * len(rows))))
    figure.set_layout_engine("constrained")
    axis = figure.subplots()
    colours = "viridis_r" if better == "smaller" else "viridis"  # light is good
    image = axis.imshow(means, cmap=colours, aspect="auto")
    low, high = np.nanmin(means), np.nanmax(means)
    for (i, j), group in cells.items():
        level = (means[i, j] - low) / (high - low) if high > low else 1.0
        light = (1 - level if better == "smaller" else level) > 0.5
        shown = group.show(metric).replace(" ± ", "\n± ")
        axis.text(j, i, shown, ha="center", va="center", fontsize=12, color="black" if light else "white")
    best = best_of(groups, metric, better)
    if best is not None:
        i, j = rows.index(groups[best].combination[down]), columns.index(groups[best].combination[across])
        axis.add_patch(_frame(i, j))
    label(axis, across, down)
    axis.grid(False)
    axis.set_xticks(range(len(columns)), map(plain, columns))
    axis.set_yticks(range(len(rows)), map(plain, rows))
    bar = figure.colorbar(image, ax=axis)
    bar.set_label(plain(metric.replace("_", " ")), fontsize=13)
    bar.ax.tick_params(labelsize=11)
    return figure


def _frame(i: int, j: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, fill=False, edgecolor="red", linewidth=3)


def plot_all_curves(
    groups: Sequence[Group],
    metric: str,
    better: Better | None,
    curve: str,
    jobs: Sequence[Job],
    done: Mapping[str, Compared],
) -> Figure:
    """A history's column over the length of training: a line per run, a colour per combination. Of many combinations
    the best have colours, the others are grey.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axis: Any = figure.subplots()
    sign = -1 if better == "larger" else 1
    halved = any(group.dropped for group in groups)  # then they come in order: who went farthest, first
    ranked = sorted(groups, key=lambda group: sign * group.mean(metric)) if better and not halved else list(groups)
    coloured = [group.combination for group in (ranked if len(groups) > LINES else groups)][: LINES - 1]
    if len(groups) == LINES:
        coloured = [group.combination for group in groups]
    column = next(iter(done.values())).length
    named: dict[str, Any] = {}
    ordered = sorted(jobs, key=lambda job: job.combination in coloured)  # the grey ones lie below
    for job in ordered:
        run = done.get(job.name)
        points = [(row.get(column, row["epoch"]), row[curve]) for row in run.history if curve in row] if run else []
        if not points:
            continue
        at = coloured.index(job.combination) if job.combination in coloured else None
        colour = "0.75" if at is None else f"C{at}"
        style: dict[str, Any] = {"color": colour, "linestyle": "-" if at is None else ("-", "--", ":", "-.")[at % 4]}
        mark: dict[str, Any] = {"marker": None if at is None else "osvD^<>P"[at % 8], "markevery": -(-len(points) // 8)}
        (line,) = axis.plot(*zip(*points, strict=True), **style, **mark, linewidth=1.3, markersize=5, alpha=0.85)
        name = f"{len(groups) - len(coloured)} others" if at is None else describe(job.combination)
        named.setdefault(name, line)
    label(axis, column, curve)
    axis.xaxis.get_major_locator().set_params(integer=True)
    order = [describe(combination) for combination in coloured]
    shown = [*(name for name in order if name in named), *(name for name in named if name not in order)]
    name_lines(figure, [named[name] for name in shown], list(map(plain, shown)))
    return figure


def name_lines(figure: Figure, lines: Sequence[Any], names: Sequence[str]) -> None:
    """A legend above the axes, with as many names in a row as fit."""
    columns = max(1, int(72 / (8 + max(map(len, names), default=0))))
    rows = -(-len(names) // columns)
    figure.set_figheight(SIZE[1] + 0.22 * max(0, rows - 2))
    figure.legend(lines, names, loc="outside upper left", ncols=columns, fontsize=12)
