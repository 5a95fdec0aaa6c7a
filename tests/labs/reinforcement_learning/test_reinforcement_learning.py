"""The random walk against its closed forms, every rule against a step worked by hand, and training."""

import json
import os
import signal
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from common import checkpoint
from common.errors import InputError
from common.runs import read_history
from labs.reinforcement_learning import methods, progress, reinforcement_learning, tabular
from labs.reinforcement_learning.environments import describe_rewards, make, table_of
from labs.reinforcement_learning.grids import layout
from labs.reinforcement_learning.planning import epsilon_greedy, model, optimal, policy_values, uniform
from labs.reinforcement_learning.random_walk import RandomWalk1D
from labs.reinforcement_learning.reinforcement_learning import (
    EXPECTED,
    HyperParams,
    epsilon_at,
    get_env,
    learn,
    load_run,
    predict,
    train,
)
from labs.reinforcement_learning.tabular import Agent, choose, exact_values, run_episode, target

LEFT, RIGHT = 0, 1
TINY = {"episodes": 200, "block": 50, "eval_episodes": 5, "quiet": True}


@pytest.fixture
def no_figures(monkeypatch):
    """Trainings whose figures are not the subject leave them out."""
    monkeypatch.setattr(reinforcement_learning, "draw_figures", lambda *args: {})


def learned(**kws):
    """Train without a run directory: (agent, record, exact values)."""
    args = HyperParams(**{"eval_episodes": 5, **kws})
    env = get_env(args)
    _, record = learn(args, env)
    return record.agent, record, exact_values(env, args.method, args.gamma, args.epsilon)


# The environment and its closed forms (states 2 … 6 in Julia's numbers are 1 … 5 here)


def test_the_random_walk_by_hand():
    env = RandomWalk1D()
    assert env.reset() == (3, {})
    steps = [env.step(action)[:4] for action in (LEFT, RIGHT, RIGHT, RIGHT, RIGHT)]
    assert steps[:4] == [(2, 0, False, False), (3, 0, False, False), (4, 0, False, False), (5, 0, False, False)]
    assert steps[4] == (6, 1, True, False)
    env.reset()
    assert [env.step(LEFT)[:3] for _ in range(3)] == [(2, 0, False), (1, 0, False), (0, -1, True)]
    assert (env.observation_space.n, env.action_space.n) == (7, 2)  # the manual's n_state is 11


def test_optimal_values_are_powers_of_gamma():
    Q, V = optimal(model(RandomWalk1D().P, 0.99))
    assert V[1:6] == pytest.approx([0.99**k for k in (4, 3, 2, 1, 0)])
    assert V[1:6] == pytest.approx([0.960596, 0.970299, 0.980100, 0.990000, 1], abs=5e-7)
    assert Q[1:6, RIGHT] == pytest.approx(V[1:6])
    assert Q[1:6, LEFT] == pytest.approx([-1, 0.950990, 0.960596, 0.970299, 0.9801], abs=5e-7)
    assert V[0] == V[6] == 0


def test_the_fixed_point_of_sarsa():
    mdp = model(RandomWalk1D().P, 0.99)
    Q, V = optimal(mdp, epsilon=0.1)
    assert V[1:6] == pytest.approx([0.853566, 0.960729, 0.976585, 0.987803, 0.998896], abs=5e-7)
    assert Q[3, RIGHT] == pytest.approx(0.977925, abs=5e-7)
    assert Q[1, RIGHT] == pytest.approx(0.951122, abs=5e-7)
    assert Q[2, LEFT] == pytest.approx(0.845030, abs=5e-7)
    # Q(s, a) = r + γ Σ π(a' | s') Q(s', a') for each pair, term by term
    for s in range(1, 6):
        for a, following, reward in ((LEFT, s - 1, -float(s == 1)), (RIGHT, s + 1, float(s == 5))):
            best = max(Q[following])
            after = 0 if following in (0, 6) else 0.9 * best + 0.1 * Q[following].mean()
            assert Q[s, a] == pytest.approx(reward + 0.99 * after)


