"""The lab in CONTRIBUTING.md is made in a tree of its own, from the page alone, and does what a lab does."""

import json
import re
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
# One process for all commands of the tree, for torch to be imported once: what each ends with, and what it prints.
COMMANDS = """
import contextlib, io, json, runpy, sys

for words in json.loads(sys.argv[1]):
    sys.argv, status = words, 0
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code or 0
    print(json.dumps([status, said.getvalue()]))
"""


@pytest.fixture
def tree(tmp_path) -> Path:
    """The suite without its labs, and the page's files."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "common", tmp_path / "tree/common", ignore=ignored)
    (tmp_path / "tree/labs").mkdir()
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(PROJECT / "labs" / name, tmp_path / "tree/labs")
    page = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = re.findall(r"^`(labs/[^`]+)`[^\n]*\n\n```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["labs/line/__init__.py", "labs/line/__main__.py", "labs/line/line.py"]
    for name, content in files:
        (tmp_path / "tree" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "tree" / name).write_text(content, encoding="utf-8")
    return tmp_path / "tree"


def test_the_pages_lab_is_listed_trained_resumed_compared_drawn_and_reopened(tree, command):
    Path("commands.py").write_text(COMMANDS)
    Path("reopen.py").write_text(
        "from labs.line import load_run, predict\nimport torch\n"
        "loaded = load_run()\nprint(loaded.path, predict(loaded.model, torch.zeros(1, 1)).item() < 0)\n"
    )
    lines = """
        labs
        labs.line --help
        labs.line --out runs/line/a
        labs.line --out runs/line/b --epochs 4
        labs.line --resume runs/line/b --epochs 8
        labs.line --out runs/line/c --lr 0.01
        labs compare runs/line/a runs/line/c
        reopen
    """.strip().splitlines()
    done = command("commands", json.dumps([line.split() for line in lines]), PYTHONPATH=str(tree))
    assert done.returncode == 0, done.stderr
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert [status for status, _ in ended] == [0] * len(lines), done.stderr
    listed, flags, said, _, _, _, compared, reopened = (said for _, said in ended)
    assert re.search(r"python -m labs\.line +Fitting a line", listed)
    assert "standard deviation of the points" in flags
    assert "these settings reach 0.008–0.014 in 8 epochs" in said
    a, b = ((Path("runs/line") / name / "history.csv").read_text().splitlines() for name in "ab")
    assert len(a) == 9
    assert [line.split(",")[2] for line in a] == [line.split(",")[2] for line in b]
    assert Path("runs/line/a/figures/curves.png").stat().st_size > 1000
    loss = json.loads(Path("runs/line/a/summary.json").read_text())["metrics"]["train_loss"]
    assert loss == pytest.approx(0.011, abs=0.003)
    assert "| lr " in compared
    assert reopened.split() == ["runs/line/c", "True"]


def test_the_pages_lab_reaches_its_band(tree, monkeypatch):
    """The band was measured with ten seeds; three of them here."""
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("labs_line", tree / "labs/line/line.py")
    line = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "labs_line", line)
    spec.loader.exec_module(line)
    for seed in range(3):
        _, run = line.train(seed=seed, quiet=True, out=f"run{seed}")
        assert line.EXPECTED[0].holds(run.metrics), run.metrics
