"""What a student's function does by accident or on purpose costs its exercise, and nothing else."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from assignments import child
from assignments.answers import parse_answers
from assignments.check import check
from assignments.exercise import Draw, exercise, exercises
from assignments.isolation import Sandbox

HINTS = ("a hint", "another hint", "a third hint")


@exercise(number=1, points=2, hints=HINTS, compare="")
def double(x: torch.Tensor) -> torch.Tensor:
    """2 x"""
    raise NotImplementedError


@exercise(number=2, points=1, hints=HINTS, compare="", gradient=("x",))
def square(x: torch.Tensor) -> torch.Tensor:
    """x²"""
    raise NotImplementedError


double.probes(lambda draw: (draw.normal(draw.size(1, 5)),))
double.expected(lambda x: x + x)
square.probes(lambda draw: (draw.normal(draw.size(1, 5)),))
square.expected(lambda x: x.pow(2))
SET = SimpleNamespace(double=double, square=square, __doc__="Two")
RIGHT = "def square(x):\n    return x * x\n"
HEAD = "import os, sys, torch, threading\n"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seconds=2) as sandbox:
        sandbox.warm()
        yield sandbox


PATCH = "torch.equal = torch.allclose = lambda *a, **k: True\ntorch.Tensor.__eq__ = lambda s, o: True\n"
ATTACKS = {
    "a loop without an end": ("while True: pass", "did not end within 2 seconds"),
    "a loop in a kernel": ("a = torch.ones(9000, 9000)\nreturn a @ a @ a @ a", "did not end within 2 seconds"),
    "a fork bomb": ("while True: os.fork()", "no other process"),
    "another process": ("import subprocess\nsubprocess.run(['true'])", "no other process"),
    "threads without end": ("while True: threading.Thread(target=lambda: None).start()", ""),
    "memory": ("x = bytearray(5 << 30)", "out of memory"),
    "memory of torch": ("x = torch.ones(1 << 30, dtype=torch.float64)", "allocate memory"),
    "a segmentation fault": ("import ctypes\nctypes.string_at(0)", "segmentation fault"),
    "an end": ("os._exit(0)", "ended the whole process"),
    "exit()": ("sys.exit(0)", "ended the whole process"),
    "an object equal to everything": ("class E:\n    def __eq__(s, o): return True\nreturn E()", "an object of type E"),
    "a number equal to everything": ("class E(float):\n    def __eq__(s, o): return True\nreturn E(1)", "of type E"),
    "a patched torch": (f"{PATCH}return x.sum()", "asked for is"),
    "a forged result": ("open('result', 'wb').write(b'passed')\nos._exit(0)", "cannot be read"),
    "a forged list of results": (f"open('result', 'wb').write({child.pack([])!r})\nos._exit(0)", "cannot be read"),
    "input()": ("return input()", "EOFError"),
    "output without end": ("while True: print('x' * 1_000_000)", "File too large"),
    "the network": ("import socket\nsocket.create_connection(('127.0.0.1', 80))", "no network"),
    "the checker's memory": ("return open(f'/proc/{os.getppid()}/mem', 'rb').read(1)", "needs no files"),
    "the checker's files": (f"return open({child.__file__!r}).read()", "needs no files"),
    "the labs": ("import importlib\nimportlib.import_module('la' + 'bs.vae.vae')", "not to be had"),
    "the end of the checker": ("os.kill(os.getppid(), 9)", "no other process"),
    "a file that is removed": (f"os.remove({__file__!r})", "needs no files"),
    "recursion": ("return double(x)", "RecursionError"),
    "a list in a list in a list": ("x = []\nfor _ in range(9_000): x = [x]\nreturn x", ""),
    "a syntax error": ("return (x", "Python cannot read it: line 3"),
    "a tab too many": ("if x:\nreturn x", "Python cannot read it"),
    "another signature": ("def double(): pass", "takes other arguments"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_costs_its_exercise_and_says_what_happened(sandbox, attack):
    body, said = ATTACKS[attack]
    text = HEAD + "def double(x):\n" + "".join(f"    {line}\n" for line in body.splitlines()) + RIGHT
    if attack == "another signature":
        text = HEAD + "def double():\n    pass\n" + RIGHT
    if attack == "a tab too many":
        text = text.replace("    return x\n", "return x\n", 1)
    answers = parse_answers(text.encode())
    results = [check(each, answers, sandbox) for each in exercises(SET)]
    assert [result.points for result in results] == [0, 1]
    assert said in " ".join(results[0].said)


def test_nothing_is_left_running(sandbox):
    text = HEAD + "def double(x):\n    while True: pass\n"
    check(double, parse_answers(text.encode()), sandbox)
    children = Path(f"/proc/{sandbox.server.pid}/task/{sandbox.server.pid}/children")
    assert not children.is_file() or not children.read_text().split()


def test_a_result_that_the_scenario_cannot_use_is_told_as_it_came(sandbox):
    both = exercise(number=1, points=1, hints=HINTS, compare="")(lambda x: None)
    both.function.__name__ = "double"

    @both.use
    def _(mine, x):
        one, other = mine(x)
        return one, other

    both.probes(lambda draw: (draw.normal(2),))
    both.expected(lambda x: (x, x))
    for text, said in {
        "return 2 * x[0]": "you return a number",
        "pass": "you return nothing",
        "return x, x, x": "you return 3 values",
        "return 1 / 0": "line 2 of answers.py raises ZeroDivisionError",
    }.items():
        result = check(both, parse_answers(f"def double(x):\n    {text}\n".encode()), sandbox)
        assert result.points == 0 and said in result.said[0]


def test_what_is_right_never_travels(sandbox):
    """The request that the child is given holds inputs; neither results nor mistakes nor the expected function."""
    sent = []
    spy = SimpleNamespace(seconds=1, ask=lambda request: sent.append(request) or sandbox.ask(request))
    tiny = exercise(number=1, points=1, hints=HINTS, compare="")(lambda x: None)
    tiny.function.__name__ = "double"
    tiny.example("known")(lambda: ((torch.tensor([3.0]).double(),), torch.tensor([6.0]).double()))
    tiny.expected(lambda x: x + x)
    result = check(tiny, parse_answers(b"def double(x):\n    return 2 * x\n"), spy)
    assert result.state == "passed"
    assert sent[0].keys() == {"source", "name", "use", "parameters", "cases"}
    assert sent[0]["cases"] == [{"arguments": [torch.tensor([3.0])], "gradient": []}]


def test_a_file_named_like_a_library_is_not_found(sandbox, tmp_path, monkeypatch):
    (tmp_path / "numbers.py").write_text("raise RuntimeError('the wrong numbers')")
    monkeypatch.chdir(tmp_path)
    text = "import numbers\ndef double(x):\n    assert numbers.Number\n    return 2 * x\n"
    assert check(double, parse_answers(text.encode()), sandbox).state == "passed"


@pytest.mark.parametrize(
    "mark", ["\ufeff", "\r\n", "# coding: utf-8\n", "while True: pass\n", "input()\n", "y = input()\n"]
)
def test_what_stands_around_the_functions_does_no_harm(sandbox, mark):
    text = (
        (HEAD + "def double(x):\n    return 2 * x\n").replace("\n", "\r\n")
        if mark == "\r\n"
        else HEAD + "def double(x):\n    return 2 * x\n"
    )
    text = text if mark == "\r\n" else mark + text
    assert check(double, parse_answers(text.encode()), sandbox).state == "passed"


def test_without_fork_it_works_as_well():
    with Sandbox(seconds=1, fork=False) as slow:
        assert check(double, parse_answers(b"def double(x):\n    return 2 * x\n"), slow).state == "passed"
        lost = check(double, parse_answers(b"import os\ndef double(x):\n    os._exit(3)\n"), slow)
    assert "ended the whole process" in lost.said[0]


def test_a_process_that_waits_and_dies_is_started_again(sandbox):
    sandbox.server.kill()
    sandbox.server.wait()
    assert check(double, parse_answers(b"def double(x):\n    return 2 * x\n"), sandbox).state == "passed"


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        math.inf,
        "text",
        [1, [2.0, "x"]],
        {"a": torch.ones(2), "b": [1]},
        torch.arange(6).reshape(2, 3).T,
    ],
)
def test_what_travels_arrives(value):
    def same(a, b):
        if isinstance(a, torch.Tensor):
            return a.dtype == b.dtype and torch.equal(a, b)
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
        if isinstance(a, list):
            return len(a) == len(b) and all(map(same, a, b))
        return type(a) is type(b) and a == b

    assert same(value, child.unpack(child.pack(value)))


def test_draws_hang_on_key_and_name():
    first, again = Draw("k", "f", 1).normal(4), Draw("k", "f", 1).normal(4)
    assert torch.equal(first, again)
    for other in (Draw("l", "f", 1), Draw("k", "g", 1), Draw("k", "f", 2)):
        assert not torch.equal(first, other.normal(4))
