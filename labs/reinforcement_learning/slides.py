"""The numbers of the slides and of the exam, each beside the one that follows exactly from the model.

`python -m labs.reinforcement_learning.gridworld` prints them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from labs.reinforcement_learning.planning import model, optimal, policy_values
from labs.reinforcement_learning.worlds import DOWN, LEFT, RIGHT, UP, WORLDS, Pit, World


@dataclass(frozen=True)
class Answer:
    """A number of a slide or of the exam beside the exact one."""

    world: str
    what: str
    slide: float | None
    exact: float
    note: str = ""


def deterministic(actions: Sequence[int]) -> ndarray:
    """The policy that takes these actions, one for each state: (S, 4)."""
    return np.eye(4)[list(actions)]


def right_then_down(world: World) -> ndarray:
    """To the right as far as it goes, then down: the slides' policy in the 3×3 world."""
    columns = world.shape[1]
    return deterministic([DOWN if s % columns == columns - 1 else RIGHT for s in range(len("".join(world.map)))])


def answers() -> list[Answer]:
    """The slides' and the exam's numbers, each beside the one that follows from the model."""
    return [*_answers_2x2(), *_answers_3x3(), *_answers_mdp(), *_answers_exam()]


def _answers_2x2() -> list[Answer]:
    """States s1 (0), G (1), s2 (2), s3 (3); policy: s1 →, s2 →, s3 ↑."""
    world = WORLDS["2x2"]
    flat, slippery = (model(world.table(slippery=slip), world.gamma) for slip in (False, True))
    policy = deterministic([RIGHT, RIGHT, RIGHT, UP])
    mixed = policy.copy()
    mixed[2, [RIGHT, UP]] = 0.7, 0.3
    other = policy.copy()
    other[2, [RIGHT, UP]] = 0.6, 0.4
    V = policy_values(flat, policy)
    discounts = world.gamma ** np.arange(3)
    # One backup of s2 with the deterministic values of its neighbours, solved for V(s2), which slipping down keeps.
    backup = (slippery.R + world.gamma * slippery.P[:, :, [0, 1, 3]] @ V[[0, 1, 3]])[2, RIGHT]
    backup /= 1 - world.gamma * slippery.P[2, RIGHT, 2]
    true, mixture = policy_values(slippery, policy), policy_values(slippery, other)
    why = "the slide takes V(s1) = V(s3) = 8 from the world without slipping"
    return [
        Answer("2x2", "V(s1), deterministic", 8, V[0]),
        Answer("2x2", "V(s3), deterministic", 8, V[3]),
        Answer("2x2", "V(s2), deterministic", 6.2, V[2]),
        Answer("2x2", "return of s2 → s3 → G: −1 + γ(−1) + γ²·10", 6.2, float(discounts @ [-1, -1, 10])),
        Answer("2x2", "V(s2), policy .7 → .3 ↑", 6.2, policy_values(flat, mixed)[2]),
        Answer("2x2", "V(s2), slippery, one step with V = 8 beside it", 6.02, backup),
        Answer("2x2", "V(s2), slippery, policy →", 6.02, true[2], why),
        Answer("2x2", "V(s1) = V(s3), slippery", 8, true[0], why),
        Answer("2x2", "V(s2), slippery, policy .6 → .4 ↑", 6.02, mixture[2], why),
    ]


