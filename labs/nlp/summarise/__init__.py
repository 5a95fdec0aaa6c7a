"""Summaries: the sentences of a text that say most."""

from labs.nlp.summarise.summarise import HyperParams, train

__all__ = ["HyperParams", "train"]
