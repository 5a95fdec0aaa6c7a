"""A frozen dataclass becomes the command line: names, defaults and help exist once, in its fields.

The help of a flag is the comment behind its field. What a user can cause ends as one line on stderr and
status 2; only a bug shows a traceback.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import torch
import tyro
from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

from common import distributed
from common.errors import InputError
from common.runs import read_json
from common.sources import data_dir_from_environment

Result = TypeVar("Result")


def _list_of(kind: type, metavar: str) -> PrimitiveConstructorSpec:
    """Several numbers in one word, separated by commas: 0.6,0.2,0.2."""

    def parse(words: list[str]) -> tuple:
        try:
            return tuple(kind(part) for part in words[0].split(",") if part)
        except ValueError:
            raise ValueError(f"{words[0]!r} is not of the form {metavar}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=parse,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(map(str, value)) or "none"],
    )


Ints = Annotated[tuple[int, ...], _list_of(int, "N,N,…")]
Floats = Annotated[tuple[float, ...], _list_of(float, "X,X,…")]
OptionalInt = Annotated[int | None, arg(metavar="N")]
OptionalFloat = Annotated[float | None, arg(metavar="X")]
OptionalName = Annotated[str | None, arg(metavar="NAME")]
OptionalPath = Annotated[Path | None, arg(metavar="DIR")]


@dataclass(frozen=True)
class RunFlags:
    """The flags of every command that leaves a run directory. A lab's HyperParams adds its own."""

    LENGTH: ClassVar[str] = "epochs"  # the setting that says how long; --resume may raise it

    seed: int = 0  # fixes every random draw
    device: str = "auto"  # auto (CUDA if there, else CPU), cpu, cuda, cuda:N, mps
    out: OptionalPath = None  # the run directory; none given: a new one, runs/<lab>/<time>
    resume: OptionalPath = None  # continue the run in DIR, with its own settings; it may be made longer
    offline: bool = False  # never touch the network
    quiet: bool = False  # print nothing but the run directory

    def __post_init__(self) -> None:
        self.require("seed", self.seed >= 0, "at least 0")

    def require(self, name: str, holds: bool, rule: str) -> None:
        """InputError that names the flag, its value and the rule, unless `holds`."""
        if not holds:
            value = getattr(self, name)
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
            raise InputError(f"--{name.replace('_', '-')} is {shown}; it must be {rule}")


@dataclass(frozen=True)
class TrainingFlags(RunFlags):
    """The flags of every command that trains in epochs. A lab's HyperParams adds its own and sets its defaults."""

    dataset: str = "auto"  # data set; auto: the course's if it is there or can be fetched, else an embedded one
    data_dir: Path = field(default_factory=data_dir_from_environment)  # where data sets lie
    epochs: int = 8  # passes over the training set
    batch_size: int = 64  # samples per gradient step
    lr: float = 1e-3  # learning rate (η)
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16: mixed precision, faster on recent GPUs
    compile: bool = False  # torch.compile the model: slow to start, faster on a GPU
    limit: OptionalInt = None  # use only the first N training samples, after shuffling by the seed

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("epochs", self.epochs is None or self.epochs >= 1, "at least 1")
        self.require("batch_size", self.batch_size >= 1, "at least 1")
        self.require("lr", self.lr is None or 0 < self.lr < float("inf"), "greater than 0")
        self.require("limit", self.limit is None or self.limit >= 1, "at least 1")


Settings = TypeVar("Settings", bound=RunFlags)

# What may differ between a run and its continuation, besides how long: where on this machine.
FREE_ON_RESUME = {"resume", "device", "data_dir", "offline", "quiet"}


def settings(kind: type[Settings], given: dict[str, Any]) -> Settings:
    """The lab's settings: its defaults with those `given`; with `resume`, that run's own.

    Raises TypeError for an unknown name, InputError for a value out of range and for a setting that a resumed
    run cannot change.
    """
    if given.get("resume") is None:
        return kind(**given)
    own = resumed_settings(kind, given["resume"])
    result = dataclasses.replace(own, **given)
    for name in given.keys() - FREE_ON_RESUME - {kind.LENGTH}:
        if getattr(result, name) != getattr(own, name):
            raise InputError(
                f"--{name.replace('_', '-')} {given[name]} cannot be changed by --resume: that run has "
                f"{getattr(own, name)}; start a new run, or change only --{kind.LENGTH}"
            )
    return dataclasses.replace(result, out=own.out)


