"""``--report``: what a run says, and what becomes of its sources, as a page."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .. import __version__
from ..file_split import FileSplit
from ..file_writing import write_typed
from ..files import STDIN, UsageError, decoded, shown
from ..page.contents import Contents, Message, Source
from ..temporaries import remove_dead_in
from .extras import is_installed
from .formats import Said, Voice
from .jobs import Job
from .readiness import count, methods

if TYPE_CHECKING:
    from ..proof import Proof

_SHOWN: Final = ("failure", "file", "skipped", "warning")


class Paging:
    """Has a voice say all, and keeps it for a page.

    Attributes:
        target: the file of the page.

    Args:
        voice: says it.
        target: the file of the page.
    """

    def __init__(self, voice: Voice, target: str) -> None:
        self._voice = voice
        self.target = Path(target)
        self._sources: list[Source] = []
        self._proofs: list[Proof] = []
        self._messages: list[Message] = []
        self._summary: list[str] = []

    def say(self, *messages: Said) -> None:
        """Say some messages, in their order."""
        self._voice.say(*messages)
        for each in messages:
            self._keep(each)

    def end(self, status: int, files: Mapping[str, str], counts: Mapping[str, int]) -> None:
        """Say how the run ended."""
        self._voice.end(status, files, counts)

    def source(self, job: Job, split: FileSplit, delivered: str | None) -> None:
        """Keep a source, and what becomes of it."""
        assert split.readiness is not None, "it is asked for"
        file = "" if job.path == STDIN else os.path.realpath(job.path)
        before, after = decoded(split.before).text, decoded(split.after).text
        results = split.result, split.readiness
        self._sources.append(
            Source(shown(job.path), file, before, after, *results, delivered or "")
        )

    def write(self, title: str, status: int, will_split: bool) -> int:
        """Write the page; how many other hard links keep what its file had.

        Raises:
            FileError: it cannot be written.
        """
        from ..page.render import html  # slow to import

        counts = Counter[str]()
        for each in self._sources:
            count(each.readiness, counts)
        is_whole = len(self._sources) == 1
        contents = Contents(
            *(title, __version__, status, will_split, is_whole, self._summary, self._sources),
            *(self._proofs, [*methods(counts)], self._messages),
        )
        remove_dead_in(Path(os.path.realpath(self.target)).parent)
        return write_typed(self.target, html(contents).encode())

    def _keep(self, said: Said) -> None:
        if said.kind == "summary" and said.path:
            self._summary.append(said.message)
        elif said.kind == "proof" and said.data is not None:
            self._proofs.append(said.data)  # type: ignore[arg-type]
        elif (said.kind in _SHOWN and said.data is None) or (
            said.kind == "proof" and not said.path
        ):
            place = ":".join(str(each) for each in (said.path, said.line, said.column) if each)
            text = "; ".join([said.message, *said.details])
            self._messages.append(Message(said.level, text, place, said.source))


def check_report(target: str) -> None:
    """See that a page can be made, and that its name is not that of a source by mistake.

    Raises:
        UsageError: it cannot.
    """
    if Path(target).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--report {target}: the name of a page ends with .html")
    if not is_installed("pygments"):
        reason = "pip install 'pygments', or gencode with its extra: pip install '.[report]'"
        raise UsageError(f"--report needs Pygments: {reason}")
