"""Skip-gram with negative sampling, and what is done with vectors."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from common import cli
from common.errors import InputError
from labs.nlp import embeddings
from labs.nlp.embeddings import Corpus, HyperParams, SkipGram, draw_pairs, score, train
from labs.nlp.word_vectors import Embeddings


def corpus_of(*texts):
    tokens = torch.tensor([word for words in texts for word in words])
    offsets = torch.tensor([0, *torch.tensor([len(words) for words in texts]).cumsum(0).tolist()])
    counts = torch.bincount(tokens)
    return Corpus([str(i) for i in range(len(counts))], counts, tokens, offsets)


def test_pairs_are_neighbours_of_one_text():
    pairs = draw_pairs(corpus_of([0, 1, 2], [3, 4]), window=1, subsample=0, generator=torch.Generator())
    assert sorted(map(tuple, pairs.tolist())) == [(0, 1), (1, 0), (1, 2), (2, 1), (3, 4), (4, 3)]


def test_near_words_come_more_often():
    """A centre looks d words far with probability (window − d + 1) / window."""
    corpus = corpus_of(list(range(20)) * 100)
    pairs = draw_pairs(corpus, window=4, subsample=0, generator=torch.Generator().manual_seed(0))
    distance = (pairs[:, 0] - pairs[:, 1]).remainder(20)
    counts = torch.bincount(distance.minimum(20 - distance))[1:5]
    assert counts.sum() == len(pairs)
    assert (counts / 4000).tolist() == pytest.approx([1, 0.75, 0.5, 0.25], abs=0.03)


def test_frequent_words_are_left_out():
    words = ([0] * 9 + [1]) * 500
    pairs = draw_pairs(corpus_of(words), 1, 0.09, torch.Generator().manual_seed(0))
    share = (pairs == 0).float().mean()
    # kept: √(.09/.9) = .316 of the 4 500, √(.09/.1) = .949 of the 500
    assert share == pytest.approx(4500 * 0.316 / (4500 * 0.316 + 500 * 0.949), abs=0.03)


def test_the_loss_by_hand():
    model = SkipGram(4, 2)
    model.centre.weight.data = torch.tensor([[1.0, 0], [0, 0], [0, 0], [0, 0]])
    model.context.weight.data = torch.tensor([[0.0, 0], [2, 5], [-1, 3], [0.5, 0]])
    loss = score(model, torch.tensor([0]), torch.tensor([[1, 2, 3]]))["loss"]
    sigma = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    assert loss.item() == pytest.approx(-math.log(sigma(2)) - math.log(sigma(1)) - math.log(sigma(-0.5)))
    fresh = SkipGram(4, 2)
    nothing = score(fresh, torch.tensor([0, 1]), torch.tensor([[1, 2, 3], [0, 2, 3]]))["loss"]
    assert nothing.item() == pytest.approx(3 * math.log(2))


def test_false_words_are_drawn_by_frequency_to_the_power_of_three_quarters(monkeypatch):
    Path("texts").mkdir()
    for i in range(100):
        Path(f"texts/{i}.txt").write_text("often " * 81 + "at_times " * 16 + "rarely")
    drawn = []

    def watch(model, centre, contexts):
        drawn.append(contexts[:, 1:])
        return score(model, centre, contexts)

    monkeypatch.setattr(embeddings, "score", watch)
    small = {"width": 2, "negatives": 2, "subsample": 0.0, "quiet": True}
    found, _ = train(dataset="folder:texts", epochs=1, **small)
    share = torch.bincount(torch.cat(drawn).flatten()) / sum(x.numel() for x in drawn)
    assert found.words == ["often", "at_times", "rarely"]
    assert share.tolist() == pytest.approx([27 / 36, 8 / 36, 1 / 36], abs=0.01)  # 81, 16 and 1 to the power of ¾


def test_each_epoch_draws_its_own_pairs():
    loader = embeddings.PairLoader(corpus_of(list(range(20)) * 10), HyperParams(), torch.device("cpu"))

    def pairs(epoch):
        loader.set_epoch(epoch)
        return sorted(tuple(pair) for batch in loader for pair in batch[0].tolist())

    first = pairs(1)
    assert pairs(2) != first and pairs(1) == first


def test_words_in_the_same_places_become_neighbours():
    """north and south stand where east and west never do, and the other way round."""
    generator = torch.Generator().manual_seed(0)
    lines = []
    for _ in range(400):
        which = torch.randint(2, (3,), generator=generator).tolist()
        lines.append(
            f"cold {['north', 'south'][which[0]]} pole ice"
            if which[2]
            else f"warm {['east', 'west'][which[0]]} wind sea"
        )
    Path("texts").mkdir()
    for i, line in enumerate(lines):
        Path(f"texts/{i}.txt").write_text(line)
    found, _ = train(dataset="folder:texts", epochs=20, width=8, subsample=0.0, negatives=3, words="north", quiet=True)
    for a, b in (("north", "south"), ("east", "west")):
        assert found.nearest(found[a], excluded=(a,))[0][0] == b


SMALL = {"dataset": "topics", "limit": 40, "epochs": 2, "width": 8, "quiet": True}


def test_same_seed_same_numbers_round_trip_and_resume():
    first, run = train(**SMALL)
    again, _ = train(**SMALL)
    assert first.words == again.words and torch.equal(first.vectors, again.vectors)
    loaded = embeddings.load_run(run.path)
    assert loaded.about["words"] == first.words
    assert torch.equal(embeddings.vectors_of(loaded.model, first.words).vectors, first.vectors)
    train(**{**SMALL, "epochs": 1}, out=Path("half"))
    resumed, _ = train(resume=Path("half"), epochs=2)
    assert torch.equal(resumed.vectors, first.vectors)


def test_the_analogy_leaves_its_words_out():
    rows = {"king": [1, 1], "man": [1, 0], "woman": [0, 0.1], "queen": [0.1, 1], "apple": [1, -1]}
    Path("v.txt").write_text("".join(f"{word} {x} {y}\n" for word, (x, y) in rows.items()))
    found, _ = train(vectors=Path("v.txt"), words="king", quiet=True)
    ranked = found.analogy("king", "man", "woman")
    assert [word for word, _ in ranked] == ["queen", "apple"]
    target = torch.tensor([0.0, 1.1])
    assert ranked[0][1] == pytest.approx(float(F.cosine_similarity(target, torch.tensor([0.1, 1]), dim=0)))


def test_a_word_that_is_there_twice_has_its_first_vector():
    vectors = Embeddings(["fox", "dog", "fox"], torch.eye(3))
    assert vectors["fox"].tolist() == [1, 0, 0] and vectors["dog"].tolist() == [0, 1, 0]
    assert vectors.nearest(vectors["dog"])[0] == ("dog", 1.0)


def test_glove_is_read_where_it_lies():
    Path("d/glove").mkdir(parents=True)
    Path("d/glove/glove.6B.50d.txt").write_text("".join(f"{w} {' '.join(['0.5'] * 50)}\n" for w in ("the", "of", "to")))
    found, _ = train(glove=50, data_dir=Path("d"), max_words=2, offline=True, quiet=True)
    assert found.words == ["the", "of"] and found.vectors.shape == (2, 50)


def test_the_commands(command):
    words = [f"--{name}={value}" for name, value in SMALL.items() if name != "quiet"]
    done = command("labs.nlp.embeddings", *words, "--words", "the", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "nearest to 'the'" in done.stdout and done.stderr == ""
    assert Path("run/figures/map.png").is_file()
    assert json.loads(Path("run/summary.json").read_text())["metrics"]["words"] > 50


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--analogy", "king"], "not of the form king-man+woman"),
        (["--dataset", "topics", "--words", "zzz", "--limit", "20", "--epochs", "1"], "'zzz' is none of the"),
        (["--dataset", "topics", "--min-count", "100000"], "0 words that occur 100000 times"),
        (["--vectors", "nowhere.txt"], "nowhere.txt"),
        (["--window", "0"], "--window is 0"),
        (["--dataset", "folder:one", "--min-count", "1"], "folder:one: no two of the 6 words left stand near"),
        (["--dataset", "folder:one", "--min-count", "1", "--limit", "1"], "1 words that occur 1 times; too few"),
        (["--glove", "60"], "--glove is 60"),
        (["--glove", "50", "--offline", "--data-dir", "d"], "glove"),
        (["--glove", "50", "--vectors", "x"], "leave one away"),
        (["--vectors", "x", "--epochs", "3"], "--epochs has no effect on vectors that are read"),
        (["--glove", "50", "--dataset", "topics"], "--dataset has no effect"),
        (["--vectors", "x", "--seed", "3"], "--seed has no effect"),
        (["--max-words", "3"], "--max-words has no effect on vectors that are learnt"),
    ],
)
def test_bad_input_ends_in_one_line(words, part, capsys):
    Path("one").mkdir()
    for word in ("fox", "dog", "cow", "hen", "cat", "owl", "bee", "ant"):
        Path(f"one/{word}.txt").write_text(word)
    with pytest.raises(SystemExit) as exit:
        cli.run(train, HyperParams, [*words, "--quiet"], "embeddings")
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert part in line


def test_vectors_of_another_run_are_refused():
    from common import checkpoint

    header = {"lab": "nlp", "command": "labs.nlp.tagging"}
    checkpoint.save(Path("other/model.safetensors"), {"w": torch.zeros(1)}, header)
    with pytest.raises(InputError, match="a run of labs.nlp.tagging; a run of labs.nlp.embeddings is needed"):
        embeddings.load_run(Path("other"))
    Path("v.txt").write_text("one 1 2\ntwo 2 1\n")
    _, run = train(vectors="v.txt", quiet=True)
    with pytest.raises(InputError, match="holds no trained network"):
        embeddings.load_run(run.path)
