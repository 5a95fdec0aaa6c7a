"""The server as a process: its address, its client, connections that say nothing, its end."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import InputError
from common.runs import Run
from labs.cnn import HyperParams, build_model
from labs.cnn.own_pictures import PICTURES
from labs.serve import command

requests = pytest.importorskip("requests")
pytest.importorskip("fastapi")

PROJECT = Path(__file__).parents[3]
SHEET = PROJECT / "labs/serve/README.md"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("served") / "first"
    with Run(HyperParams(dataset="digits", out=path, quiet=True)) as run:
        run.save_model(build_model())
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def start(run: Path, *words: str, **environment: str) -> tuple[subprocess.Popen, int, str]:
    """The process, its port, and the link that it prints."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "labs.serve", str(run), "--port", str(port), *words],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", "LABS_TOKEN": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    link = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))[0]
    return server, port, link


def stop(server: subprocess.Popen) -> tuple[int, str]:
    server.send_signal(signal.SIGINT)
    _, said = server.communicate(timeout=20)
    return server.returncode, said


def other_address() -> str | None:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
            return probe.getsockname()[0]
        except OSError:
            return None


def test_it_serves_loopback_answers_the_sheets_client_and_ends_with_ctrl_c(run, monkeypatch, capsys):
    server, port, link = start(run)
    try:
        assert link == f"http://127.0.0.1:{port}/draw"
        (client,) = re.findall(r"```python\n(import base64.*?)```", SHEET.read_text(encoding="utf-8"), re.DOTALL)
        assert len(client.strip().splitlines()) <= 11  # ten, and a blank one
        Path("digit.png").write_bytes((PICTURES / "1.png").read_bytes())
        exec(client.replace(":8000", f":{port}").replace("/detect", "/classify"), {})
        said = capsys.readouterr().out
        assert re.search(r"Welcome.*\n\d \d+% \[0\.0, 0\.0, 698\.0, 484\.0\]\n.*seconds", said), said
        address = other_address()
        if address:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, port), 2)
    finally:
        status, errors = stop(server)
    assert (status, errors) == (0, "")


def test_opened_to_all_it_prints_a_link_with_a_token(run, monkeypatch, capsys):
    import uvicorn

    started = []
    monkeypatch.delenv("LABS_TOKEN", raising=False)
    monkeypatch.setattr(
        uvicorn.Server, "run", lambda self, sockets: started.append((self.config, sockets[0].getsockname()))
    )
    command.serve([run], host="0.0.0.0", port=free_port())
    ((config, (address, port)),) = started
    link, token = re.findall(r"(http://\S+)#token=(\S{20,})", capsys.readouterr().out)[0]
    assert link == f"http://127.0.0.1:{port}/draw"
    assert address == "0.0.0.0" and config.app.rules.token == token


def test_a_port_in_use_a_host_that_is_none_and_a_run_that_is_none(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--port {port}: Address already in use; name another"):
            command.serve([run], port=port)
    with pytest.raises(InputError, match="--host 203.0.113.1 --port .*; name another"):
        command.serve([run], host="203.0.113.1", port=free_port())
    with pytest.raises(InputError, match="nowhere is no run directory"):
        command.serve([Path("nowhere")], port=free_port())


def test_connections_on_which_nothing_comes_are_closed(run, monkeypatch):
    """In this process, where the patience can be made shorter."""
    import threading

    import uvicorn

    from labs.serve import patience

    monkeypatch.setattr(patience, "SECONDS", 0.3)
    app = command.build(command.Serve(runs=(run,)), "")
    listening = command.listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    config = uvicorn.Config(app, http=patience.ImpatientProtocol, ws="none", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        silent = socket.create_connection(("127.0.0.1", port), 5)
        slow = socket.create_connection(("127.0.0.1", port), 5)
        used = requests.Session()
        assert used.get(f"http://127.0.0.1:{port}/health", timeout=5).json() == {"status": "ok"}
        begin = time.monotonic()
        end = begin + 10
        slow.settimeout(0.1)
        gone = False
        while not gone and time.monotonic() < end:  # a byte of a header, again and again
            try:
                slow.send(b"G" if time.monotonic() - begin < 0.05 else b"E")
                gone = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                gone = True
        assert gone and silent.recv(1) == b""
        silent.close(), slow.close()
        assert used.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200  # on a new connection
        used.close()
    finally:
        server.should_exit = True
        thread.join(10)


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(InputError, match=r"fastapi is not installed; .*\[serve\]"):
        command.require_server()


def test_the_end_of_an_answer_does_not_wait_for_the_clients_acknowledgement():
    with command.listen("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
