"""See that no edit changes what a comment leaves alone, whatever planned it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..outcome import SourceError
from ..reading.comments import Directive
from ..reading.directives import Directives
from ..reading.source import Source
from .edits import CallEdit, Edit, Insertion, TextEdit


def guarded(source: Source, directives: Directives, edits: Iterable[Edit]) -> Iterator[Edit]:
    """The edits as they are.

    Raises:
        SourceError: one of them would change what a comment leaves alone.
    """
    for edit in edits:
        skip = _against(source, directives, edit)
        if skip is not None:
            line = source.line_of(source.line_start(skip.line))
            shown = source.text[line.start : line.end]
            column = shown.index("#") + 1
            raise SourceError("this would not be left alone", skip.line, column, shown)
        yield edit


def _against(source: Source, directives: Directives, edit: Edit) -> Directive | None:
    """The comment that an edit goes against."""
    if isinstance(edit, Insertion):
        return directives.around(edit.offset)
    if isinstance(edit, TextEdit):
        return directives.forbids(edit.node)
    statement = source.statement(edit.call) if isinstance(edit, CallEdit) else edit.statement
    return directives.forbids(statement)
