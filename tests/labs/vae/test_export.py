"""The decoder as an ONNX file draws what `decode` draws."""

from pathlib import Path

import numpy as np
import pytest
import torch

from common.runs import Run
from labs.vae.autoencoder import decode
from labs.vae.export import export
from labs.vae.vae import HyperParams, build_model, load_run


@pytest.mark.parametrize(("model", "latent_dim"), [("vae", 2), ("conv_vae", 3)])
def test_the_file_draws_what_the_lab_draws(model, latent_dim, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    args = HyperParams(dataset="digits", model=model, latent_dim=latent_dim, out=Path("run"), device="cpu", quiet=True)
    with Run(args) as run:
        run.save_model(build_model(args))
    assert export(Path("run")) == Path("run/decoder.onnx")
    said, _ = capsys.readouterr().out.splitlines()
    assert said.startswith(f"decoder of {model}: codes z (N, {latent_dim}) → pixels (N, 1, 28, 28) in [0, 1], ")
    assert "(100 random inputs)" in said
    session, z = onnxruntime.InferenceSession("run/decoder.onnx"), 3 * torch.randn(5, latent_dim)
    (pixels,) = session.run(["pixels"], {"z": z.numpy()})
    np.testing.assert_allclose(pixels, decode(load_run(Path("run")).model, z).numpy(), atol=1e-5)
    assert pixels.std() > 0.005  # not the same for every code
