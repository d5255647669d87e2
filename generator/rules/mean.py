"""Means over positions: as ``torch.mean``, which PLiNIO takes.

Before::

    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            return self.conv(x).mean((-2, -1), keepdim=True)

After::

    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            return torch.mean(self.conv(x), (2, 3), keepdim=True)

PLiNIO (commit 3d6b5e0) takes no method ``mean`` and no ``nn.AdaptiveAvgPool3d``; of the function it
takes a dimension that is counted from behind for one of the positions, be it that of the
channels.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..facts.values import Object
from ..reading.source import Source
from .arguments import Given, by_parameter
from .rule import Asking, Left, Proposal
from .tensors import (
    from_the_front,
    function_of,
    is_in_model,
    is_tensor,
    is_tensor_by_method,
    literal_dimensions,
    may_be_tensor_by_method,
    see_that_it_is_tensor,
)

CODE: Final = "mean"
_PATH: Final = "torch.mean"
_POOL: Final = "AdaptiveAvgPool3d"


def may_apply(text: str) -> bool:
    """Whether a text may take a mean."""
    return "torch" in text and ("mean(" in text or _POOL in text)


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named so."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="mean") | ast.Name(id="mean")):
                yield node
            case ast.Call(func=ast.Attribute(), args=[_], keywords=[]) if _POOL in source.text:
                yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether it is the mean of a tensor in what PLiNIO may see, and not written as it is to be."""
    if not is_in_model(asking, node):
        return False
    if _is_pool(asking, node):
        return True
    if function_of(asking, node) == _PATH:
        (_, dimension), _ = _given(asking, node)
        return any(each < 0 for each in literal_dimensions(dimension) or (-1,))
    receiver = getattr(node.func, "value", None)
    if receiver is None or getattr(node.func, "attr", "") != "mean":
        return False
    return may_be_tensor_by_method(asking, receiver)


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A call of ``torch.mean`` over positions that are counted from the front."""
    if _is_pool(asking, node):
        return asking.called(node, _PATH, (node.args[0], "(2, 3, 4)", "keepdim=True"))
    (tensor, dimension), others = _given(asking, node)
    if tensor is None:
        raise Left(f"{asking.source.shown(node)} is not known to be a tensor")
    is_function = function_of(asking, node) == _PATH
    see_that_it_is_tensor(asking, tensor, is_tensor if is_function else is_tensor_by_method)
    given = literal_dimensions(dimension)
    if given is None:
        raise Left("its dimensions are not literals")
    places = from_the_front(asking, tensor, given)
    if not places or not {0, 1}.isdisjoint(places):
        raise Left("PLiNIO takes no mean over the batch or the channels")
    code = f"({', '.join(map(str, places))})" if len(places) > 1 else str(places[0])
    return asking.called(node, _PATH, (tensor, code, *map(asking.source.code, others)))


def _is_pool(asking: Asking, node: ast.Call) -> bool:
    """Whether a module is called that gives the mean over all positions of a video."""
    modules = asking.facts.values(node.func)
    return bool(modules) and all(
        isinstance(each, Object)
        and each.kind == f"torch.nn.{_POOL}"
        and isinstance(each.site, ast.Call)
        and is_of_one(each.site)
        for each in modules
    )


def is_of_one(call: ast.Call) -> bool:
    """Whether a pooling gives one position."""
    given = [*call.args, *(each.value for each in call.keywords)]
    return len(given) == 1 and {*(literal_dimensions(given[0]) or [0])} == {1}


def _given(asking: Asking, node: ast.Call) -> Given:
    """The tensor and the dimensions, and all other arguments of a mean."""
    is_function = function_of(asking, node) == _PATH
    return by_parameter(node, (("input",), ("dim",)), is_method=not is_function)
