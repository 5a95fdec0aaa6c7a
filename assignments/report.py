"""`report`: report.md, filled with numbers and figures of one's own runs, as a page, for Typst and for LaTeX."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pypandoc

from assignments import feedback
from assignments.check import Result
from assignments.training import RECORD
from assignments.work import Work
from common.errors import InputError
from common.files import read_json, write_atomically
from common.runs import read_summary
from common.settings import read_record

PLACE = re.compile(r"\{\{([\w-]+)(?:\.([\w-]+))?\}\}")
FORMATS = {"html": "html5", "typ": "typst", "tex": "latex"}
STYLE = """<style>
html { background: white; color: black; font: 11pt/1.45 Georgia, serif; }
body { max-width: 42em; margin: 2em auto; padding: 0 1em; }
h1, h2, h3 { font-family: Helvetica, Arial, sans-serif; line-height: 1.2; break-after: avoid; }
h2 { border-bottom: 1px solid #bbb; margin-top: 2em; }
img { max-width: 100%; max-height: 11cm; break-inside: avoid; }
table { border-collapse: collapse; margin: 1em 0; font-size: 9pt; break-inside: avoid; }
th, td { border: 1px solid #bbb; padding: .25em .6em; text-align: left; vertical-align: top; }
th, td { overflow-wrap: break-word; }
code { font-size: 90%; overflow-wrap: anywhere; }
@page { margin: 2cm; }
</style>
"""


def run_directories(work: Work) -> dict[str, Path]:
    """The runs of a folder that have a summary, by name."""
    return {path.parent.name: path.parent for path in sorted(work.runs.glob("*/summary.json"))}


def values(path: Path) -> dict[str, Any]:
    """What a report may quote of a run: its settings, its summary, its metrics."""
    summary = read_summary(path)
    names = ("epochs", "seconds", "parameters", "kept")
    about = {name: getattr(summary, name) for name in names}
    return {**read_record(path), **about, **summary.metrics}


def shown(value: Any) -> str:
    """A value as a person writes it: four digits."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def table_of_runs(work: Work, module: ModuleType) -> str:
    """Each run that the task asks for, or that there is: state, seed, main metrics, the functions in it."""
    there, wanted = run_directories(work), getattr(module, "RUNS", {})
    rows = ["| run | state | seed | epochs | reached | functions of yours |", "| --- " * 6 + "|"]
    for name in [*wanted, *(name for name in there if name not in wanted)]:
        if name not in there:
            rows.append(f"| {name} | **missing** | | | | |")
            continue
        summary = read_summary(there[name])
        tested = {key: value for key, value in summary.metrics.items() if key.startswith("test_")} or summary.metrics
        metrics = [f"{key} {shown(value)}" for key, value in list(tested.items())[:3]]
        record = there[name] / RECORD
        calls = read_json(record, dict[str, Any]).get("calls", {}) if record.is_file() else {}
        state = "interrupted" if summary.interrupted else "finished"
        state += "" if summary.seed == work.student.variant else ", **foreign seed**"
        cells = [name, state, str(summary.seed), str(summary.epochs), ", ".join(metrics), ", ".join(calls)]
        rows.append(f"| {' | '.join(cells)} |")
    asked = [f"- {name}: `{flags}`" for name, flags in wanted.items()]
    return "\n".join([*rows, "", "Asked for:", "", *asked] if asked else rows)


def fill(work: Work, module: ModuleType, results: list[Result]) -> tuple[str, list[str]]:
    """report.md with its places filled in, and those for which there is nothing."""
    text = work.report_text()
    if not text:
        raise InputError(f"{work.report} is not there or empty; an exam has no report")
    missing: list[str] = []
    there = run_directories(work)

    def place(match: re.Match[str]) -> str:
        run, name = match.groups()
        if match[0] == "{{testing}}":
            return feedback.markdown(results)
        if match[0] == "{{runs}}":
            return table_of_runs(work, module)
        if name and run in there:
            found = values(there[run])
            if name in found:
                return shown(found[name])
        missing.append(match[0].strip("{}"))
        return "**missing**"

    text = PLACE.sub(place, text)
    for figure in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text):
        if not (work.folder / figure).is_file():
            missing.append(figure)
    text = re.sub(
        r"!\[([^\]]*)\]\(([^)\s]+)\)",
        lambda match: match[0] if (work.folder / match[2]).is_file() else f"**missing: {match[2]}**",
        text,
    )
    return text, missing


def write_reports(work: Work, module: ModuleType, results: list[Result]) -> tuple[list[Path], list[str]]:
    """report.html, which holds its pictures and prints offline, report.typ and report.tex; and what is missing."""
    text, missing = fill(work, module, results)
    title = next((row.removeprefix("# ") for row in text.splitlines() if row.startswith("# ")), work.student.set)
    head = ["--standalone", "--columns=10000", f"--metadata=pagetitle:{title}", f"--resource-path={work.folder}"]
    written = []
    for ending, kind in FORMATS.items():
        arguments = [*head, "--embed-resources", "--mathml"] if ending == "html" else head
        made = pypandoc.convert_text(text, kind, "markdown-implicit_figures+autolink_bare_uris", extra_args=arguments)
        if ending == "html":
            made = re.sub(r"<style>.*?</style>", "", made, flags=re.DOTALL).replace("</head>", f"{STYLE}</head>", 1)
        file = work.folder / f"report.{ending}"
        write_atomically(file, made)
        written.append(file)
    return written, missing
