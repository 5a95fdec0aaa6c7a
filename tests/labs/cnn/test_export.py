"""The network in three files: what the sheet says reads each of them back."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from common.datasets import ImageData
from common.errors import InputError
from labs.cnn.cnn import train
from labs.cnn.export import export

SHEET = Path(__file__).parents[3] / "labs/cnn/README.md"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A folder with a run where the sheet has it, and with the run `other` of another seed; both exported."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    X, y = torch.rand(80, 1, 28, 28), torch.arange(80) % 10
    data = ImageData("digits", tuple("0123456789"), X[:60], y[:60], X[60:], y[60:])
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labs.cnn.cnn.load_images", lambda *args, **kws: data)
        patch.setattr("labs.cnn.cnn.save_figures", lambda *args: None)
        for seed, name in enumerate(("runs/cnn/first", "other")):
            train(dataset="digits", epochs=2, seed=seed, quiet=True, device="cpu", out=folder / name)
            assert export(folder / name) == folder / name / "model.onnx"
    return folder


def code() -> str:
    """What the sheet shows."""
    section = SHEET.read_text(encoding="utf-8").split("\n## One network in three files\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    return block


def test_the_sheets_code_reads_the_three_files_back(runs):
    shutil.copytree(runs, ".", dirs_exist_ok=True)
    exec(code(), {})


@pytest.mark.parametrize("file", ["model.safetensors", "checkpoint/last.safetensors", "model.onnx"])
def test_the_sheets_code_notices_a_file_of_another_network(runs, file):
    shutil.copytree(runs, ".", dirs_exist_ok=True)
    shutil.copy(f"other/{file}", f"runs/cnn/first/{file}")
    with pytest.raises(AssertionError):
        exec(code(), {})


def test_the_file_may_lie_elsewhere_and_is_described(runs, capsys):
    assert export(runs / "other", Path("there/net.onnx")) == Path("there/net.onnx")
    said, last = capsys.readouterr().out.splitlines()
    assert said.startswith("course: images (N, 1, 28, 28) in [0, 1] → logits (N, 10), 0.1 MiB; ")
    assert "100 random inputs" in said
    assert last == "there/net.onnx"
    assert Path(last).read_bytes() == (runs / "other/model.onnx").read_bytes()  # the same again


def test_without_a_run_there_is_nothing_to_write(monkeypatch):
    monkeypatch.setattr("labs.cnn.export.require_onnx", lambda: None)
    with pytest.raises(InputError, match="no run of labs.cnn under runs/cnn"):
        export()
