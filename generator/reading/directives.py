"""The comments that steer gencode, ``# gencode: skip`` and ``# gencode: style=loop``, by node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..codes import CODES
from ..outcome import Warning
from .comments import Comments, Directive, may_steer
from .source import Source


class Directives:
    """The comments of a source that steer gencode.

    Attributes:
        warnings: of those that ask for a style of nothing.

    Args:
        source: the source.
        sites: the expressions that a comment on a line of theirs is about, where their statement
            goes over several lines.
        code: of the rule that asks; comments that name only others do not hold for it.

    Raises:
        SourceError: one of them is misspelt, or leaves alone what nobody can tell.
    """

    def __init__(
        self, source: Source, sites: Iterable[ast.expr] = (), code: str = CODES[0]
    ) -> None:
        self._source = source
        self._found: list[Directive] = []
        self.warnings: list[Warning] = []
        if may_steer(source.text):
            in_order = sorted(sites, key=source.span)
            reading = Comments(source)
            for directive, row in reading.directives():
                if directive.codes and code not in directive.codes:
                    continue
                spans = [source.span(each) for each in _sites_of(row, in_order)]
                self._found += [replace(directive, span=each) for each in spans] or [directive]
            self.warnings += reading.idle

    @property
    def leave_alone(self) -> bool:
        """Whether any of them says to leave something alone."""
        return any(each.style is None for each in self._found)

    def skip(self, node: ast.expr | ast.stmt) -> Directive | None:
        """The comment that says to leave a node alone; the nearest to it."""
        return self._nearest(node, lambda each: each.style is None)

    def style(self, node: ast.expr) -> Directive | None:
        """The comment that asks for a style; the nearest to a node."""
        return self._nearest(node, lambda each: each.style is not None)

    def forbids(self, node: ast.expr | ast.stmt) -> Directive | None:
        """The comment that a change of a node would go against.

        It holds for the node, or for something in it; and no statement that bears such a comment
        changes as a whole.
        """
        span = self._source.head(node) if isinstance(node, ast.stmt) else self._source.span(node)
        for each in self._found:
            kept = each.reach if isinstance(node, ast.stmt) else each.span
            if each.style is None and kept.start < span.end and span.start < kept.end:
                return each
        return None

    def forbids_beside(self, statement: ast.stmt) -> Directive | None:
        """The comment that a new statement beside one would go against: one for all around it."""
        span = self._source.span(statement)
        skips = (each for each in self._found if each.style is None)
        return next(
            (
                each
                for each in skips
                if each.reach.start < span.start and span.end <= each.reach.end
            ),
            None,
        )

    def around(self, offset: int) -> Directive | None:
        """The comment that says to leave alone what is on both sides of an offset."""
        skips = (each for each in self._found if each.style is None)
        return next((each for each in skips if each.reach.start < offset < each.reach.end), None)

    def _nearest(
        self, node: ast.expr | ast.stmt, is_wanted: Callable[[Directive], bool]
    ) -> Directive | None:
        start, end = self._source.span(node)
        around = [
            each
            for each in self._found
            if is_wanted(each) and each.span.start <= start and end <= each.span.end
        ]
        return min(around, key=_distance, default=None)


def _distance(directive: Directive) -> tuple[int, int]:
    return directive.span.end - directive.span.start, -directive.line


def _sites_of(row: int, sites: Sequence[ast.expr]) -> list[ast.expr]:
    """Those that a line begins or ends, or else the innermost that goes over it."""
    on = [each for each in sites if row in (each.lineno, each.end_lineno)]
    around = [each for each in sites if each.lineno < row < (each.end_lineno or 0)]
    return on or around[-1:]
