"""Exact answers where the environment's transition table is known: what a learner should find without the table.

Sutton & Barto, Reinforcement Learning (2nd ed.), chapters 3 and 4. A policy is an array (S, A): the probability of each
action in each state. A table is gymnasium's: table[state][action] = [(probability, next state, reward, terminated), …].
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from common.errors import InputError

Table = Mapping[int, Mapping[int, Sequence[tuple[float, int, float, bool]]]]
SAME = 1e-9  # values that differ by less count as equal: ties between actions survive rounding


@dataclass(frozen=True)
class MDP:
    """Transition table as arrays, with the discount γ."""

    P: ndarray  # (S, A, S): probability that the episode goes on in the next state
    R: ndarray  # (S, A): expected reward of the step
    gamma: float
    terminal: ndarray  # (S,): states in which an episode has ended; their values are 0

    def q_values(self, V: ndarray) -> ndarray:
        """Q(s, a) = R(s, a) + γ Σ P(s' | s, a) V(s'): (S, A). Nothing follows a transition that ends the episode."""
        return self.R + self.gamma * self.P @ V


def model(table: Table, gamma: float) -> MDP:
    """The arrays of gymnasium's table. States that are entered only as an episode ends are terminal."""
    S, A = len(table), len(table[0])
    P, R = np.zeros((S, A, S)), np.zeros((S, A))
    ended, entered = np.zeros(S, bool), np.zeros(S, bool)
    for s in range(S):
        for a in range(A):
            for probability, following, reward, terminated in table[s][a]:
                R[s, a] += probability * reward
                if terminated:
                    ended[following] = True
                else:
                    P[s, a, following] += probability
                    entered[following] = True
    terminal = ended & ~entered
    P[terminal], R[terminal] = 0, 0
    return MDP(P, R, gamma, terminal)


def greedy(Q: ndarray) -> ndarray:
    """The policy that takes the best action of each state; equally good ones share the probability."""
    best = Q.max(axis=1, keepdims=True) - SAME <= Q
    return best / best.sum(axis=1, keepdims=True)


def epsilon_greedy(Q: ndarray, epsilon: float) -> ndarray:
    """Any action with probability ε, else a best one."""
    return epsilon / Q.shape[1] + (1 - epsilon) * greedy(Q)


def policy_values(mdp: MDP, policy: ndarray) -> ndarray:
    """V^π, exactly: Bellman's expectation equation V = R_π + γ P_π V as a linear system.

    Raises InputError if there is no answer: with γ = 1, when the policy never ends the episode.
    """
    P = np.einsum("sa,sat->st", policy, mdp.P)
    R = (policy * mdp.R).sum(axis=1)
    system = np.eye(len(R)) - mdp.gamma * P
    if mdp.gamma == 1 and np.linalg.cond(system) > 1e12:
        raise InputError("--gamma is 1 and the policy never ends the episode from some state; take a γ below 1")
    return np.linalg.solve(system, R)


def value_iteration(mdp: MDP, tolerance: float = 1e-10) -> Iterator[ndarray]:
    """V after each sweep of V ← max_a Q (Bellman's optimality equation), from 0 until no value moves by more."""
    V = np.zeros(len(mdp.R))
    moved = np.inf
    while moved > tolerance:
        new = mdp.q_values(V).max(axis=1)
        moved, V = np.abs(new - V).max(), new
        yield V


def policy_iteration(mdp: MDP, start: ndarray, epsilon: float = 0.0) -> Iterator[tuple[ndarray, ndarray]]:
    """(π, V^π) of each step: evaluate π exactly, then take what is best by V^π; ends when nothing is better.

    With `epsilon` every policy is ε-greedy: it ends at the best of those, which is where SARSA settles.
    """
    policy = start
    while True:
        V = policy_values(mdp, policy)
        yield policy, V
        Q = mdp.q_values(V)
        policy = epsilon_greedy(Q, epsilon)
        if np.abs((policy * Q).sum(axis=1) - V).max() < SAME:
            return


def uniform(mdp: MDP) -> ndarray:
    """The policy that draws every action alike."""
    return np.full(mdp.R.shape, 1 / mdp.R.shape[1])


def optimal(mdp: MDP, epsilon: float = 0.0) -> tuple[ndarray, ndarray]:
    """Q* and V*; with `epsilon`, those of the best ε-greedy policy (the fixed point of SARSA and expected SARSA)."""
    *_, (_, V) = policy_iteration(mdp, uniform(mdp), epsilon)
    return mdp.q_values(V), V


def success_probability(table: Table, policy: ndarray | None, start: int, steps: int | None = None) -> float:
    """Probability that an episode from `start` ends with a positive reward, within `steps` if there is a limit.

    Without a policy: of the best one there is when the number of steps left is known (needs `steps`).
    """
    mdp = model(table, gamma=1.0)
    wins = np.zeros_like(mdp.R)
    for s in map(int, np.flatnonzero(~mdp.terminal)):
        for a in table[s]:
            wins[s, a] = sum([p for p, _, reward, terminated in table[s][a] if terminated and reward > 0])
    if steps is None:
        if policy is None:
            raise ValueError("without a policy it takes a number of steps")
        return float(policy_values(MDP(mdp.P, wins, 1.0, mdp.terminal), policy)[start])
    V = np.zeros(len(wins))
    for _ in range(steps):
        Q = wins + mdp.P @ V
        V = Q.max(axis=1) if policy is None else (policy * Q).sum(axis=1)
    return float(V[start])


def reachable(table: Table, start: int) -> ndarray:
    """Which states an episode that begins in `start` can come to: (S,) of bool."""
    seen, ahead = np.zeros(len(table), bool), [start]
    while ahead:
        s = ahead.pop()
        if not seen[s]:
            seen[s] = True
            ahead += [following for a in table[s] for _, following, _, _ in table[s][a]]
    return seen
