"""Transfer learning: what a pretrained network is worth, frozen, fine-tuned and against training from scratch."""

from labs.transfer_learning.transfer_learning import (
    Data,
    HyperParams,
    Network,
    build_model,
    get_data,
    predict,
    resolve,
    score,
    train,
)

__all__ = ["Data", "HyperParams", "Network", "build_model", "get_data", "predict", "resolve", "score", "train"]
