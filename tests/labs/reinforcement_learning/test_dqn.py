"""Deep Q-learning: its parts against numbers worked by hand, then learning, determinism, resuming."""

import dataclasses
import json
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from common import checkpoint, cli
from common.errors import InputError
from common.expectations import find, sentence
from common.runs import read_history
from labs.reinforcement_learning import curves, dqn, periods
from labs.reinforcement_learning.dqn import DQN, HyperParams, build_model, epsilon_at, td_target, train
from labs.reinforcement_learning.episodes import Copies

TINY = {
    "env": "test/Corridor-v0", "hidden": (16,), "learning_starts": 50, "train_every": 2, "gradient_steps": 1,
    "target_every": 20, "batch_size": 16, "buffer_size": 500, "lr": 1e-2, "gamma": 0.9, "epsilon_steps": 400,
    "period": 200, "val_episodes": 2, "test_episodes": 3, "quiet": True,
}  # fmt: skip


def without(settings, name):
    return {k: v for k, v in settings.items() if k != name}


@pytest.fixture
def no_figures(monkeypatch):
    """Trainings whose figures are not the subject leave them out."""
    monkeypatch.setattr(periods, "save_figures", lambda *args: None)


def play(learner, period, until):
    """A period outside the loop; returns how many steps each move was."""
    return list(learner.play(period, until))


def test_targets_worked_by_hand():
    rewards, terminated = torch.tensor([1.0, 1.0, -2.0]), torch.tensor([0.0, 1.0, 0.0])
    q_next = torch.tensor([[3.0, 5.0], [7.0, 9.0], [4.0, -1.0]])
    plain = td_target(rewards, terminated, q_next, None, 0.5)
    assert plain.tolist() == [1 + 0.5 * 5, 1, -2 + 0.5 * 4]
    # Double: the online network prefers the first, second, second action; the target network says what it is worth.
    q_choice = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert td_target(rewards, terminated, q_next, q_choice, 0.5).tolist() == [1 + 0.5 * 3, 1, -2 + 0.5 * -1]


def test_the_dueling_network_adds_value_and_centred_advantage():
    model = build_model(HyperParams(dueling=True, hidden=(3,)), (2,), 2)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        model.value.bias.fill_(10.0)
        model.advantage.bias.copy_(torch.tensor([1.0, 4.0]))
    assert model(torch.zeros(1, 2)).tolist() == [[10 - 1.5, 10 + 1.5]]


@pytest.mark.parametrize("dueling", [False, True])
def test_every_parameter_gets_a_gradient(dueling):
    model = build_model(HyperParams(dueling=dueling), (4,), 2)
    model(torch.randn(8, 4)).square().sum().backward()
    for name, p in model.named_parameters():
        assert torch.isfinite(p.grad).all(), name
        assert p.grad.abs().sum() > 0, name


def test_shapes_and_counts():
    assert sum(p.numel() for p in build_model(HyperParams(), (4,), 2).parameters()) == 67_586
    cleanrl = build_model(HyperParams(preset="cleanrl"), (4,), 2)
    assert sum(p.numel() for p in cleanrl.parameters()) == 4 * 120 + 120 + 120 * 84 + 84 + 84 * 2 + 2
    assert build_model(HyperParams(), (3, 5), 4)(torch.zeros(7, 3, 5)).shape == (7, 4)


def test_numpy_and_torch_give_the_same_values_also_after_a_gradient_step():
    learner = DQN(HyperParams(**TINY))
    states = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    for _ in range(2):
        with torch.no_grad():
            expected = learner.model(torch.from_numpy(states)).numpy()
        np.testing.assert_allclose(dqn.q_values(learner.layers, states), expected, atol=1e-6)
        learner.buffer.add(states, [0, 1] * 3, np.ones(6), states, np.zeros(6))
        learner.learn()
    assert not dqn.numpy_layers(build_model(HyperParams(dueling=True), (4,), 2))


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        ("linear", {0: 1.0, 50: 0.55, 100: 0.1, 500: 0.1}),
        ("step", {0: 1.0, 24: 1.0, 25: 0.775, 50: 0.55, 99: 0.325, 100: 0.1, 500: 0.1}),
    ],
)
def test_epsilon_over_steps(schedule, values):
    args = HyperParams(schedule=schedule, epsilon_steps=100, epsilon_min=0.1)
    assert {steps: epsilon_at(args, steps, 7) for steps in values} == pytest.approx(values)


