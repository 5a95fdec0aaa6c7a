"""What if? The lab's worlds under rules that sliders change: exact values, episodes, learning. The notebook's figures.

Each function draws one figure from a few numbers, in well under a second.
"""

import functools
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy import ndarray

from common.runs import Run
from labs.reinforcement_learning.environments import OWN, Env, make, table_of
from labs.reinforcement_learning.grids import Layout, draw_grid, layout, plot_grids
from labs.reinforcement_learning.planning import Table, greedy, model, optimal, success_probability, value_iteration
from labs.reinforcement_learning.progress import moving_average
from labs.reinforcement_learning.reinforcement_learning import HyperParams, get_env, learn, load_run
from labs.reinforcement_learning.tabular import Method, TabularApproximator, choose, exact_values
from labs.reinforcement_learning.watch import animate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELLS = 9  # of grids side by side: as wide as a page of the notebook
LEFT, RIGHT = "#b2182b", "#2166ac"

Step = tuple[int, int, float, int]  # state, action, reward, next state


def open_world(world: str, slip: float) -> tuple[Env, Table, Layout]:
    """The environment of one of WORLDS, its table and its grid; `slip` is the probability of slipping to each side."""
    name = next(full for full, (_, _, own) in OWN.items() if own.get("world") == world)
    env = make(name, slip=slip, disable_env_checker=True)
    table, grid = table_of(env), layout(env)
    assert table and grid, world
    return env, table, grid


def play(env: Env, Q: ndarray, epsilon: float, seed: int) -> list[Step]:
    """The steps of one episode, ε-greedy by Q (S, A)."""
    rng = np.random.default_rng(seed)
    (state, _), steps, over = env.reset(seed=seed), [], False
    while not over:
        action = choose(Q[state], epsilon, "random", rng)
        following, reward, terminated, truncated, _ = env.step(action)
        steps.append((state, action, float(reward), int(following)))
        state, over = following, terminated or truncated
    return steps


# --- A run that the page has trained --------------------------------------------------------------------------------


def figure(name: str) -> Callable[..., Path]:
    """What shows one of the run's figures."""
    return functools.partial(_figure, name=name)


def _figure(model: Any, run: Run, name: str) -> Path:
    return run.path / "figures" / f"{name}.png"


def reopen(table: TabularApproximator, run: Run) -> str:
    """Whether the table that the run has saved is the same."""
    loaded = load_run(run.path)
    same = torch.equal(loaded.model.table, table.table)
    return f"{loaded.settings.method} in {loaded.settings.env}; the same table, to the last bit: {same}"


def show_film(model: Any, run: Run) -> Path:
    """The network's play before training, early in it, and at its best."""
    return animate(run=run.path)


# --- Grid worlds ----------------------------------------------------------------------------------------------------


def draw_policies(world: str, gamma: float, epsilon: float, slip: float) -> tuple["Figure", str]:
    """V* with the best actions, and the same for an agent that errs: with probability ε it does anything."""
    _, table, grid = open_world(world, slip)
    mdp = model(table, gamma)
    (Q, V), (Q_erring, V_erring) = optimal(mdp), optimal(mdp, epsilon)
    panels = [("V*: never an action at random", V, greedy(Q))]
    text = f"value of the start {V[grid.start]:.4f}"
    if epsilon:
        panels.append((f"the best there is with ε = {epsilon:g}", V_erring, greedy(Q_erring)))
        acting = grid.shown & ~mdp.terminal
        differ = int((greedy(Q) != greedy(Q_erring))[acting].any(axis=1).sum())
        text += f", with ε {V_erring[grid.start]:.4f}; other actions are best in {differ} of {acting.sum()} cells"
    return plot_grids(grid, panels, cells=CELLS), text


def draw_cells(world: str, gamma: float, slip: float) -> bytes:
    """V* of a world as a PNG file without margins, to point at its cells."""
    from matplotlib.figure import Figure

    _, table, grid = open_world(world, slip)
    rows, columns = grid.shape
    drawn = Figure(figsize=(columns, rows))
    Q, V = optimal(model(table, gamma))
    draw_grid(drawn.add_axes((0, 0, 1, 1)), grid, V, greedy(Q), "")
    content = io.BytesIO()
    drawn.savefig(content, dpi=100)
    return content.getvalue()


