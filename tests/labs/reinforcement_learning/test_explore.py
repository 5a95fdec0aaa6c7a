"""The notebook's figures: the numbers they show, worked by hand or by the closed forms of the course."""

import numpy as np
import pytest

from labs.reinforcement_learning import explore
from labs.reinforcement_learning.worlds import LEFT, RIGHT, UP, WORLDS


def shown(figure, panel):
    """Title and the texts of a figure's panel."""
    axis = figure.axes[panel]
    return axis.get_title(), [text.get_text() for text in axis.texts]


@pytest.mark.parametrize("world", WORLDS)
def test_the_slip_is_the_sliders(world):
    _, table, grid = explore.open_world(world, 0.25)
    outcomes = table[grid.start][UP]
    assert [p for p, *_ in outcomes] == [0.5, 0.25, 0.25]
    _, table, _ = explore.open_world(world, 0.0)
    assert [p for p, *_ in table[grid.start][UP]] == [1.0]


def test_policies_of_the_slides_world():
    figure, text = explore.draw_policies("3x3", gamma=0.9, epsilon=0.0, slip=0.0)
    assert len(figure.axes) == 2  # a grid and its scale of colours
    assert "S 4.58" in shown(figure, 0)[1]
    assert text == "value of the start 4.5800"
    figure, text = explore.draw_policies("3x3", gamma=0.9, epsilon=0.0, slip=0.1)
    assert "value of the start 3.2596" in text  # V*(1,1) of the slippery world


def test_erring_costs_and_turns_arrows():
    # ε = 0.5 in 2×2: beside G, V1 = 0.625 (−1 + γ 10) + 0.25 (−1 + γ V1) + 0.125 (−1 + γ V2); at the start, where two
    # actions are best, V2 = −1 + γ (0.75 V1 + 0.25 V2). Hence V2 = 4.4729.
    figure, text = explore.draw_policies("2x2", gamma=0.9, epsilon=0.5, slip=0.0)
    assert shown(figure, 1)[0].endswith("ε = 0.5")
    assert text == "value of the start 6.2000, with ε 4.4729; other actions are best in 0 of 4 cells"
    _, text = explore.draw_policies("cliff", gamma=0.9, epsilon=0.3, slip=0.0)
    assert "other actions are best in 6 of 17 cells" in text


def test_the_cliff_is_left_alone_when_it_is_slippery():
    def best(slip):
        _, table, _ = explore.open_world("cliff", slip)
        return explore.greedy(explore.optimal(explore.model(table, 0.9))[0])

    beside, start = 6, 12  # the cell above the start; the start
    assert best(0.0)[beside].argmax() == RIGHT
    assert best(0.1)[beside].argmax() == UP
    assert best(0.2)[start].argmax() == LEFT  # against the wall, from where it slips up


def test_sweeps():
    figure, text = explore.draw_sweep("3x3", gamma=0.9, slip=0.0, sweep=0)
    assert text == "largest error of a value: 10.0000"
    values = {said for said in shown(figure, 0)[1] if said not in ("", "goal") and not said.isdigit()}
    assert values == {"0.00", "S 0.00"}
    # The goal is four steps from the start: its value is there after four sweeps, not after three.
    assert explore.draw_sweep("3x3", gamma=0.9, slip=0.0, sweep=3)[1] == "largest error of a value: 7.2900"
    assert explore.draw_sweep("3x3", gamma=0.9, slip=0.0, sweep=4)[1] == "largest error of a value: 0.0000"


def test_an_episode_without_errors_is_the_shortest_path():
    figure, text = explore.draw_episode("exam", gamma=0.8, epsilon=0.0, slip=0.0, episode=0)
    assert text.splitlines()[0].endswith("→ 0, → 5")
    assert text.splitlines()[1] == "sum of the rewards 5; return, with γ = 0.8: 4.0000"
    assert shown(figure, 0)[0].startswith("2 steps")


def test_episodes_differ_by_their_number_alone():
    drawn = [explore.draw_episode("cliff", 0.9, 0.5, 0.1, number)[1] for number in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_learned_from_enough_episodes_is_the_exact_grid():
    figure, text = explore.draw_learned("2x2", "q_learning", 300, alpha=0.5, gamma=0.9, epsilon=0.5, slip=0.0)
    assert sorted(shown(figure, 0)[1]) == sorted(shown(figure, 1)[1])
    assert "S 6.20" in shown(figure, 1)[1]
    assert "0 of 16 pairs" in text


def test_walks_have_their_exact_chance():
    assert "20 of 20 episodes end at 7; exactly, the probability is 1.000000" in explore.draw_walks(0.0)[1]
    assert "exactly, the probability is 0.999854" in explore.draw_walks(0.1)[1]
    _, text = explore.draw_walks(1.0, episodes=200)
    assert text.endswith("exactly, the probability is 0.500000")
    assert abs(int(text.split()[0]) - 100) < 3 * np.sqrt(50)


def test_the_table_learns_and_with_no_learning_rate_it_does_not():
    settings = {"episodes": 300, "gamma": 0.99, "epsilon": 0.1, "first_of_ties": False}
    figure, text = explore.draw_table("q_learning", alpha=0.5, **settings)
    assert "Q(4, →) is 0.9801, exact 0.980100" in text
    exact, learned = (line.get_ydata() for line in figure.axes[0].lines[2:4])
    assert exact == pytest.approx([0.960596, 0.970299, 0.9801, 0.99, 1.0])
    assert learned[-1] == pytest.approx(1.0)
    _, text = explore.draw_table("sarsa", alpha=0.0, **settings)
    assert "Q(4, →) is 0.0000, exact 0.977925" in text


def test_the_first_of_equal_actions_leads_to_the_left_end_and_then_nowhere():
    # Without exploring: −1 once; from then on it turns at 2, goes left at 3, and the clock ends the episode at 0.
    figure, _ = explore.draw_table("q_learning", 50, alpha=0.1, gamma=0.99, epsilon=0.0, first_of_ties=True)
    assert figure.axes[1].lines[0].get_ydata() == pytest.approx([-1 / 50])


def test_a_cells_sum_is_the_slides():
    """3×3, slippery, γ = 0.9: V(2,2) = 0.8·(−1 + 0.9·9.2577) + 0.1·(−1 + 0.9·9.2577) + 0.1·(−1 + 0.9·4.8936)."""
    said = explore.explain_cell("3x3", 0.9, 0.1, (1, 1)).splitlines()
    assert said[0] == "state 4: V* = 6.9395, the largest of"
    assert said[2] == "→  0.8·(−1 + 0.9·9.26) + 0.1·(−1 + 0.9·9.26) + 0.1·(−1 + 0.9·4.90) = 6.9395"
    assert said[1].endswith(
        "= 3.7994"
    )  # upwards: 0.8·(−1 + 0.9·4.8966) + 0.1·(−1 + 0.9·9.2577) + 0.1·(−1 + 0.9·4.8936)
    assert explore.explain_cell("3x3", 0.9, 0.1, (2, 2)) == "state 8: no action is taken here"
    assert explore.explain_cell("3x3", 0.9, 0.1, None) == "Click a cell."
    assert explore.size_of("cliff") == (3, 6)
    assert explore.draw_cells("exam", 0.8, 0.0).startswith(b"\x89PNG")
