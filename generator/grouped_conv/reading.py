"""Tell whether the weight of a convolution is only read, so that a copy of it would do as well."""

from __future__ import annotations

import ast
from typing import Final

from ..reading.callees import called_by, parameters_given
from ..reading.classes import ClassIndex
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import Scope
from ..reading.source import Source

_REFUSED: Final = frozenset(("grad", "grad_fn", "register_hook", "data_ptr", "untyped_storage"))
# Functions of torch that keep, or change, the very tensor that they are given.
_KEEPING: Final = ("torch.nn.", "torch.optim.", "torch.autograd.", "torch.utils.")
_CHANGING: Final = ("out", "inplace")
_READING: Final = "torch.nn.functional."
# What gives a value of its own, of which more may be done.
_FRESH: Final = frozenset(
    (
        *("shape", "dtype", "device", "ndim", "size", "numel", "dim", "stride", "item", "tolist"),
        *("sum", "mean", "std", "var", "norm", "max", "min", "abs", "clone"),
    )
)
_READING_METHODS: Final = frozenset(
    (
        *("add", "sub", "mul", "div", "matmul", "mm", "bmm", "addmm", "dot"),
        *("copy_", "add_", "sub_", "mul_", "div_"),
        *("view_as", "reshape_as", "expand_as", "type_as", "to", "new_tensor", "equal"),
    )
)


def is_only_read(
    index: ClassIndex, tensor: ast.expr, seen: frozenset[tuple[Scope, str]] = frozenset()
) -> bool:
    """Whether an expression for a tensor is used for its values alone, and for their shape.

    ``seen`` are the variables of which this is being asked already.
    """
    source = index.source
    node, parent = tensor, source.parent(tensor)
    while _is_link(source, node, parent):
        if isinstance(parent, ast.Attribute):
            if parent.attr in _FRESH:
                return True
            if parent.attr.endswith("_") or parent.attr in _REFUSED:
                return False
        if isinstance(parent, ast.Call) and meaning(source, parent.func).path.endswith("_like"):
            return True
        assert isinstance(parent, ast.expr)
        node, parent = parent, source.parent(parent)
    match parent:
        case ast.BinOp() | ast.UnaryOp() | ast.FormattedValue():
            return True
        case ast.Compare(ops=operations):
            identity = (ast.Is, ast.IsNot, ast.In, ast.NotIn)
            return not any(isinstance(each, identity) for each in operations)
        case ast.IfExp():
            return is_only_read(index, parent, seen)
        case ast.Call() | ast.keyword():
            call = source.parent(parent) if isinstance(parent, ast.keyword) else parent
            keyword = parent.arg if isinstance(parent, ast.keyword) else None
            return isinstance(call, ast.Call) and (
                _only_reads(source, call) or _are_only_read_in(index, node, call, keyword, seen)
            )
        case ast.Assign(targets=[target], value=value):
            return value is node and _is_name_only_read(index, target, seen)
        case ast.Tuple():
            outer = source.parent(parent)
            if isinstance(outer, ast.Assign) and isinstance(outer.targets[0], ast.Tuple):
                targets = outer.targets[0].elts
                if len(outer.targets) == 1 and len(targets) == len(parent.elts):
                    at = parent.elts.index(node)
                    return _is_name_only_read(index, targets[at], seen)
    return False


def _is_link(source: Source, node: ast.AST, parent: ast.AST) -> bool:
    """Whether a parent is a view of a node, or a method, an item or a function of torch of it."""
    if isinstance(parent, (ast.Attribute, ast.Subscript)):
        return parent.value is node and isinstance(parent.ctx, ast.Load)
    if not isinstance(parent, ast.Call):
        return False
    return parent.func is node or (node in parent.args and _is_of_torch(source, parent))


def _is_of_torch(source: Source, call: ast.Call) -> bool:
    """Whether a function of torch takes values and gives others, or a view of them."""
    path = meaning(source, call.func).path
    is_reading = path.startswith(_READING) or not path.startswith(_KEEPING)
    changes = path.endswith("_") or any(each.arg in _CHANGING for each in call.keywords)
    return path.startswith("torch.") and is_reading and not changes


def _only_reads(source: Source, call: ast.Call) -> bool:
    """Whether a function takes no more than the values of its arguments."""
    path = meaning(source, call.func).path
    if path.startswith("torch."):
        return _is_of_torch(source, call)
    if isinstance(call.func, ast.Attribute) and not path:
        return call.func.attr in _READING_METHODS
    return isinstance(call.func, ast.Name) and call.func.id in ("print", "len", "float", "tuple")


def _are_only_read_in(
    index: ClassIndex,
    node: ast.AST,
    call: ast.Call,
    keyword: str | None,
    seen: frozenset[tuple[Scope, str]],
) -> bool:
    """Whether the functions of the source that a call runs only read an argument of it."""
    function, source = call.func, index.source
    is_own = isinstance(function, ast.Name) or (
        isinstance(function, ast.Attribute) and index.self_class(function.value) is not None
    )
    called = [*called_by(index, function)] if is_own else []
    functions = [each for each in called if isinstance(each, ast.FunctionDef)]
    assert isinstance(node, ast.expr)
    return 0 < len(called) == len(functions) and all(
        name not in (getattr(star, "arg", "") for star in (each.args.vararg, each.args.kwarg))
        and _is_variable_only_read(index, source.scope(each.body[0]), name, seen)
        for each in functions
        for name in parameters_given(source, each, node, call, keyword)
    )


def _is_name_only_read(
    index: ClassIndex, target: ast.expr, seen: frozenset[tuple[Scope, str]]
) -> bool:
    """Whether a local variable that is assigned a tensor is only read itself."""
    if not isinstance(target, ast.Name):
        return False
    found = index.source.scope(target).lookup(target.id)
    return found is not None and _is_variable_only_read(index, found[0], target.id, seen)


def _is_variable_only_read(
    index: ClassIndex, scope: Scope, name: str, seen: frozenset[tuple[Scope, str]]
) -> bool:
    source = index.source
    if name in scope.module.nonlocals:
        return False
    uses = [each for each in walk(scope.node) if isinstance(each, ast.Name) and each.id == name]
    if any(isinstance(source.parent(each), ast.AugAssign) for each in uses if _is_stored(each)):
        return False
    return (scope, name) in seen or all(
        is_only_read(index, each, seen | {(scope, name)}) for each in uses if not _is_stored(each)
    )


def _is_stored(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)
