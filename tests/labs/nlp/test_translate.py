"""The networks that translate, their command, files of pairs, and the command that translates one's own text."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
import torch

from common import cli
from common.commands import settings_of
from common.errors import InputError
from common.images import LARGEST_PICTURE
from common.text.vocabulary import END, PADDING, START
from labs.nlp.attention import Block
from labs.nlp.translate import figures, translate
from labs.nlp.translate import predict as predictor
from labs.nlp.translate.alignment import Translation, table
from labs.nlp.translate.batches import PairLoader, learn_vocabularies, load_vocabularies
from labs.nlp.translate.beam import search
from labs.nlp.translate.dates import Pair, draw_pairs
from labs.nlp.translate.networks import Additive, Dot
from labs.nlp.translate.translate import HyperParams, build_model, predict, score, train
from labs.nlp.translate.tsv import read_tsv, split_pairs

SMALL = {"pairs": 96, "epochs": 2, "width": 16, "batch_size": 32, "quiet": True}
MODELS = {"gru": {}, "dot": {"attention": "dot"}, "transformer": {"model": "transformer"}}


@pytest.fixture(autouse=True)
def few_held_out(request, monkeypatch):
    if not request.node.get_closest_marker("slow"):
        monkeypatch.setattr(translate, "HELD_OUT", {"val": 12, "test": 16})


def small(name, **kws):
    """A network for 24 pairs, its vocabularies, and the pairs as one batch."""
    torch.manual_seed(0)
    pairs = draw_pairs("train", 24, 0)
    vocabularies = learn_vocabularies(pairs, "character", None)
    args = HyperParams(**{"width": 16, "dropout": 0.0, **MODELS[name], **kws})
    (batch,) = PairLoader(pairs, vocabularies, torch.device("cpu"), batch_size=24)
    return build_model(args, vocabularies), vocabularies, batch


@pytest.mark.parametrize("name", MODELS)
def test_shapes_and_gradients(name):
    model, vocabularies, batch = small(name)
    X, lengths, Y = batch
    logits = model(X, lengths, Y[:, :-1])
    assert logits.shape == (24, Y.shape[1] - 1, len(vocabularies.target))
    logs = score(model, batch)
    assert 1 < logs["loss"] < 6 and 0 <= logs["accuracy"] <= 1
    logs["loss"].backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.any(), parameter_name


def test_parameters_by_hand():
    """Of the GRU: embeddings, encoder in both directions, start, the two matrices and v, decoder, head."""
    model, vocabularies, _ = small("gru")
    s, t = len(vocabularies.source), len(vocabularies.target)
    encoder = 2 * 3 * 8 * (16 + 8 + 2)
    decoder = 3 * 16 * (32 + 16 + 2)
    assert sum(p.numel() for p in model.parameters()) == 16 * (s + t) + encoder + 272 + 528 + decoder + 33 * t


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_nothing(name):
    model, _, (X, lengths, Y) = small(name)
    model.eval()
    wider = torch.nn.functional.pad(X, (0, 5), value=PADDING)
    assert torch.allclose(model(X, lengths, Y), model(wider, lengths, Y), atol=1e-6)
    for i in (0, 11):
        alone = model(X[i : i + 1, : lengths[i]], lengths[i : i + 1], Y[i : i + 1])
        assert torch.allclose(model(X, lengths, Y)[i : i + 1], alone, atol=1e-6)
    _, weights, _ = step_all(model, wider, lengths)
    assert not weights[wider == PADDING].any() and torch.allclose(weights.sum(dim=1), torch.ones(24))


def step_all(model, X, lengths):
    source, state = model.read(X, lengths)
    return model.step(source, state, torch.full((len(X),), START))


@pytest.mark.parametrize("name", MODELS)
def test_step_by_step_and_all_at_once_are_the_same(name):
    """And nobody sees what comes later: the steps do not have it."""
    model, _, (X, lengths, Y) = small(name)
    model.eval()
    source, state = model.read(X, lengths)
    found = []
    for token in Y[:, :-1].unbind(dim=1):
        logits, _, state = model.step(source, state, token)
        found.append(logits)
    assert torch.allclose(torch.stack(found, dim=1), model(X, lengths, Y[:, :-1]), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_a_batch_by_heart(name):
    model, vocabularies, batch = small(name, width=32)
    optimizer = torch.optim.Adam(model.parameters(), 0.02 if name != "transformer" else 0.003)
    for _ in range(300):
        logs = score(model, batch)
        optimizer.zero_grad()
        logs["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if logs["loss"] < 0.03:
            break
    assert logs["loss"] < 0.03
    pairs = draw_pairs("train", 24, 0)
    assert [t.text for t in predict(model, vocabularies, translate.sources(pairs))] == translate.targets(pairs)


def test_scores_of_attention_by_hand():
    additive, dot = Additive(4), Dot(4)
    state, hidden = torch.randn(1, 4), torch.randn(1, 3, 4)
    W, U, v = additive.query.weight, additive.key.weight, additive.v.weight[0]
    by_hand = [v @ torch.tanh(W @ state[0] + U @ h) for h in hidden[0]]
    assert torch.allclose(additive(state, additive.key(hidden))[0], torch.stack(by_hand))
    by_hand = [state[0] @ (dot.key.weight @ h) / 2 for h in hidden[0]]
    assert torch.allclose(dot(state, dot.key(hidden))[0], torch.stack(by_hand))


def test_a_decoder_block_is_torchs():
    """Against nn.TransformerDecoderLayer with the same weights: pre-norm, GELU."""
    model, _, (X, lengths, Y) = small("transformer", layers=1)
    ours, d = model.eval().decoder[0], 16
    theirs = torch.nn.TransformerDecoderLayer(d, 4, 4 * d, 0.0, "gelu", batch_first=True, norm_first=True)
    own, look = ours.own, ours.look
    with torch.no_grad():
        for attention, weight, bias, project in (
            (theirs.self_attn, own.query_key_value.weight, own.query_key_value.bias, own.project),
            (
                theirs.multihead_attn,
                torch.cat([look.query.weight, look.key_value.weight]),
                torch.cat([look.query.bias, look.key_value.bias]),
                look.project,
            ),
        ):
            attention.in_proj_weight.copy_(weight)
            attention.in_proj_bias.copy_(bias)
            attention.out_proj.load_state_dict(project.state_dict())
    theirs.linear1.load_state_dict(own.feed_forward[0].state_dict())
    theirs.linear2.load_state_dict(own.feed_forward[2].state_dict())
    for norm, mine in ((theirs.norm1, own.norm1), (theirs.norm2, look.norm), (theirs.norm3, own.norm2)):
        norm.load_state_dict(mine.state_dict())
    source, _ = model.read(X, lengths)
    y = torch.randn(24, 5, d)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5)
    expected = theirs.eval()(y, source.hidden, tgt_mask=mask, memory_key_padding_mask=~source.there)
    assert torch.allclose(ours(y, source)[0], expected, atol=1e-5)
    assert isinstance(model.encoder[0], Block)


def test_a_transformer_trains_longer_unless_told():
    assert [HyperParams(**settings).epochs for settings in MODELS.values()] == [6, 6, 10]
    assert HyperParams(model="transformer", epochs=3).epochs == 3


def test_batches_have_every_pair_once():
    pairs = draw_pairs("train", 50, 0)
    vocabularies = learn_vocabularies(pairs, "character", None)
    loader = PairLoader(pairs, vocabularies, torch.device("cpu"), batch_size=8, shuffle=True, seed=1)
    seen = []
    for X, lengths, Y in loader:
        assert (Y[:, 0] == START).all() and ((Y == END).sum(dim=1) == 1).all()
        assert ((X != PADDING).sum(dim=1) == lengths).all()
        seen += [(vocabularies.source.decode(x), vocabularies.target.decode(y)) for x, y in zip(X, Y, strict=True)]
    assert sorted(seen) == sorted((pair.source, pair.target) for pair in pairs) and len(loader) == 7
    first = next(iter(loader))[0]
    loader.set_epoch(2)
    again = next(iter(loader))[0]
    assert first.shape != again.shape or not torch.equal(first, again)


def test_a_run_and_its_network_again():
    model, run = train(**SMALL, beam=2)
    assert set(run.metrics) == {f"test_{name}" for name in ("loss", "accuracy", "exact_share", "bleu", "chrf")}
    with (run.path / "translations.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    right = sum(row["said"] == row["target"] for row in rows)
    assert run.metrics["test_exact_share"] == pytest.approx(right / len(rows))
    loaded, vocabularies = translate.load_run(run.path), load_vocabularies(run.path)
    texts = [row["source"] for row in rows]
    found = predict(loaded.model, vocabularies, texts, **translate.ways(loaded.settings))
    assert [t.text for t in found] == [row["said"] for row in rows]
    assert [t.log_p for t in found] == pytest.approx([float(row["log_p"]) for row in rows], rel=1e-4)
    assert len(found[0].others) == 1


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_same_seed_same_numbers(name):
    settings = {**SMALL, **MODELS[name], "pairs": 40, "epochs": 1}
    (first, _), (again, _), (other, _) = train(**settings), train(**settings), train(**settings, seed=1)
    assert all(map(torch.equal, first.state_dict().values(), again.state_dict().values()))
    assert not torch.equal(first.head.weight, other.head.weight)


def test_killed_after_an_epoch_and_resumed(monkeypatch):
    settings = {**SMALL, "epochs": 3}
    first, whole = train(**settings)
    calls = []

    def killed(*args, **kws):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return predict(*args, **kws)

    with monkeypatch.context() as patch:
        patch.setattr(translate, "predict", killed)
        with pytest.raises(RuntimeError, match="killed"):
            train(**settings, out=Path("half"))
    resumed, run = train(resume=Path("half"))
    assert all(map(torch.equal, first.state_dict().values(), resumed.state_dict().values()))
    assert [row["val_loss"] for row in run.history] == [row["val_loss"] for row in whole.history]


def test_the_network_is_compiled_if_asked(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    model, _ = train(**{**SMALL, "epochs": 1}, compile=True)
    assert compiled == [model]


def write_pairs(path="pairs.tsv", count=40, extra=""):
    lines = [f"word {i} of {i % 7}\tWort {i} von {i % 7}\tsomebody #{i}" for i in range(count)]
    Path(path).write_text("\n".join(lines) + "\n\n" + extra, encoding="utf-8")


def test_pairs_of_a_file_are_split_without_overlap():
    write_pairs(extra="word 1 of 1\tein anderes\nword 99\tWort 2 von 2\r\n")
    pairs = read_tsv("tsv:pairs.tsv")
    assert (
        len(pairs) == 42 and pairs[1] == Pair("word 1 of 1", "Wort 1 von 1", "") and pairs[-1].target == "Wort 2 von 2"
    )
    for seed in range(8):
        parts = split_pairs(pairs, seed)
        assert parts == split_pairs(pairs, seed)
        held = [*parts["val"], *parts["test"]]
        assert len({pair.source for pair in held}) == len(held)
        assert not {pair.source for pair in held} & {pair.source for pair in parts["train"]}
        assert not {pair.target for pair in held} & {pair.target for pair in parts["train"]}
        assert len(parts["test"]) == 4
    assert split_pairs(pairs, 0) != split_pairs(pairs, 1)


def test_a_run_on_a_file():
    write_pairs()
    _, run = train(dataset="tsv:pairs.tsv", vocabulary=300, **{k: v for k, v in SMALL.items() if k != "pairs"})
    assert run.settings.tokens == "subword"
    loaded, vocabularies = translate.load_run(run.path), load_vocabularies(run.path)
    (found,) = predict(loaded.model, vocabularies, ["word 5 of 4"], longest=7)
    assert "".join(found.source) == "word 5 of 4" and found.weights.shape == (len(found.target), len(found.source))


@pytest.mark.parametrize(
    ("extra", "part"),
    [
        ("no tab here\n", "line 42: 1 columns"),
        ("a\tb\tc\td\n", "line 42: 4 columns"),
        ("a\t\n", "line 42: the target is empty"),
        ("\tb\n", "line 42: the source is empty"),
        ("a\tb\0\n", "holds the byte 0x00"),
    ],
)
def test_damaged_files(extra, part):
    write_pairs(extra=extra)
    with pytest.raises(InputError, match=part):
        read_tsv("tsv:pairs.tsv")


def test_another_encoding():
    write_pairs()
    Path("latin.tsv").write_bytes(Path("pairs.tsv").read_text().replace("Wort", "Wört").encode("cp1252"))
    with pytest.raises(InputError, match="encoding=cp1252"):
        read_tsv("tsv:latin.tsv")
    assert read_tsv("tsv:latin.tsv,encoding=cp1252")[0].target == "Wört 0 von 0"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--dataset", "poems"], "'poems' is none of dates, tsv:FILE"),
        (["--dataset", "tsv:nowhere"], "no such file: nowhere"),
        (["--dataset", "tsv:few.tsv"], "has 5 pairs; at least 20"),
        (["--dataset", "tsv:same.tsv"], "too few differ"),
        (["--dataset", "tsv:x", "--pairs", "5"], "--pairs has no effect on pairs from a file"),
        (["--max-length", "3", "--pairs", "50"], "at most --max-length 3 tokens; raise it"),
        (["--vocabulary", "9"], "--vocabulary has no effect with --tokens character"),
        (["--heads", "2"], "--heads has no effect on --model gru"),
        (["--layers", "1"], "--layers has no effect on --model gru"),
        (["--model", "transformer", "--attention", "dot"], "--attention has no effect on --model transformer"),
        (["--model", "transformer", "--heads", "3"], "a divisor of --width 128"),
        (["--width", "7"], "--width is 7; it must be even"),
        (["--length-penalty", "1"], "--length-penalty has no effect without --beam"),
        (["--beam", "0"], "--beam is 0"),
    ],
)
def test_bad_input_ends_in_one_line(words, part, capsys):
    write_pairs("few.tsv", 5)
    Path("same.tsv").write_text("a\tb\n" * 30)
    with pytest.raises(SystemExit) as exit:
        cli.run(train, HyperParams, [*words, "--quiet"], "translate")
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and part in line


def test_figures_of_mistakes_and_kinds():
    pairs = [Pair("$1", "1", "a"), Pair("two", "2", "b"), Pair("drei", "3", "b")]
    found = [
        Translation(text, -0.1, list(p.source), list(text), torch.ones(1, 9))
        for text, p in zip("129", pairs, strict=True)
    ]
    written = [text.get_text() for text in figures.plot_mistakes(found, pairs).axes[0].texts]
    assert written == ["read", "written", "wanted", "drei", "9", "3"]
    (axis,) = figures.plot_kinds(found, pairs).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["b (2)", "a (1)"]
    assert [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "o"] == [50, 0]
    assert sorted(t.text for t in figures.choose(found, pairs)) == ["1", "2"]  # of b the right one


def test_the_alignment_as_a_table():
    shown = Translation("10", -0.1, ["te", "n", "\n"], ["1", "0"], torch.tensor([[0.95, 0.05, 0], [0.2, 0.4, 0.6]]))
    assert table(shown).splitlines() == ["   ten·", "1  ██", "0  ░░▒▓"]
    assert shown.describe() == "10  (p 0.905)"


def test_the_commands(command):
    write_pairs()
    words = ["--dataset", "tsv:pairs.tsv", "--tokens", "character", "--epochs", "2", "--width", "8"]
    done = command("labs.nlp.translate", *words, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "unseen pairs exact" in done.stdout and done.stdout.splitlines()[-1] == "run"
    for name in ("curves", "alignment", "mistakes"):
        assert Path(f"run/figures/{name}.png").is_file()
    assert json.loads(Path("run/summary.json").read_text())["metrics"]["test_exact_share"] < 0.5
    done = command("labs.nlp.translate.predict", "word 3 ☃", "--run", "run", "--beam", "2")
    assert done.returncode == 0, done.stderr
    assert "read as unknown: ☃" in done.stdout and " or " in done.stdout and "  word 3 ☃\n" in done.stdout
    assert Path("run/figures/translate-word-3.png").is_file()
    for asked, part in (
        ({"text": ("x" * 101,), "run": "run"}, "at most 100"),
        ({"text": (" ",)}, "no text to read"),
        ({"text": ("x",), "run": "nowhere"}, "holds no trained network"),
        ({"length_penalty": 1.0}, "--length-penalty has no effect without --beam"),
    ):
        with pytest.raises(InputError, match=part):
            predictor.read(**asked)


@pytest.mark.slow
@pytest.mark.parametrize("expected", translate.EXPECTED, ids=lambda row: str(row.settings))
def test_expected(expected):
    _, run = train(**expected.settings, quiet=True)
    assert expected.holds(run.metrics)


@pytest.mark.gpu
@pytest.mark.parametrize("name", MODELS)
def test_cpu_and_cuda_agree(name):
    model, _, (X, lengths, Y) = small(name)
    loss = score(model, (X, lengths, Y))["loss"]
    on_gpu = model.cuda()
    assert float(score(on_gpu, (X.cuda(), lengths, Y.cuda()))["loss"]) == pytest.approx(float(loss), abs=1e-4)
    assert len(search(on_gpu.eval(), X.cuda(), lengths, beam=2, longest=3)) == len(X)


def test_the_sheet():
    """Its commands are understood, its pictures there and small, its answers folded."""
    folder = Path(translate.__file__).parent
    text = (folder / "README.md").read_text(encoding="utf-8")
    lines = [shlex.split(line, comments=True) for line in re.findall(r"^python -m labs\S+.*$", text, re.MULTILINE)]
    assert len(lines) >= 6
    for words in lines:
        assert cli.parse(settings_of(words[2]), words[3:], "command") is not None
    pictures = re.findall(r"!\[(.+?)\]\((\S+)\)", text)
    assert {folder / name for _, name in pictures} == set(folder.glob("images/*.png"))
    for alt, name in pictures:
        assert len(alt.split()) > 4 and (folder / name).stat().st_size <= LARGEST_PICTURE
    assert text.count("<details>") == text.count("</details>") >= 5
    assert set(re.findall(r"`(\w+\.py)`", text)) >= {path.name for path in folder.glob("*.py") if path.name[0] != "_"}
