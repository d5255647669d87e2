"""A call round what builds a convolution, or a line behind the statement that it stands in."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from ...reading.classes import ClassIndex
from ...reading.directives import Directives
from ...reading.naming import fresh, names_in
from ..refusal import Refusal, check_free, check_length
from .beside import stored_as
from .plan import Change, Line, LineKind, Renamed, Way, Wrap, WrapKind
from .run_before import ended_by

_LINES: Final[Mapping[WrapKind, LineKind]] = {"split": "conv", "listed": "layers"}
"""The lines that do what a call round an expression does."""
_NAMES: Final[Mapping[WrapKind, str]] = {"split": "conv", "listed": "layers"}
"""What a variable for such an expression is called."""


class Wraps:
    """Wraps expressions of one source, where there is no place for a line of their attribute.

    Args:
        index: of the source.
        directives: the comments that leave something alone.
        line_length: the columns that a line may have.
    """

    def __init__(self, index: ClassIndex, directives: Directives, line_length: int) -> None:
        self.index = index
        self.source = index.source
        self.directives = directives
        self.line_length = line_length
        self._ended: dict[int, frozenset[ast.AST]] = {}

    def in_partial(self, call: ast.Call) -> Way:
        """A function before the class that a partial is given."""
        source = self.source
        before = source.text[source.span(call.func).end : source.span(call.args[0]).start]
        if before.count("(") > 1:
            raise Refusal("its class stands in parentheses")
        return self.wrapped(call.args[0], "build")

    def wrapped(self, item: ast.expr, kind: WrapKind, note: str = "") -> Way:
        """A call round an expression for the convolution."""
        skip = self.directives.skip(item)
        if skip is not None and isinstance(item, ast.Call):
            return Way(None, note=f"{self.source.one_line(item)}: {skip}")
        check_free(self.directives, [(item, "where it is split")])
        check_length(self.source, self.source.statement(item))
        change, before = self.change(kind, item)
        return Way(change, before, note=note, held=item)

    def change(self, kind: WrapKind, item: ast.expr) -> tuple[Change, frozenset[ast.AST]]:
        """A call round an expression, and what is done with before.

        Or a line behind the statement, where that would break the lines of the expression.
        """
        source, statement = self.source, self.source.statement(item)
        is_free = self.directives.forbids_beside(statement) is None
        if kind in _LINES and is_free and source.has_own_lines(statement):
            code = stored_as(self.index, item) if self._would_break(item) else None
            if code is not None:
                return Line(_LINES[kind], statement, code), self.before(statement)
            if isinstance(statement, ast.Return) and self._is_returned(item):
                function = source.function_around(item)
                name = fresh(_NAMES[kind], names_in(function) if function is not None else set())
                return Renamed(kind, statement, name), self.before(item)
        return Wrap(kind, item), self.before(item)

    def _is_returned(self, item: ast.expr) -> bool:
        """Whether an expression is all that is returned, and its last line closes it."""
        line = self.source.line_of(self.source.span(item).end)
        closing = self.source.text[line.start : line.end].partition("#")[0].strip()
        is_all = isinstance(self.source.parent(item), ast.Return)
        return is_all and item.lineno != item.end_lineno and closing == ")"

    def _would_break(self, item: ast.expr) -> bool:
        """Whether an expression has several lines, or would with a call round it."""
        line = self.source.line_of(self.source.span(item).end)
        length = line.end - line.start + len("split_layers()")
        return item.lineno != item.end_lineno or length > self.line_length

    def before(self, node: ast.expr | ast.stmt) -> frozenset[ast.AST]:
        """What a function is done with when it comes to the statement of a node."""
        source = self.source
        statement = node if isinstance(node, ast.stmt) else source.statement(node)
        start = source.span(statement).end if node is statement else source.span(statement).start
        if start not in self._ended:
            function = source.function_around(node)
            found = ended_by(self.index, function, start) if function is not None else frozenset()
            self._ended[start] = found
        return self._ended[start]
