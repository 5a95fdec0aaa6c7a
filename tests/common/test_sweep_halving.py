"""Successive halving: who goes on, that it goes on after Ctrl-C, what it refuses, what its tables say."""

import dataclasses
from pathlib import Path

import pytest

from common.errors import InputError
from common.programs import Outcome, state_of
from common.runs import Run
from common.settings import TrainingFlags
from common.sweep import figures as sweep_figures
from common.sweep.halving import best_third, check_halving, dropped_after, lengths, play_rounds, read_rounds
from common.sweep.plan import check_jobs, jobs_of, keep_plan, make_plan, read_plan
from common.sweep.tables import report

RATES = [f"{i}e-3" for i in range(1, 10)]


def loss(lr: float, seed: int, epochs: int) -> float:
    """Best at the end: 0.007. After two epochs it is only the third."""
    distance = abs(lr - (0.005 if epochs <= 2 else 0.007))
    return 1 + 100 * distance + 0.01 * seed + 1 / epochs


class Trained:
    """In the place of this machine: a run is over as soon as it is wanted."""

    side_by_side = 1

    def __init__(self, most: int = 1000):
        self.made: list[tuple[str, int]] = []
        self.most = most  # runs until Ctrl-C, as it were

    def make(self, programs, wish):
        for program in programs:
            if len(self.made) < self.most:
                yield program, self.outcome(program)

    def outcome(self, program) -> Outcome:
        words = dict(word.removeprefix("--").split("=") for word in program.words if "=" in word)
        seed = int(program.words[program.words.index("--seed") + 1])
        _, epochs = program.until
        self.made.append((program.path.name, epochs))
        make_run(program.path, float(words["lr"]), seed, epochs)
        return Outcome(state_of(program).state, seconds=1.0)

    def lost(self) -> str:
        return "the power" if len(self.made) >= self.most else ""


def make_run(path: Path, lr: float, seed: int, epochs: int) -> None:
    body = {"COMMAND": "labs.cnn", "BETTER": {"val_loss": "smaller"}}
    kind = dataclasses.dataclass(frozen=True)(type("Flags", (TrainingFlags,), body))
    begun = (path / "hyperparams.json").is_file()
    where = {"resume": path} if begun else {"out": path}
    run = Run(kind(quiet=True, dataset="digits", device="cpu", seed=seed, lr=lr, epochs=epochs, **where))
    run.begin([{"epoch": i, "seconds": 1.0, "val_loss": loss(lr, seed, i)} for i in range(1, epochs + 1)])
    run.write_history()
    run.finish({"test_accuracy": 0.5}, "")


def sweep_of(out: Path, command="cnn", over=("lr", *RATES), words=(), halve=2, by=None, seeds="0-1"):
    words = words or ("--dataset", "digits", "--epochs", "18")
    plan = make_plan(command, [over], seeds, None, 0, list(words), halve, by)
    jobs = jobs_of(plan, out)
    plan = dataclasses.replace(plan, whole=check_halving(plan, check_jobs(plan, jobs)))
    keep_plan(plan, out)
    return plan, jobs


def test_rounds():
    assert lengths(2, 18) == [2, 6, 18]
    assert lengths(2, 20) == [2, 6, 18, 20]
    assert best_third([3, 1, 2, 1, 5, 6, 7, 8, 9], "smaller") == [1, 2, 3]
    assert best_third([3, 1, None, float("nan"), 5, 6], "larger") == [5]
    assert best_third([1, 1], "larger") == [0]


def test_the_best_third_of_each_round_goes_on(tmp_path, capsys):
    plan, jobs = sweep_of(tmp_path)
    pool = Trained()
    outcomes, stopped = play_rounds(plan, jobs, pool, tmp_path, one_thread=False)
    assert not stopped
    first, second = read_rounds(tmp_path)
    assert (first.epochs, first.kept) == (2, [3, 4, 5])  # 4, 5 and 6e-3: best then, and 7e-3 was to be the best
    assert first.values[4] == pytest.approx(1 + 0.005 + 1 / 2)  # the mean over two seeds
    assert (second.epochs, second.kept, second.values[0]) == (6, [5], None)
    assert [pool.made.count((jobs[5].name, epochs)) for epochs in (2, 6, 18)] == [1, 1, 1]
    assert len(pool.made) == 2 * (9 + 3 + 1)
    assert [dropped_after([first, second], i) for i in (0, 4, 5)] == [2, 6, None]

    capsys.readouterr()
    report(plan, jobs, outcomes, tmp_path, plan.by)
    said = capsys.readouterr().out
    assert "epochs in all: 84; every run for 18 would be 324" in said  # 2 seeds · (6 · 2 + 2 · 6 + 1 · 18)
    table = [line.split(",") for line in (tmp_path / "table.csv").read_text().splitlines()]
    assert [row[0] for row in table[1:4]] == ["6e-3", "5e-3", "4e-3"]
    assert [row[-1] for row in table] == ["dropped_after", "", "6", "6", *["2"] * 6]
    assert "dropped after 6 epochs" in (tmp_path / "table.md").read_text()
    assert said.splitlines()[-1].startswith("left: lr 6e-3, val_loss 1.16")


