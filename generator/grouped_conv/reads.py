"""Where a local variable is read that a statement gives a value."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Sequence

from ..reading.kept import kept
from ..reading.parts import walk
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS, Scope
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
    nodes = list(walk(node))
    updated = [each.target for each in nodes if isinstance(each, ast.AugAssign)]
    return [
        each
        for each in nodes
        if isinstance(each, ast.Name) and each.id == name
        if isinstance(each.ctx, ast.Load) or each in updated
    ]


def reads_after(source: Source, statement: ast.stmt, name: str) -> list[ast.Name] | None:
    """Where a variable may be read once a statement is done, in the order of the text.

    None where that is not known: outside of a function, or in what another one can see.
    """
    scope = source.scope(statement)
    function = scope.node
    if not isinstance(function, FUNCTIONS) or name in scope.module.nonlocals | scope.globals:
        return None
    around = list(source.ancestors(statement))
    loops = [each for each in around[: around.index(function)] if isinstance(each, _LOOPS)]
    start, end = source.span(statement)
    found = [each for loop in loops[-1:] for each in reads_in(loop, name)]
    found = [each for each in found if source.span(each).start < start]
    uses = source.names(function, name)
    in_closures = _uses_in_closures(source, scope, name)
    if in_closures and source.span(in_closures[0]).start < end:
        return None
    for at in range(_first_from(source, uses, end), len(uses)):
        each = uses[at]
        own = source.statement(each)
        if isinstance(each.ctx, ast.Load) or isinstance(source.parent(each), ast.AugAssign):
            found.append(each)
        elif binds(own, name) and source.parent(own) is source.parent(statement):
            return found + reads_in(own, name)
    return found


def _first_from(source: Source, uses: Sequence[ast.Name], offset: int) -> int:
    """The place among some names, in the order of the text, of the first from an offset on."""
    return bisect_left(uses, offset, key=lambda each: source.span(each).start)


@kept
def _uses_in_closures(source: Source, scope: Scope, name: str) -> list[ast.Name]:
    """Where functions and classes inside of another use its variable, in the order of the text."""
    uses = source.names(scope.node, name)
    return [each for each in uses if _is_of_closure(source, each, scope)]


def _is_of_closure(source: Source, use: ast.Name, scope: Scope) -> bool:
    """Whether a function or a class inside of another uses its variable."""
    inner = source.scope(use)
    while inner is not scope and isinstance(inner.node, COMPREHENSIONS) and inner.parent:
        inner = inner.parent
    found = inner.lookup(use.id)
    return inner is not scope and found is not None and found[0] is scope
