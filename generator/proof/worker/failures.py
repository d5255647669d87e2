"""What goes wrong in the user's code, as plain data: in its own words, and where it happened."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from ...load_model import ModelError
from ...one_line import in_one_line

_HOUSE = Path(__file__).parents[2]
_NOT_THE_USERS = ("<", f"{_HOUSE}{os.sep}", f"{_HOUSE.resolve()}{os.sep}")


class NoProofError(Exception):
    """A run that would prove nothing, or shows a difference; the message says why, in one line."""


def told(error: BaseException, doing: str) -> dict[str, Any]:
    """An error as plain data.

    Args:
        error: what was raised.
        doing: what raises it, such as ``Net(groups=2)``.
    """
    if isinstance(error, NoProofError):
        return {"reason": f"{doing} {error}"}
    cause = error.__cause__ if isinstance(error, ModelError) else error
    place = _place(cause.__traceback__ if cause is not None else None)
    if is_of_memory(cause):
        return {"kind": "memory", "reason": doing, **place}
    if isinstance(error, ModelError):
        return {"reason": error.reason, **place}
    return {"reason": f"{doing} raises {in_one_line(error)}", **place}


def place_of(frame: FrameType | None) -> dict[str, Any]:
    """Where the innermost frame of the user's is."""
    while frame is not None:
        file = frame.f_code.co_filename
        if is_the_users(file):
            return _at(file, frame.f_lineno, column_of(frame, frame.f_lasti))
        frame = frame.f_back
    return {}


def is_the_users(file: str) -> bool:
    """Whether a file is neither of Python, nor of torch, nor of PLiNIO, nor of gencode."""
    others = (os.path.dirname(os.__file__) + os.sep,)  # noqa: PTH120
    is_installed = f"{os.sep}site-packages{os.sep}" in file
    if file.startswith(_NOT_THE_USERS) or (file.startswith(others) and not is_installed):
        return False
    homes = (_home("torch"), _home("plinio"))
    return not any(len(each) > 1 and file.startswith(each + os.sep) for each in homes)


def _home(package: str) -> str:
    """The directory of a package, if it is imported."""
    module = sys.modules.get(package)
    return os.path.dirname(str(getattr(module, "__file__", None) or "/"))  # noqa: PTH120


def _place(traceback: TracebackType | None) -> dict[str, Any]:
    """The innermost line of the user's that a traceback passes."""
    found: dict[str, Any] = {}
    for frame, last, line in steps(traceback):
        if is_the_users(frame.f_code.co_filename):
            found = _at(frame.f_code.co_filename, line, column_of(frame, last))
    return found


def steps(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int, int]]:
    """The frames of a traceback, the outermost first, each with its instruction and its line."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno
        traceback = traceback.tb_next


def _at(file: str, line: int, column: int) -> dict[str, Any]:
    text = linecache.getline(file, line).rstrip("\n")
    column = len(text.encode()[:column].decode(errors="replace"))
    return {"file": file, "line": line, "column": column + 1, "source_line": text}


def column_of(frame: FrameType, last: int) -> int:
    """Where in its line a frame is, in bytes from 0; before Python 3.11 nothing tells it."""
    positions = getattr(frame.f_code, "co_positions", None)
    if positions is None or last < 0:
        return 0
    *_, start, _ = [*positions()][last // 2]
    return start or 0


def is_of_memory(error: BaseException | None) -> bool:
    """Whether an error says that there is no more memory."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)
