"""New text for expressions that keep the text of what they hold, with its comments."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..limits import LONGEST_CODE
from ..outcome import TemplateError
from ..reading.parsing import LINE_END
from ..reading.source import Source, Span
from .edits import Naming, TextEdit
from .formatting import Formatter

_LINES_BEHIND = re.compile(r"(?:\s*[\r\n][ \t\f]*#[^\r\n]*)*\s*\Z")
"""White space at an end, and the comments in it that have lines of their own."""


class Splice(NamedTuple):
    """A text in place of a stretch of the source."""

    span: Span
    text: str


class TextRewrite:
    """Makes edits in one statement, and leaves its other lines as they are as far as may be.

    Where something no longer fits on its line, or goes over several, it is formatted: with all of
    the statement if that was formatted before, or else with no more than what has lines of its own
    around it, if that is enough. Where it is not, no line gets longer than the longest was. What is
    too long for black to be quick about stays as it is.
    """

    def __init__(
        self,
        source: Source,
        statement: ast.stmt,
        edits: Sequence[TextEdit],
        formatter: Formatter,
        naming: Naming | None = None,
    ) -> None:
        self.source = source
        self.edits = edits
        self.naming = naming
        self.formatter = formatter
        self.body = _shortest_body(statement)
        self.is_compound = bool(self.body)
        head = source.head(statement)
        start = min([head.start, *(source.span(each.node).start for each in edits)])
        self.start = head.start
        self.span = Span(start, head.end)

    def splices(self) -> list[Splice]:
        """What to put where in the text."""
        raw = list(_splices(self.source, self.span, self.edits))
        if self.naming is not None:
            keyword = Span(self.start, self.start + len("return"))
            raw.insert(0, Splice(keyword, f"{self.naming.name} ="))
        if not any(map(_is_broken, raw)) and self._fits(raw):
            return raw
        is_of_decorator = self.span.start < self.start
        if is_of_decorator or self.span.end - self.span.start > LONGEST_CODE:
            return self._in_elements(raw)[0]
        whole = self.formatted(raw)
        if whole is not None:
            return [whole]
        if all(map(self._is_hanging, raw)) and self._fits(raw):
            return raw
        splices, is_done = self._in_elements(raw)
        around = "".join(self._outside(raw))
        if self._fits(splices) and (is_done or self.is_compound or LINE_END.search(around)):
            return splices
        start, end = self._with_comment()
        line = self.source.line_of(start)
        return [self._formatted(raw, longest(self._text(Span(line.start, end))))]

    def formatted(self, splices: Iterable[Splice]) -> Splice | None:
        """All of the statement, or of its head, formatted, if it was so before."""
        before = self._formatted([])
        return self._formatted(splices) if before.text == self._text(before.span) else None

    def _is_hanging(self, splice: Splice) -> bool:
        """Whether an expression of several lines may be longer at both ends, and no formatter's.

        None of its lines is indented by where the first one ends, and the last one, as those of
        formatters are, is no bracket alone.
        """
        lines = LINE_END.split(splice.text)
        first = lines[0].partition("#")[0].rstrip()
        return len(lines) == 1 or (
            first.endswith(("(", "[", "{")) and lines[-1].strip(" \t)]}") != ""
        )

    def _text(self, span: Span) -> str:
        return self.source.text[span.start : span.end]

    def _outside(self, splices: Iterable[Splice]) -> Iterable[str]:
        """The text of the statement that stands around some splices."""
        start = self.span.start
        for each in sorted(splices):
            yield self.source.text[start : each.span.start]
            start = each.span.end
        yield self.source.text[start : self.span.end]

    def _fits(self, splices: list[Splice]) -> bool:
        """Whether no line that changes becomes too long, or longer than those were."""
        starts, ends = zip(*(each.span for each in splices), strict=True)
        end = self.source.line_of(max(ends)).end
        stretch = Span(
            self.source.line_of(min(starts)).start,
            min(end, self.span.end) if self.is_compound else end,
        )
        before = set(LINE_END.split(self._text(stretch)))
        after = set(LINE_END.split(spliced(self.source, stretch, splices)))
        limit = max(self.formatter.line_length, *map(len, before - after), 0)
        return max(map(len, after - before), default=0) <= limit

    def _formatted(self, splices: Iterable[Splice], length: int = 0) -> Splice:
        """All of the statement, or of its head, formatted; in lines that may have a length."""
        span = self._with_comment()
        indent = self.source.indent_of_line(span.start)
        code = LINE_END.sub("\n", spliced(self.source, span, splices))
        before = ["if _:", "    pass"] if code.startswith("elif") else []
        code = "\n".join([*before, code, *self.body])
        lines = self.formatter.source_statements(code, indent, length)
        own = lines[len(before) : len(lines) - len(self.body)]
        return Splice(span, self.formatter.joined(own, indent))

    def _with_comment(self) -> Span:
        """The statement, or its head, with the comment behind it, but no more lines."""
        start, end = self.span
        if self.is_compound:
            return Span(start, start + len(_LINES_BEHIND.sub("", self._text(self.span))))
        rest = self._text(Span(end, self.source.line_of(end).end))
        return Span(start, end + len(rest) if rest.lstrip().startswith("#") else end)

    def _in_elements(self, raw: list[Splice]) -> tuple[list[Splice], bool]:
        """The edits, formatted in what has lines of its own, and whether all are that have to."""
        nodes = {self.source.span(each.node): each.node for each in self.edits}
        found = [
            self._element(nodes[each.span], raw) or self._on_one_line(each)
            for each in raw
            if each.span in nodes and (_is_broken(each) or not self._fits([each]))
        ]
        elements = list(dict.fromkeys(filter(None, found)))
        splices: list[Splice] = []
        for each in sorted([*elements, *raw], key=lambda one: (one.span.start, -one.span.end)):
            if not splices or each.span.start >= splices[-1].span.end:
                splices.append(each)
        return splices, all(found)

    def _on_one_line(self, splice: Splice) -> Splice | None:
        """An expression that begins in the middle of a line, where it fits on that."""
        if "#" in splice.text or len(splice.text) > LONGEST_CODE:
            return None
        code = self.formatter.source_expression(LINE_END.sub("\n", splice.text))
        found = Splice(splice.span, code)
        return found if not _is_broken(found) and self._fits([found]) else None

    def _element(self, node: ast.expr, raw: list[Splice]) -> Splice | None:
        """The innermost thing around a node that begins a line inside the statement, formatted."""
        for span, is_entry in _elements(self.source, node):
            line = Span(self.source.line_of(span.start).start, self.source.line_of(span.end).end)
            indent = self._text(Span(line.start, span.start))
            if indent.strip() or span.start == self.start:
                continue
            first, end = (bisect_left(raw, at, key=lambda each: each.span.start) for at in span)
            code = LINE_END.sub("\n", spliced(self.source, span, raw[first:end]))
            tail = self._text(Span(span.end, line.end)).rstrip()
            if len(code) > LONGEST_CODE:
                return None
            try:
                element = self.formatter.element(code, indent, tail, is_entry)
            except TemplateError:  # a yield without its parentheses
                return None
            text = self.formatter.joined(element.lines, indent)
            if not element.comment:
                return Splice(span, text)
            return self._with_comment_behind(Splice(span, text), element.comment, tail)
        return None

    def _with_comment_behind(self, splice: Splice, comment: str, tail: str) -> Splice | None:
        """The splice of an element with a comment, and what stood behind the element around that.

        Or nothing if that cannot be without a look at the brackets around it.
        """
        start, end = splice.span
        rest = tail.lstrip()
        comma = end + len(tail) - len(rest) + 1
        if not rest:
            return Splice(splice.span, splice.text + comment)
        if rest.startswith(",") and (rest[1:].lstrip() or "#").startswith("#"):
            return Splice(Span(start, comma), f"{splice.text},{comment}")
        if rest.startswith((")", "]", "}")):
            indent = self.source.indent_of_line(start).removesuffix(self.source.indentation)
            return Splice(splice.span, splice.text + comment + self.source.line_end + indent)
        return None


def _shortest_body(statement: ast.stmt) -> list[str]:
    """What may stand in place of the block of a statement, if it has one."""
    if isinstance(statement, ast.Match):
        return ["    case _:", "        pass"]
    return ["    pass"] if getattr(statement, "body", []) else []


def _is_broken(splice: Splice) -> bool:
    return LINE_END.search(splice.text) is not None


def _elements(source: Source, node: ast.AST) -> Iterator[tuple[Span, bool]]:
    """Where a node stands, and what it is in, outwards; and whether that is an entry of a dict."""
    while isinstance(node, (ast.expr, ast.keyword, ast.comprehension)):
        parent = source.parent(node)
        if not isinstance(node, ast.comprehension):
            key = None
            if isinstance(parent, ast.Dict) and node in parent.values:
                key = parent.keys[parent.values.index(node)]
            start = source.span(node if key is None else key).start
            yield Span(start, source.span(node).end), key is not None
        node = parent


def edited(source: Source, span: Span, edits: Sequence[TextEdit]) -> str:
    """The text of a stretch of the source with the edits made that are of expressions in it."""
    return spliced(source, span, _splices(source, span, edits))


def _splices(source: Source, span: Span, edits: Sequence[TextEdit]) -> Iterator[Splice]:
    """The outermost edits in a stretch, in their order, with those inside them made."""
    spans = [(source.span(each.node), each) for each in edits]
    inside = [each for each in spans if _is_inside(each[0], span)]
    inside.sort(key=lambda each: (each[0].start, -each[0].end))
    at = 0
    while at < len(inside):
        outer, edit = inside[at]
        end = bisect_left(inside, outer.end, at + 1, key=lambda each: each[0].start)
        within = [each for _, each in inside[at + 1 : end]]
        parts = (edited(source, source.span(each), within) for each in (edit.part, *edit.more))
        yield Splice(outer, edit.emit(*parts))
        at = end


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