def test_epsilon_over_episodes_is_the_manuals():
    args = HyperParams(preset="task6")
    assert epsilon_at(args, 12345, 0) == 1
    assert epsilon_at(args, 0, 1) == 0.995
    assert epsilon_at(args, 0, 200) == pytest.approx(0.995**200)
    first = math.ceil(math.log(0.01) / math.log(0.995))  # 919 episodes until it is at its least
    assert epsilon_at(args, 0, first - 1) > 0.01 == epsilon_at(args, 0, first)


def test_exploration_draws_as_often_as_epsilon_says():
    learner = DQN(HyperParams(**TINY))
    states = np.zeros((4000, 5), np.float32)
    best = learner.best_actions(states[:1])[0]
    for epsilon in (0.0, 0.4, 1.0):
        share = np.mean(np.array(learner.explore(states, epsilon)) == best)
        assert share == pytest.approx(1 - epsilon / 2, abs=0.03)


def test_the_target_network_moves_only_when_it_is_time():
    learner = DQN(HyperParams(**{**TINY, "target_every": 100, "learning_starts": 10}))
    start = [p.clone() for p in learner.target.parameters()]
    play(learner, 1, 99)
    assert all(torch.equal(a, b) for a, b in zip(start, learner.target.parameters(), strict=True))
    assert not torch.equal(start[0], next(learner.model.parameters()))
    play(learner, 2, 100)
    for own, target in zip(learner.model.parameters(), learner.target.parameters(), strict=True):
        assert torch.equal(own, target)


@pytest.mark.parametrize(("name", "expected"), [("test/Truncated-v0", 2.0), ("test/Terminated-v0", 1.5)])
def test_bootstraps_through_truncation_and_not_through_termination(name, expected):
    """One state, every step worth 1, γ = ½, three steps an episode. Truncated, the state goes on: Q = 1 + Q/2 = 2.
    Terminated, only two steps of three have something behind them: Q = 1 + ⅔ Q/2 = 1½. A learner that takes the one
    for the other is off by a half."""
    learner = DQN(HyperParams(**{**TINY, "env": name, "gamma": 0.5, "steps": 1000, "loss": "mse", "lr": 3e-3}))
    for env in learner.copies.envs:
        env.unwrapped.observation = lambda: np.ones(2, np.float32)
    play(learner, 1, 1000)
    np.testing.assert_allclose(dqn.q_values(learner.layers, np.ones((1, 2), np.float32)), expected, atol=0.15)


@pytest.mark.parametrize(
    "settings",
    [{}, {"double": True}, {"dueling": True}, {"replay": "prioritized"}, {"envs": 4}],
    ids=["plain", "double", "dueling", "prioritized", "four copies"],
)
def test_it_learns_the_corridor_and_its_values(settings, no_figures):
    """The best is to go right: Q(place 3, →) = 1, Q(2, →) = γ, Q(1, →) = γ²; Q(1, ←) = −1."""
    model, run = train(**{**TINY, **settings}, steps=1200)
    assert run.metrics["mean_return"] == 1
    q = model(torch.eye(5)).detach()
    got = [float(q[3, 1]), float(q[2, 1]), float(q[1, 1]), float(q[1, 0])]
    np.testing.assert_allclose(got, [1, 0.9, 0.81, -1], atol=0.15)


