"""`python -m assignments`: what a student does, from the first line to the hand-in, and what grades it."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated

from tyro.conf import Positional, arg

from assignments import feedback
from assignments.answers import read_answers
from assignments.check import PUBLIC, Result, check
from assignments.classroom import Grade, grade
from assignments.exercise import Exercise, exercises, load_set, sets
from assignments.interop import Export, export
from assignments.isolation import SECONDS, Sandbox
from assignments.quiz import Quiz, quiz
from assignments.work import FOLDER, Student, Work, make, open_work
from common import cli
from common.errors import InputError
from common.settings import Count, OptionalPath, Range, Settings

USAGE = """
  python -m assignments get SET --student NUMBER [--partner NUMBER]   makes my-work/SET
  python -m assignments watch SET             checks answers.py whenever it is saved
  python -m assignments check SET [NUMBER]    checks it once, all of it or one exercise
  python -m assignments hint SET NUMBER       a hint: where, how, nearly the line; free
  python -m assignments run SET [FLAGS]       the lab's training with your functions in it
  python -m assignments report SET            report.html, .typ and .tex from report.md and your runs
  python -m assignments hand-in SET           one zip, and what is missing in it
  python -m assignments quiz LAB              questions with their explanations; it remembers which you missed
  python -m assignments grade ZIPS --key KEY  for lecturers: the same rules on other numbers

SET is one of these; each command has a --help."""

Name = Positional[Annotated[str, arg(metavar="SET")]]
Number = Annotated[int | None, arg(metavar="NUMBER")]


@dataclass(frozen=True)
class Get(Settings):
    """Make the folder of an assignment: answers.py to write, report.md to fill, student.toml. Overwrites nothing."""

    set: Name  # which assignment
    student: str  # your student number: runs and questions have your own numbers
    partner: str = ""  # the other's student number, if you work in a pair; the lower one's variant counts
    name: str = ""  # your name or names, for the report
    work: Path = FOLDER  # where the folders of assignments lie
    checks: OptionalPath = None  # a folder with your lecturer's own sets


@dataclass(frozen=True)
class Check(Settings):
    """Say of each exercise what is right, what is not, and why. Nothing is recorded; grading draws other numbers."""

    set: Name  # which assignment
    number: Positional[Number] = None  # one exercise only
    key: str = PUBLIC  # which numbers are drawn
    seconds: Annotated[float, Range(0.1, 600)] = SECONDS  # an exercise may take
    work: Path = FOLDER  # where the folders of assignments lie
    checks: OptionalPath = None  # a folder with your lecturer's own sets


@dataclass(frozen=True)
class Watch(Settings):
    """Check answers.py whenever it is saved, and say of the first exercise that is not right what is wrong."""

    set: Name  # which assignment
    until_right: bool = False  # leave when all exercises are right
    work: Path = FOLDER  # where the folders of assignments lie
    checks: OptionalPath = None  # a folder with your lecturer's own sets


@dataclass(frozen=True)
class Hint(Settings):
    """Show the next hint of an exercise: where it stands, its structure, nearly the line. Free, and recorded."""

    set: Name  # which assignment
    number: Positional[Annotated[Count, arg(metavar="NUMBER")]]  # which exercise
    work: Path = FOLDER  # where the folders of assignments lie
    checks: OptionalPath = None  # a folder with your lecturer's own sets


@dataclass(frozen=True)
class Report(Settings):
    """Fill report.md with the numbers and figures of your runs: report.html (prints offline), .typ and .tex."""

    set: Name  # which assignment
    work: Path = FOLDER  # where the folders of assignments lie
    checks: OptionalPath = None  # a folder with your lecturer's own sets


@dataclass(frozen=True)
class HandIn(Settings):
    """Put all that is graded into one zip, and say what is missing. It may be repeated; the last one counts."""

    set: Name  # which assignment
    out: OptionalPath = None  # the zip; none: my-work/SET-STUDENT.zip
    work: Path = FOLDER  # where the folders of assignments lie
    checks: OptionalPath = None  # a folder with your lecturer's own sets


def listing(checks: Path | None = None) -> str:
    """A line per set: its name, its exercises, its title."""
    rows = []
    for name in dict.fromkeys([*(sets(checks) if checks else []), *sets()]):
        module = load_set(name, checks)
        rows.append(
            f"  {name:<22} {len(exercises(module)):>2} exercises   {(module.__doc__ or '').partition(chr(10))[0]}"
        )
    return "\n".join(rows)


def opened(name: str, folder: Path, checks: Path | None) -> tuple[Work, ModuleType]:
    """A student's folder and its set."""
    module = load_set(name, checks)
    return open_work(name, folder), module


def find(module: ModuleType, number: int) -> Exercise:
    """An exercise by number."""
    found = {exercise.number: exercise for exercise in exercises(module)}
    if number not in found:
        raise InputError(f"there is no exercise {number}; there are 1 to {max(found)}")
    return found[number]


def get(set: str, student: str, partner: str, name: str, work: Path, checks: Path | None) -> None:
    """`get`"""
    made = make(load_set(set, checks), Student(set, student, partner, name), work)
    print(f"{made.folder}: variant {made.student.variant}")
    print(f"  {made.answers.name}   your functions go here; then: python -m assignments watch {set}")
    if made.report.is_file():
        print(
            f"  {made.report.name}    its questions first: they and your prediction are kept as they are before a run"
        )
    print("  student.toml   who you are; leave it as it is")


