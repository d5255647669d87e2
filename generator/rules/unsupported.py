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

Of ``nn.GELU()`` and ``permute`` PLiNIO (commit 3d6b5e0) has nothing but "Unsupported node".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from .. import torch_api
from ..facts.order import in_order
from ..facts.values import Object
from ..reading.source import Source
from ..torch_api import plinio
from .mean import is_of_one
from .norm_subclass import is_in_norm
from .rule import Asking, Left, Proposal
from .tensors import function_of, is_in_model, may_be_tensor

CODE: Final = "unsupported"
_NO_FORM: Final = "PLiNIO has {} for an unsupported node, and no form is known that it takes"
_OF_RULES: Final = frozenset(
    (
        *("cat", "concat", "concatenate", "mean", "mul", "square", "neg", "negative", "pow"),
        *("div", "divide", "true_divide", "sigmoid", "tanh", "relu", "split", "chunk", "view"),
        *("reshape", "dropout", "silu", "interpolate", "contiguous", "log_softmax", "leaky_relu"),
        *("hardswish", "hardsigmoid"),
    )
)
"""Functions and methods of which other rules say what becomes of them."""


def may_apply(text: str) -> bool:
    """Whether a text may have a model in it."""
    return "torch" in text and "def forward" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """All calls."""
    yield from (each for each in source.nodes if isinstance(each, ast.Call))


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether a function of tensors is called, or a module built that is called, and not taken."""
    return bool(_refused(asking, node))


def _refused(asking: Asking, node: ast.Call) -> str:
    """The path of what PLiNIO refuses; empty where it does not."""
    for each in in_order(asking.facts.values(node)):
        if isinstance(each, Object) and each.site is node and _is_refused(asking, each):
            return each.kind
    path = function_of(asking, node)
    name = path.rpartition(".")[2]
    is_of_rule = name in _OF_RULES or "_pool" in name or is_in_norm(asking, node, path)
    if not path.startswith("torch.") or path in plinio.FUNCTIONS or is_of_rule:
        return ""
    return path if is_in_model(asking, node) and may_be_tensor(asking, node) else ""


def _is_refused(asking: Asking, module: Object) -> bool:
    """Whether a module of torch is one that PLiNIO does not take, and is called in a forward."""
    is_taken = module.kind in plinio.MODULES or module.kind in plinio.WITH_A_FORM
    if module.kind.endswith("AdaptiveAvgPool3d") and isinstance(module.site, ast.Call):
        is_taken = is_of_one(module.site)  # which becomes a mean
    if not torch_api.is_nn_class(module.kind) or is_taken:
        return False
    return any(
        each.kind == "call" and asking.source.has(each.node) for each in asking.facts.uses(module)
    )


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """Nothing.

    Raises:
        Left: always.
    """
    raise Left(_NO_FORM.format(_refused(asking, node)))
