"""Runs on a Dask scheduler's workers: the same as here, also when a worker dies, and what is wrong is one line."""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from running import write_line

from common import cluster
from common.cluster import Cluster, knock
from common.errors import InputError
from common.programs import Program, perform_all

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="Ctrl-C as a signal"),
    # Dask's own, while its threads and sockets go
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def plan(monkeypatch):
    write_line(monkeypatch)
    Path("runs").mkdir()
    Path("runs/sweep.json").write_text("{}")
    return Path("runs/sweep.json")


def workers(n: int, *, processes: bool):
    return distributed.LocalCluster(
        n_workers=n,
        threads_per_worker=1,
        processes=processes,
        dashboard_address="127.0.0.1:0",
        protocol="tcp://",
        host="127.0.0.1",
    )


def programs(*values: float, seconds: float = 0.0) -> list[Program]:
    words = ("--seconds", str(seconds), "--epochs", "2")
    return [Program("line", Path("runs", f"value-{v:g}"), ("--value", f"{v:g}", *words)) for v in values]


def wait_for(what):
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_worker_that_is_killed_has_its_run_done_again(plan):
    killed = []

    def kill(worker: int):
        wait_for(Path("runs/value-1/pid").is_file)
        killed.append(int(Path("runs/value-1/pid").read_text()))
        os.kill(worker, signal.SIGKILL)

    with workers(1, processes=True) as local:
        pool = Cluster(local.scheduler_address, plan)
        (pid,) = pool.client.run(os.getpid).values()
        assert pid != os.getpid()
        threading.Thread(target=kill, args=(pid,)).start()
        outcomes, stopped = perform_all(programs(1, seconds=60), pool, "runs")  # the run that goes on waits no more
        pool.close()
    assert not stopped
    assert [outcome.state for outcome in outcomes.values()] == ["done"]
    assert int(Path("runs/value-1/pid").read_text()) != killed[0]


def test_outcomes_ctrl_c_and_a_worker_that_would_not_do(plan, monkeypatch):
    """One scheduler for all of it, for it takes a while to start."""
    with workers(1, processes=False) as local:
        address = local.scheduler_address
        pool = Cluster(address, plan)
        outcomes, _ = perform_all(programs(1, -1), pool, "runs")
        assert [(o.state, o.error) for o in outcomes.values()] == [("done", ""), ("failed", "no disk")]

        def interrupt():
            wait_for(Path("runs/value-5/hyperparams.json").is_file)
            with pytest.raises(InputError, match="value-5 is under way on tcp.* still"):
                Cluster(address, plan)  # another sweep of the same folder
            seen.append("refused")
            os.kill(os.getpid(), signal.SIGINT)

        seen = []
        other = threading.Thread(target=interrupt)
        other.start()
        outcomes, stopped = perform_all(programs(5, 6, seconds=60), pool, "runs")
        other.join()
        pool.close()
        assert (stopped, seen) == (True, ["refused"])
        assert [o.state for o in outcomes.values()] == ["interrupted", "not run"]

        pool = Cluster(address, plan)
        lost = pool.submit(programs(7, seconds=60)[0])
        lost.cancel()  # as Dask does when the scheduler is gone
        assert (pool.outcome(lost).state, pool.lost()) == ("interrupted", f"the scheduler {address} is gone")
        pool.event.set()
        pool.close()

        with monkeypatch.context() as patch:
            patch.setattr(cluster, "PATIENCE", 1.0)
            patch.setattr(cluster, "look", lambda plan: cluster.Sight(None, cluster.own_versions(), []))
            with pytest.raises(InputError, match=r"does not see .*sweep.json as it is here; .* --out"):
                Cluster(address, plan)
            patch.setattr(cluster, "look", lambda plan: cluster.Sight("{}", {"python": "3", "torch": "2.3"}, []))
            with pytest.raises(InputError, match="has python 3, torch 2.3, which gives other numbers"):
                Cluster(address, plan)
            patch.setattr(cluster, "look", lambda plan: 1 / 0)
            with pytest.raises(InputError, match="cannot run these labs .division by zero"):
                Cluster(address, plan)
        local.scale(0)
        wait_for(lambda: not local.scheduler.workers)
        with pytest.raises(InputError, match="has no workers; start one: dask worker tcp"):
            Cluster(address, plan)


@pytest.mark.parametrize("address", ["", "foo", "x://y:1", "127.0.0.1", "host:port", "tcp://a b:3"])
def test_an_address_that_is_none(address):
    with pytest.raises(InputError, match="write it as the scheduler prints it"):
        knock(address)


def test_nothing_answers():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"tcp://127.0.0.1:{port}", "127.0.0.1:99999"):
        with pytest.raises(InputError, match="no scheduler answers there"):
            knock(address)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request"])
def test_something_else_answers_or_nothing_is_said(said, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            connection.sendall(said)
            time.sleep(0.6)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(InputError, match="no Dask scheduler" if said else "no scheduler answers there .timed out"):
            knock(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"Dask, which is not installed; .*\[cluster\]"):
        Cluster("127.0.0.1:8786", Path("sweep.json"))
