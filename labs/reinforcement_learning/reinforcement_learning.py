"""Tabular learning: a random walk, or any environment of gymnasium with numbered states and actions.

Mirrors reinforcement_learning.jl of the course (RandomWalk1D, TabularQApproximator, TDLearner; same order, names and
numbers). Q-learning after Watkins 1989, SARSA after Rummery & Niranjan 1994, expected SARSA after van Seijen et al.
2009, TD(0) after Sutton 1988; all in Sutton & Barto, chapter 6. README.md has what was measured.
"""

import dataclasses
import functools
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn
from tqdm import tqdm

from common import checkpoint, cli
from common.device import derive_seed
from common.errors import InputError
from common.files import write_atomically
from common.runs import Run
from common.trainer import StopRequest
from labs.reinforcement_learning import planning
from labs.reinforcement_learning.environments import YesNo, make_slippery, table_of

# The course's settings, and those of the lab manual's Task № 6: what a setting that is not given is.
PRESETS = {
    "course": {"env": "sorcery/RandomWalk1D-v0", "episodes": 10_000, "epsilon": 0.1, "schedule": "constant"},
    "task6": {"env": "FrozenLake-v1", "episodes": 1_000, "epsilon": 1.0, "schedule": "exponential"},
}
LIMIT = 500  # steps, for environments whose episodes may go on for ever
EVALUATION = 2**32  # seeds of the greedy episodes: beyond every block's number

Method = Literal["q_learning", "sarsa", "expected_sarsa", "td0"]


@dataclass(frozen=True)
class HyperParams(cli.RunFlags):
    """Learn a table of values by trial and error: the course's random walk, a grid world, FrozenLake, CliffWalking."""

    LENGTH = "episodes"

    device: str = "cpu"  # a table is learned on the CPU
    preset: Literal["course", "task6"] = "course"  # the course's settings, or those of the manual's Task № 6
    env: str = ""  # environment with numbered states and actions; none: the random walk, FrozenLake-v1 (by preset)
    slippery: YesNo | None = None  # FrozenLake, CliffWalking, grid worlds; none: as the environment has it
    max_steps: cli.OptionalInt = None  # longest episode; none: the environment's own, or 500
    method: Method = "q_learning"  # rule that Q is learned by; td0: V of the policy that acts at random
    episodes: cli.OptionalInt = None  # episodes to learn from; none: 10000, 1000
    alpha: float = 0.1  # learning rate (α); 0 learns nothing
    gamma: float = 0.99  # discount (γ)
    epsilon: cli.OptionalFloat = None  # probability of an action at random (ε), at the start; none: 0.1, 1.0
    schedule: Literal["constant", "linear", "exponential", "step"] | None = None  # of ε; none: constant, exponential
    epsilon_min: float = 0.01  # what ε falls to, unless it is constant
    decay: float = 0.995  # factor of ε: per episode (exponential), or every decay-episodes (step)
    decay_episodes: int = 500  # episodes until ε is at its least (linear), or from one step to the next (step)
    ties: Literal["random", "first"] = "random"  # among equally good actions; first: the Julia file's mistake
    initial: float = 0.0  # value of every entry before learning; above what is possible: the agent tries everything
    block: int = 100  # episodes between two evaluations, a row of the history
    eval_episodes: int = 100  # episodes with ε = 0 in an evaluation

    def __post_init__(self) -> None:
        for name, value in PRESETS[self.preset].items():
            if not getattr(self, name) and getattr(self, name) != 0:
                object.__setattr__(self, name, value)  # the one way to set a field of a frozen dataclass
        super().__post_init__()
        object.__setattr__(self, "block", min(self.block, self.episodes))
        for name in ("episodes", "decay_episodes", "block", "eval_episodes"):
            self.require(name, getattr(self, name) >= 1, "at least 1")
        self.require("max_steps", self.max_steps is None or self.max_steps >= 1, "at least 1")
        for name in ("alpha", "gamma", "epsilon", "epsilon_min", "decay"):
            self.require(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        self.require("initial", abs(self.initial) < float("inf"), "a finite number")
        self.require("episodes", self.episodes % self.block == 0, f"a multiple of --block, {self.block}")
        used = {
            "ties": self.method != "td0",
            "epsilon_min": self.schedule != "constant",
            "decay": self.schedule in ("exponential", "step"),
            "decay_episodes": self.schedule in ("linear", "step"),
        }
        for name in (name for name, has_effect in used.items() if not has_effect):
            if getattr(self, name) != getattr(HyperParams, name):
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} has no effect with --method {self.method} and --schedule {self.schedule}")
        self.require("device", self.device in ("cpu", "auto"), "cpu: a table is too small for any other")

    @property
    def dataset(self) -> str:
        """What a run's summary names: the environment."""
        return self.env


