"""Functions that PLiNIO takes as modules only, or in a form that is one: dropout, SiLU and others.

Before::

    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self, rate):
            super().__init__()
            self.rate = rate
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            x = F.silu(self.conv(x))
            return F.dropout(x, self.rate, self.training)

After::

    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self, rate):
            super().__init__()
            self.rate = rate
            self.conv = nn.Conv2d(3, 8, 3)
            self.silu = nn.SiLU()
            self.dropout = nn.Dropout(p=self.rate)

        def forward(self, x):
            x = self.silu(self.conv(x))
            return self.dropout(x)

PLiNIO (commit 3d6b5e0) refuses the functions as unsupported nodes. The modules have no weights, and
so no key in a state dict. Their arguments must be literals, or attributes that only the
constructor sets, or constants of the file: the module is given them once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..reading.source import Source
from .arguments import input_of, is_literal, is_settled, named
from .new_module import instance_of, new_module
from .rule import Asking, Left, Proposal
from .tensors import function_of

CODE: Final = "function"
_MODULES: Final = {
    "dropout": ("torch.nn.Dropout", ("p", "training", "inplace")),
    "silu": ("torch.nn.SiLU", ("inplace",)),
    "leaky_relu": ("torch.nn.LeakyReLU", ("negative_slope", "inplace")),
    "elu": ("torch.nn.ELU", ("alpha", "inplace")),
    "hardswish": ("torch.nn.Hardswish", ("inplace",)),
    "hardsigmoid": ("torch.nn.Hardsigmoid", ("inplace",)),
    "interpolate": (
        "torch.nn.Upsample",
        ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor"),
    ),
}
"""The module for each function, and the parameters of both behind the input, which have the same
names; ``training`` is of the function alone. (torch 2.13)"""
_PATHS: Final = {f"torch.nn.functional.{each}": each for each in _MODULES}


def may_apply(text: str) -> bool:
    """Whether a text has one of the names."""
    return "torch" in text and any(f"{each}(" in text for each in _MODULES)


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named so."""
    for node in source.nodes:
        if isinstance(node, ast.Call):
            if getattr(node.func, "attr", getattr(node.func, "id", "")) in _MODULES:
                yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether it is the function of torch."""
    return function_of(asking, node) in _PATHS


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A module, at the end of the constructor, that is called in place of the function."""
    function = _PATHS[function_of(asking, node)]
    path, names = _MODULES[function]
    given, rest = input_of(node)
    arguments = []
    is_told_by_mode = function != "dropout"
    method = asking.source.function_around(node)
    for name, _, value in named(rest, names):
        code = asking.source.code(value)
        if name == "training":
            is_told_by_mode = method is not None and code == f"{instance_of(method)}.training"
        elif not is_literal(value, int, float, str) and not is_settled(asking.source, value):
            raise Left(f"{name} may be another one in each call")
        else:
            arguments.append(f"{name}={code}")
    if not is_told_by_mode:
        raise Left("whether it is applied is not told by the mode of the module")
    return new_module(asking, node, given, function, path, arguments)
