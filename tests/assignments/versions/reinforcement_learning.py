"""Correct answers to the set reinforcement_learning, each written in several ways."""

import math

import torch

# What a mutant of the first version does that is right, too: {exercise: {a part of what was changed: why}}
EQUAL = {
    "epsilon_at": {"→ max(start * decay ** episodes, least)": "the larger of two numbers, whatever their order"},
    "moving_mean": {"→ max(i + 1 - window, 0)": "the larger of two numbers, whatever their order"},
}


def discounted_return__vectorised(rewards, gamma):
    return (gamma ** torch.arange(len(rewards)) * rewards).sum()


def discounted_return__loop(rewards, gamma):
    total, factor = 0.0, 1.0
    for reward in rewards:
        total += factor * float(reward)
        factor *= gamma
    return total


def discounted_return__float32(rewards, gamma):
    following = 0.0
    for reward in reversed(rewards.float()):
        following = reward + gamma * following
    return following


def discounted_return__dot(rewards, gamma):
    return sum(reward * math.pow(gamma, k) for k, reward in enumerate(rewards.tolist()))


def q_from_v__vectorised(P, R, V, gamma):
    return (P * (R + gamma * V)).sum(dim=2)


def q_from_v__loop(P, R, V, gamma):
    n, a, s = P.shape
    Q = torch.zeros(n, a, dtype=P.dtype)
    for i in range(n):
        for j in range(a):
            for k in range(s):
                Q[i, j] += P[i, j, k] * (R[i, j, k] + gamma * V[k])
    return Q


def q_from_v__float32(P, R, V, gamma):
    P, R, V = P.float(), R.float(), V.float()
    return (P * R).sum(2) + gamma * (P @ V)


def q_from_v__einsum(P, R, V, gamma):
    return torch.einsum("nas,nas->na", P, R + gamma * V[None, None, :])


def evaluate_policy__solve(P, R, policy, gamma):
    M = (policy[:, :, None] * P).sum(dim=1)
    r = (policy * (P * R).sum(dim=2)).sum(dim=1)
    return torch.linalg.solve(torch.eye(len(P), dtype=P.dtype) - gamma * M, r)


def evaluate_policy__sweeps(P, R, policy, gamma):
    V = torch.zeros(len(P), dtype=P.dtype)
    moved = 1.0
    while moved > 1e-13:
        new = (policy * (P * (R + gamma * V)).sum(dim=2)).sum(dim=1)
        moved, V = float((new - V).abs().max()), new
    return V


def evaluate_policy__loop(P, R, policy, gamma):
    P, R, policy = P.tolist(), R.tolist(), policy.tolist()
    states = range(len(P))
    V = [0.0 for _ in states]
    for _ in range(350):
        for s in states:  # in place
            V[s] = sum(
                policy[s][a] * P[s][a][t] * (R[s][a][t] + gamma * V[t]) for a in range(len(P[s])) for t in states
            )
    return torch.tensor(V, dtype=torch.float64)


def evaluate_policy__float32(P, R, policy, gamma):
    P, R, policy = P.float(), R.float(), policy.float()
    M = torch.bmm(policy[:, None], P)[:, 0]
    r = torch.bmm(policy[:, None], (P * R).sum(2)[:, :, None])[:, 0, 0]
    return torch.linalg.inv(torch.eye(len(M)) - gamma * M) @ r


def choose__list(values, epsilon, rng):
    if rng.random() < epsilon:
        return rng.randrange(len(values))
    best = [i for i, value in enumerate(values) if value == max(values)]
    return rng.choice(best)


def choose__shares(values, epsilon, rng):
    top = max(values)
    count = values.count(top)
    left = rng.random()
    for action, value in enumerate(values):
        left -= epsilon / len(values) + (1 - epsilon) / count * (value == top)
        if left < 0:
            return action
    return len(values) - 1 - values[::-1].index(top)


def choose__by_place(values, epsilon, rng):
    explore = rng.random() < epsilon
    top = max(values)
    places = [place for place in range(len(values)) if explore or values[place] == top]
    return places[int(rng.random() * len(places))]


