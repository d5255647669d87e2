"""How many dimensions a padding is of, and which modules pad, in a subclass of a convolution."""

from __future__ import annotations

import ast
import re
from typing import Final

from ..reading.classes import ClassIndex
from ..reading.names import meaning

PADDING: Final = re.compile(
    r"torch\.nn\.(modules\.(padding\.)?)?((Zero|Constant|Reflection|Replication|Circular)Pad[123]d"
    r"|Identity)"
)
"""The modules that pad in space, or do nothing."""
_DEEPEST: Final = 3


def pads(index: ClassIndex, attribute: str) -> bool:
    """Whether an attribute holds nothing but modules that pad in space."""
    values = _stored(index, attribute)
    made = [each for one in values for each in (_cases(one))]
    return bool(made) and all(
        isinstance(each, ast.Call) and PADDING.fullmatch(meaning(index.source, each.func).path)
        for each in made
    )


def _cases(value: ast.expr) -> list[ast.expr]:
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


def _stored(index: ClassIndex, attribute: str) -> list[ast.expr]:
    """What the source gives an attribute."""
    stores = [each.node for each in index.accesses(attribute)]
    statements = [index.source.parent(each) for each in stores if isinstance(each.ctx, ast.Store)]
    values = [getattr(each, "value", None) for each in statements]
    return [each for each in values if isinstance(each, ast.expr)]


class Paddings:
    """Tells of the calls of ``F.pad`` in one function how long their lists are.

    Attributes:
        assigned: what the variables of the function are given.
    """

    def __init__(self, index: ClassIndex, this: str, dimensions: int) -> None:
        self.index = index
        self.this = this
        self.dimensions = dimensions
        self.assigned: dict[str, list[ast.expr]] = {}

    def of(self, call: ast.Call) -> int:
        """The largest length of the list of a call; 0 where that is not known."""
        given = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "pad")]
        return self._length(given[0], 0) if len(given) == 1 else 0

    def _length(self, node: ast.expr, depth: int) -> int:
        match node:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                is_known = not any(isinstance(each, ast.Starred) for each in elements)
                return len(elements) if is_known else 0
            case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int(times))):
                return times * self._length(left, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                lengths = self._length(left, depth), self._length(right, depth)
                return sum(lengths) if all(lengths) else 0
            case ast.IfExp(body=one, orelse=other):
                return self._longest([one, other], depth)
            case ast.Name(id=name) if depth < _DEEPEST:
                return self._longest(self.assigned.get(name, []), depth + 1)
            case ast.Attribute(attr="_reversed_padding_repeated_twice"):
                return 2 * self.dimensions
            case ast.Attribute(attr=attr) if depth < _DEEPEST and self.this:
                return self._longest(_stored(self.index, attr), depth + 1)
        return 0

    def _longest(self, values: list[ast.expr], depth: int) -> int:
        lengths = [self._length(each, depth) for each in values]
        return max(lengths) if lengths and all(lengths) else 0