@pytest.mark.parametrize(
    ("gamma", "values"),
    [(1.0, [-2 / 3, -1 / 3, 0, 1 / 3, 2 / 3]), (0.99, [-0.662274, -0.327825, 0, 0.327825, 0.662274])],
)
def test_values_of_the_random_policy(gamma, values):
    mdp = model(RandomWalk1D().P, gamma)
    assert policy_values(mdp, uniform(mdp))[1:6] == pytest.approx(values, abs=5e-7)


def test_sutton_and_bartos_walk():
    """Rewards 0 and +1: the probability to end on the right, 1/6 … 5/6 (example 6.2)."""
    table = {s: {a: [(p, t, max(0, r), o) for p, t, r, o in RandomWalk1D().P[s][a]] for a in (0, 1)} for s in range(7)}
    mdp = model(table, 1.0)
    assert policy_values(mdp, uniform(mdp))[1:6] == pytest.approx([k / 6 for k in range(1, 6)])


def test_what_epsilon_greedy_reaches():
    mdp = model(RandomWalk1D().P, 1.0)
    policy = epsilon_greedy(optimal(model(RandomWalk1D().P, 0.99))[0], 0.1)
    mean_return = policy_values(mdp, policy)[3]
    odds = 0.05 / 0.95  # gambler's ruin, three places from either end
    assert mean_return == pytest.approx(0.999708, abs=5e-7)
    assert (1 + mean_return) / 2 == pytest.approx(1 / (1 + odds**3))
    assert (1 + mean_return) / 2 == pytest.approx(0.999854, abs=5e-7)


# Rules


VALUES = np.array([[0.0, 0.0], [0.2, 0.6], [1.0, -1.0]])


@pytest.mark.parametrize(
    ("method", "aim"),
    [
        ("q_learning", 2 + 0.5 * 0.6),
        ("sarsa", 2 + 0.5 * 0.2),  # the next action is 0, though 1 is better
        ("expected_sarsa", 2 + 0.5 * (0.9 * 0.6 + 0.1 * 0.2)),  # ε = 0.2: the best with 0.9, the other with 0.1
    ],
)
def test_targets_by_hand(method, aim):
    assert target(method, VALUES, 2.0, 1, 0, gamma=0.5, epsilon=0.2) == pytest.approx(aim)


def test_target_of_td0_by_hand():
    assert target("td0", np.array([[0.0], [4.0]]), 2.0, 1, 0, gamma=0.5, epsilon=0.2) == 4.0


def test_expected_sarsa_shares_among_equally_good_actions():
    values = np.array([[1.0, 1.0, 0.0]])
    aim = target("expected_sarsa", values, 0.0, 0, 2, gamma=1.0, epsilon=0.3)
    assert aim == pytest.approx(0.45 + 0.45 + 0.1 * 0)


@pytest.mark.parametrize("method", ["q_learning", "sarsa", "expected_sarsa", "td0"])
def test_an_update_moves_one_entry_by_alpha(method):
    values = np.zeros((3, 1 if method == "td0" else 2))
    agent = Agent(values, 2, method, alpha=0.25)
    agent.learn(1, 1, aim=8.0)
    agent.learn(1, 1, aim=8.0)
    entry = (1, 0 if method == "td0" else 1)
    assert values[entry] == 8 * (1 - 0.75**2)
    assert np.count_nonzero(values) == 1
    assert agent.visits[entry] == 2


class OneStep(gymnasium.Env[int, int]):
    """State 0 → 1 with reward 1. In state 1 the episode ends, or is cut off, as asked."""

    spec = gymnasium.envs.registration.EnvSpec("OneStep-v0")
    observation_space, action_space = gymnasium.spaces.Discrete(2), gymnasium.spaces.Discrete(2)

    def __init__(self, terminated):
        self.terminated = terminated

    def reset(self, *, seed=None, options=None):
        return 0, {}

    def step(self, action):
        return 1, 1.0, self.terminated, not self.terminated, {}


