"""Concatenations along the channels: as ``torch.cat(.., dim=1)``, which PLiNIO tells as one.

Before::

    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            x = self.conv(x)
            return torch.concat((x, x), 1) + torch.cat([x, x], axis=-3)

After::

    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            x = self.conv(x)
            return torch.cat((x, x), dim=1) + torch.cat([x, x], dim=1)

PLiNIO (commit 3d6b5e0) takes no ``concat`` or ``concatenate``, and with ``axis=1`` or a dimension
that is counted from behind it takes the channels for positions, and is silently wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..reading.source import Source
from .rule import Asking, Left, Proposal
from .tensors import from_the_front, function_of, is_in_model, literal_dimensions

CODE: Final = "cat"
_PATH: Final = "torch.cat"
CATS: Final = {each: f"torch.{each}" for each in ("cat", "concat", "concatenate")}
"""The functions that concatenate, by their names."""


def may_apply(text: str) -> bool:
    """Whether a text may concatenate tensors otherwise than by ``torch.cat(.., 1)``."""
    return "torch" in text and any(each in text for each in ("concat", "cat("))


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named so, but for those that are written as they are to be."""
    for node in source.nodes:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in CATS and not (name == "cat" and _is_as_it_is_to_be(node)):
                yield node


def _is_as_it_is_to_be(node: ast.Call) -> bool:
    """Whether a dimension is given as PLiNIO looks for it, and not counted from behind."""
    given = literal_dimensions(dimension_of(node)) or [0]
    return given[0] >= 0 and all(each.arg != "axis" for each in node.keywords)


def dimension_of(node: ast.Call) -> ast.expr | None:
    """What a concatenation is given as its dimension."""
    named = (each.value for each in node.keywords if each.arg in ("dim", "axis"))
    return next(named, node.args[1] if len(node.args) > 1 else None)


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether it is torch's."""
    return is_in_model(asking, node) and function_of(asking, node) in CATS.values()


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A call of ``torch.cat`` with the dimension counted from the front."""
    tensors = [each.value for each in node.keywords if each.arg == "tensors"] or node.args[:1]
    dimension = dimension_of(node)
    rest = [each for each in node.keywords if each.arg not in ("tensors", "dim", "axis")]
    if not tensors or isinstance(tensors[0], ast.Starred) or rest or len(node.args) > 2:
        raise Left("its arguments are not just tensors and a dimension")
    if dimension is None:
        return asking.called(node, _PATH, (tensors[0],))
    given = literal_dimensions(dimension)
    if given is None:
        return asking.called(node, _PATH, (tensors[0], f"dim={asking.source.code(dimension)}"))
    if given[0] < 0:
        first = getattr(tensors[0], "elts", [tensors[0]])[0]
        given = from_the_front(asking, first, given)
    return asking.called(node, _PATH, (tensors[0], f"dim={given[0]}"))
