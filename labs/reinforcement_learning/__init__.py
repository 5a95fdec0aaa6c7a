"""Reinforcement learning: a random walk, grid worlds with exact answers, a network that balances a pole."""

from labs.reinforcement_learning.environments import make
from labs.reinforcement_learning.random_walk import RandomWalk1D
from labs.reinforcement_learning.reinforcement_learning import (
    HyperParams,
    build_model,
    epsilon_at,
    get_env,
    load_run,
    predict,
    train,
)
from labs.reinforcement_learning.tabular import TabularApproximator, choose, target

__all__ = [
    "HyperParams",
    "RandomWalk1D",
    "TabularApproximator",
    "build_model",
    "choose",
    "epsilon_at",
    "get_env",
    "load_run",
    "make",
    "predict",
    "target",
    "train",
]
