"""Q-learning, SARSA and expected SARSA side by side, over several seeds, each against the values where it settles.

`python -m labs.reinforcement_learning.methods --env CliffWalking` shows why the same world has two answers:
Q-learning learns the best policy, the SARSAs the best for someone who now and then stumbles.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from common import cli
from common.device import derive_seed
from common.runs import place
from common.settings import Count, Ints, OptionalPath, Probability, Settings
from labs.reinforcement_learning.curves import log_scale
from labs.reinforcement_learning.environments import YesNo
from labs.reinforcement_learning.reinforcement_learning import EVALUATION, HyperParams, get_env, learn
from labs.reinforcement_learning.tabular import Agent, Method, exact_values, play_greedily, start_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS: tuple[Method, ...] = ("q_learning", "sarsa", "expected_sarsa")
LOOKS = ({"linewidth": 6, "alpha": 0.5}, {"linewidth": 3, "linestyle": "--"}, {"linewidth": 1.2, "marker": "."})


@dataclass(frozen=True)
class Request(Settings):
    """Compare the three methods, and acting at random, over several seeds; ε and α stay as they are."""

    env: str = "sorcery/RandomWalk1D-v0"  # environment with numbered states and actions
    slippery: YesNo | None = None  # FrozenLake, CliffWalking, grid worlds; none: as the environment has it
    episodes: Count = 2000  # episodes to learn from, for each method and seed
    alpha: Probability = 0.1  # learning rate (α)
    gamma: Probability = 0.99  # discount (γ)
    epsilon: Probability = 0.1  # probability of an action at random (ε)
    seeds: Ints = (0, 1, 2)  # a training for each
    out: OptionalPath = None  # where the figure goes; none: one in runs/, named after what is asked

    def check(self) -> None:
        self.require("seeds", bool(self.seeds) and min(self.seeds) >= 0, "one number or more, each at least 0")
        self.settings("q_learning", self.seeds[0])  # says what is wrong with the others

    def settings(self, method: Method, seed: int) -> HyperParams:
        """Those of one training."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("seeds", "out")}
        return HyperParams(**own, method=method, seed=seed, eval_episodes=20)


def compare(**kws: Any) -> dict[str, dict[str, tuple[float, float]]]:
    """Train, print a table and draw the curves. Returns (mean, standard deviation) over the seeds by method and metric.

    return: of the last 100 episodes, while acting ε-greedily; mean_return: of 100 episodes with ε = 0;
    value_error: as in a run's summary, against the method's own exact values.
    """
    from common.plots import write_figure

    args = Request(**kws)
    table: dict[str, dict[str, tuple[float, float]]] = {}
    curves: dict[str, dict[str, ndarray]] = {}
    for method in METHODS:
        trained = [_train(args.settings(method, seed)) for seed in args.seeds]
        names = [name for name in trained[0][0] if all(name in metrics for metrics, _ in trained)]
        table[method] = {name: _spread([metrics[name] for metrics, _ in trained]) for name in names}
        curves[method] = {
            name: np.array([[row.get(name, np.nan) for row in rows] for _, rows in trained])
            for name in ("episodes", "train_return", "value_error")
        }
    table["random"] = _random_policy(args)
    names = list(table[METHODS[0]])
    print(f"{args.env}, {args.episodes} episodes, α {args.alpha:g}, γ {args.gamma:g}, ε {args.epsilon:g}")
    print(f"{len(args.seeds)} seeds: mean ± standard deviation")
    print(f"{'':<16}" + "".join(f"{name.replace('_', ' '):>22}" for name in names))
    for name, metrics in table.items():
        cells = [f"{metrics[n][0]:.4f} ± {metrics[n][1]:.4f}" if n in metrics else "–" for n in names]
        print(f"{name:<16}" + "".join(f"{cell:>22}" for cell in cells))
    print(write_figure(args.out or Path(f"{place(args)}.png"), plot_methods(curves)))
    return table


def _train(settings: HyperParams) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Metrics and history of one training."""
    env = get_env(settings)
    _, record = learn(settings, env)
    metrics = {"last_100_return": float(np.mean(record.returns[-100:])), **_play(env, record.agent, settings.seed)}
    metrics |= {k: v for k, v in record.rows[-1].items() if k == "value_error"}
    exact = exact_values(env, settings.method, settings.gamma, settings.epsilon)
    if exact is not None:
        metrics |= start_values(record, env, exact)
    return metrics, record.rows


def _play(env: Any, agent: Agent, seed: int) -> dict[str, float]:
    return play_greedily(env, agent, 100, derive_seed(seed, EVALUATION, 0))


def _random_policy(args: Request) -> dict[str, tuple[float, float]]:
    """The same metrics for a policy that draws every action alike."""
    played = []
    for seed in args.seeds:
        env = get_env(args.settings("q_learning", seed))
        none = np.zeros((env.observation_space.n, 1))
        played.append(_play(env, Agent(none, int(env.action_space.n), "td0"), seed))
    return {name: _spread([metrics[name] for metrics in played]) for name in played[0]}


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values))


def plot_methods(curves: dict[str, dict[str, ndarray]]) -> "Figure":
    """Return while learning, and error of the table: mean over the seeds, shaded from the least to the most."""
    from matplotlib.figure import Figure

    titles = {
        "train_return": "mean return of a block of episodes",
        "value_error": "|learned − exact|, weighted by visits",
    }
    known = {n: title for n, title in titles.items() if not np.isnan(curves[METHODS[0]][n]).all()}
    figure = Figure(figsize=(5 * len(known), 4.2), layout="constrained")
    for axis, (name, title) in zip(figure.subplots(1, len(known), squeeze=False)[0], known.items(), strict=True):
        for number, (method, values) in enumerate(curves.items()):
            x, y = values["episodes"][0], values[name]
            # From thick to thin: in the walk all three lie on one another, and all are to be seen.
            axis.plot(x, y.mean(axis=0), color=f"C{number}", label=method.replace("_", " "), **LOOKS[number])
            axis.fill_between(x, y.min(axis=0), y.max(axis=0), color=f"C{number}", alpha=0.2, linewidth=0)
        axis.set(xlabel="episode", title=title)
        if name == "value_error":
            log_scale(axis)
        elif np.ptp(y) > 200:
            axis.set_yscale("symlog", linthresh=10)
            axis.yaxis.set_major_formatter("{x:g}")
        axis.grid(alpha=0.3)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=11)
    return figure


def main() -> None:
    """The command `python -m labs.reinforcement_learning.methods`."""
    cli.run(compare, Request)


if __name__ == "__main__":
    main()
