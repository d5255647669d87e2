"""Split many files: in several processes where that pays."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..file_split import FileSplit, new_locator, split_path
from ..files import STDIN, FileError
from ..one_line import in_one_line
from ..outcome import SourceError, TemplateError
from .jobs import Job
from .signals import leave_interrupts_to_the_parent

if TYPE_CHECKING:
    from ..project_files import Locator

Outcome: TypeAlias = FileSplit | FileError | SourceError

_WORTHWHILE = 1_000_000  # bytes; measured over the files of timm and torchvision
_CHUNK = 4


def split_all(jobs: Sequence[Job], only_list: bool, reports: bool = False) -> Generator[Outcome]:
    """What splitting each of some sources gives, in their order.

    No more is split once it is closed.

    Args:
        jobs: the sources.
        only_list: whether it is only to be said what would be done.
        reports: whether all is wanted that a report shows.

    Raises:
        TemplateError: a template is faulty; nothing more is split.
    """
    workers = min(_processors(), len(jobs)) if _is_worthwhile(jobs) else 1
    if workers > 1:
        yield from _in_processes(jobs, only_list, reports, workers)
    else:
        locator = cache(new_locator)
        for job in jobs:
            yield from _split_some([job], only_list, reports, locator)


def _split(job: Job, only_list: bool, reports: bool, locator: Callable[[], Locator]) -> Outcome:
    path, options = job.path, job.options
    try:
        return split_path(path, options, job.header, only_list, job.is_typed, locator, reports)
    except (FileError, SourceError) as error:
        return error
    except TemplateError:
        raise
    except Exception as error:  # a fault of ours in one file is not to keep the others
        return FileError(f"is left as it is, by a fault of gencode: {in_one_line(error)}")


_locator = cache(new_locator)
"""Those of a process that splits for another one."""


def _split_some(
    jobs: Sequence[Job],
    only_list: bool,
    reports: bool,
    locator: Callable[[], Locator] = _locator,
) -> list[Outcome]:
    return [_split(job, only_list, reports, locator) for job in jobs]


def _in_processes(
    jobs: Sequence[Job], only_list: bool, reports: bool, workers: int
) -> Iterator[Outcome]:
    # Slow to import, and so only where it is worth it.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    done = 0
    executor = ProcessPoolExecutor(workers, initializer=leave_interrupts_to_the_parent)
    try:
        # Not with its map, which cancels what another thread may be ending just then.
        chunks = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
        for future in [executor.submit(_split_some, chunk, only_list, reports) for chunk in chunks]:
            for outcome in future.result():
                yield outcome
                done += 1
    except BrokenProcessPool:
        for _ in jobs[done:]:
            yield FileError("is not split: a process that was at it, or at another, ended abruptly")
    finally:
        executor.shutdown(cancel_futures=True)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_worthwhile(jobs: Sequence[Job]) -> bool:
    """Whether there is enough to do, and all of it is in files: this process alone reads others."""
    size = 0
    if any(job.path == STDIN for job in jobs):
        return False
    for job in jobs:
        try:
            status = Path(job.path).stat()
        except OSError:
            continue  # it is said when the file is read
        if not stat.S_ISREG(status.st_mode):
            return False
        size += status.st_size
    return size > _WORTHWHILE