def resumed_settings(kind: type[Settings], path: Path) -> Settings:
    """The settings a run was started with, from its hyperparams.json, for continuing it in place."""
    own = settings_from_json(kind, read_json(Path(path) / "hyperparams.json"), str(path))
    return dataclasses.replace(own, resume=Path(path), out=Path(path), device=kind.device)


def settings_from_json(kind: type[Settings], values: dict[str, Any], where: str) -> Settings:
    """The dataclass from the JSON that a run has written; InputError, naming `where`, if it is another lab's."""
    hints = typing.get_type_hints(kind)
    types = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    if set(values) - {"lab"} != set(types):
        raise InputError(f"{where} is of another lab or another release ({values.get('lab', 'unknown')})")
    given = {}
    for name, of in types.items():
        value = values[name]
        if value is not None and (of is Path or Path in typing.get_args(of)):
            value = Path(value)
        given[name] = tuple(value) if isinstance(value, list) else value
    return kind(**given)


def parse(kind: type, words: list[str] | None = None, program: str | None = None) -> dict[str, Any]:
    """The command line as keyword arguments for the command: every field, or with --resume only those given."""
    args = _parse(kind, words, program)
    if getattr(args, "resume", None) is None:
        return vars(args)
    own = resumed_settings(kind, args.resume)
    # A flag that is on already may be given again: tyro would then offer its opposite only.
    off = dataclasses.replace(own, **{k: False for k, v in vars(own).items() if v is True})
    again = vars(_parse(kind, words, program, default=off))
    return {k: v for k, v in again.items() if v != getattr(off, k)} | {"resume": args.resume}


def _parse(kind: type, words: list[str] | None, program: str | None, **default: Any) -> Any:
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


def _one_line(frame: str) -> str:
    """tyro's framed explanation of a wrong flag as a sentence: what is wrong, and which flag may be meant."""
    # A title, then paragraphs between rules; drawn with box characters, or with blanks and hyphens in ASCII.
    text = re.sub(r"^╭.*$", "title\n-----", frame, flags=re.MULTILINE)
    _, message, *more = re.split(r"^[ │╰]*[─-]{5,}[ │╯]*$", text, flags=re.MULTILINE)
    sentence = " ".join(message.replace("│", " ").split()).rstrip(".")
    meant = re.findall(r"^[ │]+(--\S+)", more[0], flags=re.MULTILINE) if more and "Perhaps" in more[0] else []
    suggestion = f"; perhaps you meant {' or '.join(meant)}" if meant else ""
    return f"{sentence}{suggestion}; --help lists the flags"


def run(
    command: Callable[..., Result], kind: type, words: list[str] | None = None, program: str | None = None
) -> Result:
    """Call `command` with the settings from the command line (or `words`). This is a lab's whole main function."""
    with one_line_errors():
        given = parse(kind, words, program)
        with distributed.process_group():
            return command(**given)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a user can cause into one line on stderr and status 2 (130 for Ctrl-C)."""
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without η shows ?, and goes on
    try:
        yield
    except InputError as error:
        _fail(error, main_only=True)
    except torch.cuda.OutOfMemoryError as error:
        _fail(f"out of memory on the GPU ({str(error).split('.')[0]}); lower --batch-size or --limit")
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
        _fail(f"{name}: {error.strerror or error}; {cures.get(error.errno, 'check the path and its permissions')}")
    except KeyboardInterrupt:
        _fail("interrupted", status=130)
    except Exception as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" in str(error):
            _fail("out of memory; lower --batch-size or --limit")
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            reason = str(error).strip().splitlines()[0]
            _fail(f"torch.compile cannot compile the network on this machine ({reason}); leave --compile away")
        raise


def print_error(message: object) -> None:
    """One line on stderr."""
    print(" ".join(f"error: {message}".split()), file=sys.stderr, flush=True)


def _fail(message: object, *, status: int = 2, main_only: bool = False) -> typing.NoReturn:
    if distributed.is_main() or not main_only:
        print_error(message)
    raise SystemExit(status) from None
