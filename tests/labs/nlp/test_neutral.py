"""Reviews that are neither praise nor complaint."""

from pathlib import Path

from labs.nlp import classify, predict


def test_neutral_is_a_third_class(capsys):
    """Far from a guess, and far from easy: no single word gives the neutral ones away."""
    model, run = classify.train(dataset="reviews3", model="naive_bayes", quiet=True, out=Path("three"))
    assert 0.6 < run.metrics["test_accuracy"] < 0.8
    loaded = classify.load_run(Path("three"))
    assert loaded.about["classes"] == ["negative", "neutral", "positive"]
    capsys.readouterr()
    predict.read(text=("Good soup, bad fish; it evens out, and which of the two counts is up to you.",), run=run.path)
    assert capsys.readouterr().out.splitlines()[1].startswith("  neutral ")
