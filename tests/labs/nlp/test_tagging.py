"""Taggers: each formula against brute force, and the command."""

import itertools
import json
from pathlib import Path

import pytest
import torch

from common import cli
from common.errors import InputError
from common.text.corpora import load_tagged, split_tagged
from labs.nlp.tagging import bilstm, explore, tagging
from labs.nlp.tagging.bilstm import Encoding
from labs.nlp.tagging.conll import read_conll, spans
from labs.nlp.tagging.counting_taggers import HiddenMarkov, MostFrequentTag, greedy, viterbi, viterbi_table
from labs.nlp.tagging.crf import CRF, IGNORED
from labs.nlp.tagging.tagging import HyperParams, measure, train

TINY = [
    [("the", "D"), ("dog", "N"), ("runs", "V")],
    [("the", "D"), ("run", "N"), ("ends", "V")],
    [("dogs", "N"), ("run", "V")],
] * 4
SMALL = {"epochs": 2, "width": 8, "limit": 40, "quiet": True}


def data(sentences=TINY):
    return split_tagged(sentences, "tiny")


def test_viterbi_finds_the_best_of_all_paths():
    emissions, transitions, start = torch.randn(5, 3), torch.randn(3, 3), torch.randn(3)

    def value(path):
        steps = sum(transitions[a, b] for a, b in itertools.pairwise(path))
        return start[path[0]] + sum(emissions[t, y] for t, y in enumerate(path)) + steps

    assert viterbi(emissions, transitions, start) == list(max(itertools.product(range(3), repeat=5), key=value))
    assert viterbi(emissions[:1], transitions, start) == [int((start + emissions[0]).argmax())]


def test_viterbi_by_hand():
    """The sheet's three words, probabilities multiplied: greedy takes plants for a verb and cannot go back."""
    emissions = torch.tensor([[0.4, 0.2], [0.3, 0.2], [0.05, 0.4]]).log()
    transitions, start = torch.tensor([[0.3, 0.7], [0.8, 0.2]]).log(), torch.tensor([0.7, 0.3]).log()
    table, came_from = viterbi_table(emissions, transitions, start)
    by_hand = torch.tensor([[0.28, 0.06], [0.0252, 0.0392], [0.001568, 0.007056]])
    assert torch.allclose(table.exp(), by_hand, atol=1e-7)
    assert [row.tolist() for row in came_from] == [[0, 0], [1, 0]]
    assert viterbi(emissions, transitions, start) == [0, 0, 1]
    assert greedy(emissions, transitions, start) == [0, 1, 1]
    assert viterbi(emissions[:2], transitions, start) == [0, 1]  # without grow the verb is best, exercise 2
    # The same as a field: the sum over all eight paths, and the share of the best one.
    crf, mask = CRF(2).requires_grad_(False), torch.ones(1, 3, dtype=torch.bool)
    crf.start.copy_(start)
    crf.transitions.copy_(transitions)
    z = float(crf.log_partition(emissions[None], mask).exp())
    assert z == pytest.approx(0.016674) and 0.007056 / z == pytest.approx(0.423, abs=5e-4)
    assert float(crf.loss(emissions[None], torch.tensor([[0, 0, 1]]))) == pytest.approx(0.287, abs=5e-4)
    for path, share in (([0, 1, 1], 0.188), ([1, 0, 1], 0.242)):  # exercise 3
        p = crf.sequence_score(emissions[None], torch.tensor([path]), mask).exp() / z
        assert float(p) == pytest.approx(share, abs=5e-4)


def test_greedy_is_never_ahead_of_viterbi():
    behind = 0
    for _ in range(50):
        parts = torch.randn(6, 4), torch.randn(4, 4), torch.randn(4)
        best, quick = (explore.path_score(find(*parts), *parts) for find in (viterbi, greedy))
        assert best == pytest.approx(float(viterbi_table(*parts)[0][-1].max()), abs=1e-4)
        behind += quick < best - 1e-4
        assert quick <= best + 1e-4
    assert behind > 10


