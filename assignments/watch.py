"""`watch`: checks answers.py whenever it is saved, and says what is wrong with the first exercise that is not right."""

import queue
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType

from assignments import feedback
from assignments.answers import Answers, read_answers
from assignments.check import Result, check
from assignments.exercise import Exercise, exercises
from assignments.isolation import Sandbox
from assignments.work import Work
from common.errors import InputError

LOOKS = 0.2  # seconds between two looks at the file


class Checked:
    """Results by what they were made of: an exercise whose source is as before is not run again."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox
        self.known: dict[tuple[str, str, str], Result] = {}

    def check(self, exercise: Exercise, answers: Answers) -> Result:
        """As `check.check`."""
        key = (exercise.name, answers.source(exercise.name), answers.broken.get(exercise.name, answers.complaint))
        if key not in self.known:
            self.known[key] = check(exercise, answers, self.sandbox)
        return self.known[key]


def overview(results: list[Result], module: ModuleType, title: str) -> list[str]:
    """All exercises in a line each, the first that is not right in full, and how far one is."""
    first = next((r for r in results if r.state != "passed"), None)
    shown = [title, *map(feedback.line, results), ""]
    done = sum(r.state == "passed" for r in results)
    shown.append(f"  [{'█' * done}{'·' * (len(results) - done)}] {done} of {len(results)} right")
    if first is None:
        reached, worth = feedback.score(results, module)
        return [*shown, f"  All right on public cases: {reached:g} of {worth:g}. Go on with run, report, hand-in."]
    if first.state == "unwritten":
        return [*shown, f"  Next: {first.number} {first.name}, which is not written yet."]
    return [*shown, f"  {first.number} {first.name}:", *feedback.details(first)]


def watch(
    work: Work,
    module: ModuleType,
    hint: Callable[[Exercise], str],
    *,
    once: bool = False,
    words: "queue.Queue[str] | None" = None,
) -> None:
    """Check now and after every save, until Ctrl-C or q; `once`: until all is right. `words` is what is typed."""
    words = words or _typed()
    title = f"{work.student.set}, variant {work.student.variant}"
    seen: object = None
    first: Exercise | None = None
    with Sandbox() as sandbox:
        sandbox.warm()
        checked = Checked(sandbox)
        while True:
            try:
                stamp = work.answers.stat()
                now: object = (stamp.st_mtime_ns, stamp.st_size, stamp.st_ino)
            except OSError:  # an editor may take the file away for a moment
                now = seen
            if now != seen:
                seen = now
                started = time.monotonic()
                try:
                    answers = read_answers(work.answers)
                except InputError as error:
                    print(f"  {error}", flush=True)
                    continue
                results = []
                todo = exercises(module)
                for exercise in todo:
                    _say_where(exercise)
                    results.append(checked.check(exercise, answers))
                _say_where(None)
                first = next((e for e, r in zip(todo, results, strict=True) if r.state != "passed"), None)
                shown = [*overview(results, module, title)]
                shown.append(
                    f"  {time.monotonic() - started:.1f} s; save answers.py again, or type h (hint) or q (leave)"
                )
                print("\033[2J\033[H" * sys.stdout.isatty() + "\n".join(shown), flush=True)
                if once and first is None:
                    return
            try:
                word = words.get(timeout=LOOKS)
            except queue.Empty:
                continue
            if word.startswith("q"):
                return
            if word.startswith("h") and first:
                print(hint(first), flush=True)


def _say_where(exercise: Exercise | None) -> None:
    """Which exercise is being run, on a terminal: one that hangs takes ten seconds."""
    if sys.stdout.isatty():
        print("\r\033[K" + (f"  {exercise.number} {exercise.name} …" if exercise else ""), end="", flush=True)


def _typed() -> "queue.Queue[str]":
    """What is typed, a line at a time."""
    words: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for row in sys.stdin:
            words.put(row.strip().lower())

    threading.Thread(target=read, daemon=True).start()
    return words
