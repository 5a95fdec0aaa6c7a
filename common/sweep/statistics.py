"""Whether the combinations of a sweep differ by more than chance, and which is best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from common.settings import Better
from common.sweep.plan import describe

LEVEL = 0.05  # a difference is larger than chance if its p is less
TEST = "Welch's t-test, two-sided, p corrected by Holm"


@dataclass(frozen=True)
class Group:
    """The finished runs of one combination."""

    combination: Mapping[str, str]
    metrics: Sequence[Mapping[str, float]]  # of each run
    dropped: int | None = None  # after how many epochs halving has dropped it; None: it went all the way

    def values(self, metric: str) -> list[float]:
        """The metric of every run that has it."""
        return [own[metric] for own in self.metrics if metric in own]

    def mean(self, metric: str) -> float:
        """nan without any run."""
        values = self.values(metric)
        return float(np.mean(values)) if values else math.nan

    def spread(self, metric: str) -> float:
        """The standard deviation (n − 1); nan of fewer than two runs."""
        values = self.values(metric)
        return deviation(values) if len(values) > 1 else math.nan

    def show(self, metric: str) -> str:
        """0.3121 ± 0.0041"""
        mean, spread = self.mean(metric), self.spread(metric)
        if math.isnan(mean):
            return ""
        return digits(mean, 4) if math.isnan(spread) else f"{digits(mean, 4)} ± {digits(spread, 2)}"


def digits(value: float, n: int) -> str:
    """A number with n significant digits, or all that stand before the point if these are more: 0.0041, 120."""
    short = f"{value:.{n}g}"
    return f"{value:.0f}" if "e+" in short and abs(value) < 1e9 else short


def deviation(values: Sequence[float]) -> float:
    """The standard deviation (n − 1); of equal values exactly 0, where rounding would leave 1e-16 to be tested with."""
    return 0.0 if min(values) == max(values) else float(np.std(values, ddof=1))


def welch(a: Sequence[float], b: Sequence[float]) -> float | None:
    """p of Welch's t-test; None where it does not apply: fewer than two values, or no spread in either."""
    if min(len(a), len(b)) < 2:
        return None
    spreads = deviation(a), deviation(b)
    if not any(spreads):
        return 1.0 if a[0] == b[0] else None
    from scipy import stats  # here, so that --help need not wait for it

    sizes = (np.mean(a), spreads[0], len(a)), (np.mean(b), spreads[1], len(b))
    return float(stats.ttest_ind_from_stats(*sizes[0], *sizes[1], equal_var=False).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for being several (Holm 1979), in their order."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def best_of(groups: Sequence[Group], metric: str, better: Better | None) -> int | None:
    """The number of the group with the best mean; None if there is nothing to choose between or by."""
    there = [i for i, group in enumerate(groups) if group.values(metric)]
    if better is None or len(there) < 2:
        return None
    return (min if better == "smaller" else max)(there, key=lambda i: groups[i].mean(metric))


def against_best(groups: Sequence[Group], metric: str, best: int) -> dict[int, float | None]:
    """p of each group's difference to the best, corrected for as many comparisons as there are."""
    others = [i for i in range(len(groups)) if i != best and groups[i].values(metric)]
    p = {i: welch(groups[i].values(metric), groups[best].values(metric)) for i in others}
    tested = {i: value for i, value in p.items() if value is not None}
    return p | dict(zip(tested, holm(list(tested.values())), strict=True))


def verdict(
    groups: Sequence[Group], metric: str, better: Better | None, p: Mapping[int, float | None], names: Sequence[str]
) -> str:
    """Which combination is best, and how sure that is, in a sentence. `names`: all metrics that there are."""
    if len(groups) == 1:
        if groups[0].combination and better:
            n = len(groups[0].values(metric))
            return f"left: {describe(groups[0].combination)}, {metric} {groups[0].show(metric)} (n = {n})"
        return f"{metric} {groups[0].show(metric)} (n = {len(groups[0].values(metric))})"
    best = best_of(groups, metric, better)
    if better is None:
        return f"no metric here is fit to choose between settings by itself; name one: --by {', '.join(names)}"
    if best is None:
        return "fewer than two combinations have a finished run: nothing to choose between"
    if len({group.mean(metric) for group in groups if group.values(metric)}) == 1:
        return f"none is best: {metric} is {groups[best].show(metric)} in all of them"
    n = len(groups[best].values(metric))
    said = f"best: {describe(groups[best].combination)}, {metric} {groups[best].show(metric)} (n = {n})"
    tested = {i: value for i, value in p.items() if value is not None}
    close = sorted((i for i, value in tested.items() if value >= LEVEL), key=lambda i: -tested[i])
    if not tested:
        cure = (
            "with one run each the order may be chance; --seeds 0-4 would tell" if n == 1 else "no spread to test with"
        )
        return f"{said}; {cure}"
    if close:
        shown = "; ".join(f"{describe(groups[i].combination)} (p = {tested[i]:.2g})" for i in close[:3])
        said += (
            f"; not sure: {len(close)} of {len(p)} others could be as good: {shown}{'; …' if len(close) > 3 else ''}"
        )
    else:
        others = f"all {len(p)}" if len(tested) == len(p) else f"{len(tested)} of {len(p)}"
        said += f"; its lead over {others} others is larger than chance"
    if len(tested) < len(p):
        said += f"; {len(p) - len(tested)} could not be tested"
    return f"{said} ({TEST}, level {LEVEL:g})"


def compared_with(i: int, best: int | None, n: int, p: Mapping[int, float | None]) -> str:
    """The table's last cell: whether a combination differs from the best by more than chance."""
    if best is None or i not in p:
        return "best" if i == best else ""
    value = p[i]
    if value is None:
        return "n = 1" if n == 1 else "not tested"
    return f"{'worse' if value < LEVEL else 'no difference shown'}, p = {value:.2g}"
