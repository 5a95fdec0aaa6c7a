"""Policy gradients: returns, advantages and losses by hand, then learning, determinism, resuming."""

import json
import os
import signal
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from torch.distributions import Categorical, MultivariateNormal

from common.errors import InputError
from common.trainer import Means
from labs.reinforcement_learning import periods, policy_gradient
from labs.reinforcement_learning.episodes import Copies
from labs.reinforcement_learning.policy_gradient import (
    HyperParams,
    PolicyGradient,
    build_model,
    estimate_advantages,
    ppo_loss,
    reinforce_loss,
    train,
)

TINY = {
    "env": "test/Corridor-v0", "hidden": (16,), "gamma": 0.9, "lr": 1e-2, "period": 300, "val_episodes": 2,
    "test_episodes": 3, "quiet": True,
}  # fmt: skip
PPO = {**TINY, "method": "ppo", "envs": 2, "rollout": 32, "batch_size": 32, "passes": 5}
REINFORCE = {**TINY, "method": "reinforce", "rollout": 30}


@pytest.fixture
def no_figures(monkeypatch):
    """Trainings whose figures are not the subject leave them out."""
    monkeypatch.setattr(periods, "save_figures", lambda *args: None)


def collected(learner):
    """A rollout outside the loop."""
    steps = learner.collect()
    while True:
        try:
            assert next(steps) == len(learner.copies.envs)
        except StopIteration as end:
            return end.value


def column(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers)[:, None]


def test_with_lambda_1_advantages_are_returns_minus_values():
    """Rewards 1, 2, 4, γ = ½, terminated: the returns are 1 + ½·2 + ¼·4 = 3, 2 + ½·4 = 4, 4."""
    values, zeros = column(10, 20, 30), column(0, 0, 0)
    next_values, over = column(20, 30, 99), column(0, 0, 1)
    got = estimate_advantages(column(1, 2, 4), values, next_values, over, over, 0.5, 1.0)
    assert got.flatten().tolist() == [3 - 10, 4 - 20, 4 - 30]
    # Truncated instead: the 99 of the state that was reached counts, 49.5 more for the last, half of that before.
    got = estimate_advantages(column(1, 2, 4), values, next_values, zeros, over, 0.5, 1.0)
    assert got.flatten().tolist() == [3 + 12.375 - 10, 4 + 24.75 - 20, 4 + 49.5 - 30]


def test_with_lambda_0_advantages_are_td_errors_and_nothing_passes_an_episodes_end():
    ended = column(0, 1, 0)
    arguments = column(1, 2, 4), column(10, 20, 30), column(20, 50, 40), column(0, 0, 0), ended
    got = estimate_advantages(*arguments, 0.5, 0.0)
    assert got.flatten().tolist() == [1 + 10 - 10, 2 + 25 - 20, 4 + 20 - 30]
    got = estimate_advantages(*arguments, 0.5, 0.8)  # γλ = 0.4
    assert got.flatten().tolist() == pytest.approx([1 + 0.4 * 7, 7, -6])


def test_the_copies_do_not_mix():
    rewards = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    zeros = torch.zeros(2, 2)
    got = estimate_advantages(rewards, zeros, zeros, zeros, zeros, 0.5, 1.0)
    assert got.tolist() == [[1, 0.5], [0, 1]]


def test_ppo_by_hand():
    old = torch.zeros(4)
    ratios = torch.tensor([1.5, 0.5, 1.5, 0.5])
    advantages = torch.tensor([1.0, 1.0, -1.0, -1.0])
    log_probs = ratios.log().requires_grad_()
    loss = ppo_loss(log_probs, old, advantages, 0.2)
    # min(1.5, 1.2), min(0.5, 0.8), min(−1.5, −1.2), min(−0.5, −0.8)
    assert float(loss.detach()) == pytest.approx(-(1.2 + 0.5 - 1.5 - 0.8) / 4)
    loss.backward()
    # No gradient where the policy has moved far enough in the right direction: the first and the last.
    assert (log_probs.grad != 0).tolist() == [False, True, True, False]


