"""Two processes with half batches give the weights of one process, to rounding."""

from pathlib import Path

import pytest
import torch

from common import checkpoint
from common.runs import read_history
from labs.vae import vae

TINY = {"dataset": "digits", "hidden": (16,), "epochs": 2, "quiet": True, "device": "cpu"}
PLAIN = {**TINY, "model": "autoencoder"}  # draws nothing: the noise of several processes differs from that of one
CASES = {
    "even": {**PLAIN, "limit": 64, "batch_size": 32},
    "odd": {**PLAIN, "limit": 35, "batch_size": 32, "l2": 0.1},  # the last batch has three images for two processes
    "one_too_many": {**PLAIN, "limit": 33, "batch_size": 32},  # and here one
    "one_by_one": {**PLAIN, "limit": 5, "batch_size": 1},
}
NOISY = {
    "vae": {**TINY, "limit": 64, "warmup": 3},
    "conv_vae": {**TINY, "limit": 32, "model": "conv_vae", "filters": (4,)},
}
SCRIPT = """
from common import checkpoint, distributed
from labs.vae import vae

vae.save_figures = lambda *args: None
with distributed.process_group():
    assert distributed.world_size() == 2
    for name, settings in {cases}.items():
        model, _ = vae.train(**settings, out=name)
        assert len(set(distributed.gather(checkpoint.digest(model.state_dict(), "")))) == 1, name
"""


def test_two_processes_train_as_one_and_end_with_the_same_weights(command, monkeypatch):
    monkeypatch.setattr(vae, "save_figures", lambda *args: None)
    Path("two.py").write_text(SCRIPT.replace("{cases}", repr(CASES | NOISY)))
    done = command("torch.distributed.run", "--standalone", "--nproc-per-node", 2, "two.py", timeout=300)
    assert done.returncode == 0, done.stderr
    for name, settings in CASES.items():
        model, run = vae.train(**settings, out=Path(f"alone_{name}"))
        two, _ = checkpoint.load(Path(name) / "model.safetensors")
        for key, value in model.state_dict().items():
            torch.testing.assert_close(two[key], value, atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")
        ours, theirs = ({**row, "seconds": 0.0} for row in (run.history[-1], read_history(Path(name))[-1]))
        assert theirs == pytest.approx(ours, rel=1e-3), name  # an image that both train on counts twice in the mean
