"""What a student does, from `get` to `hand-in`, with the set that LECTURER.md shows how to write."""

import contextlib
import csv
import json
import queue
import re
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from judging import call

import assignments.__main__ as program
from assignments import training, watch
from assignments.exercise import load_set
from assignments.isolation import Sandbox
from assignments.messages import ENGLISH
from assignments.work import Student, make, open_work
from common.errors import InputError

PAGE = Path(program.__file__).with_name("LECTURER.md")
RIGHT = "def standardise(X):\n    return (X - X.mean(0)) / X.std(0, correction=0)\n"
WRONG = "def standardise(X):\n    return (X - X.mean(0)) / X.std(0)\n"
TEMPLATE = """# Scaling: report of {{student}}
Variant {{variant}}, $x^2$.

Pledge:

**A1.** {{A1}}

A1 =

### Prediction
<!-- a guess, and why -->

## Testing
{{testing}}

## Data logging
{{runs}}

It reached {{base.test_accuracy}} in {{base.epochs}} epochs, and {{other.test_accuracy}}.

![curves](runs/base/figures/curves.png)

### a) Why?
- Because?

## Rubric
"""


@pytest.fixture(scope="module")
def warm():
    """One process that waits, for all commands here: each would start its own."""
    with Sandbox() as sandbox:
        sandbox.warm()
        yield sandbox


