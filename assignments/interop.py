"""The same grading elsewhere: on Gradescope, on Classroom 50, and as tests for otter.

`export` writes what is uploaded there; the functions below are what runs there.
"""

import io
import json
import re
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from assignments import feedback
from assignments.check import check_here
from assignments.exercise import Exercise, exercises, load_set
from assignments.grid import Grades, grade
from assignments.isolation import Sandbox
from assignments.submission import read_submission
from common.errors import InputError
from common.files import write_atomically, write_json
from common.settings import OptionalPath, Settings

PROJECT = Path(__file__).parent.parent
SUITE = ("assignments", "common", "labs", "data/corpora", "pyproject.toml", "setup.py", "README.md", "LICENSE")
LEFT_OUT = {".png", ".ipynb", ".pyc", ".gif"}  # pictures and notebooks grade nobody
Place = Literal["gradescope", "classroom50", "otter"]
INSTALL = "python3 -m pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu"

SETUP = f"""#!/usr/bin/env bash
# Once, when the image is made: Python, PyTorch's CPU build, the suite.
set -euo pipefail
apt-get update && apt-get install -y python3 python3-pip python3-venv
python3 -m venv /autograder/venv
. /autograder/venv/bin/activate
{INSTALL}
python3 -m pip install -e /autograder/source/suite
"""
GRADESCOPE = """#!/usr/bin/env bash
# For each hand-in: writes /autograder/results/results.json.
cd /autograder
if [ -d venv ]; then . venv/bin/activate; fi
PYTHONPATH=source/suite python3 -c "from assignments.interop import run_gradescope; run_gradescope('{name}')"
"""
CLASSROOM50 = """#!/usr/bin/env python3
# Grades the repository that it is started in, and writes result.json there. The suite lies beside this file.
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
try:
    import torch
except ImportError:
    subprocess.run([sys.executable, *"-m pip install --quiet torch torchvision --index-url".split(),
                    "https://download.pytorch.org/whl/cpu"], check=True)
    subprocess.run([sys.executable, *"-m pip install --quiet -e".split(), str(HERE / "suite")], check=True)
sys.path.insert(0, str(HERE / "suite"))
from assignments.interop import run_classroom50

run_classroom50("{name}", HERE / "key")
"""
OTTER = '''"""{number} {exercise}: made from the set {name}; the suite must be installed where it runs."""

from otter.test_files import test_case

OK_FORMAT = False
name = "{exercise}"
points = {points:g}


@test_case(points={points:g})
def test_{exercise}({exercise}):
    from assignments.interop import assert_right

    assert_right("{name}", "{exercise}", {exercise})
'''


@dataclass(frozen=True)
class Export(Settings):
    """Write a set's grading for Gradescope or Classroom 50 (a zip with the suite and your key), or tests for otter."""

    set: Positional[Annotated[str, arg(metavar="SET")]]  # which assignment
    to: Place  # for which place
    key: str = ""  # yours alone; otter's tests use the public cases
    out: OptionalPath = None  # the zip; none: SET-PLACE.zip
    checks: OptionalPath = None  # a folder with your own sets


# --- What is uploaded -----------------------------------------------------------------------------------------------


def export(set: str, to: Place, key: str, out: Path | None, checks: Path | None) -> None:
    """Write a zip for a place: the set's grading with the key, and the suite."""
    module = load_set(set, checks)
    if to != "otter" and not key.strip():
        raise InputError(f"--key is empty; {to} grades with a secret of yours")
    out = out or Path(f"{set}-{to}.zip")
    if to == "otter":
        found = {f"tests/{exercise.name}.py": otter_test(set, exercise) for exercise in exercises(module)}
    elif to == "gradescope":
        found = {"setup.sh": SETUP, "run_autograder": GRADESCOPE.replace("{name}", set), "key": key}
    else:
        found = {"autograder.py": CLASSROOM50.replace("{name}", set), "key": key}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in found.items():
            _add(archive, name, text.encode(), 0o644 if name == "key" else 0o755)
        for file in suite_files(checks) if to != "otter" else []:
            place = file.relative_to(PROJECT) if file.is_relative_to(PROJECT) else Path("assignments", file.name)
            _add(archive, f"suite/{place.as_posix()}", file.read_bytes(), 0o644)
    write_atomically(out, data.getvalue())
    print(f"{out}: {len(data.getvalue()) / 1024:,.0f} KiB")


def suite_files(checks: Path | None) -> list[Path]:
    """The suite's files that grading needs; a lecturer's own sets lie among the suite's there."""
    found = [PROJECT / name for name in SUITE if (PROJECT / name).is_file()]
    for name in SUITE:
        found += [path for path in sorted((PROJECT / name).rglob("*")) if path.is_file()]
    found = [path for path in found if path.suffix not in LEFT_OUT and "__pycache__" not in path.parts]
    own = sorted([*checks.glob("*.py"), *checks.glob("*.md")]) if checks else []
    return [path for path in found if path.name not in {file.name for file in own}] + own


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(name)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, mode << 16
    archive.writestr(entry, data)


def otter_test(name: str, exercise: Exercise) -> str:
    """An exception-based test file of otter for one exercise."""
    values = {"name": name, "exercise": exercise.name, "number": exercise.number, "points": exercise.points}
    return OTTER.format(**values)


