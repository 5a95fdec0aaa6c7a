"""The training loop. The lab owns the step (loss, backward, update); this owns everything around it.

def step(batch):                       # Flux: withgradient(model) do m … end; update!(…)
    logs = score(model, batch)         # {"loss": …, "accuracy": …}: scalars, means over the batch
    optimizer.zero_grad()
    logs["loss"].backward()
    optimizer.step()
    return logs

history = fit(step, loader, modules=[model], optimizers=[optimizer], epochs=8)
"""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from common import checkpoint, distributed
from common.device import seed_everything
from common.errors import InputError
from common.runs import Run

Logs = dict[str, Tensor]
Row = dict[str, float]

REFRESH = 0.5  # seconds between two readings of the running means (each one waits for the device)
AGREE_EVERY = 16  # steps between two agreements of several processes on whether to stop


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
        """The means over the samples of all processes."""
        if distributed.world_size() > 1 and self.sums is not None:
            samples = torch.tensor([self.samples], dtype=self.sums.dtype, device=self.sums.device)
            self.sums = distributed.sum_over_processes(self.sums)
            self.samples = int(distributed.sum_over_processes(samples))
        return self.read()


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


def prepare(model: nn.Module, *, compile: bool = False) -> nn.Module:
    """The model as the step calls it: the same weights, compiled if asked, its gradients averaged under torchrun.

    Save, evaluate and look at `model` itself.
    """
    net = torch.compile(model) if compile else model
    if distributed.world_size() > 1:
        device = next(model.parameters()).device
        net = nn.parallel.DistributedDataParallel(net, device_ids=[device] if device.type == "cuda" else None)
    return net


def fit(
    step: Callable[[Any], Logs],
    loader: Iterable[Any],
    *,
    modules: Sequence[nn.Module],
    optimizers: Sequence[Optimizer],
    epochs: int,
    schedulers: Sequence[LRScheduler] = (),
    seed: int = 0,
    evaluations: Mapping[str, Callable[[], Row]] | None = None,
    run: Run | None = None,
    monitor: str | None = None,
    mode: Literal["min", "max"] = "min",
    patience: int | None = None,
    on_batch: Sequence[Callable[[int, Logs], None]] = (),
    on_epoch: Sequence[Callable[[int, Row], None]] = (),
    quiet: bool = False,
) -> list[Row]:
    """Train for `epochs` passes over `loader` and return a row per epoch.

    step         takes a batch, updates the weights, returns scalar tensors (means over the batch)
    modules      are put in train mode for the steps and in eval mode for the evaluations, and are checkpointed
                 together with `optimizers` and `schedulers`
    schedulers   learning-rate schedules, moved on after each epoch
    evaluations  name → function called after each epoch; its metrics enter the row as <name>_<metric>
    run          where history and checkpoint are written after each epoch; a resumed run continues from its
                 checkpoint. Ctrl-C and SIGTERM end the loop after the current step (`run.interrupted`; without a
                 run: KeyboardInterrupt)
    monitor      a validation metric: the weights of its best epoch (least with mode "min") are the final ones;
                 after `patience` epochs without a better one the training ends
    on_batch, on_epoch   hooks that watch: (step number, logs) and (epoch, row)

    Every epoch starts from random numbers derived from `seed` and its own number, so an epoch is the same
    whether the ones before it ran in this process or in one that was killed.
    Raises InputError when the loss is not finite.
    """
    state = _State(modules, optimizers, schedulers, run)
    rows, best = state.restore()
    if run:
        run.history = rows
        run.write_history()
    if rows and len(rows) > epochs:
        raise InputError(f"the run has {len(rows)} epochs already, --epochs {epochs} is less")
    quiet = quiet or not distributed.is_main()
    if len(rows) == epochs and not quiet:
        print(f"the run has all its {epochs} epochs; a larger --epochs adds to them")
    watched, steps, trained_samples, trained_seconds = bool(monitor), 0, 0, 0.0

    with StopRequest() as stop:
        for epoch in range(len(rows) + 1, epochs + 1):
            if patience and best and epoch - 1 - best["epoch"] >= patience:
                break
            started = time.perf_counter()
            seed_everything(seed, epoch, distributed.rank())
            if hasattr(loader, "set_epoch"):
                loader.set_epoch(epoch)
            for module in modules:
                module.train()
            means, looked = Means(), started
            with tqdm(loader, f"epoch {epoch}/{epochs}", leave=False, disable=quiet or not _on_terminal()) as bar:
                for batch in bar:
                    logs = {name: value.detach() for name, value in step(batch).items()}
                    means.add(logs, batch_length(batch))
                    steps += 1
                    for hook in on_batch:
                        hook(steps, logs)
                    if time.perf_counter() - looked > REFRESH:
                        running = means.read()
                        bar.set_postfix_str(describe(running), refresh=False)
                        if distributed.world_size() == 1:
                            _check_finite(running, epoch)
                        looked = time.perf_counter()
                    if stop.agreed(steps):
                        break
            trained = means.read_all()
            _check_finite(trained, epoch)
            trained_seconds += time.perf_counter() - started
            trained_samples += means.samples
            if stop.agreed(0):
                break

            row: Row = {"epoch": epoch, "seconds": 0.0, **{f"train_{k}": v for k, v in trained.items()}}
            for module in modules:
                module.eval()
            for name, evaluation in (evaluations or {}).items():
                row |= {f"{name}_{k}": v for k, v in evaluation().items()}
            row["seconds"] = time.perf_counter() - started
            rows.append(row)
            if watched and _better(row[monitor], best, mode):
                best = {"epoch": epoch, "value": row[monitor]}
                state.save_best()
            for scheduler in schedulers:
                scheduler.step()
            state.save(rows, best)
            if run:
                run.write_history()
            if not quiet:
                tqdm.write(f"epoch {epoch:>{len(str(epochs))}}/{epochs}  {row['seconds']:5.1f} s  {describe(row)}")
            for hook in on_epoch:
                hook(epoch, row)

    if run:
        run.interrupted = stop.signalled and len(rows) < epochs
        if trained_seconds:
            run.samples_per_second = trained_samples / trained_seconds
    elif stop.signalled and len(rows) < epochs:
        raise KeyboardInterrupt  # with nowhere to save, a network trained by half must not pass for a whole one
    if best:
        state.load_best()
        if not quiet:
            print(f"kept the weights of epoch {best['epoch']}, the best {monitor}: {best['value']:.4f}")
    for module in modules:
        module.eval()
    return rows