def test_at_the_policy_that_played_ppo_has_the_gradient_of_reinforce():
    advantages = torch.randn(5)
    gradients = []
    for loss in (reinforce_loss, lambda p, A: ppo_loss(p, p.detach(), A, 0.2)):
        log_probs = torch.full((5,), -1.0, requires_grad=True)
        loss(log_probs, advantages).backward()
        gradients.append(log_probs.grad)
    torch.testing.assert_close(*gradients)


def test_distributions_are_over_actions():
    discrete = build_model(HyperParams(), gymnasium.spaces.Box(-1, 1, (4,)), gymnasium.spaces.Discrete(3))
    states = torch.randn(6, 4)
    expected = Categorical(logits=discrete.actor(states)).log_prob(torch.ones(6))
    torch.testing.assert_close(discrete(states).log_prob(torch.ones(6)), expected)
    args, box = HyperParams(env="Pendulum-v1"), gymnasium.spaces.Box(-2, 2, (2,))
    gaussian = build_model(args, gymnasium.spaces.Box(-1, 1, (4,)), box)
    with torch.no_grad():
        gaussian.log_sigma.copy_(torch.tensor([0.5, -1.0]))
    actions = torch.randn(6, 2)
    reference = MultivariateNormal(gaussian.actor(states), torch.diag((2 * gaussian.log_sigma).exp()))
    torch.testing.assert_close(gaussian(states).log_prob(actions), reference.log_prob(actions))
    assert gaussian.value(states).shape == (6,)


@pytest.mark.parametrize("settings", [PPO, REINFORCE, {**PPO, "env": "test/Aim-v0"}])
def test_every_parameter_moves_in_an_update(settings):
    learner = PolicyGradient(HyperParams(**settings, steps=10, entropy_weight=0.01))
    before = {name: p.clone() for name, p in learner.model.named_parameters()}
    learner.copies.reset(0)
    learner.update(collected(learner), Means())
    for name, p in learner.model.named_parameters():
        assert torch.isfinite(p).all() and not torch.equal(p, before[name]), name


def test_reinforce_plays_whole_episodes():
    learner = PolicyGradient(HyperParams(**REINFORCE, steps=100))
    learner.copies.reset(0)
    rollout = collected(learner)
    assert len(rollout.rewards) >= 30
    assert bool(rollout.terminated[-1] | rollout.truncated[-1])
    assert sum(length for _, _, length in learner.episodes) == learner.steps == len(rollout.rewards)


@pytest.mark.parametrize("settings", [PPO, REINFORCE], ids=["ppo", "reinforce"])
def test_it_learns_the_corridor(settings, no_figures):
    model, run = train(**settings, steps=1500)
    assert run.metrics["mean_return"] == 1
    assert (model(torch.eye(5)[1:4]).probs[:, 1] > 0.8).all()  # always to the right


def test_it_learns_to_aim_with_a_number(no_figures):
    """The best action is the target itself: return 0. Always aiming at 0 gives −0.5 on average."""
    settings = {**PPO, "env": "test/Aim-v0", "test_episodes": 50, "period": 1024, "envs": 16, "rollout": 16}
    _, run = train(**settings, steps=5120)
    assert run.metrics["mean_return"] > -0.15


class Binary(gymnasium.Env):
    """Actions of a kind that no policy here gives."""

    observation_space, action_space = gymnasium.spaces.Box(-1, 1, (4,)), gymnasium.spaces.MultiBinary(2)


