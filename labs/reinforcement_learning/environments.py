"""Environments by name: gymnasium's and the lab's own; a wrong name is answered in one line."""

import difflib
import warnings
from collections import Counter
from collections.abc import Collection
from typing import Any, Literal

import gymnasium

from common.errors import InputError
from labs.reinforcement_learning.planning import Table

YesNo = Literal["yes", "no"]
Env = Any  # an environment of gymnasium, whose own type knows nothing of numbered states and tables

# The lab's own: name → (class, longest episode, arguments). The class is imported when the environment is made.
OWN: dict[str, tuple[str, int, dict[str, Any]]] = {
    "sorcery/RandomWalk1D-v0": ("random_walk:RandomWalk1D", 100, {}),
    "sorcery/GridWorld2x2-v0": ("worlds:GridWorld", 100, {"world": "2x2"}),
    "sorcery/GridWorld3x3-v0": ("worlds:GridWorld", 100, {"world": "3x3"}),
    "sorcery/GridWorldMDP-v0": ("worlds:GridWorld", 100, {"world": "mdp"}),
    "sorcery/GridWorldExam-v0": ("worlds:GridWorld", 100, {"world": "exam"}),
    "sorcery/GridWorldCliff-v0": ("worlds:GridWorld", 100, {"world": "cliff"}),
}


def register() -> None:
    """Make the lab's own environments known to gymnasium, so that gymnasium.make builds them, too."""
    for name, (entry, steps, kws) in OWN.items():
        if name not in gymnasium.registry:
            point = f"labs.reinforcement_learning.{entry}"
            gymnasium.register(name, entry_point=point, max_episode_steps=steps, kwargs=kws)


def near_names(name: str) -> list[str]:
    """Up to three registered names that look like `name`, the most alike first; a newer version comes first."""

    def bare(full: str) -> str:  # without namespace and version, so that they do not count as likeness
        return full.rpartition("/")[2].partition("-v")[0].lower()

    names = sorted(gymnasium.registry, key=lambda n: gymnasium.spec(n).version or 0, reverse=True)
    versions: dict[str, str] = {}
    for full in names:
        versions.setdefault(bare(full), full)
    return [versions[near] for near in difflib.get_close_matches(bare(name), versions, n=3, cutoff=0.5)]


def make(name: str, **kws: Any) -> Env:
    """gymnasium.make(name, **kws), with the lab's own environments under sorcery/. The newest version if none is named.

    Raises InputError, naming environments that are meant perhaps, for a name that gymnasium does not know or no longer
    has, and for one whose simulator or drawing library is not installed.
    """
    register()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions: the name that is used stands in the run's settings
            return gymnasium.make(name, **kws)
    except (gymnasium.error.DependencyNotInstalled, ImportError) as error:
        raise InputError(f"environment {name!r} needs more than is installed: {error}") from error
    except gymnasium.error.Error as error:
        near = near_names(name)
        meant = f"perhaps you meant {' or '.join(near)}" if near else f"there are CartPole-v1, {', '.join(OWN)}, …"
        raise InputError(f"environment {name!r} is unknown to gymnasium; {meant}") from error


def make_slippery(name: str, slippery: YesNo | None, **kws: Any) -> Env:
    """make, with the ice of FrozenLake, CliffWalking and the grid worlds slippery or not; None: as it comes.

    Raises InputError also for an environment that has no such setting.
    """
    if slippery is not None:
        kws["is_slippery"] = slippery == "yes"
    try:
        return make(name, **kws)
    except TypeError as error:
        if "is_slippery" not in str(error):
            raise
        raise InputError(f"environment {name!r} has no slippery variant; leave --slippery away") from error


def table_of(env: Env) -> Table | None:
    """The environment's transition table, if it shows one, for as many states as it has."""
    table = getattr(env.unwrapped, "P", None)
    return table if table is not None and len(table) == getattr(env.observation_space, "n", None) else None


def describe_rewards(table: Table, first: int = 0) -> str:
    """What is rewarded and what ends an episode, in a line; states are numbered from `first`."""
    steps = [(s, step) for s, actions in table.items() for outcomes in actions.values() for step in outcomes]
    ends = {following for _, (_, following, _, terminated) in steps if terminated}
    left = [(following, float(reward)) for s, (_, following, reward, _) in steps if s not in ends]
    if not left:
        return "no step leads anywhere"
    places = {reward: {state for state, of in left if of == reward} for _, reward in left}
    usual = Counter(reward for _, reward in left).most_common(1)[0][0]
    rare = [reward for reward in sorted(places) if reward != usual]
    special = [f"{reward:+g} on a step to {_named(places[reward], first)}" for reward in rare]
    said = f"rewards: {', '.join([*special, f'{usual:g} on any other step' if special else f'{usual:+g} a step'])}"
    ending = f"a step to {_named(ends, first)} ends the episode" if ends else "only the clock ends an episode"
    return f"{said}; {ending}".replace("-", "−")


def _named(states: Collection[int], first: int) -> str:
    """States by their numbers, or how many they are."""
    if len(states) > 10:
        return f"{len(states)} states"
    *others, last = (str(state + first) for state in sorted(map(int, states)))
    return f"state {', '.join(others)} or {last}" if others else f"state {last}"
