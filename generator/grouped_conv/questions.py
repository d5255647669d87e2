"""What a source asks of an object that a module in its place may not answer."""

from __future__ import annotations

import ast
import re
from typing import Final

from ..reading.alternatives import alternatives
from ..reading.classes import REPARAMETRISING, ClassIndex
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source
from .indirect import holds_class, values_of
from .subclasses import find_subclass
from .weight_norm import WEIGHT_NORMS
from .weights import ALIKE

_ALIKE: Final = re.compile(r"requires_grad|^\w+(\.data|\.detach\(\))?\.zero_\(\)$")
"""What does the same to each parameter."""
_TAKING: Final = frozenset(("add_param_group", "dict", "extend", "chain"))


def may_be_conv(index: ClassIndex, classes: ast.expr) -> bool:
    """Whether what isinstance is given may be, or hold, the class of a convolution."""
    if holds_class(index, classes):
        return True
    for node in walk(classes):
        if isinstance(node, (ast.Name, ast.Attribute)):
            found = meaning(index.source, node)
            is_own = isinstance(found.node, ast.ClassDef) and find_subclass(index, found.node)
            if is_own or found.path.endswith("._ConvNd"):
                return True
    return False


def reparametrising(index: ClassIndex, function: ast.expr) -> ast.AST | None:
    """Where a variable that is called may get a function such as spectral_norm from.

    It is one that is not weight_norm, if there is any.
    """
    given = alternatives(index, function).paths
    for value in values_of(index, function):
        for each in walk(value):
            if isinstance(each, (ast.Name, ast.Attribute)):
                given.setdefault(each, meaning(index.source, each).path)
    found = {each: path for each, path in given.items() if REPARAMETRISING.fullmatch(path)}
    return min(found, key=lambda each: found[each] in WEIGHT_NORMS, default=None)


def may_look_at_module(source: Source, register: ast.Attribute) -> bool:
    """Whether a hook that is registered may look at the module, which it is given first."""
    call = source.parent(register)
    hook = call.args[0] if isinstance(call, ast.Call) and call.args else None
    function = hook if isinstance(hook, ast.Lambda) else None
    if isinstance(hook, (ast.Name, ast.Attribute)):
        found = meaning(source, hook).node
        if not isinstance(found, FUNCTIONS):
            return isinstance(hook, ast.Attribute)
        return _reads_first_parameter(found)
    return function is not None and _reads_first_parameter(function)


def _reads_first_parameter(function: Function | ast.Lambda) -> bool:
    names = [each.arg for each in function.args.args[:1]]
    return any(isinstance(each, ast.Name) and each.id in names for each in walk(function))


def are_treated_alike(source: Source, attribute: ast.Attribute) -> bool:
    """Whether what ``conv.parameters()`` gives is treated alike, however many there are.

    They are frozen, or handed to an optimizer; or only the device of one is asked for.
    """
    call = source.parent(attribute)
    parent = source.parent(call)
    if isinstance(parent, ast.keyword):
        parent = source.parent(parent)
    if isinstance(parent, ast.For):
        return all(_ALIKE.search(source.code(each)) is not None for each in parent.body)
    if not isinstance(parent, ast.Call):
        return isinstance(parent, ast.Dict)
    name = getattr(parent.func, "id", "") or getattr(parent.func, "attr", "")
    if name == "next":
        return getattr(source.parent(parent), "attr", "") in ALIKE
    return meaning(source, parent.func).path.startswith("torch.optim.") or name in _TAKING
