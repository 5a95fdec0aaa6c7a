"""How far long work is: a bar on a terminal, a bar in a notebook's page, nothing where nobody looks."""

import sys
from types import TracebackType
from typing import Any

from tqdm import tqdm

from common.notebook import in_jupyter, in_marimo


class Progress:
    """The bar of a loop over units (epochs, say): `start` a unit, `step` within it, `end` it.

    With `steps`, the steps of a unit, a terminal has a bar for each unit, else one over all; a page has one over all.
    """

    def __init__(self, until: float, done: float, name: str, length: str, steps: int | None, *, hidden: bool):
        self.until, self.name, self.steps, self.hidden = until, name, steps, hidden
        self.page = not hidden and (in_marimo() or in_jupyter())
        self.reached = done
        self.unit: Any = None
        every = steps if self.page and steps else 1  # the page's bar moves within a unit, too
        if self.page:
            about = f"{length}, step by step" if steps else length
            self.whole = page_bar(round((until - done) * every), about)
        else:
            self.whole = terminal_bar(int(until), int(done), length, hidden=hidden or steps is not None)

    def __enter__(self) -> "Progress":
        self.whole.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self.unit is not None:
            self.unit.close()
        self.whole.__exit__(kind, error, trace)

    def start(self, number: int) -> None:
        """A unit begins."""
        if self.steps and not self.page:
            about = f"{self.name} {number}/{self.until:g}"
            self.unit = terminal_bar(self.steps, 0, about, hidden=self.hidden)

    def step(self) -> None:
        """A step of the unit is done."""
        if self.unit is not None:
            self.unit.update()
        elif self.page and self.steps:
            self.whole.update(1)

    def describe(self, text: str) -> None:
        """What has been reached so far, beside the bar."""
        bar = self.whole if self.unit is None else self.unit
        bar.set_postfix_str(text, refresh=False)

    def end(self, reached: float) -> None:
        """The unit is over; so much of `until` is done."""
        if self.unit is not None:
            self.unit.close()
            self.unit = None
        if not (self.page and self.steps):
            self.whole.update(reached - self.reached)
        self.reached = reached

    def write(self, line: str) -> None:
        """A line for the reader; on a page it stands beside the bar, for a page has no room for a hundred."""
        if self.page:
            self.describe(line)
        elif not self.hidden:
            tqdm.write(line)


def on_terminal() -> bool:
    """Whether somebody may be looking at what is printed."""
    streams = (sys.stdout, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams)


def terminal_bar(total: int, done: int, about: str, *, hidden: bool) -> tqdm:
    """A bar that goes when it is full."""
    return tqdm(total=total, initial=done, desc=about, leave=False, disable=hidden or not on_terminal())


def page_bar(total: int, about: str) -> Any:
    """The same in the page of a notebook."""
    if in_jupyter():
        from tqdm.notebook import tqdm as widget

        return widget(total=total, desc=about, leave=False)
    return _MarimoBar(total, about)


class _MarimoBar:
    """marimo's bar with tqdm's methods."""

    def __init__(self, total: int, about: str):
        import marimo

        self.bar: Any = marimo.status.progress_bar(total=total, title=about, remove_on_exit=True)

    def __enter__(self) -> "_MarimoBar":
        self.shown = self.bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.__exit__(*error)

    def update(self, n: float = 1) -> None:
        self.shown.update(int(n))

    def set_postfix_str(self, text: str, refresh: bool = False) -> None:
        self.shown.update(0, subtitle=text)