class RandomWalk1D(gymnasium.Env[int, int]):
    """Seven places in a row, the agent starts in the middle: −1 at the left end, +1 at the right end, else 0.

    Observation: the place, 0 … 6 (Julia's 1 … 7). Actions: 0 left, 1 right (Julia's 1 and 2).
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}
    track = "H..S..G"  # H and G end the episode

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Discrete(len(self.track))
        self.action_space = gymnasium.spaces.Discrete(2)
        self.P = {s: {a: [(1.0, *self.move(s, a))] for a in range(2)} for s in range(len(self.track))}

    def move(self, state: int, action: int) -> tuple[int, float, bool]:
        """Next state, reward, and whether the episode has ended. From an end nothing moves."""
        if self.track[state] in "HG":
            return state, 0.0, True
        following = state + (1 if action == 1 else -1)
        reward = {"H": -1.0, "G": 1.0}.get(self.track[following], 0.0)
        return following, reward, reward != 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict]:
        super().reset(seed=seed)
        self.state = self.track.index("S")
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict]:
        self.state, reward, terminated = self.move(self.state, int(action))
        return self.state, reward, terminated, False, {}

    def render(self) -> str:
        return f"{self.track[: self.state]}@{self.track[self.state + 1 :]}"


def get_env(args: HyperParams) -> gymnasium.Env:
    """The environment of the settings; InputError unless its states and actions are numbered from 0."""
    # gymnasium's checker looks at every observation, only to warn those who write environments.
    kws: dict[str, Any] = {"disable_env_checker": True, "max_episode_steps": args.max_steps}
    env = make_slippery(args.env, args.slippery, **kws)
    if env.spec.max_episode_steps is None:
        env = make_slippery(args.env, args.slippery, **kws | {"max_episode_steps": LIMIT})
    for what, space in (("observations", env.observation_space), ("actions", env.action_space)):
        if not isinstance(space, gymnasium.spaces.Discrete) or space.start != 0:
            raise InputError(
                f"environment {args.env!r} has {what} of the kind {space}; a table needs numbers from 0, as "
                "FrozenLake-v1 has them; networks learn others: python -m labs.reinforcement_learning.dqn --env"
            )
    return env


class TabularApproximator(nn.Module):
    """A table of values: Q (S, A), or V (S, 1). A module so that it is saved as any other lab's model."""

    def __init__(self, n_state: int, n_action: int, initial: float = 0.0):
        super().__init__()
        self.register_buffer("table", torch.full((n_state, n_action), initial, dtype=torch.float64))
        self.table: Tensor

    @property
    def values(self) -> ndarray:
        """The table as a NumPy array that shares its memory: single entries are read and written faster."""
        return self.table.numpy()


def build_model(args: HyperParams, env: gymnasium.Env) -> TabularApproximator:
    """Julia: TabularQApproximator(n_state=7, n_action=2). The manual has n_state=11; here the environment says it."""
    columns = 1 if args.method == "td0" else env.action_space.n
    return TabularApproximator(env.observation_space.n, columns, args.initial)


