"""Do jobs: split, deliver, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..file_split import FileSplit
from ..files import FileError, read_bytes, read_found, shown
from ..outcome import SourceError
from .batch import Outcome, split_all
from .delivery import Delivered, Delivery, Withholding
from .helper_jobs import HelperJob, blocks_of, is_known
from .helper_uses import imports_helper, is_imported, needed_blocks
from .jobs import Job
from .progress import progress
from .report import Report

if TYPE_CHECKING:
    from .paging import Paging
    from .proving import Proving

_NEVER: Final = frozenset(("not written yet",))
_UNUSED: Final = "no file beside or below imports this helper any more; it stays"


class Run:
    """Does jobs, one after the other; what fails with one of them is said, and the others go on.

    Args:
        delivery: takes what comes of each.
        report: is told of everything.
        proving: proves what is to be written; what it does not is not written.
        forces: whether that is written nonetheless.
        paging: is told what becomes of each source.
    """

    def __init__(
        self,
        delivery: Delivery,
        report: Report,
        proving: Proving | None = None,
        forces: bool = False,
        paging: Paging | None = None,
    ) -> None:
        self._delivery = delivery
        self._report = report
        self._proving = proving
        self._forces = forces
        self._paging = paging
        self._helpers: dict[str, HelperJob] = {}
        self._needed: dict[str, frozenset[str]] = {}
        self._written: dict[str, frozenset[str] | None] = {}
        self._imported: set[Path] = set()
        self._lost: set[Path] = set()

    def do(self, jobs: Sequence[Job]) -> None:
        """Do some jobs.

        Raises:
            TemplateError: a template is faulty; nothing more is done.
        """
        sources = [job for job in jobs if job.kind == "source"]
        reports = self._paging is not None
        splitting = split_all(sources, only_list=self._delivery.only_lists, reports=reports)
        with closing(splitting), progress(len(sources)) as advance:
            outcomes = _counted(splitting, advance)
            if any(job.destination == "itself" for job in sources):
                # All at once: what others are split with is not to be written over meanwhile.
                outcomes = iter([*outcomes])
            if self._proving is not None:
                outcomes = self._proved(self._proving, jobs, [*outcomes])
            for job in jobs:
                outcome = next(outcomes) if job.kind == "source" else None
                with self._reporting(job.place):
                    self._do(job, outcome)
        for place in self._helpers:
            if self._written.get(place, _NEVER) not in (self._needed[place], None):
                self._deliver_helper(place)
        for helper in _modules(jobs):
            self._unless_unused(helper)

    def _proved(
        self, proving: Proving, jobs: Sequence[Job], outcomes: Sequence[Outcome]
    ) -> Iterator[Outcome]:
        """See to it that what is not proved is not written."""
        if not proving.is_proved(jobs, outcomes) and not self._forces:
            if self._delivery.writes_helpers_first:  # else nothing is written anyway
                self._report.withheld(any(job.destination != "stdout" for job in jobs))
                self._delivery = Withholding(self._delivery)
        return iter(outcomes)

    def _do(self, job: Job, outcome: Outcome | None) -> None:
        if not self._lost.isdisjoint(job.target.parents):
            self._report.left_out("failed")  # its directory, which cannot be made, was named
        elif outcome is None:
            self._other(job)
        else:
            self._source(job, outcome)

    @contextmanager
    def _reporting(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileError as error:
            self._report.failure(shown(error.path) if error.path else path, str(error))

    def _source(self, job: Job, outcome: Outcome) -> None:
        if isinstance(outcome, FileSplit):
            if job.helper is not None and imports_helper(job, outcome):
                self._imported.add(job.helper.target)
                self._helper(job.helper, needed_blocks(job.helper, job, outcome))
            delivered = self._deliver(job, outcome.before, outcome.after)
            self._report.result(job.path, outcome.result)
            if self._paging is not None:
                self._paging.source(job, outcome, delivered)
            return
        if isinstance(outcome, SourceError):
            self._report.source_error(job.path, outcome)
        else:
            self._report.failure(shown(job.path), str(outcome))
        is_unreadable = isinstance(outcome, FileError) and outcome.path
        if job.destination == "tree" and not is_unreadable:
            self._said(job, self._delivery.file(job))

    def _helper(self, helper: HelperJob, blocks: frozenset[str]) -> None:
        """Deliver a module before the first source that imports it; once all are known, again.

        Raises:
            FileError: it could not be written, which was said.
        """
        place = str(helper.target)
        self._helpers[place] = helper
        self._needed[place] = self._needed.get(place, frozenset()) | blocks
        if place not in self._written and self._delivery.writes_helpers_first:
            self._deliver_helper(place)
        if self._written.get(place, _NEVER) is None:
            raise FileError(f"cannot be written: its helper {place} could not be")

    def _deliver_helper(self, place: str) -> None:
        helper, blocks = self._helpers[place], self._needed[place]
        if helper.inside.parts and not helper.was_there and place not in self._written:
            where = helper.root / helper.inside
            self._report.warning(place, f"it is above {where}, as all of a package has one helper")
        self._written[place] = None
        with self._reporting(place):
            self._report.delivered(place, self._delivery.helper(helper, helper.source(blocks)))
            self._written[place] = blocks

    def _other(self, job: Job) -> None:
        report, delivery = self._report, self._delivery
        match job.kind:
            case "ignored":
                report.left_out("ignored")
            case "special":
                report.skipped(job.path, job.detail)
            case "unreadable":
                report.failure(job.path, job.detail)
            case "excluded":
                self._excluded(job)
            case "left behind":
                delivery.left_behind(job)
            case "helper":
                self._known_helper(job)
            case _ if job.destination == "itself":
                pass  # what else a tree holds is none of a rewriting's business
            case "directory":
                self._directory(job)
            case "link":
                self._said(job, delivery.link(job))
            case _:
                self._said(job, delivery.file(job))

    def _known_helper(self, job: Job) -> None:
        """Take a module of a tree that has been split already: what it has is to stay in it."""
        assert job.helper is not None
        blocks = blocks_of(Path(job.path))
        assert blocks is not None, "that is how it was known"
        self._helper(job.helper, blocks)

    def _unless_unused(self, helper: HelperJob) -> None:
        """Say of a module that it is there for nothing: what else imports it is not known."""
        if helper.target in self._imported or not is_known(helper.target):
            return
        if not is_imported(helper):
            self._report.warning(str(helper.target), _UNUSED)

    def _directory(self, job: Job) -> None:
        try:
            self._delivery.directory(job)
        except FileError:
            self._lost.add(job.target)
            raise

    def _excluded(self, job: Job) -> None:
        self._report.left_out("excluded")
        if job.detail:
            self._report.skipped(shown(job.path), job.detail)
        if job.destination != "itself":
            data = read_bytes(job.path) if job.is_typed else read_found(job.path)
            self._deliver(job, data, data)

    def _deliver(self, job: Job, before: bytes, after: bytes) -> Delivered | None:
        delivered = self._delivery.source(job, before, after)
        self._said(job, delivered)
        return delivered

    def _said(self, job: Job, delivered: Delivered | None) -> None:
        self._report.delivered(job.place, delivered)


def _counted(outcomes: Iterable[Outcome], advance: Callable[[], object]) -> Iterator[Outcome]:
    for each in outcomes:
        advance()
        yield each


def _modules(jobs: Sequence[Job]) -> list[HelperJob]:
    """The modules of directories, and those that are named; of other files not all are known."""
    found = (job.helper for job in jobs if job.kind == "helper" or not job.is_typed)
    return [*{each.target: each for each in found if each is not None}.values()]
