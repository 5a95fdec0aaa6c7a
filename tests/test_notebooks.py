"""The notebooks: well-formed, their Jupyter twins up to date, and what they say runs from top to bottom, offline.

After a change of a notebook: `marimo export ipynb labs/<lab>/notebook.py -o labs/<lab>/<lab>.ipynb -f`.
"""

import ast
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("marimo")
nbformat = pytest.importorskip("nbformat")

PROJECT = Path(__file__).parent.parent
NOTEBOOKS = sorted(PROJECT.glob("labs/**/notebook.py"))
FOLDERS = [path.parent.relative_to(PROJECT / "labs").as_posix() for path in NOTEBOOKS]
# A first cell, after which what trains in the notebook is short, and a film has two frames.
SHORT = """
from itertools import islice

from common import notebook as _notebook

def _short(button, _form=_notebook.form, **controls):
    for name in controls.keys() & {"episodes", "epochs", "limit", "pairs", "scenes", "steps", "sweeps"}:
        controls[name].value = max(2, controls[name].min)
    return _form(button, **controls)

def _two(frames, form, _film=_notebook.film, **fixed):
    return _film(lambda **values: islice(frames(**values), 2), form, **fixed)

_notebook.form, _notebook.film = _short, _two
"""
RUNS = [pytest.param(lab, "", marks=pytest.mark.slow, id=lab) for lab in FOLDERS]
# The detector's test takes as long as its training.
RUNS += [pytest.param(lab, SHORT, id=f"{lab}-short") for lab in FOLDERS if lab != "cnn/detection"]
VERSION = re.compile(rb'"marimo_version": "[^"]+"')


def twin(lab: str) -> Path:
    folder = PROJECT / "labs" / lab
    return folder / f"{folder.name}.ipynb"


@pytest.fixture
def marimo(monkeypatch):
    """`python -m marimo <words>` in this process, which imports it once for all notebooks: its exit status."""

    def run(*words: str | Path) -> int:
        monkeypatch.chdir(PROJECT)
        monkeypatch.setattr(sys, "argv", ["marimo", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            runpy.run_module("marimo", run_name="__main__")
        return end.value.code

    return run


def test_every_lab_has_a_notebook():
    assert sorted(path.name for path in PROJECT.glob("labs/*/") if (path / f"{path.name}.py").is_file()) == [
        folder for folder in FOLDERS if "/" not in folder
    ]


def test_marimo_finds_nothing_wrong(marimo):
    assert marimo("check", "--strict", *NOTEBOOKS) == 0


@pytest.mark.parametrize("lab", FOLDERS)
def test_the_twin_is_the_notebook(lab, marimo, tmp_path):
    assert marimo("export", "ipynb", PROJECT / "labs" / lab / "notebook.py", "-o", tmp_path / "twin.ipynb") == 0
    written, kept = ((path.read_bytes()) for path in (tmp_path / "twin.ipynb", twin(lab)))
    # The exporter notes its own version, which may be a later one of the same series.
    assert VERSION.sub(b"", written) == VERSION.sub(b"", kept), f"{twin(lab).name} is not what marimo exports now"


@pytest.mark.parametrize("lab", FOLDERS)
def test_a_notebook_defines_nothing_that_belongs_in_the_lab(lab):
    source = (PROJECT / "labs" / lab / "notebook.py").read_text(encoding="utf-8")
    kinds = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While)
    cells = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    named = [f"line {node.lineno}" for cell in cells for node in ast.walk(cell) if isinstance(node, kinds)]
    assert len(named) == len(cells), named  # each cell is a function itself
    assert "**Question" in source
    headings = re.findall(r"^ {4}#+ .*", source, re.MULTILINE)
    assert len(headings) >= 5


@pytest.mark.parametrize(("lab", "first"), RUNS)
@pytest.mark.filterwarnings("default")  # zmq and asyncio warn of their own affairs
def test_the_twin_runs_from_top_to_bottom_without_a_network(lab, first, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    for name, value in {"LABS_DATA": str(tmp_path / "data"), "OMP_NUM_THREADS": "1", **unreachable()}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(twin(lab), as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    figures = [o for o in outputs if "<img" in str(o.get("data", {}).get("text/html", ""))]
    assert len(figures) >= 3
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "Traceback" not in said and "Warning" not in said, said
    assert "Figure(" not in json.dumps([o.get("data", {}) for o in outputs])  # a figure that nobody shows


def unreachable() -> dict[str, str]:
    """What makes every address but this machine's end at a closed door."""
    return {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")} | {"no_proxy": "127.0.0.1"}


@pytest.mark.browser
@pytest.mark.parametrize("lab", [lab for lab in FOLDERS if lab != "nlp/translate"])  # draws only what was trained
@pytest.mark.filterwarnings("default")
def test_a_slider_changes_a_figure_in_marimo(lab, tmp_path):
    """The first slider of the notebook is moved; what is shown must become another picture."""
    playwright = pytest.importorskip("playwright.sync_api")
    copy = tmp_path / "notebook.py"
    copy.write_text((PROJECT / "labs" / lab / "notebook.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.marimo.runtime]\nauto_instantiate = true\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "marimo", "edit", str(copy), "--headless", "--no-token", f"--port={port}"]
    environment = {**os.environ, "LABS_DATA": str(tmp_path / "data"), "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([*command, "--skip-update-check"], cwd=tmp_path, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        with playwright.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1200, "height": 1600})
            page.goto(f"http://127.0.0.1:{port}/")
            page.locator("marimo-slider [role=slider]").first.wait_for(timeout=90_000)
            page.locator(".output-area img").first.wait_for(timeout=90_000)
            page.wait_for_timeout(3000)  # the rest of the notebook
            before = pictures(page)
            slider = page.locator("marimo-slider [role=slider]").first
            slider.focus()
            for _ in range(3):
                slider.press("ArrowRight")
            for _ in range(120):
                if pictures(page) != before:
                    break
                page.wait_for_timeout(250)
            page.screenshot(path=str(tmp_path / f"{lab}.png"))
            assert pictures(page) != before
            assert len(pictures(page)) == len(before)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def pictures(page) -> list[str]:
    return [image.get_attribute("src") for image in page.locator(".output-area img").all()]


def chromium() -> str:
    """The browser's program: the environment's CHROMIUM, or the first of the usual names that is there."""
    named = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    found = next((shutil.which(name) for name in named if name and shutil.which(name)), None)
    return found or pytest.skip("no Chromium is installed")


def wait_for(address: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"{address} does not answer")
