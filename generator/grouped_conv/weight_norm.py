"""weight_norm, which along dimension 0 goes over each filter by itself; spectral_norm does not."""

from __future__ import annotations

import ast
import re
from typing import Final

from ..facts.facts import Facts
from ..facts.values import External, Parameter
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
REMOVING: Final = re.compile(
    r"torch\.nn\.utils\.(prune\.remove|parametrize\.remove_parametrizations|(.*\.)?remove_\w+_norm)"
)
"""What takes a parametrization away, and raises where there is none."""
ASKING: Final = re.compile(r"torch\.nn\.utils\.(prune\.is_pruned|parametrize\.is_parametrized)")
SPECTRAL_NORMS: Final = frozenset(
    (
        *("torch.nn.utils.spectral_norm", "torch.nn.utils.spectral_norm.spectral_norm"),
        "torch.nn.utils.parametrizations.spectral_norm",
    )
)


def is_weight_norm(source: Source, call: ast.Call) -> bool:
    """Whether a call is of weight_norm along dimension 0, or takes that away."""
    return meaning(source, call.func).path in WEIGHT_NORMS and has_defaults(call)


def possible_norms(facts: Facts, call: ast.Call) -> tuple[frozenset[str], bool] | None:
    """What a variable may be that is called: a weight_norm, and no more than a spectral_norm.

    And whether another file may give it something else.
    """
    values = facts.values(call.func)
    paths = frozenset(each.path for each in values if isinstance(each, External))
    is_open = any(isinstance(each, Parameter) for each in values)
    is_known = paths & WEIGHT_NORMS and paths <= WEIGHT_NORMS | SPECTRAL_NORMS
    is_known = is_known and all(isinstance(each, (External, Parameter)) for each in values)
    return (paths, is_open) if is_known and has_defaults(call) else None


def has_defaults(call: ast.Call) -> bool:
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
