"""Why a grouped convolution is left as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..limits import LONGEST_CODE

if TYPE_CHECKING:
    from ..reading.directives import Directives
    from ..reading.source import Source


def line_of(node: ast.AST) -> str:
    """How a reason names the line of a node."""
    return f"line {getattr(node, 'lineno', 0)}"


class Refusal(Exception):
    """A grouped convolution cannot be split; the message says why."""


def check_free(directives: Directives, nodes: Iterable[tuple[ast.expr | ast.stmt, str]]) -> None:
    """See that none of what would change is to be left alone.

    Args:
        directives: the comments that say so.
        nodes: each with how a reason says where it stands.

    Raises:
        Refusal: one is.
    """
    for node, place in nodes:
        skip = directives.forbids(node)
        if skip is not None:
            raise Refusal(skip.standing(place))


def check_length(source: Source, statement: ast.stmt) -> None:
    """See that a statement, or its head, can be taken apart or formatted in a short time.

    Raises:
        Refusal: it is too long for that.
    """
    start, end = source.head(statement)
    if end - start > LONGEST_CODE:
        raise Refusal(
            f"the statement of {line_of(statement)} has more than {LONGEST_CODE} characters"
        )
