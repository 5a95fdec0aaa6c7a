"""Pretrained weights: found, fetched, checked and read without running any code that a file might hold."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common import distributed
from common.errors import InputError
from common.sources import FetchError, fetch, file_digest


def published(name: str) -> Any:
    """torchvision's weights for the model called `name`: their .url, .transforms() and .meta."""
    import torchvision

    return torchvision.models.get_model_weights(name).DEFAULT


def published_accuracy(name: str) -> float:
    """Share in percent of ImageNet's validation images that the model called `name` names right (top-1)."""
    # torchvision prints this number in its pages and has no public name for it; a test holds it against the papers'.
    return published(name).meta["_metrics"]["ImageNet-1K"]["acc@1"]


def find_published(name: str, data_dir: Path, *, offline: bool = False, quiet: bool = False) -> Path:
    """The file of torchvision's published weights: where torch keeps its own, else under `data_dir`, else fetched.

    The file's name ends with the beginning of its SHA-256, which is what it is checked against. Raises FetchError,
    naming the file to place by hand, if it cannot be had, and InputError if the one that is there is damaged.
    """
    url = published(name).url
    file = url.rsplit("/", 1)[1]
    folder = Path(data_dir) / "weights"
    digest = re.search(r"-([0-9a-f]{8,})\.pth$", file)
    if digest is None:
        raise InputError(f"of {file} no checksum is published; fetch {url} yourself and name it with --weights")
    with distributed.main_first():
        for path in (Path(torch.hub.get_dir()) / "checkpoints" / file, folder / file):
            if path.is_file():
                if not file_digest(path, "sha256").startswith(digest[1]):
                    raise InputError(f"{path} is damaged: its SHA-256 does not begin with {digest[1]}. Delete it")
                return path
        try:
            if offline:
                raise FetchError("the network is not to be used")
            fetch([url], folder / file, digest[1], algorithm="sha256", quiet=quiet)
        except FetchError as error:
            raise FetchError(
                f"the published weights of {name} are not under {folder} and could not be fetched: {error}. "
                f"By hand: put {file} from {url.removesuffix(file)} into {folder}, or name a file with --weights"
            ) from error
    return folder / file


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a .safetensors, .npz or .pth file. Raises InputError for a file that is none of these.

    A .pth file is a pickle, which can run code: it is read by torch's restricted reader, which knows tensors only.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"--weights {path}: no such file")
    try:
        if path.suffix == ".safetensors":
            import safetensors.torch

            tensors = safetensors.torch.load_file(path)
        elif path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        elif path.suffix in (".pth", ".pt"):
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        else:
            raise InputError(f"--weights {path}: it must be a .safetensors, .npz or .pth file")
    except InputError:
        raise
    except Exception as error:  # a damaged file can make these readers raise nearly anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"--weights {path} cannot be read: cut off, or more than tensors ({reason})") from None
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()) or not tensors:
        raise InputError(f"--weights {path} holds no named tensors; save a model's state_dict()")
    return tensors


def put(tensors: dict[str, Tensor], network: nn.Module, source: object, name: str, head: str | None = None) -> None:
    """Copy `tensors` into `network`, but for its layer `head`, which the lab replaces.

    Raises InputError, naming the first difference, if they are of another architecture.
    """
    own = network.state_dict()
    # DenseNet's published names have dots (norm.1) where the model has none (norm1).
    plain = {key.replace(".", ""): key for key in own}
    theirs = {key if key in own else plain.get(key.replace(".", ""), key): t for key, t in tensors.items()}
    theirs = {key: t for key, t in theirs.items() if head is None or not key.startswith(f"{head}.")}

    def refuse(difference: str) -> InputError:
        return InputError(f"{source} is not of {name}: {difference}; name the network it belongs to with --backbone")

    for key, tensor in theirs.items():
        if key in own and own[key].shape != tensor.shape:
            raise refuse(f"{key} is {tuple(tensor.shape)} there and {tuple(own[key].shape)} here")
    missing, surplus = network.load_state_dict(theirs, strict=False)
    for key in missing:
        if not key.endswith("num_batches_tracked") and not (head and key.startswith(f"{head}.")):
            raise refuse(f"it has no {key}")
    if surplus:
        raise refuse(f"it has {surplus[0]}, which {name} has not")
