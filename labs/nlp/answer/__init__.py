"""Questions answered from documents: the passage, the words in it, or “I do not know”."""

from labs.nlp.answer.answer import HyperParams, train

__all__ = ["HyperParams", "train"]
