"""Write files: whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .files import NO_REGULAR_FILE, FileError, reason_of
from .temporaries import temporary_directory, temporary_file, temporary_link


def write_typed(path: Path, data: bytes) -> int:
    """Write to a path that a user typed.

    What is no regular file there, such as ``/dev/stdout``, is written to in place; for all else see
    ``write_atomically``.

    Raises:
        FileError: it cannot be written; a regular file that was there before still is.
    """
    with _writing():
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)  # unresolved: what a pipe's name leads to is no name of it
            return 0
    return write_atomically(path, data)


def write_atomically(path: Path, data: bytes) -> int:
    """Write a file as a whole or not at all; an existing one keeps its mode, a link stays one.

    Returns:
        How many other hard links to it keep what it had.

    Raises:
        FileError: it cannot be written, or is no regular file; what was there before still is.
    """
    owner = None
    with _writing():
        if path.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        mode = 0o666 & ~_umask()
        if path.exists():
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise OSError(None, NO_REGULAR_FILE)
            if not os.access(path, os.W_OK):
                raise PermissionError(None, "Permission denied")
            mode, owner = status.st_mode, (status.st_uid, status.st_gid)
    return put_file(Path(os.path.realpath(path)), io.BytesIO(data), mode, owner, lasts=True)


def put_file(
    target: Path,
    source: BinaryIO,
    mode: int,
    owner: tuple[int, int] | None = None,
    lasts: bool = False,
) -> int:
    """Put a file at a place, whole or not at all, instead of a file or link that is there.

    Args:
        target: the place.
        source: what to read it from.
        mode: its permissions.
        owner: the user and group that are to own it, if that may be.
        lasts: whether to wait until it is on the disk, so that a failure of the power does not
            take both the old and the new. It takes longer than most of all else.

    Returns:
        How many other hard links to what was there keep it.

    Raises:
        FileError: it cannot be written; what was there before still is.
    """
    with _writing(), temporary_file(target) as temporary:
        shutil.copyfileobj(source, temporary.file)
        temporary.file.flush()
        if lasts:
            os.fsync(temporary.file.fileno())
        others = _other_hard_links(target)
        path = temporary.name()
        if owner is not None and hasattr(os, "chown"):
            with suppress(OSError):
                os.chown(path, *owner)
        path.chmod(stat.S_IMODE(mode))
        path.replace(target)
        if lasts:
            _flush(target.parent)
    return others


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
        FileError: it cannot be made; a link that was there before still is.
    """
    if not target.is_symlink():
        make_directory(target)
        return
    with _writing(), temporary_directory(target) as directory:
        target.unlink()  # over which no directory can be renamed
        directory.rename(target)


def put_link(target: Path, text: str) -> int:
    """Make a symbolic link, instead of a file or link that is there.

    Returns:
        How many other hard links to what was there keep it.

    Raises:
        FileError: it cannot be made; what was there before still is.
    """
    with _writing():
        if not os.path.lexists(target):
            target.symlink_to(text)
            return 0
        with temporary_link(target, text) as link:
            others = _other_hard_links(target)
            link.replace(target)
    return others


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot be written: {reason_of(error)}") from error


def _other_hard_links(path: Path) -> int:
    try:
        status = path.lstat()
    except OSError:
        return 0  # there is nothing yet
    return status.st_nlink - 1 if stat.S_ISREG(status.st_mode) else 0


def _flush(directory: Path) -> None:
    """Have the names in a directory on the disk, where a directory can be opened for that."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