@pytest.fixture
def mine(tmp_path, monkeypatch, warm):
    """A lecturer's folder with the page's own example as a set, and a student's empty one."""
    (block,) = re.findall(r"`mine/scaling\.py`:\n\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    question = (
        '\n\nfrom assignments.anticipation import anticipation\n\n\n@anticipation("A1")\ndef _first(draw):\n'
        '    a = draw.number(1, 2)\n    return f"What is {a} squared?", a * a\n'
    )
    trained = block.replace('LAB = ""', 'LAB = "labs.cnn"\nRUNS = {"base": "--epochs 1"}')
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "scaling.py").write_text(trained + question, encoding="utf-8")
    (folder / "scaling.md").write_text(TEMPLATE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for module in (program, watch, training):
        monkeypatch.setattr(module, "Sandbox", lambda **_: contextlib.nullcontext(warm))
    return folder


def test_from_get_to_hand_in(mine, monkeypatch, capsys):
    def do(*words):
        return call(monkeypatch, capsys, *words, "--checks", mine)

    status, said = do("get", "scaling", "--student", "2231045")
    assert status == 0 and "my-work/scaling" in said
    folder = Path("my-work/scaling")
    assert sorted(path.name for path in folder.iterdir()) == ["answers.py", "report.md", "student.toml"]
    assert do("get", "scaling", "--student", "2231045")[0] == 2  # nothing is overwritten

    status, said = do("check", "scaling")
    assert status == 1 and "not written yet" in said and "Testing 0 of 7" in said
    (folder / "answers.py").write_text("import torch\n" + WRONG)
    status, said = do("check", "scaling")
    assert status == 1 and "S1" in said and "divides by N − 1" in said and "it should be" in said
    assert "1 of 3" in do("hint", "scaling", 1)[1] and "2 of 3" in do("hint", "scaling", 1)[1]
    assert json.loads((folder / "hints.json").read_text()) == {"standardise": 2}
    (folder / "answers.py").write_text("import torch\n" + RIGHT)
    status, said = do("check", "scaling", 1, "--key", "another")
    assert status == 0 and "compare with sklearn" in said

    report = folder / "report.md"
    seed = open_work("scaling", Path("my-work")).student.variant
    status, said = do("run", "scaling", "--dataset", "digits", "--limit", "64", "--epochs", "1")
    assert status == 2 and "prediction" in said and not (folder / "runs").exists()
    asked = float(re.search(r"What is ([\d.]+) squared", report.read_text())[1])
    text = report.read_text().replace("A1 =", f"A1 = {asked**2:.3f}").replace("guess, and why -->", "-->\nUp.\n")
    report.write_text(text)
    assert do("run", "scaling", "--seed", "3")[0] == 2
    status, said = do("run", "scaling", "--dataset", "digits", "--limit", "64", "--epochs", "1", "--offline")
    assert status == 0 and "no function of yours is used" in said
    summary = json.loads((folder / "runs/base/summary.json").read_text())
    assert summary["seed"] == seed
    assert json.loads((folder / "sealed.json").read_text()) == {"A1": f"{asked**2:.3f}", "prediction": "Up."}
    report.write_text(report.read_text().replace("Up.", "Down."))

    status, said = do("report", "scaling")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"{summary['metrics']['test_accuracy']:.4g}" in page and "<math" in page and "data:image/png" in page
    assert "http" not in page.replace("http://www.w3.org", "")  # it prints without a network
    assert "missing: 1 place of report.md needs the run other" in said
    assert "= Scaling" in (folder / "report.typ").read_text() and "\\section" in (folder / "report.tex").read_text()

    status, said = do("hand-in", "scaling")
    assert status == 0 and "pledge" in said and "a) Why?" in said and "prediction" not in said
    zipped = Path("my-work/scaling-2231045.zip")
    first = zipped.read_bytes()
    assert {"answers.py", "report.md", "sealed.json", "runs/base/model.safetensors"} <= set(
        zipfile.ZipFile(zipped).namelist()
    )
    assert do("hand-in", "scaling")[0] == 0 and zipped.read_bytes() == first

    for out in ("one", "two"):
        status, said = do("grade", zipped, "--key", "secret", "--out", out)
        assert status == 0 and "testing 7" in said
        (row,) = csv.DictReader(Path(out, "grades.csv").read_text(encoding="utf-8").splitlines())
        assert (float(row["testing"]), float(row["anticipation"]), row["final"]) == (7, 3, "")
    one, two = (sorted(filter(Path.is_file, Path(out).rglob("*"))) for out in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_watch_sees_a_save_and_gives_hints(mine, monkeypatch, capsys):
    module = load_set("scaling", mine)
    work = make(module, Student("scaling", "7"), Path("my-work"))
    typed: queue.Queue[str] = queue.Queue()
    asked = []
    thread = threading.Thread(
        target=watch.watch,
        args=(work, module, lambda exercise: asked.append(exercise.name) or "a hint"),
        kwargs={"once": True, "words": typed},
    )
    thread.start()
    said = ""

    def wait_for(words):
        nonlocal said
        for _ in range(600):
            said += capsys.readouterr().out
            if words in said:
                return
            time.sleep(0.05)
        raise AssertionError(said)

    wait_for("Next: 1 standardise, which is not written yet")
    typed.put("h")
    wait_for("a hint")
    work.answers.write_text("import torch\n" + WRONG)
    wait_for("(S1)")
    work.answers.write_text("import torch\n" + RIGHT)
    wait_for("All right on public cases")
    thread.join(10)
    assert not thread.is_alive() and asked == ["standardise"]


def test_what_was_checked_before_is_not_run_again(mine):
    module = load_set("scaling", mine)
    asked = []

    class Spy:
        seconds = 1

        def ask(self, request):
            asked.append(request["name"])
            raise InputError("asked")

    from assignments.answers import parse_answers

    checked = watch.Checked(Spy())
    with pytest.raises(InputError):
        checked.check(module.standardise, parse_answers(RIGHT.encode()))
    key = ("standardise", parse_answers(RIGHT.encode()).source("standardise"), "")
    checked.known[key] = "known"
    assert checked.check(module.standardise, parse_answers((RIGHT + "y = 1\n").encode())) == "known"
    assert asked == ["standardise"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], "is no command"),
        (["get", "nothing", "--student", "1"], "is no set of exercises"),
        (["get", "scaling"], "--student"),
        (["get", "scaling", "--student", "../../x"], "is no student number"),
        (["get", "scaling", "--student", ""], "--student is empty"),
        (["check", "scaling"], "begin with"),
        (["hint", "scaling", "1"], "begin with"),
        (["run"], "name a set"),
        (["run", "scaling"], "begin with"),
        (["grade", "nothing.zip", "--key", "k"], "is not there"),
        (["grade", "mine/scaling.py", "--key", "k"], "cannot be read as a zip"),
        (["grade", "mine/scaling.py", "--key", ""], "a secret of yours"),
        (["grade", "--key", "k"], "name zips"),
    ],
)
def test_what_a_user_can_get_wrong_is_one_line(mine, monkeypatch, capsys, words, said):
    status, printed = call(monkeypatch, capsys, *words, *(["--checks", mine] if len(words) > 1 else []))
    assert status != 0 and said in printed and "Traceback" not in printed


def test_the_list_and_help(monkeypatch, capsys):
    status, said = call(monkeypatch, capsys)
    assert status == 0 and "python -m assignments watch" in said
    assert call(monkeypatch, capsys, "list")[0] == 0
    assert "grading draws other numbers" in " ".join(call(monkeypatch, capsys, "check", "--help")[1].split())


def test_a_pair_has_the_lower_numbers_variant():
    assert Student("vae", "90", "100").variant == Student("vae", "100", "90").variant == Student("vae", "90").variant
    assert Student("vae", "90").variant != Student("cnn", "90").variant != Student("cnn", "91").variant


def test_every_message_that_is_said_is_in_the_table():
    sources = "".join(path.read_text(encoding="utf-8") for path in PAGE.parent.glob("*.py"))
    said = set(re.findall(r'\bsay\(\s*"(\w+)"', sources))
    assert said <= ENGLISH.keys()
    prefixes = re.findall(r'\bsay\(f"(\w+_)\{', sources)
    assert {key for key in ENGLISH if key not in said} == {key for key in ENGLISH if key.startswith(tuple(prefixes))}


def test_the_program_starts_as_a_program():
    done = subprocess.run([sys.executable, "-m", "assignments"], capture_output=True, text=True, check=True)
    assert "hand-in" in done.stdout
