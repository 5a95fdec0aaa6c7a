"""`labs`: what can be answered without torch is answered without waiting for it."""

import json
import subprocess
import sys
from pathlib import Path

from labs.__main__ import COMMANDS, ELSEWHERE

PROJECT = Path(__file__).parents[2]
# One process for all of them: as soon as one has imported torch, the rest would have it, so the first is named.
PROBE = """
import contextlib, io, json, sys
from labs.__main__ import main

for words in json.loads(sys.argv[1]):
    sys.argv = ["labs", *words]
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
        status = 0
        try:
            main()
        except SystemExit as exit:
            status = exit.code
    print(json.dumps([words, status, "torch" in sys.modules, said.getvalue()]))
"""


def probe(*commands: list[str]) -> dict[str, tuple[int, bool, str]]:
    """What each command line ends with: its status, whether torch has been imported by then, what it has printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(commands)],
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    answers = map(json.loads, done.stdout.splitlines())
    return {" ".join(words): (status, torch, said) for words, status, torch, said in answers}


def test_the_list_help_and_mistakes_need_no_torch():
    names = [*COMMANDS, *ELSEWHERE]
    answers = probe([], ["--help"], ["no-such"], *([name, "--help"] for name in names), *([n, "--no"] for n in names))
    assert not [words for words, (_, torch, _) in answers.items() if torch]
    for words, (status, _, said) in answers.items():
        if words.endswith(("--no", "no-such")):
            assert (status, said.count("\n")) == (2, 1), said
        else:
            assert status == 0
    assert "python -m labs.cnn" in answers[""][2]
    assert "--folder" in answers["runs --help"][2]


def test_a_list_of_runs_needs_no_torch(tmp_path):
    from common.runs import Run
    from labs.cnn import HyperParams

    Run(HyperParams(dataset="digits", device="cpu", out=tmp_path / "cnn", lr=0.5, filters=(8, 16), model="task2"))
    status, torch, said = probe(["runs", "--folder", str(tmp_path)])[f"runs --folder {tmp_path}"]
    assert (status, torch) == (0, False)
    assert "lr 0.5, model task2, filters 8,16" in said


def test_wrong_names_are_one_line(here, assert_one_line_error):
    assert_one_line_error(here("labs", "train"), "'train' is no command of labs", "fetch, compare, picture")