def size_of(world: str) -> tuple[int, int]:
    """Rows and columns of a world."""
    rows, columns = open_world(world, 0.0)[2].shape
    return rows, columns


def explain_cell(world: str, gamma: float, slip: float, place: tuple[int, int] | None) -> str:
    """Bellman's equation with its numbers for the state pointed at: Q* of each action, and the best of them."""
    _, table, grid = open_world(world, slip)
    if place is None:
        return "Click a cell."
    Q, V = optimal(model(table, gamma))
    state = place[0] * grid.shape[1] + place[1]
    if not grid.shown[state] or all(over for _, _, _, over in table[state][0]):
        return f"state {state}: no action is taken here"
    lines = []
    for action, outcomes in table[state].items():
        terms = [
            f"{p:g}·({reward:g}{'' if over else f' + {gamma:g}·{V[following]:.2f}'})"
            for p, following, reward, over in outcomes
            if p > 0
        ]
        arrow = grid.arrows(np.eye(len(grid.moves))[action])
        lines.append(f"{arrow}  {' + '.join(terms)} = {Q[state, action]:.4f}")
    return "\n".join([f"state {state}: V* = {V[state]:.4f}, the largest of", *lines]).replace("-", "−")


def draw_sweep(world: str, gamma: float, slip: float, sweep: int) -> tuple["Figure", str]:
    """Value iteration after that many sweeps, with the actions that look best then, beside V*."""
    _, table, grid = open_world(world, slip)
    mdp = model(table, gamma)
    V = [np.zeros(len(mdp.R)), *itertools.islice(value_iteration(mdp), sweep)][-1]
    Q, settled = optimal(mdp)
    panels = [(f"after {sweep} sweeps", V, greedy(mdp.q_values(V))), ("V*", settled, greedy(Q))]
    return plot_grids(grid, panels, cells=CELLS), f"largest error of a value: {np.abs(V - settled).max():.4f}"


