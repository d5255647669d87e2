"""Find what a split convolution gives where it only feeds another concatenation of channels.

PLiNIO's PIT takes no concatenation of a concatenation, so that the outputs of the branches go
straight into the outer one.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final

from ..reading.directives import Directives
from ..reading.names import meaning
from ..reading.source import Source
from .reads import is_kept, reads_after

_CATS: Final = frozenset(("torch.cat", "torch.concat", "torch.concatenate"))


@dataclass(frozen=True)
class Feed:
    """What feeds a concatenation, and nothing else.

    Attributes:
        value: the call whose result it is.
        cat: the call that concatenates.
        element: what stands for the result in that: the call itself, or a variable.
        target: where the variable is given the result, if there is one.
    """

    value: ast.expr
    cat: ast.Call
    element: ast.expr
    target: ast.Name | None = None

    @property
    def is_named(self) -> bool:
        """Whether a variable holds it."""
        return self.target is not None


def find_feed(source: Source, directives: Directives, value: ast.expr) -> Feed | None:
    """The concatenation of channels that a value only goes into, where both may change."""
    feed = _feed_of(source, value)
    if feed is None:
        return None
    statements = [source.statement(each) for each in (feed.value, feed.cat)]
    return None if any(map(directives.forbids, statements)) else feed


def _feed_of(source: Source, value: ast.expr) -> Feed | None:
    statement = source.parent(value)
    cat = _cat_around(source, value)
    if cat is not None:
        return Feed(value, cat, value)
    match statement:
        case ast.Assign(targets=[ast.Name(id=name) as target]):
            reads = reads_after(source, statement, name)
        case _:
            return None
    if reads is None or len(reads) != 1 or not _is_reached(source, statement, reads[0]):
        return None
    if not is_kept(source, target, reads[0]):
        return None
    cat = _cat_around(source, reads[0])
    return Feed(value, cat, reads[0], target) if cat is not None else None


def _is_reached(source: Source, statement: ast.stmt, read: ast.Name) -> bool:
    """Whether a read is in a statement that follows in the same block and scope."""
    own = source.parent(statement)
    is_near = source.parent(source.statement(read)) is own
    return is_near and source.scope(read) is source.scope(statement)


def _cat_around(source: Source, element: ast.expr) -> ast.Call | None:
    """The concatenation of channels that something is one of."""
    listed = source.parent(element)
    cat = source.parent(listed)
    if not isinstance(listed, (ast.Tuple, ast.List)) or not isinstance(cat, ast.Call):
        return None
    if _is_in_parentheses(source, element):  # where no star may stand
        return None
    return cat if is_cat_of_channels(source, cat, listed) else None


def _is_in_parentheses(source: Source, element: ast.expr) -> bool:
    start, end = source.span(element)
    return source.text[:start].rstrip().endswith("(") and source.text[end:].lstrip().startswith(")")


def is_cat_of_channels(source: Source, cat: ast.Call, listed: ast.expr) -> bool:
    """Whether a call concatenates along dimension 1 what an expression holds."""
    if meaning(source, cat.func).path not in _CATS or cat.args[:1] != [listed]:
        return False
    dims = [*cat.args[1:], *(each.value for each in cat.keywords if each.arg in ("dim", "axis"))]
    others = [each.arg for each in cat.keywords if each.arg not in ("dim", "axis")]
    return [getattr(each, "value", None) for each in dims] == [1] and not others
