"""What a constructor or a forward of a file runs, as far as names tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from .classes import ClassIndex
from .kept import kept
from .parts import walk
from .scopes import FUNCTIONS, Function

_RUN_BY_TORCH: Final = ("__init__", "__post_init__", "setup", "forward", "__call__", "__new__")


def functions_around(index: ClassIndex, node: ast.AST) -> list[Function]:
    """The functions that a node stands in."""
    return [each for each in index.source.ancestors(node) if isinstance(each, FUNCTIONS)]


def runs_in_file(index: ClassIndex, node: ast.AST) -> bool:
    """Whether a node is run by a constructor or a forward of its file, or when that is imported."""
    functions = functions_around(index, node)
    return not functions or not running_in(index).isdisjoint(functions)


@kept
def running_in(index: ClassIndex) -> set[ast.AST]:
    """The functions of a file that a constructor or a forward runs, as far as names tell."""
    by_name = _by_name(index)
    seeds = [each for name in _RUN_BY_TORCH for each in by_name.get(name, [])]
    for node in index.source.nodes:
        if isinstance(node, (ast.Name, ast.Attribute)):
            if not functions_around(index, node):
                seeds += by_name.get(name_of(node), [])
    return run_from(index, seeds)


def run_from(index: ClassIndex, functions: Iterable[ast.AST]) -> set[ast.AST]:
    """Some functions, and all that they run, as far as names tell."""
    by_name, waiting, found = _by_name(index), [*functions], set[ast.AST]()
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        found.add(function)
        for node in walk(function):
            if isinstance(node, (ast.Name, ast.Attribute)):
                waiting += by_name.get(name_of(node), [])
    return found


@kept
def _by_name(index: ClassIndex) -> dict[str, list[ast.AST]]:
    found: dict[str, list[ast.AST]] = {}
    for node in index.source.nodes:
        if isinstance(node, FUNCTIONS):
            found.setdefault(node.name, []).append(node)
    return found


def name_of(node: ast.Name | ast.Attribute) -> str:
    """The name that is spoken of."""
    return node.id if isinstance(node, ast.Name) else node.attr
