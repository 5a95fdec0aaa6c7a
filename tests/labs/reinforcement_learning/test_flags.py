"""Every flag of every command of this lab does something."""

import dataclasses
import functools
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from flags import Case, check_all_listed, check_flag

from labs.reinforcement_learning import dqn, gridworld, methods, periods, play, policy_gradient, watch
from labs.reinforcement_learning import reinforcement_learning as tabular

NETWORK = {"steps": 200, "period": 100, "val_episodes": 2, "test_episodes": 3, "hidden": (8,)}
EXPLORING = {"env": "FrozenLake-v1", "episodes": 40, "block": 20, "epsilon": 0.9}
COMMON = {
    "env": "Acrobot-v1",
    "steps": 300,
    "max_steps": 15,
    "gamma": 0.5,
    "period": 50,
    "val_episodes": 4,
    "test_episodes": 5,
    "hidden": (9,),
    "lr": 0.1,
    "envs": 2,
    "seed": 1,
    "seeds": (1, 2),
}
CASES = [
    Case(
        tabular.HyperParams,
        tabular.train,
        {"env": "FrozenLake-v1", "episodes": 40, "block": 20, "eval_episodes": 5},
        {
            "preset": "task6",
            "env": "CliffWalking",
            "slippery": "no",
            "max_steps": 3,
            "method": "sarsa",
            "episodes": 20,
            "alpha": 0.5,
            "gamma": 0.5,
            "epsilon": 0.9,
            "schedule": {"schedule": "linear", **EXPLORING},
            "epsilon_min": {"epsilon_min": 0.5, "schedule": "linear", "decay_episodes": 10, **EXPLORING},
            "decay": {"decay": 0.5, "schedule": "exponential", **EXPLORING},
            "decay_episodes": {"decay_episodes": 10, "schedule": "linear", **EXPLORING},
            "ties": "first",
            "initial": 1.0,
            "block": 40,
            "eval_episodes": 7,
            "seed": 1,
        },
    ),
    Case(
        dqn.HyperParams,
        dqn.train,
        {**NETWORK, "learning_starts": 50, "train_every": 10, "gradient_steps": 2, "target_every": 50},
        {
            **COMMON,
            "preset": "task6",
            "episodes": 5,
            "batch_size": 8,
            "double": True,
            "dueling": True,
            "replay": "prioritized",
            "buffer_size": 20,
            "priority_alpha": {"priority_alpha": 0.1, "replay": "prioritized"},
            "priority_beta": {"priority_beta": 1.0, "replay": "prioritized"},
            "learning_starts": 120,
            "train_every": 20,
            "gradient_steps": 1,
            "target_every": 20,
            "loss": {"loss": "mse", "lr": 0.1},
            "epsilon": 0.5,
            "epsilon_min": {"epsilon_min": 0.5, "epsilon_steps": 100},
            "schedule": "exponential",
            "epsilon_steps": 100,
            "decay": {"decay": 0.5, "schedule": "exponential"},
        },
    ),
    Case(
        policy_gradient.HyperParams,
        policy_gradient.train,
        {**NETWORK, "envs": 1, "rollout": 40, "batch_size": 20, "passes": 2},
        {
            **COMMON,
            "env": "Acrobot-v1",
            "method": {"method": "reinforce", "batch_size": None, "passes": None},
            "gae_lambda": 0.1,
            "rollout": 30,
            "batch_size": 10,
            "passes": 1,
            "clip": {"clip": 0.001, "lr": 0.1},
            "entropy_weight": 0.5,
            "value_weight": 0.1,
            "max_gradient": 0.01,
        },
    ),
    Case(
        gridworld.Request,
        gridworld.solve,
        {},
        {
            "world": "3x3",
            "gamma": {"gamma": 0.5, "world": "3x3"},
            "slippery": {"slippery": "yes", "world": "3x3"},
            "convention": {"convention": "A", "world": "3x3"},
            "pit": {"pit": "wall", "world": "mdp"},
            "sweeps": {"sweeps": 2, "world": "3x3"},
            "out": Path("elsewhere.png"),
        },
    ),
    Case(
        methods.Request,
        methods.compare,
        {"env": "FrozenLake-v1", "episodes": 100, "seeds": (0,)},
        {
            "env": "sorcery/GridWorld2x2-v0",
            "slippery": "no",
            "episodes": 200,
            "alpha": 0.5,
            "gamma": 0.5,
            "epsilon": 0.9,
            "seeds": (1,),
            "out": Path("elsewhere.png"),
        },
    ),
    Case(
        play.Request,
        lambda run="one", **kws: play.play(run=trained(run), **kws),
        {"episodes": 5},
        {
            "run": "another",
            "episodes": 6,
            "seed": 1,
            "env": "CartPole-v0",
            "max_steps": 5,
            "policy": "random",
            "epsilon": 0.5,
        },
    ),
    Case(
        watch.Request,
        lambda run="one", **kws: watch.animate(run=trained(run), **kws),
        {"width": 16, "out": Path("policy.gif")},
        {"run": "another", "seed": 1, "every": 8, "width": 20, "out": Path("elsewhere.gif")},
    ),
]
PAIRS = [(case, flag) for case in CASES for flag in case.changes]
runs = tempfile.TemporaryDirectory()


@functools.cache
def trained(name: str) -> Path:
    """A small network's run."""
    path = Path(runs.name) / name
    with mock.patch.object(periods, "save_figures"):
        dqn.train(**NETWORK, seed=len(name), out=path, quiet=True)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_flag_is_listed(case):
    check_all_listed(case)


@pytest.mark.parametrize(("case", "flag"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_a_flag_changes_the_outcome(case, flag, monkeypatch):
    monkeypatch.setattr(periods, "save_figures", lambda *args: None)
    monkeypatch.setattr(tabular, "draw_figures", lambda *args: {})
    if case.kind in (gridworld.Request, methods.Request):
        monkeypatch.setattr("common.plots.write_figure", named)
    check_flag(case, flag)


def named(path: Path, figure: object) -> Path:
    """Where a figure would be: its content takes long, and nothing is seen in it only."""
    path.write_bytes(b"a figure")
    return path


def test_the_commands_are_all_here():
    """Each dataclass that a file of the lab gives to cli.run."""
    folder = Path(tabular.__file__).parent
    commands = [path for path in folder.glob("*.py") if "cli.run(" in path.read_text(encoding="utf-8")]
    assert len(commands) == len(CASES)
    assert all(dataclasses.is_dataclass(case.kind) for case in CASES)
