"""Reinforcement learning: returns, exact values, and agents that learn from single steps.

Exercises of Task № 6. Rewards belong to transitions here, R[s, a, s'], where the lab has their mean R[s, a].
"""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from assignments.anticipation import anticipation
from assignments.exercise import Draw, exercise, tensor

LAB = "labs.reinforcement_learning"
_TASK = "--preset task6 --eval-episodes 1000"
RUNS: dict[str, str] = {
    "base": _TASK,
    "alpha_001": f"{_TASK} --alpha 0.01",
    "alpha_05": f"{_TASK} --alpha 0.5",
    "gamma_09": f"{_TASK} --gamma 0.9",
    "gamma_095": f"{_TASK} --gamma 0.95",
    "linear": f"{_TASK} --schedule linear",
    "step": f"{_TASK} --schedule step --decay 0.5 --decay-episodes 100",
    "sarsa": f"{_TASK} --method sarsa",
    "walk": "--preset course --episodes 2000",
    "walk_sarsa": "--preset course --episodes 2000 --method sarsa",
}


def evaluate(path: Path, _: Path | None = None) -> dict[str, float]:
    """The metrics of a finished run's table, by the lab's own functions; the names are those of its summary.json."""
    from common import checkpoint
    from common.device import derive_seed
    from labs.reinforcement_learning import reinforcement_learning as lab
    from labs.reinforcement_learning import tabular

    loaded, file = lab.load_run(path), path / "checkpoint" / "last.safetensors"
    args = loaded.settings
    env = lab.get_env(args)
    record = tabular.Record(lab.build_agent(args, env, loaded.model))
    tested = lab.play_greedily(env, record.agent, args.eval_episodes, derive_seed(args.seed, lab.EVALUATION, 0))
    tensors, kept = checkpoint.load(file)
    record.load(tensors, kept["numbers"], file)
    tested["last_100_return"] = sum(record.returns[-100:]) / len(record.returns[-100:])
    exact = tabular.exact_values(env, args.method, args.gamma, lab.epsilon_at(args, len(record.returns) - 1))
    if exact is not None:
        tested |= tabular.value_errors(record.agent, exact) | tabular.start_values(record, env, exact)
    return tested


# --- A model of the world is known ----------------------------------------------------------------------------------


@exercise(
    number=1,
    points=0.75,
    hints=(
        "Slides, return of an episode; lab sheet, The idea.",
        "The reward after k steps counts γ to the power of k, and the first reward is there after 0 steps.",
        "(gamma ** torch.arange(len(rewards)) * rewards).sum()",
    ),
    compare="labs/reinforcement_learning/slides.py, _answers_2x2",
)
def discounted_return(rewards: Tensor, gamma: float) -> Tensor:
    """The return of an episode from its start: r0 + γ r1 + γ² r2 + …, a number.

    rewards (T,) are those of its T steps in order; the first one counts in full. Without a step it is 0.
    """
    raise NotImplementedError


@discounted_return.example("the slide's −1, −1, 10 with γ = 0.9: 6.2")
def _():
    return (tensor(-1, -1, 10), 0.9), torch.tensor(6.2)


@discounted_return.probes
def _(draw):
    return draw.normal(draw.size(3, 8), std=3), draw.number(0.6, 0.95)


@discounted_return.edge("no steps: 0")
def _():
    return torch.zeros(0, dtype=torch.float64), 0.9


@discounted_return.use
def _(mine, rewards, gamma):  # 0.9 ** torch.arange(3) is float32, so no more than that is asked for
    return torch.as_tensor(mine(rewards, gamma)).to(torch.float32)


@discounted_return.expected
def _(rewards, gamma):
    following = torch.zeros((), dtype=rewards.dtype)
    for reward in rewards.flip(0):  # from the end: G = r + γ G
        following = reward + gamma * following
    return following


def _powers(rewards: Tensor, gamma: float) -> Tensor:
    return gamma ** torch.arange(len(rewards), dtype=rewards.dtype)


@discounted_return.mistake("D1", "γ once more for every reward: the first one counts 1, the second γ")
def _(rewards, gamma):
    return gamma * (_powers(rewards, gamma) * rewards).sum()


@discounted_return.mistake("D2", "no discount at all: the reward after k steps is multiplied by γ to the power of k")
def _(rewards, gamma):
    return rewards.sum()


@discounted_return.mistake("D3", "discounting from the end: the first reward counts in full, the last one least")
def _(rewards, gamma):
    return (_powers(rewards, gamma).flip(0) * rewards).sum()


@discounted_return.mistake("D4", "multiplying all later rewards by γ once: after k steps it is γ to the power of k")
def _(rewards, gamma):
    return rewards[:1].sum() + gamma * rewards[1:].sum()


@discounted_return.mistake("D5", "γ · k in place of γ to the power of k (** in Python)")
def _(rewards, gamma):
    return rewards[:1].sum() + (gamma * torch.arange(len(rewards), dtype=rewards.dtype) * rewards).sum()


@discounted_return.mistake("D6", "dividing by the number of steps: a return is a sum, not a mean")
def _(rewards, gamma):
    return (_powers(rewards, gamma) * rewards).sum() / max(1, len(rewards))