def test_the_crf_is_a_distribution_over_paths():
    """Its partition function against the sum over all 3⁴ paths; the loss is −log of one path's share, per token."""
    crf = CRF(3)
    torch.nn.init.normal_(crf.start)
    torch.nn.init.normal_(crf.transitions)
    scores = torch.randn(2, 4, 3)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    for i, length in enumerate((4, 2)):
        paths = torch.tensor(list(itertools.product(range(3), repeat=length)))
        values = crf.sequence_score(
            scores[i : i + 1, :length].expand(len(paths), -1, -1), paths, torch.ones(len(paths), length)
        )
        assert torch.allclose(crf.log_partition(scores, mask)[i], values.logsumexp(dim=0), atol=1e-5)
    tags = torch.tensor([[0, 1, 2, 1], [2, 0, IGNORED, IGNORED]])
    own = crf.sequence_score(scores, tags.clamp(min=0), mask)
    assert torch.allclose(crf.loss(scores, tags), (crf.log_partition(scores, mask) - own).sum() / 6)


def test_the_hidden_markov_model_counts():
    model = HiddenMarkov(TINY, ["D", "N", "V"], added=0.0001)
    assert model.start.exp().tolist() == pytest.approx([2 / 3, 1 / 3, 0], abs=1e-3)
    assert model.transitions.exp()[0].tolist() == pytest.approx([0, 1, 0], abs=1e-3)
    assert model.emissions["run"].exp().tolist() == pytest.approx([0, 4 / 12, 4 / 12], abs=1e-3)
    assert model.tag(["the", "run", "ends"]) == ["D", "N", "V"]  # after an article run is a noun …
    assert model.tag(["dogs", "run"]) == ["N", "V"]  # … after a noun a verb


def test_the_most_frequent_tag():
    model = MostFrequentTag([[("run", "V"), ("run", "N"), ("run", "V")], [("fox", "N"), ("fox", "N")]])
    assert model.tag(["Run", "fox", "quokka"]) == ["V", "N", "N"]


def test_spans_and_f1_by_hand():
    assert spans(["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-PER"]) == {
        (0, 2, "PER"),
        (3, 4, "LOC"),
        (4, 5, "LOC"),
        (5, 6, "PER"),
    }
    own = [[("a", "B-PER"), ("b", "I-PER"), ("c", "O"), ("d", "B-LOC")]]
    reached = measure([["B-PER", "I-PER", "B-LOC", "O"]], own)
    assert reached == {"accuracy": 0.5, "entity_f1": 0.5}  # one of two found, one of two said is right
    own = [[("Ada", "B-PER"), ("Bell", "I-PER"), ("in", "O"), ("Rome", "B-LOC")]]  # the sheet's exercise
    assert measure([["B-PER", "O", "O", "I-LOC"]], own) == {"accuracy": 0.5, "entity_f1": 0.5}
    assert measure([["O"] * 4], own) == {"accuracy": 0.25, "entity_f1": 0.0}


def test_padding_changes_no_tag():
    torch.manual_seed(0)
    encoding = bilstm.build_encoding(data())
    for crf in (False, True):
        model = tagging.build_model(HyperParams(width=8, crf=crf), encoding).eval()
        short, long = ["dogs", "run"], ["the", "dog", "runs", "the", "run"]
        together = tagging.predict(model, encoding, [short, long])
        assert together == [tagging.predict(model, encoding, [words])[0] for words in (short, long)]
        assert [len(tags) for tags in together] == [2, 5]
        # Tags of an untrained network may agree by luck: so do the scores, of the backward direction too.
        scores = model["tagger"](encoding.encode([short, long]))
        alone = model["tagger"](encoding.encode([short]))
        assert torch.allclose(scores[0, :2], alone[0], atol=1e-6)


