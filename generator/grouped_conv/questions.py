"""What a source asks of an object that a module in its place may not answer."""

from __future__ import annotations

import ast
import re
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.values import NOTHING, ClassValue, External, Partial, Value
from ..reading.classes import REPARAMETRISING
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source
from .weights import ALIKE

_ALIKE: Final = re.compile(r"requires_grad|^\w+(\.data|\.detach\(\))?\.zero_\(\)$")
"""What does the same to each parameter."""
_TAKING: Final = frozenset(("add_param_group", "dict", "extend", "chain"))


def may_be_conv(facts: Facts, classes: ast.expr) -> bool:
    """Whether what isinstance is given may be, or hold, the class of a convolution."""
    asked = facts.with_items(facts.values(classes))
    return any(map(_may_be_conv, (each for each in asked if not facts.heap.is_container(each))))


def _may_be_conv(value: Value) -> bool:
    match value:
        case External(path=path):
            return path in torch_api.CONVOLUTIONS or path.endswith("._ConvNd")
        case ClassValue(cls=cls):
            return not cls.is_known or not torch_api.CONVOLUTIONS.isdisjoint(cls.externals)
    return True


def is_of_others(facts: Facts, source: Source, node: ast.AST) -> bool:
    """Whether it is asked before for classes that a convolution is none of."""
    for each in source.ancestors(node):
        match each:
            case ast.If(
                test=ast.Call(func=ast.Name(id="isinstance"), args=[_, classes]), body=body
            ):
                is_first = not {*body}.isdisjoint((node, *source.ancestors(node)))
                if is_first and not may_be_conv(facts, classes):
                    return True
    return False


def asks_for_others(source: Source, facts: Facts, call: ast.Call) -> bool:
    """Whether ``type(m)`` is only compared with classes that are surely none of a convolution."""
    match source.parent(call):
        case ast.Compare(left=left, comparators=[other]) if left is call:
            asked = facts.with_items(facts.values(other)) if facts.is_complete else NOTHING
            classes = [each for each in asked if not facts.heap.is_container(each)]
            return bool(classes) and all(map(_is_no_conv, classes))
    return False


def _is_no_conv(value: Value) -> bool:
    match value:
        case External(path=path):
            return torch_api.is_nn_class(path) and path not in torch_api.CONVOLUTIONS
        case ClassValue(cls=cls):
            return cls.is_known and torch_api.CONVOLUTIONS.isdisjoint(cls.externals)
    return False


def reparametrising(facts: Facts, function: ast.expr) -> set[str]:
    """Which functions such as spectral_norm a variable may be that is called."""
    waiting, found = [*facts.values(function)], set[str]()
    while waiting:
        match waiting.pop():
            case Partial(function=value):
                waiting.append(value)
            case External(path=path) if REPARAMETRISING.fullmatch(path):
                found.add(path)
    return found


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
