"""Tensors and plain settings in one file: safetensors with a JSON header. No pickle, so no file can run code."""

import hashlib
import json
from pathlib import Path
from typing import Any, TypedDict

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from common.errors import InputError
from common.files import write_atomically


def save(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write named tensors and a JSON-able `header` to `path`, atomically, with a digest of both."""
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    text = json.dumps(header, default=str)
    metadata = {"header": text, "sha256": digest(plain, text)}
    write_atomically(path, safetensors.torch.save(plain, metadata))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote: tensors (on the CPU) and header.

    Raises InputError if the file is missing, cut off, altered, or not ours.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata["header"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path} is damaged or was not written by these labs ({error})") from error
    right = digest(tensors, metadata["header"])
    if metadata.get("sha256", right) != right or not isinstance(header, dict):  # older files have no digest
        raise InputError(f"{path} is damaged: its content is not what was written (its digest differs)")
    return tensors, header


def digest(tensors: dict[str, Tensor], header: str) -> str:
    """SHA-256 of the header and of every tensor's name, type, shape and bytes."""
    sha = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def check_fit(own: dict[str, Tensor], theirs: dict[str, Tensor], path: Path) -> None:
    """InputError, naming the first difference, unless both have the same names and shapes."""
    ours, stored = ({name: tuple(t.shape) for name, t in tensors.items()} for tensors in (own, theirs))
    for name in [*ours, *stored]:
        if ours.get(name) != stored.get(name):
            raise InputError(
                f"{path} holds another model: {name} is {stored.get(name, 'absent')} there "
                f"and {ours.get(name, 'absent')} here; build the model it was trained with"
            )


def load_weights(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy `tensors` into `module`; InputError, naming the first difference, if they belong to another model."""
    check_fit(module.state_dict(), tensors, path)
    module.load_state_dict(tensors)


class OptimizerNumbers(TypedDict):
    """What an optimiser's state has besides tensors: its groups' settings, and plain numbers."""

    groups: list[dict[str, Any]]
    numbers: dict[str, Any]


def optimizer_tensors(optimizer: torch.optim.Optimizer, prefix: str) -> tuple[dict[str, Tensor], OptimizerNumbers]:
    """An optimiser's state as named tensors, and the rest as JSON-able values."""
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            kept: dict[str, Any] = tensors if isinstance(value, Tensor) else numbers
            kept[f"{prefix}{index}.{key}"] = value
    return tensors, {"groups": state["param_groups"], "numbers": numbers}


def load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], rest: OptimizerNumbers, prefix: str, path: Path
) -> None:
    """Put back what `optimizer_tensors` took out; InputError, naming `path`, if it is another optimiser's."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **rest["numbers"]}.items():
        if name.startswith(prefix):
            index, _, key = name.removeprefix(prefix).partition(".")
            state.setdefault(int(index), {})[key] = value
    own = [group["params"] for group in optimizer.state_dict()["param_groups"]]
    if [group.get("params") for group in rest["groups"]] != own:
        raise InputError(f"{path} is of another training: its optimiser moves other parameters")
    optimizer.load_state_dict({"state": state, "param_groups": rest["groups"]})
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            # Fused kernels walk raw memory: a moment must have its parameter's layout (channels-last, say).
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entries[key] = torch.empty_like(parameter).copy_(value)
