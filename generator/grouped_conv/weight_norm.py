"""weight_norm, which along dimension 0 goes over each filter by itself."""

from __future__ import annotations

import ast
from typing import Final

from ..reading.names import meaning
from ..reading.source import Source

WEIGHT_NORMS: Final = frozenset(
    (
        *("torch.nn.utils.weight_norm", "torch.nn.utils.remove_weight_norm"),
        *(
            "torch.nn.utils.weight_norm.weight_norm",
            "torch.nn.utils.weight_norm.remove_weight_norm",
        ),
        "torch.nn.utils.parametrizations.weight_norm",
    )
)


def is_weight_norm(source: Source, call: ast.Call) -> bool:
    """Whether a call is of weight_norm along dimension 0, or takes that away."""
    return meaning(source, call.func).path in WEIGHT_NORMS and _has_defaults(call)


def is_parametrization(source: Source, call: ast.Call) -> bool:
    """Whether a weight_norm is the one that keeps its parts under other names than it once did."""
    return ".parametrizations." in meaning(source, call.func).path


def _has_defaults(call: ast.Call) -> bool:
    """Whether weight_norm is called for the weight, along dimension 0."""
    if not call.args or any(isinstance(each, ast.Starred) for each in call.args):
        return False
    expected: dict[str, object] = {"name": "weight", "dim": 0}
    given: dict[str, ast.expr] = dict(zip(expected, call.args[1:], strict=False))
    given |= {str(each.arg): each.value for each in call.keywords}
    return all(
        isinstance(value, ast.Constant) and name in expected and value.value == expected[name]
        for name, value in given.items()
    )
