"""Tell whether a weight is given a tensor that something else may have as well."""

from __future__ import annotations

import ast
from typing import Final

from ...reading.names import meaning
from ...reading.parts import walk
from ...reading.scopes import COMPREHENSIONS, FUNCTIONS
from ...reading.source import Source

_TENSORS: Final = frozenset(("weight", "bias", "data", "running_mean", "running_var"))
_PARAMETERS: Final = frozenset(("torch.nn.Parameter", "torch.nn.parameter.Parameter"))
_VIEWS: Final = frozenset(
    (
        *("view", "view_as", "reshape", "detach", "t", "transpose", "permute", "squeeze"),
        *("unsqueeze", "flatten", "expand", "contiguous", "requires_grad_", "to", "float"),
        *("double", "half", "cpu", "cuda", "type", "chunk", "narrow", "select"),
    )
)
"""The methods of a tensor that may give it back, or a part of it."""
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)


def may_be_tied(source: Source, target: ast.Attribute) -> bool:
    """Whether an attribute that is assigned to is a tensor, and may be given another one's."""
    if target.attr not in _TENSORS:
        return False
    match source.parent(target):
        case ast.Assign(targets=[_], value=value) | ast.AnnAssign(value=ast.expr() as value):
            return not _is_fresh(source, value)
        case ast.AugAssign():
            return False
    return True


def _is_fresh(source: Source, value: ast.expr) -> bool:
    """Whether an expression makes a tensor of its own."""
    match value:
        case ast.Constant() | ast.BinOp() | ast.UnaryOp():
            return True
        case ast.Call(args=[given, *_]) if meaning(source, value.func).path in _PARAMETERS:
            return _is_fresh(source, given)
        case ast.Call(func=ast.Attribute(value=given, attr=name)) if name in _VIEWS:
            return _is_fresh(source, given)
        case ast.Call():
            return True
        case ast.Subscript(value=given):
            return _is_fresh(source, given)
        case ast.IfExp(body=one, orelse=other):
            return _is_fresh(source, one) and _is_fresh(source, other)
        case ast.Name():
            return _is_fresh_name(source, value)
    return False


def _is_fresh_name(source: Source, name: ast.Name) -> bool:
    """Whether a variable has a tensor of its own, and nothing else takes it from there."""
    scope = source.scope(name)
    found = scope.lookup(name.id)
    if found is None or found[0] is not scope or not isinstance(scope.node, FUNCTIONS):
        return False
    if any(isinstance(each, _LOOPS) for each in source.ancestors(name)):
        return False
    values = [
        each.value if each.value is not None else _unpacked(source, each.node)
        for each in found[1]
        if not isinstance(source.parent(each.node), ast.AugAssign)  # which changes that itself
    ]
    own = {each for value in values if value is not None for each in walk(value)}
    others = [each for each in source.names(scope.node, name.id) if each not in own]
    loads = [each for each in others if isinstance(each.ctx, ast.Load)]
    return loads == [name] and all(
        each is not None and (name.id in _names(each) or _is_fresh(source, each)) for each in values
    )


def _unpacked(source: Source, target: ast.AST) -> ast.expr | None:
    """The call that a variable is given one of several results of, if it is."""
    match source.parent(source.parent(target)):
        case ast.Assign(value=ast.Call() as call):
            return call
    return None


def _names(expression: ast.expr) -> set[str]:
    return {each.id for each in walk(expression) if isinstance(each, ast.Name)}
