"""What came of a set, as lines for a terminal and as Markdown."""

from types import ModuleType

from assignments.check import Result

MARKS = {"passed": "✓", "wrong": "✗", "lost": "✗", "unwritten": "–"}
TESTING = 7  # what the exercises of a lab's set are worth of the grid's 20


def score(results: list[Result], module: ModuleType) -> tuple[float, float]:
    """Points reached and points to be had: of 7 for a lab's set, the exercises' own for an exam's."""
    reached, worth = sum(r.points for r in results), sum(r.worth for r in results)
    scale = TESTING / worth if getattr(module, "LAB", "") and worth else 1.0
    return round(reached * scale, 2), round(worth * scale, 2)


def line(result: Result) -> str:
    """One exercise in a line."""
    start = f"  {MARKS[result.state]} {result.number} {result.name:<22}"
    if result.state == "unwritten":
        return f"{start} not written yet"
    facets = "   " + "  ".join(f"{name} {'✓' if fine else '✗'}" for name, fine in result.facets.items())
    return f"{start} {round(result.points, 2):g} of {result.worth:g}{facets if result.state == 'wrong' else ''}"


def details(result: Result) -> list[str]:
    """What there is to say about an exercise, indented, and the end of what it printed."""
    said = [f"      {words}" for words in result.said]
    printed = result.printed.strip().splitlines()
    if printed:
        said += [f"      it printed: {row[:200]}" for row in printed[-3:]]
    return said


def lines(results: list[Result], module: ModuleType, title: str, *, secret: bool = False) -> list[str]:
    """A whole set: a line each, details, the total."""
    shown = [title]
    for result in results:
        shown += [line(result), *details(result)]
    reached, worth = score(results, module)
    cases = "on the lecturer's cases" if secret else "on public cases; grading draws other numbers"
    return [*shown, f"{'Testing' if getattr(module, 'LAB', '') else 'Points'} {reached:g} of {worth:g} {cases}."]


def markdown(results: list[Result]) -> str:
    """A whole set as a table, and below it what was said of each exercise."""
    rows = ["| | exercise | points | |", "| --- | --- | --- | --- |"]
    for r in results:
        facets = ", ".join(f"{name} {'✓' if fine else '✗'}" for name, fine in r.facets.items())
        what = (
            facets if r.state == "wrong" else {"passed": "", "unwritten": "not written", "lost": "no result"}[r.state]
        )
        rows.append(f"| {MARKS[r.state]} | {r.number} `{r.name}` | {round(r.points, 2):g} of {r.worth:g} | {what} |")
    notes = [f"- `{r.name}`: " + " ".join(r.said) for r in results if r.said and r.state != "passed"]
    return "\n".join([*rows, "", *notes]).strip()
