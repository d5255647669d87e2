"""Tell where ``F.conv2d`` is given a weight that is no module's.

    w = window(size, x.size(1)).to(x)                   w = self.weight * style.view(b, 1, c, 1, 1)
    mean = F.conv2d(x, w, groups=x.size(1))             y = F.conv2d(x, w.flatten(0, 1), groups=b)

It is made of numbers alone, such as the window of a loss, or of what a network computes. There is
nothing to split.
"""

from __future__ import annotations

import ast
from typing import Final

from ..facts.facts import Facts
from ..facts.values import (
    NOTHING,
    Bound,
    ClassValue,
    Constant,
    Instance,
    Object,
    Parameter,
    Size,
    Tensor,
    Value,
    Values,
)
from ..reading.classes import ClassIndex
from ..reading.convolutions import GROUPS_POSITION
from ..reading.parts import walk
from ..torch_api import MAKE_TENSORS
from .called import is_conv_class
from .source_facts import facts_of_source

_ENTRIES: Final = ("forward", "__call__")
_CASTS: Final = frozenset(
    f"torch.Tensor.{each}"
    for each in ("to", "type", "type_as", "expand", "expand_as", "repeat", "view", "reshape")
)
"""Methods whose arguments tell of what kind the result is, and of which size."""


def has_weight_of_no_module(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a convolution as a function is given a weight that is computed for it."""
    facts, values = facts_of_source(index), _weights(index, call)
    if not facts.is_complete or not values:
        return False
    groups = call.args[GROUPS_POSITION : GROUPS_POSITION + 1]
    groups += [each.value for each in call.keywords if each.arg == "groups"]
    is_of_size = any(
        isinstance(each, ast.expr) and any(isinstance(one, Size) for one in facts.values(each))
        for given in groups
        for each in walk(given)
    )
    weight = _Weight(facts, is_of_size)
    known = [each for each in values if not isinstance(each, Parameter)]
    return (is_of_size or bool(known)) and all(weight.is_computed(each, ()) for each in known)


def has_weight_of_its_convolution(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a convolution as a function is the forward of a subclass of a convolution."""
    return any(
        isinstance(each, Bound)
        and isinstance(each.receiver, Instance)
        and is_conv_class(ClassValue(each.receiver.cls))
        for each in _weights(index, call)
    )


def _weights(index: ClassIndex, call: ast.Call) -> Values:
    """What the weight of a convolution as a function may be."""
    given = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "weight")]
    return facts_of_source(index).values(given[0]) if len(given) == 1 else NOTHING


class _Weight:
    """Tells what the weight of a function is made of.

    Args:
        facts: of the source.
        is_of_size: whether its groups are a length of a tensor, and so no module's number.
    """

    def __init__(self, facts: Facts, is_of_size: bool) -> None:
        self.facts = facts
        self._is_of_size = is_of_size

    def is_computed(self, value: Value, seen: tuple[Value, ...]) -> bool:
        """Whether something is made of what a network computes, or of numbers alone."""
        if isinstance(value, (Constant, Size)) or value in seen:
            return True
        if not isinstance(value, Tensor):
            return False
        inside = (*seen, value)
        if getattr(value.producer, "path", "") in MAKE_TENSORS or self._is_data(value, set()):
            return True
        return all(self.is_computed(each, inside) for each in self._inputs(value))

    def _is_data(self, value: Value, seen: set[Value]) -> bool:
        """Whether it is made of what a module gives, or a function that is no module's is given."""
        if isinstance(value, Parameter):
            return self._is_of_size or getattr(value.function, "name", "") in _ENTRIES
        if not isinstance(value, Tensor) or value in seen:
            return False
        seen.add(value)
        if isinstance(value.producer, (Object, Instance)):
            return True
        return any(self._is_data(each, seen) for each in self._inputs(value))

    def _inputs(self, tensor: Tensor) -> frozenset[Value]:
        """What a tensor is made of; of a cast, what is cast."""
        match tensor.site:
            case ast.Call(func=ast.Attribute(value=receiver)) if (
                getattr(tensor.producer, "path", "") in _CASTS
            ):
                return self.facts.values(receiver)
        return self.facts.inputs_of(tensor)
