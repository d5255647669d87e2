"""Where a local variable is read that a statement gives a value."""

from __future__ import annotations

import ast

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
    nodes = list(ast.walk(node))
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
    uses = _uses(source, function, name)
    starts = {each: source.span(each).start for each in uses}
    if any(starts[each] < end and _is_of_closure(source, each, scope) for each in uses):
        return None
    for each in sorted((each for each in uses if starts[each] >= end), key=lambda one: starts[one]):
        own = source.statement(each)
        if isinstance(each.ctx, ast.Load) or isinstance(source.parent(each), ast.AugAssign):
            found.append(each)
        elif binds(own, name) and source.parent(own) is source.parent(statement):
            return found + reads_in(own, name)
    return found


def is_kept(source: Source, given: ast.Name, read: ast.Name) -> bool:
    """Whether a variable still has what it was given where it is read further down, and after."""
    start, end = source.span(given).end, source.span(read).start
    own = source.statement(read)
    targets = own.targets if isinstance(own, ast.Assign) else []
    assigned = [each for target in targets for each in ast.walk(target)]
    for each in _uses(source, source.scope(given).node, given.id):
        is_between = start <= source.span(each).start < end and each not in assigned
        if isinstance(each.ctx, ast.Del) or (isinstance(each.ctx, ast.Store) and is_between):
            return False
    return True


def _is_of_closure(source: Source, use: ast.Name, scope: Scope) -> bool:
    """Whether a function or a class inside of another uses its variable."""
    inner = source.scope(use)
    while inner is not scope and isinstance(inner.node, COMPREHENSIONS) and inner.parent:
        inner = inner.parent
    found = inner.lookup(use.id)
    return inner is not scope and found is not None and found[0] is scope


def _uses(source: Source, function: ast.AST, name: str) -> list[ast.Name]:
    nodes = source.inside(function)
    return [each for each in nodes if isinstance(each, ast.Name) and each.id == name]
