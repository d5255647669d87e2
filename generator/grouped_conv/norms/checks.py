"""What is to be checked of a norm when it is built: what the source leaves open."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from ...reading.classes import ClassIndex
from ...reading.convolutions import is_module_of_torch
from ...reading.names import meaning
from ...reading.scopes import FUNCTIONS, Function
from .kinds import is_by_channel, is_over_channels, kind_of

Checks = frozenset[str]
IS_NORM: Final = "norm_kind"
_IS_OF_TORCH: Final = "norm_class"
_FITS: Final = "norm_channels"
_HAS_STATISTICS: Final = "norm_statistics"
IS_ALONE: Final = "norm_shared"
ALL_CHECKS: Final = frozenset((IS_NORM, _IS_OF_TORCH, _FITS, _HAS_STATISTICS, IS_ALONE))
"""The features of the helper that stand for checks of what may follow a convolution: it may be no
norm, or of a class that is not torch's, for another number of channels (which torch lets pass for
an InstanceNorm), without running statistics, or held more than once."""

_DEEPEST: Final = 4


def checks_of(index: ClassIndex, value: ast.expr | None, depth: int = _DEEPEST) -> Checks:
    """What is to be checked of what an expression gives; None for one that is not seen."""
    match value:
        case ast.IfExp(body=body, orelse=orelse):
            return _of_all(index, (body, orelse), depth)
        case ast.Constant():
            return frozenset((IS_NORM,))
        case ast.Name():
            known = index.source.scope(value).only_value(value.id)
            if known is not None and depth > 0:
                return checks_of(index, known[1], depth - 1) | {IS_ALONE}
        case ast.Call():
            return _of_call(index, value, depth)
    return ALL_CHECKS


def _of_all(index: ClassIndex, values: Iterable[ast.expr], depth: int) -> Checks:
    return frozenset().union(*(checks_of(index, each, depth) for each in values))


def _of_call(index: ClassIndex, call: ast.Call, depth: int) -> Checks:
    callee = meaning(index.source, call.func)
    if is_by_channel(callee.path):
        if "Instance" in callee.path:
            return frozenset((_FITS,))
        kind = kind_of(index, call, "")
        is_clear = kind.name == "norm" and not kind.reason
        return frozenset(() if is_clear else (_HAS_STATISTICS,))
    if _is_other(callee.path) or _is_other_class(index, callee.node):
        return frozenset((IS_NORM,))
    if isinstance(callee.node, FUNCTIONS) and depth > 0:
        return _of_function(index, callee.node, depth - 1)
    return ALL_CHECKS


def _is_other(path: str) -> bool:
    """Whether a class is one of torch that is no norm by channel."""
    return is_over_channels(path) or (is_module_of_torch(path) and "Norm" not in path)


def _is_other_class(index: ClassIndex, node: ast.AST | None) -> bool:
    """Whether a class of the source has nothing but such a class, or a class of it, as a base."""
    if not isinstance(node, ast.ClassDef):
        return False
    bases = [
        meaning(index.source, base)
        for each in index.classes[node].ancestors()
        for base in each.node.bases
    ]
    return all(each.kind == "class" or _is_other(each.path) for each in bases)


def _of_function(index: ClassIndex, function: Function, depth: int) -> Checks:
    """What is to be checked of what a function of the source returns."""
    nodes = list(ast.walk(function))
    yields = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in nodes)
    if function.decorator_list or yields:
        return ALL_CHECKS
    returned = [each.value or ast.Constant(None) for each in nodes if isinstance(each, ast.Return)]
    if not isinstance(function.body[-1], ast.Return):
        returned.append(ast.Constant(None))
    return _of_all(index, returned, depth)
