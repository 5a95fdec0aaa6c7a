"""A command's settings become its command line: names, defaults and help exist once, in the dataclass's fields.

The help of a flag is the comment behind its field. What a user can cause ends as one line on stderr and
status 2; only a bug shows a traceback. No torch here: who asks for --help or has mistyped a flag need not wait for it.
"""

import contextlib
import dataclasses
import errno
import io
import os
import re
import sys
import typing
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import tyro

from common import distributed
from common.errors import InputError
from common.settings import Settings, of_run

Result = TypeVar("Result")


def parse(kind: type[Settings], words: list[str] | None = None, program: str | None = None) -> dict[str, Any]:
    """The command line as keyword arguments for the command: every field, or with --resume only those given."""
    args = _parse(kind, words, program)
    if getattr(args, "resume", None) is None:
        return vars(args)
    own = of_run(kind, args.resume)
    # A flag that is on already may be given again: tyro would then offer its opposite only.
    off = dataclasses.replace(own, **{k: False for k, v in vars(own).items() if v is True})
    again = vars(_parse(kind, words, program, default=off))
    return {k: v for k, v in again.items() if v != getattr(off, k)} | {"resume": args.resume}


def _parse(kind: type[Settings], words: list[str] | None, program: str | None, **default: Any) -> Any:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            config = (tyro.conf.FlagCreatePairsOff,)
            return tyro.cli(kind, prog=program or _command_name(), args=words, config=config, **default)
    except SystemExit as exit:
        if not exit.code:  # --help
            raise
        raise InputError(_one_line(said.getvalue())) from None


def _command_name() -> str:
    """The command as a reader would type it: python -m labs.cnn."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {spec.name.removesuffix('.__main__')}" if spec else Path(sys.argv[0]).name


def _one_line(said: str) -> str:
    """tyro's explanation of a wrong flag as a sentence: what is wrong, and which flag may be meant."""
    # A title, then paragraphs between rules; drawn with box characters, or with blanks and hyphens in ASCII.
    text = re.sub(r"^╭.*$", "title\n-----", said, flags=re.MULTILINE)
    paragraphs = re.split(r"^[│╰├ ]*[─-]{5,}[┤╯│ ]*$", text, flags=re.MULTILINE)
    _, message, *more = paragraphs if len(paragraphs) > 1 else ["", said]  # a frame of another kind: as it is
    sentence = " ".join(message.replace("│", " ").split()).rstrip(".")
    meant = re.findall(r"--[\w-]+", more[0]) if more and "Perhaps" in more[0] else []
    suggestion = f"; perhaps you meant {' or '.join(dict.fromkeys(meant))}" if meant else ""
    return f"{sentence}{suggestion}; --help lists the flags"


def run(
    command: Callable[..., Result], kind: type[Settings], words: list[str] | None = None, program: str | None = None
) -> Result:
    """Call `command` with the settings from the command line (or `words`). This is a lab's whole main function."""
    with one_line_errors():
        given = parse(kind, words, program)
        if distributed.launched() and not getattr(kind, "SHARES_BATCHES", False):
            raise InputError(f"{program or _command_name()} runs in one process; start it without torchrun")
        with distributed.process_group():
            return command(**given)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a user can cause into one line on stderr and status 2 (130 for Ctrl-C)."""
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # a service may run without: nobody reads, nobody types
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (for as long as we run)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without η shows ?, and goes on
    try:
        yield
        sys.stdout.flush()  # what cannot be written any more is noticed here, not at Python's end
    except InputError as error:
        _fail(error, main_only=True)
    except MemoryError:
        _fail("out of memory; lower --batch-size or --limit")
    except BrokenPipeError:  # `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except OSError as error:
        cures = {
            errno.ENOSPC: "free some space or name another place with --out or --data-dir",
            errno.EDQUOT: "free some space or name another place with --out or --data-dir",
        }
        name = error.filename or "writing"
        _fail(f"{name}: {error.strerror or error}; {cures.get(error.errno or 0, 'check the path and its permissions')}")
    except KeyboardInterrupt:
        _fail("interrupted", status=130)
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, by its name: without torch there is none to catch
            _fail(f"out of memory on the GPU ({str(error).split('.')[0]}); lower --batch-size or --limit")
        if isinstance(error, RuntimeError) and re.search(r"can't allocate memory|not enough memory", str(error)):
            _fail("out of memory; lower --batch-size or --limit")
        if isinstance(error, RuntimeError) and "deterministic implementation" in str(error):
            _fail(f"{str(error).split(',')[0]}; leave --deterministic away")
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            reason = str(error).strip().splitlines()[0]
            _fail(f"torch.compile cannot compile the network on this machine ({reason}); leave --compile away")
        raise


def print_error(message: object) -> None:
    """One line on stderr, of which one sees both ends even if a value in it has thousands of characters."""
    line = " ".join(f"error: {message}".split())
    print(line if len(line) <= 800 else f"{line[:400]} … {line[-400:]}", file=sys.stderr, flush=True)


def _fail(message: object, *, status: int = 2, main_only: bool = False) -> typing.NoReturn:
    if distributed.is_main() or not main_only:
        print_error(message)
    raise SystemExit(status) from None
