"""Lab: convolutional networks."""

from labs.cnn.cnn import Data, HyperParams, build_model, get_data, predict, score, train

__all__ = ["Data", "HyperParams", "build_model", "get_data", "predict", "score", "train"]