@pytest.mark.parametrize("method", ["q_learning", "sarsa", "expected_sarsa"])
@pytest.mark.parametrize(("terminated", "value"), [(True, 1.0), (False, 1 + 0.5 * 10)])
def test_bootstraps_through_truncation_and_not_through_termination(method, terminated, value):
    values = np.array([[0.0, 0.0], [10.0, 10.0]])
    agent = Agent(values, 2, method, alpha=1.0, gamma=0.5)
    _, _, success = run_episode(OneStep(terminated), agent, 0.0, np.random.default_rng(0), learning=True)
    assert sorted(values[0]) == [0, value]
    assert success == terminated


def test_sarsa_learns_from_the_action_that_it_takes_next():
    """Record what is drawn and what is learned from: the same."""
    env, seen, taken = get_env(HyperParams()), [], []
    agent = Agent(np.zeros((7, 2)), 2, "sarsa")
    agent.target = lambda reward, state, action, epsilon: seen.append((state, action)) or 0.0
    agent.learn = lambda state, action, aim: taken.append((state, action))
    rng = np.random.default_rng(3)
    while len(taken) < 8:
        seen.clear(), taken.clear()
        run_episode(env, agent, 1.0, rng, learning=True)
    assert seen == taken[1:]


def test_ties_are_broken_at_random_or_by_the_first():
    rng, row = np.random.default_rng(0), np.array([1.0, 0.0, 1.0])
    random = [choose(row, 0.0, "random", rng) for _ in range(2000)]
    assert np.bincount(random, minlength=3) / 2000 == pytest.approx([0.5, 0, 0.5], abs=0.04)
    assert {choose(row, 0.0, "first", rng) for _ in range(100)} == {0}


def test_epsilon_is_the_share_of_actions_at_random():
    rng, row = np.random.default_rng(0), np.array([0.0, 1.0])
    drawn = np.mean([choose(row, 0.4, "random", rng) for _ in range(5000)])
    assert drawn == pytest.approx(0.8, abs=0.02)  # 0.6 + 0.4/2


@pytest.mark.parametrize(
    ("kws", "expected"),
    [
        ({}, {0: 0.1, 9999: 0.1}),
        ({"preset": "task6"}, {0: 1.0, 1: 0.995, 100: 0.995**100, 918: 0.995**918, 919: 0.01, 5000: 0.01}),
        ({"schedule": "linear", "epsilon": 1.0, "decay_episodes": 100}, {0: 1.0, 50: 0.505, 100: 0.01, 200: 0.01}),
        (
            {"schedule": "step", "epsilon": 1.0, "decay": 0.5, "decay_episodes": 10},
            {0: 1.0, 9: 1.0, 10: 0.5, 29: 0.25, 1000: 0.01},
        ),
    ],
)
def test_schedules(kws, expected):
    args = HyperParams(**kws)
    assert {episode: epsilon_at(args, episode) for episode in expected} == pytest.approx(expected)


# Training


def test_the_defaults_are_the_courses():
    args = HyperParams()
    assert (args.env, args.episodes) == ("sorcery/RandomWalk1D-v0", 10_000)
    assert (args.alpha, args.gamma, args.epsilon, args.schedule) == (0.1, 0.99, 0.1, "constant")
    task6 = HyperParams(preset="task6")
    assert (task6.alpha, task6.gamma, task6.epsilon, task6.decay, task6.epsilon_min) == (0.1, 0.99, 1.0, 0.995, 0.01)
    assert 500 <= task6.episodes <= 1000


