"""Where the computation runs, in which precision, and from which random numbers.

`python -m common.device` prints what torch sees on this machine.
"""

import contextlib
import os
import platform
import random

import numpy as np
import torch

from common import distributed
from common.errors import InputError


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`: auto, cpu, cuda, cuda:N or mps.

    auto is CUDA where torch sees a GPU, else the CPU. It is never Apple's MPS, whose results have differed
    from the CPU's in several torch releases: who wants MPS asks for it.
    Raises InputError for a name torch does not know and for a device this machine lacks.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if gpus else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device {name!r} is none of auto, cpu, cuda, cuda:N, mps")
    if device.type == "cuda":
        if gpus == 0:
            raise InputError(f"device {name!r} asked for, but torch sees no GPU; use --device cpu")
        if distributed.world_size() > 1:
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]) if device.index is None else device.index)
        if (device.index or 0) >= gpus:
            raise InputError(f"device {str(device)!r} asked for, but torch sees {gpus} GPU(s), numbered from 0")
        torch.cuda.set_device(device)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("device 'mps' asked for, but this torch has no MPS; use --device cpu")
    return device


def derive_seed(*numbers: int) -> int:
    """One 63-bit seed from several numbers (seed, epoch, process, …), well mixed by NumPy's SeedSequence."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_everything(*numbers: int) -> None:
    """Start Python's, NumPy's and torch's generators (all devices) from a seed derived from `numbers`."""
    seed = derive_seed(*numbers)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def use_deterministic_kernels(only: bool) -> None:
    """On CUDA take only kernels that give the same bits every time; RuntimeError then where there is none.

    Without it CUDA may add numbers up in another order each time: same seed, nearly the same numbers.
    """
    if only:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(only)


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[None]:
    """Mixed precision: inside the block matrix products and convolutions run in bfloat16; weights stay float32."""
    if precision == "float32":  # older torch knows no autocast on MPS, not even one that is off
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def describe_devices() -> str:
    """What torch sees, a line each: versions, CPU threads, every GPU with its memory, MPS."""
    lines = [
        f"python {platform.python_version()}, torch {torch.__version__}, {platform.system()} {platform.machine()}",
        f"cpu     {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads",
    ]
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            gpu = torch.cuda.get_device_properties(i)
            free, total = torch.cuda.mem_get_info(i)
            lines.append(
                f"cuda:{i}  {gpu.name}, {total / 2**30:.1f} GiB ({free / 2**30:.1f} free), "
                f"compute capability {gpu.major}.{gpu.minor}, CUDA {torch.version.cuda}"
            )
    else:
        lines.append("cuda    none (torch sees no GPU)")
    lines.append(f"mps     {'available' if torch.backends.mps.is_available() else 'none'}")
    lines.append(f"auto    means {pick_device('auto')}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(describe_devices())
