"""Tell whether an attribute has been given its value when another one is."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from ...reading.classes import ClassIndex
from ...reading.source import Source


def is_set_before(index: ClassIndex, targets: Collection[ast.Attribute], node: ast.AST) -> bool:
    """Whether one of some targets is assigned to, whatever happens, before a node is reached.

    They are all attributes of the same objects; the node is in a method of these.
    """
    source = index.source
    wanted = {id(source.statement(each)) for each in targets}
    function = source.function_around(node)
    assert function is not None
    return any(sets(each, wanted) for each in _earlier(source, node, function))


def _earlier(source: Source, node: ast.AST, function: ast.AST) -> Iterator[ast.stmt]:
    """The statements that have been run when a node of a function is reached."""
    inner: ast.AST = node
    around = list(source.ancestors(node))
    for outer in around[: around.index(function) + 1]:
        for _, block in ast.iter_fields(outer):
            if isinstance(block, list) and inner in block and isinstance(inner, ast.stmt):
                yield from block[: block.index(inner)]
        inner = outer


def sets(statement: ast.stmt, wanted: set[int]) -> bool:
    """Whether a statement is, or surely runs, one of those that are wanted."""
    if id(statement) in wanted:
        return True
    match statement:
        case ast.If(body=body, orelse=orelse):
            return all(any(sets(each, wanted) for each in block) for block in (body, orelse))
        case ast.With(body=body):
            return any(sets(each, wanted) for each in body)
        case ast.Try(body=body, handlers=handlers):
            blocks = (body, *(each.body for each in handlers))
            return all(any(sets(each, wanted) for each in block) for block in blocks)
    return False


def needs(statement: ast.stmt, target: ast.Attribute) -> bool:
    """Whether a statement surely reads an attribute, and so raises where that has no value."""
    kinds = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)
    return isinstance(statement, kinds) and any(
        isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Load)
        and each.attr == target.attr
        and ast.dump(each.value) == ast.dump(target.value)
        for each in _surely_evaluated(statement)
    )


def _surely_evaluated(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    match node:
        case ast.BoolOp(values=[first, *_]) | ast.IfExp(test=first) | ast.Compare(left=first):
            yield from _surely_evaluated(first)
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _surely_evaluated(child)
