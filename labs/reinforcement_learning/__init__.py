"""Reinforcement learning: a random walk, grid worlds with exact answers, a network that balances a pole."""

from labs.reinforcement_learning.environments import make
from labs.reinforcement_learning.reinforcement_learning import (
    HyperParams,
    RandomWalk1D,
    TabularApproximator,
    build_model,
    choose,
    epsilon_at,
    get_env,
    predict,
    target,
    train,
)

__all__ = [
    "HyperParams",
    "RandomWalk1D",
    "TabularApproximator",
    "build_model",
    "choose",
    "epsilon_at",
    "get_env",
    "make",
    "predict",
    "target",
    "train",
]
