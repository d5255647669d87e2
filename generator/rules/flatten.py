"""``view`` and ``reshape`` that flatten: as ``torch.flatten``, which PLiNIO takes.

Before::

    import torch
    from torch import nn


    class Net(nn.Module):
        def forward(self, x, y):
            return x.view(x.size(0), -1), torch.relu(y).reshape(y.shape[0], -1)

After::

    import torch
    from torch import nn


    class Net(nn.Module):
        def forward(self, x, y):
            return torch.flatten(x, 1), torch.flatten(torch.relu(y), 1)

PLiNIO (commit 3d6b5e0) refuses ``view`` and ``reshape`` as unsupported nodes. Both are the same for
every batch, of two or more dimensions; of one, ``view`` gives a matrix and ``flatten`` raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..facts.values import Constant, Tensor
from ..reading.source import Source
from .lengths import is_own_length
from .rule import Asking, Left, Proposal
from .tensors import is_tensor_by_method, may_be_one

CODE: Final = "flatten"
_METHODS: Final = ("view", "reshape")
_RESHAPING: Final = frozenset(
    f"{each}_"
    for each in ("unsqueeze", "squeeze", "t", "transpose", "swapaxes", "swapdims", "resize", "set")
) | {"resize_as_", "as_strided_"}
"""Methods that change the shape of a tensor itself. (torch 2.13)"""


def may_apply(text: str) -> bool:
    """Whether a tensor may be flattened in a text."""
    return "torch" in text and any(f".{each}" in text for each in _METHODS)


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of the form ``x.view(n, -1)``."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name), keywords=[]) if name in _METHODS:
                match _dimensions(node):
                    case [
                        first,
                        ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(one))),
                    ] if one == 1 and not isinstance(
                        first, (ast.Constant, ast.UnaryOp, ast.Starred)
                    ):
                        yield node


def is_meant(asking: Asking, call: ast.Call) -> bool:
    """Whether it may be a tensor that is reshaped."""
    values = asking.facts.values(_receiver(call))
    return not values or any(may_be_one(each) and not isinstance(each, Constant) for each in values)


def propose(asking: Asking, call: ast.Call) -> Proposal:
    """Flatten where the first dimension stays."""
    receiver, first = _receiver(call), _dimensions(call)[0]
    shown = asking.source.shown
    if not _is_tensor(asking, call):
        raise Left(f"{shown(receiver)} is not known to be a tensor")
    if not is_own_length(asking, first, receiver):
        raise Left(f"{shown(first)} is not known to be the length of its dimension 0")
    for node in asking.source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in _RESHAPING:
            raise Left("a tensor is reshaped in place", node)
    return asking.called(call, "torch.flatten", (receiver, "1"))


def _receiver(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def _dimensions(call: ast.Call) -> list[ast.expr]:
    """The new shape, which may be given as a tuple."""
    if len(call.args) == 1 and isinstance(call.args[0], (ast.Tuple, ast.List)):
        return call.args[0].elts
    return call.args


def _is_tensor(asking: Asking, call: ast.Call) -> bool:
    """Whether nothing but a tensor can be reshaped so, or the facts say that it is one.

    ``view`` of two numbers and ``size`` of one are torch's alone; arrays of numpy have the rest.
    """
    values = asking.facts.values(_receiver(call))
    if not all(map(may_be_one, values)):
        return False
    if isinstance(call.func, ast.Attribute) and call.func.attr == "view":
        return True
    match _dimensions(call)[0]:
        case ast.Call(func=ast.Attribute(attr="size")):
            return True
    if values and all(isinstance(each, (Tensor, Constant)) for each in values):
        return True
    return is_tensor_by_method(asking, _receiver(call))
