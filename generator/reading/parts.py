"""What a node of a tree is made of, in a fraction of the time that ``ast`` takes to say it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

_NO_PARTS: Final = frozenset(
    (
        *("id", "attr", "ctx", "op", "ops", "kind", "type_comment", "conversion", "simple"),
        *("level", "module", "asname", "is_async", "rest", "kwd_attrs", "arg"),
    )
)
"""The fields that hold a text, a number or a mark such as ``ast.Load``, whatever the node is."""
_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    kind: tuple(each for each in kind._fields if each not in _NO_PARTS and kind is not ast.Constant)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
_LEAVES: Final = frozenset(kind for kind, fields in _FIELDS.items() if not fields)


def parts(node: ast.AST) -> list[ast.AST]:
    """The nodes directly in a node, in their order, but for marks such as ``ast.Load``."""
    found: list[ast.AST] = []
    for field in _FIELDS.get(type(node), node._fields):
        value = getattr(node, field, None)
        if isinstance(value, list):
            if value:  # as few are
                found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all that is in it, in the order of ``ast.walk``, but for marks."""
    found = [node]
    for each in found:
        yield each
        if type(each) not in _LEAVES:
            found += parts(each)
