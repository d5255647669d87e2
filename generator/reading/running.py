"""What a constructor or a forward of a file runs, as far as names tell."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Final, TypeAlias

from .classes import ClassIndex
from .kept import kept
from .scopes import FUNCTIONS, Function

_RUN_BY_TORCH: Final = ("__init__", "__post_init__", "setup", "forward", "__call__", "__new__")
Place: TypeAlias = tuple[ClassIndex, ast.AST]


def runs_in_file(index: ClassIndex, node: ast.AST) -> bool:
    """Whether a node is run by a constructor or a forward of its file, or when that is imported."""
    return is_run(index, node, speaking_of)


def is_run(
    index: ClassIndex,
    node: ast.AST,
    speaking: Callable[[ClassIndex, Function], Iterable[Place]],
    called_back: Set[ast.AST] = frozenset(),
) -> bool:
    """Whether a node is run by whoever speaks of the functions that it stands in."""
    waiting, known = [(index, node)], set[ast.AST]()
    while waiting:
        index, node = waiting.pop()
        functions = [each for each in index.source.ancestors(node) if isinstance(each, FUNCTIONS)]
        if not functions:
            return True  # when the file is imported
        for each in functions:
            if each.name in _RUN_BY_TORCH or each in called_back:
                return True
            if each not in known:
                known.add(each)
                waiting += speaking(index, each)
    return False


def speaking_of(index: ClassIndex, function: Function) -> Iterator[Place]:
    """Where a file speaks of a function's name."""
    yield from ((index, each) for each in _mentions(index).get(function.name, ()))


@kept
def _mentions(index: ClassIndex) -> dict[str, list[ast.AST]]:
    """Where a file speaks of names, be they of variables or of attributes."""
    found: dict[str, list[ast.AST]] = {}
    for node in index.source.nodes:
        if isinstance(node, (ast.Name, ast.Attribute)):
            found.setdefault(node.id if isinstance(node, ast.Name) else node.attr, []).append(node)
    return found
