"""The one exception for what a user can cause."""


class InputError(Exception):
    """A value, file or machine that cannot be used as asked.

    The message is one line that names the value, the rule and the cure. `common.cli` prints it on stderr
    and ends with status 2; from Python it is an ordinary exception.
    """


def missing_extra(libraries: str, extra: str) -> InputError:
    """What to say where libraries that only a part of the suite needs are not installed."""
    return InputError(f'{libraries} not installed; in the suite\'s folder: pip install -e ".[{extra}]"')