@pytest.mark.parametrize("settings", [PPO, REINFORCE], ids=["ppo", "reinforce"])
@pytest.mark.parametrize("period", [1, 2, 3])
def test_interrupted_in_any_period_and_continued_it_ends_with_the_same_numbers(
    settings, period, no_figures, monkeypatch
):
    """Ctrl-C in the midst of a rollout: the period is undone, and played again."""
    settings = {**settings, "period": 200}
    whole, run = train(**settings, steps=600, out=Path("whole"))
    step, learners = Copies.step, 200 * period - 50

    def interrupt(self, actions):
        nonlocal learners
        learners -= len(actions)
        if -2 < learners <= 0:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, actions)

    monkeypatch.setattr(Copies, "step", interrupt)
    _, part = train(**settings, steps=600, out=Path("part"))
    assert part.interrupted and len(part.history) == period - 1
    assert [row["epoch"] for row in part.history] == list(range(1, period))
    monkeypatch.setattr(Copies, "step", step)
    resumed, again = train(resume=Path("part"), quiet=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert again.metrics == run.metrics
    assert Path("whole/episodes.csv").read_text() == Path("part/episodes.csv").read_text()


@pytest.mark.parametrize("settings", [PPO, REINFORCE], ids=["ppo", "reinforce"])
def test_resumed_equals_uninterrupted(settings, no_figures):
    whole, run = train(**settings, steps=900, out=Path("whole"))
    train(**settings, steps=600, out=Path("part"))
    resumed, again = train(resume=Path("part"), steps=900, quiet=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert [r["val_return"] for r in run.history] == [r["val_return"] for r in again.history]


def test_same_seed_same_run_and_another_seed_another(no_figures):
    runs = [train(**PPO, steps=300, seed=seed, out=Path(f"run{i}"))[1] for i, seed in enumerate([0, 0, 1])]
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.history] for run in runs]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]


def test_run_directory(capsys):
    _, run = train(**{**PPO, "quiet": False}, steps=300)
    summary = json.loads((run.path / "summary.json").read_text())
    assert set(summary["metrics"]) == {"mean_return", "min_return", "last_100_return"}
    assert {path.stem for path in (run.path / "figures").glob("*.png")} == {"learning", "progress", "network"}
    assert capsys.readouterr().out.splitlines()[-1] == str(run.path)


def test_actions_are_cut_to_the_environments_box():
    learner = PolicyGradient(HyperParams(env="Pendulum-v1", envs=1))
    cut = learner.for_environment(np.array([[5.0], [-0.5], [-7.0]], np.float32))
    assert np.concatenate(cut).tolist() == [2, -0.5, -2]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gamma": -0.5}, "--gamma is -0.5; it must be at least 0 and at most 1"),
        ({"env": "test/Binary-v0"}, "actions of the kind MultiBinary(2); they must be Discrete or Box"),
        ({"gae-lambda": 2.0}, "--gae-lambda is 2"),
        ({"envs": 10**9}, "--envs is 1000000000; it must be at least 1 and at most 1000"),
        ({"rollout": 10**12}, "--rollout is 1000000000000; it must be at least 1 and at most 1000000"),
        ({"method": "a2c"}, "a2c"),
        ({"env": "Pendulun-v1"}, "Pendulum-v1"),
    ],
)
def test_bad_input_ends_in_one_line(wrong, said, monkeypatch, capsys):
    monkeypatch.setitem(gymnasium.registry, "test/Binary-v0", EnvSpec("test/Binary-v0", Binary))
    words = [word for name, value in wrong.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit) as exit:
        policy_gradient.main()
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


def test_a_policy_that_is_not_finite_is_one_line(tmp_path):
    with pytest.raises(InputError, match="the policy is not finite: the training has diverged; lower --lr"):
        policy_gradient.train(
            env="Pendulum-v1", lr=1e8, steps=600, period=300, rollout=64, quiet=True, out=tmp_path / "run"
        )


def test_reinforce_has_one_copy():
    with pytest.raises(InputError, match="--envs is 3; it must be 1 for --method reinforce"):
        HyperParams(method="reinforce", envs=3)


@pytest.mark.parametrize("flag", ["clip", "passes", "batch_size"])
def test_reinforce_refuses_what_it_would_ignore(flag):
    assert HyperParams(method="reinforce").passes == 1  # what the method fills in is not refused
    with pytest.raises(InputError, match=f"--{flag.replace('_', '-')} has no effect with --method reinforce"):
        HyperParams(method="reinforce", **{flag: 7})


@pytest.mark.slow
@pytest.mark.parametrize("row", policy_gradient.EXPECTED, ids=["ppo", "reinforce", "pendulum"])
def test_what_it_reaches(row):
    _, run = train(**row.settings, quiet=True)
    assert row.holds(run.metrics)
