"""Networks that dqn or policy_gradient has trained, opened again to play."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from common import runs
from common.errors import InputError
from common.settings import of_record, read_record
from labs.reinforcement_learning import dqn, policy_gradient
from labs.reinforcement_learning.periods import Learner, NetworkFlags

# By command: its settings, and what makes a learner of them.
KINDS: dict[str, tuple[type[NetworkFlags], Any]] = {
    lab.HyperParams.COMMAND: (lab.HyperParams, make)
    for lab, make in ((dqn, dqn.DQN), (policy_gradient, policy_gradient.PolicyGradient))
}


def newest_network() -> Path:
    """The run of dqn or policy_gradient whose weights were written last; InputError if there is none."""
    found = []
    for command in KINDS:
        with contextlib.suppress(InputError):
            found.append(runs.newest(command))
    if not found:
        folder = runs.RUNS / "reinforcement_learning"
        raise InputError(
            f"no trained network under {folder}; train one with `python -m labs.reinforcement_learning.dqn` or name "
            "one with --run"
        )
    return max(found, key=lambda run: (run / "model.safetensors").stat().st_mtime)


def load_learner(run: Path, weights: str | None = "model") -> Learner:
    """The learner of a run, on the CPU, with the weights <weights>.safetensors; None: those that training began with.

    Raises InputError for a folder that is no run, and for a run of something else than dqn or policy_gradient.
    """
    record = read_record(run)
    kind, make = KINDS.get(record.get("command", ""), KINDS[dqn.HyperParams.COMMAND])
    learner = make(dataclasses.replace(of_record(kind, record, run), device="cpu"))
    if weights is not None:
        runs.load(run, kind, lambda _: learner.model, name=weights)  # into the learner's own network
    return learner
