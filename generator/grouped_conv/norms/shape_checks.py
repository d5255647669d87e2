"""Tell whether code in a forward only sees to it that the input has the right shape.

assert x.dim() == 4
if x.ndim != 4:
    raise ValueError(f"{x.ndim} dimensions")
_assert(x.shape[1] == self.num_features, "channels")
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_SHAPE: Final = frozenset(("ndim", "shape", "dim", "size"))


@dataclass(frozen=True)
class ShapeChecks:
    """Knows what the names of a forward stand for.

    Attributes:
        owner: the name of the module.
        inputs: those of its input.
        variables: all names that the forward binds.
    """

    owner: str
    inputs: Collection[str]
    variables: Collection[str]

    def is_check(self, statement: ast.stmt) -> bool:
        """Whether a statement does no more than to check the shape of the input."""
        match statement:
            case ast.Assert(test=test) | ast.If(test=test, body=[ast.Raise()], orelse=[]):
                return self._is_of_shape(test)
            case ast.Expr(value=ast.Call() as call):
                return self._is_checking(call)
        return False

    def _is_checking(self, call: ast.Call) -> bool:
        """Whether a call is torch's own check, or is told what holds of the shape of the input."""
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=self.owner), attr="_check_input_dim"),
                args=[given],
                keywords=[],
            ):
                return self._is_input(given)
            case ast.Call(args=[ast.Compare() | ast.BoolOp(), *_]):
                names = {each.id for each in ast.walk(call.func) if isinstance(each, ast.Name)}
                is_free = names.isdisjoint((self.owner, *self.variables))
                return is_free and all(map(self._is_of_shape, _arguments(call)))
        return False

    def _is_of_shape(self, node: ast.expr) -> bool:
        """Whether an expression needs no more than the shape of the input, and changes nothing."""
        match node:
            case ast.Attribute(value=value, attr=name) if name in _SHAPE and self._is_input(value):
                return True
            case ast.Attribute(value=ast.Name(id=self.owner), attr="num_features") | ast.Constant():
                return True
            case ast.Call(func=ast.Name(id="len")):
                return all(map(self._is_of_shape, _arguments(node)))
            case ast.Call(func=ast.Attribute() as function):
                return all(map(self._is_of_shape, (function, *_arguments(node))))
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.BinOp() | ast.Subscript():
                pass
            case ast.JoinedStr() | ast.FormattedValue() | ast.Tuple() | ast.List():
                pass
            case _:
                return False
        parts = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
        return all(map(self._is_of_shape, parts))

    def _is_input(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.inputs


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(each.value for each in call.keywords)]
