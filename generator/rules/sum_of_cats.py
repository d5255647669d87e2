"""Sums of concatenations: said; behind split convolutions an identity, where that is asked for.

For example::

    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 8, 3)
            self.two = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            y = torch.cat((self.one(x), self.two(x)), dim=1)
            return torch.cat((self.two(x), self.one(x)), dim=1) + y

PLiNIO (commit 3d6b5e0) takes such a sum, and PIT prunes it by the masks of one of the two, so that
its export differs from the masked model or raises. What a grouped convolution gives is concatenated
once it is split. Selected by its name (``--select grouped-conv,branch-norm,sum-of-cats``) the rule
puts a frozen identity convolution behind that, with a mask of its own and the square of the
channels as its weights: ``add_identity(self.bn2)``, once ``self.bn2`` is split. A state dict of the
original loads. Where something goes over all modules, which would initialise it, it is not put.
"""

from __future__ import annotations

import ast
from typing import Final

from ..grouped_conv.flow import Flow
from ..grouped_conv.sums import CODE
from .flat_cat import NAMES, PATHS, sites
from .rule import Asking, Left, Proposal
from .tensors import function_of, is_in_model

__all__ = ["CODE", "is_meant", "may_apply", "propose", "sites"]
_WRONG: Final = (
    "it is added to what may be a concatenation too: PIT's export after pruning is wrong; no"
    " identity is put behind one that is written so"
)


def may_apply(text: str) -> bool:
    """Whether a text has a concatenation."""
    return "torch" in text and any(f"{each}(" in text for each in NAMES)


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether what it gives is added to something that may be one as well."""
    if not is_in_model(asking, node) or function_of(asking, node) not in PATHS:
        return False
    flow = Flow(asking.facts, lambda _: asking.source)
    return flow.sum_of(asking.facts.values(node)) is not None


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """Nothing.

    Raises:
        Left: always.
    """
    flow = Flow(asking.facts, lambda _: asking.source)
    raise Left(_WRONG, flow.sum_of(asking.facts.values(node)))
