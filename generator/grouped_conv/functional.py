"""Tell where ``F.conv2d`` is given a weight that is no module's.

    w = window(size, x.size(1)).to(x)                   w = self.weight * style.view(b, 1, c, 1, 1)
    mean = F.conv2d(x, w, groups=x.size(1))             y = F.conv2d(x, w.flatten(0, 1), groups=b)

It is made of numbers alone, such as the window of a loss, or of what a network computes. There is
nothing to split.
"""

from __future__ import annotations

import ast

from ..facts.facts import Facts
from ..facts.values import Constant, Instance, Object, Parameter, Size, Tensor, Value
from ..reading.classes import ClassIndex
from ..reading.convolutions import GROUPS_POSITION
from ..reading.parts import walk
from .source_facts import facts_of_source

_ENTRIES = ("forward", "__call__")


def has_weight_of_no_module(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a convolution as a function is given a weight that is computed for it."""
    facts = facts_of_source(index)
    weights = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "weight")]
    values = facts.values(weights[0]) if len(weights) == 1 else frozenset()
    if not facts.is_complete or not values:
        return False
    groups = call.args[GROUPS_POSITION : GROUPS_POSITION + 1]
    groups += [each.value for each in call.keywords if each.arg == "groups"]
    is_of_size = any(_is_of_size(index, each) for each in groups)
    weight = _Weight(facts, is_of_size)
    known = [each for each in values if not isinstance(each, Parameter)]
    return (is_of_size or bool(known)) and all(map(weight.is_computed, known))


def _is_of_size(index: ClassIndex, groups: ast.expr) -> bool:
    """Whether a number of groups is a length of a tensor, or made of such."""
    names = [each for each in walk(groups) if isinstance(each, ast.Name)]
    statements = [
        index.source.statement(binding.node)
        for each in names
        if (found := index.source.scope(each).lookup(each.id)) is not None
        for binding in found[1]
        if binding.kind != "parameter"
    ]
    return any(
        isinstance(each, ast.Attribute) and each.attr in ("shape", "size")
        for part in (groups, *statements)
        for each in walk(part)
    )


class _Weight:
    """Tells what the weight of a function is made of.

    Args:
        facts: of the source.
        is_of_size: whether its groups are a length of a tensor, and so no module's number.
    """

    def __init__(self, facts: Facts, is_of_size: bool) -> None:
        self.facts = facts
        self._is_of_size = is_of_size

    def is_computed(self, value: Value) -> bool:
        """Whether something is made of what a network computes, or of numbers alone."""
        return self._stems_from_data(value, set()) or self._is_number(value, set())

    def _stems_from_data(self, value: Value, seen: set[Value]) -> bool:
        """Whether it is made of what a module gives, or a function that is no module's is given."""
        if isinstance(value, Parameter):
            return self._is_of_size or getattr(value.function, "name", "") in _ENTRIES
        if not isinstance(value, Tensor) or value in seen:
            return False
        seen.add(value)
        if isinstance(value.producer, (Object, Instance)):
            return True
        return any(self._stems_from_data(each, seen) for each in self.facts.inputs_of(value))

    def _is_number(self, value: Value, seen: set[Value]) -> bool:
        if isinstance(value, (Constant, Size)) or value in seen:
            return True
        seen.add(value)
        inputs = self.facts.inputs_of(value) if isinstance(value, Tensor) else ()
        return isinstance(value, Tensor) and all(self._is_number(each, seen) for each in inputs)
