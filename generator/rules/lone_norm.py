"""BatchNorms that follow something else than their own convolution: said, with what gives it.

For example::

    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 8, 3)
            self.two = nn.Conv2d(3, 8, 3)
            self.bn = nn.BatchNorm2d(16)

        def forward(self, x):
            return self.bn(torch.cat((self.one(x), self.two(x)), dim=1))

PLiNIO (commit 3d6b5e0) takes such a norm, and what PIT exports after pruning then differs from the
masked model, without a word: behind a concatenation, a sum, an activation or a pooling. Behind a
convolution or a linear layer, another norm, a dropout or the input it is right.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.order import in_order
from ..facts.values import ANY_OF_SEVERAL, Object, Tensor, Value
from ..reading.kept import kept
from ..reading.source import Source
from .rule import Asking, Left, Proposal

CODE: Final = "lone-norm"
_WRONG: Final = "{} gives what it takes, no convolution: PIT's export after pruning is wrong"
"""An identity convolution before it would mend that, which has weights."""
_CATS: Final = ("torch.cat", "torch.concat", "torch.concatenate")
_SUMS: Final = ("operator", "torch.add", "torch.sub", "torch.mul", "torch.Tensor.add")


def may_apply(text: str) -> bool:
    """Whether a text may have such a norm in a model."""
    return "BatchNorm" in text and "def forward" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named as a BatchNorm."""
    for node in source.nodes:
        if isinstance(node, ast.Call):
            if "BatchNorm" in getattr(node.func, "attr", getattr(node.func, "id", "")):
                yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether one is made that is applied to what surely no convolution gives."""
    return bool(_before(asking.source, asking.facts, node))


@kept
def _before(source: Source, facts: Facts, node: ast.Call) -> str:
    """The path of what gives a norm what it takes; empty where that may be as PLiNIO expects it.

    A norm of a list that a loop fills may follow anything in it, a convolution as well: of that
    nothing is said.
    """
    made = (each for each in in_order(facts.values(node)) if isinstance(each, Object))
    norms = [each for each in made if each.site is node]
    results = [
        use.result
        for norm in norms
        if norm.kind in torch_api.BATCH_NORMS
        for use in facts.calls(norm)
        if isinstance(use.result, Tensor)
    ]
    todo: list[Value] = [given for each in results for given in in_order(facts.inputs_of(each))]
    seen: set[Value] = set()
    wrong: list[str] = []
    while todo:
        each = todo.pop()
        if each in seen or not isinstance(each, Tensor):
            continue
        seen.add(each)
        path = str(getattr(each.producer, "kind", getattr(each.producer, "path", "")))
        if _is_passed(path):
            todo += in_order(facts.inputs_of(each))
        elif not _is_wrong(path):
            return ""
        else:
            wrong.append(path)
    return wrong[0] if wrong else ""


def _is_passed(path: str) -> bool:
    """Whether something gives what it takes, as far as PLiNIO is concerned."""
    name = path.rpartition(".")[2]
    return path == ANY_OF_SEVERAL or "ropout" in name or name in ("Identity", "contiguous")


def _is_wrong(path: str) -> bool:
    """Whether a norm behind something is one by itself for PLiNIO, which it takes wrongly."""
    module, _, name = path.rpartition(".")
    is_function = module in ("torch", "torch.nn.functional", "torch.Tensor")
    is_elementwise = is_function and torch_api.keeps_channels(name) and "norm" not in name
    is_layer = path in torch_api.ELEMENTWISE | torch_api.POOLINGS
    return path in (*_CATS, *_SUMS) or is_elementwise or is_layer


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """Nothing.

    Raises:
        Left: always.
    """
    raise Left(
        _WRONG.format(_before(asking.source, asking.facts, node)), obstacle="costs parameters"
    )
