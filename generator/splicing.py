"""New text for expressions that keep the text of what they hold, with its comments."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .edits import RepeatEdit, TextEdit
from .formatting import Formatter
from .source import LINE_END, Source, Span


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
        outermost = [edit for edit in self.edits if not self._around(edit)]
        raw = [Splice(self.source.span(edit.node), self._emitted(edit)) for edit in outermost]
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

    def _around(self, edit: TextEdit) -> list[TextEdit]:
        """The edits of expressions that another one stands in."""
        span = self.source.span(edit.node)
        others = ((each, self.source.span(each.node)) for each in self.edits if each is not edit)
        return [
            each for each, other in others if other.start <= span.start and span.end <= other.end
        ]

    def _emitted(self, edit: TextEdit) -> str:
        """The new text of an expression, with the edits inside it made."""
        span = self.source.span(edit.part)
        inside = [each for each in self.edits if each is not edit and edit in self._around(each)]
        direct = [each for each in inside if not any(one in inside for one in self._around(each))]
        inner = [Splice(self.source.span(each.node), self._emitted(each)) for each in direct]
        return edit.emit(spliced(self.source, span, inner))

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
        return _longest(after) <= max(self.formatter.line_length, _longest(before))

    def _formatted(self, splice: Splice) -> Splice | None:
        """An expression that begins its line, formatted; None where it does not."""
        line = self.source.line_of(splice.span.start)
        indent = self.source.text[line.start : splice.span.start]
        if indent.strip() or splice.span.start == self.span.start:
            return None
        code = LINE_END.sub("\n", splice.text)
        lines = self.formatter.fitted_expression(code, indent)
        return Splice(splice.span, self.formatter.joined(lines, indent))


def repeated(source: Source, edit: RepeatEdit, formatter: Formatter) -> Splice:
    """The splice that makes a statement one that is repeated."""
    span = source.span(edit.statement)
    parts = [Splice(source.span(part), edit.variable) for part in edit.parts]
    code = edit.emit(LINE_END.sub("\n", spliced(source, span, parts)))
    indent = source.indent_of_line(span.start)
    return Splice(span, formatter.joined(formatter.statements(code, indent), indent))


def spliced(source: Source, span: Span, splices: Iterable[Splice]) -> str:
    """The text of a stretch of the source with splices made in it."""
    text, start = "", span.start
    for each in sorted(splices, key=lambda one: one.span):
        text += source.text[start : each.span.start] + each.text
        start = each.span.end
    return text + source.text[start : span.end]


def _longest(text: str) -> int:
    return max(map(len, LINE_END.split(text)))
