"""Operators on constants, as far as what comes of them is worth knowing."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable
from typing import Final

_OPERATORS: Final[dict[type[ast.AST], Callable[..., object]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_LARGEST: Final = 10**9
_LONGEST: Final = 1000
_POWER: Final = 9
_BUILTINS: Final[dict[str, Callable[..., object]]] = {
    f"builtins.{each.__name__}": each for each in (int, float, bool, abs, max, min, round)
}


def can_fold(node: ast.AST) -> bool:
    """Whether an operator is one of those that are known."""
    return type(node) in _OPERATORS


def folded(node: ast.AST, left: object, right: object) -> object:
    """What an operator gives; ``...`` where that is not worth knowing, or it raises."""
    is_text = any(isinstance(each, (str, bytes)) for each in (left, right))
    if is_text and isinstance(node, (ast.Mult, ast.Mod)):
        return ...
    is_power = isinstance(node, ast.Pow) and not (isinstance(right, int) and 0 <= right <= _POWER)
    if is_power or not (_is_small(left) and _is_small(right)):
        return ...
    try:
        return _OPERATORS[type(node)](left, right)
    except (TypeError, ValueError, ArithmeticError):
        return ...


def folded_call(path: str, given: Iterable[object]) -> object:
    """What a builtin gives for some constants; ``...`` likewise."""
    values = [*given]
    try:
        return _BUILTINS[path](*values) if values and all(map(_is_small, values)) else ...
    except (TypeError, ValueError, ArithmeticError, KeyError):
        return ...


def _is_small(value: object) -> bool:
    if isinstance(value, (str, bytes)):
        return len(value) <= _LONGEST
    return not isinstance(value, int) or abs(value) <= _LARGEST
