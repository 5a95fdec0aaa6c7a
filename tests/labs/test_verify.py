"""`labs verify`: which runs it makes, and its table."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from common import cli
from common.errors import InputError
from common.expectations import Expected
from common.settings import TrainingFlags
from labs import verify as module
from labs.reinforcement_learning.reinforcement_learning import HyperParams as Tabular
from labs.verify import Check, Verify, chosen, find_checks, program_of, verify

# A training command without torch: reaches an accuracy of --lr, or fails, or is interrupted at its first start.
COMMAND = """
import json, os, pathlib, signal, sys, time
def interrupted(*_):
    record(True)
    raise SystemExit(130)
def record(broken_off):
    versions = {"python": "%s", "torch": "%s"}
    (out / "summary.json").write_text(json.dumps({"lab": "line", "dataset": "", "device": "cpu", "seed": 0, "epochs": 1,
        "seconds": 1, "samples_per_second": 1, "metrics": {"accuracy": lr, "loss": 2.5}, "versions": versions,
        "interrupted": broken_off}))
words = sys.argv[1:]
pathlib.Path("calls").open("a").write(" ".join(words) + "\\n")
resumed = "--resume" in words
out = pathlib.Path(words[words.index("--resume" if resumed else "--out") + 1])
lr = 0.9 if resumed else float(words[words.index("--lr") + 1])
out.mkdir(parents=True, exist_ok=True)
(out / "hyperparams.json").write_text("{}")
if lr == 0.7:
    print("error: the disk is full", file=sys.stderr)
    raise SystemExit(2)
if lr == 0.8 and not resumed:
    signal.signal(signal.SIGINT, interrupted)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(20)
record(False)
"""


@dataclass(frozen=True)
class Line(TrainingFlags):
    """Stands for a lab's settings."""

    COMMAND: ClassVar[str] = "line"


@pytest.fixture
def tables(monkeypatch):
    """Put checks in the place of the labs'."""
    monkeypatch.setenv("PYTHONPATH", str(Path(module.__file__).parents[1]))
    Path("line.py").write_text(COMMAND % tuple(module.versions().values()))

    def put(*checks: Check) -> None:
        monkeypatch.setattr(module, "find_checks", lambda: list(checks))

    return put


def line(lr: float, *bands: Expected, **settings: object) -> Check:
    return Check(Line, {"lr": lr, **settings}, bands or (Expected("accuracy", 0.85, 0.95),))


def read_table(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(out, "verify.csv").read_text().splitlines()))


def calls() -> list[str]:
    return Path("calls").read_text().splitlines()


def test_every_table_is_found_and_its_command_says_its_settings():
    checks = find_checks()
    commands = {check.kind.COMMAND.removeprefix("labs.") for check in checks}
    assert commands >= {"cnn", "foundations", "gan", "nlp.classify", "nlp.tagging", "nlp.topics", "vae"}
    assert commands >= {"reinforcement_learning", "reinforcement_learning.dqn", "transfer_learning"}
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.kind(**cli.parse(check.kind, check.words[1:])) == check.kind(**check.settings)
    (q_learning,) = (c for c in checks if c.words == ["labs.reinforcement_learning"])
    assert [band.metric for band in q_learning.bands] == ["start_value", "mean_return"]  # one run for both rows


def test_quick_is_what_needs_no_data_set_and_no_minutes():
    quick = [check.name for check in find_checks() if check.quick]
    assert "cnn_dataset-digits" in quick and "nlp.topics" in quick
    assert not [name for name in quick if "mnist" in name or "dqn" in name or "translate" in name]


def test_labs_are_named_as_their_commands():
    checks = find_checks()
    assert {c.kind.COMMAND for c in chosen(checks, ["nlp"])} >= {"labs.nlp.tagging", "labs.nlp.topics"}
    assert {c.kind.COMMAND for c in chosen(checks, ["nlp.tagging", "vae"])} == {"labs.nlp.tagging", "labs.vae"}
    with pytest.raises(InputError, match=r"no table is of 'nl'; there are cnn, .*vae"):
        chosen(checks, ["nl"])