def test_the_loop_stores_what_really_followed():
    """Two copies, three steps an episode: the clock goes on by one in every transition, within one episode."""
    learner = DQN(HyperParams(**{**TINY, "env": "test/Truncated-v0", "envs": 2}))
    play(learner, 1, 40)
    states, next_states = (learner.buffer.arrays[name][:40] for name in ("states", "next_states"))
    assert torch.equal(next_states, states + torch.tensor([1.0, 0.0]))
    assert sorted(set(next_states[:, 0].tolist())) == [1, 2, 3]
    assert not learner.buffer.arrays["terminated"].any()


def test_without_replay_only_the_latest_steps_are_learned_from():
    learner = DQN(HyperParams(**without(TINY, "buffer_size"), replay="none"))
    play(learner, 1, 101)
    assert learner.buffer.capacity == learner.buffer.size == 2


def test_a_run_ends_after_its_episodes(no_figures):
    _, run = train(**TINY, steps=5000, episodes=30)
    assert len(curves.read_episodes(run.path)) == 30
    assert not run.interrupted


def test_same_seed_same_run_and_another_seed_another(no_figures):
    runs = [train(**TINY, steps=600, seed=seed, out=Path(f"run{i}"))[1] for i, seed in enumerate([0, 0, 1])]
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.history] for run in runs]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]
    assert (runs[0].path / "episodes.csv").read_text() == (runs[1].path / "episodes.csv").read_text()


@pytest.mark.parametrize("replay", ["uniform", "prioritized", "none"])
def test_resumed_equals_uninterrupted(replay, no_figures):
    settings = {**without(TINY, "epsilon_steps"), "replay": replay, "schedule": "exponential", "decay": 0.98}
    settings["period"] = 100
    settings = without(settings, "buffer_size") if replay == "none" else settings
    whole = train(**settings, steps=400, out=Path("whole"))
    train(**settings, steps=200, out=Path("part"))
    assert_same(whole, train(resume=Path("part"), steps=400, quiet=True))


def assert_same(one, other):
    """Networks, history, episodes and result of two trainings are the same."""
    for name, tensor in one[0].state_dict().items():
        assert torch.equal(tensor, other[0].state_dict()[name]), name
    for row, again in zip(one[1].history, other[1].history, strict=True):
        assert {**row, "seconds": 0} == {**again, "seconds": 0}
    assert (one[1].path / "episodes.csv").read_text() == (other[1].path / "episodes.csv").read_text()
    assert one[1].metrics == other[1].metrics


@pytest.mark.parametrize("period", [1, 2, 3, 4])
def test_killed_in_any_period_and_continued_it_ends_with_the_same_numbers(period, no_figures, monkeypatch):
    settings = {**TINY, "replay": "prioritized", "double": True, "period": 100}
    whole = train(**settings, steps=400, out=Path("whole"))
    step, taken = Copies.step, []

    def kill(self, actions):
        taken.append(1)
        if len(taken) == 100 * period:  # the last step of the period
            raise SystemExit
        return step(self, actions)

    monkeypatch.setattr(Copies, "step", kill)
    with pytest.raises(SystemExit):
        train(**settings, steps=400, out=Path("part"))
    assert len(read_history(Path("part"))) == period - 1
    monkeypatch.setattr(Copies, "step", step)
    assert_same(whole, train(resume=Path("part"), quiet=True))


def test_a_last_period_that_went_beyond_the_steps_is_whole(no_figures, capsys):
    """Three copies, 400 steps: 402. The finished run says that it is, and goes on when it is made longer."""
    settings = {**TINY, "envs": 3}
    train(**settings, steps=400, out=Path("run"))
    _, run = train(resume=Path("run"), quiet=False)
    assert run.history[-1]["steps"] == 402
    assert "the run has all its 402 steps; a larger --steps adds to them" in capsys.readouterr().out
    with pytest.raises(InputError, match="has 402 steps already, --steps 399 is less"):
        train(resume=Path("run"), steps=399, quiet=True)
    _, run = train(resume=Path("run"), steps=600, quiet=True)
    assert run.history[-1]["steps"] == 600


