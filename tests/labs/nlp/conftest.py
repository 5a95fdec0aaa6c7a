"""Figures take most of a tiny run's time: only the commands draw them, in processes of their own."""

import pytest

from common.runs import Run


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (
        "classify",
        "tagging.tagging",
        "topics.topics",
        "summarise.summarise",
        "answer.answer",
        "translate.translate",
    ):
        monkeypatch.setattr(f"labs.nlp.{module}.save_figures", lambda *args: None)
    monkeypatch.setattr("labs.nlp.embeddings.plot_map", lambda *args: None)
    monkeypatch.setattr(Run, "save_figure", lambda *args: None)
