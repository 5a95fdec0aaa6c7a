"""What the notebook of the translation lab shows: against the search, and against what the loss sees."""

import copy
import math
from pathlib import Path

import pytest
import torch

from common import records
from common.errors import InputError
from common.text.vocabulary import END
from labs.nlp.translate import explore, translate
from labs.nlp.translate.batches import PairLoader
from labs.nlp.translate.beam import search
from labs.nlp.translate.dates import draw_pairs, part_of


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network that has learnt little; its run lies where the commands' runs lie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translate, "HELD_OUT", {"val": 12, "test": 16})
        patch.chdir(tmp_path_factory.mktemp("suite"))
        with pytest.MonkeyPatch.context() as silent:
            silent.setattr(explore, "train", lambda **kws: translate.train(**kws, quiet=True))
            _, run = explore.train_small("GRUs, dot product", 600, 3, 16)
        return Path.cwd(), run


@pytest.fixture
def networks(trained, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(folder)
    return explore.find_networks()


@pytest.fixture
def one(networks):
    (label,) = networks
    return networks, label


def test_a_small_network_is_found_again(trained, networks):
    _, run = trained
    assert run.settings.attention == "dot" and run.settings.width == 16
    ((label, path),) = networks.items()
    assert path.resolve() == run.path.resolve() and f"{run.metrics['test_exact_share']:.1%} exact" in label


def test_no_run_yet(tmp_path, monkeypatch):
    """A run of another command, or one that is not finished, is none either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/nlp/other").mkdir(parents=True)
    (tmp_path / "runs/nlp/other/model.safetensors").write_bytes(b"")
    networks = explore.find_networks()
    assert list(networks) == [explore.NONE_YET]
    for shown in (
        lambda: explore.draw_translation(networks, explore.NONE_YET, "3rd of May 1994"),
        lambda: explore.draw_forcing(networks, explore.NONE_YET),
    ):
        with pytest.raises(InputError, match="No network yet: press the button"):
            shown()


@pytest.mark.parametrize("kind", ["all", *explore.PARTS])
def test_pairs_of_a_kind(kind):
    lines = explore.show_pairs(3, kind).splitlines()
    assert len(lines) == 12 and all(kind in line for line in lines if kind != "all")
    assert all(part_of(line.split("→")[1].split()[0]) == "train" for line in lines)
    assert explore.show_pairs(4, kind) != explore.show_pairs(3, kind)


def test_the_product_of_the_tokens_is_what_the_search_says(one):
    """Teacher forcing with what was written: the same numbers as step by step."""
    reader = explore.open_network(*one)
    text = "3rd of May 1994"
    X = reader.vocabularies.source.encode([text])[0][None]
    ((best,),) = search(reader.model, X, torch.tensor([len(text)]), longest=20)
    p = explore.token_probabilities(reader, text, best.tokens)
    logs = [math.log(p[i, token]) for i, token in enumerate(best.tokens)]
    assert sum(logs) == pytest.approx(best.log_p, abs=1e-4)
    assert torch.allclose(p.sum(dim=1), torch.ones(len(p)))


def test_a_translation_is_drawn(one):
    figure, said = explore.draw_translation(*one, " 3 ☃ Mai ")
    reader = explore.open_network(*one)
    written = reader.vocabularies.target.decode(explore.greedy_tokens(reader, "3 ☃ Mai"))
    assert said.startswith(f"3 ☃ Mai → {written}\n") and "read as unknown: ☃" in said
    look, bars = figure.axes
    assert [label.get_text() for label in look.get_xticklabels()] == list("3␣☃␣Mai")
    assert len(bars.patches) == len(bars.texts) == len(look.get_yticklabels())
    for text, part in ((" ", "0 letters"), ("x" * 101, "101 letters")):
        with pytest.raises(InputError, match=part):
            explore.draw_translation(*one, text)


@pytest.mark.parametrize("bias", [-1e3, 1e3])
def test_a_network_that_never_ends_and_one_that_ends_at_once(one, monkeypatch, bias):
    """Of the one the beginning is drawn, of the other nothing."""
    reader = explore.open_network(*one)
    model = copy.deepcopy(reader.model)
    with torch.no_grad():
        model.head.bias[END] = bias
    monkeypatch.setattr(explore, "open_network", lambda *_: reader._replace(model=model, longest=40))
    figure, said = explore.draw_translation(*one, "10. Juni 1973")
    if bias > 0:
        assert "p of the whole: 1.000 = 1.000" in said and figure.axes[0].texts[0].get_text() == "nothing written"
    else:
        assert len(figure.axes[1].patches) == explore.MOST == said.count(" · ") and "· … = " in said


def test_a_beam_in_a_table(one):
    text = explore.show_beam(*one, "one thousand", 3, 2.0)
    rows = [line.rsplit(maxsplit=4) for line in text.splitlines()[1:4]]
    scores = [float(row[-1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    for *_, tokens, p, log_p, score in rows:
        assert float(p) == pytest.approx(math.exp(float(log_p)), abs=1e-3)
        assert float(score) == pytest.approx(float(log_p) / ((5 + int(tokens)) / 6) ** 2, abs=2e-3)
    assert len(explore.show_beam(*one, "one thousand", 1, 0.0).splitlines()) == 4


def test_forced_tokens_by_hand(one):
    reader = explore.open_network(*one)
    wanted = [*reader.vocabularies.target.encode(["240.7"])[0].tolist(), END]
    p = explore.token_probabilities(reader, "deux cent", wanted)
    rows = explore.show_forced(*one, "deux cent", "240.7", 2, explore.AS_IT_IS).splitlines()
    assert rows[1].split() == ["wanted", *"240.7", "end"]
    assert rows[2].split() == ["given", "before", "it", *"240.7"]
    assert rows[3].split() == ["says", *(explore.name_of(reader, int(best)) for best in p.argmax(dim=1))]
    assert rows[4].split()[4:] == [f"{p[i, token]:.2f}" for i, token in enumerate(wanted)]
    changed = explore.show_forced(*one, "deux cent", "240.7", 2, "9").splitlines()
    assert changed[2].split()[3:] == list("290.7")
    assert changed[4].split()[4:6] == rows[4].split()[4:6]  # what stands before the change does not know of it
    for right, place, part in (("24x", 1, "letters of the standard form"), ("24", 3, "no token 3"), ("", 1, "letters")):
        with pytest.raises(InputError, match=part):
            explore.show_forced(*one, "deux cent", right, place, "9")


def test_shares_forced_and_by_itself(one):
    """The share of right tokens is the loss's own, over one batch."""
    reader = explore.open_network(*one)
    pairs = draw_pairs("val", 40, 0)
    accuracy, exact, length = explore.forced_and_own(reader, pairs)
    (batch,) = PairLoader(pairs, reader.vocabularies, torch.device("cpu"), batch_size=40)
    assert accuracy == pytest.approx(float(translate.score(reader.model, batch)["accuracy"]))
    assert length == pytest.approx(sum(len(pair.target) + 1 for pair in pairs) / 40)
    said = translate.predict(reader.model, reader.vocabularies, translate.sources(pairs))
    assert exact == sum(t.text == pair.target for t, pair in zip(said, pairs, strict=True)) / 40


def test_forcing_is_drawn(one):
    figure, said = explore.draw_forcing(*one, count=60)
    (axis,) = figure.axes
    curve, dates, numbers = axis.lines
    kinds = {pair.kind for pair in draw_pairs("val", 60, 0)}
    assert len(dates.get_xdata()) + len(numbers.get_xdata()) == len(kinds)
    assert curve.get_ydata()[-1] == pytest.approx(100)
    assert "of the texts exact" in said and "lowest: " in said


def test_strange_texts(one):
    figure, said = explore.draw_strange(*one, "3/4/94\n\n ☃ \nx\ny\nz")
    assert [line.split()[0] for line in said.splitlines()[:5]] == ["text", "3/4/94", "☃", "x", "y"]
    assert said.count("read as unknown: ☃") == 1 and len(figure.axes) == 4
    with pytest.raises(InputError, match="there is no text"):
        explore.draw_strange(*one, " \n")


def test_runs_are_read_where_they_lie(networks):
    assert all(path.is_relative_to(records.RUNS) for path in networks.values())