def test_an_interrupted_period_is_played_again(no_figures, monkeypatch, capsys):
    whole = train(**TINY, steps=800, out=Path("whole"))
    learn, calls = DQN.learn, []

    def interrupt(self):
        calls.append(1)
        if len(calls) == 220:  # in the third period
            os.kill(os.getpid(), signal.SIGINT)
        return learn(self)

    monkeypatch.setattr(DQN, "learn", interrupt)
    _, part = train(**TINY, steps=800, out=Path("part"))
    assert part.interrupted and part.exit_status == 130
    assert 1 <= len(part.history) < 4
    assert json.loads((part.path / "summary.json").read_text())["interrupted"]
    monkeypatch.setattr(DQN, "learn", learn)
    resumed, again = train(resume=Path("part"), quiet=True)
    assert not again.interrupted
    assert_same(whole, (resumed, again))


def test_the_best_policy_is_kept(no_figures, monkeypatch):
    """The second and third of four evaluations are the best: the final weights are those that the later one saw."""
    returns, seen = iter([1.0, 3.0, 3.0, 2.0, 0.0]), []

    def play(policy, copies, *numbers):
        seen.append(next(iter(policy.__self__.model.parameters())).detach().clone())
        return np.array([next(returns)])

    monkeypatch.setattr(periods, "play_episodes", play)
    model, run = train(**TINY, steps=800)
    assert torch.equal(next(model.parameters()), seen[2])
    assert not torch.equal(seen[1], seen[2])
    early, _ = checkpoint.load(run.path / "early.safetensors")
    assert torch.equal(early["0.weight"], seen[0])


def test_a_diverging_run_ends_in_one_line(no_figures):
    with pytest.raises(InputError, match="diverged; lower --lr"):
        train(**{**TINY, "lr": 1e9, "hidden": (16,) * 4}, steps=400)


def test_run_directory(capsys):
    _, run = train(**{**TINY, "quiet": False}, steps=400)
    summary = json.loads((run.path / "summary.json").read_text())
    assert (summary["dataset"], summary["device"]) == ("test/Corridor-v0", "cpu")
    assert set(summary["metrics"]) == {"mean_return", "min_return", "last_100_return"}
    row = read_history(run.path)[-1]
    assert {"epoch", "seconds", "steps", "train_return", "train_loss", "epsilon", "q_max", "val_return"} == set(row)
    assert {path.stem for path in (run.path / "figures").glob("*.png")} == {"learning", "progress", "network"}
    assert (run.path / "early.safetensors").is_file()
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == str(run.path)
    assert said[-3].startswith("greedy return")


def test_one_run_for_each_seed_and_their_spread(capsys):
    _, run = train(**TINY, steps=400, seeds=(3, 4), out=Path("both"))
    assert sorted(path.name for path in Path("both").iterdir()) == ["seed3", "seed4"]
    assert json.loads(Path("both/seed3/hyperparams.json").read_text())["seed"] == 3
    assert (run.path / "figures" / "seeds.png").is_file()
    assert capsys.readouterr().out.splitlines()[-1] == "both/seed4"


def test_the_moving_average_by_hand():
    assert curves.moving_average(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1, 2, 4, 6]


def test_settings_that_were_measured_say_what_to_expect():
    said = " (these settings reach 475–500 in 50000 steps)"
    assert sentence(dqn.EXPECTED, HyperParams(seed=7)) == sentence(dqn.EXPECTED, HyperParams(seeds=(1, 2))) == said
    assert sentence(dqn.EXPECTED, HyperParams(lr=1e-3)) == ""
    metrics = {"mean_return": 481.26, "min_return": 9.0, "success_rate": 0.913}
    said = periods.verdict(metrics, 100)
    assert said == "greedy return 481.3 on average (worst 9.0) over 100 fresh episodes, 91% of them a success"


def test_presets_differ_by_environment_and_a_flag_wins():
    assert HyperParams().steps == 50_000
    assert HyperParams(env="MountainCar-v0").gamma == 0.98
    assert HyperParams(env="MountainCar-v0", preset="task6").episodes == 500
    args = HyperParams(preset="task6", gamma=0.95)
    assert (args.gamma, args.schedule, args.decay, args.epsilon_min) == (0.95, "exponential", 0.995, 0.01)


