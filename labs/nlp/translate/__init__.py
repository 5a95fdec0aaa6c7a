"""Translation: an encoder that reads, a decoder that writes, and attention between them."""

from labs.nlp.translate.translate import HyperParams, build_model, get_data, load_run, train

__all__ = ["HyperParams", "build_model", "get_data", "load_run", "train"]
