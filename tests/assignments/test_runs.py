"""A lab trained with a student's functions, and what a grader sees of the runs."""

import contextlib
import importlib
import json
import math
import shutil
import sys
from pathlib import Path

import pytest
import torch
from judging import call, helpers, load, renamed, versions

import assignments.__main__ as program
from assignments import training
from assignments.answers import parse_answers
from assignments.classroom import find_zips, grade_class
from assignments.exercise import exercises, load_set, sets
from assignments.grid import grade
from assignments.isolation import Sandbox
from assignments.slots import load_function, placed
from assignments.submission import read_submission
from assignments.training import run_lab
from assignments.work import Student, make
from common import checkpoint
from common.errors import InputError

FLAGS = ["--dataset", "digits", "--limit", "64", "--epochs", "1", "--offline", "--quiet"]
SLOTS = [
    pytest.param(name, exercise, id=f"{name}.{exercise.name}")
    for name in sets()
    for exercise in exercises(load_set(name))
    if exercise.slot
]


def source(name: str, mistakes: tuple[str, ...] = ()) -> str:
    """An answers.py of right answers, but for those exercises whose mistake has one of the codes."""
    module, found = load_set(name), load("versions", name)
    parts = [
        "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn, Tensor\n",
        helpers(module),
    ]
    for exercise in exercises(module):
        function = next(iter(versions(found, exercise).values()))
        wrong = [mistake.function for mistake in exercise.mistakes if mistake.code in mistakes]
        parts.append(renamed((wrong or [function])[0], exercise.name))
    return "\n\n".join(parts)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        sandbox.warm()
        yield sandbox


@pytest.fixture
def warm(sandbox, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for module in (program, training):
        monkeypatch.setattr(module, "Sandbox", lambda **_: contextlib.nullcontext(sandbox))
    return sandbox


def begun(student: str, mistakes: tuple[str, ...] = ()):
    """A student's folder with answers, a signed report, answers to the questions and a prediction."""
    from assignments.anticipation import ask, questions

    module = load_set("vae")
    work = make(module, Student("vae", student), Path(f"work-{student}"))
    work.answers.write_text(source("vae", mistakes), encoding="utf-8")
    text = work.report.read_text(encoding="utf-8").replace("### Prediction\n", "### Prediction\nIt will learn.\n")
    text = text.replace("Pledge:", "Pledge: me").replace("Help:", "Help: nobody")
    for question in questions(module):
        answer = ask(question, work.student.variant)[1]
        text = text.replace(f"\n{question.name} =", f"\n{question.name} = {answer:.3f}")
    work.report.write_text(text, encoding="utf-8")
    return work, module


@pytest.mark.parametrize(("name", "exercise"), SLOTS)
def test_a_slot_is_an_object_of_a_lab_and_is_given_back(name, exercise, tmp_path):
    dotted, _ = exercise.slot
    module, _, attribute = dotted.rpartition(".")
    home = importlib.import_module(module)
    original = getattr(home, attribute)
    file = tmp_path / "answers.py"
    file.write_text(source(name), encoding="utf-8")
    with placed([exercise], parse_answers(file.read_bytes()), file) as calls:
        assert getattr(home, attribute) is not original
        assert calls == {exercise.name: 0}
    assert getattr(home, attribute) is original
    bound = [m for k, m in sys.modules.items() if k.startswith(("labs.", "common."))]
    assert not [m for m in bound for v in vars(m).values() if getattr(v, "__module__", "") == "assignments.slots"]


def test_the_lab_trains_with_a_students_functions(warm, capsys, monkeypatch):
    work, module = begun("1")
    assert run_lab(work, module, FLAGS) == 0
    record = json.loads((work.runs / "base/assignment.json").read_text())
    summary = json.loads((work.runs / "base/summary.json").read_text())
    assert record["calls"] and all(count > 0 for count in record["calls"].values())
    assert summary["seed"] == work.student.variant
    assert record["evaluated"]
    for metric, value in record["evaluated"].items():
        assert math.isclose(summary["metrics"][metric], value, rel_tol=1e-4), metric
    assert "the same numbers" in capsys.readouterr().out
    with pytest.raises(InputError, match="not empty"):
        try:
            run_lab(work, module, FLAGS)
        except SystemExit as exit:
            assert exit.code == 2 and "not empty" in capsys.readouterr().err
            raise InputError("not empty") from None


def test_a_wrong_function_flatters_and_the_labs_own_says_so(warm, capsys):
    work, module = begun("2", ("V1",))
    assert run_lab(work, module, FLAGS) == 0
    said = capsys.readouterr().out
    assert "though its check fails" in said and "by the lab's own" in said


def test_a_function_that_raises_in_training_is_told_in_a_line(warm, capsys):
    work, module = begun("3")
    text = work.answers.read_text().replace(
        "def kl_divergence(mu, log_var):\n",
        "def kl_divergence(mu, log_var):\n    if len(mu) > 20: raise ValueError('too many')\n",
    )
    work.answers.write_text(text)
    with pytest.raises(SystemExit) as exit:
        run_lab(work, module, FLAGS)
    assert exit.value.code == 2
    assert "answers.py, line" in (said := capsys.readouterr().err) and "too many" in said


def test_a_function_must_stand_in_the_file(tmp_path):
    with pytest.raises(InputError, match="written there"):
        load_function(parse_answers(b"from math import sqrt as f\n"), "f", tmp_path / "answers.py")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_function(parse_answers(b"y = 1 / 0\ndef f(x):\n    return y\n"), "f", tmp_path / "answers.py")


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory, sandbox):
    """Two hand-ins of the same class: the second student has the first one's run."""
    folder = tmp_path_factory.mktemp("class")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        for module in (program, training):
            patch.setattr(module, "Sandbox", lambda **_: contextlib.nullcontext(sandbox))
        for student in ("11", "12"):
            work, module = begun(student)
            if student == "11":
                run_lab(work, module, FLAGS)
            else:
                shutil.copytree(folder / "work-11/vae/runs", work.runs)
    return folder


