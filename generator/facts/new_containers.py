"""Containers that are made of others: copies, sums, what ``zip`` and ``enumerate`` give."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from .frames import Frame
from .heap import Slot, is_mapping, union
from .interpreter import Interpreter
from .iteration import Iteration
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    Instance,
    Object,
    Parameter,
    Tensor,
    Unknown,
    Values,
)


@dataclass(eq=False)
class NewContainers:
    """Makes containers of others."""

    interpreter: Interpreter
    iteration: Iteration
    tensors: Tensors

    def tuple_at(self, around: Object, place: int, parts: list[Values]) -> Values:
        """A tuple that stands at a place of a container."""
        heap, intern = self.interpreter.heap, self.interpreter.intern
        kind = f"builtins.tuple {place}"
        made = intern(Object, around.site, kind, around.context, around.owner)
        heap.make_container(made)
        for number, values in enumerate(parts):
            heap.put(made, number, Slot(values))
        return frozenset((made,))

    def rows(self, columns: list[Values], node: ast.AST, frame: Frame) -> Values:
        """What ``zip`` gives; ``enumerate`` is one with numbers in the first column."""
        heap, interpreter = self.interpreter.heap, self.interpreter
        made = interpreter.container(node, "builtins.list", frame)
        slots = [interpreter.items(each, node, frame) for each in columns]
        is_sure = all(len(each) == 1 for each in columns) and not any(
            heap.is_loose(each) for column in columns for each in column
        )
        forms = {tuple((slot.many, slot.is_optional) for slot in each) for each in slots}
        if is_sure and len(forms) == 1:
            for place, row in enumerate(zip(*slots, strict=True)):
                pair = self.tuple_at(made, place, [slot.values for slot in row])
                one = row[0]
                heap.put(made, place, replace(one, values=pair, name=None, node=None))
        else:
            whole = [union(slot.values for slot in each) for each in slots]
            pair = self.tuple_at(made, 0, whole)
            heap.put(made, 0, Slot(pair, many=True, is_optional=True))
            heap.loosen(made)
        return frozenset((made,))

    def numbered(self, values: Values, node: ast.AST, frame: Frame, is_from_0: bool) -> Values:
        """The numbers of the items of something, as a container of as many."""
        heap, interpreter = self.interpreter.heap, self.interpreter
        intern = interpreter.intern
        made = intern(Object, node, "builtins.list of numbers", frame.context, frame.owner)
        heap.make_container(made)
        slots = interpreter.items(values, node, frame)
        is_fixed = is_from_0 and all(each.is_one for each in slots)
        for place, slot in enumerate(slots):
            number = interpreter.constant(place) if is_fixed else ANYTHING
            heap.put(made, place, replace(slot, values=number, name=None, node=None))
        return frozenset((made,))

    def copied(
        self, values: Values, kind: str, node: ast.AST, frame: Frame, backwards: bool = False
    ) -> Values:
        """A new container with the items of others."""
        heap, interpreter = self.interpreter.heap, self.interpreter
        made = interpreter.container(node, kind, frame)
        slots = interpreter.items(values, node, frame)
        for each in values:
            heap.copy_walk(made, each)
        if is_mapping(made):
            slots = self.iteration.entries(values, node, frame)
        for place, slot in enumerate(reversed(slots) if backwards else slots):
            heap.put(made, place, slot)
        if any(map(heap.is_loose, values)) or len(values) > 1:
            heap.loosen(made)
        return frozenset((made,))

    def added(
        self, node: ast.BinOp, left: Values, right: Values, times: bool, frame: Frame
    ) -> Values:
        """What ``a + b`` gives, or ``a * b``, where one may be a container."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        sides = [frozenset(filter(heap.is_container, each)) for each in (left, right)]
        others = [left - sides[0], right - sides[1]]
        found = NOTHING
        is_repeated = times and not all(others) and not any(map(_may_be_tensor, others))
        if any(others) and not is_repeated:
            found = self.tensors.operation(node, others, frame)
        if times:
            is_container = any(map(_may_be_number, others))
        else:
            is_container = all(map(_may_be_list, (left, right)))
        if not is_container:
            return found
        made = interpreter.container(node, "builtins.list", frame)
        for number, (side, rest) in enumerate(zip(sides, others, strict=True)):
            for place, slot in enumerate(interpreter.items(side, node, frame)):
                many = slot.many or times
                optional = slot.is_optional or times or len(side | rest) > 1
                joined = replace(slot, name=None, many=many, is_optional=optional)
                heap.put(made, (number, place), joined)
            if len(side | rest) > 1 or any(map(heap.is_loose, side)) or times:
                heap.loosen(made)
            if not side and not times:
                heap.put(made, (number, "any"), Slot(ANYTHING, many=True, is_optional=True))
        return found | {made}


def _may_be_list(values: Values) -> bool:
    """Whether something may be a list, or another container that can be added to one."""
    return any(isinstance(each, (Object, Instance, Parameter, Unknown)) for each in values)


def _may_be_tensor(values: Values) -> bool:
    return any(isinstance(each, (Tensor, Instance)) for each in values)


def _may_be_number(values: Values) -> bool:
    """Whether something may be a number, by which a list can be repeated."""
    return not all(isinstance(each, (Tensor, Instance)) for each in values)
