"""The code of sizes, and of what each group gets of them, as short as it can be for certain."""

from __future__ import annotations

import ast
from typing import Final

_ATOMS: Final = (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.Subscript)
_PRODUCTS: Final = (ast.Mult, ast.FloorDiv)


def reduced(code: str) -> str:
    """The code of a size: the number where it is one, or arithmetic of numbers alone."""
    number = _number(_parsed(code))
    return code if number is None else str(number)


def quotient(size: str, count: str) -> str:
    """The code of a size divided by a count that divides it.

    ``2 * c // 4`` of ``2 * c``, but ``c`` if the count is 2, ``2 * c`` of ``4 * c``, and ``8`` of
    ``16``.
    """
    expression, divisor = _parsed(size), _number(_parsed(count))
    if divisor:
        number = _number(expression)
        if number is not None and number % divisor == 0:
            return str(number // divisor)
        match expression:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                for factor, rest in ((left, right), (right, left)):
                    share = _share(factor, divisor)
                    if share and isinstance(rest, _ATOMS):
                        code = str(ast.get_source_segment(size, rest))
                        return code if share == 1 else f"{share} * {code}"
    is_product = isinstance(expression, ast.BinOp) and isinstance(expression.op, _PRODUCTS)
    dividend = size if is_product else operand(size)
    return f"{dividend} // {operand(count)}"


def operand(code: str) -> str:
    """The code of an expression as an operand of any operator."""
    return code if isinstance(_parsed(code), _ATOMS) else f"({code})"


def term(code: str) -> str:
    """The code of an expression as one that is compared, or chosen by a condition."""
    return code if isinstance(_parsed(code), ast.BinOp) else operand(code)


def _parsed(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


def _share(factor: ast.expr, divisor: int) -> int | None:
    number = _number(factor)
    return number // divisor if number is not None and number % divisor == 0 else None


def _number(expression: ast.expr) -> int | None:
    """The value of a number, or of arithmetic of numbers."""
    match expression:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _number(left), _number(right)
            if one is None or other is None:
                return None
            match op:
                case ast.Add():
                    return one + other
                case ast.Sub():
                    return one - other
                case ast.Mult():
                    return one * other
                case ast.FloorDiv() if other:
                    return one // other
    return None