@pytest.mark.parametrize(
    ("method", "value", "tolerance"),
    [("q_learning", 0.9801, 1e-6), ("sarsa", 0.977925, 1e-3), ("expected_sarsa", 0.977925, 1e-3)],
)
def test_learns_the_random_walk(method, value, tolerance):
    agent, record, exact = learned(method=method, episodes=3000)
    assert exact[3, RIGHT] == pytest.approx(value, abs=5e-7)
    assert record.late_table()[3, RIGHT] == pytest.approx(value, abs=tolerance)
    assert record.rows[-1]["val_return"] == 1
    assert record.rows[-1]["value_error"] < 0.02 < record.rows[0]["value_error"]
    assert np.mean(record.returns[-1000:]) > 0.99


def test_td0_finds_the_values_of_the_random_policy():
    _, record, exact = learned(method="td0", alpha=0.02, episodes=3000)
    assert record.late_table()[1:6, 0] == pytest.approx(exact[1:6, 0], abs=0.12)


def test_learns_a_grid_world_without_its_table():
    agent, record, exact = learned(env="sorcery/GridWorldExam-v0", gamma=0.8, epsilon=0.3, episodes=1500)
    assert agent.values.max(axis=1)[[0, 1, 3]] == pytest.approx([4, 5, 3.2], abs=0.05)
    assert record.rows[-1]["val_return"] == 5


def test_the_courses_two_mistakes_never_learn(no_figures):
    """R1: nothing is learned; R2: the first of equal actions is left, which ends at −1."""
    table, run = train(alpha=0.0, ties="first", episodes=3000, quiet=True)
    assert not table.table.any()
    returns = np.loadtxt(run.path / "episodes.csv", delimiter=",", skiprows=1)[:, 1]
    assert returns.mean() == pytest.approx(-0.999708, abs=0.002)
    assert run.metrics["mean_return"] == -1


def test_the_first_of_equals_bounces_between_two_places_for_long():
    """Left from the start; at 2, where −1 was met, right; at 3 left again: until actions at random lead away."""
    _, record, _ = learned(ties="first", seed=1, episodes=1000)
    assert record.rows[-1]["val_return"] == 0
    assert -1 < np.mean(record.returns) < -0.8


def test_optimism_tries_everything_without_epsilon():
    agent, _, exact = learned(epsilon=0.0, initial=2.0, episodes=500)
    assert agent.values[3].argmax() == RIGHT
    assert agent.visits[1:6].min() > 0


def test_an_episode_is_cut_off_where_the_environment_has_no_end_of_its_own():
    assert get_env(HyperParams(env="CliffWalking")).spec.max_episode_steps == reinforcement_learning.LIMIT
    assert get_env(HyperParams(env="FrozenLake-v1")).spec.max_episode_steps == 100
    assert get_env(HyperParams(env="CliffWalking", max_steps=7)).spec.max_episode_steps == 7
    _, record, _ = learned(env="CliffWalking", max_steps=7, episodes=10)
    assert set(record.lengths) == {7}


def test_same_seed_same_run_and_another_seed_another(no_figures):
    runs = [train(**TINY, seed=seed, out=Path(f"run{i}"))[1] for i, seed in enumerate([0, 0, 1])]
    lines = [(run.path / "episodes.csv").read_text() for run in runs]
    assert lines[0] == lines[1] != lines[2]
    for run in runs:
        for row in run.history:
            row.pop("seconds")
    assert runs[0].history == runs[1].history


@pytest.mark.parametrize("method", ["sarsa", "td0"])
def test_resumed_equals_uninterrupted(no_figures, method):
    kws = {**TINY, "env": "FrozenLake-v1", "method": method}
    kws |= {"schedule": "exponential", "epsilon": 1.0} if method == "sarsa" else {}
    whole, run = train(**kws, out=Path("whole"))
    train(**{**kws, "episodes": 100}, out=Path("part"))
    resumed, again = train(resume=Path("part"), episodes=200, quiet=True)
    assert torch.equal(whole.table, resumed.table)
    assert whole.table.any()
    assert Path("whole/episodes.csv").read_text() == Path("part/episodes.csv").read_text()
    for one, other in zip(run.history, again.history, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}
    with pytest.raises(InputError, match="--episodes 50 is less"):
        train(resume=Path("part"), episodes=50, quiet=True)


