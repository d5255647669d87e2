"""How wide the lines of a source are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from .parsing import LINE_END
from .source import Source

_WIDTHS: Final = (88, 100, 120)
"""Those that projects have; 88 is black's, which no other is asked for below."""


def line_length(source: Source, black: Mapping[str, object]) -> int:
    """The columns that black is told of, or else those that a source keeps to."""
    told = black.get("line-length", black.get("line_length"))
    return told if isinstance(told, int) else width_of(source)


def width_of(source: Source) -> int:
    """The columns that a source keeps to: the smallest of some widths that its code fits in.

    Strings do not count, nor do lines with a comment: no formatter breaks what is marked so, as by
    ``# type: ignore``. A source that is wider than all of them gets the largest.
    """
    lines = enumerate(LINE_END.split(source.text), 1)
    lengths = {at: len(line) for at, line in lines if len(line) > _WIDTHS[0] and "#" not in line}
    for string in _strings(source) if lengths else ():
        start, end = source.span(string)
        for at in range(string.lineno, (string.end_lineno or 0) + 1):
            lengths[at] = lengths.get(at, 0) - (end - start)
    length = max(lengths.values(), default=0)
    return next((each for each in _WIDTHS if length <= each), _WIDTHS[-1])


def _strings(source: Source) -> Iterator[ast.expr]:
    for node in source.nodes:
        is_string = isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
        if isinstance(node, ast.JoinedStr):
            yield node
        elif is_string and not isinstance(source.parent(node), ast.JoinedStr):
            assert isinstance(node, ast.Constant)
            yield node
