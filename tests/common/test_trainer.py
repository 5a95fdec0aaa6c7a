"""The loop, tried on a problem that has neither images nor classes: fitting a line."""

import math
import os
import signal
import time
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from common import checkpoint, progress, trainer
from common.data import ArrayLoader
from common.errors import InputError
from common.runs import Run, read_history, read_summary
from common.schedules import SCHEDULES
from common.settings import TrainingFlags
from common.trainer import Means, batch_length, evaluate, fit

X = torch.linspace(-1, 1, 50)[:, None]
Y = 3 * X - 1


class Line:
    """A line with its optimiser, its step and its data; `noise` draws from torch's generator in every step."""

    def __init__(self, lr: float = 0.1, noise: float = 0.0):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.2 if noise else 0.0))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr)
        self.loader = ArrayLoader(X, Y, batch_size=8, shuffle=True, seed=0)
        self.noise = noise

    def score(self, batch):
        x, y = batch
        return {"loss": (self.model(x) - y).square().mean()}

    def step(self, batch):
        x, y = batch
        logs = self.score((x + self.noise * torch.randn_like(x), y))
        self.optimizer.zero_grad()
        logs["loss"].backward()
        self.optimizer.step()
        return logs

    def fit(self, epochs: int, **kws):
        kws = {"quiet": True, "schedule": lambda epoch, epochs: 0.9**epoch, **kws}
        return fit(self.step, self.loader, epochs=epochs, modules=[self.model], optimizers=[self.optimizer], **kws)

    def test_loss(self):
        return evaluate(self.score, ArrayLoader(X, Y, batch_size=50), [self.model])

    @property
    def weights(self) -> list[float]:
        return [p.item() for p in self.model.parameters()]


@dataclass(frozen=True)
class Flags(TrainingFlags):
    COMMAND: ClassVar[str] = "labs.line"


def open_run(out, resume=None) -> Run:
    return Run(Flags(quiet=True, out=out, resume=resume))


def test_it_learns_the_line():
    line = Line()
    rows = line.fit(60, evaluations={"test": line.test_loss})
    assert line.weights == pytest.approx([3, -1], abs=0.01)
    assert [row["epoch"] for row in rows] == list(range(1, 61))
    assert set(rows[0]) == {"epoch", "seconds", "train_loss", "test_loss"}
    assert rows[-1]["test_loss"] < 1e-4


def test_means_are_weighted_by_batch_size():
    """Batches of 64 and 16 weigh 4 to 1; a mean of the batches' means would be 0.5."""
    means = Means()
    means.add({"accuracy": torch.tensor(1.0)}, 64)
    means.add({"accuracy": torch.tensor(0.0)}, 16)
    assert means.read() == {"accuracy": 0.8}
    assert means.samples == 80


def test_a_million_small_numbers_add_up():
    means = Means()
    for _ in range(20_000):
        means.add({"loss": torch.tensor(0.1)}, 1000)
    assert means.read()["loss"] == pytest.approx(0.1, abs=1e-7)  # float32 sums would be off in the fourth digit


@pytest.mark.parametrize(
    "batch", [torch.zeros(5, 2), (torch.zeros(5), 1), [torch.zeros(5)], {"ids": torch.zeros(5)}, ((torch.zeros(5),), 0)]
)
def test_the_length_of_any_batch(batch):
    assert batch_length(batch) == 5


def test_evaluation_switches_to_eval_mode_and_back():
    line = Line(noise=1)
    seen = []
    evaluate(lambda batch: seen.append(line.model.training) or line.score(batch), [(X, Y)], [line.model])
    assert seen == [False]
    assert line.model.training
    assert line.test_loss() == line.test_loss()  # dropout is off


def test_modules_train_in_steps_and_rest_in_evaluations():
    line, modes = Line(), []

    def evaluation():
        modes.append(("evaluation", line.model.training))
        return {"loss": 0.0}

    def step(batch):
        modes.append(("step", line.model.training))
        return line.step(batch)

    fit(step, [(X, Y)], modules=[line.model], optimizers=[], epochs=2, evaluations={"val": evaluation}, quiet=True)
    assert modes == [("step", True), ("evaluation", False)] * 2
    assert not line.model.training


