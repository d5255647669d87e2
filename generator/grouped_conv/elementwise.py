"""The layers that what is concatenated may go through before as well as behind: elementwise ones.

Those that draw random numbers, or have a weight for each channel, are none.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.values import STRANGE, External, Object, Parameter, Unknown, Value
from ..reading.source import Source

_LAYERS: Final = frozenset(
    each
    for each in torch_api.BY_CHANNEL - torch_api.RANDOM
    if each in torch_api.ELEMENTWISE or "Avg" in each
)
_FUNCTIONS: Final = frozenset(
    (
        *(f"torch.{each}" for each in ("relu", "sigmoid", "tanh")),
        *(
            f"torch.nn.functional.{each}"
            for each in (
                *("relu", "relu6", "elu", "celu", "selu", "leaky_relu", "gelu", "silu", "mish"),
                *("hardswish", "hardsigmoid", "hardtanh", "sigmoid", "tanh", "softplus"),
            )
        ),
    )
)
_GIVING_NEW: Final = torch_api.CONVOLUTIONS | {"torch.nn.Linear"}


@dataclass(frozen=True)
class Step:
    """An application of a layer.

    Attributes:
        call: the call.
        given: what it is applied to.
        is_known: whether it surely is elementwise, or that is to be asked when it is called.
    """

    call: ast.Call
    given: ast.expr
    is_known: bool


def step_after(source: Source, facts: Facts, value: ast.expr) -> Step | None:
    """The layer that a value goes through, and nothing else does there; None for any other."""
    call = source.parent(value)
    if not isinstance(call, ast.Call) or call.args != [value] or "#" in source.code(call):
        return None
    if not all(isinstance(each.value, ast.Constant) and each.arg for each in call.keywords):
        return None
    values = facts.values(call.func)
    if values and all(isinstance(each, External) and each.path in _FUNCTIONS for each in values):
        return Step(call, value, is_known=True)
    known = [each for each in values if isinstance(each, Object) and each.kind in _LAYERS]
    others = values.difference(known)
    if call.keywords or not known or not all(map(_may_be_layer, others)):
        return None
    return Step(call, value, is_known=not others)


def _may_be_layer(value: Value) -> bool:
    """Whether something is not known, and so may be a layer."""
    is_strange = isinstance(value, Object) and value.kind == STRANGE
    return is_strange or isinstance(value, (Unknown, Parameter))


def may_write(facts: Facts, step: Step) -> bool:
    """Whether a layer may write into what it is applied to."""
    if step.call.keywords:
        return True
    for each in facts.values(step.call.func):
        site = each.site if isinstance(each, Object) else None
        if not isinstance(each, External) and not (isinstance(site, ast.Call) and _is_bare(site)):
            return True
    return False


def _is_bare(site: ast.Call) -> bool:
    return not site.args and not site.keywords


def changes_nothing(source: Source, facts: Facts, read: ast.expr) -> bool:
    """Whether what reads a tensor surely neither writes into it nor hands it on.

    A copy may then stand for it.
    """
    parent = source.parent(read)
    match parent:
        case ast.BinOp():
            return True
        case ast.Call(args=[argument], keywords=[]) if argument is read:
            values = facts.values(parent.func)
            return bool(values) and all(
                isinstance(each, Object) and each.kind in _GIVING_NEW for each in values
            )
    return False
