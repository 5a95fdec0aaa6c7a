"""`labs sweep` with real runs: what is kept, what fails, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common import programs
from common.programs import Outcome
from common.records import read_history
from common.sweep.sweep import sweep

PROJECT = Path(__file__).parents[2]
WALK = "reinforcement_learning"  # the quickest command
PROGRAM = (
    "import sys; from common import cli; from common.sweep.sweep import Sweep, sweep; "
    "raise SystemExit(cli.run(sweep, Sweep, sys.argv[1:], 'labs sweep'))"
)


@pytest.fixture(autouse=True)
def found(monkeypatch):
    """The labs are found from wherever a run is started."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


def rows(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def test_failed_runs_are_reported_and_the_rest_go_on_and_nothing_is_done_twice(tmp_path, capsys):
    """A folder of another combination holds another command's run, which no check of flags foresees."""
    out = tmp_path / "s"
    kws = {"words": ["--episodes", "100", "--env", "sorcery/RandomWalk1D-v0"], "out": out, "jobs": 2}
    assert sweep(WALK, [["alpha", "0.1"]], **kws) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "runs of labs.reinforcement_learning: 1, of which 0 finished before"
    assert said[-1] == str(out)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/summary.json")}
    assert len(kept) == 1
    damaged = out / "alpha-0.9_seed-0"
    damaged.mkdir()
    (damaged / "hyperparams.json").write_text('{"command": "labs.vae"}')
    assert sweep(WALK, [["alpha", "0.9", "0.1"]], **kws) == 1
    said = capsys.readouterr().out
    assert "alpha-0.9_seed-0 failed: " in said
    assert "is a run of labs.vae" in said
    assert "1 of 2 runs failed" in said
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    states = {row[0]: row[3] for row in rows(out / "sweep.csv")[1:]}
    assert sorted(states.values()) == ["done", "failed"]


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C as a signal")
def test_ctrl_c_saves_and_resume_goes_on(tmp_path, monkeypatch, capsys):
    out = tmp_path / "s"
    words = [WALK, "--over", "alpha", "0.1", "0.5", "--out", str(out), "--", "--episodes", "30000", "--block", "10"]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = out / "alpha-0.1_seed-0"
    end = time.monotonic() + 90
    while not (first / "history.csv").is_file() and time.monotonic() < end:
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    said, errors = program.communicate(timeout=90)
    assert program.returncode == 130, errors
    assert said.splitlines()[-2] == f"stopped; what was finished is kept, go on with labs sweep --resume {out}"
    assert json.loads((first / "summary.json").read_text())["interrupted"]
    before = len(read_history(first))
    assert 0 < before < 3000
    assert [row[3] for row in rows(out / "sweep.csv")[1:]] == ["interrupted", "not run"]
    assert not (out / "alpha-0.5_seed-0").exists()

    started = []

    def fail(program, wish):
        started.append(program.line())
        return Outcome("failed", "no disk")

    monkeypatch.setattr(programs, "perform", fail)
    assert sweep(goes_on=out) == 1
    second = out / "alpha-0.5_seed-0"
    assert started[0] == ["labs.reinforcement_learning", "--resume", str(first)]
    assert started[1][:2] == ["labs.reinforcement_learning", "--alpha=0.5"]
    assert started[1][-2:] == ["--out", str(second)]
    assert f"{second.name} failed: no disk" in capsys.readouterr().out
