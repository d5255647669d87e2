"""Tell whether the weight of a convolution is only read, so that a copy of it would do as well."""

from __future__ import annotations

import ast
from typing import Final

from ..names import meaning
from ..source import Source

_REFUSED: Final = frozenset(("grad", "grad_fn", "register_hook", "data_ptr", "untyped_storage"))
# Functions of torch that keep, or change, the very tensor that they are given.
_KEEPING: Final = ("torch.nn.", "torch.optim.", "torch.autograd.", "torch.utils.")
_READING: Final = "torch.nn.functional."
_READING_METHODS: Final = frozenset(
    (
        *("add", "sub", "mul", "div", "matmul", "mm", "bmm", "addmm", "dot"),
        *("copy_", "add_", "sub_", "mul_", "div_"),
        *("view_as", "reshape_as", "expand_as", "type_as", "to", "new_tensor", "equal"),
    )
)


def is_only_read(source: Source, tensor: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
    """Whether an expression for a tensor is used for its values alone, and for their shape.

    ``seen`` are the variables of which this is being asked already.
    """
    node, parent = tensor, source.parent(tensor)
    while _is_link(node, parent):
        if isinstance(parent, ast.Attribute) and not _is_harmless(parent):
            return False
        assert isinstance(parent, ast.expr)
        node, parent = parent, source.parent(parent)
    match parent:
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.FormattedValue():
            return True
        case ast.IfExp():
            return is_only_read(source, parent, seen)
        case ast.Call() | ast.keyword():
            call = source.parent(parent) if isinstance(parent, ast.keyword) else parent
            return isinstance(call, ast.Call) and _only_reads(source, call)
        case ast.Assign(targets=[target], value=value):
            return value is node and _is_name_only_read(source, target, seen)
        case ast.Tuple():
            outer = source.parent(parent)
            if isinstance(outer, ast.Assign) and isinstance(outer.targets[0], ast.Tuple):
                targets = outer.targets[0].elts
                if len(outer.targets) == 1 and len(targets) == len(parent.elts):
                    at = parent.elts.index(node)
                    return _is_name_only_read(source, targets[at], seen)
    return isinstance(node, ast.Attribute) and node.attr in ("shape", "dtype", "device", "ndim")


def _is_link(node: ast.AST, parent: ast.AST) -> bool:
    """Whether a parent is a view, a method or an item of a node."""
    if isinstance(parent, (ast.Attribute, ast.Subscript)):
        return parent.value is node and isinstance(parent.ctx, ast.Load)
    return isinstance(parent, ast.Call) and parent.func is node


def _is_harmless(attribute: ast.Attribute) -> bool:
    return not attribute.attr.endswith("_") and attribute.attr not in _REFUSED


def _only_reads(source: Source, call: ast.Call) -> bool:
    """Whether a function takes no more than the values of its arguments."""
    path = meaning(source, call.func).path
    if path.startswith("torch."):
        return path.startswith(_READING) or not (path.startswith(_KEEPING) or path.endswith("_"))
    if isinstance(call.func, ast.Attribute) and not path:
        return call.func.attr in _READING_METHODS
    return isinstance(call.func, ast.Name) and call.func.id in ("print", "len", "float", "tuple")


def _is_name_only_read(source: Source, target: ast.expr, seen: frozenset[str]) -> bool:
    """Whether a local variable that is assigned a tensor is only read itself."""
    if not isinstance(target, ast.Name):
        return False
    found = source.scope(target).lookup(target.id)
    if found is None or target.id in found[0].module.nonlocals:
        return False
    return target.id in seen or all(
        is_only_read(source, each, seen | {target.id})
        for each in ast.walk(found[0].node)
        if isinstance(each, ast.Name) and each.id == target.id and isinstance(each.ctx, ast.Load)
    )