def test_schedules_move_once_an_epoch():
    line, rates = Line(), []
    line.fit(3, on_batch=[lambda n, logs: rates.append(line.optimizer.param_groups[0]["lr"])])
    assert rates == pytest.approx([0.1] * 7 + [0.09] * 7 + [0.081] * 7)


def test_hooks_see_every_step_and_every_epoch():
    line, steps, epochs = Line(), [], []
    line.fit(
        2, on_batch=[lambda n, logs: steps.append((n, float(logs["loss"])))], on_epoch=[lambda n, _: epochs.append(n)]
    )
    assert [n for n, _ in steps] == list(range(1, 15))
    assert epochs == [1, 2]


def test_same_seed_same_numbers_and_another_seed_others():
    def weights(seed):
        line = Line(noise=0.1)
        line.fit(3, seed=seed)
        return line.weights

    assert weights(0) == weights(0)
    assert weights(0) != weights(1)


def test_what_a_hook_draws_does_not_change_the_training():
    plain, watched = Line(noise=0.1), Line(noise=0.1)
    plain.fit(3)
    watched.fit(3, on_epoch=[lambda *_: torch.rand(7)])
    assert plain.weights == watched.weights


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, stop_after):
    whole = Line(noise=0.1)
    rows = whole.fit(5)

    first = Line(noise=0.1)
    first.fit(stop_after, run=open_run(tmp_path / "run"))
    second = Line(noise=0.1)
    resumed = second.fit(5, run=open_run(None, resume=tmp_path / "run"))
    assert second.weights == whole.weights
    assert [row["train_loss"] for row in resumed] == [row["train_loss"] for row in rows]
    assert len(read_history(tmp_path / "run")) == 5


def test_fewer_epochs_than_the_run_has_are_refused(tmp_path):
    Line().fit(3, run=open_run(tmp_path / "run"))
    with pytest.raises(InputError, match="3 epochs already, --epochs 2"):
        Line().fit(2, run=open_run(None, resume=tmp_path / "run"))


