"""Runs as programs of their own: how they end, how they are stopped, that they do not outlive who made them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from running import write_line

from common.programs import Here, Outcome, Program, describe_seconds, perform, perform_all, state_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Ctrl-C as a signal")


@pytest.fixture(autouse=True)
def line(monkeypatch):
    write_line(monkeypatch)


def program(value=1.0, seconds=0.0, **kws) -> Program:
    words = ("--value", str(value), "--seconds", str(seconds), "--epochs", "2")
    return Program("line", Path("runs", f"value-{value}"), words, **kws)


def wait_for(what, seconds=30.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def go_on():
    return "go on"


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_how_a_run_ends_and_what_it_said():
    assert perform(program(), go_on).state == "done"
    assert Path("runs/logs/value-1.0.log").read_text() == "begun\n"
    failed = perform(program(-1), go_on)
    assert (failed.state, failed.error) == ("failed", "no disk")
    assert perform(program(2), lambda: "stop") == Outcome("not run")
    assert [state_of(p).state for p in (program(), program(-1), program(2))] == ["done", "interrupted", "not run"]


def test_a_finished_run_is_made_longer_and_one_killed_meanwhile_is_not_taken_for_done():
    perform(program(), go_on)
    longer = program(until=("epochs", 3), also=("--offline", "x"))
    assert longer.line() == ["line", "--resume", "runs/value-1.0", "--epochs", "3", "--offline", "x"]
    assert state_of(program(until=("epochs", 2))).state == "done"
    assert state_of(longer).state == "interrupted"
    assert perform(longer, go_on).state == "done"
    os.utime("runs/value-1.0/hyperparams.json")  # begun again, and no summary since
    assert state_of(longer).state == "interrupted"


def test_what_is_done_is_not_done_again_when_a_worker_died_before_it_could_tell():
    perform(program(), go_on)
    before = Path("runs/value-1.0/pid").read_text()
    assert perform(program(), go_on).state == "done"
    assert Path("runs/value-1.0/pid").read_text() == before


def test_it_runs_where_it_was_planned_with_the_data_sets_from_there(monkeypatch):
    monkeypatch.setenv("LABS_DATA", "/there")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    planned, there = program(one_thread=True), Path.cwd()
    monkeypatch.setenv("LABS_DATA", "/a/worker's/own")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert perform(planned, go_on).state == "done"
    assert (there / "runs/value-1.0/env").read_text() == "1 /there"


def test_told_to_stop_it_saves_and_goes_on_later():
    began = Path("runs/value-1.0/hyperparams.json")
    slow = program(seconds=60)
    assert perform(slow, lambda: "stop" if began.is_file() else "go on", every=0.05).state == "interrupted"
    assert '"interrupted": true' in Path("runs/value-1.0/summary.json").read_text()
    assert perform(slow, go_on).state == "done"


def test_who_is_in_a_hurry_does_not_wait_for_it_to_save():
    began = Path("runs/value-1.0/hyperparams.json")
    perform(program(seconds=60), lambda: "end at once" if began.is_file() else "go on", every=0.05)
    assert not Path("runs/value-1.0/summary.json").exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
def test_a_run_ends_with_the_program_that_started_it():
    text = (
        "from pathlib import Path; from common.programs import Program, perform; "
        "perform(Program('line', Path('run'), ('--value', '1', '--seconds', '60', '--epochs', '1')), lambda: 'go on')"
    )
    parent = subprocess.Popen([sys.executable, "-c", text])
    wait_for(Path("run/hyperparams.json").is_file)
    pid = int(Path("run/pid").read_text())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_alive(pid), 5)
    assert not Path("run/summary.json").exists()  # as if it had been killed itself


def test_many_what_is_finished_is_not_done_again(capsys):
    perform(program(1), go_on)
    before = Path("runs/value-1/pid").read_text()
    made = [program(1), program(-1), program(3)]
    here = Here(2)
    outcomes, stopped = perform_all(made, here, "runs", lambda p, outcome: f"  seen {p.path.name} {outcome.state}")
    here.close()
    assert [outcomes[p.path].state for p in made] == ["done", "failed", "done"]
    assert not stopped
    assert Path("runs/value-1/pid").read_text() == before
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "runs: 3, of which 1 finished before"
    assert "value--1 failed: no disk" in said
    assert "  seen value-3 done" in said
    assert "seen value-1 " not in said


def test_ctrl_c_stops_those_under_way_and_no_other_begins():
    first = Path("runs/value-1/hyperparams.json")

    def interrupt():
        wait_for(first.is_file)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    here = Here(1)
    made = [program(1, 60), program(2)]
    outcomes, stopped = perform_all(made, here, "runs")
    here.close()
    assert stopped
    assert [outcomes[p.path].state for p in made] == ["interrupted", "not run"]
    assert Path("runs/value-1/summary.json").is_file()
    assert not Path("runs/value-2").exists()


def test_times_as_one_says_them():
    assert [describe_seconds(s) for s in (42, 200, 9000)] == ["about 42 s", "about 3 min", "about 2.5 h"]