def test_ctrl_c_keeps_the_whole_blocks_and_resume_goes_on(no_figures, monkeypatch):
    whole, _ = train(**TINY, out=Path("whole"))
    played, original = [], reinforcement_learning.run_episode

    def interrupted(*args, learning, **kws):
        played.append(learning)
        if sum(played) == 70 and learning:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*args, learning=learning, **kws)

    monkeypatch.setattr(reinforcement_learning, "run_episode", interrupted)
    table, run = train(**TINY, out=Path("part"))
    tensors, _ = checkpoint.load(Path("part/checkpoint/last.safetensors"))
    assert torch.equal(table.table, tensors["values"])
    assert sum(played) == 70  # the episode is finished, no other begun
    assert run.exit_status == 130
    assert json.loads(Path("part/summary.json").read_text())["interrupted"]
    assert len(Path("part/episodes.csv").read_text().splitlines()) == 1 + 50
    monkeypatch.setattr(reinforcement_learning, "run_episode", original)
    resumed, run = train(resume=Path("part"), quiet=True)
    assert run.exit_status == 0
    assert torch.equal(resumed.table, whole.table)


@pytest.mark.parametrize("block", [1, 2, 6, 10])
def test_killed_in_any_block_and_continued_it_ends_with_the_same_numbers(block, no_figures, monkeypatch):
    kws = {**TINY, "block": 20, "method": "sarsa", "schedule": "exponential", "epsilon": 1.0, "decay": 0.98}
    whole, run = train(**kws, out=Path("whole"))
    original, played = reinforcement_learning.run_episode, []

    def kill(*args, **kws):
        played.append(1)
        if len(played) == 20 * block:  # the last episode of the block
            raise SystemExit
        return original(*args, **kws)

    monkeypatch.setattr(reinforcement_learning, "run_episode", kill)
    with pytest.raises(SystemExit):
        train(**kws, out=Path("part"))
    assert len(read_history(Path("part"))) == block - 1
    monkeypatch.setattr(reinforcement_learning, "run_episode", original)
    again, other = train(resume=Path("part"), quiet=True)
    assert torch.equal(again.table, whole.table)
    assert other.metrics == run.metrics
    assert Path("whole/episodes.csv").read_text() == Path("part/episodes.csv").read_text()
    for one, another in zip(run.history, other.history, strict=True):
        assert {**one, "seconds": 0} == {**another, "seconds": 0}


