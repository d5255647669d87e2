"""What PLiNIO refuses and no rule rewrites: said, with its place.

For example::

    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.act = nn.GELU()

        def forward(self, x):
            return self.act(self.conv(x)).permute(0, 2, 3, 1)

Of ``nn.GELU()`` and ``permute`` PLiNIO (commit 3d6b5e0) has nothing but "Unsupported node". What
other rules are about, they say themselves, be it that they rewrite it or why they do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from .. import torch_api
from ..facts.order import in_order
from ..facts.values import Object
from ..reading.kept import kept
from ..reading.source import Source
from ..torch_api import plinio
from .channel_orders import stands_in_shuffle
from .norm_subclass import is_in_norm
from .rule import Asking, Left, Proposal
from .tensors import function_of, is_in_model, may_be_tensor

CODE: Final = "unsupported"
_SAYS: Final = 'PLiNIO says "Unsupported node" of {} (op: call_{})'
_GIVING_SEVERAL: Final = ("split", "chunk", "tensor_split", "unbind", "topk", "sort")
"""Functions and methods that give more than one tensor."""
_COSTING: Final = {
    "torch.nn.ConvTranspose2d": "a plain convolution for each phase of the stride, with its bias",
}
"""Classes of which there is a form that has more parameters."""


def may_apply(text: str) -> bool:
    """Whether a text may have a model in it."""
    return "torch" in text and "def forward" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """All calls."""
    yield from (each for each in source.nodes if isinstance(each, ast.Call))


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether a function of tensors is called, or a module built that is called, and not taken."""
    return bool(_refused(asking.source, asking, node))


@kept
def _refused(source: Source, asking: Asking, node: ast.Call) -> str:
    """The path of what PLiNIO refuses; empty where it does not, or another rule is about it."""
    if asking.is_of_others(node) or stands_in_shuffle(asking, node):
        return ""
    for each in in_order(asking.facts.values(node)):
        if isinstance(each, Object) and each.site is node and _is_refused(asking, each):
            return each.kind
    path = function_of(asking, node)
    if not path.startswith("torch.") or path in plinio.FUNCTIONS or is_in_norm(asking, node, path):
        return ""
    seen = [node, getattr(node.func, "value", node), *node.args[:1]]
    seen = seen if path.rpartition(".")[2] in _GIVING_SEVERAL else [node]
    may_be_seen = any(may_be_tensor(asking, each) for each in seen)
    return path if is_in_model(asking, node) and may_be_seen else ""


def _is_refused(asking: Asking, module: Object) -> bool:
    """Whether a module of torch is one that PLiNIO does not take, and is called in a forward."""
    if not torch_api.is_nn_class(module.kind) or module.kind in plinio.MODULES:
        return False
    calls = [each.node for each in asking.facts.uses(module) if each.kind == "call"]
    return any(asking.source.has(each) and not asking.is_of_others(each) for each in calls)


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """Nothing.

    Raises:
        Left: always.
    """
    path = _refused(asking.source, asking, node)
    owner = path.rpartition(".")[0]
    if path in _COSTING:
        raise Left(f"there would be {_COSTING[path]}", obstacle="costs parameters")
    if path in plinio.WITH_A_FORM:
        raise Left(f"it makes a {path}, whose class is handed on from elsewhere")
    kind = "module" if owner == "torch.nn" else "method" if owner == "torch.Tensor" else "function"
    raise Left(_SAYS.format(path, kind), obstacle="no form")