def test_a_table_is_trained_on_the_cpu_whatever_device_is_asked_for():
    cnn, table = (
        next(c for c in find_checks() if c.name == n) for n in ("cnn_dataset-digits", "reinforcement_learning")
    )
    assert "--device cuda" in " ".join(program_of(cnn, Path("x"), "cuda", Path("d")).line())
    where = str(Path("x") / "reinforcement_learning")
    assert program_of(table, Path("x"), "cuda", Path("d")).line() == [*table.words, "--out", where, "--offline"]


def test_the_table_has_expected_and_reached_and_the_status_says_whether_all_hold(tables, capsys):
    tables(line(0.9, Expected("accuracy", 0.85, 0.95), Expected("loss", most=3)))
    assert verify(out=Path("good")) == 0
    first, second = read_table("good")
    assert first.pop("seconds").isdigit()
    assert first == {
        **{"command": "line --lr 0.9", "metric": "accuracy", "expected": "85.0–95.0 %"},
        **{"reached": "90.0 %", "verdict": "holds", "device": "cpu"},
        **module.versions(),
    }
    assert (second["expected"], second["reached"], second["verdict"]) == ("at most 3", "2.5", "holds")
    assert len(calls()) == 1
    said = capsys.readouterr().out
    assert Path("good/verify.md").read_text() in said
    assert "2 of 2 bands hold" in said and said.splitlines()[-1] == "good"


def test_a_band_that_is_missed_a_failure_and_a_data_set_that_is_not_there(tables):
    tables(line(0.99), line(0.7), line(0.9, dataset="mnist"), line(0.91))
    assert verify(out=Path("out"), data_dir=Path("nowhere")) == 1
    verdicts = [row["verdict"] for row in read_table("out")]
    assert verdicts == [
        *("missed: 0.99", "error: the disk is full"),
        *("skipped: mnist is not under nowhere: labs fetch mnist", "holds"),
    ]
    assert len(calls()) == 3
    tables(line(0.9, dataset="mnist"))
    assert verify(out=Path("skipped"), data_dir=Path("nowhere")) == 0  # nothing fell short
    with pytest.raises(InputError, match="leave --quick away"):
        verify(out=Path("skipped"), quick=True)


def test_what_is_done_is_kept_and_not_done_again(tables, capsys):
    tables(line(0.9), line(0.8), line(0.91))
    assert verify(out=Path("out")) == 130  # Ctrl-C while the second runs
    assert [row["verdict"] for row in read_table("out")] == ["holds"]
    assert "the same with --out out" in capsys.readouterr().out
    assert "true" in Path("out/line_lr-0.8/summary.json").read_text()  # it has kept what it had
    assert verify(out=Path("out")) == 0
    assert [row["verdict"] for row in read_table("out")] == ["holds"] * 3
    resumed = "--resume " + os.path.join("out", "line_lr-0.8")  # noqa: PTH118 (as it is printed)
    assert [resumed in call for call in calls()] == [False, False, True, False]
    assert verify(out=Path("out")) == 0 and len(calls()) == 4


def test_results_of_another_torch_are_not_taken_for_this_ones(tables, monkeypatch):
    tables(line(0.9))
    verify(out=Path("out"))
    monkeypatch.setattr(module, "versions", lambda: {"python": "3.99", "torch": "9.9"})
    with pytest.raises(InputError, match=r"made with python .*, torch .* on cpu; name another folder with --out"):
        verify(out=Path("out"))


def test_a_lab_is_really_trained(tables):
    tables(Check(Tabular, {"episodes": 100}, [Expected("start_value", -1, 1)]))
    assert verify(**cli.parse(Verify, ["--out", "out", "--device", "cpu"])) == 0
    assert Path("out/reinforcement_learning_episodes-100/history.csv").is_file()
