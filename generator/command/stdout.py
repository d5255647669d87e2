"""Standard output, on which code, differences and lists go."""

from __future__ import annotations

import os
import sys

from ..files import FileError, reason_of
from .progress import above_progress

STDOUT = "<stdout>"


def write_to_stdout(data: bytes) -> None:
    """Write to standard output; a reader that has gone away is no failure.

    Raises:
        FileError: it cannot be written.
    """
    if sys.stdout is None:
        raise FileError("cannot be written: it is closed", STDOUT)
    try:
        with above_progress():
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer must not be met again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise FileError(f"cannot be written: {reason_of(error)}", STDOUT) from error