def checked(
    place: Work, module: ModuleType, key: str = PUBLIC, seconds: float = SECONDS, only: int | None = None
) -> list[Result]:
    """The results of a folder's answers."""
    answers = read_answers(place.answers)
    chosen = [find(module, only)] if only else exercises(module)
    with Sandbox(seconds=seconds) as sandbox:
        return [check(exercise, answers, sandbox, key) for exercise in chosen]


def check_set(set: str, number: int | None, key: str, seconds: float, work: Path, checks: Path | None) -> int:
    """`check`; returns how many exercises are not right."""
    place, module = opened(set, work, checks)
    results = checked(place, module, key, seconds, number)
    title = f"{set}, variant {place.student.variant}"
    if number:
        print("\n".join([title, *(row for r in results for row in [feedback.line(r), *feedback.details(r)])]))
    else:
        print("\n".join(feedback.lines(results, module, title, secret=key != PUBLIC)))
    return sum(r.state != "passed" for r in results)


def next_hint(place: Work, exercise: Exercise) -> str:
    """The next hint of an exercise, and the ones before it; recorded."""
    count = min(place.hints().get(exercise.name, 0) + 1, len(exercise.hints))
    place.add_hint(exercise.name, count)
    rows = [f"  {i} of {len(exercise.hints)}: {hint}" for i, hint in enumerate(exercise.hints[:count], 1)]
    return "\n".join([f"{exercise.number} {exercise.name}", *rows])


def watch(set: str, until_right: bool, work: Path, checks: Path | None) -> None:
    """`watch`"""
    from assignments.watch import watch as loop

    place, module = opened(set, work, checks)
    loop(place, module, lambda exercise: next_hint(place, exercise), once=until_right)


def hint(set: str, number: int, work: Path, checks: Path | None) -> None:
    """`hint`"""
    place, module = opened(set, work, checks)
    print(next_hint(place, find(module, number)))


def report(set: str, work: Path, checks: Path | None) -> None:
    """`report`"""
    from assignments.report import write_reports

    place, module = opened(set, work, checks)
    written, missing = write_reports(place, module, checked(place, module))
    for file in written:
        print(file)
    runs = Counter(place.removeprefix("runs/").partition("/" if "/" in place else ".")[0] for place in missing)
    for run, count in runs.items():
        need = "place of report.md needs" if count == 1 else "places of report.md need"
        print(f"  missing: {count} {need} the run {run}")


def hand_in(set: str, out: Path | None, work: Path, checks: Path | None) -> None:
    """`hand-in`"""
    from assignments.hand_in import missing, pack

    place, module = opened(set, work, checks)
    out = out or work / f"{set}-{place.student.student}.zip"
    results = checked(place, module)
    for row in missing(place, module, results):
        print(f"  missing: {row}")
    size = pack(place, out)
    print(f"{out}: {size / 1024:,.0f} KiB; hand this file in")


def run(words: list[str]) -> int:
    """`run`: the set, our own flags, and the lab's."""
    from assignments.training import run_lab

    if not words or words[0] in ("-h", "--help"):
        raise InputError("name a set, then flags of its lab: python -m assignments run vae --epochs 30 --out base")
    name, *rest = words
    folder, checks, sealed = FOLDER, None, True
    kept: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in ("--work", "--checks") and rest:
            value = Path(rest.pop(0))
            folder, checks = (value, checks) if word == "--work" else (folder, value)
        elif word == "--no-prediction":
            sealed = False
        else:
            kept.append(word)
    place, module = opened(name, folder, checks)
    return run_lab(place, module, kept, sealed=sealed)


COMMANDS: dict[str, tuple[Callable[..., int | None], type[Settings]]] = {
    "get": (get, Get),
    "check": (check_set, Check),
    "watch": (watch, Watch),
    "hint": (hint, Hint),
    "report": (report, Report),
    "hand-in": (hand_in, HandIn),
    "grade": (grade, Grade),
    "export": (export, Export),
    "quiz": (quiz, Quiz),
}


def main() -> None:
    """The command `python -m assignments`; its status is 0 if all is right, 1 if an exercise is not, 2 for an error."""
    words = sys.argv[1:]
    with cli.one_line_errors():
        if words in ([], ["-h"], ["--help"]):
            print(
                "Course assignments: write functions, have them checked, train with them, report, hand in.",
                USAGE,
                listing(),
                sep="\n",
            )
            return
        if words[0] == "list":
            print(listing(Path(words[2]) if words[1:2] == ["--checks"] and len(words) > 2 else None))
            return
        if words[0] == "run":
            raise SystemExit(run(words[1:]))
        if words[0] not in COMMANDS:
            raise InputError(f"{words[0]!r} is no command; there are {', '.join(['list', *COMMANDS, 'run'])}")
    command, kind = COMMANDS[words[0]]
    raise SystemExit(1 if cli.run(command, kind, words[1:], f"python -m assignments {words[0]}") else 0)


if __name__ == "__main__":
    main()
