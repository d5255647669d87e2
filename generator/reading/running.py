"""What a constructor or a forward of a file runs, as far as names tell."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from .classes import ClassIndex
from .kept import kept
from .scopes import FUNCTIONS

_RUN_BY_TORCH: Final = ("__init__", "__post_init__", "setup", "forward", "__call__", "__new__")


def runs_in_file(index: ClassIndex, node: ast.AST) -> bool:
    """Whether a node is run by a constructor or a forward of its file, or when that is imported."""
    waiting, known = [node], set[ast.AST]()
    while waiting:
        around = index.source.ancestors(waiting.pop())
        functions = [each for each in around if isinstance(each, FUNCTIONS)]
        if not functions or any(each.name in _RUN_BY_TORCH for each in functions):
            return True
        for each in functions:
            if each not in known:
                known.add(each)
                waiting += named(index).get(each.name, ())
    return False


@kept
def named(index: ClassIndex) -> Mapping[str, list[ast.AST]]:
    """Where a file speaks of each name, be it of a variable or of an attribute."""
    found: dict[str, list[ast.AST]] = {}
    for node in index.source.nodes:
        if isinstance(node, (ast.Name, ast.Attribute)):
            found.setdefault(node.id if isinstance(node, ast.Name) else node.attr, []).append(node)
    return found
