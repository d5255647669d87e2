"""Facts of a run: of the models that are run, or as an earlier run has kept them in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..file_writing import write_typed
from ..files import STDIN, FileError, UsageError, absolute, decoded, read_bytes, read_found, shown
from ..outcome import Options
from ..seen.schema import SchemaError, Seen, joined, loaded, text_hash, with_paths
from .jobs import Job
from .report import Report

if TYPE_CHECKING:
    from ..proof import Asked

_MOST_NAMED: Final = 3
_OF_LINES: Final = (
    "has lines alone, since Python tells columns from 3.11 on: rules need these, and use nothing"
    " of it"
)


def with_facts(
    jobs: Sequence[Job], asked: Asked | None, file: str | None, report: Report, is_dry: bool
) -> Sequence[Job]:
    """Some jobs with what was seen in a run, where that is asked for.

    Args:
        jobs: what is to be done.
        asked: which models are to be run; None to read what was seen before.
        file: where that is kept; None for nowhere.
        report: is told of each model, and of what is stale.
        is_dry: whether nothing is to be written.

    Raises:
        UsageError: there is no such file, or what is asked for cannot be meant.
    """
    if asked is not None and (file is not None or any(_may_ask(each.options) for each in jobs)):
        seen = _seen(jobs, asked, report)
        if seen is not None and file is not None and not is_dry:
            _write(Path(file), seen)
    elif asked is None and file is not None:
        seen = _read(file)
        _say_what_is_stale(jobs, seen, file, report)
    else:
        return jobs
    if seen is not None and not seen.has_columns:
        report.warning(file or "gencode", f"what was seen in a run {_OF_LINES}")
    return [*_given(jobs, seen)]


def _may_ask(options: Options) -> bool:
    """Whether anything is done by what was seen in a run."""
    return options.asks_run


def _given(jobs: Sequence[Job], seen: Seen | None) -> Iterator[Job]:
    made: dict[int, Options] = {}
    for job in jobs:
        key = id(job.options)
        if key not in made:
            made[key] = replace(job.options, seen=seen)
        yield replace(job, options=made[key])


def _seen(jobs: Sequence[Job], asked: Asked, report: Report) -> Seen | None:
    """What is seen of each model that runs; what does not is said."""
    from ..proof import Failure, facts_of_runs
    from .proving import root_of

    roots = sorted({root_of(absolute(job.path)) for job in jobs if job.kind == "source"})
    runs = []
    found = facts_of_runs(asked, roots)
    for model in asked.models:
        report.seeing(asked, model)
        _, told = next(found)
        if isinstance(told, Failure):
            at = f" ({told.place.file}, line {told.place.line})" if told.place else ""
            report.warning(str(model.place), f"nothing is seen in a run: {told.reason}{at}")
        else:
            runs.append((model.expression, told))
    return joined(runs) if runs else None


def _write(file: Path, seen: Seen) -> None:
    """Keep what was seen.

    Raises:
        UsageError: it cannot be written.
    """
    directory = os.path.realpath(absolute(file).parent)

    def name(path: str) -> str:
        below = path.startswith(directory + os.sep)
        return Path(os.path.relpath(path, directory)).as_posix() if below else path

    try:
        write_typed(file, with_paths(seen, name).dumped().encode())
    except FileError as error:
        raise UsageError(f"--facts {shown(str(file))} {error}") from error


def _read(file: str) -> Seen:
    """What was seen in an earlier run.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    try:
        return loaded(decoded(read_bytes(file)).text)
    except FileError as error:
        raise UsageError(f"--facts {shown(file)} {error}; --model makes it") from error
    except SchemaError as error:
        raise UsageError(f"--facts {shown(file)} {error}") from error


def _say_what_is_stale(jobs: Sequence[Job], seen: Seen, file: str, report: Report) -> None:
    """Say of which sources another state was seen: what was seen of that is not used."""
    directory = os.path.realpath(absolute(Path(file)).parent)
    hashes = {
        os.path.realpath(os.path.join(directory, path)): told["sha256"]  # noqa: PTH118
        for path, told in seen.files.items()
    }
    stale = []
    for job in jobs:
        expected = hashes.get(os.path.realpath(job.path)) if job.path != STDIN else None
        if expected is not None and job.kind == "source" and _hash_of(job) != expected:
            stale.append(shown(job.path))
    if stale:
        more = len(stale) - _MOST_NAMED
        named = ", ".join(stale[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        said = f"what was seen of {named} is not used: the text was another one"
        report.warning(shown(file), f"{said}; --model makes it anew")


def _hash_of(job: Job) -> str:
    try:
        data = read_bytes(job.path) if job.is_typed else read_found(job.path)
        return text_hash(decoded(data).text)
    except FileError:
        return ""  # which is said where it is to be split
