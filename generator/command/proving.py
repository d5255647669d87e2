"""Prove what a run is to write before anything of it is written, and have PLiNIO try it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..file_split import FileSplit
from ..files import FileError, UsageError, absolute, reason_of
from ..outcome import Result
from ..plinio_check.obstacle import METHODS
from ..printable import printable
from ..proof import Asked, prove
from ..proof.prove import Written
from ..proof.trying import tried
from .batch import Outcome
from .extras import is_installed
from .helper_jobs import HelperJob, blocks_of
from .helper_module import package_around
from .helper_uses import imports_helper, needed_blocks
from .jobs import Job
from .report import Report
from .terminal import waiting


class Proving:
    """Proves what comes of some jobs.

    Args:
        asked: which models to run, and how.
        report: is told of each.
    """

    def __init__(self, asked: Asked, report: Report) -> None:
        self._asked = asked
        self._report = report

    def is_proved(self, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> bool:
        """Whether all models are proved; so they are where nothing changes.

        Raises:
            UsageError: what is asked for cannot be meant.
        """
        written = _written(jobs, outcomes)
        is_to_prove = self._asked.is_to_prove and bool(written.changed)
        try:
            is_proved = not is_to_prove or all([*self._proofs(written)])
            if self._asked.is_to_try and is_proved:
                self._try(written, outcomes)
            return is_proved
        except OSError as error:
            raise UsageError(f"the models cannot be run: {reason_of(error)}") from error

    def _proofs(self, written: Written) -> Iterator[bool]:
        proofs = prove(self._asked, written)
        for model in self._asked.models:
            self._report.running(self._asked, model)
            with waiting(f"running {printable(model.expression)}"):
                proof = next(proofs)
            yield self._report.proof(proof)

    def _try(self, written: Written, outcomes: Sequence[Outcome]) -> None:
        """Have PLiNIO try all models, and say what it makes of them."""
        methods = METHODS if is_installed("plinio") else ("",)
        if methods != METHODS:
            self._report.no_plinio()
        results = [each.result for each in outcomes if isinstance(each, FileSplit)]
        codes = {code: _says_why(results, code) for each in results for code in each.codes}
        for model in self._asked.models:
            self._report.trying(self._asked, model)
            only = replace(self._asked, models=(model,))
            with waiting(f"trying {printable(model.expression)} with PLiNIO"):
                found = [*tried(only, written, methods)]
            self._report.tried(found, codes)


def _says_why(results: Sequence[Result], code: str) -> bool:
    """Whether something is said to be left by a rule."""
    found = (each.code for one in results for each in one.findings if each.status == "left")
    records = (each for one in results for each in one.records if code == "grouped-conv")
    return code in found or any(each.status == "left" for each in records)


def _written(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> Written:
    """What is to be where once it is written; what fails is as it was."""
    contents: dict[Path, bytes | Path] = {}
    changed: list[Path] = []
    targets: dict[Path, Path] = {}
    helpers: dict[Path, tuple[HelperJob, frozenset[str]]] = {}
    rest = iter(outcomes)
    for job in jobs:
        outcome = next(rest) if job.kind == "source" else None
        is_own = job.destination in ("itself", "stdout")
        source, target = absolute(job.path), absolute(job.path if is_own else job.target)
        if not is_own:
            targets[source] = target
        if job.helper is not None and job.kind == "helper":
            _need(helpers, job.helper, blocks_of(source) or frozenset())
        elif isinstance(outcome, FileSplit):
            if job.helper is not None and imports_helper(job, outcome):
                _need(helpers, job.helper, needed_blocks(job.helper, job, outcome))
            if outcome.before != outcome.after or not is_own:
                contents[target] = outcome.after
            if outcome.before != outcome.after:
                changed.append(target)
        elif not is_own and source.is_file():
            contents[target] = source
    for helper, needed in helpers.values():
        _add_helper(helper, needed, contents)
    roots = {root_of(absolute(job.path)) for job in jobs if job.kind == "source"}
    return Written(contents, changed, targets, sorted(roots))


def _need(
    helpers: dict[Path, tuple[HelperJob, frozenset[str]]], helper: HelperJob, more: frozenset[str]
) -> None:
    _, needed = helpers.get(helper.target, (helper, frozenset()))
    helpers[helper.target] = helper, needed | more


def _add_helper(
    helper: HelperJob, needed: frozenset[str], contents: dict[Path, bytes | Path]
) -> None:
    try:
        contents[absolute(helper.target)] = helper.source(needed)
    except FileError:
        return  # which is said where it is to be written
    for package in helper.module.new_packages:
        contents.setdefault(absolute(helper.output / package / "__init__.py"), b"")


def root_of(file: Path) -> Path:
    """The directory that a file is imported from."""
    around = package_around(file.parent)
    return file.parent if around is None else around[0].parent
