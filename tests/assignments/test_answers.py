"""How answers.py is read: what is broken or beside the point costs no more than itself."""

import pytest

from assignments.answers import parse_answers, read_answers
from common.errors import InputError

TWO = """import math

def helper(x):
    return math.sqrt(x)

def first(x):
    return helper(x)

{}
def second(x):
    return x
"""


def names(answers, name):
    return [getattr(node, "name", "") for node in answers.part(name)]


def test_a_function_brings_along_what_it_needs_and_nothing_else():
    answers = parse_answers(TWO.format("y = first(4)\n").encode())
    assert names(answers, "first") == ["", "helper", "first"]
    assert names(answers, "second") == ["second"]
    assert answers.source("second").splitlines() == [*[""] * 10, "def second(x):", "    return x"]  # lines stay


def test_statements_that_only_do_something_are_left_out():
    answers = parse_answers(TWO.format("print(first(4))\nwhile True: pass\nif 1:\n    first = None\n").encode())
    assert "print" not in "".join(map(answers.source, ("first", "second")))
    assert answers.written("first") and answers.written("second")


@pytest.mark.parametrize(
    "broken",
    [
        "def bad(x:\n    return x\n",
        "def bad(x):\n    return (x\n",
        "def bad(x):\nreturn x\n",
        "def bad(x):\n    return x +\n",
        'def bad(x):\n    return "x\n',
        "def bad(x):\n    x = 1\n      y = 2\n",
        "@\ndef bad(x):\n    return x\n",
        "def bad(x):\n\treturn 1\n        return 2\n",
        "def bad(x):\n    return x\n    break\n",
    ],
)
def test_a_broken_function_costs_no_other(broken):
    answers = parse_answers(TWO.format(broken).encode())
    assert answers.find("first") and answers.find("second") and not answers.find("bad")
    assert "line " in answers.broken["bad"]
    line = int(answers.broken["bad"].split("line ")[1].split(":")[0])
    assert 9 <= line <= 9 + broken.count("\n")


def test_what_is_not_written_is_seen():
    asked = 'def a(x):\n    """What?"""\n    raise NotImplementedError\n'
    text = f"{asked}def b(x):\n    raise NotImplementedError()\ndef c(x): return 1\n"
    answers = parse_answers(text.encode())
    assert [answers.written(name) for name in "abcd"] == [False, False, True, False]
    assert parse_answers(b"a = lambda x: x\n").written("a")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("from labs.vae import vae\ndef f(x):\n    return vae.kl(x)\n", "labs.vae"),
        ("def f(x):\n    import common.metrics\n", "common.metrics"),
        ("import torch\ndef f(x):\n    return torch.nn.functional.conv2d(x)\n", "conv2d"),
        ("import torch\ndef f(x):\n    return getattr(torch, 'conv2d')(x)\n", "conv2d"),
        ("import torch.optim.conv2d as c\ndef f(x):\n    return c(x)\n", "conv2d"),
        ("import torch\ndef f(x):\n    return vars(torch)['conv2d'](x)\n", "conv2d"),
        (
            "def f(x):\n    conv2d = 2 * x\n    return conv2d if x == 'conv2d' else x\n",
            "",
        ),  # a name of one's own, a text
        ("from torch import conv2d as c\ndef f(x):\n    return c(x)\n", "conv2d"),
        ("from torch import *\ndef f(x):\n    return conv2d(x)\n", "conv2d"),
        ("import torch\nmine = torch.conv2d\ndef g(x):\n    return mine(x)\ndef f(x):\n    return g(x)\n", "conv2d"),
        (
            "def conv2d(x):\n    return x\ndef f(x):\n    return conv2d(x)\n",
            "",
        ),  # a function of one's own may be called so
        ("from labs.vae import vae\nimport torch\ndef f(x):\n    return torch.exp(x)\n", ""),  # not used by f
        ('def f(x):\n    """Not conv2d, nor labs."""\n    return x\n', ""),
    ],
)
def test_the_suite_and_the_function_that_is_built_are_refused_by_name(text, refused):
    assert parse_answers(text.encode()).refused("f", ("conv2d",)) == refused


def test_bytes_that_are_no_text():
    assert "UTF-8" in parse_answers(b"\xff\xfe\x00a").complaint
    assert "line 1" in parse_answers(b"x = 1\x00\n").complaint
    assert parse_answers("\ufeffdef f(x):\r\n    return x\r\n".encode()).written("f")
    assert parse_answers(("(" * 5000).encode()).complaint


def test_a_file_that_is_not_there_or_too_large(tmp_path):
    with pytest.raises(InputError, match="assignments get"):
        read_answers(tmp_path / "answers.py")
    (tmp_path / "answers.py").write_bytes(b"#" * (2 << 20))
    with pytest.raises(InputError, match="less than one"):
        read_answers(tmp_path / "answers.py")
