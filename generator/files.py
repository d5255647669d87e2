"""Read files, to the byte."""

from __future__ import annotations

import io
import os
import stat
import sys
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

STDIN = "-"
NO_REGULAR_FILE = "it is no regular file"
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


class FileError(Exception):
    """A file cannot be read, decoded or written; the message says why, in one line.

    Attributes:
        path: of the file, unless that is the one to be written: empty.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class UsageError(Exception):
    """What the user asks for cannot be meant; the message says why, in one line."""


def absolute(path: str | os.PathLike[str]) -> Path:
    """A path from the root, with its links as they are, which ``Path.resolve`` follows.

    Raises:
        UsageError: it is relative to a directory that is gone.
    """
    try:
        return Path(os.path.abspath(path))  # noqa: PTH100
    except FileNotFoundError as error:
        raise UsageError("the working directory is gone") from error


def shown(path: str) -> str:
    """A path that a user typed, as messages have it."""
    return "<stdin>" if path == STDIN else path or "''"


def is_directory(path: str) -> bool:
    """Whether a path that a user typed is that of a directory, and not standard input."""
    try:
        return path not in ("", STDIN) and Path(path).is_dir()
    except OSError:
        return False  # what is wrong with it is said when it is read


@dataclass(frozen=True)
class SourceFile:
    """A source as it was read.

    Attributes:
        text: with its line ends as they were, and without a byte order mark.
        encoding: as Python's own rules have it; ``utf-8-sig`` where there was a byte order mark.
    """

    text: str
    encoding: str

    def encoded(self, text: str) -> bytes:
        """The bytes of a new text in the file's own encoding.

        Raises:
            FileError: that encoding cannot hold it.
        """
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            reason = f"its encoding, {self.encoding}, has no {character!r}"
            raise FileError(f"cannot be written: {reason}") from error


def decoded(data: bytes) -> SourceFile:
    """A Python source of its bytes.

    Raises:
        FileError: it is in no encoding that it says.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        source = SourceFile(data.decode(encoding), encoding)
        is_faithful = source.encoded(source.text) == data
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        place = f"byte 0x{data[error.start]:02x} in line {line}"
        hint = ", and has no encoding cookie" if error.encoding == "utf-8" else ""
        raise FileError(f"is not {error.encoding}{hint} ({place})") from error
    except (SyntaxError, LookupError, UnicodeError) as error:
        reason = str(error).partition("\n")[0]  # an unknown cookie, or one of no text
        raise FileError(f"cannot be decoded: {reason}") from error
    if not is_faithful:
        raise FileError(f"cannot be decoded: {encoding} does not give its bytes back")
    return source


def read_bytes(path: str) -> bytes:
    """The bytes of a file whose path was typed, whatever it is; standard input for ``-``.

    Raises:
        FileError: it cannot be read.
    """
    with reading(path):
        if path != STDIN:
            return Path(path).read_bytes()
        if sys.stdin is None:
            raise FileError("cannot be read: standard input is closed")
        return sys.stdin.buffer.read()


def read_found(path: str) -> bytes:
    """The bytes of a file that was found, and whose path nobody typed.

    Raises:
        FileError: it cannot be read, or is no regular file.
    """
    with found_file(path) as file, reading(path):
        return file.read()


@contextmanager
def found_file(path: str) -> Iterator[BinaryIO]:
    """Open a file that was found, to read it.

    What is no regular file is not opened: a pipe may be waited for for ever, and to open a device
    may be to start something. A user who types the path of one means it: ``read_bytes``.

    Raises:
        FileError: it cannot be opened, or is no regular file.
    """
    with reading(path):
        file = open(path, "rb", opener=_regular)  # noqa: SIM115
    with file:
        yield file


def _regular(path: str, flags: int) -> int:
    _see_that_it_is_regular(os.stat(path))  # noqa: PTH116
    descriptor = os.open(path, flags | _AT_ONCE)
    try:
        _see_that_it_is_regular(os.fstat(descriptor))  # it may have become another meanwhile
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _see_that_it_is_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(None, "Is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(None, NO_REGULAR_FILE)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Make what goes wrong with reading a file a FileError."""
    try:
        yield
    except (OSError, ValueError) as error:  # a null byte in its name
        raise FileError(f"cannot be read: {reason_of(error)}", path) from error


def reason_of(error: OSError | ValueError) -> str:
    """Why something could not be done, in few words."""
    return getattr(error, "strerror", None) or str(error)
