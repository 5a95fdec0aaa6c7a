"""What a frozen backbone makes of images: computed once, kept under the data directory.

A frozen backbone gives the same features for the same image in every epoch. The name of a file of features is a
digest of all that they depend on (weights, pixels, preparation), so that features of other weights are never taken
for these, and a head of another size, another learning rate or more epochs cost seconds.
"""

import hashlib
import time
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from common import checkpoint, distributed
from common.device import autocast
from common.errors import InputError

BATCH = 64  # images at a time: at 224×224 in ResNet-18 about a gigabyte on the way through


def digest_of(tensors: list[Tensor], *facts: object) -> str:
    """A name for the contents of `tensors` together with `facts`."""
    digest = hashlib.sha256(repr(facts).encode())
    for tensor in tensors:
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{plain.dtype}{tuple(plain.shape)}".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]


@torch.no_grad()
def compute(extract: nn.Module, X: Tensor, precision: str = "float32", *, quiet: bool = False) -> Tensor:
    """Features (N, F) of images X (N, C, H, W): prepared and sent through the backbone batch by batch."""
    hidden = quiet or not distributed.is_main() or None  # None: unless there is a terminal
    with autocast(X.device, precision):
        parts = tqdm(X.split(BATCH), "features", leave=False, disable=hidden)
        return torch.cat([extract(part).float() for part in parts])


def cached(
    extract: nn.Module, X: Tensor, folder: Path, name: str, precision: str = "float32", *, quiet: bool = False
) -> tuple[Tensor, float]:
    """Features (N, F) and the seconds that the backbone took for them, from the cache if they are there.

    extract  preparation and backbone in eval mode, images (N, C, H, W) → (N, F)
    name     of the backbone, for the file's name
    """
    facts = (repr(extract), precision, X.device.type, torch.__version__)
    path = Path(folder) / f"{name}-{digest_of([*extract.state_dict().values(), X], *facts)}.safetensors"
    if path.is_file():
        try:
            tensors, header = checkpoint.load(path)
            return tensors["features"].to(X.device), header["seconds"]
        except InputError:
            path.unlink()  # it can be computed again
    started = time.perf_counter()
    result = compute(extract, X, precision, quiet=quiet)
    if X.device.type == "cuda":
        torch.cuda.synchronize(X.device)  # its kernels are only queued so far
    seconds = time.perf_counter() - started
    if distributed.is_main():
        try:
            checkpoint.save(path, {"features": result}, {"seconds": seconds})
        except OSError as error:
            warnings.warn(f"{path.parent}: {error.strerror}; the features are not kept", stacklevel=2)
    return result, seconds
