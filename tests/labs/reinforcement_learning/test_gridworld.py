"""The grid worlds' exact numbers: every one of the course's, the two reward conventions, planning by other ways."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from common.errors import InputError
from labs.reinforcement_learning import grids, gridworld
from labs.reinforcement_learning.environments import OWN, make, make_slippery, near_names, table_of
from labs.reinforcement_learning.planning import (
    epsilon_greedy,
    greedy,
    model,
    optimal,
    policy_iteration,
    policy_values,
    reachable,
    success_probability,
    uniform,
    value_iteration,
)
from labs.reinforcement_learning.slides import answers, right_then_down
from labs.reinforcement_learning.worlds import DOWN, LEFT, RIGHT, UP, WORLDS, World

# (world, what) → what follows from the model, as the course page has it
EXACT = {
    ("2x2", "V(s1), deterministic"): 8,
    ("2x2", "V(s3), deterministic"): 8,
    ("2x2", "V(s2), deterministic"): 6.2,
    ("2x2", "return of s2 → s3 → G: −1 + γ(−1) + γ²·10"): 6.2,
    ("2x2", "V(s2), policy .7 → .3 ↑"): 6.2,
    ("2x2", "V(s2), slippery, one step with V = 8 beside it"): 6.021978,
    ("2x2", "V(s2), slippery, policy →"): 5.4449,
    ("2x2", "V(s1) = V(s3), slippery"): 7.3517,
    ("2x2", "V(s2), slippery, policy .6 → .4 ↑"): 5.4449,
    ("3x3", "V(1,1), deterministic"): 4.58,
    ("3x3", "V(1,2), deterministic"): 6.2,
    ("3x3", "V(1,3), deterministic"): 8,
    ("3x3", "V(2,1), deterministic"): 6.2,
    ("3x3", "V(2,2), deterministic"): 8,
    ("3x3", "V(2,3), deterministic"): 10,
    ("3x3", "V(3,1), deterministic"): 8,
    ("3x3", "V(3,2), deterministic"): 10,
    ("3x3", "Q((1,1), →), deterministic"): 4.58,
    ("3x3", "Q((1,1), ↓), deterministic"): 4.58,
    ("3x3", "Q((1,1), ←), deterministic"): 3.122,
    ("3x3", "Q((1,1), ↑), deterministic"): 3.122,
    ("3x3", "V(2,2), slippery, as if (3,2) were a wall"): 6.758 / 0.91,
    ("3x3", "V(2,2), slippery, one step with the values above"): 7.658,
    ("3x3", "V(2,2), slippery, policy right, then down"): 6.9395,
    ("3x3", "V(1,1), slippery"): 3.2593,
    ("3x3", "V(1,2), slippery"): 4.8966,
    ("3x3", "V(1,3), slippery"): 6.7102,
    ("3x3", "V(2,1), slippery"): 4.8936,
    ("3x3", "V(2,3), slippery"): 9.2577,
    ("3x3", "V(3,1), slippery"): 6.7099,
    ("3x3", "V(3,2), slippery"): 9.2577,
    ("3x3", "V*(1,1), slippery"): 3.2596,
    ("3x3", "V(1,1), policy .7 → .3 ↓ there"): 4.58,
    ("mdp", "V*(s7), X can be crossed"): 2.4963,
    ("mdp", "V*(s1), X can be crossed"): 6.2407,
    ("mdp", "V*(s7), X ends the episode"): 1.4917,
    ("mdp", "V*(s7), X is a wall"): 3.2133,
    ("exam", "R(0, →)"): 0,
    ("exam", "R(1, →)"): 5,
    ("exam", "V(0), deterministic"): 4,
    ("exam", "V(1), deterministic"): 5,
    ("exam", "V(2), deterministic"): 0,
    ("exam", "V(3), deterministic"): 3.2,
    ("exam", "V(5), deterministic"): 5,
    ("exam", "V(6), deterministic"): 2.56,
    ("exam", "V(7), deterministic"): 3.2,
    ("exam", "V(8), deterministic"): 4,
    ("exam", "Q(0, →), deterministic"): 4,
    ("exam", "Q(0, ↓), deterministic"): 0.8 * 0.8 * 4,
    ("exam", "Q(0, →), slippery, with the values given"): 0.8 * (0.7 * 5 + 0.15 * 4 + 0.15 * 2.56),
    ("exam", "V*(0), slippery"): 3.2580,
    ("exam", "V*(1), slippery"): 4.6053,
    ("exam", "V*(3), slippery"): 2.4006,
}


def test_every_answer_is_the_courses_exact_one():
    found = {(answer.world, answer.what): answer.exact for answer in answers()}
    assert found.keys() == EXACT.keys()
    for key, value in found.items():
        assert value == pytest.approx(EXACT[key], abs=6e-5), key


def test_the_slides_that_are_wrong_are_marked_and_no_others(capsys):
    gridworld.solve(out=Path("all.png"))
    marked = [line.split("slide  ")[0].rstrip()[2:] for line in capsys.readouterr().out.splitlines() if "≠" in line]
    assert [line.partition("  ")[0] for line in marked] == [
        "V(s2), slippery, policy →",
        "V(s1) = V(s3), slippery",
        "V(s2), slippery, policy .6 → .4 ↑",
        "V(2,2), slippery, one step with the values above",
        "V(2,2), slippery, policy right, then down",
        "V(3), deterministic",
        "V*(0), slippery",
        "V*(1), slippery",
        "V*(3), slippery",
    ]
    assert Path("all.png").is_file()


def simulate(table, policy, start, gamma, episodes, steps=200):
    """Mean discounted return by playing: knows nothing of linear systems."""
    rng = np.random.default_rng(0)
    total = 0.0
    for _ in range(episodes):
        state, discount = start, 1.0
        for _ in range(steps):
            outcomes = table[state][int(rng.choice(len(policy[state]), p=policy[state]))]
            _, state, reward, over = outcomes[int(rng.choice(len(outcomes), p=[o[0] for o in outcomes]))]
            total, discount = total + discount * reward, discount * gamma
            if over:
                break
    return total / episodes


@pytest.mark.parametrize(("name", "start"), [("2x2", 2), ("3x3", 0)])
def test_policy_values_are_mean_returns(name, start):
    world = WORLDS[name]
    policy = right_then_down(world) if name == "3x3" else np.eye(4)[[RIGHT, RIGHT, RIGHT, UP]]
    table = world.table(slippery=True)
    V = policy_values(model(table, world.gamma), policy)
    assert simulate(table, policy, start, world.gamma, 1500) == pytest.approx(V[start], abs=0.15)


def test_the_two_conventions_by_hand():
    """Two steps from the goal, γ = 0.9. A: −1 + 0.9(−1 + 0.9·10) = 6.2. B: −1 + 0.9·10 = 8."""
    world = World(("S.G",))
    values = {c: optimal(model(world.table(convention=c), 0.9))[1] for c in ("A", "B")}
    assert values["A"] == pytest.approx([6.2, 8, 10])
    assert values["B"] == pytest.approx([8, 10, 0])


def test_walls_and_edges_keep_the_agent_where_it_is():
    table = WORLDS["exam"].table()
    assert table[1][DOWN] == [(1.0, 1, 0.0, False)]  # the wall below
    assert table[0][LEFT] == [(1.0, 0, 0.0, False)]
    assert table[1][RIGHT] == [(1.0, 2, 5.0, True)]


def test_slipping_goes_to_the_sides_with_the_worlds_probability():
    outcomes = WORLDS["exam"].table(slippery=True)[0][RIGHT]
    assert outcomes == [(0.7, 1, 0.0, False), (0.15, 3, 0.0, False), (0.15, 0, 0.0, False)]


@pytest.mark.parametrize("name", ["FrozenLake-v1", "CliffWalking", *(n for n in OWN)])
def test_value_iteration_and_policy_iteration_agree(name):
    mdp = model(table_of(make(name)), 0.95)
    *_, V = value_iteration(mdp)
    Q_star, V_star = optimal(mdp)
    np.testing.assert_allclose(V, V_star, atol=1e-7)
    np.testing.assert_allclose(Q_star.max(axis=1), V_star, atol=1e-9)  # Bellman's optimality equation
    values = [values for _, values in policy_iteration(mdp, uniform(mdp))]
    assert all((new >= old - 1e-9).all() for old, new in zip(values, values[1:], strict=False))  # never worse


def test_frozen_lake():
    table = table_of(make("FrozenLake-v1"))
    assert optimal(model(table, 0.99))[1][0] == pytest.approx(0.542026, abs=1e-6)
    assert optimal(model(table, 0.9))[1][0] == pytest.approx(0.068891, abs=1e-6)
    policy = greedy(optimal(model(table, 0.99))[0])
    assert success_probability(table, policy, 0, 100) == pytest.approx(0.7402, abs=5e-5)
    assert success_probability(table, policy, 0) == pytest.approx(14 / 17)
    assert success_probability(table, None, 0, 100) == pytest.approx(0.7442, abs=5e-5)
    assert success_probability(table, np.full((16, 4), 0.25), 0, 100) == pytest.approx(0.0139, abs=5e-5)
    firm = table_of(make_slippery("FrozenLake-v1", "no"))
    assert optimal(model(firm, 0.99))[1][0] == pytest.approx(0.99**5)
    assert success_probability(firm, greedy(optimal(model(firm, 0.99))[0]), 0, 100) == 1


def test_cliff_walking_takes_thirteen_steps():
    table = table_of(make("CliffWalking"))
    mdp = model(table, 1.0)
    _, V = optimal(mdp)
    assert V[36] == pytest.approx(-13)
    assert V[47] == 0  # though gymnasium's table has steps out of the goal
    assert np.flatnonzero(mdp.terminal).tolist() == [47]
    assert np.flatnonzero(~reachable(table, 36)).tolist() == list(range(37, 47))  # the cliff
    # Someone who stumbles in one step of ten keeps away from it, by the middle row: SARSA's policy.
    Q, _ = optimal(model(table, 0.99), epsilon=0.1)
    assert Q[36].argmax() == Q[24].argmax() == UP


def test_the_best_epsilon_greedy_policy_is_better_than_stumbling_along_the_best_path():
    mdp = model(table_of(make("CliffWalking")), 0.99)
    Q_star, V_star = optimal(mdp)
    _, V = optimal(mdp, epsilon=0.1)
    stumbling = policy_values(mdp, epsilon_greedy(Q_star, 0.1))
    assert stumbling[36] < V[36] < V_star[36]
    Q, _ = optimal(mdp, epsilon=0.1)
    np.testing.assert_allclose(policy_values(mdp, epsilon_greedy(Q, 0.1)), V, atol=1e-9)  # a fixed point


def test_a_policy_that_never_ends_has_no_value_without_discount():
    mdp = model(WORLDS["3x3"].table(), 1.0)
    with pytest.raises(InputError, match="--gamma is 1"):
        policy_values(mdp, np.eye(4)[[LEFT] * 9])


@pytest.mark.parametrize("name", OWN)
def test_our_environments_are_what_gymnasium_asks_for(name):
    check_env(make(name).unwrapped, skip_render_check=False)


def test_grid_worlds_move_as_their_tables_say():
    env = make_slippery("sorcery/GridWorldExam-v0", "yes")
    env.reset(seed=1)
    counts = np.zeros(9)
    for _ in range(2000):
        env.reset()
        counts[env.step(RIGHT)[0]] += 1
    assert counts[[1, 3, 0]] / 2000 == pytest.approx([0.7, 0.15, 0.15], abs=0.03)
    assert counts.sum() == counts[[1, 3, 0]].sum()


def test_a_grid_world_draws_the_agent():
    env = make("sorcery/GridWorldExam-v0", render_mode="ansi")
    env.reset()
    env.step(RIGHT)
    assert env.render() == "S@G\n.#.\n..."


def test_near_names():
    assert near_names("CartPol-v1")[0] == "CartPole-v1"
    assert near_names("random_walk") == ["sorcery/RandomWalk1D-v0"]
    with pytest.raises(InputError, match="CliffWalking-v"):
        make("CliffWalking-v99")
    with pytest.raises(InputError, match="Taxi-v"):
        make("taxy")
    with pytest.raises(InputError, match="there are CartPole-v1"):
        make("no such thing")
    with pytest.raises(InputError, match="needs more than is installed"):
        make("Ant-v3")  # of a package of its own since gymnasium 1.0
    with pytest.raises(InputError, match="no slippery variant"):
        make_slippery("CartPole-v1", "yes")


def test_the_newest_version_is_taken_without_a_number():
    assert make("FrozenLake").spec.id == gymnasium.make("FrozenLake-v1").spec.id


@pytest.mark.parametrize(("world", "start"), [("2x2", 6.2), ("mdp", 4.58), ("FrozenLake-v1", 0.542026)])
def test_a_world_step_by_step(world, start, capsys):
    gridworld.solve(world=world, sweeps=2, out=Path("v.png"))
    said = capsys.readouterr().out
    for part in ("value iteration, sweep 2", "policy iteration, step 1", "Q*", f"V* at the start {start:.6f}"):
        assert part in said
    assert Path("v.png").is_file()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gamma": 1.1}, "--gamma is 1.1"),
        ({"sweeps": -1}, "--sweeps is -1"),
        ({"world": "CartPole-v1"}, "no transition table"),
        ({"world": "FrozenLake-v1", "convention": "A"}, "--convention"),
        ({"world": "4x4"}, "unknown to gymnasium"),
    ],
)
def test_bad_input(wrong, said):
    with pytest.raises(InputError, match=said):
        gridworld.solve(**wrong)


def test_a_grid_says_which_state_is_which_which_are_pits_and_what_ends_the_episode():
    """In the text an entry is Q(2, ←): its state is to be found. A pit may have a high value, beside the goal."""
    cliff = grids.layout(make("sorcery/GridWorldCliff-v0"))
    figure = grids.plot_grids(cliff, [("V", np.arange(18.0), None)])
    axis = figure.axes[0]
    said = [text.get_text() for text in axis.texts]
    assert [text for text in said if text.isdigit()] == [str(state) for state in range(18)]
    hatched = [patch.get_xy() for patch in axis.patches if patch.get_hatch()]
    assert hatched == [(column - 0.5, 1.5) for column in (1, 2, 3, 4)]
    assert [text.get_text() for text in figure.legends[0].texts] == ["a pit: entered at its price"]
    walk = grids.layout(make("sorcery/RandomWalk1D-v0"))
    texts = [t.get_text() for t in grids.plot_grids(walk, [("V", np.zeros(7), None)]).axes[0].texts]
    assert [text for text in texts if text.isdigit()] == list("1234567")  # Julia's numbers
    assert {"the end\nreward −1", "the end\nreward +1"} < set(texts)
