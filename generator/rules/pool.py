"""Functional poolings: as modules, which PLiNIO takes.

Before::

    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            return F.avg_pool2d(self.conv(x), 4, padding=1)

After::

    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.avg_pool2d = nn.AvgPool2d(4, padding=1)

        def forward(self, x):
            return self.avg_pool2d(self.conv(x))

PLiNIO (commit 3d6b5e0) refuses functional poolings as unsupported nodes. A pooling has no weights,
and so no key in a state dict. Its arguments must be literals: the module is given them once. An
average over all positions, ``F.avg_pool2d(x, x.size()[2:])``, is ``torch.mean(x, (2, 3),
keepdim=True)``, where need be by an ``if`` on the padding.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from ..facts.values import External, Unknown
from ..reading.source import Source
from .arguments import input_of, is_literal, named
from .new_module import new_module
from .rule import Asking, Left, Proposal
from .whole_pool import mean_of, stands_in_choice

CODE: Final = "pool"
_NAME: Final = re.compile(r"(?:adaptive_)?(?:avg|max)_pool[12]d")
_PARAMETERS: Final = {
    "avg_pool1d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "avg_pool2d": (
        *("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
        "divisor_override",
    ),
    "max_pool1d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "max_pool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
}
"""The parameters behind the input, in the order of the functions: the classes have them by the same
names; those of max_pool have ``return_indices`` before ``ceil_mode``. (torch 2.13)"""
_BY_NAME: Final = ("ceil_mode", "count_include_pad", "divisor_override")
_INDICES: Final = "return_indices"
_MODULES: Final = ("torch", "torch.nn.functional")
_WITH_INDICES: Final = ("torch.adaptive_max_pool1d",)
"""Those that give indices too."""


def may_apply(text: str) -> bool:
    """Whether a text speaks of a pooling function."""
    return _NAME.search(text) is not None


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named as a pooling, or imported as one."""
    renamed = {
        each.asname
        for each in source.nodes
        if isinstance(each, ast.alias) and _NAME.fullmatch(each.name)
    }
    for node in source.nodes:
        if isinstance(node, ast.Call):
            name = str(getattr(node.func, "attr", getattr(node.func, "id", "")))
            is_renamed = isinstance(node.func, ast.Name) and name in renamed
            if is_renamed or _NAME.fullmatch(name):
                yield node


def is_meant(asking: Asking, call: ast.Call) -> bool:
    """Whether the function of torch may be called."""
    values = asking.facts.values(call.func)
    if stands_in_choice(asking.source, call):
        return False
    return not values or any(
        isinstance(each, Unknown) or _function(each) is not None for each in values
    )


def propose(asking: Asking, call: ast.Call) -> Proposal:
    """A module, at the end of the constructor, that is called in place of the function."""
    values = asking.facts.values(call.func)
    functions = {_function(each) for each in values}
    (function,) = functions if len(functions) == 1 else (None,)
    if not values:
        raise Left("it is not seen to be called")
    if function is None:
        raise Left(f"{asking.source.shown(call.func)} is not known to be torch's")
    if function.startswith("adaptive_max") and "torch._C" in asking.source.text:
        raise Left("it may give indices")  # as functions of this name in torch._C do
    mean = mean_of(asking, call, function, _PARAMETERS.get(function, ()))
    if mean is not None:
        return mean
    given, rest = input_of(call)
    arguments = _arguments(asking.source, function, rest)
    cls = "".join(each.capitalize() for each in function[:-2].split("_")) + function[-2:]
    path = f"torch.nn.{cls}"
    return new_module(asking, call, given, function, path, arguments)


def _function(value: object) -> str | None:
    """The name of the pooling function of torch that a value is, if it is one."""
    if not isinstance(value, External) or value.path in _WITH_INDICES:
        return None
    module, _, name = value.path.rpartition(".")
    return name if module in _MODULES and _NAME.fullmatch(name) else None


def _arguments(source: Source, function: str, rest: list[tuple[str, ast.expr]]) -> list[str]:
    """What the class is given: literals, which are the same at each call."""
    names = (*_PARAMETERS.get(function, ("output_size",)), _INDICES)
    found = []
    for name, is_by_place, value in named(rest, names):
        if name == _INDICES:
            if not isinstance(value, ast.Constant) or value.value is not False:
                raise Left("it gives indices, or may")
            continue
        if not is_literal(value, int):
            raise Left(f"{name} is not a literal")
        code = source.code(value)
        found.append(code if is_by_place and name not in _BY_NAME else f"{name}={code}")
    return found
