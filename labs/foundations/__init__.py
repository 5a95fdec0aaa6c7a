"""The warm-up: a neuron, a line, losses, optimisers, backpropagation, and a first network on images."""

from labs.foundations.foundations import HyperParams, build_model, get_data, load_run, predict, score, train

__all__ = ["HyperParams", "build_model", "get_data", "load_run", "predict", "score", "train"]
