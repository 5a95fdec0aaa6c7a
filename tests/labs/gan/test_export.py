"""The generator as an ONNX file draws what `generate` draws."""

from pathlib import Path

import numpy as np
import pytest
import torch

from common.runs import Run
from labs.gan.export import export
from labs.gan.gan import HyperParams, build_model, generate, load_run, noise


@pytest.mark.parametrize(("model", "latent_dim"), [("task4", 7), ("dcgan", 100)])
def test_the_file_draws_what_the_lab_draws(model, latent_dim, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    args = HyperParams(dataset="digits", model=model, latent_dim=latent_dim, out=Path("run"), device="cpu", quiet=True)
    networks = build_model(args)
    for layer in networks.modules():  # a network that has learnt has statistics of its own
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
    with Run(args) as run:
        run.save_model(networks)
    assert export(Path("run")) == Path("run/generator.onnx")
    said, _ = capsys.readouterr().out.splitlines()
    assert said.startswith(f"generator of {model}: noise z (N, {latent_dim}) → pixels (N, 1, 28, 28) in [0, 1], ")
    assert "(100 random inputs)" in said
    session, z = onnxruntime.InferenceSession("run/generator.onnx"), noise(5, latent_dim, seed=1)
    (pixels,) = session.run(["pixels"], {"z": z.numpy()})
    own = generate(load_run(Path("run")).model["generator"], z).numpy()
    np.testing.assert_allclose(pixels, own, atol=1e-5)
    assert pixels.min() >= 0 and pixels.max() <= 1 and pixels.std() > 0.01
