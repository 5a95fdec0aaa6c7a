"""A class's hand-ins, made up from right answers, known mistakes and attacks: every total is what was built in."""

import csv
import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from judging import helpers, load, renamed, versions

from assignments.check import check_here
from assignments.classroom import find_zips, grade_class, read_marks
from assignments.exercise import exercises, load_set
from assignments.interop import assert_right, classroom50_result, export, gradescope_results, run_gradescope
from assignments.similar import similar
from assignments.submission import read_submission
from common.errors import InputError

NAME = "midterm_2025"
SET = load_set(NAME)
EXERCISES = exercises(SET)
VERSIONS = {exercise.name: versions(load("versions", NAME), exercise) for exercise in EXERCISES}
ATTACKS = {
    "hang": ("    while True: pass\n", ""),
    "exit": ("    import os\n    os._exit(0)\n", ""),
    "crash": ("    import ctypes\n    ctypes.string_at(0)\n", ""),
    "syntax": ("    return (\n", ""),
    "empty": ("    raise NotImplementedError\n", ""),
}


def answers(how: int, instead: dict[str, str] | None = None) -> str:
    """An answers.py: the how-th version of each exercise, or what stands `instead` of it."""
    parts = ["import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import Tensor\n", helpers(SET)]
    for exercise in EXERCISES:
        found = list(VERSIONS[exercise.name].values())
        parts.append((instead or {}).get(exercise.name) or renamed(found[how % len(found)], exercise.name))
    return "\n\n".join(parts)