def test_without_a_run_ctrl_c_is_an_error_and_the_rows_are_the_same(no_figures, monkeypatch):
    """A table that was learned by half must not pass for a whole one."""
    _, run = train(**TINY)
    _, record, _ = learned(**TINY)
    assert [row["val_return"] for row in record.rows] == [row["val_return"] for row in run.history]
    original = reinforcement_learning.run_episode

    def interrupted(*args, **kws):
        os.kill(os.getpid(), signal.SIGINT)
        return original(*args, **kws)

    monkeypatch.setattr(reinforcement_learning, "run_episode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learned(**TINY)


def test_numbers_that_are_not_finite_end_the_training_in_one_line(monkeypatch):
    """A reward beyond all numbers; NumPy does not warn of what the loop finds."""
    monkeypatch.setattr(RandomWalk1D, "move", lambda self, state, action: (state, 1e308, False))
    monkeypatch.setattr(tabular, "table_of", lambda env: None)
    with pytest.raises(InputError, match="is inf in block 1: .* lower --alpha or --initial"):
        train(**TINY)


def test_a_run_killed_before_its_first_block_begins_again(no_figures):
    whole, _ = train(**TINY, out=Path("whole"))
    Path("whole/checkpoint/last.safetensors").unlink()
    again, _ = train(resume=Path("whole"), quiet=True)
    assert torch.equal(whole.table, again.table)


def test_a_finished_run_says_so(no_figures, capsys):
    train(**TINY, out=Path("whole"))
    _, run = train(resume=Path("whole"), quiet=False)
    assert "has all its 200 episodes" in capsys.readouterr().out
    assert len(run.history) == 4


def test_run_directory(capsys):
    table, run = train(**{**TINY, "quiet": False}, preset="task6", slippery="no", out=Path("run"))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "run"
    assert said[-3].startswith("mean return")
    assert any("exact" in line for line in said)
    summary = json.loads((run.path / "summary.json").read_text())
    assert summary["dataset"] == "FrozenLake-v1"
    assert {"mean_return", "success_rate", "last_100_return", "value_error"} <= set(summary["metrics"])
    assert summary["metrics"]["exact_start_value"] == pytest.approx(0.99**5)
    rows = read_history(run.path)
    assert [row["episodes"] for row in rows] == [50, 100, 150, 200]
    assert rows[-1]["epsilon"] == pytest.approx(0.995**199, rel=1e-4)
    figures = {path.stem for path in (run.path / "figures").glob("*.png")}
    assert figures == {"returns", "learning", "values", "visits"}
    again = load_run(run.path)
    assert torch.equal(again.model.table, table.table)
    assert torch.equal(predict(again.model, torch.arange(16)), predict(table, torch.arange(16)))
    assert again.settings == run.settings


def test_an_environment_without_a_table_is_learned_too(monkeypatch, capsys):
    """Any numbered states and actions do; what needs the exact values is left out."""
    monkeypatch.setattr(tabular, "table_of", lambda env: None)
    _, run = train(**{**TINY, "episodes": 50}, env="sorcery/GridWorld3x3-v0")
    assert "value_error" not in run.metrics
    assert {path.stem for path in (run.path / "figures").glob("*.png")} == {"returns"}


def test_the_verdict_names_what_to_expect_only_for_settings_that_were_measured():
    tested = {"mean_return": 1.0, "success_rate": 1.0, "start_value": 0.98, "exact_start_value": 0.9801}

    def said(**kws):
        return reinforcement_learning.verdict(HyperParams(**kws), tested)

    assert said(alpha=0.2).endswith("value of the start 0.9800 (exact 0.980100)")
    assert said().endswith(" (these settings reach 0.9801 in 10000 episodes)")
    assert said(seed=5) == said()
    assert said(method="sarsa").endswith(" (these settings reach 0.977–0.979 in 10000 episodes)")
    assert "random policy" in said(method="td0")
    assert "these settings" not in said(method="td0") + said(preset="task6")


def test_moving_average():
    assert progress.moving_average(np.array([1.0, 2, 3, 4, 8]), 2).tolist() == [1.5, 2.5, 3.5, 6]


def test_the_mean_error_counts_an_entry_as_often_as_it_was_visited():
    visits = np.array([[3.0, 0.0], [1.0, 0.0]])
    agent = Agent(np.zeros((2, 2)), 2)
    agent.visits = visits
    errors = tabular.value_errors(agent, np.array([[0.1, 9.0], [0.5, 9.0]]))
    assert errors == pytest.approx({"value_error": (3 * 0.1 + 0.5) / 4, "largest_value_error": 0.5})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "sorcery/RandomWalk1D-v0",
            "rewards: −1 on a step to state 1, +1 on a step to state 7, 0 on any other step; "
            "a step to state 1 or 7 ends the episode",
        ),
        (
            "FrozenLake-v1",
            "rewards: +1 on a step to state 15, 0 on any other step; "
            "a step to state 5, 7, 11, 12 or 15 ends the episode",
        ),
        (
            "CliffWalking-v1",
            "rewards: −100 on a step to state 36, −1 on any other step; a step to state 47 ends the episode",
        ),
    ],
)
def test_the_command_says_what_is_rewarded_and_what_ends_an_episode(name, said):
    env = make(name)
    assert describe_rewards(table_of(env), layout(env).first) == said


