"""Transfer learning: what a pretrained network is worth, frozen, fine-tuned and against training from scratch."""

from labs.transfer_learning.labelled_images import Data, get_data
from labs.transfer_learning.pretrained_network import Network, build_model
from labs.transfer_learning.recipe import HyperParams, resolve
from labs.transfer_learning.transfer_learning import load_run, predict, score, train

__all__ = [
    "Data",
    "HyperParams",
    "Network",
    "build_model",
    "get_data",
    "load_run",
    "predict",
    "resolve",
    "score",
    "train",
]