@exercise(
    number=2,
    points=1,
    hints=(
        "Slides, Q^π; exam of January 2026, task 2 b; lab sheet, Bellman's equation.",
        "For each next state: its reward plus γ times its value. Then the mean of that, weighted by P.",
        "(P * (R + gamma * V)).sum(dim=2): V stands along the last dimension by itself.",
    ),
    compare="labs/reinforcement_learning/planning.py, MDP.q_values (whose R is a mean over the next states already)",
)
def q_from_v(P: Tensor, R: Tensor, V: Tensor, gamma: float) -> Tensor:
    """Q(s, a) of N states and A actions, one step ahead of the values V: (N, A).

    P, R are (N, A, S): the probability that action a in state s leads to state s', and the reward of that step. V is
    (S,). Where the agent slips, several next states are possible. (Bellman's equation; exam of January 2026.)
    """
    raise NotImplementedError


@q_from_v.example("the exam's Q(0, →) with slipping: 3.5872")
def _():
    P, V = tensor([[0.15, 0.7, 0, 0.15]]), tensor(4, 5, 0, 2.56)
    return (P, torch.zeros_like(P), V, 0.8), tensor([3.5872])


@q_from_v.probes
def _(draw):
    n, a, s = draw.size(1, 4), draw.size(1, 3), draw.size(2, 4)
    return draw.shares(n, a, s), draw.normal(n, a, s), draw.normal(s, std=3), draw.number(0.6, 0.95)


@q_from_v.expected
def _(P, R, V, gamma):
    return torch.einsum("nas,nas->na", P, R) + gamma * torch.einsum("nas,s->na", P, V)


@q_from_v.mistake("B1", "looking at the most probable next state only: it may slip, so all of them count, by P")
def _(P, R, V, gamma):
    return (R + gamma * V).gather(2, P.argmax(dim=2, keepdim=True))[:, :, 0]


@q_from_v.mistake("B2", "leaving out γ: what comes after the step counts γ times its value")
def _(P, R, V, gamma):
    return (P * (R + V)).sum(dim=2)


@q_from_v.mistake("B3", "multiplying the reward by γ, too: it is paid now, only V comes a step later")
def _(P, R, V, gamma):
    return (P * gamma * (R + V)).sum(dim=2)


@q_from_v.mistake("B4", "adding up the rewards of all next states: each comes with its probability P only")
def _(P, R, V, gamma):
    return R.sum(dim=2) + gamma * P @ V


@q_from_v.mistake("B5", "a mean that takes all next states alike: weigh each by its probability P")
def _(P, R, V, gamma):
    return (R + gamma * V).mean(dim=2)


@q_from_v.mistake("B6", "taking the best next state: the action is chosen, where it leads to is not")
def _(P, R, V, gamma):
    return (R + gamma * V).amax(dim=2)


@q_from_v.mistake("B7", "leaving out the rewards: Q is what the step pays plus γ times what follows")
def _(P, R, V, gamma):
    return gamma * P @ V


def _grid(rows: int, columns: int, goal: int, policy: dict[int, tuple[int, int]], last: tuple[float, float]) -> Any:
    """The slides' slippery worlds: one action (N = A = 1 in each state), ahead .8, to either side .1, each step −1.

    `policy` has each state's step (row, column). last: the reward of entering the goal, and what is paid in it once.
    The last state is the end, in which nothing happens.
    """
    n = rows * columns + 1
    P, R = torch.zeros(n, 1, n, dtype=torch.float64), torch.zeros(n, 1, n, dtype=torch.float64)
    for state, (down, right) in policy.items():
        for share, (i, j) in ((0.8, (down, right)), (0.1, (right, down)), (0.1, (-right, -down))):
            row, column = state // columns + i, state % columns + j
            there = row * columns + column if 0 <= row < rows and 0 <= column < columns else state
            P[state, 0, there] += share
            R[state, 0, there] = last[0] if there == goal else -1
    P[goal, 0, n - 1], R[goal, 0, n - 1], P[n - 1, 0, n - 1] = 1, last[1], 1
    return P, R, torch.ones(n, 1, dtype=torch.float64), 0.9


@exercise(
    number=3,
    points=1,
    hints=(
        "Slides, Bellman's equation for V^π; lab sheet, the slides' numbers beside the exact ones.",
        "The policy's mean over its actions makes one matrix P (S, S) and one reward r (S,): then V = r + γ P V.",
        "M = (policy[:, :, None] * P).sum(1); V = torch.linalg.solve(torch.eye(S) − gamma * M, r), in the dtype of P.",
    ),
    compare="labs/reinforcement_learning/planning.py, policy_values",
)
def evaluate_policy(P: Tensor, R: Tensor, policy: Tensor, gamma: float) -> Tensor:
    """V^π, the value of every state for an agent that goes on to act by the policy: (S,).

    P, R are (S, A, S): the probability that action a in s leads to s', and the reward of that step; policy (S, A) has
    the probability of each action in each state; γ < 1. A state in which nothing happens any more leads to itself with
    reward 0. V fulfils V(s) = Σ_a π(a|s) Σ_s' P (R + γ V(s')) to nine digits: solve the equations, or repeat
    V ← right side until nothing moves by more than 1e-12. The values of neighbours are not known beforehand.
    """
    raise NotImplementedError


