"""Read and write files: to the byte, and whole or not at all."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import stat
import sys
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

STDIN = "-"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


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
    """The bytes of a file, or of standard input for ``-``.

    Raises:
        FileError: it cannot be read.
    """
    with reading(path):
        if path != STDIN:
            return Path(path).read_bytes()
        if sys.stdin is None:
            raise FileError("cannot be read: standard input is closed")
        return sys.stdin.buffer.read()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all; an existing one keeps its mode, a link stays one.

    What is no regular file, such as ``/dev/stdout``, is written to in place.

    Raises:
        FileError: it cannot be written; a regular file that was there before still is.
    """
    owner = None
    with _writing():
        if path.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # unresolved: what a pipe's name leads to is no name of it
            return
        mode = 0o666 & ~_umask()
        if path.exists():
            if not os.access(path, os.W_OK):
                raise PermissionError(None, "Permission denied")
            status = path.stat()
            mode, owner = status.st_mode, (status.st_uid, status.st_gid)
    put_file(Path(os.path.realpath(path)), io.BytesIO(data), mode, owner)


def put_file(
    target: Path, source: BinaryIO, mode: int, owner: tuple[int, int] | None = None
) -> None:
    """Put a file at a place, whole or not at all, instead of a file or link that is there.

    Args:
        target: the place.
        source: what to read it from.
        mode: its permissions.
        owner: the user and group that are to own it, if that may be.

    Raises:
        FileError: it cannot be written; what was there before still is.
    """
    # The target's name may be as long as names can be. This one is known before there is a file of
    # it, as that of tempfile is not: a signal at any moment leaves none behind.
    temporary = target.parent / f".{target.name[:40]}.{secrets.token_hex(8)}.tmp"
    with _writing():
        try:
            with os.fdopen(os.open(temporary, _NEW, 0o600), "wb") as file:
                shutil.copyfileobj(source, file)
            if owner is not None and hasattr(os, "chown"):
                with suppress(OSError):
                    os.chown(temporary, *owner)
            temporary.chmod(stat.S_IMODE(mode))
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)  # it may have been put there already
            raise


def make_directory(target: Path) -> None:
    """Make a directory where there is none, and those above it.

    Raises:
        FileError: it cannot be made.
    """
    with _writing():
        target.mkdir(parents=True, exist_ok=True)


def put_directory(target: Path) -> None:
    """Make a directory where there is none, and those above it; a link gives way to it.

    Raises:
        FileError: it cannot be made.
    """
    with _writing():
        if target.is_symlink():
            target.unlink()
    make_directory(target)


def put_link(target: Path, text: str) -> None:
    """Make a symbolic link, instead of a file or link that is there.

    Raises:
        FileError: it cannot be made.
    """
    with _writing():
        if os.path.lexists(target):
            target.unlink()
        target.symlink_to(text)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Make what goes wrong with reading a file a FileError."""
    try:
        yield
    except (OSError, ValueError) as error:  # a null byte in its name
        raise FileError(f"cannot be read: {reason_of(error)}", path) from error


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot be written: {reason_of(error)}") from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def reason_of(error: OSError | ValueError) -> str:
    """Why something could not be done, in few words."""
    return getattr(error, "strerror", None) or str(error)
