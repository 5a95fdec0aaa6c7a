"""The replay buffers, and what goes into them at the end of an episode."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from common.device import derive_seed
from labs.reinforcement_learning.episodes import Copies, play_episodes, random_policy, success_rate
from labs.reinforcement_learning.replay import PrioritizedReplay, ReplayBuffer


def fill(buffer: ReplayBuffer, numbers: range) -> None:
    """A transition for each number n: state n, action n % 3, reward −n, next state n + 1, terminated if n % 5 == 0."""
    for n in numbers:
        buffer.add([[n, 0]], [n % 3], [-n], [[n + 1, 0]], [n % 5 == 0])


def test_a_full_buffer_forgets_the_oldest():
    buffer = ReplayBuffer(4, (2,))
    fill(buffer, range(3))
    assert (buffer.size, buffer.position) == (3, 3)
    fill(buffer, range(3, 6))
    assert (buffer.size, buffer.position) == (4, 2)
    assert buffer.arrays["states"][:, 0].tolist() == [4, 5, 2, 3]


def test_several_rows_at_once_wrap_around_as_one_by_one():
    one, several = ReplayBuffer(4, (1,)), ReplayBuffer(4, (1,))
    states = np.arange(6, dtype=np.float32)[:, None]
    zeros, truths = np.zeros(3), np.array([True, False, True])
    for part in (states[:3], states[3:]):
        several.add(part, [1, 2, 0], zeros, part + 1, truths)
        for i in range(3):
            one.add(part[i : i + 1], [[1, 2, 0][i]], zeros[:1], part[i : i + 1] + 1, truths[i : i + 1])
    for name, array in one.arrays.items():
        assert torch.equal(array, several.arrays[name]), name


def test_what_is_drawn_belongs_together():
    buffer = ReplayBuffer(50, (2,))
    fill(buffer, range(30))
    batch = buffer.sample(500)
    n = batch.states[:, 0]
    assert n.max() < 30, "drawn from places that were never filled"
    assert len(n.unique()) == 30
    assert torch.equal(batch.actions, (n % 3).long())
    assert torch.equal(batch.rewards, -n)
    assert torch.equal(batch.next_states[:, 0], n + 1)
    assert torch.equal(batch.terminated, (n % 5 == 0).float())
    assert batch.weights is None


def test_prioritised_draws_are_in_proportion_and_their_weights_make_up_for_it():
    buffer = PrioritizedReplay(8, (2,), alpha=0.5, beta=1.0)
    fill(buffer, range(4))
    buffer.update(torch.arange(4), torch.tensor([1.0, -4.0, 9.0, 0.0]))
    batch = buffer.sample(6000)
    share = torch.bincount(batch.indices, minlength=4) / 6000
    # |error|^0.5 is 1, 2, 3 and (1e-6)^0.5 = 0.001: shares of 6.001
    torch.testing.assert_close(share, torch.tensor([1, 2, 3, 0.001]) / 6.001, atol=2e-3, rtol=0)
    weight = dict(zip(batch.indices.tolist(), batch.weights.tolist(), strict=True))
    assert weight[0] / weight[1] == pytest.approx(2, rel=1e-5)  # β = 1: inversely proportional to the share
    assert weight[0] / weight[2] == pytest.approx(3, rel=1e-5)
    assert float(batch.weights.max()) == 1


def test_beta_weakens_the_weights_and_alpha_0_is_uniform():
    buffer = PrioritizedReplay(8, (2,), alpha=1.0, beta=0.5)
    fill(buffer, range(2))
    buffer.update(torch.arange(2), torch.tensor([1.0, 4.0]))
    batch = buffer.sample(100)
    weight = dict(zip(batch.indices.tolist(), batch.weights.tolist(), strict=True))
    assert weight[0] / weight[1] == pytest.approx(2, rel=1e-5)  # 4 to the power of 0.5
    even = PrioritizedReplay(8, (2,), alpha=0.0, beta=0.5)
    fill(even, range(2))
    even.update(torch.arange(2), torch.tensor([1.0, 4.0]))
    assert torch.equal(torch.bincount(even.sample(100).indices), torch.tensor([50, 50]))
    assert torch.equal(even.sample(10).weights, torch.ones(10))


def test_a_new_transition_has_the_largest_priority():
    buffer = PrioritizedReplay(8, (2,), alpha=1.0, beta=1.0)
    fill(buffer, range(2))
    buffer.update(torch.tensor([0]), torch.tensor([7.0]))
    fill(buffer, range(2, 3))
    assert buffer.arrays["priorities"][:3].tolist() == pytest.approx([7, 1, 7], abs=1e-5)


@pytest.mark.parametrize("kind", ["uniform", "prioritized"])
def test_round_trip(kind):
    def make():
        return ReplayBuffer(5, (2,)) if kind == "uniform" else PrioritizedReplay(5, (2,), 0.6, 0.4)

    buffer, again = make(), make()
    fill(buffer, range(7))
    if kind == "prioritized":
        buffer.update(torch.arange(3), torch.rand(3) * 3)
    again.load(*buffer.state())
    for b in (buffer, again):
        fill(b, range(7, 9))
    states = torch.get_rng_state()
    first = buffer.sample(20)
    torch.set_rng_state(states)
    second = again.sample(20)
    for a, b in zip(first, second, strict=True):
        assert a is b is None or torch.equal(a, b)


@pytest.mark.parametrize(("name", "terminates"), [("test/Truncated-v0", False), ("test/Terminated-v0", True)])
def test_the_next_state_at_an_episodes_end_is_its_true_last_one(name, terminates):
    """Three steps an episode; nothing leads from one episode into the next, and only a termination counts as one."""
    copies, buffer = Copies(name, 2), ReplayBuffer(100, (2,))
    copies.reset(0)
    for _ in range(10):
        states = copies.states
        next_states, rewards, terminated, truncated = copies.step([0, 1])
        buffer.add(states, [0, 1], rewards, next_states, terminated)
        assert not (terminated & truncated).any()
    kept, followed = buffer.arrays["states"][:20], buffer.arrays["next_states"][:20]
    assert torch.equal(followed[:, 0], kept[:, 0] + 1)  # a step of the clock, also the third of each episode
    assert torch.equal(followed[:, 1], kept[:, 1])  # and of the same episode
    assert kept[:, 0].max() == 2, "an episode's last state was acted in"
    last = followed[:, 0] == 3
    assert last.sum() == 6
    assert torch.equal(buffer.arrays["terminated"][:20], last.float() * terminates)
    assert copies.ended == [(3.0, 3)] * 6


def test_the_copies_agree_with_gymnasiums_vector_environment():
    """CartPole with random actions, an independent path: SAME_STEP's final_obs is our next state."""
    copies = Copies("CartPole-v1", 3, max_steps=15)
    envs = SyncVectorEnv(
        [lambda: gymnasium.make("CartPole-v1", max_episode_steps=15)] * 3, autoreset_mode=AutoresetMode.SAME_STEP
    )
    copies.reset(5)
    states, _ = envs.reset(seed=[derive_seed(5, i) for i in range(3)])
    assert np.array_equal(states, copies.states)
    truncations = 0
    for actions in np.random.default_rng(0).integers(0, 2, (120, 3)):
        ours = copies.step(actions.tolist())
        states, rewards, terminated, truncated, infos = envs.step(actions)
        followed = states.copy()
        for i in np.flatnonzero(terminated | truncated):
            followed[i] = infos["final_obs"][i]
        for mine, theirs in zip(ours, (followed, rewards, terminated, truncated), strict=True):
            assert np.array_equal(mine, theirs)
        assert np.array_equal(copies.states, states)
        truncations += truncated.sum()
    assert truncations > 3, "no episode was truncated: the test has not seen what it is for"
    envs.close()


def test_episodes_are_played_to_their_ends_and_begin_from_their_seeds():
    copies = Copies("test/Corridor-v0", 3)
    right = play_episodes(lambda states: [1] * len(states), copies, 0)
    assert right.tolist() == [1, 1, 1]
    to_and_fro = play_episodes(lambda states: [int(state.argmax()) % 2 for state in states], copies, 0)
    assert to_and_fro.tolist() == [0, 0, 0]  # from place 2 to 1 and back, until the 20 steps are over
    copies = Copies("CartPole-v1", 5)
    play = [play_episodes(random_policy(copies.actions, 1), copies, seed) for seed in (3, 3, 4)]
    assert np.array_equal(play[0], play[1])
    assert not np.array_equal(play[0], play[2])


def test_success_is_the_environments_own_threshold():
    assert success_rate(np.array([500, 475, 474.9, 9]), 475.0) == {"success_rate": 0.5}
    assert success_rate(np.array([1.0]), None) == {}
