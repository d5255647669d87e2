"""What is done with what comes of a job: it is written, or compared with what there is."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, TypeAlias

from ..file_writing import (
    make_directory,
    put_directory,
    put_file,
    put_link,
    write_atomically,
    write_typed,
)
from ..files import NO_REGULAR_FILE, FileError, found_file, read_bytes, read_found, reading, shown
from ..temporaries import remove_dead_in, remove_if_dead
from .differences import coloured, difference
from .helper_jobs import HelperJob
from .jobs import Job
from .stdout import write_to_stdout

Delivered: TypeAlias = Literal[
    "written", "unchanged", "copied", "current", "stale", "missing", "withheld"
]
"""What became of a file, or was found of it where nothing is written."""
_PERMISSIONS = 0o777
_AT_ONCE = 1 << 16


class Delivery(Protocol):
    """Takes what comes of each job, and says what became of it, where that is to be counted.

    Raises, in all its methods:
        FileError: something cannot be read or written.
    """

    @property
    def only_lists(self) -> bool:
        """Whether it need not be known what sources are to be, but only what is to be done."""

    def source(self, job: Job, before: bytes, after: bytes) -> Delivered | None:
        """Take a source: as it is, and as it is to be."""

    def file(self, job: Job) -> Delivered | None:
        """Take a file of a tree that is to be copied."""

    def link(self, job: Job) -> Delivered | None:
        """Take a link of a tree."""

    def directory(self, job: Job) -> None:
        """Take a directory of a tree, before what is in it."""

    @property
    def writes_helpers_first(self) -> bool:
        """Whether what sources import has to be there before they are."""

    def helper(self, helper: HelperJob, source: bytes) -> Delivered | None:
        """Take a module that sources of a tree import."""

    def left_behind(self, job: Job) -> None:
        """Take what a run of gencode has left in a directory that is rewritten, or has there."""


class Writing:
    """Writes everything where it belongs, each file as a whole or not at all.

    What killed runs have left in the directories that it writes to is removed.

    Args:
        on_old_links: is told of a file to which that many other hard links keep what it had.
    """

    only_lists = False
    writes_helpers_first = True

    def __init__(self, on_old_links: Callable[[str, int], None]) -> None:
        self._on_old_links = on_old_links
        self._tidied: set[Path] = set()

    def source(self, job: Job, before: bytes, after: bytes) -> Delivered:
        """Write a source; one that does not change is not touched."""
        if job.destination == "stdout":
            write_to_stdout(after)
        elif job.destination == "file":
            if job.is_configured:
                make_directory(job.target.parent)
            write = write_typed if job.is_target_typed else write_atomically
            self._write(write, job.target, after)
        elif job.destination == "tree":
            self._put(job, io.BytesIO(after))
        elif before != after:
            if job.target.exists() and not job.target.is_file():
                raise FileError(f"cannot be written: {NO_REGULAR_FILE}")
            if read_found(job.path) != before:
                raise FileError("cannot be written: it changed while it was being split")
            self._write(write_atomically, job.target, after)
        if before != after:
            return "written"
        return "unchanged" if job.destination == "itself" else "copied"

    def file(self, job: Job) -> Delivered:
        """Copy a file, with its mode."""
        with found_file(job.path) as file:
            self._put(job, file)
        return "copied"

    def link(self, job: Job) -> Delivered:
        """Make a link."""
        self._replaced(job.target, put_link(self._tidy(job.target), job.detail))
        return "copied"

    def directory(self, job: Job) -> None:
        """Make a directory."""
        put_directory(self._tidy(job.target))

    def helper(self, helper: HelperJob, source: bytes) -> None:
        """Write a module, and the packages that it is in; one that is the same is not touched."""
        if helper.target.exists() and read_found(str(helper.target)) == source:
            return
        self._tidy(helper.target)
        others = helper.module.write(helper.output, source)
        self._replaced(helper.target, others)

    def left_behind(self, job: Job) -> None:
        """Remove it if the run that it is of was killed; from what is only read nothing is."""
        if job.destination == "itself":
            remove_if_dead(job.target)

    def _write(self, write: Callable[[Path, bytes], int], target: Path, data: bytes) -> None:
        self._tidy(Path(os.path.realpath(target)))  # a link is written through
        self._replaced(target, write(target, data))

    def _put(self, job: Job, file: BinaryIO) -> None:
        # What is in a mirrored directory can be made again, and is not waited for.
        self._replaced(job.target, put_file(self._tidy(job.target), file, _mode(job.path)))

    def _tidy(self, target: Path) -> Path:
        """The path of something that is to be put into a directory, which is tidied before."""
        directory = target.parent
        if directory not in self._tidied:
            self._tidied.add(directory)
            remove_dead_in(directory)
        return target

    def _replaced(self, target: Path, others: int) -> None:
        if others:
            self._on_old_links(str(target), others)


class Listing:
    """Does nothing with what comes of a job."""

    only_lists = True
    writes_helpers_first = False

    def source(self, job: Job, before: bytes, after: bytes) -> None:
        """Nothing is known of it."""

    def file(self, job: Job) -> None:
        """Nothing is known of it."""

    def link(self, job: Job) -> None:
        """Nothing is known of it."""

    def directory(self, job: Job) -> None:
        """Nothing is known of it."""

    def helper(self, helper: HelperJob, source: bytes) -> None:
        """Nothing is known of it."""

    def left_behind(self, job: Job) -> None:
        """It stays: nothing is written."""


class Withholding:
    """Writes nothing but what goes to standard output.

    Args:
        delivery: what would have written it.
    """

    only_lists = False
    writes_helpers_first = False

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def source(self, job: Job, before: bytes, after: bytes) -> Delivered | None:
        """It stays as it is, or is printed."""
        if job.destination == "stdout":
            return self._delivery.source(job, before, after)
        return "withheld" if before != after else None

    def file(self, job: Job) -> None:
        """It stays as it is."""

    def link(self, job: Job) -> None:
        """It stays as it is."""

    def directory(self, job: Job) -> None:
        """It stays as it is."""

    def helper(self, helper: HelperJob, source: bytes) -> None:
        """It stays as it is."""

    def left_behind(self, job: Job) -> None:
        """It stays as it is."""


class Comparing:
    """Compares everything with what there is, and writes nothing.

    Args:
        shows: whether the differences of text go to standard output.
        in_colour: whether they are for a terminal.
    """

    only_lists = False
    writes_helpers_first = False

    def __init__(self, shows: bool, in_colour: bool) -> None:
        self._shows = shows
        self._in_colour = in_colour

    def source(self, job: Job, before: bytes, after: bytes) -> Delivered:
        """Compare what a source is to be with it, or with its output."""
        if job.destination in ("itself", "stdout"):
            self._show(before, after, shown(job.path))
            return "unchanged" if before == after else "written"
        return self._compared(job.target, after, job.is_target_typed)

    def file(self, job: Job) -> Delivered:
        """Compare a file with its copy."""
        if not job.target.is_file():
            return "missing"
        with found_file(job.path) as file, found_file(str(job.target)) as copy:
            return "current" if _is_same(file, copy) else "stale"

    def link(self, job: Job) -> Delivered:
        """Compare a link with its copy."""
        if not os.path.lexists(job.target):
            return "missing"
        is_same = job.target.is_symlink() and str(job.target.readlink()) == job.detail
        return "current" if is_same else "stale"

    def directory(self, job: Job) -> None:
        """Nothing: what is missing in it is said of each file."""

    def helper(self, helper: HelperJob, source: bytes) -> Delivered:
        """Compare a module with what it is to be."""
        return self._compared(helper.target, source)

    def left_behind(self, job: Job) -> None:
        """It stays: nothing is written."""

    def _compared(self, target: Path, after: bytes, is_typed: bool = False) -> Delivered:
        before = None
        if target.is_fifo():
            raise FileError("cannot be compared: it is a pipe")
        if os.path.lexists(target):
            before = read_bytes(str(target)) if is_typed else read_found(str(target))
        self._show(before, after, str(target))
        if before is None:
            return "missing"
        return "current" if before == after else "stale"

    def _show(self, before: bytes | None, after: bytes, name: str) -> None:
        if self._shows and before != after:
            diff = difference(before, after, name)
            write_to_stdout(coloured(diff) if self._in_colour else diff)


def _is_same(one: BinaryIO, other: BinaryIO) -> bool:
    while True:
        data = one.read(_AT_ONCE)
        if data != other.read(_AT_ONCE):
            return False
        if not data:
            return True


def _mode(path: str) -> int:
    with reading(path):
        return Path(path).stat().st_mode & _PERMISSIONS
