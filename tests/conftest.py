"""Every test: seeded, on one thread, in an empty working directory, with no network beyond this machine."""

import importlib.util
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from common.device import seed_everything

PROJECT = Path(__file__).parent.parent
torch.set_num_threads(1)  # tiny networks on a busy machine: many times faster


LONG = ("test_notebooks.py", "test_contributing.py", "test_commands.py")  # whole programs: seconds to a minute each


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, half of them at the head of each half of the list.

    pytest-xdist's worksteal gives two workers a half each, then lets the one that is done first take from the other.
    """
    long = [item for item in items if item.path.name in LONG]
    short = [item for item in items if item.path.name not in LONG]
    long.sort(key=lambda item: LONG.index(item.path.name))
    middle = len(short) // 2
    items[:] = [*long[::2], *short[:middle], *long[1::2], *short[middle:]]


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's state reaches a test, and nothing of a test reaches the next."""
    seed_everything(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has programs ignore Ctrl-C
    monkeypatch.chdir(tmp_path)
    if not request.node.get_closest_marker("gpu"):  # also where there is one: what the tests say holds on the CPU
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    if not request.node.get_closest_marker("slow"):
        monkeypatch.delenv("LABS_DATA", raising=False)
    if not request.node.get_closest_marker("network"):
        connect = socket.socket.connect

        def connect_here(self: socket.socket, address: object) -> None:
            if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
                raise OSError(f"this test may not reach {address}")
            connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", connect_here)


@pytest.fixture
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m <words>` in the test's directory: command("labs.cnn", "--epochs", "1")."""

    def run(*words: object, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *map(str, words)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT), **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., subprocess.CompletedProcess]:
    """As `command`, but in this process, without the two seconds in which a new one imports torch.

    For what is not about processes: signals, streams, the environment, warnings (errors here), what is imported.
    """

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        name, *rest = map(str, words)
        monkeypatch.setattr(sys, "argv", [name, *rest])
        capsys.readouterr()
        status: object = 0
        package = importlib.util.find_spec(name).submodule_search_locations
        # A package runs as its __main__.py; either runs anew, also where a test has imported it.
        monkeypatch.delitem(sys.modules, f"{name}.__main__" if package else name, raising=False)
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code or 0
        said, errors = capsys.readouterr()
        return subprocess.CompletedProcess([name, *rest], status, said, errors)

    return run


@pytest.fixture
def assert_one_line_error() -> Callable[..., None]:
    """The command ended with status 2 and one line on stderr that holds all `parts`."""

    def check(done: subprocess.CompletedProcess[str], *parts: str) -> None:
        assert done.returncode == 2, done.stderr
        lines = [line for line in done.stderr.splitlines() if not line.startswith("warning:")]
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("error: ")
        for part in parts:
            assert part in lines[0], lines[0]

    return check
