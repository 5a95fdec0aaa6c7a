"""What a tabular training looked like: its figures, and its table beside the exact one."""

from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from labs.reinforcement_learning.curves import log_scale
from labs.reinforcement_learning.environments import Env
from labs.reinforcement_learning.grids import Layout, layout, plot_grids
from labs.reinforcement_learning.planning import greedy
from labs.reinforcement_learning.tabular import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOW = 100  # episodes in the moving average: the manual's


def moving_average(values: ndarray, window: int) -> ndarray:
    """Mean of each value and those before it, `window` in all: (N − window + 1,)."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return (sums[window:] - sums[:-window]) / window


def plot_returns(returns: ndarray, epsilons: ndarray) -> "Figure":
    """Total reward per episode with its moving average; below ε, when it changes."""
    from matplotlib.figure import Figure

    changes = epsilons.min() < epsilons.max()
    figure = Figure(figsize=(8, 5 if changes else 3.8), layout="constrained")
    ratios = [3, 1] if changes else [1]
    axes = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    episodes = np.arange(1, len(returns) + 1)
    axes[0].plot(episodes, returns, ".", markersize=5, color="#4477aa", alpha=0.5, label="total reward of an episode")
    window = min(WINDOW, len(returns))
    average = moving_average(returns, window)
    axes[0].plot(episodes[window - 1 :], average, color="#b2182b", label=f"mean of the last {window}")
    axes[0].set(ylabel="total reward")
    if np.ptp(returns) > 200:  # the worst episodes would hide the others
        axes[0].set_yscale("symlog", linthresh=10)
        axes[0].yaxis.set_major_formatter("{x:g}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=2)
    if changes:
        axes[1].plot(episodes, epsilons, color="#1b7837")
        axes[1].set(ylabel="ε", ylim=(0, None))
    for axis in axes:
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("episode")
    return figure


def plot_learning(record: Record, grid: Layout | None, exact: ndarray) -> "Figure":
    """Left: some entries of the table over the episodes, and where they settle. Right: the error of the whole table."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    episodes = [row["episodes"] for row in record.rows]
    tables = np.stack(record.tables)
    for number, (name, entry) in enumerate(watched(grid, exact).items()):
        colour = f"C{number % 10}"
        look = {"color": colour, "marker": "osD^v"[number % 5], "markevery": max(1, len(episodes) // 10)}
        left.plot(episodes, tables[(slice(None), *entry)], label=name, **look)
        left.axhline(exact[entry], color=colour, linestyle="--", linewidth=0.8)
    left.set(xlabel="episode", ylabel="value", title="learned, and exact (dashed)")
    for name, style, colour in (("value_error", "-", "#4477aa"), ("largest_value_error", "--", "#b2182b")):
        errors = [row.get(name, np.nan) for row in record.rows]
        right.plot(episodes, errors, style, color=colour, label=name.replace("_", " "))
    right.set(xlabel="episode", ylabel="|learned − exact|", title="error of the table")
    log_scale(right)
    for axis in (left, right):
        axis.legend(fontsize=10, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)  # below: over no curve
        axis.grid(alpha=0.3)
    return figure


def watched(grid: Layout | None, exact: ndarray) -> dict[str, tuple[int, int]]:
    """Entries of a table worth a curve: the best action of each state of a short track, else all of the first state."""
    if grid is None or grid.shape[0] > 1:
        start = grid.start if grid else 0
        return {f"state {start}, {action_name(grid, exact, a)}": (start, a) for a in range(exact.shape[1])}
    states = [s for s, letter in enumerate(grid.letters) if letter not in "GH"]
    best = {s: int(exact[s].argmax()) for s in states}
    return {f"state {s + grid.first}, {action_name(grid, exact, a)}": (s, a) for s, a in best.items()}


def action_name(grid: Layout | None, exact: ndarray, action: int) -> str:
    """An action's arrow, or its number where there is no grid; V for a table of state values."""
    if exact.shape[1] == 1:
        return "V"
    return grid.arrows(np.eye(exact.shape[1])[action]) if grid else f"action {action}"


def draw_figures(record: Record, epsilons: ndarray, env: Env, exact: ndarray | None) -> dict[str, "Figure"]:
    """The figures of a run by name, `epsilons` its ε in each episode; README.md says what to look for in each."""
    agent = record.agent
    figures = {"returns": plot_returns(np.array(record.returns), epsilons)}
    grid = layout(env)
    if exact is not None:
        figures["learning"] = plot_learning(record, grid, exact)
    if grid is None or exact is None:
        return figures
    moments = {
        f"mean over the first {record.rows[0]['episodes']} episodes": record.tables[0],
        f"after {record.rows[-1]['episodes']} episodes": agent.values,
    }
    settled = "exact"
    if agent.method != "q_learning":
        moments["mean over the last fifth"] = record.late_table()
    if "sarsa" in agent.method:
        settled = f"exact, for ε = {record.rows[-1]['epsilon']:.3g}"
    moments[settled] = exact
    acts = exact.shape[1] > 1
    figures["values"] = plot_grids(grid, [(n, Q.max(axis=1), greedy(Q) if acts else None) for n, Q in moments.items()])
    figures["visits"] = plot_grids(grid, [("updates of each state", agent.visits.sum(axis=1), None)], digits=0)
    return figures


def describe_values(record: Record, env: Env, exact: ndarray | None) -> str:
    """The table beside the exact one: a line per state, or (more than two actions) the best of each state on its grid.

    "late mean" is the mean over the last fifth of the episodes. Nothing for a large table without a grid.
    """
    agent, grid, late = record.agent, layout(env), record.late_table()
    if exact is None or grid is None:
        return ""
    if late.shape[1] > 2:
        sides = {f"learned: max Q after {len(record.returns)} episodes": agent.values, "exact": exact}
        return "\n".join(f"{name}\n{grid.text(Q.max(axis=1), greedy(Q))}" for name, Q in sides.items())
    lines = ["state" + "".join(f" | {action_name(grid, late, a):^38}" for a in range(late.shape[1]))]
    lines.append("     " + f" | {'end':>8} {'late mean':>9} {'exact':>9} {'updates':>9}" * late.shape[1])
    for s in np.flatnonzero(agent.visits.any(axis=1)):
        cells = zip(agent.values[s], late[s], exact[s], agent.visits[s], strict=True)
        text = [f" | {end:8.4f} {mean:9.4f} {x:9.6f} {int(n):9}" for end, mean, x, n in cells]
        lines.append(f"{s + grid.first:>5}" + "".join(text))
    return "\n".join(lines)
