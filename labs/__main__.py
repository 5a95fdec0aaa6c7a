"""`python -m labs` (or `labs`): the list of labs, and the commands that are no lab's own.

What a command needs is imported where it begins: the list, `labs runs`, --help and a mistyped flag need no torch.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from common import cli
from common.compare import compare
from common.errors import InputError
from common.settings import DataDir, OptionalPath, Range, Settings
from common.sources import data_dir_from_environment, fetch_files, missing_files

USAGE = """
  python -m labs.<lab>          train with the course's settings       (--help lists the flags)
  labs fetch [NAME…|--all]      bring data sets beforehand, or say which are there
  labs runs [LAB]               the runs that there are, a line each
  labs compare RUN…             a table of runs, and their curves in one figure
  labs sweep LAB --over …       many runs, one table: settings × seeds, with spread and figures
  labs board [RUN…]             TensorBoard on runs (extra `tensorboard`)
  labs verify [LAB…]            do these labs still reach here what they say?
  labs serve [RUN…]             trained networks behind HTTP, with a page to draw on (extra `serve`)
  labs picture FIGURE OUT       a figure made small enough for a web page"""


@dataclass(frozen=True)
class Fetch(Settings):
    """Bring data sets, so that a classroom needs no internet later. Without names: say which are there."""

    names: Positional[Annotated[tuple[str, ...], arg(metavar="NAME")]] = ()  # data sets to bring
    all: bool = False  # bring every data set
    data_dir: DataDir = field(default_factory=data_dir_from_environment)  # where data sets lie


@dataclass(frozen=True)
class Compare(Settings):
    """Print a table of runs (settings that differ, metrics, time; the best marked *) and draw their curves."""

    runs: Positional[Annotated[tuple[Path, ...], arg(metavar="RUN")]]  # run directories, of one lab
    out: OptionalPath = None  # where the figure goes; none: beside the first run, named after all


@dataclass(frozen=True)
class Picture(Settings):
    """Make a figure of a run small enough for a web page: a palette PNG of at most 120 kB."""

    source: Positional[Annotated[Path, arg(metavar="FIGURE")]]  # a picture file
    out: Positional[Annotated[Path, arg(metavar="OUT")]]  # the PNG to write
    width: Annotated[int, Range(16, 4000)] = 900  # pixels; a smaller figure keeps its width


def list_labs() -> str:
    """A line per lab: its command and the first line of its package's docstring.

    A lab is a folder with a file of its name, labs/cnn/cnn.py; labs/serve/ has none, since it serves all of them.
    """
    lines = []
    for package in sorted(Path(__file__).parent.glob("*/__init__.py")):
        if not (package.parent / f"{package.parent.name}.py").is_file():
            continue
        about = (ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        lines.append(f"  python -m {f'labs.{package.parent.name}':<28} {about}")
    return "\n".join(lines)


def fetch(names: tuple[str, ...], all: bool, data_dir: Path) -> int:
    """Bring the data sets called `names`; returns 2 if one could not be had."""
    from common.datasets import SOURCES
    from common.text.published import GLOVE, TEXT_SOURCES

    sources = {**SOURCES, **TEXT_SOURCES, "glove": GLOVE}
    for name in names:
        if name not in sources:
            raise InputError(f"data set {name!r} is none of {', '.join(sources)}")
    if not names and not all:
        for name, source in sources.items():
            there = "missing" if missing_files(source, data_dir) else "there"
            print(f"  {name:<14} {there:<8} {source.megabytes:>4} MB  {source.about}  ({data_dir / source.folder})")
        print("  digits         there       0 MB  1 797 handwritten digits (come with scikit-learn)")
        print("  topics, reviews, tagged, entities, summaries, questions: texts that come with the suite")
        return 0
    status = 0
    for name in sources if all else names:
        missing = missing_files(sources[name], data_dir)
        try:
            fetch_files(name, sources[name], data_dir)
            print(f"{name}: {'fetched' if missing else 'there already'}, checksums right")
        except InputError as error:
            cli.print_error(error)
            status = 2
    return status


def picture(source: Path, out: Path, width: int) -> None:
    """`shrink_picture`: the file `source` as a PNG of at most 120 kB."""
    from common.images import shrink_picture

    shrink_picture(source, out, width)


COMMANDS: dict[str, tuple[Callable[..., int | None], type[Settings]]] = {
    "fetch": (fetch, Fetch),
    "compare": (compare, Compare),
    "picture": (picture, Picture),
}
ELSEWHERE = {  # module, function, settings: what only these need is imported for these only
    "runs": ("common.run_list", "list_runs", "Runs"),
    "sweep": ("common.sweep.sweep", "sweep", "Sweep"),
    "board": ("labs.board", "board", "Board"),
    "verify": ("labs.verify", "verify", "Verify"),
    "serve": ("labs.serve.command", "serve", "Serve"),
}


def find_command(name: str) -> tuple[Callable[..., int | None], type[Settings]]:
    """A command's function and its settings."""
    if name in COMMANDS:
        return COMMANDS[name]
    module, function, kind = ELSEWHERE[name]
    found = importlib.import_module(module)
    return getattr(found, function), getattr(found, kind)


def main() -> None:
    """The console script `labs`."""
    words = sys.argv[1:]
    with cli.one_line_errors():
        if words in ([], ["-h"], ["--help"]):
            print(list_labs(), USAGE, sep="\n")
            return
        if words[0] not in [*COMMANDS, *ELSEWHERE]:
            known = ", ".join([*COMMANDS, *ELSEWHERE])
            raise InputError(f"{words[0]!r} is no command of labs; there are {known}")
        command, kind = find_command(words[0])
    raise SystemExit(cli.run(command, kind, words[1:], f"labs {words[0]}") or 0)


if __name__ == "__main__":
    main()
