"""ONNX files: the same numbers for any number of rows, refusals in one line, nothing of this machine in the file."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from common import exchange
from common.errors import InputError
from common.exchange import Inputs, largest_difference, require_onnx, to_onnx, write_onnx

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class Conditional(nn.Module):
    """A network with two inputs, one of them a class."""

    def __init__(self):
        super().__init__()
        self.classes, self.last = nn.Embedding(10, 4), nn.Linear(7, 2)

    def forward(self, z, label):
        return self.last(torch.cat([z, self.classes(label)], dim=1))


def draw(n: int) -> Inputs:
    return {"z": torch.randn(n, 3), "label": torch.arange(n) % 10}


def write(path: Path, model: nn.Module, **kws) -> Path:
    return write_onnx(path, model, draw, outputs=["points"], name="net", about="z, label → points", **kws)


def test_a_network_of_two_inputs_is_written_whole_and_named(capsys):
    model = Conditional()
    assert write(Path("deep/net.onnx"), model, checked=7) == Path("deep/net.onnx")
    said, last = capsys.readouterr().out.splitlines()
    assert said.startswith("net: z, label → points, 0.0 MiB; onnxruntime and PyTorch differ by ")
    assert said.endswith("of the largest number (7 random inputs)")
    assert last == "deep/net.onnx"
    assert [file.name for file in Path("deep").iterdir()] == ["net.onnx"]  # all weights are inside
    onnx.checker.check_model(onnx.load("deep/net.onnx"), full_check=True)
    session = onnxruntime.InferenceSession("deep/net.onnx")
    for n in (1, 5):
        z, label = draw(n).values()
        (points,) = session.run(["points"], {"z": z.numpy(), "label": label.numpy()})
        np.testing.assert_allclose(points, model(z, label).detach().numpy(), atol=1e-6)
    assert str(Path(sys.prefix)).encode() not in Path("deep/net.onnx").read_bytes()  # no place on this machine


def test_the_difference_is_a_share_of_the_largest_number():
    model, inputs = nn.Linear(3, 1, bias=False), {"z": torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])}
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[4.0, 2.0, 0.0]]))
    content = to_onnx(model, inputs, ["y"])
    assert largest_difference(model, inputs, content) == 0
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[4.0, 1.0, 0.0]]))
    assert largest_difference(model, inputs, content) == 1 / 4


class Both(nn.Module):
    """A large answer and a small one."""

    def __init__(self):
        super().__init__()
        self.small = nn.Linear(3, 1, bias=False)

    def forward(self, z):
        return 1000 * z, self.small(z)


def test_of_several_answers_each_is_compared_with_its_own_largest_number():
    model, inputs = Both(), {"z": torch.eye(3)}
    with torch.no_grad():
        model.small.weight.copy_(torch.tensor([[0.5, 0.25, 0.0]]))
    content = to_onnx(model, inputs, ["large", "small"])
    assert [output.name for output in onnx.load_from_string(content).graph.output] == ["large", "small"]
    assert largest_difference(model, inputs, content) == 0
    with torch.no_grad():
        model.small.weight.copy_(torch.tensor([[0.5, 0.0, 0.0]]))
    assert largest_difference(model, inputs, content) == 1 / 2


def test_a_file_with_other_numbers_is_not_written(monkeypatch):
    model, other = Conditional(), to_onnx(Conditional(), draw(2), ["points"])
    monkeypatch.setattr(exchange, "to_onnx", lambda *args: other)
    with pytest.raises(InputError, match="the exported net gives other points: .* of the largest"):
        write(Path("net.onnx"), model)
    assert not Path("net.onnx").exists()


def test_numbers_that_are_none_are_not_taken_for_equal(monkeypatch):
    monkeypatch.setattr(exchange, "to_onnx", lambda *args: b"")
    monkeypatch.setattr(exchange, "largest_difference", lambda *args: float("nan"))
    with pytest.raises(InputError, match="gives other points: nan"):
        write(Path("net.onnx"), Conditional())


def test_a_network_too_large_for_one_file_is_refused(monkeypatch):
    monkeypatch.setattr(exchange, "LIMIT", 100)
    with pytest.raises(InputError, match="net is 0.0 GiB, and an ONNX file holds 2 at most"):
        write(Path("net.onnx"), Conditional())


def test_what_is_not_installed_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(exchange.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(InputError, match=r"^onnxruntime not installed; .*: pip install -e \"\.\[export\]\""):
        require_onnx()