def test_a_run_that_has_all_its_epochs_says_so_and_stays_as_it_is(tmp_path, capsys):
    first = Line()
    first.fit(2, run=open_run(tmp_path / "run"))
    line, run = Line(), open_run(None, resume=tmp_path / "run")
    fit(line.step, line.loader, modules=[line.model], optimizers=[line.optimizer], epochs=2, run=run)
    assert "all its 2 epochs" in capsys.readouterr().out
    assert line.weights == first.weights


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    Line().fit(1, run=open_run(tmp_path / "run"))
    line = Line()
    line.model = nn.Linear(1, 2)
    with pytest.raises(InputError, match="another model"):
        line.fit(2, run=open_run(None, resume=tmp_path / "run"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_after_the_step_and_goes_on_to_the_same_end(tmp_path, number):
    whole = Line(noise=0.1)
    whole.fit(4)

    def interrupt(n, logs):
        if n == 10:  # in the middle of the second epoch
            os.kill(os.getpid(), number)

    line, run = Line(noise=0.1), open_run(tmp_path / "run")
    before = signal.getsignal(number)
    rows = line.fit(4, run=run, on_batch=[interrupt])
    assert run.interrupted
    assert run.exit_status == 130
    assert len(rows) == 1
    assert signal.getsignal(number) is before

    second, run = Line(noise=0.1), open_run(None, resume=tmp_path / "run")
    second.fit(4, run=run)
    assert not run.interrupted
    assert second.weights == whole.weights


def test_an_interrupt_with_nowhere_to_save_goes_up():
    def interrupt(n, logs):
        if n == 10:
            os.kill(os.getpid(), signal.SIGTERM)

    line = Line(noise=0.1)
    with pytest.raises(KeyboardInterrupt):
        line.fit(4, on_batch=[interrupt])


def test_a_second_interrupt_ends_at_once(tmp_path):
    before = signal.getsignal(signal.SIGINT)  # a process in the background may have been told to ignore it
    usual = signal.default_int_handler
    signal.signal(signal.SIGINT, usual)

    def interrupt(n, logs):
        os.kill(os.getpid(), signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is not usual:  # until the first has been noted: two at once are one
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            Line().fit(4, on_batch=[interrupt])
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_what_there_was(tmp_path):
    line = Line()

    def poison(epoch, row):
        if epoch == 2:
            line.model[0].weight.data.fill_(math.nan)

    with pytest.raises(InputError, match="loss is nan in epoch 3.*lower --lr.*run"), open_run(tmp_path / "run") as run:
        line.fit(5, run=run, on_epoch=[poison])
    assert len(read_history(tmp_path / "run")) == 2
    assert read_summary(tmp_path / "run").interrupted is True
    tensors, _ = checkpoint.load(tmp_path / "run" / "checkpoint" / "last.safetensors")
    assert all(t.isfinite().all() for t in tensors.values())


def test_a_long_epoch_with_a_bad_loss_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(trainer, "REFRESH", 0.0)
    line, steps = Line(), []
    line.model[0].weight.data.fill_(math.inf)
    with pytest.raises(InputError, match="epoch 1"):
        line.fit(1, on_batch=[lambda n, logs: steps.append(n)])
    assert len(steps) <= 2


def scripted(values: list[float], **kws):
    """Fit with validation losses read from a list; returns the rows and, for each epoch, the weights after it."""
    line, weights, script = Line(), [], iter(values)

    def evaluation():
        weights.append(line.weights)
        return {"loss": next(script)}

    rows = line.fit(len(values), evaluations={"val": evaluation}, monitor="val_loss", **kws)
    return rows, weights, line.weights


def test_the_best_validation_epoch_gives_the_final_weights():
    rows, weights, final = scripted([3, 1, 2, 4])
    assert len(rows) == 4
    assert final == weights[1]
    _, weights, final = scripted([3, 1, 2, 4], mode="max")
    assert final == weights[3]


def test_early_stop_after_patience_epochs_without_a_better_one():
    rows, weights, final = scripted([3, 1, 2, 4, 0, 0], patience=2)
    assert [row["val_loss"] for row in rows] == [3, 1, 2, 4]
    assert final == weights[1]


def test_best_epoch_and_patience_survive_a_resume(tmp_path):
    _, weights, _ = scripted([3, 1], run=open_run(tmp_path / "run"))
    line, script = Line(), iter([2, 4, 0])
    rows = line.fit(
        6,
        evaluations={"val": lambda: {"loss": next(script)}},
        monitor="val_loss",
        patience=2,
        run=open_run(None, resume=tmp_path / "run"),
    )
    assert [row["val_loss"] for row in rows] == [3, 1, 2, 4]
    assert line.weights == weights[1]


def test_plain_lines_without_a_terminal_and_nothing_when_quiet(capsys):
    line = Line()
    fit(line.step, line.loader, modules=[line.model], optimizers=[], epochs=2)
    out, err = capsys.readouterr()
    assert [text.split()[:2] for text in out.splitlines()] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert "train loss" in out
    assert err == ""
    line.fit(1)
    assert capsys.readouterr() == ("", "")


def test_a_bar_with_live_numbers_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "on_terminal", lambda: True)
    monkeypatch.setattr(trainer, "REFRESH", 0.0)
    line = Line()
    slow = list(line.loader) * 30
    fit(line.step, slow, modules=[line.model], optimizers=[], epochs=1)
    err = capsys.readouterr().err
    assert "epoch 1/1" in err
    assert "it/s" in err


def test_speed_and_history_are_in_the_run(tmp_path):
    line = Line()
    with open_run(tmp_path / "run") as run:
        line.fit(2, run=run, evaluations={"test": line.test_loss})
        run.finish({"test_loss": 1.0}, "done")
    summary = read_summary(tmp_path / "run")
    assert summary.epochs == 2
    assert summary.samples_per_second > 0
    assert summary.interrupted is False
    assert summary.metrics == {"test_loss": 1.0}
    history = read_history(tmp_path / "run")
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["test_loss"] == pytest.approx(run.history[1]["test_loss"], rel=1e-5)


@pytest.mark.parametrize("name", SCHEDULES)
def test_killed_after_any_epoch_and_resumed_it_ends_with_the_same_bits(tmp_path, name):
    whole, epochs = Line(noise=0.1), 5
    rows = whole.fit(epochs, schedule=SCHEDULES[name])
    for killed_after in range(1, epochs + 1):
        out = tmp_path / str(killed_after)

        def kill(epoch, row, last=killed_after):
            if epoch == last:
                raise SystemError  # as sudden as it gets in one process: nothing of the loop's end is run

        with pytest.raises(SystemError):
            Line(noise=0.1).fit(epochs, schedule=SCHEDULES[name], run=open_run(out), on_epoch=[kill])
        again = Line(noise=0.1)
        resumed = again.fit(epochs, schedule=SCHEDULES[name], run=open_run(None, resume=out))
        assert again.weights == whole.weights
        assert [row["train_loss"] for row in resumed] == [row["train_loss"] for row in rows]


def test_a_cosine_run_made_longer_goes_on_along_the_longer_cosine(tmp_path):
    """Not at rate 0, where the shorter one had ended: at what the longer one has in that epoch."""
    Line().fit(4, schedule=SCHEDULES["cosine"], run=open_run(tmp_path / "run"))
    line, rates = Line(), []
    watch = [lambda n, logs: rates.append(line.optimizer.param_groups[0]["lr"])]
    line.fit(8, schedule=SCHEDULES["cosine"], run=open_run(None, resume=tmp_path / "run"), on_batch=watch)
    by_hand = [0.1 * (1 + math.cos(math.pi * epoch / 8)) / 2 for epoch in range(4, 8)]
    assert rates[:: len(line.loader)] == pytest.approx(by_hand)
    assert rates[0] == pytest.approx(0.05)


def test_what_ctrl_c_broke_off_is_undone(tmp_path):
    """The weights that are left are those of the last whole epoch, as the history and the checkpoint say."""
    whole = Line(noise=0.1)
    whole.fit(2)

    def interrupt(n, logs):
        if n == 17:  # in the third epoch
            os.kill(os.getpid(), signal.SIGINT)

    line = Line(noise=0.1)
    line.fit(4, run=open_run(tmp_path / "run"), on_batch=[interrupt])
    assert line.weights == whole.weights


def files_of(path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "rows", "optimizer", "best"])
def test_a_resume_that_fails_leaves_the_run_as_it_was(tmp_path, damage):
    out = tmp_path / "run"
    with open_run(out) as run:
        Line().fit(3, run=run, evaluations={"val": lambda: {"loss": 1.0}}, monitor="val_loss")
        run.finish({"val_loss": 1.0}, "done")
    file = out / "checkpoint" / ("best.safetensors" if damage == "best" else "last.safetensors")
    content = file.read_bytes()
    tensors, header = checkpoint.load(file)
    if damage == "cut":
        file.write_bytes(content[:-20])
    elif damage in ("flipped", "best"):
        file.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    elif damage == "foreign":
        checkpoint.save(file, {"module0.weight": torch.zeros(7)}, header)
    elif damage == "rows":
        checkpoint.save(file, tensors, header | {"rows": [{"epoch": "one"}]})
    else:
        header["numbers"]["optimizers"][0]["groups"][0]["params"] = [0]
        checkpoint.save(file, tensors, header)
    before = files_of(out)
    with pytest.raises(InputError, match=file.name), open_run(None, resume=out) as run:
        Line().fit(5, run=run, evaluations={"val": lambda: {"loss": 1.0}}, monitor="val_loss")
    assert files_of(out) == before
