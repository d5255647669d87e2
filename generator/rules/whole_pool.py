"""Average poolings over all positions, by a window as large as their input: means of these.

For example ``F.avg_pool2d(x, x.size()[2:])``, and ``F.avg_pool2d(x, (x.size(2), x.size(3)))``. With
padding the window stays where it is, and takes zeros too, so that there must be none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..reading.source import Source
from ..rewriting.edits import TextEdit
from .arguments import input_of, named
from .rule import Asking, Left, Proposal
from .tensors import is_free_of_effects, literal_number

POSITIONS: Final = {"avg_pool1d": 1, "avg_pool2d": 2}
"""How many dimensions the positions have, for each function."""
_MEAN: Final = "torch.mean"
_TEMPLATE: Final = "whole_pool.py.jinja"
_STEP: Final = "stride"
_HARMLESS: Final = ("ceil_mode", "count_include_pad")
"""What does not matter to a window that is the whole."""


def kernel_of(rest: list[tuple[str, ast.expr]]) -> ast.expr | None:
    """The window of a pooling, of its arguments behind the input."""
    found = [value for name, value in rest if name == "kernel_size"]
    return found[0] if found else next((value for name, value in rest[:1] if not name), None)


def reads_shape(node: ast.AST) -> bool:
    """Whether an expression is made of lengths of tensors that it asks for."""
    return any(
        isinstance(each, ast.Attribute) and each.attr in ("shape", "size")
        for each in ast.walk(node)
    )


def stands_in_choice(source: Source, call: ast.Call) -> bool:
    """Whether a pooling is what is done with padding, where without it is a mean already."""
    choice = source.parent(call)
    match choice:
        case ast.IfExp(body=ast.Call(func=function, args=[mean, *_]), orelse=other):
            is_mean = getattr(function, "attr", getattr(function, "id", "")) == "mean"
            given = call.args[:1] + [each.value for each in call.keywords if each.arg == "input"]
            same = any(source.code(each) == source.code(mean) for each in given)
            return other is call and is_mean and same
    return False


def mean_of(
    asking: Asking, call: ast.Call, function: str, names: tuple[str, ...]
) -> Proposal | None:
    """The mean in place of a pooling; None where its window is something else.

    Args:
        asking: what may be asked.
        call: the pooling.
        function: its name.
        names: of its parameters behind the input.

    Raises:
        Left: something else is given that matters, or may, or nobody can write it there.
    """
    given, rest = input_of(call)
    kernel = kernel_of(rest)
    if function not in POSITIONS or kernel is None or not reads_shape(kernel):
        return None
    source, count = asking.source, POSITIONS[function]
    dimensions = [*_dimensions(source, kernel, given, count)]
    if count > 1 and len(dimensions) == 1 and dimensions[0] in range(2, 2 + count):
        raise Left("it is the mean over all positions only where the input is square")
    if dimensions != [*range(2, 2 + count)] or not is_free_of_effects(given):
        raise Left("kernel_size is neither a literal nor all positions of the input")
    padding: ast.expr | None = None
    for name, _, value in named(rest, names):
        if name == "padding":
            padding = value if literal_number(value) != 0 else None
        elif name == _STEP and not _is_step(value):
            raise Left("stride may be another one in each call")
        elif name not in ("kernel_size", _STEP, *_HARMLESS):
            raise Left(f"it is given {name}")
        elif name in _HARMLESS and not is_free_of_effects(value):
            raise Left(f"{name} may be another one in each call")
    code = f"({', '.join(map(str, dimensions))})" if count > 1 else "2"
    if padding is None:
        return asking.called(call, _MEAN, (given, code, "keepdim=True"))
    return _chosen(asking, call, given, code, padding)


def _is_step(node: ast.expr) -> bool:
    """Whether an expression is a literal stride, which does not matter to a single window."""
    nodes = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
    numbers = [literal_number(each) for each in nodes]
    return all(each is not None and each > 0 for each in numbers) or _is_none(node)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _dimensions(source: Source, kernel: ast.expr, given: ast.expr, count: int) -> Iterator[int]:
    """The dimensions of the input whose lengths a window has; -1 for anything else."""
    match kernel:
        case ast.Call(func=ast.Name(id="tuple" | "list"), args=[lengths], keywords=[]):
            yield from _dimensions(source, lengths, given, count)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            yield from (_dimension(source, each, given, count) for each in parts)
        case ast.Subscript(value=shape, slice=ast.Slice(lower=lower, upper=None, step=None)):
            is_whole = literal_number(lower) in (2, -count) and _is_shape(source, shape, given)
            yield from range(2, 2 + count) if is_whole else (-1,)
        case _:
            yield _dimension(source, kernel, given, count)


def _dimension(source: Source, length: ast.expr, given: ast.expr, count: int) -> int:
    """The dimension of the input whose length an expression is; -1 for anything else."""
    match length:
        case ast.Subscript(value=shape, slice=index) if _is_shape(source, shape, given):
            number = literal_number(index)
        case ast.Call(func=ast.Attribute(value=tensor, attr="size"), args=[index], keywords=[]):
            number = literal_number(index) if source.code(tensor) == source.code(given) else None
        case _:
            number = None
    if number is None:
        return -1
    return number if number >= 0 else number + 2 + count


def _is_shape(source: Source, node: ast.expr, given: ast.expr) -> bool:
    """Whether an expression is the shape of what is given."""
    match node:
        case ast.Attribute(value=tensor, attr="shape"):
            return source.code(tensor) == source.code(given)
        case ast.Call(func=ast.Attribute(value=tensor, attr="size"), args=[], keywords=[]):
            return source.code(tensor) == source.code(given)
    return False


def _chosen(
    asking: Asking, call: ast.Call, given: ast.expr, code: str, padding: ast.expr
) -> Proposal:
    """The mean where there turns out to be no padding, and the pooling otherwise.

    Raises:
        Left: the padding may be another one when it is asked for twice, or there is no place.
    """
    source = asking.source
    parent = source.parent(call)
    is_alone = isinstance(parent, (ast.Assign, ast.Return))
    if not is_free_of_effects(padding) or not is_alone:
        raise Left("padding is not a literal")
    function, imports = asking.spelled(_MEAN, call)
    value = {
        "function": function,
        "arguments": [source.code(given), code, "keepdim=True"],
        "padding": source.code(padding),
    }

    def emit(pooling: str) -> str:
        return asking.templates.render(_TEMPLATE, "expression", {**value, "pooling": pooling})

    shown = f"{function}({source.shown(given)}, {code}, keepdim=True) where {value['padding']} == 0"
    return Proposal(shown, (TextEdit(call, call, emit),), imports)
