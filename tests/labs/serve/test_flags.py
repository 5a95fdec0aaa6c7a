"""Every flag of the server does something."""

import threading
from pathlib import Path

import pytest
from flags import Case, check_all_listed, check_flag

from common.runs import Run
from labs.cnn import HyperParams, build_model
from labs.cnn.own_pictures import PICTURES
from labs.serve import command
from labs.serve.command import Serve

pytest.importorskip("fastapi")


def ask(**kws) -> None:
    """Start a server with these settings, and print what it says to some requests."""
    from starlette.testclient import TestClient

    args = Serve(**kws)
    app = command.build(args, "")
    content = (PICTURES / "1.png").read_bytes()
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        print(client.get("/").json())
        answer = client.post("/classify", files={"image": content}).json()
        print({name: answer.get(name) for name in ("probabilities", "error")})
        print([line for line in client.get("/metrics").text.splitlines() if line.startswith("labs_line_places")])


CASE = Case(
    Serve,
    ask,
    {"runs": (Path("../a"),)},
    {
        "runs": (Path("../b"),),
        "places": 7,
        "seconds": 1e-6,
        "megabytes": 0.001,
    },
)


@pytest.fixture(autouse=True)
def runs():
    for name in "ab":
        with Run(HyperParams(dataset="digits", out=Path(name), quiet=True)) as run:
            run.save_model(build_model())


def test_every_flag_is_here():
    check_all_listed(CASE)


@pytest.mark.parametrize("flag", CASE.changes)
def test_a_flag_does_something(flag):
    check_flag(CASE, flag)


def test_threads_work_side_by_side(monkeypatch):
    """--threads: so many requests are worked on at a time, each on one core."""
    import torch

    lines = []
    from labs.serve import app

    built = app.build_app
    monkeypatch.setattr(app, "build_app", lambda served, line, *rest: lines.append(line) or built(served, line, *rest))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    for threads in (None, 2):
        command.build(Serve(runs=(Path("a"),), threads=threads), "")
    assert [line._pool._max_workers for line in lines] == [3, 2]
    meet = threading.Barrier(2, timeout=5)  # both get there, or neither gets on

    async def two():
        import asyncio

        return await asyncio.gather(*(lines[1].run(meet.wait, 5) for _ in range(2)))

    import asyncio

    assert sorted(asyncio.run(two())) == [0, 1]


def test_the_token_that_is_asked_for(monkeypatch):
    monkeypatch.delenv("LABS_TOKEN", raising=False)
    assert [command.find_token(host) for host in ("127.0.0.1", "localhost", "::1")] == ["", "", ""]
    tokens = {command.find_token(host) for host in ("0.0.0.0", "::", "192.168.0.7", "")}
    assert len(tokens) == 4 and all(len(token) >= 20 for token in tokens)
    monkeypatch.setenv("LABS_TOKEN", "sesame")
    assert [command.find_token(host) for host in ("127.0.0.1", "0.0.0.0")] == ["sesame", "sesame"]
    monkeypatch.setenv("LABS_TOKEN", "none")
    assert [command.find_token(host) for host in ("127.0.0.1", "0.0.0.0")] == ["", ""]


def test_loopback_names_are_held_to_beyond_it_the_token_is(monkeypatch):
    app = command.build(Serve(runs=(Path("a"),)), "")
    assert app.rules.hosts == ("127.0.0.1", "localhost", "::1")
    app = command.build(Serve(runs=(Path("a"),), host="0.0.0.0"), "sesame")
    assert app.rules.hosts == () and app.rules.token == "sesame"
