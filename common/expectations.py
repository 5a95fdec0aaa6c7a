"""What settings are expected to reach: a table in each lab. The sentence at a run's end reads it, and tests do."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.settings import Role, Settings, length, roles

SHARES = ("accuracy", "share", "rate", "purity", "f1")  # metrics with these words are shown in percent


@dataclass(frozen=True)
class Expected:
    """The band in which `metric` ended in every measured run of the command with `settings` (the others by default)."""

    metric: str
    least: float = -math.inf
    most: float = math.inf
    settings: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Whether a run's metrics lie in the band."""
        return self.least <= metrics[self.metric] <= self.most

    def band(self) -> str:
        """The band in words: 98.3–99.0 %, at least 475."""
        percent = any(word in self.metric for word in SHARES)
        low, high = (f"{100 * x:.1f} %" if percent else f"{x:.4g}".replace("-", "−") for x in (self.least, self.most))
        if self.most == math.inf:
            return f"at least {low}"
        if self.least == -math.inf:
            return f"at most {high}"
        between = " to " if self.least < 0 else "–"
        return f"{low.removesuffix(' %')}{between}{high}" if low != high else low


def find(table: Sequence[Expected], args: Settings) -> Expected | None:
    """The row for these settings, whatever their seed, device and length; None if they were not measured."""
    free = {Role.PLACE, Role.CHANCE, Role.LENGTH}
    compared = [f.name for f in dataclasses.fields(args) if not free & roles(type(args), f.name)]
    for row in table:
        usual = type(args)(**row.settings)
        if all(getattr(args, name) == getattr(usual, name) for name in compared):
            return row
    return None


def sentence(table: Sequence[Expected], args: Settings) -> str:
    """What to expect of these settings, in brackets behind what was reached; empty if they were not measured."""
    row = find(table, args)
    if row is None:
        return ""
    name = length(type(args))
    return f" (these settings reach {row.band()} in {getattr(type(args)(**row.settings), name)} {name})"
