"""Variational autoencoders: draw new digits, map them on a plane, find what does not belong."""

from labs.vae.vae import (
    VAE,
    Data,
    HyperParams,
    build_model,
    encode,
    generate,
    get_data,
    kl_divergence,
    reconstruct,
    score,
    train,
)

__all__ = [
    "VAE",
    "Data",
    "HyperParams",
    "build_model",
    "encode",
    "generate",
    "get_data",
    "kl_divergence",
    "reconstruct",
    "score",
    "train",
]
