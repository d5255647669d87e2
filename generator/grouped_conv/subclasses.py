"""Tell which subclasses of a convolution, defined in the source, can be split into branches.

What is split takes the weight and the bias of the whole to pieces, and calls each with a slice of
the input. So a subclass must be no more than its convolution with other arguments; or all it adds
must hold for each filter by itself, as the max-norm constraint of EEGNet does::

    self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=1)
    return super().forward(x)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..classes import Class, ClassIndex
from ..convolutions import GROUPS_POSITION, ConvClass, conv_class
from ..names import meaning
from ..scopes import FUNCTIONS, Function

_HARMLESS_METHODS = frozenset(("__init__", "reset_parameters", "extra_repr", "__repr__"))
_ELEMENTWISE = frozenset(("clamp_", "clip_", "clamp_min_", "clamp_max_", "abs_"))
_NORM_BY_FILTER = "torch.renorm"
_CONV_BASE = "torch.nn.modules.conv._ConvNd"


@dataclass(frozen=True)
class Subclass:
    """A class of the source that inherits from a convolution of torch.

    Attributes:
        node: its definition.
        base: the name of torch's class, such as ``Conv2d``.
        conv: that class; None for the private base of all.
        refusal: why it cannot be split; empty where it can.
        has_forward: whether its branches must be of the class itself, for what its forward adds.
    """

    node: ast.ClassDef
    base: str
    conv: ConvClass | None
    refusal: str = ""
    has_forward: bool = False


def find_subclass(index: ClassIndex, node: ast.ClassDef) -> Subclass | None:
    """What a class of the source is as a convolution, if it is one."""
    lineage = list(index.classes[node].ancestors())
    for each in lineage:
        for base in each.node.bases:
            path = meaning(index.source, base).path
            conv = conv_class(path)
            if conv is not None or path == _CONV_BASE:
                name = path.rpartition(".")[2]
                refusal = _refusal(index, lineage, path)
                has_forward = any("forward" in one.names for one in lineage)
                return Subclass(node, name, conv, refusal, has_forward)
    return None


def may_be_grouped(index: ClassIndex, node: ast.ClassDef) -> bool:
    """Whether the initialiser of a subclass passes groups on that are more than 1 by default."""
    return any(
        not _is_one_by_default(index, expression)
        for each in index.classes[node].ancestors()
        for expression in _groups_given(each)
    )


def _groups_given(each: Class) -> Iterator[ast.expr]:
    """What the initialiser of a class passes as ``groups`` to that of its base."""
    for function in _methods(each):
        for node in ast.walk(function) if function.name == "__init__" else ():
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "__init__":
                yield from (one.value for one in node.keywords if one.arg == "groups")
                yield from node.args[GROUPS_POSITION : GROUPS_POSITION + 1]


def _is_one_by_default(index: ClassIndex, expression: ast.expr) -> bool:
    if isinstance(expression, ast.Name):
        default = meaning(index.source, expression).default
        expression = default if default is not None else expression
    return isinstance(expression, ast.Constant) and expression.value == 1


def _methods(each: Class) -> Iterator[Function]:
    return (one for one in each.node.body if isinstance(one, FUNCTIONS))


def _refusal(index: ClassIndex, lineage: list[Class], base: str) -> str:
    """Why a subclass is more than can be taken to pieces; empty where it is not."""
    for each in lineage:
        others = [one for one in each.outer_bases if not _is_conv(index, each, one)]
        if others:
            return f"its base class {others[0]} is not in this file"
        for method in _methods(each):
            reason = _refusal_of_method(index, method)
            if reason:
                return reason
    return "" if base != _CONV_BASE else "it is a convolution of a kind of its own"


def _is_conv(index: ClassIndex, each: Class, shown: str) -> bool:
    paths = (
        meaning(index.source, base).path
        for base in each.node.bases
        if index.source.code(base) == shown
    )
    return any(conv_class(path) is not None or path == _CONV_BASE for path in paths)


def _refusal_of_method(index: ClassIndex, method: Function) -> str:
    if method.name in ("forward", "_conv_forward"):
        if any(
            isinstance(each, ast.Attribute) and each.attr == "groups" for each in ast.walk(method)
        ):
            return f"its {method.name} uses self.groups (line {method.lineno})"
        if method.name == "forward" and _is_by_filter(index, method):
            return ""
        return f"it has a {method.name} of its own (line {method.lineno})"
    if method.name == "__init__":
        return _refusal_of_initialiser(index, method)
    if method.name not in _HARMLESS_METHODS:
        return f"it has a method of its own, {method.name} (line {method.lineno})"
    return ""


def _refusal_of_initialiser(index: ClassIndex, method: Function) -> str:
    """Why an initialiser makes more than the convolution and plain attributes."""
    this = method.args.args[0].arg if method.args.args else ""
    for node in ast.walk(method):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
        passes_self = any(isinstance(each, ast.Name) and each.id == this for each in node.args)
        is_module = meaning(index.source, node.func).path.startswith("torch.nn.")
        is_init = meaning(index.source, node.func).path.startswith("torch.nn.init.")
        if name.startswith("register_") or (passes_self and name not in ("super", "__init__")):
            return f"its __init__ calls {name} (line {node.lineno})"
        if is_module and not is_init and name != "__init__":
            return f"its __init__ makes a {name} (line {node.lineno})"
    return ""


def _is_by_filter(index: ClassIndex, forward: Function) -> bool:
    """Whether a forward constrains each filter by itself, and else is that of the base."""
    *before, last = [each for each in forward.body if not _is_docstring(each)] or [forward]
    if not isinstance(last, ast.Return) or not _is_base_forward(last.value):
        return False
    return all(_constrains_filters(index, each) for each in before)


def _constrains_filters(index: ClassIndex, statement: ast.stmt) -> bool:
    match statement:
        case ast.If(orelse=[]) | ast.With():
            return all(_constrains_filters(index, each) for each in statement.body)
        case ast.Assign(targets=[ast.Attribute(value=target, attr="data")]):
            return _is_weight(target) and _is_norm_by_filter(index, statement.value)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=target, attr=name)) as call):
            if not _is_weight(target):
                return False
            if name == "copy_":
                return len(call.args) == 1 and _is_norm_by_filter(index, call.args[0])
            return name in _ELEMENTWISE or (name == "renorm_" and _has_dim_0(call, position=1))
    return False


def _is_norm_by_filter(index: ClassIndex, value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    if meaning(index.source, value.func).path == _NORM_BY_FILTER:
        return bool(value.args) and _is_weight(value.args[0]) and _has_dim_0(value, position=2)
    if isinstance(value.func, ast.Attribute) and value.func.attr == "renorm":
        return _is_weight(value.func.value) and _has_dim_0(value, position=1)
    return False


def _has_dim_0(call: ast.Call, position: int) -> bool:
    given = [each.value for each in call.keywords if each.arg == "dim"]
    given += call.args[position : position + 1]
    return any(isinstance(each, ast.Constant) and each.value == 0 for each in given)


def _is_weight(expression: ast.expr) -> bool:
    """Whether an expression is ``self.weight`` or its ``.data``."""
    if isinstance(expression, ast.Attribute) and expression.attr == "data":
        expression = expression.value
    return isinstance(expression, ast.Attribute) and expression.attr == "weight"


def _is_base_forward(value: ast.expr | None) -> bool:
    match value:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="forward")
        ):
            return True
        case ast.Call(func=ast.Attribute(attr="_conv_forward"), args=[_, weight, _]):
            return _is_weight(weight)
    return False


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
