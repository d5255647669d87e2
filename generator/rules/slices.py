"""Parts of the channels that ``split`` and ``chunk`` give: as slices, which PLiNIO takes.

Before::

    from torch import nn


    class Net(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n
            self.conv = nn.Conv2d(3, n, 3)

        def forward(self, x):
            x = self.conv(x)
            a, b = x.split(self.n // 2, dim=1)
            return a + b

After::

    from torch import nn


    class Net(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n
            self.conv = nn.Conv2d(3, n, 3)

        def forward(self, x):
            x = self.conv(x)
            a, b = x[:, : self.n // 2], x[:, self.n // 2 : 2 * (self.n // 2)]
            return a + b

PLiNIO (commit 3d6b5e0) takes no parts of a tensor but ``x[:, a:b]``, with numbers that are known
when it is built. What raises for more channels than the names take gives the first of them now.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

from ..facts.heap import Use
from ..facts.values import Object, Value
from ..reading.source import Source
from ..rewriting.edits import TextEdit
from .arguments import by_parameter
from .rule import Asking, Left, Proposal
from .tensors import (
    from_the_front,
    function_of,
    is_free_of_effects,
    is_in_model,
    is_number,
    is_tensor_by_method,
    literal_dimensions,
    see_that_it_is_tensor,
)

CODE: Final = "slices"
_OF_NUMBERS: Final = (ast.FloorDiv, ast.Div, ast.Sub, ast.Mod, ast.Pow)
"""Operators that lists have not."""
_NAMES: Final = ("split", "chunk")
_LISTS: Final = ("builtins.list", "builtins.tuple")
_PARAMETERS: Final = (
    ("input", "tensor"),
    ("split_size_or_sections", "split_size", "chunks"),
    ("dim",),
)


def may_apply(text: str) -> bool:
    """Whether a text has one of the names."""
    return "torch" in text and any(f"{each}(" in text for each in _NAMES)


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named so whose parts get names."""
    for node in source.nodes:
        match node:
            case ast.Assign(
                targets=[ast.Tuple() | ast.List()],
                value=ast.Call(func=ast.Attribute(attr=name)) as call,
            ) if name in _NAMES:
                yield call


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether a tensor is taken apart by its channels."""
    if not is_in_model(asking, node):
        return False
    tensor, _, dimension = _given(asking, node)
    given = literal_dimensions(dimension) if dimension is not None else [0]
    if tensor is None or (given not in ([1], None) and given[0] >= 0):
        return False
    return _is_function(asking, node) or is_tensor_by_method(asking, tensor)


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A slice of the channels for each name."""
    tensor, sizes, dimension = _given(asking, node)
    given = literal_dimensions(dimension)
    if not isinstance(tensor, ast.Name):
        raise Left(f"{asking.source.shown(tensor or node)} would be evaluated twice")
    if _is_function(asking, node):
        see_that_it_is_tensor(asking, tensor, is_tensor_by_method)
    if given is None or from_the_front(asking, tensor, given) != [1]:
        raise Left("it is not known to be taken apart by its channels")
    (targets,) = getattr(asking.source.statement(node), "targets", [None])
    names: list[ast.expr] = getattr(targets, "elts", [])
    if any(isinstance(each, ast.Starred) for each in names):
        raise Left("how many parts there are is not known")
    if sizes is None or not is_free_of_effects(sizes):
        raise Left("the sizes of the parts are no plain expressions")
    asking.keep_comments(node)
    bounds = [*pairwise(_bounds(asking, node, tensor, sizes, len(names)))]
    value = {"x": tensor.id, "slices": [(*each, _space(each)) for each in bounds]}

    def emit(code: str) -> str:
        return asking.templates.render("slices.py.jinja", "expression", value)

    shown = ", ".join(f"{tensor.id}[:, {start}:{stop}]" for start, stop in bounds)
    return Proposal(shown, (TextEdit(node, node, emit),))


def _space(bounds: tuple[str, str]) -> str:
    """What stands around a colon, as formatters have it."""
    is_plain = all(each.isidentifier() or each.isdigit() for each in bounds if each)
    return "" if is_plain else " "


def _is_function(asking: Asking, node: ast.Call) -> bool:
    return function_of(asking, node) in ("torch.split", "torch.chunk")


def _given(asking: Asking, node: ast.Call) -> Sequence[ast.expr | None]:
    """The tensor, the sizes of its parts or their number, and the dimension."""
    found, _ = by_parameter(node, _PARAMETERS, is_method=not _is_function(asking, node))
    return found


def _bounds(
    asking: Asking, node: ast.Call, tensor: ast.Name, sizes: ast.expr, count: int
) -> Sequence[str]:
    """Where the parts begin, and the last one ends, as code; empty for the beginning."""
    if isinstance(sizes, (ast.List, ast.Tuple)):
        if len(sizes.elts) != count:
            raise Left("there are not as many parts as names")
        numbers = literal_dimensions(sizes)
        if numbers is not None:
            return ["", *map(str, accumulate(numbers))]
        return ["", *accumulate(map(asking.source.code, sizes.elts), "{} + {}".format)]
    if _is_list_of(asking, sizes, count):
        code = asking.source.code(sizes)
        return ["", *accumulate((f"{code}[{each}]" for each in range(count)), "{} + {}".format)]
    if getattr(node.func, "attr", "") == "chunk":
        found = {asking.facts.shape(each).channels for each in asking.facts.values(tensor)}
        channels = found.pop() if len(found) == 1 else None
        if channels is None or literal_dimensions(sizes) != [count]:
            raise Left(f"how many channels {tensor.id} has is not known")
        size = -(-channels // count)
        return ["", *(str(size * each) for each in range(1, count + 1))]
    if isinstance(sizes, ast.Constant) and isinstance(sizes.value, int):
        return ["", *(str(sizes.value * each) for each in range(1, count + 1))]
    if not _is_length(asking, sizes):
        raise Left(f"{asking.source.shown(sizes)} may be a list of sizes")
    width = asking.source.code(sizes)
    factor = width if isinstance(sizes, (ast.Name, ast.Attribute)) else f"({width})"
    return ["", width, *(f"{each} * {factor}" for each in range(2, count + 1))]


def _is_list_of(asking: Asking, node: ast.expr, count: int) -> bool:
    """Whether an expression is a list of so many items, which nobody may make longer."""
    made = asking.facts.values(node)
    is_named = isinstance(node, (ast.Name, ast.Attribute))
    return is_named and bool(made) and all(_has_items(asking, each, count) for each in made)


def _has_items(asking: Asking, value: Value, count: int) -> bool:
    heap = asking.facts.heap
    if not isinstance(value, Object) or value.kind not in _LISTS or heap.is_loose(value):
        return False
    slots = [*heap.slots(value)]
    is_handed_on = any(use.kind in ("escape", "method") for use in asking.facts.uses(value))
    return len(slots) == count and all(each.is_one for each in slots) and not is_handed_on


def _is_length(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression is a number, and no list: it is one, or others are taken off it."""
    if is_number(asking, node):
        return True
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, _OF_NUMBERS)
    values = asking.facts.values(node)
    return bool(values) and all(
        any(map(_takes_numbers, asking.facts.uses(each))) for each in values
    )


def _takes_numbers(use: Use) -> bool:
    """Whether something is done with a value that lists do not take."""
    return isinstance(use.node, ast.BinOp) and isinstance(use.node.op, _OF_NUMBERS)