# --- What runs there ------------------------------------------------------------------------------------------------


def grade_folder(folder: Path, name: str, key: str, student: str) -> Grades:
    """Grade what lies in a folder: a hand-in's zip, or an answers.py somewhere in it, the topmost one."""
    with tempfile.TemporaryDirectory() as place, Sandbox() as sandbox:
        zips = sorted(folder.rglob("*.zip"), key=lambda path: (len(path.parts), path))
        path = zips[0] if zips else _zipped(folder, name, student, Path(place, "hand-in.zip"))
        unpacked = Path(place, "work")
        unpacked.mkdir()
        submission = read_submission(path, unpacked)
        if submission.work.student.set != name:
            raise InputError(f"this is a hand-in for {submission.work.student.set}, not for {name}")
        return grade(submission, load_set(name), sandbox, key)


def _zipped(folder: Path, name: str, student: str, out: Path) -> Path:
    found = sorted(folder.rglob("answers.py"), key=lambda path: (path.parent.name != name, len(path.parts), path))
    if not found:
        raise InputError("there is no answers.py and no zip")
    root = found[0].parent
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts):
            archive.write(file, file.relative_to(root).as_posix(), zipfile.ZIP_DEFLATED)
        if not (root / "student.toml").is_file():
            number = re.sub(r"[^\w.-]", "-", student).lstrip(".-")[:40] or "unknown"
            archive.writestr("student.toml", f'set = "{name}"\nstudent = "{number}"\n')
    return out


def gradescope_results(grades: Grades, module: ModuleType) -> dict[str, Any]:
    """results.json as Gradescope reads it: a test for each exercise and for each criterion beside Testing."""
    scale = _scale(grades, module)
    tests = [
        {
            "name": f"{result.number} {result.name}",
            "score": round(result.points * scale, 3),
            "max_score": round(result.worth * scale, 3),
            "output": feedback.markdown([result]),
            "output_format": "md",
        }
        for result in grades.results
    ]
    worth = {"anticipation": 3, "management": 1, "data_logging": 3}
    for name, points in grades.points.items():
        if name != "testing":
            tests.append({"name": name.replace("_", " "), "score": points, "max_score": worth[name]})
    said = "\n".join(f"- {flag}" for flag in grades.flags)
    return {
        "score": round(sum(float(str(test["score"])) for test in tests), 3),
        "output": said,
        "output_format": "md",
        "visibility": "after_published",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _scale(grades: Grades, module: ModuleType) -> float:
    _, worth = feedback.score(grades.results, module)
    whole = sum(result.worth for result in grades.results)
    return worth / whole if whole else 1.0


def run_gradescope(name: str, root: Path = Path("/autograder")) -> None:
    """Grade /autograder/submission; whatever happens, there is a results.json."""
    student = "unknown"
    metadata = root / "submission_metadata.json"
    if metadata.is_file():
        users = json.loads(metadata.read_text(encoding="utf-8")).get("users") or [{}]
        student = str(users[0].get("sid") or users[0].get("email") or users[0].get("id") or student)
    try:
        key = (root / "source" / "key").read_text(encoding="utf-8")
        grades = grade_folder(root / "submission", name, key, student)
        results = gradescope_results(grades, load_set(name))
    except InputError as error:
        results = {"score": 0, "output": str(error), "tests": []}
    write_json(root / "results" / "results.json", results)


def classroom50_result(grades: Grades, environment: Mapping[str, str], now: str) -> dict[str, Any]:
    """result.json as Classroom 50 reads it, whose scores are whole numbers: hundredths of a point."""
    tests = [
        {
            "test-name": f"{result.number} {result.name}",
            "passed": result.state == "passed",
            "score": round(100 * result.points),
            "max-score": round(100 * result.worth),
        }
        for result in grades.results
    ]
    names = {"CLASSROOM": "classroom", "ASSIGNMENT": "assignment", "SUBMISSION_TAG": "submission",
             "COMMIT_URL": "commit", "RELEASE_URL": "release"}  # fmt: skip
    about = {field: environment.get(name, "") for name, field in names.items()}
    return {
        "schema": "classroom50/result/v1",
        **about,
        "review": environment.get("REVIEW_URL") or about["commit"],
        "datetime": now,
        "score": sum(int(str(test["score"])) for test in tests),
        "max-score": sum(int(str(test["max-score"])) for test in tests),
        "tests": tests,
    }


def run_classroom50(name: str, key: Path) -> None:
    """Grade the repository in the current folder into result.json. Advisory: students can push there."""
    import os

    student = os.environ.get("GITHUB_ACTOR", "unknown")
    grades = grade_folder(Path.cwd(), name, key.read_text(encoding="utf-8"), student)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write_json(Path("result.json"), classroom50_result(grades, os.environ, now))


def assert_right(name: str, exercise_name: str, function: Any) -> None:
    """AssertionError with the check's words unless a function, given as an object, is right on the public cases.

    It runs in the process of whoever calls it: for notebooks and advisory tests, not for marks.
    """
    assert callable(function), f"{exercise_name} is not defined"
    (exercise,) = (each for each in exercises(load_set(name)) if each.name == exercise_name)
    result = check_here(exercise, function)
    assert result.state != "unwritten", f"{exercise_name} is not written yet"
    assert result.state == "passed", "\n".join(result.said)
