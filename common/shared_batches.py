"""One model that several processes train: each has a share of every batch, and all have the mean of the gradients.

With one process nothing here does anything.
"""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from common import distributed
from common.errors import InputError

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_weight = 1.0  # of this process's gradient


def own_rows(rows: Tensor) -> Tensor:
    """This process's share of a batch to train on, every W-th of its rows. A batch with fewer rows than there are
    processes goes to all of them as it is: none may be left without, and the mean of equal gradients is the gradient.
    """
    return rows if len(rows) < distributed.world_size() else rows[distributed.rank() :: distributed.world_size()]


def weigh_batch(n: int) -> None:
    """Tell the others that this process's next gradient is the mean over n samples."""
    global _weight
    if distributed.world_size() > 1:
        whole = torch.tensor([n])
        dist.all_reduce(whole)
        _weight = n / int(whole)


def refuse_batch_norm(learning: Iterable[nn.Module], cure: str = "without batch normalisation") -> None:
    """InputError for BatchNorm among the layers that learn: it normalises by the batch at hand, of which each process
    has a part only, so that the training would be another one.
    """
    if distributed.world_size() > 1 and any(isinstance(layer, BATCH_NORMS) for layer in learning):
        raise InputError(
            "the network learns with BatchNorm, of whose batches each process would see a part only; start it without "
            f"torchrun, or {cure}"
        )


def share_gradients(model: nn.Module) -> nn.Module:
    """The model, whose gradients become the mean over the samples of all processes; with one process the model itself.

    The processes begin with the weights of process 0. Raises InputError for BatchNorm that learns.
    """
    if distributed.world_size() == 1:
        return model
    refuse_batch_norm(layer for layer in model.train().modules() if layer.training)

    def weighted_mean(state: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
        summed = dist.all_reduce(bucket.buffer().mul_(_weight), async_op=True).get_future()
        return summed.then(lambda future: future.value()[0])

    device = next(model.parameters()).device
    shared = nn.parallel.DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
    shared.register_comm_hook(None, weighted_mean)
    return shared
