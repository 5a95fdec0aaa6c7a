"""What the notebook on answers draws, on two small documents: words, vectors, candidates, the threshold."""

from pathlib import Path

import pytest

from common.errors import InputError
from labs.nlp.answer import answer, explore

DOCUMENTS = {
    "ships.md": "# Ships\n\nThe hull was built by Anna Berg. It took twelve months.\n\n"
    "# Masts\n\nA mast is made of pine.\n",
    "bread.txt": "Bread is baked at 240 degrees. The dough rests for nine hours.\n\nSalt goes in last.\n",
}
QUESTIONS = """part,document,section,question,answers
tune,ships.md,Ships,Who built the hull?,Anna Berg
tune,bread.txt,,At what temperature is bread baked?,240 degrees
tune,,,When did the Titanic sink?,
held_out,ships.md,Masts,What is a mast made of?,pine
"""


@pytest.fixture
def small(monkeypatch):
    """The notebook's functions with the folder's passages and the questions about them."""
    Path("docs").mkdir()
    for name, text in DOCUMENTS.items():
        Path("docs", name).write_text(text)
    Path("questions.csv").write_text(QUESTIONS)
    args = answer.HyperParams(documents="folder:docs", questions=Path("questions.csv"), dimensions=2)
    ready = answer.prepare(args)
    monkeypatch.setattr(explore, "opened", lambda documents: ready)
    explore.scored.cache_clear()
    yield "folder:docs"
    explore.scored.cache_clear()


def test_a_question_is_explored(small):
    asked = "Who built the hull?"
    said = explore.draw_words(small, asked)
    assert "built          in   1 of 3 passages   idf 0.98" in said
    assert "ships.md › Ships (score " in said
    assert explore.draw_parts(small, asked, 1.2, 0.75)[1].endswith("for 2 of the tuning part's 2 questions")
    assert explore.draw_scatter(small, asked)[1].count("ships.md › Ships") == 3
    _, said = explore.draw_spans(small, asked)
    assert said.endswith("chosen: Anna Berg\nThe hull was built by Anna Berg.")
    for draw in (explore.draw_scatter, explore.draw_spans):
        with pytest.raises(InputError, match="all are stop words"):
            draw(small, "Who is it?")


def test_a_threshold_is_explored(small):
    _, said = explore.draw_threshold(small, 1.0)
    assert said.splitlines()[0] == "tuning part: 2 of 3 questions answered, 100% of these from the right place"
    assert explore.find_threshold(small, 0.0) == 0
    said = explore.draw_answers(small, 1.0, "Who built the hull?\n\n When did the Titanic sink? ")
    assert "  Anna Berg\n" in said
    assert "When did the Titanic sink?\n  I do not know." in said


def test_documents_without_questions_have_no_curve(monkeypatch):
    monkeypatch.setattr(explore, "opened", lambda documents: (None, []))
    with pytest.raises(InputError, match="no questions about folder:docs"):
        explore.draw_threshold("folder:docs", 0.8)
