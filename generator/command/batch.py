"""Split many files: in several processes where that pays."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ..file_split import FileSplit, split_path
from ..files import FileError
from ..outcome import SourceError
from .jobs import Job
from .signals import leave_signals_to_the_parent

Outcome: TypeAlias = FileSplit | FileError | SourceError

_WORTHWHILE = 2_000_000  # bytes; measured over the files of timm and torchvision
_CHUNK = 4


def split_all(jobs: Sequence[Job], only_list: bool) -> Generator[Outcome]:
    """What splitting each of some sources gives, in their order.

    No more is split once it is closed.

    Raises:
        TemplateError: a template is faulty; nothing more is split.
    """
    split = partial(_split, only_list=only_list)
    workers = min(_processors(), len(jobs)) if _size(jobs) > _WORTHWHILE else 1
    yield from map(split, jobs) if workers < 2 else _in_processes(split, jobs, workers)


def _split(job: Job, only_list: bool) -> Outcome:
    try:
        return split_path(job.path, job.options, job.header, only_list)
    except (FileError, SourceError) as error:
        return error


def _in_processes(split: partial[Outcome], jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    # Slow to import, and so only where it is worth it.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    done = 0
    executor = ProcessPoolExecutor(workers, initializer=leave_signals_to_the_parent)
    try:
        for outcome in executor.map(split, jobs, chunksize=_CHUNK):
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


def _size(jobs: Sequence[Job]) -> int:
    size = 0
    for job in jobs:
        with suppress(OSError):  # it is said when the file is read
            size += Path(job.path).stat().st_size
    return size
