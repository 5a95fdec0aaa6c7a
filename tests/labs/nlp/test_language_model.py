"""Language models: what they predict, how they draw, and the command."""

import json
import math
from pathlib import Path

import pytest
import torch

from common import checkpoint, cli
from common.errors import InputError
from labs.nlp import generate as writer
from labs.nlp import language_model
from labs.nlp.attention import Block
from labs.nlp.language_model import HyperParams, build_model, score, train, unigram_perplexity, windows
from labs.nlp.sampling import draw_tokens, probabilities
from labs.nlp.texts import read_texts
from labs.nlp.vocabulary import load_vocabulary

SMALL = {"width": 16, "layers": 1, "context": 16, "limit": 6, "epochs": 1, "vocabulary": 300, "length": 5}
SMALL |= {"quiet": True, "dataset": "topics"}


def small(name, **kws):
    torch.manual_seed(0)
    return build_model(HyperParams(model=name, width=16, context=10, **kws), vocabulary=20)


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_shapes_and_gradients(name):
    model = small(name)
    batch = torch.randint(20, (3, 9))
    assert model(batch).shape == (3, 9, 20)
    loss = score(model, (batch,))["loss"]
    assert 2 < loss < 6  # not far from ln 20 before learning
    loss.backward()
    for name, parameter in model.named_parameters():
        if name != "position.weight":  # the last place is not used by a text of 8
            assert parameter.grad.isfinite().all() and parameter.grad.any(), name


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_nobody_sees_what_comes_later(name):
    model = small(name).eval()
    tokens = torch.randint(20, (1, 9))
    changed = tokens.clone()
    changed[0, 5] = (tokens[0, 5] + 1) % 20
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_it_learns_a_text_by_heart(name):
    model = small(name, dropout=0.0)
    batch = torch.arange(18).view(2, 9)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(300):
        loss = score(model, (batch,))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.05:
            break
    assert loss < 0.05
    assert draw_tokens(model, [9, 10], 7, context=10, temperature=0.1) == list(range(9, 18))


def test_who_looks_at_whom_may_be_said_by_a_table():
    """Without one a block does what it does with the table of what came before."""
    block, x, place = Block(8, 2, 0.0), torch.randn(3, 7, 8), torch.arange(7)
    assert torch.equal(block(x, None), block(x, place[:, None] >= place))


def test_every_token_is_predicted_once():
    tokens = torch.arange(23)
    cut = windows(tokens, 5)
    assert cut.shape == (4, 6)
    assert cut[:, 1:].flatten().tolist() == list(range(1, 21))
    with pytest.raises(InputError, match="5 tokens, too few for --context 5"):
        windows(torch.arange(5), 5)


def test_unigram_perplexity_by_hand():
    """Counts 2, 1, 0 with one added: 3/6, 2/6, 1/6. The test text 0 2 has the probability 1/2 · 1/6."""
    reached = unigram_perplexity(torch.tensor([0, 0, 1]), torch.tensor([0, 2]), 3)
    assert reached == pytest.approx((1 / 2 * 1 / 6) ** -0.5)


def test_ways_of_drawing():
    p = torch.tensor([0.1, 0.5, 0.15, 0.25])
    logits = p.log()
    assert torch.allclose(probabilities(logits), p)
    assert torch.allclose(probabilities(logits, temperature=0.5), p**2 / (p**2).sum())
    assert torch.allclose(probabilities(logits, top_k=2), torch.tensor([0, 0.5, 0, 0.25]) / 0.75)
    assert torch.allclose(probabilities(logits, top_p=0.7), torch.tensor([0, 0.5, 0, 0.25]) / 0.75)
    assert torch.allclose(probabilities(logits, top_p=0.8), torch.tensor([0, 0.5, 0.15, 0.25]) / 0.9)
    assert torch.allclose(probabilities(logits, top_p=0.01), torch.tensor([0, 1.0, 0, 0]))
    assert torch.allclose(probabilities(logits, top_k=9, top_p=1.0), p)


def test_what_is_drawn_follows_the_seed_and_the_probabilities():
    model = small("lstm")
    model.train()
    first = draw_tokens(model, [1], 12, context=10, seed=1)
    assert first == draw_tokens(model, [1], 12, context=10, seed=1) != draw_tokens(model, [1], 12, context=10, seed=2)
    assert len(first) == 13 and model.training


@pytest.mark.parametrize("changed", [{}, {"tokens": "character", "vocabulary": HyperParams.vocabulary}])
def test_a_run(changed):
    model, run = train(**{**SMALL, **changed})
    row = run.history[-1]
    assert row["test_perplexity"] == pytest.approx(math.exp(row["test_loss"]))
    assert run.metrics["perplexity"] == row["test_perplexity"]
    assert (run.path / "sample.txt").read_text().startswith("The")
    loaded, vocabulary = language_model.load_run(run.path), load_vocabulary(run.path)
    written = language_model.write(loaded.model, vocabulary, loaded.settings)
    assert written == language_model.write(model, vocabulary, run.settings)


