"""A softmax over a stack that is only gone over: of two tensors a sigmoid each.

Before::

    import torch
    from torch import nn


    class Attention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.first = nn.Conv2d(channels, 8, 1)
            self.second = nn.Conv2d(channels, 8, 1)

        def forward(self, x, branches):
            weights = torch.stack([self.first(x), self.second(x)]).softmax(dim=0)
            return sum(torch.multiply(x, y) for x, y in zip(branches, weights))

After::

    import torch
    from torch import nn


    def softmax_of(scores):
        \"\"\"The softmax over some tensors, one by one; of two it is a sigmoid.\"\"\"
        if len(scores) == 2:
            first, second = scores
            return torch.sigmoid(first - second), torch.sigmoid(second - first)
        return torch.stack(scores).softmax(dim=0)


    class Attention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.first = nn.Conv2d(channels, 8, 1)
            self.second = nn.Conv2d(channels, 8, 1)

        def forward(self, x, branches):
            weights = softmax_of([self.first(x), self.second(x)])
            return sum(torch.multiply(x, y) for x, y in zip(branches, weights))

PLiNIO (commit 3d6b5e0) takes neither ``stack`` nor ``softmax``, and its tracer does not go over a
tensor. Of two numbers the softmax is the sigmoid of their difference: the same but for rounding.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import Final

from ..reading.naming import numbered
from ..reading.source import Source
from ..rewriting.edits import Insertion, TextEdit
from ..rewriting.places import line_above_comments, place_for_definition
from .rule import Asking, Left, Proposal
from .tensors import function_of, is_in_model, literal_dimensions

CODE: Final = "two-way"
_TEMPLATE: Final = "two_way.py.jinja"
_NAME: Final = "softmax_of"
_STACK: Final = "torch.stack"
_SIGMOID: Final = "torch.sigmoid"
_SOFTMAX: Final = ("torch.softmax", "torch.nn.functional.softmax", "torch.Tensor.softmax")


def may_apply(text: str) -> bool:
    """Whether a text may take a softmax of a stack in a forward."""
    return "softmax(" in text and "stack(" in text and "def forward" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """The softmaxes of what is written as a stack of a list."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and _stack(node) is not None:
            yield node


def _stack(node: ast.Call) -> ast.Call | None:
    """What a softmax is taken of, if that is a stack of a list along its first dimension."""
    if getattr(node.func, "attr", getattr(node.func, "id", "")) != "softmax":
        return None
    receiver = getattr(node.func, "value", None)
    is_method = isinstance(receiver, ast.Call)
    operand = receiver if is_method else (*node.args, None)[0]
    if not isinstance(operand, ast.Call) or not _is_first(node, 0 if is_method else 1, None):
        return None
    is_stack = getattr(operand.func, "attr", getattr(operand.func, "id", "")) == "stack"
    is_list = bool(operand.args) and isinstance(operand.args[0], (ast.ListComp, ast.List))
    return operand if is_stack and is_list and _is_first(operand, 1, 0) else None


def _is_first(call: ast.Call, place: int, default: int | None) -> bool:
    """Whether a call is given its first dimension, at a place or by its name, and no more."""
    given = [*call.args[place:], *(each.value for each in call.keywords if each.arg == "dim")]
    if len(call.args) + len(call.keywords) != place + len(given):
        return False
    return [literal_dimensions(each) for each in given] == [[0]] or (not given and default == 0)


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether they are functions of torch, in a model, and no function is that itself."""
    stack = _stack(node)
    assert stack is not None, "others are no sites"
    function = asking.source.function_around(node)
    if getattr(function, "name", _NAME).startswith(_NAME) or not is_in_model(asking, node):
        return False
    return function_of(asking, node) in _SOFTMAX and function_of(asking, stack) == _STACK


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A function that gives the weights one by one.

    Raises:
        Left: something else may be done with them.
    """
    source, stack = asking.source, _stack(node)
    assert stack is not None, "others are no sites"
    if not _is_gone_over(source, node):
        raise Left("its weights are not only gone over")
    asking.keep_comments(node, stack.args[0])
    statement = place_for_definition(source, [node])
    spelled = {each: asking.spelled(each, statement) for each in (_STACK, _SIGMOID)}
    taken = source.scope(source.tree).bindings
    name = next(each for each in numbered(_NAME) if each not in taken)
    value = {"name": name, "stack": spelled[_STACK][0], "sigmoid": spelled[_SIGMOID][0]}
    definition = partial(asking.templates.render, _TEMPLATE, "softmax", value)
    place = line_above_comments(source, statement)
    edits = (
        TextEdit(node, stack.args[0], lambda code: f"{name}({code})"),
        Insertion(place, definition, blank_lines=2, blank_lines_above=2),
    )
    imports = dict.fromkeys(each for _, new in spelled.values() for each in new)
    shown = f"{name}({source.shown(stack.args[0])})"
    return Proposal(shown, edits, tuple(imports))


def _is_gone_over(source: Source, node: ast.expr) -> bool:
    """Whether all that is done with an expression is to go over its items, or to take one."""
    statement = source.parent(node)
    if not isinstance(statement, ast.Assign):
        return _goes_over(source, node)
    (name, *more) = statement.targets
    if isinstance(name, (ast.Tuple, ast.List)) and not more:
        return not any(isinstance(each, ast.Starred) for each in name.elts)
    if more or not isinstance(name, ast.Name):
        return False
    function = source.function_around(node)
    bindings = source.scope(node).bindings.get(name.id, [])
    uses = source.names(function, name.id) if function is not None else []
    loads = [each for each in uses if isinstance(each.ctx, ast.Load)]
    return len(bindings) == 1 and all(_goes_over(source, each) for each in loads)


def _goes_over(source: Source, node: ast.expr) -> bool:
    """Whether an expression is only gone over where it stands, or one item of it is taken."""
    parent = source.parent(node)
    match parent:
        case ast.Call(func=ast.Name(id="zip"), keywords=keywords) if node in parent.args:
            is_own = "zip" not in source.scope(source.tree).bindings
            return is_own and not keywords and _goes_over(source, parent)
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            return iterated is node
        case ast.Subscript(value=value, slice=ast.Constant(value=int())):
            return value is node
    return False