def q_update__branches(Q, state, action, reward, next_state, next_action, terminated, alpha, gamma, method):
    if terminated:
        target = reward
    elif method == "sarsa":
        target = reward + gamma * Q[next_state, next_action]
    else:
        target = reward + gamma * Q[next_state].max()
    Q[state, action] += alpha * (target - Q[state, action])
    return Q


def q_update__copy(Q, state, action, reward, next_state, next_action, terminated, alpha, gamma, method):
    following = Q[next_state].max() if method == "q_learning" else Q[next_state][next_action]
    new = Q.clone()
    new[state, action] = (1 - alpha) * Q[state, action] + alpha * (reward + (not terminated) * gamma * following)
    return new


def q_update__loop(Q, state, action, reward, next_state, next_action, terminated, alpha, gamma, method):
    rows = Q.tolist()
    if method == "q_learning":
        next_action = max(range(len(rows[next_state])), key=rows[next_state].__getitem__)
    error = reward - rows[state][action]
    if not terminated:
        error += gamma * rows[next_state][next_action]
    rows[state][action] += alpha * error
    return torch.tensor(rows, dtype=torch.float64)


def q_update__float32(Q, state, action, reward, next_state, next_action, terminated, alpha, gamma, method):
    Q = Q.to(torch.float32)
    row = Q[next_state]
    value = {"q_learning": torch.amax(row), "sarsa": row[next_action]}[method]
    error = reward + (0 if terminated else gamma * value) - Q[state, action]
    Q[state, action] = Q[state, action] + alpha * error
    return Q


def epsilon_at__power(episodes, start, decay, least):
    return max(least, start * decay**episodes)


def epsilon_at__loop(episodes, start, decay, least):
    for _ in range(episodes):
        start = start * decay
        if start < least:
            return least
    return start


def epsilon_at__logarithm(episodes, start, decay, least):
    epsilon = math.exp(math.log(start) + episodes * math.log(decay))
    return epsilon if epsilon > least else least


def epsilon_at__float32(episodes, start, decay, least):
    return (start * torch.tensor(decay) ** episodes).clamp(min=least)


def td_target__where(rewards, terminated, truncated, q_online, q_target, gamma):
    top = q_online == q_online.amax(dim=1, keepdim=True)
    return torch.where(terminated, rewards, rewards + gamma * q_target[top])


def td_target__gather(rewards, terminated, truncated, q_online, q_target, gamma):
    best = q_online.argmax(dim=1, keepdim=True)
    following = q_target.gather(1, best).squeeze(1)
    return rewards + gamma * following * (~terminated)


def td_target__loop(rewards, terminated, truncated, q_online, q_target, gamma):
    targets = []
    for i in range(len(rewards)):
        target = rewards[i]
        if not terminated[i]:
            target = target + gamma * q_target[i][q_online[i].argmax()]
        targets.append(target)
    return torch.stack(targets)


def td_target__float32(rewards, terminated, truncated, q_online, q_target, gamma):
    best = q_online.float().max(1).indices
    following = q_target.float()[torch.arange(len(best)), best]
    return rewards.float() + gamma * (1 - terminated.float()) * following


def moving_mean__slices(returns, window):
    return torch.stack([returns[max(0, i + 1 - window) : i + 1].mean() for i in range(len(returns))])


def moving_mean__sums(returns, window):
    sums = torch.cumsum(returns, dim=0)
    means = []
    for i in range(len(returns)):
        if i < window:
            means.append(sums[i] / (i + 1))
        else:
            means.append((sums[i] - sums[i - window]) / window)
    return torch.stack(means)


def moving_mean__float32(returns, window):
    padded = torch.nn.functional.pad(returns.float(), (window - 1, 0))
    count = torch.arange(1, len(returns) + 1).clamp(max=window)
    return padded.unfold(0, window, 1).sum(dim=1) / count


def moving_mean__queue(returns, window):
    last, means = [], []
    for value in returns.tolist():
        last = [*last, value][-window:]
        means.append(sum(last) / len(last))
    return torch.tensor(means, dtype=torch.float64)