def graded(folder: Path, sandbox, change=lambda work: None, student: str = "11"):
    """The grades of a hand-in after `change` was done to the folder."""
    from assignments.hand_in import pack
    from assignments.work import open_work

    copy = folder / "changed"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / f"work-{student}", copy)
    work = open_work("vae", copy)
    change(work)
    pack(work, copy / "hand-in.zip")
    place = copy / "read"
    place.mkdir()
    return grade(read_submission(copy / "hand-in.zip", place), load_set("vae"), sandbox, "a key")


def test_what_is_right_is_not_flagged(handed_in, sandbox):
    grades = graded(handed_in, sandbox)
    assert grades.points["testing"] == 7 and grades.points["anticipation"] == 3 and grades.points["management"] == 1
    assert not [flag for flag in grades.flags if flag.startswith("run base") or "seed" in flag]


def edited(work) -> None:
    file = work.runs / "base/summary.json"
    values = json.loads(file.read_text())
    values["metrics"]["test_negative_elbo"] -= 1
    file.write_text(json.dumps(values, indent=2))


def consistent_edit(work) -> None:
    """Somebody who knows where the digest stands."""
    import hashlib

    edited(work)
    record = json.loads((work.runs / "base/assignment.json").read_text())
    record["summary"] = hashlib.sha256((work.runs / "base/summary.json").read_bytes()).hexdigest()
    record["evaluated"]["test_negative_elbo"] -= 1
    (work.runs / "base/assignment.json").write_text(json.dumps(record))


