"""What becomes of an expression where it stands: it is shown, compared or added up."""

from __future__ import annotations

import ast
from itertools import takewhile
from typing import Final

from ..reading.parts import walk
from ..reading.source import Source

_SIZES: Final = ("in_channels", "out_channels", "groups")
_SHOWING: Final = frozenset(
    (
        *("print", "debug", "info", "warning", "warn", "error", "critical", "exception", "log"),
        *("write", "pprint", "echo", "add_row", "set_description"),
    )
)


def is_shown(source: Source, node: ast.AST) -> bool:
    """Whether a value is only shown to somebody: printed, logged, or told by an exception."""
    for each in source.ancestors(node):
        if isinstance(each, (ast.Raise, ast.Assert)):
            return True
        if isinstance(each, ast.Call):
            name = getattr(each.func, "attr", getattr(each.func, "id", ""))
            if name in _SHOWING and node is not each.func:
                return True
        if isinstance(each, ast.stmt):
            break
    return False


def is_compared(source: Source, node: ast.AST) -> bool:
    """Whether a class, or a text, is asked whether it is one of others, or picks one of them."""
    inner = node
    for each in source.ancestors(node):
        match each:
            case ast.Compare() | ast.If() | ast.IfExp() | ast.BoolOp():
                return True
            case ast.Subscript(slice=index) if index is inner:
                return True
            case (
                ast.Call(func=ast.Attribute(attr="get"))
                | ast.Call(func=ast.Name(id="isinstance" | "issubclass"))
            ):
                return inner is not each.func
            case ast.Assign(targets=[ast.Name(id=name)]):
                uses = source.names(source.function_around(each) or source.tree, name)
                loads = [one for one in uses if isinstance(one.ctx, ast.Load)]
                return bool(loads) and all(is_compared(source, one) for one in loads)
            case ast.stmt():
                return False
        if not isinstance(each, (ast.Attribute, ast.Call, ast.UnaryOp)):
            return False
        inner = each
    return False


def is_of_one_group(source: Source, node: ast.AST) -> bool:
    """Whether a module's channels, or its groups, are read to divide the former by the latter.

    ``m.out_channels // m.groups`` is the same for each part as for the whole.
    """
    around = takewhile(lambda each: isinstance(each, ast.BinOp), source.ancestors(node))
    if any(_is_divisor(each, getattr(each, "right", each)) for each in around):
        return True
    function = source.function_around(node) if source.has(node) else None
    if function is None or not isinstance(node, ast.Attribute):
        return False
    of = ast.dump(node.value)
    read = [each for each in walk(function) if isinstance(each, ast.Attribute)]
    read = [each for each in read if each.attr in _SIZES and ast.dump(each.value) == of]
    groups = [each for each in read if each.attr == "groups"]
    is_once = len(groups) == 1 and len(read) == 2
    return is_once and _is_divisor(source.parent(groups[0]), groups[0])


def _is_divisor(parent: ast.AST, node: ast.AST) -> bool:
    """Whether something is divided by what a node is, which is a number of groups."""
    right = getattr(parent, "right", getattr(parent, "value", None))
    is_divided = isinstance(getattr(parent, "op", None), (ast.Div, ast.FloorDiv))
    return is_divided and right is node and getattr(node, "attr", "") == "groups"


def is_summed(source: Source, node: ast.AST) -> bool:
    """Whether numbers of all parts are added up, so that it does not matter how many there are."""
    return any(map(_is_sum, takewhile(_may_be_summed, source.ancestors(node))))


def _is_sum(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="sum")) | ast.AugAssign(op=ast.Add()):
            return True
    return False


def _may_be_summed(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=operation):
            return isinstance(operation, (ast.Add, ast.Mult))
        case ast.AugAssign():
            return True
    return isinstance(node, (ast.Call, ast.Attribute, ast.GeneratorExp, ast.ListComp))