def _answers_3x3() -> list[Answer]:
    world = WORLDS["3x3"]
    flat, slippery = (model(world.table(slippery=slip), world.gamma) for slip in (False, True))
    policy = right_then_down(world)
    V, slides = policy_values(flat, policy), (4.58, 6.2, 8, 6.2, 8, 10, 8, 10)
    names = [f"({s // 3 + 1},{s % 3 + 1})" for s in range(9)]
    found = [Answer("3x3", f"V{names[s]}, deterministic", slide, V[s]) for s, slide in enumerate(slides)]
    Q = flat.q_values(V)[0]
    for action, arrow, slide in ((RIGHT, "→", 4.58), (DOWN, "↓", 4.58), (LEFT, "←", 3.122), (UP, "↑", 3.122)):
        found.append(Answer("3x3", f"Q((1,1), {arrow}), deterministic", slide, Q[action]))
    one_step = slippery.q_values(V)[4, RIGHT]
    # The slide's own sum: slipping down from (2,2) as if a wall were there, V = 6.758 + 0.1 γ V.
    P = slippery.P[4, RIGHT]
    up, ahead = P[1], P[5]
    bumping = (slippery.R[4, RIGHT] + world.gamma * (ahead * V[5] + up * V[1])) / (1 - world.gamma * P[7])
    true = policy_values(slippery, policy)
    why = "slipping down from (2,2) leads to (3,2), it is no wall"
    found += [
        Answer(
            "3x3", "V(2,2), slippery, as if (3,2) were a wall", 7.426, bumping, "the slide's sum, and right as such"
        ),
        Answer("3x3", "V(2,2), slippery, one step with the values above", 7.426, one_step, why),
        Answer("3x3", "V(2,2), slippery, policy right, then down", 7.426, true[4], "all states evaluated together"),
        *(Answer("3x3", f"V{names[s]}, slippery", None, true[s]) for s in (0, 1, 2, 3, 5, 6, 7)),
        Answer("3x3", "V*(1,1), slippery", None, optimal(slippery)[1][0], "the best policy"),
    ]
    mixed = policy.copy()
    mixed[0, [RIGHT, DOWN]] = 0.7, 0.3
    return [*found, Answer("3x3", "V(1,1), policy .7 → .3 ↓ there", 4.58, policy_values(flat, mixed)[0])]


def _answers_mdp() -> list[Answer]:
    world, found = WORLDS["mdp"], []
    pits: dict[Pit, str] = {"enter": "X can be crossed", "end": "X ends the episode", "wall": "X is a wall"}
    for pit, said in pits.items():
        V = optimal(model(world.table(slippery=True, pit=pit), world.gamma))[1]
        found.append(Answer("mdp", f"V*(s7), {said}", None, V[6], "the slide names no γ: 0.9 here"))
        if pit == "enter":
            found.append(Answer("mdp", f"V*(s1), {said}", None, V[0]))
    return found


def _answers_exam() -> list[Answer]:
    world = WORLDS["exam"]
    flat, slippery = (model(world.table(slippery=slip), world.gamma) for slip in (False, True))
    (Q, V), (_, V_slippery) = optimal(flat), optimal(slippery)
    given = V.copy()
    given[3] = Q[0, DOWN]  # the exam's V(3) = 2.56 is Q(0, ↓)
    one_step = slippery.q_values(given)[0, RIGHT]
    return [
        Answer("exam", "R(0, →)", 0, flat.R[0, RIGHT]),
        Answer("exam", "R(1, →)", 5, flat.R[1, RIGHT]),
        *(Answer("exam", f"V({s}), deterministic", slide, V[s]) for s, slide in ((0, 4), (1, 5), (2, 0))),
        Answer("exam", "V(3), deterministic", 2.56, V[3], "an erratum: 2.56 is Q(0, ↓)"),
        *(Answer("exam", f"V({s}), deterministic", None, V[s]) for s in (5, 6, 7, 8)),
        Answer("exam", "Q(0, →), deterministic", 4, Q[0, RIGHT]),
        Answer("exam", "Q(0, ↓), deterministic", 2.56, Q[0, DOWN]),
        Answer("exam", "Q(0, →), slippery, with the values given", 3.587, one_step),
        *(
            Answer("exam", f"V*({s}), slippery", slide, V_slippery[s], "the values given are not those of this world")
            for s, slide in ((0, 3.587), (1, 5), (3, 2.56))
        ),
    ]
