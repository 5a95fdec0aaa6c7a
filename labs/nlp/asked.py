"""The texts that a reader asks about: those in the command line, the lines of a file, or what is typed."""

import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from common.text.own_files import read_text


def texts_asked(text: Sequence[str], file: Path | None) -> list[str]:
    """The texts given and the lines of `file`; if there are neither, those of the standard input. None is blank."""
    texts = [*text, *(read_text(file).splitlines() if file else [])]
    if not texts:
        if sys.stdin.isatty():
            print("a text per line, then Ctrl-D:", file=sys.stderr)
        texts = sys.stdin.read().splitlines()
    texts = [line for line in texts if line.strip()]
    if not texts:
        raise InputError("no text to read; give one in quotation marks, or a file with --file")
    return texts
