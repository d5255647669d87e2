"""A forward that does more than its base's only to each filter by itself: a max-norm, say."""

from __future__ import annotations

import ast

from ..reading.classes import ClassIndex
from ..reading.names import meaning
from ..reading.scopes import Function

_ELEMENTWISE = frozenset(("clamp_", "clip_", "clamp_min_", "clamp_max_", "abs_"))
_SIZES = ("in_channels", "out_channels", "groups")
_NORM_BY_FILTER = "torch.renorm"


def is_by_filter(index: ClassIndex, forward: Function) -> bool:
    """Whether a forward constrains each filter by itself, and else is that of the base."""
    names = [each.arg for each in forward.args.args]
    *before, last = [each for each in forward.body if not _is_docstring(each)] or [forward]
    if len(names) != 2 or not isinstance(last, ast.Return):
        return False
    look = _ByFilter(index, *names)
    return look.is_base_forward(last.value) and all(map(look.constrains_filters, before))


class _ByFilter:
    """Recognises a forward that does more than its base's only to each filter by itself."""

    def __init__(self, index: ClassIndex, this: str, x: str) -> None:
        self.index = index
        self.this = this
        self.x = x

    def is_base_forward(self, value: ast.expr | None) -> bool:
        """Whether the base's forward is called with just what this one was given."""
        match value:
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="forward"),
                args=[ast.Name(id=x)],
                keywords=[],
            ):
                return x == self.x
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=this), attr="_conv_forward"),
                args=[ast.Name(id=x), weight, bias],
                keywords=[],
            ):
                is_own = self._is_own(weight, "weight") and self._is_own(bias, "bias")
                return x == self.x and this == self.this and is_own
        return False

    def constrains_filters(self, statement: ast.stmt) -> bool:
        """Whether a statement changes each filter without a look at the others."""
        match statement:
            case ast.If(test=test, orelse=[]):
                return self._is_setting(test) and all(map(self.constrains_filters, statement.body))
            case ast.With(items=[ast.withitem(context_expr=ast.Call(func=function, args=[]))]):
                is_no_grad = meaning(self.index.source, function).path == "torch.no_grad"
                return is_no_grad and all(map(self.constrains_filters, statement.body))
            case ast.Assign(targets=[ast.Attribute(value=target, attr="data")]):
                return self._is_weight(target) and self._is_norm_by_filter(statement.value)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=target, attr=name)) as call):
                return self._is_weight(target) and self._changes_in_place(name, call)
        return False

    def _changes_in_place(self, name: str, call: ast.Call) -> bool:
        if name == "copy_":
            return len(call.args) == 1 and self._is_norm_by_filter(call.args[0])
        if name == "renorm_":
            return self._has_dim_0(call, position=1)
        return name in _ELEMENTWISE and self._has_settings(call, 0)

    def _is_norm_by_filter(self, value: ast.expr) -> bool:
        if not isinstance(value, ast.Call):
            return False
        if meaning(self.index.source, value.func).path == _NORM_BY_FILTER:
            is_own = bool(value.args) and self._is_weight(value.args[0])
            return is_own and self._has_dim_0(value, position=2)
        if isinstance(value.func, ast.Attribute) and value.func.attr == "renorm":
            return self._is_weight(value.func.value) and self._has_dim_0(value, position=1)
        return False

    def _has_dim_0(self, call: ast.Call, position: int) -> bool:
        given = [each.value for each in call.keywords if each.arg == "dim"]
        given += call.args[position : position + 1]
        is_0 = any(isinstance(each, ast.Constant) and each.value == 0 for each in given)
        return is_0 and self._has_settings(call, position - 1)

    def _has_settings(self, call: ast.Call, start: int) -> bool:
        """Whether all arguments but the tensor are constants, or attributes of its own."""
        keywords = [each.value for each in call.keywords if each.arg not in ("input", "self")]
        return all(map(self._is_setting, [*call.args[start:], *keywords]))

    def _is_setting(self, value: ast.expr) -> bool:
        if isinstance(value, ast.UnaryOp):
            value = value.operand
        if isinstance(value, ast.Constant):
            return True
        is_own = isinstance(value, ast.Attribute) and self._is_own(value, value.attr)
        return is_own and getattr(value, "attr", "") not in ("weight", "bias", *_SIZES)

    def _is_weight(self, expression: ast.expr) -> bool:
        """Whether an expression is ``self.weight`` or its ``.data``."""
        if isinstance(expression, ast.Attribute) and expression.attr == "data":
            expression = expression.value
        return self._is_own(expression, "weight")

    def _is_own(self, expression: ast.expr, name: str) -> bool:
        match expression:
            case ast.Attribute(value=ast.Name(id=this), attr=attribute):
                return this == self.this and attribute == name
        return False


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