def draw_episode(world: str, gamma: float, epsilon: float, slip: float, episode: int) -> tuple["Figure", str]:
    """The path of one episode on the grid, ε-greedy by Q*, and its rewards. Other numbers are other episodes."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    env, table, grid = open_world(world, slip)
    Q, V = optimal(model(table, gamma))
    steps = play(env, Q, epsilon, episode)
    rows, columns = grid.shape
    figure = Figure(figsize=(1.1 * columns + 1.4, 1.1 * rows + 0.4), layout="constrained")
    axis = figure.subplots()
    draw_grid(axis, grid, V, None, f"{len(steps)} steps, over V*", alpha=0.4)
    axis.set_facecolor("white")
    for label in axis.texts:
        label.set_color("0.3")
        label.set_bbox(None)
    for row, column in np.argwhere(~grid.shown.reshape(grid.shape)):  # walls
        axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color="0.5"))
    wobble = np.random.default_rng(0).uniform(-0.16, 0.16, (len(steps) + 1, 2))  # so that no step hides another
    states = np.array([steps[0][0], *(following for *_, following in steps)])
    x, y = (states % columns + wobble[:, 0]), (states // columns - 0.18 + wobble[:, 1])
    axis.plot(x, y, color="0.4", linewidth=1)
    drawn = axis.scatter(x, y, c=range(len(states)), cmap="plasma", s=28, zorder=3, vmin=0)
    axis.annotate("start", (x[0], y[0]), (4, 4), textcoords="offset points", fontsize=10)
    figure.colorbar(drawn, ax=axis, shrink=0.8, label="step", ticks=MaxNLocator("auto", integer=True))
    rewards = np.array([reward for _, _, reward, _ in steps])
    signs = [grid.arrows(np.eye(len(grid.moves))[action]) for _, action, _, _ in steps]
    said = ", ".join(f"{sign} {reward:g}" for sign, reward in zip(signs[:30], rewards, strict=False))
    discounted = float(rewards @ gamma ** np.arange(len(rewards)))
    text = f"action and reward of each step: {said}{' …' if len(steps) > 30 else ''}\n"
    return figure, f"{text}sum of the rewards {rewards.sum():g}; return, with γ = {gamma:g}: {discounted:.4f}"


def draw_learned(
    world: str, method: Method, episodes: int, alpha: float, gamma: float, epsilon: float, slip: float
) -> tuple["Figure", str]:
    """What a learner that does not know the table has found after that many episodes, beside where it settles."""
    env, table, grid = open_world(world, slip)
    settings = HyperParams(
        method=method, episodes=episodes, block=episodes, alpha=alpha, gamma=gamma, epsilon=epsilon, eval_episodes=1
    )
    _, record = learn(settings, env)
    agent, exact = record.agent, exact_values(env, method, gamma, epsilon)
    assert exact is not None
    panels = [
        (f"learned in {episodes} episodes", agent.values.max(axis=1), greedy(agent.values)),
        ("exact", exact.max(axis=1), greedy(exact)),
    ]
    acting = grid.shown & ~model(table, gamma).terminal
    tried = agent.visits[acting]
    text = f"{sum(record.lengths)} steps; {int((tried == 0).sum())} of {tried.size} pairs of cell and action untried"
    return plot_grids(grid, panels, cells=CELLS), text


# --- The random walk ------------------------------------------------------------------------------------------------


def draw_walks(epsilon: float, episodes: int = 20) -> tuple["Figure", str]:
    """Episodes of the random walk, place by place, of an agent that goes right but with probability ε anywhere."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    env = make("sorcery/RandomWalk1D-v0", disable_env_checker=True)
    Q = np.tile([0.0, 1.0], (env.observation_space.n, 1))
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    axis = figure.subplots()
    wobble = np.linspace(-0.2, 0.2, episodes)
    won = 0
    for number in range(episodes):
        steps = play(env, Q, epsilon, number)
        places = np.array([steps[0][0], *(following for *_, following in steps)]) + 1  # Julia's numbers
        right = places[-1] == len(Q)
        won += right
        axis.plot(places + wobble[number], marker=".", color=RIGHT if right else LEFT, alpha=0.5, linewidth=1)
    axis.set(xlabel="step", ylabel="place", yticks=range(1, len(Q) + 1), ylim=(0.5, len(Q) + 0.5))
    axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axis.grid(alpha=0.3)
    policy = np.tile([epsilon / 2, 1 - epsilon / 2], (len(Q), 1))
    chance = success_probability(env.unwrapped.P, policy, steps[0][0])
    return figure, f"{won} of {episodes} episodes end at {len(Q)}; exactly, the probability is {chance:.6f}"


def draw_table(
    method: Method, episodes: int, alpha: float, gamma: float, epsilon: float, first_of_ties: bool
) -> tuple["Figure", str]:
    """The random walk learned: the table beside the exact one, and the total reward over the episodes."""
    from matplotlib.figure import Figure

    settings = HyperParams(
        method=method,
        episodes=episodes,
        block=episodes,
        alpha=alpha,
        gamma=gamma,
        epsilon=epsilon,
        ties="first" if first_of_ties else "random",
        eval_episodes=1,
    )
    env = get_env(settings)
    _, record = learn(settings, env)
    agent, exact = record.agent, exact_values(env, method, gamma, epsilon)
    assert exact is not None
    places = np.arange(2, len(exact))  # Julia's numbers of those where there is something to choose
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for action, (arrow, colour) in enumerate((("←", LEFT), ("→", RIGHT))):
        left.plot(places, exact[places - 1, action], "--", color=colour, label=f"{arrow} exact")
        left.plot(places, agent.values[places - 1, action], "o-", color=colour, label=f"{arrow} learned")
    left.set(xlabel="place", ylabel="Q", title="the table", xticks=places, ylim=(-1.1, 1.1))
    window = min(100, episodes)
    right.plot(range(window, episodes + 1), moving_average(np.array(record.returns), window), color="#1b7837")
    right.set(xlabel="episode", title=f"total reward: mean of the last {window}", ylim=(-1.1, 1.1))
    left.legend(fontsize=10)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    start = env.unwrapped.track.index("S")
    return figure, (
        f"Q(4, →) is {agent.values[start, 1]:.4f}, exact {exact[start, 1]:.6f}; Q(2, ←), updated "
        f"{int(agent.visits[1, 0])} times, is {agent.values[1, 0]:.4f}, exact {exact[1, 0]:g}"
    )
