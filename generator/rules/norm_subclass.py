"""Norms with layers of their own behind: as modules that hold the norm, which PLiNIO takes.

Before::

    from torch import nn


    class NormAct(nn.BatchNorm2d):
        def __init__(self, width):
            super().__init__(width, eps=1e-3)
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(super().forward(x))

After::

    from torch import nn


    class NormWithLayers(nn.Module):
        \"\"\"A norm as self.bn, for layers to follow; has and loads what it would.\"\"\"

        of_norm = (
            *("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
            *("num_features", "eps", "momentum", "affine", "track_running_stats"),
            *("reset_parameters", "reset_running_stats"),
        )

        def __init__(self, *args, **kwargs):
            super().__init__()
            self.bn = nn.BatchNorm2d(*args, **kwargs)

        def __getattr__(self, name):
            if name in self.of_norm:
                return getattr(self.bn, name)
            return super().__getattr__(name)

        def __setattr__(self, name, value):
            if name in self.of_norm:
                setattr(self.bn, name, value)
            else:
                super().__setattr__(name, value)

        def _load_from_state_dict(self, state_dict, prefix, *args):
            for name in self.of_norm:
                old, new = f"{prefix}{name}", f"{prefix}bn.{name}"
                if old in state_dict and new not in state_dict:
                    state_dict[new] = state_dict.pop(old)
            super()._load_from_state_dict(state_dict, prefix, *args)


    class NormAct(NormWithLayers):
        def __init__(self, width):
            super().__init__(width, eps=1e-3)
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(self.bn(x))

PLiNIO (commit 3d6b5e0) traces into subclasses of torch's norms, and refuses ``F.batch_norm``. A
forward that is a copy of torch's becomes a call of the norm too. Walks over all modules meet the
norm inside. Code that asks whether such a norm itself is one of torch's, or goes by names between
it and its weights, keeps the class as it is where a model runs it, and is said elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..reading.names import meaning
from ..reading.source import Source
from ..torch_api import NAMED_BATCH_NORM
from .rule import Asking, Proposal

CODE: Final = "norm-subclass"


def may_apply(text: str) -> bool:
    """Whether a text may have such a class."""
    return "class " in text and NAMED_BATCH_NORM.search(text) is not None


def sites(source: Source) -> Iterator[ast.expr]:
    """What classes of the module inherit from, if that may be torch's."""
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef) and len(node.bases) == 1:
            yield from (each for each in node.bases if NAMED_BATCH_NORM.search(source.code(each)))


def is_meant(asking: Asking, base: ast.expr) -> bool:
    """Whether it is a norm of torch whose forward is another one."""
    cls = asking.source.parent(base)
    names = [each.name for each in getattr(cls, "body", ()) if isinstance(each, ast.FunctionDef)]
    path = meaning(asking.source, base).path
    return (
        "forward" in names
        and path.startswith("torch.")
        and NAMED_BATCH_NORM.search(path) is not None
    )


def is_in_norm(asking: Asking, node: ast.expr, path: str) -> bool:
    """Whether a function of some path is called in a class that this rule is about."""
    return path.endswith(".batch_norm") and stands_in_norm(asking, node)


def stands_in_norm(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression stands in a class that this rule is about."""
    owner = asking.source.class_around(node)
    return owner is not None and any(is_meant(asking, each) for each in owner.bases)


def propose(asking: Asking, base: ast.expr) -> Proposal:
    """A class that holds the norm in place of torch's, and a call of the norm."""
    from .norm_holding import held  # slow to import, and so only for a source that has one

    return held(asking, base)