def quoted(work) -> None:
    text = work.report.read_text() + "\nIt reached {{base.test_negative_elbo}} and {{base.nothing}}.\n"
    work.report.write_text(text)
    (work.folder / "report.html").write_text("It reached 42.")


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (edited, "summary.json was changed"),
        (consistent_edit, "its weights give test_negative_elbo"),
        (quoted, "report.html has another base.test_negative_elbo"),
        (quoted, "the report quotes base.nothing"),
        (lambda work: (work.runs / "base/assignment.json").unlink(), "was not made by"),
        (lambda work: (work.runs / "base/summary.json").write_text("{"), "run base is damaged"),
        (lambda work: work.answers.write_text("# another\n" + work.answers.read_text()), "an earlier answers.py"),
        (lambda work: (work.folder / "sealed.json").unlink(), "were not kept before the first run"),
        (lambda work: (work.folder / "sealed.json").write_text("["), "sealed.json is damaged"),
    ],
)
def test_what_is_odd_is_flagged(handed_in, sandbox, change, flag):
    grades = graded(handed_in, sandbox, change)
    assert [each for each in grades.flags if flag in each], grades.flags


def test_anothers_run_shows_by_its_seed_and_its_weights(handed_in, sandbox, monkeypatch):
    from assignments.hand_in import pack
    from assignments.work import open_work

    monkeypatch.chdir(handed_in)
    assert any("which is another's" in flag for flag in graded(handed_in, sandbox, student="12").flags)
    for student in ("11", "12"):
        pack(open_work("vae", Path(f"work-{student}")), Path(f"zips/{student}.zip"))
    grade_class(find_zips([Path("zips")]), "a key", Path("out"), say=lambda _: None)
    said = Path("out/grades.csv").read_text()
    assert "has the weights of 11" in said and "has the weights of 12" in said


def test_run_speaks_of_the_flags_that_are_its_own(warm, capsys, monkeypatch):
    begun("4")
    status, said = call(monkeypatch, capsys, "run", "vae", "--work", "work-4", "--frobnicate")
    assert status == 2 and "frobnicate" in said
    assert not Path("work-4/vae/sealed.json").exists()
    assert call(monkeypatch, capsys, "run", "vae", "--work", "work-4", "--help")[0] == 0


# --- What a grading machine has not -----------------------------------------------------------------------------------


def without_its_data(work) -> None:
    """The run as one on MNIST, of a machine that has it."""
    file = work.runs / "base/model.safetensors"
    tensors, header = checkpoint.load(file)
    checkpoint.save(file, tensors, header | {"dataset": "mnist"})