def epsilon_at(args: HyperParams, episode: int) -> float:
    """ε in an episode, counted from 0."""
    if args.schedule == "constant":
        return args.epsilon
    if args.schedule == "linear":
        share = min(1, episode / args.decay_episodes)
        epsilon = args.epsilon + share * (args.epsilon_min - args.epsilon)
    elif args.schedule == "exponential":
        epsilon = args.epsilon * args.decay**episode
    else:
        epsilon = args.epsilon * args.decay ** (episode // args.decay_episodes)
    return max(args.epsilon_min, epsilon)


def choose(row: ndarray, epsilon: float, ties: str, rng: np.random.Generator) -> int:
    """ε-greedy: with probability ε any action, else a best one by its values `row` (A,)."""
    if epsilon and rng.random() < epsilon:
        return int(rng.integers(len(row)))
    if ties == "first":
        return int(row.argmax())
    best = np.flatnonzero(row == row.max())
    return int(best[0] if len(best) == 1 else rng.choice(best))


def target(
    method: Method, values: ndarray, reward: float, next_state: int, next_action: int, gamma: float, epsilon: float
) -> float:
    """What values[state, action] should have been, seen from the next state. Not for a step that ended the episode.

    `values` is Q (S, A), for td0 V (S, 1); `next_action` will be taken in the next state, and only SARSA asks for it.
    """
    row = values[next_state]
    if method == "q_learning":  # r + gamma * max_a Q(s', a): the best action, whatever will be done (Julia: :SARS)
        return reward + gamma * row.max()
    if method == "sarsa":  # r + gamma * Q(s', a')
        return reward + gamma * row[next_action]
    if method == "expected_sarsa":  # r + gamma * sum_a pi(a | s') Q(s', a), the mean over what may be done
        return reward + gamma * float(planning.epsilon_greedy(row[None], epsilon)[0] @ row)
    return reward + gamma * row[0]  # td0: r + gamma * V(s')


@dataclass
class Agent:
    """The table, how it acts and how it learns."""

    args: HyperParams
    values: ndarray
    actions: int
    visits: ndarray  # (S, A) or (S, 1): updates of each entry

    def act(self, state: int, epsilon: float, rng: np.random.Generator) -> int:
        if self.args.method == "td0":  # the policy whose V is asked for: every action alike
            return int(rng.integers(self.actions))
        return choose(self.values[state], epsilon, self.args.ties, rng)

    def target(self, reward: float, next_state: int, next_action: int, epsilon: float) -> float:
        return target(self.args.method, self.values, reward, next_state, next_action, self.args.gamma, epsilon)

    def learn(self, state: int, action: int, aim: float) -> None:
        """Move the entry by α towards its target."""
        entry = (state, 0 if self.args.method == "td0" else action)
        self.values[entry] += self.args.alpha * (aim - self.values[entry])
        self.visits[entry] += 1


def run_episode(
    env: gymnasium.Env,
    agent: Agent,
    epsilon: float,
    rng: np.random.Generator,
    *,
    learning: bool,
    seed: int | None = None,
) -> tuple[float, int, bool]:
    """One episode: total reward, steps, and whether it was a success (it ended in the goal)."""
    state, _ = env.reset(seed=seed)
    action = agent.act(state, epsilon, rng)
    total, steps, over = 0.0, 0, False
    while not over:
        next_state, reward, terminated, truncated, _ = env.step(action)
        next_action = agent.act(next_state, epsilon, rng)
        if learning:  # Julia: run(policy, env, …) where run(agent, env, …) is meant, which leaves this out
            # What is terminated has no future; what is truncated has one: the clock stopped it, not the environment.
            aim = reward if terminated else agent.target(reward, next_state, next_action, epsilon)
            agent.learn(state, action, aim)
        state, action = next_state, next_action
        total, steps, over = total + reward, steps + 1, terminated or truncated
    # The goal pays; in CliffWalking, where nothing does, there is no other end.
    success = terminated and (reward > 0 or env.spec.name.startswith("CliffWalking"))
    return total, steps, bool(success)


def evaluate(env: gymnasium.Env, agent: Agent, *numbers: int) -> dict[str, float]:
    """Mean return and success rate over fresh episodes with ε = 0, started from seeds derived from `numbers`."""
    seed = derive_seed(agent.args.seed, EVALUATION, *numbers)
    rng = np.random.default_rng(seed)
    played = [
        run_episode(env, agent, 0.0, rng, learning=False, seed=seed if i == 0 else None)
        for i in range(agent.args.eval_episodes)
    ]
    return {
        "mean_return": float(np.mean([total for total, _, _ in played])),
        "success_rate": float(np.mean([success for _, _, success in played])),
    }


def exact_values(args: HyperParams, env: gymnasium.Env, epsilon: float) -> ndarray | None:
    """Where the method settles, from the transition table; None if the environment shows none.

    Q* for Q-learning, Q of the best ε-greedy policy for SARSA and expected SARSA, V (S, 1) of the random one for TD(0).
    """
    table = table_of(env)
    if table is None:
        return None
    mdp = planning.model(table, args.gamma)
    if args.method == "td0":
        return planning.policy_values(mdp, planning.uniform(mdp))[:, None]
    return planning.optimal(mdp, 0.0 if args.method == "q_learning" else epsilon)[0]


@dataclass
class Record:
    """What a training went through."""

    rows: list[dict[str, float]] = field(default_factory=list)  # the history: a row per block
    returns: list[float] = field(default_factory=list)  # total reward of every episode
    lengths: list[int] = field(default_factory=list)  # steps of every episode
    tables: list[ndarray] = field(default_factory=list)  # mean of the table over each block's episodes

    def late_table(self) -> ndarray:
        """The table's mean over the last fifth of the episodes: with a constant α SARSA's own goes on to fluctuate."""
        return np.mean(self.tables[-max(1, len(self.tables) // 5) :], axis=0)


def learn(args: HyperParams, env: gymnasium.Env, run: Run | None = None) -> tuple[Agent, TabularApproximator, Record]:
    """Learn for the settings' episodes, block by block.

    Every block draws from generators seeded with its own number, so it is the same whether the ones before it ran in
    this process or in one that was killed. With a `run`, history and checkpoint are written after each block, a resumed
    run continues from them, and Ctrl-C ends the loop after the current episode (the block it is in is played again).
    """
    model = build_model(args, env)
    agent = Agent(args, model.values, int(env.action_space.n), np.zeros_like(model.values))
    record = restore(run, agent) if run and run.resumed else Record()
    if len(record.returns) > args.episodes:
        raise InputError(f"the run has {len(record.returns)} episodes already, --episodes {args.episodes} is less")
    if len(record.returns) == args.episodes:
        run.say(f"the run has all its {args.episodes} episodes; a larger --episodes adds to them")
    exact = functools.cache(lambda epsilon: exact_values(args, env, epsilon))
    quiet = run is None or run.quiet or not (sys.stdout.isatty() and sys.stderr.isatty())
    bar = tqdm(total=args.episodes, initial=len(record.returns), unit=" episodes", leave=False, disable=quiet)
    with StopRequest() as stop, bar:
        while len(record.returns) < args.episodes:
            block, started = len(record.rows) + 1, time.perf_counter()
            before = agent.values.copy(), agent.visits.copy()
            rng, seed = np.random.default_rng(derive_seed(args.seed, block)), derive_seed(args.seed, block, 1)
            played, mean_table = [], np.zeros_like(agent.values)
            for episode in range(len(record.returns), len(record.returns) + args.block):
                if stop.signalled:
                    break
                epsilon = epsilon_at(args, episode)
                played.append(run_episode(env, agent, epsilon, rng, learning=True, seed=None if played else seed))
                mean_table += agent.values / args.block
            if stop.signalled:
                agent.values[:], agent.visits[:] = before
                break
            record.returns += [total for total, _, _ in played]
            record.lengths += [steps for _, steps, _ in played]
            record.tables.append(mean_table)
            row = {"epoch": block, "seconds": 0.0, "episodes": len(record.returns), "epsilon": epsilon}
            greedy = evaluate(env, agent, block)
            row |= {"train_return": float(np.mean(record.returns[-args.block :]))}
            row |= {"val_return": greedy["mean_return"], "val_success_rate": greedy["success_rate"]}
            row |= value_errors(agent, exact(0.0 if args.method in ("q_learning", "td0") else epsilon))
            row["seconds"] = time.perf_counter() - started
            record.rows.append(row)
            bar.update(args.block)
            bar.set_postfix_str(f"return with ε = 0: {row['val_return']:.3f}")
            if run:
                save(run, agent, record)
    if run:
        run.interrupted = stop.signalled and len(record.returns) < args.episodes
    return agent, model, record


def value_errors(agent: Agent, exact: ndarray | None) -> dict[str, float]:
    """Mean error of the table, each entry as often as it was updated, and the largest of an entry that ever was.

    Entries that the agent hardly ever visits stay wrong for long: the second number says by how much.
    """
    if exact is None or not agent.visits.any():
        return {}
    error = np.abs(agent.values - exact)
    mean = float((error * agent.visits).sum() / agent.visits.sum())
    return {"value_error": mean, "largest_value_error": float(error[agent.visits > 0].max())}


def save(run: Run, agent: Agent, record: Record) -> None:
    """The run's history, its episodes and its checkpoint."""
    run.history = record.rows
    run.write_history()
    tensors = {
        "values": agent.values,
        "visits": agent.visits,
        "tables": np.stack(record.tables),
        "returns": np.array(record.returns),
        "lengths": np.array(record.lengths),
    }
    file = run.path / "checkpoint" / "last.safetensors"
    checkpoint.save(file, {k: torch.from_numpy(v) for k, v in tensors.items()}, {"rows": record.rows})


def restore(run: Run, agent: Agent) -> Record:
    """What `save` wrote, the agent's table put back; nothing if the run was killed before its first block ended."""
    file = run.path / "checkpoint" / "last.safetensors"
    if not file.is_file():
        return Record()
    tensors, header = checkpoint.load(file)
    agent.values[:], agent.visits[:] = tensors["values"].numpy(), tensors["visits"].numpy()
    run.history = header["rows"]
    returns, lengths = tensors["returns"].tolist(), tensors["lengths"].tolist()
    return Record(header["rows"], returns, lengths, list(tensors["tables"].numpy()))


def start_values(record: Record, env: gymnasium.Env, exact: ndarray) -> dict[str, float]:
    """Value of the best action at the start: the mean over the last fifth of the episodes, and the exact one."""
    start, _ = env.reset(seed=0)
    best = int(exact[start].argmax())
    return {"start_value": float(record.late_table()[start, best]), "exact_start_value": float(exact[start, best])}


def train(**kws: Any) -> tuple[TabularApproximator, Run]:
    """Julia: run(agent, env, StopAfterEpisode(10_000), hook). Returns the table and its run.

    Keyword arguments are the fields of HyperParams (TypeError for another name).
    """
    from labs.reinforcement_learning.progress import describe_values, draw_figures

    args = cli.settings(HyperParams, kws)
    env = get_env(args)
    args = dataclasses.replace(args, env=env.spec.id, device="cpu")
    with Run("reinforcement_learning", args) as run:
        args = run.settings
        acts = "every action alike" if args.method == "td0" else f"ε {args.epsilon:g} ({args.schedule})"
        run.say(
            f"{args.method} in {args.env}: {env.observation_space.n} states, {env.action_space.n} actions, at most "
            f"{env.spec.max_episode_steps} steps; {args.episodes} episodes, α {args.alpha:g}, γ {args.gamma:g}, "
            f"{acts}"
        )
        agent, model, record = learn(args, env, run)
        run.save_model(model)
        played = enumerate(zip(record.returns, record.lengths, strict=True), 1)
        lines = [f"{number},{total:g},{steps}\n" for number, (total, steps) in played]
        write_atomically(run.path / "episodes.csv", "".join(["episode,return,steps\n", *lines]))
        tested = evaluate(env, agent, 0)
        if record.rows:
            seconds = sum(row["seconds"] for row in record.rows)
            run.samples_per_second = sum(record.lengths) / seconds  # environment steps; the time of evaluations counts
            tested["last_100_return"] = float(np.mean(record.returns[-100:]))
            tested |= {k: v for k, v in record.rows[-1].items() if k.endswith("value_error")}
            exact = exact_values(args, env, record.rows[-1]["epsilon"])
            if exact is not None:
                tested |= start_values(record, env, exact)
            for name, figure in draw_figures(agent, record, env, exact).items():
                run.save_figure(name, figure)
            run.say(describe_values(agent, record, env, exact))
        run.finish(tested, verdict(args, tested))
    return model, run


def predict(model: TabularApproximator, states: Tensor) -> Tensor:
    """The greedy action in each state (N,), the first of equally good ones."""
    return model.table[states].argmax(dim=1)


# (environment, slippery, method) → what its preset's settings reach, seeds 0, 1, 2; see README
EXPECTED: dict[tuple[str, YesNo | None, str], str] = {
    ("sorcery/RandomWalk1D-v0", None, "q_learning"): "1.0000, and 0.9801 exactly",
    ("sorcery/RandomWalk1D-v0", None, "sarsa"): "1.0000, and 0.978 on average",
    ("sorcery/RandomWalk1D-v0", None, "expected_sarsa"): "1.0000, and 0.9779",
}


def verdict(args: HyperParams, tested: dict[str, float]) -> str:
    """What was reached and what to expect, in a sentence."""
    said = f"mean return {tested['mean_return']:.4f}, success {tested['success_rate']:.1%}, over {args.eval_episodes} "
    said += "episodes of the random policy" if args.method == "td0" else "episodes with ε = 0"
    if "start_value" in tested:
        said += f"; value of the start {tested['start_value']:.4f} (exact {tested['exact_start_value']:.6f})"
    usual = HyperParams(preset=args.preset, env=args.env, slippery=args.slippery, method=args.method)
    free = ("seed", "device", "out", "resume", "offline", "quiet")
    same = all(getattr(args, f.name) == getattr(usual, f.name) for f in dataclasses.fields(args) if f.name not in free)
    expected = EXPECTED.get((args.env, args.slippery, args.method)) if same else None
    return f"{said}. These settings reach {expected}" if expected else said


def main() -> None:
    """The command `python -m labs.reinforcement_learning`."""
    _, run = cli.run(train, HyperParams)
    raise SystemExit(run.exit_status)
