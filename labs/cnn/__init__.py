"""Convolutional networks: read handwritten digits, see what each layer sees, read a picture of your own."""

from labs.cnn.cnn import Data, HyperParams, build_model, get_data, load_run, predict, score, train

__all__ = ["Data", "HyperParams", "build_model", "get_data", "load_run", "predict", "score", "train"]
