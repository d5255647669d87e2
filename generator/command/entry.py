"""The command: ``gencode model.py -o model_split.py``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import ConfigError
from ..files import STDIN, FileError, UsageError, absolute, is_directory, shown
from ..outcome import TemplateError
from ..settings import Settings
from . import terminal
from .command_line import given, parsed, parser
from .conversion_options import Conversion, conversion_of
from .delivery import Comparing, Delivery, Listing, Writing
from .extras import needing
from .formats import Github, Json, Voice
from .helper_module import check_name
from .jobs import STANDARD_OUTPUT, Job, JobMaker
from .model_options import asked_models
from .report import Report, Status
from .run import Run
from .signals import ended_in_order

if TYPE_CHECKING:
    from .paging import Paging
    from .proving import Proving

_PAIRS = "[[tool.gencode.generate]] in pyproject.toml"
_MOST_NAMED = 3
_NOTHING_CONFIGURED = f"there is nothing to generate: no {_PAIRS}"
_NOTHING_ASKED = f"name a SOURCE to split, or what to generate, as {_PAIRS}; see gencode --help"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: of the command line, without the program's name; by default those of the process.
    """
    asked = parsed(arguments)
    is_dry = asked.check or asked.diff or asked.list
    # What an output is compared with has been split, or is to be; a source by itself is to be.
    will_split = is_dry and (asked.list or (bool(asked.sources) and asked.output is None))
    voice = _voice(asked, is_dry)
    paging = _paging(asked, voice)
    report = Report(paging or voice, will_split, checks=asked.check, lists=asked.list)
    status = _done(asked, is_dry, report, paging)
    report.end(status)
    return status


def _done(asked: argparse.Namespace, is_dry: bool, report: Report, paging: Paging | None) -> int:
    try:
        with ended_in_order():
            conversion = conversion_of(asked, parser)
            if conversion is not None:
                return _convert(conversion, report)
            return _run(asked, is_dry, report, paging)
    except (TemplateError, ConfigError, UsageError) as error:
        return report.wrong_usage(str(error))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT  # what a shell says of a command that was interrupted


def _voice(asked: argparse.Namespace, is_dry: bool) -> Voice:
    """What says it in the format that is asked for."""
    if asked.format == "github":
        return Github(sys.stderr, asked.list)
    if asked.format == "text":
        return terminal.voice(sys.stderr, asked.list)
    is_printed = asked.sources and not asked.in_place and asked.output in (None, *STANDARD_OUTPUT)
    return Json(sys.stderr if asked.diff or (is_printed and not is_dry) else None)


def _paging(asked: argparse.Namespace, voice: Voice) -> Paging | None:
    """What keeps all of it for a page, if one is asked for."""
    if asked.report is None:
        return None
    from .paging import Paging  # only where there is a page

    return Paging(voice, asked.report)


def _convert(asked: Conversion, report: Report) -> Status:
    # Imports torch, and so only for this.
    with needing("torch"):
        from ..checkpoint.conversion import convert_checkpoint
    return convert_checkpoint(asked, report)


def _run(asked: argparse.Namespace, is_dry: bool, report: Report, paging: Paging | None) -> Status:
    _check(asked)
    # What is configured to be generated is, even where what is rewritten in place excludes it.
    values = given(asked) if asked.sources else {"exclude": (), **given(asked)}
    maker = JobMaker(Settings(values), asked.in_place or is_dry, spares_pairs=asked.in_place)
    if asked.sources:
        jobs = maker.of_sources(asked.sources, asked.output)
    elif asked.in_place:
        jobs = []
    else:
        jobs = maker.of_pairs(absolute(os.curdir))
        if not jobs and (asked.generated or not is_dry):
            raise UsageError(_NOTHING_CONFIGURED if asked.generated else _NOTHING_ASKED)
    jobs = [*_with_facts(asked, jobs, report, is_dry)]
    delivery, proving = _delivery(asked, is_dry, report), _proving(asked, report)
    Run(delivery, report, proving, bool(asked.force), paging).do(jobs)
    is_file = len(asked.sources) == 1 and not is_directory(asked.sources[0])
    label = _label(asked.sources[0]) if len(asked.sources) == 1 else "gencode"
    status = report.summary(label, is_file)
    return status if paging is None else _written(paging, _title(asked.sources), report)


def _title(sources: Sequence[str]) -> str:
    """What a page is called."""
    if len(sources) > _MOST_NAMED:
        return f"{len(sources)} sources"
    return ", ".join(map(_label, sources)) or "gencode"


def _written(paging: Paging, label: str, report: Report) -> Status:
    """Write the page of a run, and say where that fails."""
    try:
        others = paging.write(label, report.status, report.will_split)
    except FileError as error:
        return report.failure(str(paging.target), str(error))
    if others:
        report.old_links(str(paging.target), others)
    return report.status


def _with_facts(
    asked: argparse.Namespace, jobs: Sequence[Job], report: Report, is_dry: bool
) -> Sequence[Job]:
    models = asked_models(asked, are_proved=False)
    if models is None and asked.facts is None:
        return jobs
    from .run_facts import with_facts  # only where something is seen in a run

    return with_facts(jobs, models, asked.facts, report, is_dry)


def _proving(asked: argparse.Namespace, report: Report) -> Proving | None:
    models = asked_models(asked)
    if models is None:
        return None
    from .proving import Proving  # only where a model is run

    return Proving(models, report)


def _label(path: str) -> str:
    return str(Path(path)) if is_directory(path) else shown(path)


def _check(asked: argparse.Namespace) -> None:
    """See that what is asked for goes together.

    Raises:
        UsageError: it does not.
    """
    if asked.report is not None:
        from .paging import check_report

        check_report(asked.report)
    if asked.in_place and asked.output is not None:
        raise UsageError("-i does not go with -o")
    if asked.in_place and STDIN in asked.sources:
        raise UsageError("-i does not go with standard input")
    if asked.output == "":
        raise UsageError("-o names nothing")
    if asked.output is not None and not asked.sources:
        raise UsageError("-o needs a SOURCE")
    if asked.generated and (asked.sources or asked.in_place):
        raise UsageError(f"--generated does not go with {'a SOURCE' if asked.sources else '-i'}")
    is_for_files = asked.sources and not any(map(is_directory, asked.sources))
    if isinstance(asked.helper_module, str):
        check_name(asked.helper_module)
        if is_for_files:
            raise UsageError("--helper-module is for a directory")


def _delivery(asked: argparse.Namespace, is_dry: bool, report: Report) -> Delivery:
    if not is_dry:
        return Writing(report.old_links)
    if not (asked.check or asked.diff):
        return Listing()
    return Comparing(asked.diff, in_colour=terminal.in_colour(sys.stdout))
