"""What is done with what comes of a job: it is written, or compared with what there is."""

from __future__ import annotations

import filecmp
import io
import os
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from ..files import (
    FileError,
    make_directory,
    put_directory,
    put_file,
    put_link,
    read_bytes,
    reading,
    shown,
    write_atomically,
)
from .differences import coloured, difference
from .jobs import HelperJob, Job
from .stdout import write_to_stdout

Delivered: TypeAlias = Literal["written", "unchanged", "copied", "current", "stale", "missing"]
"""What became of a file, or was found of it where nothing is written."""
_PERMISSIONS = 0o777


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

    def helper(self, helper: HelperJob) -> Delivered | None:
        """Take a module that sources of a tree import."""


class Writing:
    """Writes everything where it belongs, each file as a whole or not at all."""

    only_lists = False

    def source(self, job: Job, before: bytes, after: bytes) -> Delivered:
        """Write a source; one that does not change is not touched."""
        if job.destination == "stdout":
            write_to_stdout(after)
        elif job.destination == "file":
            if job.is_configured:
                make_directory(job.target.parent)
            write_atomically(job.target, after)
        elif job.destination == "tree":
            put_file(job.target, io.BytesIO(after), _mode(job.path))
        elif before != after:
            if job.target.exists() and not job.target.is_file():
                raise FileError("cannot be written: it is no regular file")
            if read_bytes(job.path) != before:
                raise FileError("cannot be written: it changed while it was being split")
            write_atomically(job.target, after)
        if before != after:
            return "written"
        return "unchanged" if job.destination == "itself" else "copied"

    def file(self, job: Job) -> Delivered:
        """Copy a file, with its mode."""
        with reading(job.path):
            file = Path(job.path).open("rb")  # noqa: SIM115
        with file:
            put_file(job.target, file, _mode(job.path))
        return "copied"

    def link(self, job: Job) -> Delivered:
        """Make a link."""
        put_link(job.target, job.detail)
        return "copied"

    def directory(self, job: Job) -> None:
        """Make a directory."""
        put_directory(job.target)

    def helper(self, helper: HelperJob) -> None:
        """Write a module, and the packages that it is in."""
        helper.module.write(helper.output, helper.source)


class Listing:
    """Does nothing with what comes of a job."""

    only_lists = True

    def source(self, job: Job, before: bytes, after: bytes) -> None:
        """Nothing is known of it."""

    def file(self, job: Job) -> None:
        """Nothing is known of it."""

    def link(self, job: Job) -> None:
        """Nothing is known of it."""

    def directory(self, job: Job) -> None:
        """Nothing is known of it."""

    def helper(self, helper: HelperJob) -> None:
        """Nothing is known of it."""


class Comparing:
    """Compares everything with what there is, and writes nothing.

    Args:
        shows: whether the differences of text go to standard output.
        in_colour: whether they are for a terminal.
    """

    only_lists = False

    def __init__(self, shows: bool, in_colour: bool) -> None:
        self._shows = shows
        self._in_colour = in_colour

    def source(self, job: Job, before: bytes, after: bytes) -> Delivered:
        """Compare what a source is to be with it, or with its output."""
        if job.destination in ("itself", "stdout"):
            self._show(before, after, shown(job.path))
            return "unchanged" if before == after else "written"
        return self._compared(job.target, after)

    def file(self, job: Job) -> Delivered:
        """Compare a file with its copy."""
        if not job.target.is_file():
            return "missing"
        with reading(job.path):
            is_same = filecmp.cmp(job.path, job.target, shallow=False)
        return "current" if is_same else "stale"

    def link(self, job: Job) -> Delivered:
        """Compare a link with its copy."""
        if not os.path.lexists(job.target):
            return "missing"
        is_same = job.target.is_symlink() and str(job.target.readlink()) == job.detail
        return "current" if is_same else "stale"

    def directory(self, job: Job) -> None:
        """Nothing: what is missing in it is said of each file."""

    def helper(self, helper: HelperJob) -> Delivered:
        """Compare a module with what it is to be."""
        return self._compared(helper.target, helper.source)

    def _compared(self, target: Path, after: bytes) -> Delivered:
        before = None
        if target.is_fifo():
            raise FileError("cannot be compared: it is a pipe")
        if os.path.lexists(target):
            with reading(str(target)):
                before = target.read_bytes()
        self._show(before, after, str(target))
        if before is None:
            return "missing"
        return "current" if before == after else "stale"

    def _show(self, before: bytes | None, after: bytes, name: str) -> None:
        if self._shows and before != after:
            diff = difference(before, after, name)
            write_to_stdout(coloured(diff) if self._in_colour else diff)


def _mode(path: str) -> int:
    with reading(path):
        return Path(path).stat().st_mode & _PERMISSIONS
