"""Which settings a command has: found by its name, for those who start commands of labs that they do not know."""

import contextlib
import functools
import importlib
import io
import re
import runpy
import warnings
from unittest import mock

from common import cli
from common.errors import InputError
from common.settings import RunFlags, Settings


class _FoundError(Exception):
    """Carries the settings out of a command that is only asked for them."""

    def __init__(self, kind: type[Settings]):
        self.kind = kind


@functools.cache
def settings_of(command: str) -> type[Settings]:
    """The settings of `python -m <command>`, labs.vae say: it is started, and stopped where it reads its flags.

    InputError for a name that is no lab's command.
    """
    if not re.fullmatch(r"labs(\.\w+)+", command):
        raise InputError(f"{command!r} is no command of a lab; name one as vae or reinforcement_learning.dqn")

    def stop(function: object, kind: type[Settings], *rest: object) -> None:
        raise _FoundError(kind)

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), mock.patch.object(cli, "run", stop):
        warnings.simplefilter("ignore")  # runpy: the package has imported the command's file already
        try:
            runpy.run_module(command, run_name="__main__")
        except _FoundError as found:
            in_command = found.kind.__module__ == "__main__"  # made by this run of its file: everybody else imports it
            return getattr(importlib.import_module(command), found.kind.__name__) if in_command else found.kind
        except ImportError as error:
            if error.name is not None and not f"{command}.__main__".startswith(error.name):
                raise InputError(f"python -m {command} cannot start: {error}") from error
    raise InputError(f"there is no python -m {command}; python -m labs lists the labs")


def settings_class(command: str) -> type[RunFlags]:
    """The same for a command that leaves a run directory; InputError for one that does not."""
    kind = settings_of(command)
    if not issubclass(kind, RunFlags):
        raise InputError(f"python -m {command} leaves no run directory; name a command that trains")
    return kind
