"""Why a grouped convolution is left as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..reading.directives import Directives
    from .model import SplitAttribute


def line_of(node: ast.AST) -> str:
    """How a reason names the line of a node."""
    return f"line {getattr(node, 'lineno', 0)}"


class Refusal(Exception):
    """A grouped convolution cannot be split; the message says why.

    Attributes:
        attribute: what was to be split, where that was settled already.
    """

    def __init__(self, reason: str, attribute: SplitAttribute | None = None) -> None:
        super().__init__(reason)
        self.attribute = attribute


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
