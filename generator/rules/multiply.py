"""Products of tensors: as ``torch.multiply``, which PLiNIO takes.

Before::

    import torch
    from torch import nn


    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Sequential(nn.Conv2d(8, 8, 1), nn.Sigmoid())

        def forward(self, x):
            return x * self.gate(x) / 2

After::

    import torch
    from torch import nn


    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Sequential(nn.Conv2d(8, 8, 1), nn.Sigmoid())

        def forward(self, x):
            return torch.multiply(torch.multiply(x, self.gate(x)), 0.5)

PLiNIO (commit 3d6b5e0) takes no ``*``, ``/``, ``**``, unary ``-``, ``torch.mul``, ``torch.square``
or method of these names. A quotient by a number is a product with its inverse: the same but for
rounding, and to the bit for powers of two.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..facts.values import Constant
from ..reading.source import Source
from .rule import Asking, Left, Proposal
from .tensors import (
    function_of,
    is_free_of_effects,
    is_in_model,
    is_number,
    is_of_other_library,
    is_tensor,
    may_be_tensor,
    may_be_tensor_of_project,
    see_that_it_is_tensor,
)

CODE: Final = "multiply"
_PATH: Final = "torch.multiply"
_METHODS: Final = ("mul", "square", "neg", "negative", "pow", "div", "divide", "true_divide")
_LARGEST: Final = 1e37
"""Numbers below it have an inverse in float32 that is as exact."""
_IN_PLACE: Final = "it changes the tensor in place"


def may_apply(text: str) -> bool:
    """Whether a text may multiply tensors."""
    return "torch" in text and "def " in text


def sites(source: Source) -> Iterator[ast.expr]:
    """The products, quotients, squares and negatives."""
    for node in source.nodes:
        match node:
            case ast.BinOp(op=ast.Mult() | ast.Div() | ast.Pow()):
                yield node
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                if not isinstance(operand, ast.Constant):
                    yield node
            case ast.AugAssign(op=ast.Mult() | ast.Div() | ast.Pow(), target=ast.expr() as target):
                yield target
            case ast.Call(func=ast.Attribute(attr=name)) if name in _METHODS:
                yield node


def is_meant(asking: Asking, node: ast.expr) -> bool:
    """Whether a tensor is multiplied, in what PLiNIO may see."""
    if not is_in_model(asking, node):
        return False
    operands = _operands(asking, node)
    if any(may_be_tensor(asking, each) for each in operands):
        return True
    return isinstance(node, ast.BinOp) and may_be_tensor_of_project(asking, *operands)


def _operands(asking: Asking, node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.Call(func=ast.Attribute(value=value), args=args):
            is_method = bool(asking.facts.values(value)) and may_be_tensor(asking, value)
            if is_method:
                return [value, *args]
            return args if function_of(asking, node).startswith("torch.") else []
    return [node]


def propose(asking: Asking, node: ast.expr) -> Proposal:
    """A call of ``torch.multiply`` whose first argument is surely a tensor."""
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        raise Left(_IN_PLACE)
    operator, *operands = _operator(asking, node), *_operands(asking, node)
    if len(operands) > 2 or (isinstance(node, ast.Call) and node.keywords):
        raise Left("its arguments are not just the operands")
    first, *others = operands
    if operator == "neg":
        return asking.called(node, _PATH, (_tensor(asking, first), "-1"))
    if operator == "square":
        return _squared(asking, node, _tensor(asking, first))
    (second,) = others
    if operator == "pow":
        if asking.source.code(second) not in ("2", "2.0"):
            raise Left("PLiNIO takes no power but a square", obstacle="no form")
        return _squared(asking, node, _tensor(asking, first))
    if operator == "div":
        inverse = _inverse(asking, second)
        return asking.called(node, _PATH, (_tensor(asking, first), inverse))
    return _product(asking, node, first, second)


def _operator(asking: Asking, node: ast.expr) -> str:
    """What is worked out: mul, div, pow, neg or square."""
    match node:
        case ast.UnaryOp():
            return "neg"
        case ast.BinOp(op=ast.Div()):
            return "div"
        case ast.BinOp(op=ast.Pow()):
            return "pow"
        case ast.Call(func=ast.Attribute(attr=name)):
            if not function_of(asking, node):
                raise Left(f"{asking.source.shown(node.func)} is not known to be torch's")
            names = {"divide": "div", "true_divide": "div", "negative": "neg"}
            return names.get(name, name)
    return "mul"


def _tensor(asking: Asking, node: ast.expr) -> ast.expr:
    see_that_it_is_tensor(asking, node)
    return node


def _squared(asking: Asking, node: ast.expr, operand: ast.expr) -> Proposal:
    if not isinstance(operand, ast.Name):
        raise Left(f"{asking.source.shown(operand)} would be evaluated twice")
    return asking.called(node, _PATH, (operand, asking.source.code(operand)))


def _inverse(asking: Asking, node: ast.expr) -> str:
    """The code of one divided by a number."""
    if not is_number(asking, node) or not is_free_of_effects(node):
        raise Left("PLiNIO takes no quotient by what is not known to be a number")
    seen = asking.seen.numbers(node) if asking.seen is not None else []
    known = [each.value for each in asking.facts.values(node) if isinstance(each, Constant)]
    numbers = [*known, *seen]
    if not all(numbers):
        raise Left("it is a quotient by zero")
    sizes = [abs(each) for each in numbers if isinstance(each, (int, float))]
    if not all(1 / _LARGEST < each < _LARGEST for each in sizes):
        raise Left("the inverse of so large or small a number is not exact")
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        inverse = 1 / node.value
        if (1 / inverse, len(repr(inverse)) < 8) == (node.value, True):
            return repr(inverse)
    code = asking.source.code(node)
    return (
        f"1 / {code}"
        if isinstance(node, (ast.Constant, ast.Name, ast.Attribute))
        else f"1 / ({code})"
    )


def _product(asking: Asking, node: ast.expr, first: ast.expr, second: ast.expr) -> Proposal:
    for each in (first, second):
        if is_of_other_library(asking, each):
            raise Left(f"{asking.source.shown(each)} may be an array of numpy")
    if is_tensor(asking, first):
        return asking.called(node, _PATH, (first, second))
    if not is_tensor(asking, second):
        see_that_it_is_tensor(asking, first if may_be_tensor(asking, first) else second)
    if not is_free_of_effects(first):
        see_that_it_is_tensor(asking, first)
    return asking.called(node, _PATH, (second, first))
