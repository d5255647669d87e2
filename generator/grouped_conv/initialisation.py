"""Which initialisations give a branch what they gave the whole, and where they do not.

A branch has the fan_in of the whole, since that counts the channels of one group already; its
fan_out is that of the whole divided by the groups. (torch 2.13, ``_calculate_fan_in_and_fan_out``.)
"""

from __future__ import annotations

import ast
from typing import Final

from ..facts.heap import Use
from ..reading.calls import is_repeatable
from ..reading.convolutions import SIZES
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.source import Source

# By element, or by fan_in.
_BY_ELEMENT: Final = frozenset(
    (
        *("normal_", "uniform_", "trunc_normal_", "constant_", "zeros_", "ones_"),
        *("fill_", "zero_", "requires_grad_"),
    )
)
_BY_FAN: Final = frozenset(
    ("kaiming_normal_", "kaiming_uniform_", "kaiming_normal", "kaiming_uniform")
)
_BY_SHAPE: Final = frozenset(
    (
        *("xavier_normal_", "xavier_uniform_", "orthogonal_", "dirac_", "eye_", "sparse_"),
        *("xavier_normal", "xavier_uniform", "orthogonal"),
    )
)
_VALUES: Final = frozenset(("weight", "bias", "data"))
NUMBERS: Final = frozenset((*SIZES, "num_features"))
_OF_WHOLE: Final = frozenset(("norm", "mean", "std", "shape", "size", "numel"))
_FACTOR: Final = "sqrt(groups) times as large"
_FANS: Final = frozenset(("_calculate_correct_fan", "_calculate_fan_in_and_fan_out"))


def is_exact_by_branch(source: Source, weight: ast.Attribute) -> bool:
    """Whether ``conv.weight`` or ``conv.bias`` is only initialised, by a whole statement.

    And in such a way that to do it for each branch gives the same, or the same distribution.
    """
    place: ast.expr = weight
    parent = source.parent(weight)
    if isinstance(parent, ast.Attribute) and parent.attr == "data":
        place, parent = parent, source.parent(parent)
    if isinstance(parent, ast.Attribute) and parent.attr in _BY_ELEMENT:
        call, others = source.parent(parent), 0  # conv.weight.data.normal_(0, 0.01)
    elif isinstance(parent, ast.Call) and place in parent.args[:1]:
        call, others = parent, 1  # nn.init.normal_(conv.weight, 0, 0.01)
        if not _is_initialiser(source, parent):
            return False
    else:
        return False
    return (
        isinstance(call, ast.Call)
        and isinstance(source.parent(call), ast.Expr)
        and all(is_repeatable(source, each) for each in call.args[others:])
        and all(is_repeatable(source, each.value) for each in call.keywords)
    )


def whole_initialiser(source: Source, weight: ast.Attribute) -> ast.Call | None:
    """The call of ``torch.nn.init`` that gives a weight its values, where it is a statement."""
    place: ast.expr = weight
    call = source.parent(weight)
    if isinstance(call, ast.Attribute) and call.attr == "data":
        place, call = call, source.parent(call)
    if isinstance(call, ast.Call) and place in call.args[:1]:
        is_of_torch = meaning(source, call.func).path.startswith("torch.nn.init.")
        return call if is_of_torch and isinstance(source.parent(call), ast.Expr) else None
    return None


def _is_initialiser(source: Source, call: ast.Call) -> bool:
    name = _function(source, call)
    if name in _BY_ELEMENT:
        return True
    return name in _BY_FAN and not _is_by_fan_out(call)


def _function(source: Source, call: ast.Call) -> str:
    """The name of the initialiser that is called, where it is one of torch or named like one."""
    path = meaning(source, call.func).path
    name = path.rpartition(".")[2] or getattr(call.func, "id", "")
    return name if path.startswith("torch.nn.init.") or name.endswith("_") else ""


def _is_by_fan_out(call: ast.Call) -> bool:
    """Whether the mode is, or may be, another than fan_in."""
    modes = [each.value for each in call.keywords if each.arg in ("mode", None)] + call.args[2:3]
    return not all(isinstance(each, ast.Constant) and each.value == "fan_in" for each in modes)


def start_of(source: Source, path: str, use: Use) -> str:
    """What else a branch starts with where something is done with a module, or a weight of it.

    ``path`` is that of the weight from the module, which is empty for the module itself.
    """
    first = path.partition(".")[0]
    if first in ("weight", "bias"):
        start = _differing(source, use.node) if isinstance(use.node, ast.Call) else ""
        is_number = use.kind in ("method", "read") and use.name in _OF_WHOLE
        return _read(source, use.node, use.name) if is_number else start
    if not path and use.kind == "read" and use.name in NUMBERS:
        return _read(source, use.node, use.name)
    return ""


def _differing(source: Source, call: ast.Call) -> str:
    """What an initialiser does that is another thing for a branch than for the whole, if so."""
    name = _function(source, call)
    if name in _BY_SHAPE:
        what = f"{name} depends on all filters of a convolution"
        is_by_both = name.startswith("xavier")
        return f"{what}, which makes weights up to {_FACTOR}" if is_by_both else what
    if name in _BY_FAN and _is_by_fan_out(call):
        return f"{name} by fan_out makes weights {_FACTOR}"
    return f"{name} depends on the number of groups" if name in _FANS else ""


def _read(source: Source, node: ast.AST, name: str) -> str:
    """What a number of a convolution, or of its weight, is for a branch where weights are set.

    Nothing where a function only reads it: as an initialisation it gives weights their values.
    """
    function = source.function_around(node) or source.tree
    if not any(map(_gives_values, walk(function))):
        return ""
    if name == "groups":
        return "the groups of a part are 1"
    if name in _OF_WHOLE:
        return f"the {name} of a part's weight is that of one group"
    what = f"{name} of a part is that of one group"
    return f"{what}, which makes weights {_FACTOR}" if _takes_root(function) else what


def _gives_values(node: ast.AST) -> bool:
    """Whether weights get other values, as by ``m.weight.data = values``, or in place."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        return name.endswith("_") and name != "requires_grad_"
    return getattr(node, "attr", "") in _VALUES and isinstance(getattr(node, "ctx", 0), ast.Store)


def _takes_root(function: ast.AST) -> bool:
    """Whether a function has a square root in it, as what scales by the fan has."""
    return any(
        getattr(each, "attr", getattr(each, "id", "")) == "sqrt"
        or (isinstance(each, ast.Constant) and each.value == 0.5)
        for each in walk(function)
    )