def test_data_that_a_grader_has_not_cost_no_point(handed_in, sandbox, monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_DATA", str(tmp_path))
    whole = graded(handed_in, sandbox)
    grades = graded(handed_in, sandbox, without_its_data)
    assert grades.points["data_logging"] == whole.points["data_logging"]
    assert [flag for flag in grades.flags if "costs no point; its data are not here" in flag], grades.flags
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_handed_in_cost_the_point(handed_in, sandbox):
    whole = graded(handed_in, sandbox)
    grades = graded(handed_in, sandbox, lambda work: (work.runs / "base/model.safetensors").unlink())
    assert grades.points["data_logging"] == pytest.approx(whole.points["data_logging"] - 1)
    assert [flag for flag in grades.flags if "holds no trained network" in flag], grades.flags


def test_where_data_lie_is_not_for_a_hand_in_to_say(handed_in, tmp_path, monkeypatch):
    """Grading reads under the grader's own directory, never asks the network, and runs on the CPU."""
    from assignments.evaluation import settings_here
    from labs.cnn.cnn import HyperParams

    theirs = HyperParams(dataset="mnist", data_dir=Path("/home/student"), device="cuda")
    here = settings_here(theirs, tmp_path)
    assert (here.data_dir, here.offline, here.device) == (tmp_path, True, "cpu")
    assert settings_here(theirs, None).data_dir == Path("/home/student")


def test_another_machines_judge_costs_no_point(handed_in, sandbox, monkeypatch):
    """A set may name metrics that depend on a network trained where the grading is: they are flagged if far off."""
    module = load_set("vae")
    points = graded(handed_in, sandbox).points["data_logging"]
    right = module.evaluate(handed_in / "work-11/vae/runs/base")
    off = {name: value * (1.5 if name == "test_negative_elbo" else 1) for name, value in right.items()}
    monkeypatch.setattr(module, "evaluate", lambda *_: off)
    exact = graded(handed_in, sandbox)
    monkeypatch.setattr(module, "ROUGH", ("test_negative_elbo",), raising=False)
    rough = graded(handed_in, sandbox)
    assert (exact.points["data_logging"], rough.points["data_logging"]) == (pytest.approx(points - 1), points)
    for grades in (exact, rough):
        assert [flag for flag in grades.flags if "its weights give test_negative_elbo" in flag]


@pytest.mark.parametrize("name", [name for name in sets() if load_set(name).LAB])
def test_pledge_and_help_are_found_in_every_report_and_what_was_given_is_not_taken_for_written(name, tmp_path):
    from assignments.hand_in import empty_parts

    work = make(load_set(name), Student(name, "5"), tmp_path)
    text = work.report.read_text(encoding="utf-8")
    assert not work.signed("Pledge") and not work.signed("Help")
    headings = [row.removeprefix("### ") for row in text.splitlines() if row[:4] == "### " and row[5:7] == ") "]
    assert headings and empty_parts(work, load_set(name)) == headings
    text = text.replace("\nPledge:", "\nPledge: me").replace("\nHelp:", "\nHelp: none").replace(
        f"### {headings[0]}\n", f"### {headings[0]}\nMine is 3.\n"
    )  # fmt: skip
    work.report.write_text(text, encoding="utf-8")
    assert work.signed("Pledge") and work.signed("Help")
    assert empty_parts(work, load_set(name)) == headings[1:]


def test_weights_that_are_too_large_for_a_hand_in_are_said(handed_in, tmp_path):
    from assignments.hand_in import LARGEST, files, missing
    from assignments.work import open_work

    work = open_work("vae", Path(shutil.copytree(handed_in / "work-11", tmp_path / "work")))
    file = work.runs / "base/model.safetensors"
    assert file in files(work) and not [row for row in missing(work, load_set("vae"), []) if "left out" in row]
    with file.open("r+b") as grown:
        grown.truncate(LARGEST + 1)  # holes: it takes no room
    assert file not in files(work)
    assert [row for row in missing(work, load_set("vae"), []) if "64 MiB and is left out" in row]


def test_epoch_mean_makes_the_labs_means():
    module = load_set("cnn")

    def mean_of(how, batches=((1.0, 3), (2.0, 1))):
        means = module._for_the_means(how)()
        assert means.read_all() == {}
        for loss, n in batches:
            means.add({"loss": torch.tensor(loss)}, n)
        return means.read_all()["loss"]

    wrong = {mistake.code: mistake.function for mistake in module.epoch_mean.mistakes}
    assert mean_of(module.epoch_mean.reference) == 1.25
    assert mean_of(wrong["C4"]) == 1.5 and mean_of(wrong["E2"]) == 2
    for how in (wrong["E1"], lambda values, sizes: values, lambda values, sizes: math.nan):
        with pytest.raises(InputError, match="epoch_mean gives no number between"):
            mean_of(how)


def test_the_means_of_a_run_of_cnn_are_a_students(warm, capsys):
    """E1 divides by the number of batches: no accuracy that the lab could go on with, which is told in a line."""
    work = make(load_set("cnn"), Student("cnn", "9"), Path("work-9"))
    work.answers.write_text(source("cnn", ("E1",)), encoding="utf-8")
    with pytest.raises(SystemExit) as exit:
        run_lab(work, load_set("cnn"), FLAGS, sealed=False)
    said = capsys.readouterr()
    assert exit.value.code == 2 and "your epoch_mean gives no number between" in said.err
    assert "epoch_mean: yours, though its check fails" in said.out
