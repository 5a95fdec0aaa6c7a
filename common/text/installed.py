"""torchtext itself, where it is installed. Its last release (0.18) loads with torch 2.3 only."""

from functools import cache
from types import ModuleType


@cache
def torchtext_if_installed() -> ModuleType | None:
    """torchtext, or None if it is not there or was built for another torch."""
    try:
        import torchtext
    except (ImportError, OSError):  # OSError: its compiled part does not fit this torch
        return None
    torchtext.disable_torchtext_deprecation_warning()
    import torchtext.data
    import torchtext.vocab

    return torchtext
