"""Task № 1: the topics of a corpus by LSA and LDA."""

from labs.nlp.topics.topics import HyperParams, train

__all__ = ["HyperParams", "train"]
