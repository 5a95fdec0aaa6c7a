"""Generative adversarial networks: two networks against one another, until one draws digits."""

from labs.gan.gan import (
    Data,
    HyperParams,
    build_model,
    discriminator_loss,
    generate,
    generator_loss,
    get_data,
    interpolate,
    load_run,
    noise,
    train,
)

__all__ = [
    "Data",
    "HyperParams",
    "build_model",
    "discriminator_loss",
    "generator_loss",
    "get_data",
    "interpolate",
    "load_run",
    "noise",
    "generate",
    "train",
]
