"""What the server counts: requests, refusals and times, as text in Prometheus's form (version 0.0.4)."""

from collections import Counter
from collections.abc import Iterable, Mapping

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds: upper bounds of the histogram


class Measures:
    """Counts by path and status, and how long answers took. Only paths that exist are told apart: no sender can make
    this table grow."""

    def __init__(self, paths: Iterable[str]):
        self.paths = frozenset(paths)
        self.answers: Counter[tuple[str, int]] = Counter()  # by path and status
        self.within: Counter[tuple[str, float]] = Counter()  # by path and bound, each time in the first that holds it
        self.seconds: Counter[str] = Counter()

    def record(self, path: str, status: int, seconds: float) -> None:
        """One answer more."""
        path = path if path in self.paths else "other"
        self.answers[path, status] += 1
        self.within[path, next((bound for bound in BOUNDS if seconds <= bound), float("inf"))] += 1
        self.seconds[path] += seconds  # type: ignore[assignment]  # a sum of floats, begun at 0

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """All of it, with further numbers of this moment: name → what it is, and its value."""
        lines = ["# HELP labs_requests_total Answers by path and status.", "# TYPE labs_requests_total counter"]
        for (path, status), count in sorted(self.answers.items()):
            lines.append(f'labs_requests_total{{path="{path}",status="{status}"}} {count}')
        name = "labs_request_seconds"
        lines += [f"# HELP {name} Time from request to answer.", f"# TYPE {name} histogram"]
        for path in sorted(self.seconds):
            total = 0
            for bound in (*BOUNDS, float("inf")):
                total += self.within[path, bound]
                shown = "+Inf" if bound == float("inf") else f"{bound:g}"
                lines.append(f'{name}_bucket{{path="{path}",le="{shown}"}} {total}')
            lines += [f'{name}_sum{{path="{path}"}} {self.seconds[path]:.6f}', f'{name}_count{{path="{path}"}} {total}']
        for name, (about, value) in gauges.items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"
