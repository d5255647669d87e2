"""Temporary files and directories: what is to take another's place, and what a killed run left.

Each is locked as long as its run lives. One that nobody has locked is therefore a dead run's, and
the next run that writes to its directory removes it.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # on Windows, where nothing is locked, and nothing removed
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".gencode-tmp"
_NAME = re.compile(rf"\..*\.([0-9a-f]{{8}})-[0-9a-f]{{16}}{re.escape(_SUFFIX)}", re.DOTALL)
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NAMELESS = getattr(os, "O_TMPFILE", 0)
_DESCRIPTORS = Path("/proc/self/fd")
_INSIDE = "link"
_A_DAY = 24 * 60 * 60


class Temporary:
    """A new file, which has no name until it is asked for: a killed run leaves none behind.

    Where there are no such files it has its name from the first.

    Attributes:
        file: what it is written with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        nameless = _nameless(path.parent)
        self._is_nameless = nameless is not None
        self.file: BinaryIO = os.fdopen(_named(path) if nameless is None else nameless, "w+b")

    def name(self) -> Path:
        """Its path, once it has one."""
        if self._is_nameless:
            self._is_nameless = False
            descriptor = self.file.fileno()
            try:
                # With a directory, which counts for nothing: only so does Python follow the link.
                os.link(_DESCRIPTORS / str(descriptor), self._path, src_dir_fd=descriptor)
            except OSError:  # not every system that has such files lets them be named
                self._copy()
        if fcntl is None:
            self.file.close()  # Windows renames no file that is open
        return self._path

    def _copy(self) -> None:
        with self.file as nameless:
            self.file = os.fdopen(_named(self._path), "w+b")
            nameless.seek(0)
            shutil.copyfileobj(nameless, self.file)
            self.file.flush()


@contextmanager
def temporary_file(target: Path) -> Iterator[Temporary]:
    """A file beside a target, which it is to replace; it is gone if something goes wrong."""
    # The name is known before there is a file of it, as that of tempfile is not: a signal at any
    # moment leaves none behind.
    path = _beside(target)
    try:
        temporary = Temporary(path)
        try:
            yield temporary
        finally:
            temporary.file.close()
    except BaseException:
        path.unlink(missing_ok=True)  # it may have been put in its place already
        raise


@contextmanager
def temporary_directory(target: Path) -> Iterator[Path]:
    """An empty directory beside a target, to be renamed or to put one link in; gone at the end."""
    path = _beside(target)
    try:
        if fcntl is None:
            path.mkdir()
            yield path
        else:
            descriptor = _locked(partial(_new_directory, path), path)
            try:
                yield path
            finally:
                os.close(descriptor)
    finally:
        with suppress(OSError):
            _remove_directory(path)


@contextmanager
def temporary_link(target: Path, text: str) -> Iterator[Path]:
    """A link to a text beside a target, which it is to replace.

    A link cannot be locked, and so it is in a directory that is.
    """
    with temporary_directory(target) as directory:
        link = directory / _INSIDE
        link.symlink_to(text)
        yield link


def is_temporary(name: str) -> bool:
    """Whether a name is that of something temporary, in use or left behind."""
    return _NAME.fullmatch(name) is not None


def remove_dead_in(directory: Path) -> None:
    """Remove from a directory what runs have left there that were killed."""
    with suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208
            remove_if_dead(directory / name)


def remove_if_dead(path: Path) -> None:
    """Remove something temporary, if it was left by a run that was killed.

    It is if nobody has it locked. Another machine on a network may have, and not be seen to: what
    is from one stays for a day.
    """
    found = _NAME.fullmatch(path.name)
    if fcntl is None or found is None:
        return
    with suppress(OSError):  # it is no failure that there still is what nobody looks at
        if found[1] != _machine() and time.time() - path.lstat().st_mtime < _A_DAY:
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode):
                _remove_directory(path)
            elif stat.S_ISREG(mode):
                path.unlink()
        finally:
            os.close(descriptor)


def _remove_directory(path: Path) -> None:
    if (path / _INSIDE).is_symlink():
        (path / _INSIDE).unlink()
    path.rmdir()  # which leaves it if there is anything else in it


def _beside(target: Path) -> Path:
    """A new name, of which the machine and a part of the target's, which may be too long."""
    return target.parent / f".{target.name[:40]}.{_machine()}-{os.urandom(8).hex()}{_SUFFIX}"


def _machine() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else ""
    return f"{zlib.crc32(os.fsencode(name)):08x}"


def _nameless(directory: Path) -> int | None:
    if not _NAMELESS or not _DESCRIPTORS.exists():
        return None
    try:
        return _locked(partial(os.open, directory, os.O_RDWR | _NAMELESS, 0o600))
    except OSError:
        return None  # the file system has none; what else is wrong is said of the one with a name


def _named(path: Path) -> int:
    return _locked(partial(os.open, path, _NEW, 0o600), path)


def _new_directory(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def _locked(make: Callable[[], int], path: Path | None = None) -> int:
    """Make something new and lock it.

    Args:
        make: makes it and opens it.
        path: where; None where it has no name.

    Returns:
        Its descriptor, with which the lock ends.
    """
    while True:
        descriptor = make()
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: what is left there stays
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path is None or path.exists():
            return descriptor
        os.close(descriptor)  # another run took it for dead before it was locked
