"""What a page is made of: what a run was, and what it said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..outcome import Result

if TYPE_CHECKING:
    from ..proof import Proof


@dataclass(frozen=True)
class Message:
    """What else is said of a file, or of the run.

    Attributes:
        level: ``"notice"``, ``"warning"`` or ``"error"``.
        text: in one line.
        place: the file, with the line and column if there are some.
        source: the line that it is about, and one that points into it.
    """

    level: str
    text: str
    place: str = ""
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A source, as it is and as it is to be.

    Attributes:
        path: as typed or found.
        file: where it is, from the root, through all links.
        before: its text.
        after: that of what becomes of it.
        result: what was done with each place, or would be.
        readiness: what PLiNIO would refuse, whatever the target.
        delivered: what became of its file, or was found of it; empty where nothing is known.
    """

    path: str
    file: str
    before: str
    after: str
    result: Result
    readiness: Result
    delivered: str = ""


@dataclass(frozen=True)
class Contents:
    """All that a page shows.

    Attributes:
        title: what was given to gencode.
        version: of gencode.
        status: the exit status of the run.
        will_split: whether what is said to be done is only what would be.
        is_whole: whether each source is shown whole, and not only what changes.
        summary: how much was done in all.
        sources: the sources, in their order.
        proofs: what was found of each model that was run.
        methods: the methods of PLiNIO, and what stays in the way of each.
        messages: what else was said.
    """

    title: str
    version: str
    status: int
    will_split: bool
    is_whole: bool
    summary: Sequence[str]
    sources: Sequence[Source]
    proofs: Sequence[Proof]
    methods: Sequence[tuple[str, str]]
    messages: Sequence[Message]
