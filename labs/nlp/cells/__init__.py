"""Recurrent cells by hand: a plain RNN, an LSTM, a GRU, and what each can keep in mind."""

from labs.nlp.cells.cells import HyperParams, build_model, load_run, predict, train
from labs.nlp.cells.equations import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "HyperParams", "build_model", "load_run", "predict", "train"]
