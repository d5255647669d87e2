"""``contiguous()`` where nothing depends on how a tensor lies in memory: dropped.

Before::

    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.last = nn.Conv2d(8, 8, 3)

        def forward(self, x):
            return self.last(self.conv(x).contiguous())

After::

    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.last = nn.Conv2d(8, 8, 3)

        def forward(self, x):
            return self.last(self.conv(x))

PLiNIO (commit 3d6b5e0) refuses the method as an unsupported node. It stays where what it gives, or
what is made of that, is viewed, changed in place, or handed to what is not known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from .. import torch_api
from ..facts.heap import Use
from ..facts.order import in_order
from ..facts.values import External, Object, Tensor, Value
from ..reading.source import Source
from ..rewriting.edits import TextEdit
from .channel_orders import stands_in_shuffle
from .rule import Asking, Left, Proposal
from .tensors import (
    is_in_model,
    is_tensor_by_method,
    may_be_tensor_by_method,
    see_that_it_is_tensor,
)

CODE: Final = "noop"
_GIVING_NEW: Final = torch_api.CONVOLUTIONS | {"torch.nn.Linear"}
_PERMUTING: Final = ("permute", "movedim", "moveaxis", "transpose", "swapaxes", "to")
_OF_MEMORY: Final = ("view", "view_as", "stride", "data_ptr", "is_contiguous", "as_strided", "set_")


def may_apply(text: str) -> bool:
    """Whether a text has the method."""
    return "torch" in text and ".contiguous(" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of the method without arguments."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="contiguous"), args=[], keywords=[]):
                yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether it is one of a tensor, in what PLiNIO may see."""
    is_tensors = is_in_model(asking, node) and may_be_tensor_by_method(asking, _receiver(node))
    return is_tensors and not stands_in_shuffle(asking, node)


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """The tensor itself."""
    receiver = _receiver(node)
    see_that_it_is_tensor(asking, receiver, is_tensor_by_method)
    made = in_order(asking.facts.values(node))
    if not made or not all(isinstance(each, Tensor) for each in made):
        raise Left("what is done with it is not known")
    if any(map(_is_permuted, asking.facts.values(receiver))):
        raise Left("its dimensions are in another order in memory, which is kept on")
    found: dict[Value, None] = dict.fromkeys(made)
    todo: list[Value] = [*found]
    for value in todo:  # which grows
        for each in asking.facts.uses(value):
            if not _is_any_layout(each):
                raise Left("it is viewed, changed or handed on, which may need it", each.node)
            # What is made of it may lie in memory as it does, but for what convolutions give.
            is_new = isinstance(each.by, Object) and each.by.kind in _GIVING_NEW
            if isinstance(each.result, Tensor) and each.result not in found and not is_new:
                found[each.result] = None
                todo.append(each.result)
    asking.keep_comments(node, receiver)
    return Proposal(asking.source.shown(receiver), (TextEdit(node, receiver, str),))


def _is_permuted(value: Value) -> bool:
    """Whether convolutions of a tensor may give one with the channels last in memory."""
    path = getattr(getattr(value, "producer", None), "path", "")
    return path.rpartition(".")[2] in _PERMUTING


def _receiver(node: ast.Call) -> ast.expr:
    assert isinstance(node.func, ast.Attribute), "others are not found"
    return node.func.value


def _is_any_layout(use: Use) -> bool:
    """Whether a use of a tensor is the same however that lies in memory."""
    if use.kind in ("operand", "method"):
        return use.name not in _OF_MEMORY
    if use.kind != "input":
        return False
    if isinstance(use.by, External):
        name = use.by.path.rpartition(".")[2]
        return name not in _OF_MEMORY and not name.endswith("_")
    return isinstance(use.by, Object) and use.by.kind.startswith("torch.nn.")
