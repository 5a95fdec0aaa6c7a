"""The detector as an ONNX file finds what `predict` finds before non-maximum suppression."""

from pathlib import Path

import numpy as np
import pytest
import torch

from common.runs import Run
from labs.cnn.detection import HyperParams, build_model, load_run, predict
from labs.cnn.detection.export import export


@pytest.mark.parametrize("cell", [8, 16])
def test_the_file_finds_what_the_lab_finds(cell, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    args = HyperParams(dataset="digits", cell=cell, out=Path("run"), device="cpu", quiet=True)
    model = build_model(args, torch.tensor([[10.0, 14.0], [14.0, 22.0], [22.0, 30.0]]))
    for layer in model.modules():  # a network that has learnt has statistics of its own
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2)
    with Run(args) as run:
        run.save_model(model, classes=[str(i) for i in range(10)])
    assert export(Path("run")) == Path("run/model.onnx")
    said, last = capsys.readouterr().out.splitlines()
    assert said.startswith(
        "detector: scenes (N, 1, 96, 96) in [0, 1] → boxes (N, K, 4) in pixels and scores (N, K, 10)"
    )
    assert "(100 random inputs)" in said
    assert last == "run/model.onnx"

    X = torch.rand(3, 1, 96, 96)
    session = onnxruntime.InferenceSession("run/model.onnx")
    boxes, scores = session.run(["boxes", "scores"], {"scenes": X.numpy()})
    assert boxes.shape == (3, 3 * (96 // cell) ** 2, 4)
    found = predict(load_run(Path("run")).model, X, threshold=0.0, overlap=1.0)
    for i, own in enumerate(found):
        theirs = np.column_stack([boxes[i], scores[i].max(axis=1), scores[i].argmax(axis=1)])
        ours = np.column_stack([own.boxes, own.scores, own.labels])
        assert len(ours) == len(theirs)
        apart = np.abs(ours[:, None] - theirs).max(axis=2)  # predict has sorted them: each has its like, wherever
        assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 1e-3
