"""Texts to learn a language from: the documentation that comes with Python, or a named data set."""

from pathlib import Path

import torch

from common.device import derive_seed
from common.text.corpora import load_texts


def read_texts(
    dataset: str, data_dir: Path, *, seed: int = 0, offline: bool = False, quiet: bool = False
) -> tuple[list[str], list[str]]:
    """The documents to learn from and those held out: of python_docs a tenth of the text, drawn by the seed."""
    if dataset != "python_docs":
        data = load_texts(dataset, data_dir, offline=offline, quiet=quiet)
        return data.texts_train, data.texts_test
    from pydoc_data.topics import topics  # half a megabyte of text, a module of Python's own

    names = sorted(topics)
    generator = torch.Generator().manual_seed(derive_seed(seed))
    train = [topics[names[i]] for i in torch.randperm(len(names), generator=generator)]
    test: list[str] = []
    tenth = sum(map(len, train)) / 10
    while sum(map(len, test)) < tenth:
        test.append(train.pop())
    return train, test
