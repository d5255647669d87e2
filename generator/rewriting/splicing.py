"""New text for expressions that keep the text of what they hold, with its comments."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..reading.source import LINE_END, Source, Span
from .edits import RepeatEdit, TextEdit
from .formatting import Formatter


class Splice(NamedTuple):
    """A text in place of a stretch of the source."""

    span: Span
    text: str


class TextRewrite:
    """Makes edits in one statement, and leaves its other lines as they are.

    What no longer fits on its line, or goes over several, is formatted: by itself where it begins
    a line, or else with its statement, where that has no other lines.
    """

    def __init__(
        self,
        source: Source,
        statement: ast.stmt,
        edits: Sequence[TextEdit],
        formatter: Formatter,
    ) -> None:
        self.source = source
        self.edits = edits
        body: list[ast.stmt] = getattr(statement, "body", [])
        self.is_compound = bool(body)
        starts = (source.span(each.node).start for each in edits)
        start = min(source.span(statement).start, *starts)  # of a decorator
        end = source.span(body[0]).start if body else source.span(statement).end
        self.span = Span(start, end)
        self.formatter = formatter

    def splices(self) -> list[Splice]:
        """What to put where in the text."""
        raw = list(_splices(self.source, self.span, self.edits))
        if self._fits(raw):
            return raw
        formatted = [self._formatted(each) for each in raw]
        splices = [each or one for each, one in zip(formatted, raw, strict=True)]
        around = "".join(self._outside(raw))
        is_done = all(formatted) and self._fits(splices, may_break=True)
        if is_done or self.is_compound or LINE_END.search(around):
            return splices
        indent = self.source.indent_of_line(self.span.start)
        code = LINE_END.sub("\n", spliced(self.source, self.span, raw))
        lines = self.formatter.statements(code, indent)
        return [Splice(self.span, self.formatter.joined(lines, indent))]

    def _outside(self, splices: Iterable[Splice]) -> Iterable[str]:
        """The text of the statement that stands around some splices."""
        start = self.span.start
        for each in sorted(splices):
            yield self.source.text[start : each.span.start]
            start = each.span.end
        yield self.source.text[start : self.span.end]

    def _fits(self, splices: list[Splice], may_break: bool = False) -> bool:
        """Whether no line becomes too long, or longer than it was, and none was broken before."""
        start = self.source.line_of(self.span.start).start
        stretch = Span(start, self.span.end)
        before = self.source.text[start : self.span.end]
        after = spliced(self.source, stretch, splices)
        broken = any(LINE_END.search(each.text) for each in splices)
        if broken and not may_break:
            return False
        return longest(after) <= max(self.formatter.line_length, longest(before))

    def _formatted(self, splice: Splice) -> Splice | None:
        """An expression that begins its line, formatted; None where it does not."""
        line = self.source.line_of(splice.span.start)
        indent = self.source.text[line.start : splice.span.start]
        if indent.strip() or splice.span.start == self.span.start:
            return None
        code = LINE_END.sub("\n", splice.text)
        lines = self.formatter.fitted_expression(code, indent)
        return Splice(splice.span, self.formatter.joined(lines, indent))


def repeated(
    source: Source, edit: RepeatEdit, edits: Sequence[TextEdit], formatter: Formatter
) -> Splice:
    """The splice that makes a statement, with some edits in it, one that is repeated."""
    span = source.span(edit.statement)
    parts = [Splice(source.span(part), code) for part, code in edit.parts.items()]
    codes = [edited(source, part.span, edits) for part in parts]
    others = [
        each
        for each in _splices(source, span, edits)
        if not any(_is_inside(each.span, part.span) for part in parts)
    ]
    code = edit.emit(LINE_END.sub("\n", spliced(source, span, [*parts, *others])), codes)
    indent = source.indent_of_line(span.start)
    return Splice(span, formatter.joined(formatter.statements(code, indent), indent))


def edited(source: Source, span: Span, edits: Sequence[TextEdit]) -> str:
    """The text of a stretch of the source with the edits made that are of expressions in it."""
    return spliced(source, span, _splices(source, span, edits))


def _splices(source: Source, span: Span, edits: Sequence[TextEdit]) -> Iterator[Splice]:
    """The outermost edits in a stretch, with those inside them made."""
    spans = {id(each): source.span(each.node) for each in edits}
    inside = [each for each in edits if _is_inside(spans[id(each)], span)]
    for edit in inside:
        others = [each for each in edits if each is not edit]
        if not any(
            _is_inside(spans[id(edit)], spans[id(each)]) for each in inside if each is not edit
        ):
            code = edited(source, source.span(edit.part), others)
            yield Splice(spans[id(edit)], edit.emit(code))


def _is_inside(span: Span, other: Span) -> bool:
    return other.start <= span.start and span.end <= other.end


def spliced(source: Source, span: Span, splices: Iterable[Splice]) -> str:
    """The text of a stretch of the source with splices made in it."""
    text, start = "", span.start
    for each in sorted(splices, key=lambda one: one.span):
        text += source.text[start : each.span.start] + each.text
        start = each.span.end
    return text + source.text[start : span.end]


def longest(text: str) -> int:
    """The length of the longest line."""
    return max(map(len, LINE_END.split(text)))
