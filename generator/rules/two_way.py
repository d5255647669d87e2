"""Softmax attention over two branches: as a sigmoid, where there are two when it is built.

Before::

    import torch
    from torch import nn


    class Attention(nn.Module):
        def __init__(self, channels, radix=2):
            super().__init__()
            self.radix = radix
            self.fc1 = nn.Conv2d(channels, 8, 1)
            self.fc2 = nn.Conv2d(8, channels * radix, 1)

        def forward(self, x):
            n, c, h, w = x.shape
            x = x.view(n, self.radix, c // self.radix, h, w)
            gap = torch.mean(x.sum(dim=1), (2, 3), keepdim=True)
            attention = self.fc2(torch.relu(self.fc1(gap)))
            attention = attention.view(n, self.radix, -1, 1, 1)
            attention = torch.softmax(attention, dim=1)
            return torch.multiply(x, attention).sum(dim=1)

After::

    import torch
    from torch import nn


    class Attention(nn.Module):
        def __init__(self, channels, radix=2):
            super().__init__()
            self.radix = radix
            self.fc1 = nn.Conv2d(channels, 8, 1)
            self.fc2 = nn.Conv2d(8, channels * radix, 1)

        def forward(self, x):
            if self.radix == 2:
                return self.forward_of_two(x)
            n, c, h, w = x.shape
            x = x.view(n, self.radix, c // self.radix, h, w)
            gap = torch.mean(x.sum(dim=1), (2, 3), keepdim=True)
            attention = self.fc2(torch.relu(self.fc1(gap)))
            attention = attention.view(n, self.radix, -1, 1, 1)
            attention = torch.softmax(attention, dim=1)
            return torch.multiply(x, attention).sum(dim=1)

        def forward_of_two(self, x):
            \"\"\"The forward for two branches: their weights are w and 1 - w.\"\"\"
            half = self.fc1.in_channels
            first, second = x[:, :half], x[:, half : 2 * half]
            gap = torch.mean(first + second, (2, 3), keepdim=True)
            attention = self.fc2(torch.relu(self.fc1(gap)))
            weight = torch.sigmoid(attention[:, :half] - attention[:, half : 2 * half])
            return torch.multiply(first - second, weight) + second

PLiNIO (commit 3d6b5e0) takes no softmax, and no tensor with a dimension for the branches. Of two
numbers the softmax is the sigmoid of their difference: the same but for rounding. Where the
branches are more, or in groups of their own, the forward stays as it is. Modules that only move
the branches about and take the softmax are not called for two, so that hooks of theirs do not run;
and ``contiguous()`` of the result goes: it lies in memory as the input does.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from functools import partial
from typing import Final

from ..reading.scopes import Function
from ..reading.source import Source
from ..rewriting.edits import Edit
from ..rewriting.places import insert_after, insert_before
from . import two_way_stacked
from .carrying import Carrying
from .rule import Asking, Left, Proposal
from .tensors import is_in_model, literal_dimensions
from .two_way_method import check_plain, fresh, parameters, written
from .two_way_parts import carried, codes
from .two_way_writing import Writing

CODE: Final = "two-way"
_METHOD: Final = "forward_of_two"
_TEMPLATE: Final = "two_way.py.jinja"
_MOVING: Final = ("view", "reshape", "stack", "softmax", "unsqueeze")
_PRODUCTS: Final = ("mul", "multiply")


def may_apply(text: str) -> bool:
    """Whether a text may take a softmax in a forward, and sum what it weighs."""
    return "oftmax" in text and "sum(" in text and "def forward" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """The sums of products over dimension 1 in a forward that gives tensors other dimensions."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and _sums_product(source, node):
            yield node


def _sums_product(source: Source, node: ast.Call) -> bool:
    function = source.function_around(node)
    if getattr(node.func, "attr", "") != "sum" or getattr(function, "name", "") != "forward":
        return False
    assert isinstance(node.func, ast.Attribute), "others have no such attribute"
    is_of_torch = getattr(node.func.value, "id", "") == "torch"
    operands = [node.func.value] if not is_of_torch else node.args[:1]
    given = node.args[1:] if is_of_torch else node.args
    given = [*given, *(each.value for each in node.keywords if each.arg == "dim")]
    if len(operands) != 1 or len(given) != 1 or literal_dimensions(given[0]) != [1]:
        return False
    assert function is not None, "it has a name"
    if not any(getattr(each, "attr", "") in _MOVING for each in source.inside(function)):
        return False
    return any(map(_is_product, _bound_to(function, operands[0])))


