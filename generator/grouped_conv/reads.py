"""Where a local variable is read that a statement gives a value."""

from __future__ import annotations

import ast

from ..reading.scopes import FUNCTIONS
from ..reading.source import Source

_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def binds(statement: ast.stmt, name: str) -> bool:
    """Whether a statement assigns to a variable, and to nothing else."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=target)]):
            return target == name
    return False


def reads_in(node: ast.AST, name: str) -> list[ast.Name]:
    """The places in a node where a variable is read."""
    return [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Load)
    ]


def reads_after(source: Source, statement: ast.stmt, name: str) -> list[ast.Name] | None:
    """Where a variable may be read once a statement is done, in the order of the text.

    None where that is not known: outside of a function, or in what another one can see.
    """
    function = source.scope(statement).node
    if not isinstance(function, FUNCTIONS) or name in source.scope(statement).module.nonlocals:
        return None
    around = list(source.ancestors(statement))
    loops = [each for each in around[: around.index(function)] if isinstance(each, _LOOPS)]
    start, end = source.span(statement)
    found = [each for loop in loops[-1:] for each in reads_in(loop, name)]
    found = [each for each in found if source.span(each).start < start]
    later = [each for each in _uses(function, name) if source.span(each).start >= end]
    for each in sorted(later, key=source.span):
        own = source.statement(each)
        if isinstance(each.ctx, ast.Load):
            found.append(each)
        elif binds(own, name) and source.parent(own) is source.parent(statement):
            return found + reads_in(own, name)
    return found


def _uses(function: ast.AST, name: str) -> list[ast.Name]:
    return [each for each in ast.walk(function) if isinstance(each, ast.Name) and each.id == name]