def test_threads_are_put_back(no_figures):
    torch.set_num_threads(2)
    try:
        train(**TINY, steps=200)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gamma": 1.1}, "--gamma is 1.1; it must be at least 0 and at most 1"),
        ({"epsilon": -0.1}, "--epsilon is -0.1"),
        ({"lr": 0.0}, "--lr is 0"),
        ({"steps": 0}, "--steps is 0"),
        ({"hidden": (0,)}, "--hidden is 0"),
        ({"envs": 0}, "--envs is 0"),
        ({"envs": 10**9}, "--envs is 1000000000; it must be at least 1 and at most 1000"),
        ({"buffer-size": 10**9}, "--buffer-size is 1000000000"),
        ({"batch-size": 10**9}, "--batch-size is 1000000000"),
        ({"val-episodes": 10**9}, "--val-episodes is 1000000000"),
        ({"test-episodes": 10**9}, "--test-episodes is 1000000000"),
        ({"env": "Pendulum-v1"}, "policy_gradient"),
        ({"env": "CartPole-v9"}, "CartPole-v1"),
        ({"env": "CartPoll-v1"}, "CartPole-v1"),
        ({"env": "FrozenLake-v1"}, "tables"),
    ],
)
def test_bad_input_ends_in_one_line(wrong, said, capsys):
    ((name, value),) = wrong.items()
    words = [f"--{name}", ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    with pytest.raises(SystemExit) as exit:
        cli.run(train, HyperParams, words)
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


@pytest.mark.parametrize(
    ("unused", "flag"),
    [
        ({"preset": "task6", "epsilon_steps": 9}, "--epsilon-steps"),
        ({"decay": 0.9}, "--decay"),
        ({"preset": "task6", "schedule": "linear", "decay": 0.9}, "--decay"),
        ({"priority_alpha": 0.1}, "--priority-alpha"),
        ({"replay": "none", "priority_beta": 0.1}, "--priority-beta"),
        ({"replay": "none", "buffer_size": 9}, "--buffer-size"),
        ({"seeds": (1, 2), "seed": 3}, "--seed"),
    ],
)
def test_what_would_be_ignored_is_refused(unused, flag):
    with pytest.raises(InputError, match=f"{flag} has no effect"):
        HyperParams(**unused)


@pytest.mark.parametrize("preset", ["tuned", "task6", "cleanrl"])
@pytest.mark.parametrize("schedule", ["linear", "exponential", "step"])
@pytest.mark.parametrize("replay", ["uniform", "prioritized", "none"])
def test_what_a_preset_fills_in_is_not_refused(preset, schedule, replay):
    args = HyperParams(preset=preset, schedule=schedule, replay=replay)
    assert dataclasses.replace(args, seed=1).buffer_size == args.buffer_size


def test_unknown_name_is_a_type_error():
    with pytest.raises(TypeError):
        train(learning_rate=1e-3)


def test_help_and_a_run_from_the_command_line(here):
    assert "--target-every" in here("labs.reinforcement_learning.dqn", "--help").stdout
    words = "--steps 300 --period 150 --learning-starts 100 --train-every 50 --gradient-steps 2 --out new"
    done = here("labs.reinforcement_learning.dqn", "--val-episodes", "2", "--test-episodes", "2", *words.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "new"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cartpole_is_solved_within_50_000_steps(seed):
    _, run = train(seed=seed, quiet=True)
    assert run.history[-1]["steps"] <= 50_000
    assert find(dqn.EXPECTED, run.settings).holds(run.metrics)


@pytest.mark.gpu
def test_a_training_on_cuda_is_reopened_on_the_cpu(no_figures, tmp_path):
    network, run = train(**TINY, steps=600, device="cuda", out=tmp_path / "run")
    assert next(network.parameters()).is_cuda
    assert len(run.history) == 3 and all(math.isfinite(row["val_return"]) for row in run.history)
