"""Tell whether a weight is given a tensor that something else may have as well."""

from __future__ import annotations

import ast
from typing import Final

from ...facts.facts import Facts
from ...facts.values import Bound, Tensor, Unknown
from ...reading.classes import ClassIndex
from ...reading.parts import walk
from ...reading.scopes import COMPREHENSIONS, FUNCTIONS
from ...reading.source import Source
from ..source_facts import facts_of_source

_TENSORS: Final = frozenset(("weight", "bias", "data", "running_mean", "running_var"))
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)


def may_be_tied(index: ClassIndex, target: ast.Attribute) -> bool:
    """Whether an attribute that is assigned to is a tensor, and may be given another one's."""
    if target.attr not in _TENSORS:
        return False
    match index.source.parent(target):
        case ast.Assign(targets=[_], value=value) | ast.AnnAssign(value=ast.expr() as value):
            return not _is_new(index, value)
        case ast.AugAssign():
            return False
    return True


def _is_new(index: ClassIndex, value: ast.expr, calls: tuple[ast.expr, ...] = ()) -> bool:
    """Whether an expression makes a tensor that nothing else has; ``calls`` are those around it."""
    source, facts = index.source, facts_of_source(index)

    def are_new(*given: ast.expr) -> bool:
        return all(_is_new(index, each, (*calls, value)) for each in given)

    match value:
        case ast.Constant() | ast.BinOp() | ast.UnaryOp():
            return True
        case ast.IfExp(body=one, orelse=other):
            return are_new(one, other)
        case ast.Tuple(elts=elements):
            return are_new(*elements)
        case ast.Subscript(value=of):
            return are_new(of)
        case ast.Name():
            given = [each for each in _given(source, value) if not _is_of_itself(each, value)]
            return _is_alone(source, value) and are_new(*given)
        case ast.Call() if functions := facts.functions(value.func):
            returned = [each for one in functions for each in walk(one)]
            given = [each.value for each in returned if isinstance(each, ast.Return) and each.value]
            return value not in calls and all(map(source.has, functions)) and are_new(*given)
        case ast.Call(func=ast.Attribute(value=of)) if _is_tensor(facts, of):
            return are_new(of)  # it may be a view
        case ast.Call(args=args):
            kinds = {getattr(each, "kind", "") for each in facts.values(value)}
            is_parameter = any(each.endswith(".Parameter") for each in kinds)
            return are_new(*args[:1]) if is_parameter else not kinds - {""}
    return False


def _is_tensor(facts: Facts, value: ast.expr) -> bool:
    return any(isinstance(each, (Tensor, Bound, Unknown)) for each in facts.values(value))


def _is_alone(source: Source, name: ast.Name) -> bool:
    """Whether a variable of a function is read in one place, and that once."""
    scope = source.scope(name)
    found = scope.lookup(name.id)
    if found is None or found[0] is not scope or not isinstance(scope.node, FUNCTIONS):
        return False
    own = {one for each in _given(source, name) for one in walk(each)}
    loads = [each for each in source.names(scope.node, name.id) if each not in own]
    loads = [each for each in loads if isinstance(each.ctx, ast.Load)]
    return loads == [name] and not any(isinstance(each, _LOOPS) for each in source.ancestors(name))


def _given(source: Source, name: ast.Name) -> list[ast.expr]:
    """What a variable is given; itself where that is not known."""
    found = source.scope(name).lookup(name.id)
    given: list[ast.expr] = []
    for each in found[1] if found is not None else ():
        around = source.parent(each.node)
        if each.value is None and isinstance(around, ast.Tuple):
            value = getattr(source.parent(around), "value", name)
        else:
            value = each.value if each.value is not None and each.kind == "assign" else name
        if not isinstance(around, ast.AugAssign):
            given.append(value)
    return given


def _is_of_itself(value: ast.expr, name: ast.Name) -> bool:
    names = {each.id for each in walk(value) if isinstance(each, ast.Name)}
    return value is not name and name.id in names