def test_after_ctrl_c_it_goes_on_where_it_was_and_keeps_the_same(tmp_path):
    plan, jobs = sweep_of(tmp_path / "whole")
    whole = Trained()
    play_rounds(plan, jobs, whole, tmp_path / "whole", one_thread=False)
    made = []
    plan, jobs = sweep_of(tmp_path / "parts")
    for most in (5, 15, 1000):  # within the first round, within the second, to the end
        pool = Trained(most)
        plan = read_plan(tmp_path / "parts")
        play_rounds(plan, jobs, pool, tmp_path / "parts", one_thread=False)
        made += pool.made
    assert made == whole.made
    assert read_rounds(tmp_path / "parts") == read_rounds(tmp_path / "whole")


def test_a_combination_whose_run_fails_does_not_go_on(tmp_path):
    plan, jobs = sweep_of(tmp_path, over=("lr", *RATES[:3]), seeds="0")

    class Failing(Trained):
        def outcome(self, program):
            ended = super().outcome(program)
            return Outcome("failed", "val_loss is nan") if "3e-3" in program.path.name else ended

    play_rounds(plan, jobs, Failing(), tmp_path, one_thread=False)
    first = read_rounds(tmp_path)[0]
    assert (first.values[2], first.kept) == (None, [1])


DIGITS = ("--dataset", "digits", "--epochs", "9")
WALK = {"command": "reinforcement_learning", "over": ("gamma", "0.7", "0.8", "0.9"), "words": ("--episodes", "9")}


@pytest.mark.parametrize(
    ("kws", "parts"),
    [
        (WALK, ["counts episodes"]),
        ({"words": (*DIGITS, "--schedule", "cosine")}, ["--schedule cosine", "how many epochs"]),
        ({"words": (*DIGITS, "--model", "lenet")}, ["--schedule cosine"]),
        ({"command": "nlp.language_model", "words": ("--epochs", "9")}, ["learning rate", "how many epochs"]),
        ({"command": "vae", "words": DIGITS}, ["labs.vae names no metric", "--by METRIC"]),
        ({"by": "test_loss"}, ["test set may not choose"]),
        ({"halve": 18}, ["--halve is 18", "less than the 18 epochs"]),
        ({"over": ("lr", "1e-3", "2e-3")}, ["2 combinations", "at least 3"]),
        ({"over": ("epochs", "3", "9", "27"), "words": ("--dataset", "digits")}, ["--over epochs"]),
        ({"words": ("--split", "0.6,0.2,0.2")}, ["how many epochs", "-- --epochs 27"]),
    ],
)
def test_what_cannot_be_halved_is_said_before_anything_runs(kws, parts, tmp_path):
    with pytest.raises(InputError) as error:
        sweep_of(tmp_path / "s", **kws)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)
    assert not (tmp_path / "s").exists()


def test_a_sweep_that_halves_does_not_grow(tmp_path):
    sweep_of(tmp_path)
    with pytest.raises(InputError, match="may not grow"):
        sweep_of(tmp_path, over=("lr", *RATES, "1e-2"))


def test_only_runs_of_the_whole_length_are_compared_and_the_others_are_marked(tmp_path, monkeypatch):
    plan, jobs = sweep_of(tmp_path, halve=6)
    outcomes, _ = play_rounds(plan, jobs, Trained(), tmp_path, one_thread=False)
    shown = []
    monkeypatch.setattr(sweep_figures, "write_figure", lambda path, figure: shown.append((path.name, figure)) or path)
    report(plan, jobs, outcomes, tmp_path, None)
    rows = [line.split(",") for line in (tmp_path / "table.csv").read_text().splitlines()]
    p = rows[0].index("p_against_best")
    assert [bool(row[p]) for row in rows[1:]] == [False, True, True, *[False] * 6]  # the best itself has none
    (name, setting), (curves, _) = shown
    assert (name, curves) == ("val_loss_over_lr.png", "curves.png")
    labels = [text.get_text() for text in setting.legends[0].get_texts()]
    assert labels == ["all 18 epochs", "dropped after 6"]