def write_zip(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def hand_in(folder: Path, student: str, text: str, name: str = "") -> Path:
    about = f'set = "{NAME}"\nstudent = "{student}"\n'
    return write_zip(folder / (name or f"{student}.zip"), {"answers.py": text, "student.toml": about})


def made_up(folder: Path) -> tuple[dict[str, float], dict[str, str]]:
    """A class of 30 in a folder: the points that were built in, and the mistakes."""
    whole = sum(exercise.points for exercise in EXERCISES)
    points: dict[str, float] = {}
    named: dict[str, str] = {}
    mistakes = [(e, m) for e in EXERCISES for m in e.mistakes]
    for number in range(30):
        student = f"{1000 + number}"
        if number < 10:
            text, points[student] = answers(number), whole
        elif number < 25:
            exercise, mistake = mistakes[(number * 7) % len(mistakes)]
            text = answers(number, {exercise.name: renamed(mistake.function, exercise.name)})
            lost = check_here(exercise, mistake.function, "a key")
            points[student], named[student] = whole - exercise.points + lost.points, lost.mistake
        else:
            exercise = EXERCISES[number % len(EXERCISES)]
            body, _ = list(ATTACKS.values())[number - 25]
            head = f"def {exercise.name}({', '.join(exercise.parameters)}):\n"
            text, points[student] = answers(number, {exercise.name: head + body}), whole - exercise.points
        hand_in(folder, student, text)
    return points, named


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_total_is_what_was_built_in(tmp_path):
    folder = tmp_path / "hand-ins"
    folder.mkdir()
    points, named = made_up(folder)
    said: list[str] = []
    assert grade_class(find_zips([folder]), "a key", tmp_path / "out", jobs=2, seconds=3, say=said.append) == 0, said
    table = {row["student"]: row for row in rows(tmp_path / "out/grades.csv")}
    assert {student: float(row["testing"]) for student, row in table.items()} == pytest.approx(points, abs=0.01)
    found = {each["student"]: each["results"] for each in json.loads((tmp_path / "out/results.json").read_text())}
    for student, code in named.items():
        assert code in {result["mistake"] for result in found[student]}
        assert code in (tmp_path / f"out/feedback/{student}.md").read_text()
    counted = sum(int(row["students"]) for row in rows(tmp_path / "out/mistakes.csv"))
    assert counted == len(named)
    # Again, with nothing to do: the same bytes.
    before = contents(tmp_path / "out")
    started = time.monotonic()
    grade_class(find_zips([folder]), "a key", tmp_path / "out", say=lambda _: None)
    assert contents(tmp_path / "out") == before
    assert time.monotonic() - started < 60


def test_a_grading_that_was_killed_goes_on_to_the_same_bytes(tmp_path):
    folder = tmp_path / "hand-ins"
    folder.mkdir()
    for number in range(4):
        hand_in(folder, f"{number}", answers(number))
    grade_class(find_zips([folder]), "a key", tmp_path / "whole", say=lambda _: None)
    words = [
        sys.executable,
        "-m",
        "assignments",
        "grade",
        str(folder),
        "--key",
        "a key",
        "--out",
        str(tmp_path / "out"),
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert "[1/4]" in process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    grade_class(find_zips([folder]), "a key", tmp_path / "out", say=lambda _: None)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_hand_ins_that_cannot_be_read_are_said_and_survived(tmp_path):
    folder = tmp_path / "hand-ins"
    folder.mkdir()
    hand_in(folder, "1", answers(0), "a first.zip")
    hand_in(folder, "1", answers(1), "b second.zip")
    hand_in(folder, "2", answers(0), "Zoé Lefèvre.zip")
    (folder / "damaged.zip").write_bytes((folder / "a first.zip").read_bytes()[:300])
    write_zip(folder / "empty.zip", {})
    write_zip(folder / "bomb.zip", {"answers.py": b"#" * (100 << 20), "student.toml": "x"})
    about = f'set = "{NAME}"\nstudent = "3"\n'
    write_zip(
        folder / "leads out.zip", {"answers.py": answers(0), "student.toml": about, "../../evil.py": "x", "/etc/x": "x"}
    )
    write_zip(
        folder / "who.zip", {"answers.py": answers(0), "student.toml": 'set = "midterm_2025"\nstudent = "../x"\n'}
    )
    write_zip(folder / "what.zip", {"answers.py": answers(0), "student.toml": 'set = "nothing"\nstudent = "4"\n'})
    write_zip(
        folder / "folder around.zip",
        {"my work/answers.py": answers(0), "my work/student.toml": about.replace("3", "5")},
    )
    said: list[str] = []
    assert grade_class(find_zips([folder]), "a key", tmp_path / "out", say=said.append) == 5
    table = {row["zip"]: row for row in rows(tmp_path / "out/grades.csv")}
    assert "does not count" in table["b second.zip"]["flags"] and "a first.zip" not in table
    assert "leads out of it" in table["leads out.zip"]["flags"] and not list(tmp_path.rglob("evil.py"))
    assert "MiB" in table["bomb.zip"]["flags"] and "cannot be read" in table["damaged.zip"]["flags"]
    assert table["Zoé Lefèvre.zip"]["student"] == "2" and table["folder around.zip"]["student"] == "5"
    assert "no student number" in table["who.zip"]["flags"] and "no set" in table["what.zip"]["flags"]


def test_the_lecturers_points_are_added_and_overrule(tmp_path):
    folder = tmp_path / "hand-ins"
    folder.mkdir()
    hand_in(folder, "7", answers(0))
    out = tmp_path / "out"
    out.mkdir()
    (out / "marks.csv").write_text("set,student,testing\nmidterm_2025,7,1.5\n")
    grade_class(find_zips([folder]), "a key", out, say=lambda _: None)
    (row,) = rows(out / "grades.csv")
    assert float(row["testing"]) == 1.5 and float(row["final"]) == 1.5 and float(row["automatic"]) > 1.5
    for bad in (
        "set,student,testing\nmidterm_2025,7,eight\n",
        "set,student,testing\nmidterm_2025,7,8\n",
        "student\n7\n",
    ):
        (out / "marks.csv").write_text(bad)
        with pytest.raises(InputError, match=r"marks\.csv, line 2"):
            read_marks(out)


def test_copies_resemble_one_another_and_independent_answers_do_not():
    class_of = {f"{i}": answers(i).encode() for i in range(3)}
    copied = answers(0).replace("We", "weights").replace("Wd", "other").encode()
    names = {exercise.name for exercise in EXERCISES}
    found = {(a, b): share for a, b, share, _ in similar(class_of | {"copy": copied}, names)}
    assert found[("0", "copy")] > 0.9
    assert all("copy" in pair for pair, share in found.items() if share > 0.9)


def test_a_folder_without_zips(tmp_path):
    with pytest.raises(InputError, match="no hand-in"):
        find_zips([tmp_path])
    with pytest.raises(InputError, match="not there"):
        read_submission(tmp_path / "x.zip", tmp_path)


# --- Elsewhere ------------------------------------------------------------------------------------------------------


def test_gradescopes_container_gets_what_it_needs_and_gives_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export(NAME, "gradescope", "a key", Path("autograder.zip"), None)
    names = {entry.filename: entry for entry in zipfile.ZipFile("autograder.zip").infolist()}
    assert {"setup.sh", "run_autograder", "key", "suite/pyproject.toml", "suite/assignments/child.py"} <= names.keys()
    assert names["run_autograder"].external_attr >> 16 == 0o755
    assert not [name for name in names if "tests/" in name or name.endswith(".png")]
    # The container: what was uploaded under source/, a student's files under submission/.
    root = tmp_path / "autograder"
    zipfile.ZipFile("autograder.zip").extractall(root / "source")
    (root / "submission").mkdir()
    (root / "submission" / "answers.py").write_text(answers(0))
    (root / "submission_metadata.json").write_text('{"users": [{"email": "a.student@example.org", "id": 5}]}')
    run_gradescope(NAME, root)
    results = json.loads((root / "results/results.json").read_text())
    whole = sum(exercise.points for exercise in EXERCISES)
    assert results["score"] == pytest.approx(whole) and len(results["tests"]) == len(EXERCISES)
    assert all({"name", "score", "max_score", "output", "output_format"} <= test.keys() for test in results["tests"])
    (root / "submission" / "answers.py").unlink()
    run_gradescope(NAME, root)
    results = json.loads((root / "results/results.json").read_text())
    assert results["score"] == 0 and "no answers.py" in results["output"]


def test_classroom_50_gets_whole_numbers(tmp_path):
    zipped = hand_in(tmp_path, "9", answers(0))
    from assignments.grid import grade
    from assignments.isolation import Sandbox

    (tmp_path / "work").mkdir()
    with Sandbox() as sandbox:
        grades = grade(read_submission(zipped, tmp_path / "work"), SET, sandbox, "a key")
    environment = {
        "CLASSROOM": "dl",
        "ASSIGNMENT": "vae",
        "SUBMISSION_TAG": "submit/1",
        "COMMIT_URL": "c",
        "RELEASE_URL": "r",
    }
    result = classroom50_result(grades, environment, "2026-01-01T00:00:00Z")
    assert result["schema"] == "classroom50/result/v1" and result["review"] == "c"
    assert result["score"] == result["max-score"] == sum(test["score"] for test in result["tests"])
    for test in result["tests"]:
        assert set(test) == {"test-name", "passed", "score", "max-score"}
        assert isinstance(test["score"], int) and isinstance(test["max-score"], int) and test["passed"] is True
    assert gradescope_results(grades, SET)["score"] == pytest.approx(sum(exercise.points for exercise in EXERCISES))


def test_otters_tests_pass_who_is_right_and_tell_who_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export(NAME, "otter", "", Path("tests.zip"), None)
    assert len(zipfile.ZipFile("tests.zip").namelist()) == len(EXERCISES)
    for exercise in EXERCISES:
        assert_right(NAME, exercise.name, next(iter(VERSIONS[exercise.name].values())))
        with pytest.raises(AssertionError, match=exercise.mistakes[0].code):
            assert_right(NAME, exercise.name, exercise.mistakes[0].function)
        with pytest.raises(AssertionError, match="not defined"):
            assert_right(NAME, exercise.name, None)


@pytest.mark.parametrize("to", ["gradescope", "classroom50"])
def test_a_key_is_asked_for(to):
    with pytest.raises(InputError, match="--key"):
        export(NAME, to, " ", None, None)