def test_same_seed_same_numbers():
    settings = {**SMALL, "epochs": 2, "model": "transformer"}
    (first, _), (again, _), (other, _) = train(**settings), train(**settings), train(**settings, seed=1)
    assert all(map(torch.equal, first.state_dict().values(), again.state_dict().values()))
    assert not torch.equal(first.embedding.weight, other.embedding.weight)


@pytest.mark.parametrize("epoch", [1, 2])
def test_killed_after_an_epoch_and_resumed(epoch, monkeypatch):
    """η falls along a cosine over all epochs: a run that goes on has the rates of one that was not interrupted."""
    settings = {**SMALL, "epochs": 3, "quiet": False}
    first, whole = train(**settings)
    written = []

    def write(*args):
        written.append(1)
        if len(written) == epoch:
            raise RuntimeError("killed")
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(language_model, "write", write)
        with pytest.raises(RuntimeError, match="killed"):
            train(**settings, out=Path("half"))
    resumed, run = train(resume=Path("half"))
    assert all(map(torch.equal, first.state_dict().values(), resumed.state_dict().values()))
    assert [row["train_loss"] for row in run.history] == [row["train_loss"] for row in whole.history]


def test_a_finished_run_made_longer_goes_on_learning():
    """The cosine of the longer run is not at 0 where that of the shorter one ended."""
    short, _ = train(**{**SMALL, "epochs": 2}, out=Path("run"))
    before = {name: value.clone() for name, value in short.state_dict().items()}
    longer, run = train(resume=Path("run"), epochs=3)
    assert len(run.history) == 3
    rate = (1 + math.cos(math.pi * 2 / 3)) / 2  # of η, in the third of three epochs
    moved = (longer.embedding.weight - before["embedding.weight"]).abs().max()
    assert 0.1 * rate * run.settings.lr < moved


def test_a_quiet_run_writes_one_sample_the_one_it_keeps(monkeypatch):
    written = []
    monkeypatch.setattr(language_model, "write", lambda *args: written.append(1) or "The end")
    train(**{**SMALL, "epochs": 2})
    assert len(written) == 1
    train(**{**SMALL, "epochs": 2, "quiet": False})
    assert len(written) == 1 + 3


def test_python_docs_are_there_and_a_tenth_is_held_out():
    train_texts, test_texts = read_texts("python_docs", Path())
    held = sum(map(len, test_texts))
    total = held + sum(map(len, train_texts))
    assert total > 300_000 and 0.1 <= held / total < 0.35
    assert not set(train_texts) & set(test_texts)


def test_the_newest_model_writes(capsys):
    with pytest.raises(InputError, match="no run of labs.nlp.language_model under runs/nlp"):
        writer.generate()
    train(**SMALL)
    texts = writer.generate(samples=2, length=6, prompt="Salt the water")
    assert texts == writer.generate(samples=2, length=6, prompt="Salt the water")
    assert texts[0] != texts[1] and all(text.startswith("Salt the water") for text in texts)


def test_the_commands(here):
    words = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items() if k != "quiet"]
    done = here("labs.nlp.language_model", *words, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "    | The" in done.stdout and done.stdout.splitlines()[-1] == "run"
    assert set(json.loads(Path("run/summary.json").read_text())["metrics"]) == {
        "test_loss",
        "perplexity",
        "bits_per_character",
    }
    done = here("labs.nlp.generate", "--run", "run", "--prompt", "A star", "--samples", "2", "--length", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("A star") == 2


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--top-p", "0"], "--top-p is 0.0"),
        (["--top-k", "0"], "--top-k is 0"),
        (["--temperature", "0"], "--temperature is 0.0"),
        (["--temperature", "1e-300"], "--temperature is 1e-300; it must be at least 0.001 and at most 100"),
        (["--temperature", "1e5"], "at least 0.001 and at most 100"),
        (["--top-p", "1e-300"], "--top-p is 1e-300; it must be at least 1e-06 and at most 1"),
        (["--heads", "3", "--model", "transformer"], "a divisor of --width 256"),
        (["--heads", "2"], "--heads has no effect on --model lstm"),
        (["--vocabulary", "9", "--tokens", "character"], "--vocabulary has no effect with --tokens character"),
        (["--dataset", "poems"], "'poems'"),
        (["--dataset", "topics", "--limit", "1", "--context", "5000"], "too few for --context 5000"),
    ],
)
def test_bad_input_ends_in_one_line(words, part, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.run(train, HyperParams, [*words, "--quiet"], "language_model")
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert part in line


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--top-p", "1.5"], "--top-p is 1.5"),
        (["--top-p", "1e-300"], "--top-p is 1e-300; it must be at least 1e-06 and at most 1"),
        (["--temperature", "1e-300"], "--temperature is 1e-300; it must be at least 0.001 and at most 100"),
        (["--samples", "0"], "--samples is 0"),
        (["--run", "nowhere"], "nowhere holds no trained network"),
        (["--run", "other"], "a run of labs.vae; a run of labs.nlp.language_model is needed"),
    ],
)
def test_generate_with_what_it_cannot_use(words, part, capsys):
    checkpoint.save(Path("other/model.safetensors"), {"w": torch.zeros(1)}, {"lab": "vae", "command": "labs.vae"})
    with pytest.raises(SystemExit) as exit:
        cli.run(writer.generate, writer.Request, words, "generate")
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and part in line
