"""The lab in CONTRIBUTING.md is made in a tree of its own, from the page alone, and does what a lab does."""

import json
import re
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


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
    def run(*words: str) -> str:
        done = command(*words, PYTHONPATH=str(tree))
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert re.search(r"python -m labs\.line +Fitting a line", run("labs"))
    assert "standard deviation of the points" in run("labs.line", "--help")
    said = run("labs.line", "--out", "runs/line/a")
    assert "these settings reach 0.008–0.014 in 8 epochs" in said
    run("labs.line", "--out", "runs/line/b", "--epochs", "4")
    run("labs.line", "--resume", "runs/line/b", "--epochs", "8")
    a, b = ((Path("runs/line") / name / "history.csv").read_text().splitlines() for name in "ab")
    assert len(a) == 9
    assert [line.split(",")[2] for line in a] == [line.split(",")[2] for line in b]
    assert Path("runs/line/a/figures/curves.png").stat().st_size > 1000
    loss = json.loads(Path("runs/line/a/summary.json").read_text())["metrics"]["train_loss"]
    assert loss == pytest.approx(0.011, abs=0.003)
    run("labs.line", "--out", "runs/line/c", "--lr", "0.01")
    assert "| lr " in run("labs", "compare", "runs/line/a", "runs/line/c")
    Path("reopen.py").write_text(
        "from labs.line import load_run, predict\nimport torch\n"
        "loaded = load_run()\nprint(loaded.path, predict(loaded.model, torch.zeros(1, 1)).item() < 0)\n"
    )
    assert run("reopen").split() == ["runs/line/c", "True"]


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