def test_the_methods_side_by_side(capsys):
    table = methods.compare(env="sorcery/GridWorldExam-v0", episodes=200, gamma=0.8, seeds=(0, 1))
    assert set(table) == {"q_learning", "sarsa", "expected_sarsa", "random"}
    assert table["q_learning"]["exact_start_value"] == pytest.approx((4.0, 0.0))
    assert table["sarsa"]["exact_start_value"][0] < 4
    assert table["q_learning"]["mean_return"] == (5.0, 0.0)
    assert table["random"]["mean_return"][0] <= 5
    (figure,) = Path("runs/reinforcement_learning").glob("methods_env-sorcery-GridWorldExam-v0_*.png")


def test_unknown_name_is_a_type_error():
    with pytest.raises(TypeError):
        train(learning_rate=0.1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"alpha": 1.5}, "--alpha is 1.5"),
        ({"gamma": 1.01}, "--gamma is 1.01"),
        ({"gamma": -0.1}, "--gamma is -0.1"),
        ({"epsilon": 2.0}, "--epsilon is 2.0"),
        ({"episodes": 0}, "--episodes is 0"),
        ({"episodes": 1050}, "multiple of --block, 100"),
        ({"block": 0}, "--block is 0"),
        ({"max_steps": 0}, "--max-steps is 0"),
        ({"decay": 0.9}, "--decay has no effect"),
        ({"decay_episodes": 7}, "--decay-episodes has no effect"),
        ({"schedule": "exponential", "decay_episodes": 7}, "--decay-episodes has no effect"),
        ({"epsilon_min": 0.1}, "--epsilon-min has no effect"),
        ({"ties": "first", "method": "td0"}, "--ties has no effect"),
        ({"epsilon": 0.5, "method": "td0"}, "--epsilon has no effect"),
        ({"schedule": "linear", "method": "td0"}, "--schedule has no effect"),
        ({"device": "cuda"}, "--device is cuda"),
        ({"seed": -1}, "--seed is -1"),
    ],
)
def test_settings_that_cannot_be_are_named(wrong, said):
    with pytest.raises(InputError, match=said):
        HyperParams(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"env": "CartPole-v1"}, "a table needs numbers.*dqn"),
        ({"env": "Pendulum-v1"}, "a table needs numbers"),
        ({"env": "FrozenLak-v1"}, "perhaps you meant FrozenLake-v1"),
        ({"slippery": "yes"}, "no slippery variant"),
    ],
)
def test_environments_that_cannot_be_are_named(wrong, said):
    with pytest.raises(InputError, match=said):
        train(**wrong, quiet=True)
    assert not Path("runs").exists()


def test_settings_of_a_run_cannot_be_changed_by_resume(no_figures):
    train(**TINY, out=Path("run"))
    with pytest.raises(InputError, match="--alpha"):
        train(resume=Path("run"), alpha=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_the_courses_settings_learn_with_every_seed(seed):
    agent, record, _ = learned(seed=seed, episodes=10_000)
    assert agent.values[3, RIGHT] == pytest.approx(0.9801, abs=1e-5)
    assert np.mean(record.returns[-1000:]) >= 0.998


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("method", ["q_learning", "sarsa", "expected_sarsa"])
def test_what_it_reaches(method, seed, no_figures):
    _, run = train(method=method, seed=seed, quiet=True)
    rows = [row for row in EXPECTED if row.settings.get("method", "q_learning") == method]
    assert [row.metric for row in rows] == ["start_value", "mean_return"]
    assert all(row.holds(run.metrics) for row in rows), run.metrics


def test_methods_that_do_alike_are_all_to_be_seen():
    """In the walk their curves lie on one another: each is thinner than the one before it."""
    alike = {"episodes": np.array([[1, 2]]), "train_return": np.ones((1, 2)), "value_error": np.ones((1, 2))}
    figure = methods.plot_methods(dict.fromkeys(methods.METHODS, alike))
    for axis in figure.axes:
        widths = [line.get_linewidth() for line in axis.lines]
        assert widths == sorted(set(widths), reverse=True)
        assert len(widths) == 3
