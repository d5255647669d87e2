"""Activations that are methods, or have a name that PLiNIO does not know, as functions of torch.

Before::

    import torch
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            x = self.conv(x)
            return torch.add(x.sigmoid(), F.tanh(x))

After::

    import torch
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            x = self.conv(x)
            return torch.add(torch.sigmoid(x), torch.tanh(x))

PLiNIO (commit 3d6b5e0) takes these functions of ``torch``, and refuses the methods and the aliases
in ``torch.nn.functional`` as unsupported nodes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..reading.source import Source
from .rule import Asking, Left, Proposal
from .tensors import (
    function_of,
    is_in_model,
    is_tensor_by_method,
    may_be_tensor_by_method,
    see_that_it_is_tensor,
)

CODE: Final = "function"
_METHODS: Final = {
    **{each: f"torch.{each}" for each in ("sigmoid", "tanh", "relu")},
    "log_softmax": "torch.nn.functional.log_softmax",
}
"""The function for each method, with the same arguments behind the tensor."""
_ALIASES: Final = {"torch.nn.functional.sigmoid": "sigmoid", "torch.nn.functional.tanh": "tanh"}


def may_apply(text: str) -> bool:
    """Whether a text has one of the names."""
    return "torch" in text and any(f".{each}(" in text for each in _METHODS)


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named so."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in _METHODS:
                yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether it is a method of a tensor, or an alias."""
    if not is_in_model(asking, node):
        return False
    assert isinstance(node.func, ast.Attribute), "others are not found"
    receiver = node.func.value
    if function_of(asking, node) in _ALIASES:
        return True
    return may_be_tensor_by_method(asking, receiver)


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A call of the function of torch of the same name."""
    assert isinstance(node.func, ast.Attribute), "others are not found"
    receiver = node.func.value
    alias = _ALIASES.get(function_of(asking, node))
    if any(isinstance(each, ast.Starred) for each in node.args):
        raise Left("its arguments are unpacked")
    if alias is not None:
        named = [each.value for each in node.keywords if each.arg == "input"]
        given = [*node.args, *named]
        if len(given) != 1:
            raise Left("it is given more than a tensor")
        return asking.called(node, f"torch.{alias}", given)
    see_that_it_is_tensor(asking, receiver, is_tensor_by_method)
    more: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    rest = map(asking.source.code, more)
    return asking.called(node, _METHODS[node.func.attr], (receiver, *rest))
