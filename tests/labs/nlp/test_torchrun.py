"""Two processes with half batches give the weights of one process, to rounding; other commands refuse torchrun."""

from pathlib import Path

import pytest
import torch

from common import checkpoint, cli
from common.runs import read_history
from labs.nlp import classify, embeddings, language_model
from labs.nlp.tagging import tagging
from labs.nlp.topics import topics

TEXTS = {"dataset": "reviews", "width": 8, "max_length": 20, "epochs": 2, "dropout": 0.0, "quiet": True}
WINDOWS = {"dataset": "topics", "width": 8, "layers": 1, "context": 8, "limit": 3, "epochs": 2, "dropout": 0.0}
WINDOWS |= {"vocabulary": 300, "length": 2, "quiet": True}
CASES = {
    "bag": (classify, {**TEXTS, "limit": 48, "seed": 1}),
    "a_text_too_many": (classify, {**TEXTS, "limit": 33, "batch_size": 32}),  # the last batch has one text for two
    "one_by_one": (classify, {**TEXTS, "limit": 6, "batch_size": 1}),
    "cnn": (classify, {**TEXTS, "limit": 40, "model": "cnn"}),
    "gru": (classify, {**TEXTS, "limit": 40, "model": "gru"}),
    "transformer": (classify, {**TEXTS, "limit": 40, "model": "transformer"}),
    "language_model": (language_model, WINDOWS),
}
SCRIPT = """
from common import distributed
from labs.nlp import classify, language_model

classify.save_figures = lambda *args: None
with distributed.process_group():
    assert distributed.world_size() == 2
    for name, (command, settings) in {cases}.items():
        command.train(**settings, out=name)
"""


class Named:
    """A module that is written as its name."""

    def __init__(self, module):
        self.name = module.__name__.split(".")[-1]

    def __repr__(self) -> str:
        return self.name


def test_two_processes_train_as_one(command):
    cases = {name: (Named(module), settings) for name, (module, settings) in CASES.items()}
    Path("two.py").write_text(SCRIPT.replace("{cases}", repr(cases)))
    done = command("torch.distributed.run", "--standalone", "--nproc-per-node", 2, "two.py", timeout=300)
    assert done.returncode == 0, done.stderr
    for name, (module, settings) in CASES.items():
        model, run = module.train(**settings, out=Path(f"alone_{name}"))
        two, _ = checkpoint.load(Path(name) / "model.safetensors")
        for key, one in model.state_dict().items():
            other = two[key]
            if key.endswith("query_key_value.bias"):
                # Keys may all be moved by the same: their bias has no gradient but rounding, which Adam makes steps of.
                one, other = (bias.view(3, -1)[[0, 2]] for bias in (one, other))
            torch.testing.assert_close(other, one, atol=2e-5, rtol=1e-4, msg=lambda m, n=f"{name} {key}": f"{n}: {m}")
        if name != "a_text_too_many":  # a text that both processes have counts twice in the mean of the losses
            loss = read_history(Path(name))[-1]["train_loss"]
            assert loss == pytest.approx(run.history[-1]["train_loss"], rel=1e-4), name


@pytest.mark.parametrize("module", [tagging, embeddings, topics])
def test_the_others_refuse_torchrun(module, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(SystemExit) as exit:
        cli.run(module.train, module.HyperParams, [], module.HyperParams.COMMAND)
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "runs in one process; start it without torchrun" in line
