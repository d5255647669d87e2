"""Why a grouped convolution is left as it is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
