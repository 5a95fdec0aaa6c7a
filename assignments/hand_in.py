"""`hand-in`: one zip with all that is graded, the same bytes for the same files, and what is missing in it."""

import io
import re
import zipfile
from pathlib import Path
from types import ModuleType

from assignments.anticipation import given_answers, questions
from assignments.check import Result
from assignments.report import fill, run_directories
from assignments.work import Work, template
from common.files import write_atomically

PARTS = ("answers.py", "report.md", "report.html", "student.toml", "hints.json", "sealed.json")
OF_A_RUN = (
    "summary.json",
    "hyperparams.json",
    "assignment.json",
    "history.csv",
    "*.safetensors",
    "checkpoint/last.safetensors",
)
LARGEST = 64 << 20  # bytes of a run's weights
SMALL = 4 << 20  # bytes of a checkpoint: tables and samplers are evaluated from theirs, a network's is not needed


def files(work: Work) -> list[Path]:
    """What goes into the zip."""
    found = [work.folder / name for name in PARTS]
    for run in run_directories(work).values():
        for pattern in OF_A_RUN:
            most = SMALL if pattern.startswith("checkpoint") else LARGEST
            found += [file for file in sorted(run.glob(pattern)) if file.stat().st_size <= most]
    return [file for file in found if file.is_file()]


def pack(work: Work, out: Path) -> int:
    """Write the zip; returns its size in bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files(work):
            entry = zipfile.ZipInfo(file.relative_to(work.folder).as_posix())  # dated 1980: no clock in the bytes
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    write_atomically(out, data.getvalue())
    return len(data.getvalue())


def missing(work: Work, module: ModuleType, results: list[Result]) -> list[str]:
    """What a lecturer would look for and not find, a line each."""
    lines = [f"exercise {r.number} {r.name} is not written" for r in results if r.state == "unwritten"]
    lines += [f"exercise {r.number} {r.name} gives no result: {' '.join(r.said)}" for r in results if r.state == "lost"]
    text = work.report_text()
    if not text:
        return lines
    answers = work.sealed() or given_answers(text)
    lines += [f"question {q.name} has no answer" for q in questions(module) if not answers.get(q.name)]
    if not answers.get("prediction", work.prediction()):
        lines.append("there was no prediction before the first run" if work.sealed() else "there is no prediction yet")
    if not work.signed("Pledge"):
        lines.append("the pledge is not signed (“Pledge: your name” in report.md)")
    there = run_directories(work)
    for name, flags in getattr(module, "RUNS", {}).items():
        if name not in there:
            lines.append(f"run {name} is missing: python -m assignments run {work.student.set} {flags} --out {name}")
    for file in (file for run in there.values() for file in sorted(run.glob("*.safetensors"))):
        size = file.stat().st_size
        if size > LARGEST:
            lines.append(f"{file} has {size >> 20} MiB and is left out; at most {LARGEST >> 20} are taken")
    for place in dict.fromkeys(fill(work, module, results)[1]):
        run = place.removeprefix("runs/").partition("/" if "/" in place else ".")[0]
        if run in there:  # else the run was said to be missing
            lines.append(f"report.md speaks of {place}, which is not there")
    lines += [f"nothing is written under “{heading}”" for heading in empty_parts(work, module)]
    if not (work.folder / "report.html").is_file():
        lines.append(f"there is no report.html: python -m assignments report {work.student.set}")
    return lines


def empty_parts(work: Work, module: ModuleType) -> list[str]:
    """The lettered parts of the interpretation to which nothing was added: no row that the template has not."""
    found = []
    for heading, body in re.findall(r"^### ([a-h]\) .*)\n((?:(?!^#).*\n?)*)", work.report_text(), re.MULTILINE):
        if not added(body, work, module):
            found.append(heading)
    return found


def added(text: str, work: Work, module: ModuleType) -> str:
    """The rows of a text that were not in the report when the student got it."""
    known = set(template(module, work.student).splitlines())
    return "\n".join(row for row in text.splitlines() if row.strip() and row not in known)
