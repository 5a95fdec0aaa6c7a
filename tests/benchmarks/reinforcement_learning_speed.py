"""How many environment steps a second DQN makes: the lab's, a loop in CleanRL's way, and Stable-Baselines3.

python tests/benchmarks/reinforcement_learning_speed.py

CartPole-v1, one copy, network 120-84, minibatches of 128, a gradient step every 10 steps, the same ε. The three take
turns, so that whatever else the machine does hits all of them; compare only the ratios. Stable-Baselines3 comes with
`pip install '.[bench]'`; without it the other two are compared.
"""

import argparse
import contextlib
import io
import random
import statistics
import time

import gymnasium
import numpy as np
import torch
import torch.nn.functional as F
from gymnasium.wrappers import RecordEpisodeStatistics
from torch import nn

from common.loop import Training, play
from labs.reinforcement_learning.dqn import DQN, HyperParams

ENV = "CartPole-v1"
BATCH, BUFFER, EVERY, TARGET, START, LR, GAMMA = 128, 10_000, 10, 500, 1_000, 2.5e-4, 0.99
EPSILON = 0.05  # at the end of the first half


def lab(steps: int) -> None:
    """The loop of `python -m labs.reinforcement_learning.dqn`, without its evaluations."""
    args = HyperParams(
        env=ENV,
        preset="cleanrl",
        steps=steps,
        lr=LR,
        batch_size=BATCH,
        buffer_size=BUFFER,
        train_every=EVERY,
        target_every=TARGET,
        learning_starts=START,
        gamma=GAMMA,
        epsilon_steps=steps // 2,
        epsilon_min=EPSILON,
        loss="mse",
    )
    learner = DQN(args)

    def period(number, row):
        row |= yield from learner.play(number, steps)
        row["steps"] = learner.steps

    play(period, Training(learner.modules, [learner.optimizer]), steps, column="steps", quiet=True)


class Ring:
    """A replay buffer of NumPy arrays, as one shared by several algorithms has it: copies in, fresh tensors out."""

    def __init__(self, shape: tuple[int, ...]):
        self.states, self.next_states = (np.zeros((BUFFER, 1, *shape), np.float32) for _ in range(2))
        self.actions = np.zeros((BUFFER, 1, 1), np.int64)
        self.rewards, self.ends = (np.zeros((BUFFER, 1), np.float32) for _ in range(2))
        self.count = 0

    def add(self, states, next_states, actions, rewards, ends) -> None:
        row = self.count % BUFFER
        self.states[row], self.next_states[row] = np.array(states), np.array(next_states)
        self.actions[row] = actions.reshape(1, 1)
        self.rewards[row], self.ends[row] = np.array(rewards), np.array(ends)
        self.count += 1

    def sample(self) -> tuple[torch.Tensor, ...]:
        rows = np.random.randint(0, min(self.count, BUFFER), size=BATCH)
        copies = np.random.randint(0, 1, size=BATCH)
        columns = (self.states, self.actions, self.rewards[..., None], self.next_states, self.ends[..., None])
        return tuple(torch.tensor(column[rows, copies]) for column in columns)


def cleanrl_way(steps: int) -> None:
    """One file, one loop: a vector environment of one copy that records episodes, actions from torch, plain Adam."""
    envs = gymnasium.vector.SyncVectorEnv(
        [lambda: RecordEpisodeStatistics(gymnasium.make(ENV))],
        autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
    )
    actions = envs.single_action_space.n

    def network() -> nn.Sequential:
        sizes = int(np.prod(envs.single_observation_space.shape))
        return nn.Sequential(
            nn.Linear(sizes, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, int(actions))
        )

    online, target = network(), network()
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=LR)
    buffer = Ring(envs.single_observation_space.shape)
    states, _ = envs.reset(seed=0)
    for step in range(steps):
        epsilon = max(EPSILON, 1 - (1 - EPSILON) * step / (steps // 2))
        if random.random() < epsilon:
            chosen = np.array([envs.single_action_space.sample()])
        else:
            chosen = torch.argmax(online(torch.Tensor(states)), dim=1).cpu().numpy()
        next_states, rewards, terminated, truncated, infos = envs.step(chosen)
        followed = next_states.copy()
        for copy, ended in enumerate(terminated | truncated):
            if ended:
                followed[copy] = infos["final_obs"][copy]
        buffer.add(states, followed, chosen, rewards, terminated)
        states = next_states
        if step > START and step % EVERY == 0:
            s, a, r, s2, end = buffer.sample()
            with torch.no_grad():
                y = r.flatten() + GAMMA * target(s2).max(dim=1)[0] * (1 - end.flatten())
            q = online(s).gather(1, a).squeeze()
            loss = F.mse_loss(y, q)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if step % TARGET == 0:
            for old, new in zip(target.parameters(), online.parameters(), strict=True):
                old.data.copy_(new.data)
    envs.close()


def stable_baselines(steps: int) -> None:
    """stable_baselines3.DQN with the same settings."""
    import stable_baselines3

    model = stable_baselines3.DQN(
        "MlpPolicy",
        ENV,
        learning_rate=LR,
        buffer_size=BUFFER,
        learning_starts=START,
        batch_size=BATCH,
        gamma=GAMMA,
        train_freq=EVERY,
        gradient_steps=1,
        target_update_interval=TARGET,
        exploration_fraction=0.5,
        exploration_final_eps=EPSILON,
        policy_kwargs={"net_arch": [120, 84]},
        device="cpu",
    )
    with contextlib.redirect_stdout(io.StringIO()):
        model.learn(steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30_000, help="environment steps of each")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loops = {"the lab": lab, "CleanRL's way": cleanrl_way, "Stable-Baselines3": stable_baselines}
    try:
        import stable_baselines3  # noqa: F401 (is it there?)
    except ImportError:
        del loops["Stable-Baselines3"]
        print("Stable-Baselines3 is not installed: pip install '.[bench]'")
    for loop in loops.values():
        loop(2 * START)  # warm up
    print(f"{ENV}, {options.steps} steps, {options.threads} threads, torch {torch.__version__}")
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(options.repetitions):
        for name, loop in loops.items():
            torch.manual_seed(0)
            random.seed(0)
            np.random.seed(0)
            started = time.perf_counter()
            loop(options.steps)
            rates[name].append(options.steps / (time.perf_counter() - started))
    for name, own in rates.items():
        # The loops of a round are neighbours in time: the ratio of neighbours, then its median.
        ratio = statistics.median(mine / other for mine, other in zip(rates["the lab"], own, strict=True))
        print(f"{name:20}{statistics.median(own):8.0f} steps/s{ratio:8.2f} × slower than the lab")


if __name__ == "__main__":
    main()
