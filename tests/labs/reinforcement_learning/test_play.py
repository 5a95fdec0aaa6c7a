"""A trained network plays again, and is watched."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common import cli
from common.errors import InputError
from labs.reinforcement_learning import dqn, periods, play, policy_gradient, trained, watch
from labs.reinforcement_learning import reinforcement_learning as tabular
from labs.reinforcement_learning.episodes import Copies

RUN = Path("run")


@pytest.fixture
def small_run(monkeypatch):
    """The directory of a small run on CartPole; made with `dqn` or `policy_gradient`."""
    settings = {"period": 100, "val_episodes": 2, "test_episodes": 5, "hidden": (8,), "quiet": True, "out": RUN}

    def make(lab, **kws):
        monkeypatch.setattr(periods, "save_figures", lambda *args: None)
        return lab.train(**settings, steps=100, **kws)[1]

    return make


@pytest.mark.parametrize("lab", [dqn, policy_gradient])
def test_the_played_policy_is_the_trained_one(lab, small_run, capsys):
    run = small_run(lab)
    learner = trained.load_learner(RUN)
    copies = Copies("CartPole-v1", 5)
    returns = play.play_episodes(learner.policy, copies, 0, periods.TEST)
    assert returns.mean() == run.metrics["mean_return"]
    capsys.readouterr()
    returns = play.play(run=RUN, episodes=7, seed=3)
    said = capsys.readouterr().out
    assert f"return {returns.mean():.2f} ± {returns.std():.2f}" in said
    assert f"success rate {(returns >= 475).mean():.0%}" in said
    assert np.array_equal(returns, play.play(run=RUN, episodes=7, seed=3))
    assert not np.array_equal(returns, play.play(run=RUN, episodes=7, seed=4))


def test_without_learning_and_with_noise(small_run):
    small_run(dqn)
    random = play.play(run=RUN, episodes=60, policy="random")
    assert 17 < random.mean() < 28  # 22 on average
    assert np.array_equal(play.play(run=RUN, episodes=5), play.play(run=RUN, episodes=5, epsilon=0.0))
    noisy = play.noisy(lambda s: [0] * len(s), lambda s: [1] * len(s), 0.3, 0)
    assert np.mean(noisy(np.zeros((5000, 4)))) == pytest.approx(0.3, abs=0.03)


def test_a_table_plays_again(capsys):
    tabular.train(episodes=200, quiet=True, out=RUN)
    assert (play.play(run=RUN, episodes=20) == 1).all()  # always to the right
    assert "success rate 100%" in capsys.readouterr().out
    assert abs(play.play(run=RUN, episodes=400, policy="random").mean()) < 0.2  # either end alike
    with pytest.raises(InputError, match="FrozenLake-v1 has other observations than the run's sorcery/.*: 16, not 7"):
        play.play(run=RUN, env="FrozenLake-v1")


def test_what_would_be_ignored_is_refused(capsys):
    for kind, wrong in ((watch.Request, {"width": 20_000}), (play.Request, {"episodes": 10**9})):
        with pytest.raises(InputError, match="it must be at least .* and at most"):
            kind(**wrong)
    with pytest.raises(InputError, match="--epsilon has no effect with --policy random"):
        play.Request(policy="random", epsilon=0.1)
    tabular.train(episodes=10, method="td0", quiet=True, out=RUN)
    with pytest.raises(InputError, match="--epsilon has no effect on run, whose policy is random"):
        play.play(run=RUN, epsilon=0.1)
    assert len(play.play(run=RUN, episodes=3)) == 3


def test_the_newest_network_is_taken_whichever_command_trained_it(monkeypatch):
    monkeypatch.setattr(periods, "save_figures", lambda *args: None)
    folder = Path("runs/reinforcement_learning")
    small = {"steps": 20, "val_episodes": 1, "test_episodes": 1, "quiet": True}
    for lab in (dqn, policy_gradient):
        lab.train(**small, out=folder / lab.__name__.rpartition(".")[2])
    tabular.train(episodes=10, quiet=True, out=folder / "table")  # no network
    assert trained.newest_network() == folder / "policy_gradient"
    os.utime(folder / "policy_gradient/model.safetensors", (0, 0))
    assert trained.newest_network() == folder / "dqn"
    assert isinstance(trained.load_learner(folder / "policy_gradient"), policy_gradient.PolicyGradient)


def test_another_environment_with_the_same_spaces(small_run, capsys):
    small_run(dqn)
    assert len(play.play(run=RUN, env="CartPole-v0", episodes=2)) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "nowhere"], "nowhere is no run directory"),
        (["--run", "run", "--env", "Acrobot-v1"], "Acrobot-v1 has other observations than the run's CartPole-v1"),
        (["--run", "run", "--env", "CartPoel-v1"], "CartPole-v1"),
        (["--run", "other"], "other is a run of labs.vae; a run of labs.reinforcement_learning.dqn is needed"),
        (["--run", "old"], "old is of another release of these labs"),
        (["--episodes", "0"], "--episodes is 0"),
        (["--epsilon", "2"], "--epsilon is 2"),
        ([], "no trained network"),
    ],
)
def test_bad_input_ends_in_one_line(words, said, small_run, capsys):
    small_run(dqn)
    for name, command in {"other": '"command": "labs.vae", ', "old": ""}.items():
        Path(name).mkdir()
        Path(name, "hyperparams.json").write_text(f'{{{command}"lab": "vae", "latent_dim": 2}}')
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit:
        cli.run(play.play, play.Request, words)
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


def test_the_animation_shows_the_policy_before_early_in_and_after_training(small_run, capsys, monkeypatch):
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    small_run(policy_gradient, envs=1)
    before, after = (trained.load_learner(RUN, weights).model.actor[-1].bias for weights in (None, "early"))
    assert not torch.equal(before, after)
    path = watch.animate(run=RUN, width=60, every=2)
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said[-4:-1]] == ["before training", "after 128 steps", "the best policy"]
    longest = max(float(line.split()[-1]) for line in said[-4:-1])
    with Image.open(path) as gif:
        assert gif.width == 3 * 60 + 2 * watch.GAP
        assert gif.n_frames <= longest // 2 + 2
        first = gif.convert("RGB")
        gif.seek(gif.n_frames - 1)
        assert first.tobytes() != gif.convert("RGB").tobytes()
    assert "SDL_VIDEODRIVER" not in os.environ


def test_a_film_has_every_nth_step_and_the_last_picture():
    with watch.without_screen():
        copies = Copies("CartPole-v1", render_mode="rgb_array")
        pictures, total = watch.film(lambda states: [0], copies, 0, 3)
        copies.envs[0].close()
    assert len(pictures) == -(-int(total) // 3) + 1
    assert pictures[0].shape == (400, 600, 3)
    assert not np.array_equal(pictures[0], pictures[-1])
