"""Training in epochs. The lab owns the step (loss, backward, update); this owns batches, means and rates.

def step(batch):                       # Flux: withgradient(model) do m … end; update!(…)
    logs = score(model, batch)         # {"loss": …, "accuracy": …}: scalars, means over the batch
    optimizer.zero_grad()
    logs["loss"].backward()
    optimizer.step()
    return logs

history = fit(step, loader, modules=[model], optimizers=[optimizer], epochs=8)
"""

import operator
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from common import distributed, shared_batches
from common.device import seed_everything
from common.loop import Best, Row, Training, describe, play
from common.runs import Run
from common.schedules import Schedule, constant

Logs = dict[str, Tensor]

REFRESH = 0.5  # seconds between two readings of the running means (each one waits for the device)


class Means:
    """Means of named scalars, weighted by batch size. The sums stay on the device until they are read."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sums: Tensor | None = None
        self.samples = 0

    def add(self, logs: Mapping[str, Tensor], n: int) -> None:
        """Count `logs`, means over `n` samples, detached from their graph."""
        values = torch.stack(list(logs.values()))
        if self.sums is None:
            self.names = list(logs)
            # float64, so that a million samples add up exactly enough; MPS has none
            dtype = torch.float32 if values.device.type == "mps" else torch.float64
            self.sums = torch.zeros(len(values), dtype=dtype, device=values.device)
        self.sums.add_(values, alpha=n)
        self.samples += n

    def read(self) -> Row:
        """The means so far, in this process."""
        if self.sums is None:
            return {}
        return dict(zip(self.names, (self.sums / self.samples).tolist(), strict=True))

    def read_all(self) -> Row:
        """The means over the samples of all processes; every process has to ask, also one without samples."""
        if distributed.world_size() == 1:
            return self.read()
        own = {} if self.sums is None else dict(zip(self.names, self.sums.tolist(), strict=True))
        parts = distributed.gather((own, self.samples))
        samples = sum(n for _, n in parts)
        names = dict.fromkeys(name for sums, _ in parts for name in sums)
        return {name: sum(sums.get(name, 0.0) for sums, _ in parts) / samples for name in names}


def batch_length(batch: Any) -> int:
    """Samples in a batch: the length of its first tensor, which may be inside a tuple, list or dict."""
    while not isinstance(batch, Tensor):
        batch = next(iter(batch.values() if isinstance(batch, Mapping) else batch))
    return len(batch)


@torch.inference_mode()
def evaluate(score: Callable[[Any], Logs], loader: Iterable[Any], modules: Sequence[nn.Module] = ()) -> Row:
    """Means of `score(batch)` over all samples of `loader`, with `modules` in eval mode meanwhile."""
    were_training = [module.training for module in modules]
    for module in modules:
        module.eval()
    means = Means()
    for batch in loader:
        means.add(score(batch), batch_length(batch))
    for module, training in zip(modules, were_training, strict=True):
        module.train(training)
    return means.read_all()


def for_step(model: nn.Module, *, compile: bool = False) -> nn.Module:
    """The model as the step calls it: the same weights, compiled if asked, its gradients averaged under torchrun.

    Save, evaluate and look at `model` itself.
    """
    net = shared_batches.share_gradients(model)
    return cast(nn.Module, torch.compile(net)) if compile else net


def fit(
    step: Callable[[Any], Logs],
    loader: Iterable[Any],
    *,
    modules: Sequence[nn.Module],
    optimizers: Sequence[Optimizer],
    epochs: int,
    schedule: Schedule = constant,
    seed: int = 0,
    evaluations: Mapping[str, Callable[[], Row]] | None = None,
    run: Run | None = None,
    monitor: str | None = None,
    mode: Literal["min", "max"] = "min",
    patience: int | None = None,
    on_batch: Sequence[Callable[[int, Logs], None]] = (),
    on_epoch: Sequence[Callable[[int, Row], None]] = (),
    say: Callable[[Row], str] = describe,
    quiet: bool = False,
) -> list[Row]:
    """Train for `epochs` passes over `loader` and return a row per epoch.

    step         takes a batch, updates the weights, returns scalar tensors (means over the batch)
    modules      are put in train mode for the steps and in eval mode for the evaluations, and are checkpointed
                 together with `optimizers`
    schedule     what the optimisers' learning rates are multiplied by in each epoch
    evaluations  name → function called after each epoch; its metrics enter the row as <name>_<metric>
    run          where history and checkpoint are written after each epoch; see `loop.play`
    monitor      a validation metric: the weights of its best epoch (least with mode "min") are the final ones;
                 after `patience` epochs without a better one the training ends
    on_batch, on_epoch   hooks that watch: (step number, logs) and (epoch, row)
    say          what an epoch's line says of its row; it should fit a terminal

    Every epoch starts from random numbers derived from `seed` and its own number, so an epoch is the same
    whether the ones before it ran in this process or in one that was killed.
    Raises InputError when the loss is not finite.
    """
    rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    steps = 0

    def epoch(number: int, row: Row) -> Iterator[int]:
        nonlocal steps
        seed_everything(seed, number, distributed.rank())
        if hasattr(loader, "set_epoch"):
            loader.set_epoch(number)
        for module in modules:
            module.train()
        for optimizer, own in zip(optimizers, rates, strict=True):
            for group, rate in zip(optimizer.param_groups, own, strict=True):
                group["lr"] = rate * schedule(number - 1, epochs)
        means, looked = Means(), time.perf_counter()
        for batch in loader:
            n = batch_length(batch)
            shared_batches.weigh_batch(n)
            logs = {name: value.detach() for name, value in step(batch).items()}
            means.add(logs, n)
            steps += 1
            for hook in on_batch:
                hook(steps, logs)
            if time.perf_counter() - looked > REFRESH and distributed.world_size() == 1:
                row |= {f"train_{k}": v for k, v in means.read().items()}
                looked = time.perf_counter()
            yield n
        row |= {f"train_{k}": v for k, v in means.read_all().items()}
        yield 0  # a loss that is not finite ends the training here, before it is evaluated
        for module in modules:
            module.eval()
        for name, evaluation in (evaluations or {}).items():
            row |= {f"{name}_{k}": v for k, v in evaluation().items()}

    def line(row: Row) -> str:
        return f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  {row['seconds']:5.1f} s  {say(row)}"

    better = {"min": operator.lt, "max": operator.gt}[mode]
    rows = play(
        epoch,
        Training(modules, optimizers),
        epochs,
        steps=len(loader) if isinstance(loader, Sized) else None,
        best=Best(monitor, better, modules, patience) if monitor else None,
        run=run,
        on_unit=on_epoch,
        line=line,
        quiet=quiet,
    )
    for module in modules:
        module.eval()
    return rows
