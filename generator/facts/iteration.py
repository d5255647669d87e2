"""What is in lists, dicts and other containers: what going over them gives."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from .arguments import Arguments
from .frames import Frame
from .heap import Slot, is_mapping, union
from .interpreter import Interpreter
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    Constant,
    Instance,
    Parameter,
    Size,
    Tensor,
    Value,
    Values,
    only_constant,
)


@dataclass(eq=False)
class Iteration:
    """Tells what is in containers."""

    interpreter: Interpreter
    tensors: Tensors

    def __post_init__(self) -> None:
        self.interpreter.items = self.iterated

    def iterated(self, values: Values, node: ast.AST, frame: Frame) -> list[Slot]:
        """What iterating over something gives: the keys, of a dict.

        One stands for all where it is not known which they are, or in which order.
        """
        found = [slot for each in values for slot in self._iterated(each, node, frame)]
        heap = self.interpreter.heap
        if len(found) < 2 or (len(values) == 1 and not any(map(heap.is_loose, values))):
            return found
        any_of = union(each.values for each in found)
        return [Slot(any_of, many=True, is_optional=True)]

    def _iterated(self, value: Value, node: ast.AST, frame: Frame) -> list[Slot]:
        heap = self.interpreter.heap
        if heap.is_container(value):
            slots = heap.slots(value)
            return [*map(self.key_slot, slots)] if is_mapping(value) else slots
        if isinstance(value, Constant) and not isinstance(value.value, (str, bytes)):
            return []  # it raises
        if isinstance(value, (Tensor, Parameter, Size)):
            parts = self.tensors.elements(value, frame)
        else:
            parts = self._of_iterator(value, node, frame)
        return [Slot(parts, many=True, is_optional=True)]

    def _of_iterator(self, value: Value, node: ast.AST, frame: Frame) -> Values:
        """What iterating over something gives that is known for no container."""
        if isinstance(value, Instance):
            special, heap = self.interpreter.special, self.interpreter.heap
            following = special(value, "__next__", Arguments(), node, frame)
            found = special(value, "__iter__", Arguments(), node, frame)
            self.interpreter.escape(found, node, frame, "for")
            lists = filter(heap.is_container, found)
            return ANYTHING.union(following, *(heap.item(each, None) for each in lists))
        else:
            self.interpreter.escape((value,), node, frame, "for")
        return ANYTHING

    def key_slot(self, slot: Slot) -> Slot:
        """The key that an item of a dict is found by, as an item."""
        key = self.interpreter.constant(slot.name) if slot.name is not None else slot.key
        return replace(slot, values=key or ANYTHING, name=None, node=None, key=NOTHING)

    def entries(self, values: Values, node: ast.AST, frame: Frame) -> list[Slot]:
        """What a dict holds, under its keys; of a list, the second part of each pair."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        found: list[Slot] = []
        for value in values:
            if heap.is_container(value) and is_mapping(value):
                found += heap.slots(value)
                continue
            for slot in interpreter.items(frozenset((value,)), node, frame):
                found += [self._entry(pair, slot, node, frame) for pair in slot.values]
        return found

    def _entry(self, pair: Value, around: Slot, node: ast.AST, frame: Frame) -> Slot:
        heap = self.interpreter.heap
        parts = heap.slots(pair)
        many, is_optional = around.many, around.is_optional or len(around.values) > 1
        if len(parts) != 2 or heap.is_loose(pair) or not all(each.is_one for each in parts):
            self.interpreter.escape((pair,), node, frame)
            return Slot(ANYTHING, None, True, None, True)
        name = self.key(parts[0].values, node, frame)
        key = NOTHING if name is not None else parts[0].values
        return Slot(parts[1].values, name, many, parts[1].node, is_optional, around.path, key)

    def key(self, values: Values, node: ast.AST, frame: Frame) -> str | int | None:
        """The key that is told apart from others; what else is a key has escaped."""
        known = only_constant(values)
        if known is None:
            self.interpreter.escape(values, node, frame, "key")
            return None
        return known.value if isinstance(known.value, (str, int)) else None
