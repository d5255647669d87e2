"""Find the strings by which code may reach for an attribute that a convolution or a norm is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ...reading.classes import ClassIndex
from .kinds import is_like_a_norm

_OF_STRINGS: Final = frozenset(
    ("replace", "startswith", "endswith", "split", "match", "search", "sub", "get", "pop", "join")
)
_OF_OTHERS: Final = frozenset(("add_module", "register_module", "OrderedDict"))


def strings_naming(index: ClassIndex, name: str) -> Iterator[ast.AST]:
    """The strings that may reach an attribute: in a list of names, or handed to a function.

    The key of a dict and the name of an entry of an nn.Sequential reach nothing; what getattr is
    given is followed from there.
    """
    for node in index.mentions.naming(name):
        parent = index.source.parent(node)
        match parent:
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                reaches = all(isinstance(getattr(each, "value", None), str) for each in items)
            case ast.keyword(arg=arg):
                reaches = arg == "name"
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
                reaches = called not in _OF_STRINGS | _OF_OTHERS and not is_like_a_norm(called)
            case ast.Compare() | ast.Subscript():  # with the name of a parameter
                reaches = "." in str(getattr(node, "value", ""))
            case _:
                reaches = False
        if reaches:
            yield node
