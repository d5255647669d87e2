"""An exception in one line."""

from __future__ import annotations


def in_one_line(error: BaseException) -> str:
    """The name of an exception, and the first line of what it says."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