@evaluate_policy.example("2×2 world, slipping: V(s2) = 5.4449, not the slide's 6.02")
def _():
    V = tensor(7.351694915254238, 10, 5.44491525423729, 7.351694915254238, 0)
    return _grid(2, 2, 1, {0: (0, 1), 2: (0, 1), 3: (-1, 0)}, (-1.0, 10.0)), V


@evaluate_policy.example("3×3 world, slipping: V(2,2) = 6.9395, not the slide's 7.426")
def _():
    V = tensor(3.259303562763003, 4.896580660913024, 6.710189086638686, 4.893646291743948, 6.939469545011085)
    V = torch.cat([V, tensor(9.257749735220878, 6.709898874303285, 9.257749735220878, 0, 0)])
    policy = {s: (1, 0) if s % 3 == 2 else (0, 1) for s in range(8)}
    return _grid(3, 3, 8, policy, (10.0, 0.0)), V


@evaluate_policy.probes
def _(draw):
    s, a = draw.size(2, 4), draw.size(2, 3)
    return draw.shares(s, a, s), draw.normal(s, a, s), draw.shares(s, a), draw.number(0.5, 0.9)


def _chain(P: Tensor, R: Tensor, policy: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix (S, S) and the mean rewards (S,) of a policy."""
    return torch.einsum("sa,sat->st", policy, P), torch.einsum("sa,sat,sat->s", policy, P, R)


def _series(M: Tensor, r: Tensor, gamma: float) -> Tensor:
    """r + γMr + γ²M²r + …, whose terms double in number each time."""
    M = gamma * M
    for _ in range(12):
        r, M = r + M @ r, M @ M
    return r


@evaluate_policy.expected
def _(P, R, policy, gamma):
    return _series(*_chain(P, R, policy), gamma)


@evaluate_policy.mistake(
    "E1",
    "the slide's short cut: it takes the neighbours' values from the world without slipping; they change, too, so "
    "all states are evaluated together",
)
def _(P, R, policy, gamma):
    sure = torch.nn.functional.one_hot(P.argmax(dim=2), len(P)).to(P.dtype)
    V, (M, r) = _series(*_chain(sure, R, policy), gamma), _chain(P, R, policy)
    own = M.diagonal()
    return (r + gamma * (M @ V - own * V)) / (1 - gamma * own)


@evaluate_policy.mistake("E2", "one step only: V stands on the right side, too, so repeat until it stays as it is")
def _(P, R, policy, gamma):
    return _chain(P, R, policy)[1]


@evaluate_policy.mistake("E3", "taking the best action: asked for is the policy's mean over the actions, not V*")
def _(P, R, policy, gamma):
    V = torch.zeros(len(P), dtype=P.dtype)
    for _ in range(400):
        V = (P * (R + gamma * V)).sum(dim=2).amax(dim=1)
    return V


@evaluate_policy.mistake("E4", "taking all actions alike: weigh each by the policy's probability")
def _(P, R, policy, gamma):
    return _series(*_chain(P, R, torch.full_like(policy, 1 / policy.shape[1])), gamma)


@evaluate_policy.mistake("E5", "multiplying the reward by γ, too: only the next state's value is discounted")
def _(P, R, policy, gamma):
    return gamma * _series(*_chain(P, R, policy), gamma)


@evaluate_policy.mistake("E6", "adding up the rewards of all next states: each comes with its probability P only")
def _(P, R, policy, gamma):
    M, _ = _chain(P, R, policy)
    return _series(M, (policy * R.sum(dim=2)).sum(dim=1), gamma)


@evaluate_policy.mistake("E7", "following the likeliest action alone: a policy's other actions count, too")
def _(P, R, policy, gamma):
    sure = torch.nn.functional.one_hot(policy.argmax(dim=1), policy.shape[1]).to(P.dtype)
    return _series(*_chain(P, R, sure), gamma)


# --- Learning from steps --------------------------------------------------------------------------------------------


@exercise(
    number=4,
    points=1,
    hints=(
        "Slides, exploration and exploitation; manual, part c; lab sheet, its first exercise (first of equals).",
        "First a number in [0, 1): below ε any action. Else gather the places of the largest value, and draw one.",
        "best = [i for i, v in enumerate(values) if v == max(values)]; rng.choice(best); rng.randrange(len(values)).",
    ),
    compare="labs/reinforcement_learning/tabular.py, choose",
    slot=("labs.reinforcement_learning.tabular.choose", lambda mine: _choose_for_the_lab(mine)),
)
def choose(values: list[float], epsilon: float, rng: "random.Random") -> int:
    """An action, ε-greedy, by the list of its values Q(s, a): 0 to A − 1.

    With probability ε any of the A actions, all alike, the best included; otherwise the best one, and of several that
    are equally good each alike. rng is Python's: rng.random() is in [0, 1), rng.randrange(n) in 0 to n − 1,
    rng.choice(list) one of a list. Take no other random numbers. Your function is asked 4000 times.
    """
    raise NotImplementedError


def _choose_for_the_lab(mine: Callable[..., Any]) -> Callable[..., int]:
    """The lab passes NumPy's row and generator, and says what becomes of ties."""
    return lambda row, epsilon, ties, rng: int(mine(row.tolist(), epsilon, random.Random(int(rng.integers(2**62)))))


@choose.example("ε = 0: always the best")
def _():
    return ([-3.0, -1.0, -2.0], 0.0, 1), {"actions taken": [1], "shares as they should be (χ²)": True}


@choose.example("two actions, ε = 0.2: the best in 90 %")
def _():
    said = {"share of action 0, to a tenth": 0.9, "actions taken": [0, 1], "shares as they should be (χ²)": True}
    return ([0.5, 0.0], 0.2, 2), said


@choose.example("two equally good actions: each in half of the cases")
def _():
    said = {"share of action 0, to a tenth": 0.5, "actions taken": [0, 1], "shares as they should be (χ²)": True}
    return ([1.0, 1.0], 0.2, 3), said


@choose.probes
def _(draw):  # two actions, shown as shares to a tenth; both equally good, every third time
    epsilon, equal, best = draw.choice([0.2, 0.4, 0.6]), not draw.first and draw.integer(0, 2) == 0, draw.number(0, 2)
    values = [best, best] if equal else [best, best - draw.number(0.1, 2)]
    return values[:: 1 if draw.first else draw.choice([1, -1])], epsilon, draw.integer(0, 10**6)


@choose.probes
def _(draw):  # more actions, of which some are equally good
    size, best = draw.integer(3, 5), draw.number(-1, 1)
    values = [best - draw.number(0.1, 2) for _ in range(size)]
    for place in (draw.integer(1, size - 2), size - 1):
        values[place] = best
    return values, draw.number(0.2, 0.6), draw.integer(0, 10**6)


@choose.use
def _(mine, values, epsilon, seed):
    import random

    rng = random.Random(seed)
    size, draws = len(values), 4000
    counts = [0] * size
    for _ in range(draws):
        counts[int(mine(list(values), epsilon, rng))] += 1
    best = [value == max(values) for value in values]
    wanted = [draws * (epsilon / size + (1 - epsilon) * is_best / sum(best)) for is_best in best]
    fits = all(count == 0 for count, want in zip(counts, wanted, strict=True) if not want)
    chi2 = sum((count - want) ** 2 / want for count, want in zip(counts, wanted, strict=True) if want)
    freedom = max(1, sum(want > 0 for want in wanted) - 1)
    p = float(torch.special.gammaincc(torch.tensor(freedom / 2), torch.tensor(chi2 / 2)))
    said: dict[str, object] = {"share of action 0, to a tenth": round(counts[0] / draws, 1)} if size == 2 else {}
    taken = [action for action in range(size) if counts[action]]
    return {**said, "actions taken": taken, "shares as they should be (χ²)": fits and p > 1e-6}


@choose.expected
def _(values, epsilon, rng):
    best = [action for action, value in enumerate(values) if value == max(values)]
    shares = [epsilon / len(values) + (1 - epsilon) * (action in best) / len(best) for action in range(len(values))]
    return rng.choices(range(len(values)), shares)[0]


def _greedy(values: list[float], rng: random.Random) -> int:
    return rng.choice([action for action, value in enumerate(values) if value == max(values)])


@choose.mistake("R2", "always taking the first of several best actions, as argmax and index do: draw one of them")
def _(values, epsilon, rng):
    return rng.randrange(len(values)) if rng.random() < epsilon else values.index(max(values))


@choose.mistake("C1", "leaving the best action out when any is drawn: its share is 1 − ε + ε/A, not 1 − ε")
def _(values, epsilon, rng):
    best = _greedy(values, rng)
    others = [action for action in range(len(values)) if action != best]
    return rng.choice(others) if rng.random() < epsilon else best


@choose.mistake("C2", "exchanging ε and 1 − ε: any action is drawn with probability ε, when rng.random() < epsilon")
def _(values, epsilon, rng):
    return rng.randrange(len(values)) if rng.random() >= epsilon else _greedy(values, rng)


@choose.mistake("C3", "never trying anything: with probability ε any action is drawn, whatever its value")
def _(values, epsilon, rng):
    return _greedy(values, rng)


@choose.mistake("C4", "taking the smallest value for the best: it is the largest")
def _(values, epsilon, rng):
    return rng.randrange(len(values)) if rng.random() < epsilon else _greedy([-value for value in values], rng)


@exercise(
    number=5,
    points=1.25,
    hints=(
        "Manual, part d; slides, temporal differences; lab sheet, Q-learning and SARSA.",
        "A target first: the reward, and unless the episode is over γ times a value of the next state. Then a step.",
        "target = reward if terminated else reward + gamma * following; Q[state, action] += alpha * (target − …).",
    ),
    compare="labs/reinforcement_learning/tabular.py, target and Agent.learn",
    may_change=True,
    slot=("labs.reinforcement_learning.tabular.target", lambda mine: _target_for_the_lab(mine)),
)
def q_update(
    Q: Tensor,
    state: int,
    action: int,
    reward: float,
    next_state: int,
    next_action: int,
    terminated: bool,
    alpha: float,
    gamma: float,
    method: str,
) -> Tensor:
    """The table Q (S, A) after one step of learning: one entry moves by α towards its target. Return the whole table.

    In `state` the agent took `action`, got `reward` and came to `next_state`, where it will take `next_action`.
    method "q_learning": the target takes the best action of the next state, whatever will be taken (Watkins 1989);
    "sarsa": it takes next_action (Rummery & Niranjan 1994). If the step ended the episode (terminated), nothing
    follows, and the target is the reward alone. You may write into Q.
    """
    raise NotImplementedError


def _target_for_the_lab(mine: Callable[..., Any]) -> Callable[..., float]:
    """The lab asks for the target alone: with α = 1 that is what the entry becomes. For other methods its own."""
    from labs.reinforcement_learning.tabular import target

    def aim(method, values, reward, next_state, next_action, gamma, epsilon):
        if method not in ("q_learning", "sarsa"):
            return target(method, values, reward, next_state, next_action, gamma, epsilon)
        Q = torch.tensor([[0.0] * values.shape[1], values[next_state].tolist()], dtype=torch.float64)
        return float(mine(Q, 0, 0, reward, 1, next_action, False, 1.0, gamma, method)[0, 0])

    return aim


@q_update.example("Q-learning, 60 episodes of the random walk: Q(4, →) becomes 0.9801 = 0.99²")
def _():
    return ("zeros, then 60 episodes of the random walk, Q-learning",), {"Q(4, →), four digits": 0.9801}


@q_update.example("SARSA in the random walk, erring in one step of 20: Q(4, →) stays at 0.9779 on average")
def _():
    return ("where SARSA settles in the random walk, then a step from 4 to 5",), {"Q(4, →), four digits": 0.9779}


def _step(draw: Draw, method: str, terminated: bool) -> tuple[Any, ...]:
    states, actions = draw.size(2, 4), draw.size(2, 4)
    Q = draw.normal(states, actions, std=2)
    state, following = (0, 1) if draw.first else (draw.integer(0, states - 1), draw.integer(0, states - 1))
    worst = int(Q[following].argmin())  # so that the next action is not the best one
    step = (state, draw.integer(0, actions - 1), draw.number(0.5, 2), following, worst, terminated)
    return Q, *step, draw.number(0.1, 0.5), draw.number(0.7, 0.95), method


@q_update.probes
def _(draw):
    return _step(draw, "q_learning", False)


@q_update.probes
def _(draw):
    return _step(draw, "sarsa", False)


@q_update.probes
def _(draw):
    return _step(draw, "q_learning", True)


@q_update.probes
def _(draw):
    return _step(draw, "sarsa", True)


@q_update.use
def _(mine, Q, state=0, action=0, reward=0, next_state=0, next_action=0, terminated=0, alpha=0, gamma=0, method=""):
    if method:
        return mine(Q, state, action, reward, next_state, next_action, terminated, alpha, gamma, method)
    if "SARSA" in Q:  # places 1 to 7, actions ← and →; in place 5 it will go right in 19 of 20 steps
        Q = torch.tensor([[0.0, 0.0]] * 4 + [[0.9668188469, 0.9889072790]] + [[0.0, 0.0]] * 2, dtype=torch.float64)
        steps = [mine(Q.clone(), 3, 1, 0.0, 4, int(i > 0), False, 1.0, 0.99, "sarsa") for i in range(20)]
        return {"Q(4, →), four digits": round(sum(float(new[3, 1]) for new in steps) / 20, 4)}
    times = 60
    generator = torch.Generator().manual_seed(0)
    right = (torch.rand(40 * times, generator=generator) < 0.95).int().tolist()
    Q, step = torch.zeros(7, 2, dtype=torch.float64), 0
    for _ in range(times):
        place, over = 3, False
        while not over:
            there = place + 2 * right[step] - 1
            over, reward = there in (0, 6), {0: -1.0, 6: 1.0}.get(there, 0.0)
            Q = mine(Q, place, right[step], reward, there, right[step + 1], over, 0.5, 0.99, "q_learning")
            place, step = there, step + 1
    return {"Q(4, →), four digits": round(float(Q[3, 1]), 4)}


@q_update.expected
def _(Q, state, action, reward, next_state, next_action, terminated, alpha, gamma, method):
    following = {"q_learning": Q[next_state].max(), "sarsa": Q[next_state, next_action]}[method]
    aim = reward + gamma * (0 if terminated else 1) * following
    place = torch.zeros_like(Q)
    place[state, action] = alpha
    return torch.lerp(Q, aim.expand_as(Q), place)


def _moved(Q: Tensor, step: tuple[Any, ...], target: Callable[[float, float, float], float], old: float = 1) -> Tensor:
    """Q after a step whose target is made of reward, γ and the next state's value; nothing follows an end."""
    state, action, reward, next_state, next_action, terminated, alpha, gamma, method = step
    following = float(Q[next_state].max() if method == "q_learning" else Q[next_state, next_action])
    aim = target(reward, gamma, 0.0 if terminated else following)
    Q = Q.clone()
    Q[state, action] += alpha * (aim - old * Q[state, action])
    return Q


def _right(reward: float, gamma: float, following: float) -> float:
    return reward + gamma * following


@q_update.mistake("U1", "adding the next state's value at the end, too: when terminated, the target is the reward")
def _(Q, *step):
    return _moved(Q, (*step[:5], False, *step[6:]), _right)


@q_update.mistake("U2", "exchanging the methods: Q-learning takes the best next action, SARSA next_action")
def _(Q, *step):
    return _moved(Q, (*step[:8], "sarsa" if step[8] == "q_learning" else "q_learning"), _right)


@q_update.mistake("U3", "taking the best next action for SARSA, too: SARSA takes next_action, good or not")
def _(Q, *step):
    return _moved(Q, (*step[:8], "q_learning"), _right)


@q_update.mistake("U4", "taking next_action for Q-learning, too: Q-learning takes the best of the next state")
def _(Q, *step):
    return _moved(Q, (*step[:8], "sarsa"), _right)


@q_update.mistake("U5", "multiplying the reward by γ: only what follows is discounted, reward + γ · value")
def _(Q, *step):
    return _moved(Q, step, lambda reward, gamma, following: gamma * (reward + following))


@q_update.mistake("U6", "leaving out γ: the next state's value comes a step later and counts γ times")
def _(Q, *step):
    return _moved(Q, step, lambda reward, gamma, following: reward + following)


@q_update.mistake("U7", "not subtracting the old value: the entry moves by α · (target − entry)")
def _(Q, *step):
    return _moved(Q, step, _right, old=0)


@q_update.mistake("U8", "putting the target in the place of the entry: it moves by α of the way only")
def _(Q, *step):
    return _moved(Q, (*step[:6], 1.0, *step[7:]), _right)


@exercise(
    number=6,
    points=0.5,
    hints=(
        "Manual, part c: ε ← ε × 0.995 after each episode, at least 0.01.",
        "After n episodes the factor has been applied n times, which is a power. Then see to the least value.",
        "max(least, start * decay**episodes)",
    ),
    compare="labs/reinforcement_learning/reinforcement_learning.py, epsilon_at",
    slot=("labs.reinforcement_learning.reinforcement_learning.epsilon_at", lambda mine: _epsilon_for_the_lab(mine)),
)
def epsilon_at(episodes: int, start: float, decay: float, least: float) -> float:
    """ε after so many finished episodes: each multiplies it by `decay`, and below `least` it never falls.

    During the first episode, with none finished, it is `start`. (Manual: start 1, decay 0.995, least 0.01.)
    """
    raise NotImplementedError


def _epsilon_for_the_lab(mine: Callable[..., Any]) -> Callable[..., float]:
    """The lab has four schedules; all of them are this one with other numbers."""

    def at(args, episode):
        start, least = args.epsilon, args.epsilon_min
        if args.schedule == "constant":
            return float(mine(episode, start, 1.0, 0.0))
        if args.schedule == "linear":
            share = min(1, episode / args.decay_episodes)
            return float(mine(episode, start + share * (least - start), 1.0, least))
        times = episode if args.schedule == "exponential" else episode // args.decay_episodes
        return float(mine(times, start, args.decay, least))

    return at


@epsilon_at.example("the manual's schedule: 0.60577 after 100 episodes")
def _():
    return (100, 1.0, 0.995, 0.01), 0.6057704364907278


@epsilon_at.example("the manual's schedule: the floor is reached after 919 episodes")
def _():
    return (919, 1.0, 0.995, 0.01), 0.01


@epsilon_at.probes
def _(draw):
    return draw.size(3, 30), draw.number(0.5, 1), draw.number(0.8, 0.95), draw.number(0.01, 0.1)


@epsilon_at.probes
def _(draw):
    return draw.integer(60, 200), draw.number(0.5, 1), draw.number(0.7, 0.9), draw.number(0.02, 0.2)


@epsilon_at.edge("no episode finished: the start")
def _():
    return 0, 0.7, 0.9, 0.05


@epsilon_at.expected
def _(episodes, start, decay, least):
    epsilon = start
    for _ in range(episodes):
        epsilon = max(least, epsilon * decay)
    return epsilon


@epsilon_at.mistake("S1", "no floor: it falls to `least` and stays there, max(least, …)")
def _(episodes, start, decay, least):
    return start * decay**episodes


@epsilon_at.mistake("S2", "one factor too many: the first episode, with none finished, has ε = start")
def _(episodes, start, decay, least):
    return max(least, start * decay ** (episodes + 1))


@epsilon_at.mistake("S3", "min in place of max: of `least` and the falling ε the larger one counts")
def _(episodes, start, decay, least):
    return min(least, start * decay**episodes)


@epsilon_at.mistake("S4", "multiplying by decay once: after n episodes it has been done n times, decay ** n")
def _(episodes, start, decay, least):
    return max(least, start * decay) if episodes else start


@epsilon_at.mistake("S5", "adding the floor: ε = start · decay ** n as long as that is above `least`")
def _(episodes, start, decay, least):
    return least + (start - least) * decay**episodes


@epsilon_at.mistake("S6", "leaving out start, which is not always 1")
def _(episodes, start, decay, least):
    return max(least, decay**episodes)


@exercise(
    number=7,
    points=1,
    hints=(
        "Manual, part d, with a network; lab sheet, From tables to networks (double DQN; terminated, truncated).",
        "In each row: the place of the online network's largest value; at that place the target network's value.",
        "best = q_online.argmax(dim=1); q_target[torch.arange(len(best)), best]; times γ; times 0 where terminated.",
    ),
    compare="labs/reinforcement_learning/dqn.py, td_target",
)
def td_target(
    rewards: Tensor, terminated: Tensor, truncated: Tensor, q_online: Tensor, q_target: Tensor, gamma: float
) -> Tensor:
    """Double DQN: what Q(s, a) of N steps should have been, (N,).

    q_online, q_target are (N, A): the values of the next states by the network that learns and by its older copy. The
    online network chooses the action, the target network says what it is worth (van Hasselt et al. 2016). terminated,
    truncated are (N,) of True and False: a terminated episode has ended for good, and nothing follows; a truncated one
    was cut off by the clock, and what would have followed counts.
    """
    raise NotImplementedError


@td_target.probes
def _(draw):
    n, a = draw.size(3, 6), draw.size(3, 4)
    terminated, truncated = torch.zeros(n, dtype=torch.bool), torch.zeros(n, dtype=torch.bool)
    terminated[1], truncated[2] = True, True
    q_online, q_target = draw.normal(n, a, std=2), draw.normal(n, a, std=2)
    while (q_online.sort(dim=1).values.diff(dim=1) == 0).any():  # which of two equally good ones is a matter of taste
        q_online = draw.normal(n, a, std=2)
    second = q_online.argsort(dim=1)[:, 1:2]  # neither best nor worst for the one network, best for the other
    q_target.scatter_(1, second, q_target.amax(dim=1, keepdim=True) + draw.number(0.5, 1))
    return draw.normal(n), terminated, truncated, q_online, q_target, draw.number(0.7, 0.95)


@td_target.expected
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    best = torch.nn.functional.one_hot(q_online.argmax(dim=1), q_online.shape[1]).to(q_target.dtype)
    return rewards + gamma * torch.where(terminated, 0.0, (best * q_target).sum(dim=1))


def _picked(values: Tensor, by: Tensor) -> Tensor:
    return values.gather(1, by.argmax(dim=1, keepdim=True))[:, 0]


@td_target.mistake("T1", "ending truncated episodes, too: the clock cut them off, what would have followed counts")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return rewards + gamma * ~(terminated | truncated) * _picked(q_target, q_online)


@td_target.mistake("T2", "adding what follows to terminated steps: there nothing follows, and the target is the reward")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return rewards + gamma * _picked(q_target, q_online)


@td_target.mistake("T3", "the largest value of q_online: it only chooses the action, its worth is q_target's")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return rewards + gamma * ~terminated * q_online.amax(dim=1)


@td_target.mistake("T4", "the largest value of q_target, which is plain DQN: here q_online chooses the action")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return rewards + gamma * ~terminated * q_target.amax(dim=1)


@td_target.mistake("T5", "exchanging the networks: q_online chooses (argmax), q_target says what that is worth")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return rewards + gamma * ~terminated * _picked(q_online, q_target)


@td_target.mistake("T6", "taking the smallest value for the best: the action with the largest q_online is chosen")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return rewards + gamma * ~terminated * _picked(q_target, -q_online)


@td_target.mistake("T7", "multiplying the reward by γ, too: only what follows is discounted")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return gamma * (rewards + ~terminated * _picked(q_target, q_online))


@td_target.mistake("T8", "leaving out the rewards where the episode ended: the target is then the reward, not 0")
def _(rewards, terminated, truncated, q_online, q_target, gamma):
    return ~terminated * (rewards + gamma * _picked(q_target, q_online))


@exercise(
    number=8,
    points=0.5,
    hints=(
        "Manual, parts d and e: mean of the last 100 episodes, moving average.",
        "For each episode the mean of a slice that ends with it, and does not begin before the first.",
        "returns[max(0, i + 1 − window) : i + 1].mean() for each i.",
    ),
    compare="labs/reinforcement_learning/curves.py",
    forbidden=("rolling", "uniform_filter1d"),
)
def moving_mean(returns: Tensor, window: int) -> Tensor:
    """For each episode the mean return of the last `window` episodes, itself included: (N,), as returns (N,).

    Where there have not yet been so many, it is the mean of those that there were. (Manual: window 100.)
    """
    raise NotImplementedError


@moving_mean.example("the last two of 1, 3, 8: 1, 2, 5.5")
def _():
    return (tensor(1, 3, 8), 2), tensor(1, 2, 5.5)


@moving_mean.probes
def _(draw):
    return draw.normal(draw.size(4, 8), mean=3), draw.size(2, 4)


@moving_mean.edge("fewer episodes than the window")
def _():
    return tensor(2, -4, 5), 100


@moving_mean.expected
def _(returns, window):
    ages = torch.arange(len(returns))[:, None] - torch.arange(len(returns))
    counted = ((ages >= 0) & (ages < window)).to(returns.dtype)
    return counted @ returns / counted.sum(dim=1)


def _sums(returns: Tensor, window: int) -> Tensor:
    padded = torch.cat([returns.new_zeros(window - 1), returns])
    return padded.unfold(0, window, 1).sum(dim=1)


@moving_mean.mistake("M1", "counting episodes that were not there as 0: at first divide by the number there has been")
def _(returns, window):
    return _sums(returns, window) / window


@moving_mean.mistake("M2", "leaving the first ones out: they have the mean of those that there were, so all N stay")
def _(returns, window):
    return returns.unfold(0, min(window, len(returns)), 1).mean(dim=1)


@moving_mean.mistake("M3", "leaving out the episode itself: it is the last one of its own mean")
def _(returns, window):
    parts = [returns[max(0, i - window) : i] for i in range(1, len(returns))]
    return torch.stack([returns[0], *(part.mean() for part in parts)])


@moving_mean.mistake("M4", "the mean since the beginning: only the last `window` episodes count")
def _(returns, window):
    return returns.cumsum(0) / torch.arange(1, len(returns) + 1)


@moving_mean.mistake(
    "M5", "one episode too many: the slice begins at i + 1 − window, so that it holds `window` of them"
)
def _(returns, window):
    return torch.stack([returns[max(0, i - window) : i + 1].mean() for i in range(len(returns))])


@moving_mean.mistake("M6", "looking ahead: the mean is of the episode and those before it, not of those to come")
def _(returns, window):
    return torch.stack([returns[i : i + window].mean() for i in range(len(returns))])


# --- Anticipation ---------------------------------------------------------------------------------------------------


@anticipation("A1")
def _a1(draw: Draw) -> tuple[str, float]:
    rewards, gamma = [draw.number(-2, 2) for _ in range(3)] + [float(draw.integer(5, 12))], draw.number(0.7, 0.95)
    shown = ", ".join(f"{r:g}" for r in rewards).replace("-", "−")
    said = f"An episode pays {shown}, in this order. Its return from the start with γ = {gamma:g}?"
    return said, sum(r * gamma**k for k, r in enumerate(rewards))


@anticipation("A2")
def _a2(draw: Draw) -> tuple[str, float]:
    gamma, goal, slip = draw.number(0.6, 0.9), draw.integer(3, 9), draw.choice([0.05, 0.1, 0.15, 0.2])
    V = [gamma * goal, goal, gamma**2 * goal]
    said = (
        f"As in the exam of January 2026: a 3×3 grid, start 0, goal 2 (+{goal}, all other steps 0), a wall at 4, γ = "
        f"{gamma:g}. The agent slips with probability {slip:g} to either side of where it wants to go; against a wall "
        f"or the edge it stays. Take V(0) = {V[0]:.3f}, V(1) = {V[1]:.3f}, V(3) = {V[2]:.3f} as given. Q(0, →)?"
    )
    V = [round(v, 3) for v in V]
    return said, gamma * ((1 - 2 * slip) * V[1] + slip * V[0] + slip * V[2])


@anticipation("A3")
def _a3(draw: Draw) -> tuple[str, float]:
    gamma, p, reward = draw.number(0.7, 0.95), draw.number(0.6, 0.9), draw.integer(2, 10)
    said = (
        f"A state has one action. With probability {p:g} it leads to the goal (reward {reward}), else the agent stays "
        f"where it is (reward −1). γ = {gamma:g}; after the goal nothing follows. The value of the state?"
    )
    return said, (p * reward - (1 - p)) / (1 - gamma * (1 - p))


@anticipation("A4")
def _a4(draw: Draw) -> tuple[str, float]:
    old, reward = draw.number(0, 1), draw.number(-1, 1)
    a, b = draw.number(0, 1), draw.number(1.2, 2)
    alpha, gamma = draw.choice([0.1, 0.2, 0.5]), draw.number(0.8, 0.99)
    said = (
        f"Q(s, a) = {old:g}. The step pays {reward:g} and leads to s′ with Q(s′, ←) = {a:g} and Q(s′, →) = {b:g}, "
        f"where the agent will go ←. α = {alpha:g}, γ = {gamma:g}. Q(s, a) after Q-learning's update, less "
        "Q(s, a) after SARSA's?"
    )
    return said.replace("-", "−").replace("Q−l", "Q-l"), alpha * gamma * (b - a)


@anticipation("A5")
def _a5(draw: Draw) -> tuple[str, float]:
    start, decay, least = draw.number(0.7, 1), draw.choice([0.98, 0.985, 0.99, 0.995]), draw.number(0.02, 0.1)
    said = f"ε starts at {start:g}, is multiplied by {decay:g} after each episode and never falls below {least:g}. "
    n = math.ceil(math.log(least / start) / math.log(decay))
    return said + "After how many episodes does it have its least value for the first time?", n


@anticipation("A6")
def _a6(draw: Draw) -> tuple[str, float]:
    actions, epsilon = draw.integer(3, 6), draw.number(0.1, 0.6)
    said = f"One of {actions} actions is the best. An ε-greedy agent has ε = {epsilon:g}. How probable is it that it "
    return said + "takes the best one three times in a row?", (1 - epsilon + epsilon / actions) ** 3