@pytest.mark.parametrize("crf", [False, True])
def test_gradients_and_learning(crf):
    model, run = train(data(), epochs=40, width=16, dropout=0.0, lr=0.01, crf=crf, quiet=True)
    assert run.history[-1]["train_loss"] < 0.1 and run.metrics["test_accuracy"] == 1
    encoding = bilstm.build_encoding(data())
    X, y = encoding.encode(tagging.words_of(TINY)), encoding.encode_tags(TINY)
    tagging.score(model, (X, y))["loss"].backward()
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.any()


def test_same_seed_same_numbers_and_resume():
    first, _ = train(**SMALL, out=Path("whole"))
    again, _ = train(**SMALL)
    assert all(map(torch.equal, first.state_dict().values(), again.state_dict().values()))
    train(**{**SMALL, "epochs": 1}, out=Path("half"))
    resumed, _ = train(resume=Path("half"), epochs=2)
    assert all(map(torch.equal, first.state_dict().values(), resumed.state_dict().values()))


def test_a_saved_tagger_tags_alike():
    model, run = train(**SMALL, crf=True)
    loaded = tagging.load_run(run.path)
    encoding = Encoding(**loaded.about)
    assert encoding.tags == load_tagged().tags
    sentences = tagging.words_of(load_tagged().test[:5])
    assert tagging.predict(loaded.model, encoding, sentences) == tagging.predict(model, encoding, sentences)


def test_the_network_is_compiled_if_asked(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    plain, _ = train(**SMALL, crf=True)
    assert not compiled
    model, _ = train(**SMALL, crf=True, compile=True)
    assert compiled == [model["tagger"]]
    assert all(map(torch.equal, model.state_dict().values(), plain.state_dict().values()))


def test_named_entities_from_a_conll_file():
    lines = "-DOCSTART- X O\n\nAnna NNP B-PER\nBell NNP I-PER\nsings VBZ O\n\nin IN O\nRome NNP B-LOC\n\n"
    Path("ner.txt").write_text(lines * 10)
    assert read_conll(Path("ner.txt"))[1] == [("in", "O"), ("Rome", "B-LOC")]
    _, run = train(dataset="conll:ner.txt", epochs=20, width=16, dropout=0.0, lr=0.02, quiet=True)
    assert run.metrics["test_entity_f1"] == 1


def test_the_command(here):
    done = here("labs.nlp.tagging", "--epochs", "1", "--limit", "50", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "hidden Markov model" in done.stdout and "California/" in done.stdout
    assert set(json.loads(Path("run/summary.json").read_text())["metrics"]) == {"test_loss", "test_accuracy"}


def test_the_corpus_is_consistent():
    tagged = load_tagged()
    sentences = tagged.train + tagged.test
    assert len(sentences) >= 250 and len(tagged.tags) == 17
    assert tagging.SLIDE not in [" ".join(word for word, _ in s) for s in sentences]
    tags = {(word.lower(), tag) for s in sentences for word, tag in s}
    assert {tag for word, tag in tags if word == "the"} == {"DET"}
    assert {tag for word, tag in tags if word == "to"} == {"ADP", "PART"}


@pytest.mark.slow
def test_what_is_expected_is_reached():
    for expected in tagging.EXPECTED:
        assert expected.holds(train(quiet=True, **expected.settings)[1].metrics)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--dataset", "nowhere"], "is none of tagged, entities, conll:FILE"),
        (["--dataset", "conll:nowhere.txt"], "no such file: nowhere.txt"),
        (["--dataset", "conll:broken.txt"], "line 2: 'word' has no tag"),
        (["--dataset", "conll:endless.txt"], "endless.txt: a sentence has 1001 words, and at most 1000 are read"),
        (["--unknown", "1"], "--unknown is 1.0"),
    ],
)
def test_bad_input_ends_in_one_line(words, part, capsys):
    Path("broken.txt").write_text("a DT\nword\n")
    Path("endless.txt").write_text("a DT\n" * 1001 + "\na DT\n")
    with pytest.raises(SystemExit) as exit:
        cli.run(train, HyperParams, [*words, "--quiet"], "tagging")
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert part in line


def test_too_little_to_split():
    with pytest.raises(InputError, match="one sentence"):
        split_tagged(TINY[:1], "tiny")
