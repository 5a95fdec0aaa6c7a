"""Training on several processes, as `torchrun` starts them. With one process everything here does nothing.

Only several processes need torch to talk to one another, and so import it; every command imports this file.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any


def launched() -> bool:
    """Whether torchrun has started several processes, this one among them."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Join the other processes if torchrun started this one: gloo between CPUs, NCCL between GPUs."""
    if not launched():
        yield
        return
    import torch
    import torch.distributed as dist

    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
        dist.barrier()  # nobody leaves while another still talks; after an error torchrun ends the others
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """How many processes train together."""
    if not launched():
        return 1
    import torch.distributed as dist

    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, 0 … world_size − 1."""
    return int(os.environ["RANK"]) if launched() else 0


def is_main() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


@contextlib.contextmanager
def main_first() -> Iterator[None]:
    """Let process 0 go through the block (a download) before the others."""
    if world_size() == 1:
        yield
        return
    import torch.distributed as dist

    if not is_main():
        dist.barrier()
    try:
        yield
    finally:
        if is_main():
            dist.barrier()


def gather(value: Any) -> list[Any]:
    """Every process's `value`, in every process."""
    if world_size() == 1:
        return [value]
    import torch.distributed as dist

    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def from_main(value: str) -> str:
    """Process 0's `value`, in every process."""
    if world_size() == 1:
        return value
    import torch.distributed as dist

    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def any_process(flag: bool) -> bool:
    """Whether `flag` is true in any process."""
    if world_size() == 1:
        return flag
    import torch
    import torch.distributed as dist

    value = torch.tensor([int(flag)])
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return bool(value)
