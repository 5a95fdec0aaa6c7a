"""A trained network as an ONNX file, which other programs run and Netron draws, checked against PyTorch.

Needs the extra `export`. A lab's `export.py` says what goes in and what comes out; all else is here.
"""

import importlib.util
import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from common.errors import InputError, missing_extra
from common.files import write_atomically

NEEDED = ("onnx", "onnxruntime", "onnxscript")
TOLERANCE = 1e-3  # of the largest number: the engines add in another order
LIMIT = 2**31  # bytes that a file of ONNX's format can hold

Inputs = dict[str, Tensor]  # what a network takes, by name, in its order: each with N rows, on the CPU


def require_onnx() -> None:
    """InputError that says how to install what is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise missing_extra(", ".join(missing), "export")


def to_onnx(model: nn.Module, inputs: Inputs, outputs: Sequence[str]) -> bytes:
    """The network in ONNX's format, for any number of rows like those of `inputs` (N ≥ 2). No file beside it."""
    model, values = model.eval(), tuple(inputs.values())
    names: dict[str, Any] = {"input_names": list(inputs), "output_names": list(outputs)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own insides
        if torch.__version__ < "2.5":  # follows one computation; its successor reads the program
            content: Any = io.BytesIO()
            rows = {name: [0] for name in (*inputs, *outputs)}
            torch.onnx.export(model, values, content, **names, dynamic_axes=rows)
            return content.getvalue()
        n = torch.export.Dim("N", min=1)
        shapes = tuple({0: n} for _ in values)
        program: Any = torch.onnx.export(model, values, **names, dynamic_shapes=shapes, dynamo=True, verbose=False)
    proto = program.model_proto
    for node in proto.graph.node:
        del node.metadata_props[:]  # among them the places of this machine's files, which are nobody else's business
    return proto.SerializeToString()


def largest_difference(model: nn.Module, inputs: Inputs, content: bytes) -> float:
    """Between what onnxruntime computes of the inputs and what PyTorch does, as a share of the output's largest number.

    Of several outputs the one that differs most.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    theirs = map(torch.from_numpy, session.run(None, {name: value.numpy() for name, value in inputs.items()}))
    with torch.inference_mode():
        answer = model.eval()(*inputs.values())
    own = answer if isinstance(answer, tuple) else (answer,)
    shares = [(a - b).abs().max() / b.abs().max() for a, b in zip(theirs, own, strict=True)]
    return float(torch.stack(shares).max())


def write_onnx(
    path: Path,
    model: nn.Module,
    draw: Callable[[int], Inputs],
    *,
    outputs: Sequence[str] = ("logits",),
    name: str,
    about: str,
    checked: int = 100,
) -> Path:
    """The network, on the CPU, as the file `path`, if onnxruntime gives the numbers that PyTorch gives; says so.

    draw     so many rows of what the network takes, other ones each time
    outputs  what the file calls the network's answers
    name     of the network, in what is printed, and `about`: what goes in and what comes out
    checked  how many rows both engines compute

    Raises InputError for a network that is too large for the format, and if the engines' numbers differ.
    """
    size = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    if size >= LIMIT:
        raise InputError(f"{name} is {size / 2**30:.1f} GiB, and an ONNX file holds 2 at most; take another")
    content = to_onnx(model, draw(2), outputs)
    # Not as many rows as it was written with: the file must serve any number.
    difference = max(largest_difference(model, draw(n), content) for n in (1, checked))
    if not difference < TOLERANCE:
        raise InputError(f"the exported {name} gives other {' and '.join(outputs)}: {difference:.1e} of the largest")
    write_atomically(path, content)
    print(
        f"{name}: {about}, {len(content) / 2**20:.1f} MiB; onnxruntime and PyTorch differ by {difference:.0e} of the "
        f"largest number ({checked} random inputs)"
    )
    print(path)
    return path
