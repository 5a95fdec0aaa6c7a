"""Training on several processes, as `torchrun` starts them. With one process everything here does nothing."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from common.errors import InputError


def launched() -> bool:
    """Whether torchrun has started several processes, this one among them."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Join the other processes if torchrun started this one: gloo between CPUs, NCCL between GPUs."""
    if not launched():
        yield
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
        dist.barrier()  # nobody leaves while another still talks; after an error torchrun ends the others
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, 0 … world_size − 1."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank()
    return int(os.environ["RANK"]) if launched() else 0


def is_main() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


@contextlib.contextmanager
def main_first() -> Iterator[None]:
    """Let process 0 go through the block (a download) before the others."""
    if world_size() > 1 and not is_main():
        dist.barrier()
    try:
        yield
    finally:
        if world_size() > 1 and is_main():
            dist.barrier()


def gather(value: Any) -> list[Any]:
    """Every process's `value`, in every process."""
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def from_main(value: str) -> str:
    """Process 0's `value`, in every process."""
    if world_size() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def any_process(flag: bool) -> bool:
    """Whether `flag` is true in any process."""
    if world_size() == 1:
        return flag
    value = torch.tensor([int(flag)])
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return bool(value)


# --- One model in several processes ---------------------------------------------------------------------------------

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_weight = 1.0  # of this process's gradient


def own_rows(rows: torch.Tensor) -> torch.Tensor:
    """This process's share of a batch to train on, every W-th of its rows. A batch with fewer rows than there are
    processes goes to all of them as it is: none may be left without, and the mean of equal gradients is the gradient.
    """
    return rows if len(rows) < world_size() else rows[rank() :: world_size()]


def weigh_batch(n: int) -> None:
    """Tell the others that this process's next gradient is the mean over n samples."""
    global _weight
    if world_size() > 1:
        whole = torch.tensor([n])
        dist.all_reduce(whole)
        _weight = n / int(whole)


def refuse_batch_norm(learning: Iterable[nn.Module], cure: str = "without batch normalisation") -> None:
    """InputError for BatchNorm among the layers that learn: it normalises by the batch at hand, of which each process
    has a part only, so that the training would be another one.
    """
    if world_size() > 1 and any(isinstance(layer, BATCH_NORMS) for layer in learning):
        raise InputError(
            "the network learns with BatchNorm, of whose batches each process would see a part only; start it without "
            f"torchrun, or {cure}"
        )


def share_gradients(model: nn.Module) -> nn.Module:
    """The model, whose gradients become the mean over the samples of all processes; with one process the model itself.

    The processes begin with the weights of process 0. Raises InputError for BatchNorm that learns.
    """
    if world_size() == 1:
        return model
    refuse_batch_norm(layer for layer in model.train().modules() if layer.training)

    def weighted_mean(state: None, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        summed = dist.all_reduce(bucket.buffer().mul_(_weight), async_op=True).get_future()
        return summed.then(lambda future: future.value()[0])

    device = next(model.parameters()).device
    shared = nn.parallel.DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
    shared.register_comm_hook(None, weighted_mean)
    return shared
