"""Tags for the words of a sentence: parts of speech, or the names of people, organisations, places and products."""

from labs.nlp.tagging.tagging import HyperParams, build_model, load_run, predict, train

__all__ = ["HyperParams", "build_model", "load_run", "predict", "train"]
