"""The lab's functions as answers to the set reinforcement_learning."""

from types import SimpleNamespace

import numpy as np
import torch

from labs.reinforcement_learning import dqn, planning, reinforcement_learning, tabular


def _mdp(P, R, gamma):
    over = np.zeros(len(P), bool)
    return planning.MDP(P.numpy(), (P * R).sum(dim=2).numpy(), gamma, over)


def discounted_return(rewards, gamma):
    return torch.as_tensor(gamma ** np.arange(len(rewards)) @ rewards.numpy())


def q_from_v(P, R, V, gamma):
    return torch.from_numpy(_mdp(P, R, gamma).q_values(V.numpy()))


def evaluate_policy(P, R, policy, gamma):
    return torch.from_numpy(planning.policy_values(_mdp(P, R, gamma), policy.numpy()))


def choose(values, epsilon, rng):
    generator = SimpleNamespace(random=rng.random, integers=rng.randrange, choice=rng.choice)  # NumPy's names
    return tabular.choose(np.array(values), epsilon, "random", generator)


def q_update(Q, state, action, reward, next_state, next_action, terminated, alpha, gamma, method):
    agent = tabular.Agent(Q.numpy(), Q.shape[1], method, alpha, gamma)
    agent.learn(state, action, reward if terminated else agent.target(reward, next_state, next_action, 0.0))
    return Q


def epsilon_at(episodes, start, decay, least):
    args = reinforcement_learning.HyperParams(preset="task6", epsilon=start, decay=decay, epsilon_min=least)
    return reinforcement_learning.epsilon_at(args, episodes)


def td_target(rewards, terminated, truncated, q_online, q_target, gamma):
    return dqn.td_target(rewards, terminated.double(), q_target, q_online, gamma)


def moving_mean(returns, window):
    sums = np.convolve(returns, np.ones(window))[: len(returns)]
    return torch.from_numpy(sums / np.minimum(np.arange(1, len(returns) + 1), window))
