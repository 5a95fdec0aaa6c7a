"""The tabular commands from the command line."""

import json
import sys
from pathlib import Path

import pytest

from labs.reinforcement_learning import gridworld, methods, reinforcement_learning


def test_train(here):
    done = here("labs.reinforcement_learning", "--episodes", "300", "--out", "new")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "new"
    assert lines[-3].startswith("mean return 1.0000, success 100.0%")
    assert lines[-2].startswith("look at new/figures/returns.png")
    assert json.loads(Path("new/summary.json").read_text())["lab"] == "reinforcement_learning"


def test_an_unknown_environment_ends_in_one_line(here, assert_one_line_error):
    done = here("labs.reinforcement_learning", "--env", "FrozenLak-v1")
    assert_one_line_error(done, "'FrozenLak-v1'", "FrozenLake-v1")


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (reinforcement_learning.main, ["--gamma", "1.5"], "--gamma is 1.5"),
        (reinforcement_learning.main, ["--method", "dqn"], "dqn"),
        (reinforcement_learning.main, ["--env", "CartPole-v1"], "CartPole-v1"),
        (reinforcement_learning.main, ["--resume", "nowhere"], "nowhere"),
        (gridworld.main, ["--world", "9x9"], "9x9"),
        (gridworld.main, ["--gamma", "2"], "--gamma is 2"),
        (methods.main, ["--seeds", "a"], "'a'"),
        (methods.main, ["--episodes", "0"], "--episodes is 0"),
        (methods.main, ["--env", "CartPole-v1"], "CartPole-v1"),
    ],
)
def test_bad_input_of_each_command(main, words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert said in lines[0]


def test_gridworld_prints_what_is_asked_and_where_the_figure_is(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command", "--world", "exam", "--slippery", "yes", "--out", "exam.png"])
    gridworld.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sorcery/GridWorldExam-v0, γ = 0.8"
    assert lines[-2:] == ["V* at the start 3.257979", "exam.png"]


def test_figures_of_other_questions_do_not_replace_one_another(monkeypatch):
    written = []
    monkeypatch.setattr("common.plots.write_figure", lambda path, figure: written.append(str(path)))
    for words in ({"world": "2x2"}, {"world": "2x2", "gamma": 0.5}, {"world": "2x2"}):
        gridworld.solve(**words)
    assert written[0] == written[2] == "runs/reinforcement_learning/gridworld_world-2x2.png"
    assert written[1] == "runs/reinforcement_learning/gridworld_world-2x2_gamma-0.5.png"
