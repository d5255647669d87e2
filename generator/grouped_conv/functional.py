"""Tell where ``F.conv2d`` is given a weight that is no module's, such as a window of a loss.

    w = window(size, x.size(1)).to(x)
    mean = F.conv2d(x, w, groups=x.size(1))

There is nothing to split, and nothing that PLiNIO would look at.
"""

from __future__ import annotations

import ast

from ..reading.alternatives import given_to
from ..reading.classes import ClassIndex
from ..reading.convolutions import is_functional_convolution
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Binding, Function
from ..reading.source import Source

_OF_MODULES = frozenset(("weight", "bias", "parameters", "named_parameters", "state_dict", "data"))
_DEPTH = 4


def has_weight_of_no_module(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a call is of a convolution as a function, with a weight that is computed for it."""
    if not is_functional_convolution(meaning(index.source, call.func).path):
        return False
    weights = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "weight")]
    return len(weights) == 1 and _is_computed(index, weights[0], _DEPTH)


def _is_computed(index: ClassIndex, node: ast.expr, depth: int) -> bool:
    """Whether a tensor is made of numbers alone."""
    match node:
        case ast.Name():
            found = index.source.scope(node).lookup(node.id)
            values = [each for one in found[1] for each in _values(index, one)] if found else []
            return (
                depth > 0
                and bool(values)
                and all(
                    each is not None and _is_computed(index, each, depth - 1) for each in values
                )
            )
        case ast.Subscript(value=value):
            return _is_computed(index, value, depth)
        case ast.Call(func=function, args=arguments, keywords=keywords):
            given = [*arguments, *(each.value for each in keywords)]
            callee = meaning(index.source, function)
            if isinstance(callee.node, FUNCTIONS):
                is_own = not _reads_modules(callee.node)
                return is_own and all(_is_number(index, each, depth) for each in given)
            is_method = isinstance(function, ast.Attribute) and callee.kind != "import"
            if is_method and isinstance(function, ast.Attribute):
                return _is_computed(index, function.value, depth)
    return False


def _values(index: ClassIndex, binding: Binding) -> list[ast.expr | None]:
    """What a variable may be given, but for None as a default; None for what is not seen."""
    if binding.kind == "parameter":
        given = given_to(index, binding)
        return [each for each in given if getattr(each, "value", "") is not None]
    return [binding.value]


def _is_number(index: ClassIndex, node: ast.expr, depth: int) -> bool:
    match node:
        case ast.Constant(value=int() | float()):
            return True
        case ast.BinOp(left=left, right=right):
            return _is_number(index, left, depth) and _is_number(index, right, depth)
        case ast.Call(func=ast.Attribute(attr="size"), args=[_]):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
        case ast.Name():
            found = index.source.scope(node).lookup(node.id)
            return (
                depth > 0
                and found is not None
                and all(_is_given_number(index, each, depth - 1) for each in found[1])
            )
    return False


def _is_given_number(index: ClassIndex, binding: Binding, depth: int) -> bool:
    """Whether a variable is given a number, or one of a shape, or is a parameter for one."""
    if binding.value is not None:
        return _is_number(index, binding.value, depth)
    return _is_of_shape(index.source, binding.node)


def _is_of_shape(source: Source, target: ast.AST) -> bool:
    match source.parent(source.parent(target)):
        case ast.Assign(value=ast.Call(func=ast.Attribute(attr="size"), args=[])):
            return True
        case ast.Assign(value=ast.Attribute(attr="shape")):
            return True
    return False


def _reads_modules(function: Function) -> bool:
    """Whether a function takes something of a module."""
    return any(
        isinstance(each, ast.Attribute) and each.attr in _OF_MODULES for each in walk(function)
    )
