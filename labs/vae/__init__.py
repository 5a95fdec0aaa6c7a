"""Variational autoencoders: draw new digits, map them on a plane, find what does not belong."""

from labs.vae.autoencoder import VAE, decode, encode, generate, kl_divergence, reconstruct
from labs.vae.vae import Data, HyperParams, build_model, get_data, load_run, score, train

__all__ = [
    "VAE",
    "Data",
    "HyperParams",
    "build_model",
    "decode",
    "encode",
    "generate",
    "get_data",
    "kl_divergence",
    "load_run",
    "reconstruct",
    "score",
    "train",
]
