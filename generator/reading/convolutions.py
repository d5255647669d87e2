"""The convolutions of torch.nn: their names, their parameters, and which of them PLiNIO takes.

Signatures: torch 2.13, ``torch/nn/modules/conv.py``; they have been the same since torch 1.9, when
``device`` and ``dtype`` came. What PLiNIO takes: measured on its commit 3d6b5e0.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

GROUPS_POSITION = 6
"""Where ``groups`` stands among the positional arguments, from 0: alike in Conv, in ConvTranspose
and in the functions of both (a lazy class has it one place earlier)."""

_PARAMETERS = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation"),
    *("groups", "bias", "padding_mode", "device", "dtype"),
)
_TRANSPOSED_PARAMETERS = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding"),
    *("groups", "bias", "dilation", "padding_mode", "device", "dtype"),
)
SETTINGS = frozenset(
    (
        *("in_channels", "out_channels", "groups", "kernel_size", "stride", "padding"),
        *("dilation", "padding_mode", "output_padding", "transposed"),
    )
)
"""The attributes of a convolution that say what it computes with its weight."""


SIZES: Final = ("in_channels", "out_channels", "groups")


@dataclass(frozen=True)
class ConvClass:
    """One of torch's convolution classes, ``torch.nn.<name>``."""

    name: str
    dimensions: int
    transposed: bool
    lazy: bool

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of its constructor in order; a lazy class infers ``in_channels``."""
        parameters = _TRANSPOSED_PARAMETERS if self.transposed else _PARAMETERS
        return parameters[1:] if self.lazy else parameters

    @property
    def has_depthwise(self) -> bool:
        """Whether a depthwise one stays as it is."""
        return self.dimensions < 3 and not self.transposed


CONV_CLASSES: Mapping[str, ConvClass] = {
    name: ConvClass(name, dimensions, bool(transposed), bool(lazy))
    for lazy in ("", "Lazy")
    for transposed in ("", "Transpose")
    for dimensions in (1, 2, 3)
    for name in (f"{lazy}Conv{transposed}{dimensions}d",)
}

_FUNCTIONS = frozenset(
    f"conv{transposed}{dimensions}d"
    for transposed in ("", "_transpose")
    for dimensions in (1, 2, 3)
)
_MODULES_WITH_CLASSES = ("torch.nn", "torch.nn.modules", "torch.nn.modules.conv")
_MODULES_WITH_FUNCTIONS = ("torch", "torch.nn.functional")


def conv_class(path: str) -> ConvClass | None:
    """The convolution class at a dotted path such as ``torch.nn.Conv2d``, if it is one."""
    module, _, name = path.rpartition(".")
    return CONV_CLASSES.get(name) if module in _MODULES_WITH_CLASSES else None


def is_functional_convolution(path: str) -> bool:
    """Whether a dotted path is a convolution as a function, such as ``torch.conv2d``."""
    module, _, name = path.rpartition(".")
    return module in _MODULES_WITH_FUNCTIONS and name in _FUNCTIONS


@dataclass(frozen=True)
class Arguments:
    """The arguments of a constructor call, by parameter.

    Attributes:
        by_name: the expression of each parameter that the call names or places.
        starred: whether there is ``*args``, behind which places are unknown.
        double_starred: the expressions behind ``**``.
    """

    by_name: Mapping[str, ast.expr]
    starred: bool
    double_starred: tuple[ast.expr, ...]


def bind_arguments(call: ast.Call, parameters: tuple[str, ...]) -> Arguments:
    """Say which parameter each argument of a call goes to."""
    by_name: dict[str, ast.expr] = {}
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    for parameter, argument in zip(parameters, call.args, strict=False):
        if isinstance(argument, ast.Starred):
            break
        by_name[parameter] = argument
    double_starred = []
    for keyword in call.keywords:
        if keyword.arg is None:
            double_starred.append(keyword.value)
        else:
            by_name[keyword.arg] = keyword.value
    return Arguments(by_name, starred, tuple(double_starred))


Kind = Literal["plain", "depthwise", "grouped", "invalid"]


def kind_of(conv: ConvClass, in_channels: int, out_channels: int, groups: int) -> Kind:
    """What a convolution is to PLiNIO.

    ``"depthwise"`` is what it takes besides plain ones: groups = in = out, in 1d and 2d only (a 3d
    one must have groups=1; with a channel multiplier no dimension is taken). A branch of a
    depthwise 1d or 2d layer would be a 1 to 1 convolution, which PLiNIO takes for depthwise and
    computes wrongly. A transposed one is split all the same: PLiNIO takes none, and others that
    take a plain one refuse it. ``"invalid"`` is what torch refuses to construct.
    """
    if groups < 1 or in_channels < 1 or out_channels < 1:
        return "invalid"
    if in_channels % groups or out_channels % groups:
        return "invalid"
    if groups == 1:
        return "plain"
    if conv.has_depthwise and groups == in_channels == out_channels:
        return "depthwise"
    return "grouped"


def can_carry_groups(call: ast.Call) -> bool:
    """Whether ``groups`` is, or may be, among the arguments of a call."""
    return (
        len(call.args) >= GROUPS_POSITION  # a lazy class has no in_channels
        or any(isinstance(argument, ast.Starred) for argument in call.args)
        or any(keyword.arg in ("groups", None) for keyword in call.keywords)
    )