def _bound_to(function: Function | None, node: ast.expr) -> Iterator[ast.expr]:
    """An expression, and what was last bound to it in a function where it is a variable."""
    yield node
    bound = [
        each
        for each in (ast.walk(function) if function is not None else ())
        if isinstance(each, ast.Assign) and each.end_lineno is not None
        if isinstance(node, ast.Name) and node.id == getattr(each.targets[0], "id", "")
        if each.end_lineno < node.lineno
    ]
    yield from (each.value for each in sorted(bound, key=lambda each: each.lineno)[-1:])


def _is_product(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", "") in _PRODUCTS
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether it is summed in the forward of a module, which has no choice of this kind yet."""
    function = asking.source.function_around(node)
    owner = asking.source.class_around(node)
    if not is_in_model(asking, node) or function is None or owner is None:
        return False
    found = two_way_stacked.stacked(asking, node)
    if found is not None:
        return not two_way_stacked.has_choice(asking.source, found)
    return asking.source.parent(function) is owner and not any(
        isinstance(each, ast.If) and _METHOD in asking.source.code(each.body[0])
        for each in function.body[:2]
    )


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """Another method for two branches, and the choice of it."""
    source = asking.source
    function, owner = source.function_around(node), source.class_around(node)
    assert function is not None and owner is not None, "others are not meant"
    found = two_way_stacked.stacked(asking, node)
    if found is None:
        check_plain(function)
    asking = asking.in_project()
    if not asking.facts.is_complete:
        raise Left("its project is too large for what happens in it to be known")
    if found is not None:
        return two_way_stacked.propose(asking, found)
    chosen, writing = written(partial(Writing, asking, function), {})
    branched, carrying = writing.branched(), asking.carried.get(node)
    parts = carrying and carried(branched, carrying.function, (carrying.norm,), (carrying.conv,))
    statement = function.body[0]
    given = [each.arg for each in function.args.args]
    value = {
        "condition": " and ".join(map(_condition, chosen.items())),
        "method": fresh(source, _METHOD),
        "module": given[0],
        "arguments": ", ".join(given[1:]),
        "parameters": parameters(source, function),
        "returned": source.code(function.returns) if function.returns is not None else "",
        "body": codes(parts[1] if parts else branched.lines),
    }
    choice = partial(asking.templates.render, _TEMPLATE, "choice", value)
    method = partial(asking.templates.render, _TEMPLATE, "definition", value)
    first: Edit = insert_before(source, statement, choice)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        first = insert_after(source, statement, choice)
    edits = (first, insert_after(source, function, method, blank_lines=1))
    imports = dict.fromkeys(each for _, new in writing.names.values() for each in new)
    shown = f"{value['method']}() where {value['condition']}"
    if parts:
        layers = (f"{given[0]}.{each}" for each in (parts[0].norm, parts[0].conv))
        shown += f", of what the parts of {' and '.join(layers)} give"
    return Proposal(shown, edits, tuple(imports))


def in_parts(
    asking: Asking, node: ast.Call, norms: Container[str], convs: Container[str]
) -> Carrying | None:
    """What is in parts, of which the branches of a sum can be taken; None where it stays.

    Args:
        asking: what may be asked.
        node: the sum.
        norms: the attributes with norms that are split with the convolution before them.
        convs: those with convolutions that no norm is split with.
    """
    function = asking.source.function_around(node)
    if function is None or two_way_stacked.stacked(asking, node) is not None:
        return None
    try:
        propose(asking, node)
        _, writing = written(partial(Writing, asking.in_project(), function), {})
        found = carried(writing.branched(), "", norms, convs)
    except Left:
        return None
    return found[0] if found is not None else None


def _condition(assumed: tuple[str, int]) -> str:
    path, value = assumed
    if isinstance(value, bool):
        return path if value else f"not {path}"
    return f"{path} == {value}"
