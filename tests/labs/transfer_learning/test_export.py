"""The ONNX file of a network: one file, any number of images, the same logits, and refusals in one line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from common.runs import Run
from labs.transfer_learning.export import Request, export
from labs.transfer_learning.pretrained_network import Network, build_model
from labs.transfer_learning.recipe import HyperParams, resolve


def save_run(path: Path, seed: int = 0) -> Network:
    args = HyperParams(dataset="digits", backbone="characters", standardize=True, out=path, device="cpu", quiet=True)
    args = resolve(args)
    torch.manual_seed(seed)
    model = build_model(args, 3)
    model.head[0].running_mean.uniform_()  # a network that has learnt has statistics of its own
    with Run(args) as run:
        run.save_model(model, classes=["a", "b", "c"])
    return model.eval()


def test_the_file_gives_the_logits_of_the_network_for_any_number_of_images(capsys):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = save_run(Path("run"))
    path = export(Path("run"))
    assert path == Path("run/model.onnx")
    described, last = capsys.readouterr().out.splitlines()
    assert described.startswith("characters: images (N, 3, 32, 32) in [0, 1] → logits (N, 3), ")
    assert last == "run/model.onnx"
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert not list(Path("run").glob("*.data"))  # all weights are inside
    parameters = sum(t.numel() for t in model.state_dict().values())
    assert path.stat().st_size > 4 * parameters
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 7):
        X = torch.rand(n, 3, 32, 32)
        (theirs,) = session.run(None, {"images": X.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(theirs, model(X).numpy(), atol=1e-4)


def test_a_backbone_is_written_without_a_run(capsys):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    path = export(backbone="squeezenet1_1", out=Path("drawn.onnx"))
    outputs = onnx.load(path).graph.output
    assert [dim.dim_value for dim in outputs[0].type.tensor_type.shape.dim][1:] == [1000]
    assert "squeezenet1_1: images (N, 3, 224, 224)" in capsys.readouterr().out


def test_a_run_and_a_backbone_exclude_each_other():
    with pytest.raises(InputError, match="--run a and --backbone vgg16 exclude each other"):
        Request(run=Path("a"), backbone="vgg16")