def describe(metrics: Mapping[str, float]) -> str:
    """Metrics in a line: accuracies as percentages, the rest with four digits."""
    return "  ".join(
        f"{name.replace('_', ' ')} {value:.2%}" if "accuracy" in name else f"{name.replace('_', ' ')} {value:.4f}"
        for name, value in metrics.items()
        if name not in ("epoch", "seconds")
    )


class _State:
    """What a run needs to go on: weights, optimisers, schedules, rows, best epoch. In files if there is a run."""

    def __init__(
        self,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        schedulers: Sequence[LRScheduler],
        run: Run | None,
    ):
        self.modules, self.optimizers, self.schedulers, self.run = modules, optimizers, schedulers, run
        self.folder = run.path / "checkpoint" if run else None
        self.best: dict[str, Tensor] = {}

    def weights(self) -> dict[str, Tensor]:
        return {f"module{i}.{k}": v for i, m in enumerate(self.modules) for k, v in m.state_dict().items()}

    def load_weights(self, tensors: dict[str, Tensor], path: Any) -> None:
        for i, module in enumerate(self.modules):
            prefix = f"module{i}."
            own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            checkpoint.load_weights(module, own, path)

    def save(self, rows: list[Row], best: Row | None) -> None:
        if self.folder is None or not distributed.is_main():
            return
        tensors, rest = self.weights(), []
        for i, optimizer in enumerate(self.optimizers):
            own, numbers = checkpoint.optimizer_tensors(optimizer, f"optimizer{i}.")
            tensors |= own
            rest.append(numbers)
        header = {"rows": rows, "best": best, "optimizers": rest}
        checkpoint.save(self.folder / "last.safetensors", tensors, header)

    def save_best(self) -> None:
        self.best = {k: v.detach().clone() for k, v in self.weights().items()}
        if self.folder is not None and distributed.is_main():
            checkpoint.save(self.folder / "best.safetensors", self.best, {})

    def load_best(self) -> None:
        self.load_weights(self.best, "best.safetensors")

    def restore(self) -> tuple[list[Row], Row | None]:
        """The rows and the best epoch of a resumed run, its weights and optimisers put back; else none."""
        if self.run is None or not self.run.resumed or not (self.folder / "last.safetensors").is_file():
            return [], None  # killed before the first epoch ended: begin again, from the same seed
        path = self.folder / "last.safetensors"
        tensors, header = checkpoint.load(path)
        self.load_weights(tensors, path)
        for i, optimizer in enumerate(self.optimizers):
            own = {k: v for k, v in tensors.items() if k.startswith(f"optimizer{i}.")}
            checkpoint.load_optimizer(optimizer, own, header["optimizers"][i], f"optimizer{i}.")
        for scheduler in self.schedulers:
            scheduler.last_epoch = len(header["rows"])
        if header["best"]:
            self.best, _ = checkpoint.load(self.folder / "best.safetensors")
        return header["rows"], header["best"]


class StopRequest:
    """Ctrl-C and SIGTERM as a flag that the loop reads between steps. A second one ends the program at once."""

    def __init__(self) -> None:
        self.signalled = False
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self.previous = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        self._put_back()

    def _note(self, number: int, frame: object) -> None:
        self.signalled = True
        self._put_back()
        if distributed.is_main():
            print("\nstopping after this step and saving; once more to end at once", file=sys.stderr, flush=True)

    def _put_back(self) -> None:
        while self.previous:
            signal.signal(*self.previous.popitem())

    def agreed(self, steps: int) -> bool:
        """Whether to stop now. Several processes must stop at the same step, so they ask one another now and then."""
        if distributed.world_size() > 1:
            if steps % AGREE_EVERY:
                return False
            self.signalled = distributed.any_process(self.signalled)
        return self.signalled


def _on_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()


def _check_finite(means: Row, epoch: int) -> None:
    for name, value in means.items():
        if not math.isfinite(value):
            raise InputError(f"{name} is {value} in epoch {epoch}: the training has diverged; lower --lr")


def _better(value: float, best: Row | None, mode: str) -> bool:
    return best is None or (value < best["value"] if mode == "min" else value > best["value"])
