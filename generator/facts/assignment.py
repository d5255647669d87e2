"""What assignments do."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .attributes import Attributes
from .containers import Containers
from .folding import can_fold, folded
from .frames import Frame
from .heap import Slot, union
from .interpreter import Interpreter
from .lookups import Lookups
from .tensors import Tensors
from .values import Parameter, Size, Tensor, Value, Values, only_constant


@dataclass(eq=False)
class Assignment:
    """Interprets the targets of assignments."""

    interpreter: Interpreter
    attributes: Attributes
    containers: Containers
    lookups: Lookups
    tensors: Tensors

    def assign(self, target: ast.expr, values: Values, frame: Frame) -> None:
        """Put values into the target of an assignment."""
        interpreter = self.interpreter
        match target:
            case ast.Name(id=name):
                self.lookups.bind(name, values, frame)
                interpreter.note(target, values)
            case ast.Attribute():
                receivers = interpreter.ev(target.value, frame)
                self.attributes.store(target, receivers, values, frame)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                interpreter.use(values, "iterate", target, frame)
                for place in range(len(elements)):
                    self._unpack(elements, place, values, target, frame)
            case _:
                assert isinstance(target, ast.Subscript)
                index = interpreter.ev(target.slice, frame)
                receivers = interpreter.ev(target.value, frame)
                for value in receivers:
                    self.containers.set_item(value, index, values, target, frame)

    def _unpack(
        self, elements: list[ast.expr], place: int, values: Values, node: ast.expr, frame: Frame
    ) -> None:
        """Assign to one of several targets what it is given."""
        interpreter, target = self.interpreter, elements[place]
        if isinstance(target, ast.Starred):
            made = interpreter.container(target, "builtins.list", frame)
            for slot in interpreter.items(values, node, frame):
                rest = Slot(slot.values, many=True, is_optional=True)
                interpreter.heap.put(made, "rest", rest)
            interpreter.heap.loosen(made)
            self.assign(target.value, frozenset((made,)), frame)
            return
        has_star = any(isinstance(each, ast.Starred) for each in elements)
        count = None if has_star else len(elements)
        parts = [self._part(each, place, count, elements[place], frame) for each in values]
        self.assign(target, union(parts), frame)

    def _part(
        self, value: Value, place: int, count: int | None, target: ast.expr, frame: Frame
    ) -> Values:
        """One of the parts of something."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        if isinstance(value, Size) and value.dimension is None and count is not None:
            return frozenset((interpreter.intern(Size, value.of, place),))
        if isinstance(value, (Tensor, Parameter)):
            return self.tensors.part(target, value, place, frame)
        slots = interpreter.items(frozenset((value,)), target, frame)
        is_fixed = all(each.is_one for each in slots) and not heap.is_loose(value)
        if is_fixed and len(slots) == count:
            return slots[place].values
        return union(slot.values for slot in slots)

    def augmented(self, node: ast.AugAssign, frame: Frame) -> None:
        """Interpret ``x += y``, which may change x where it is or put another in its place."""
        interpreter = self.interpreter
        before = interpreter.ev(node.target, frame)
        values = interpreter.ev(node.value, frame)
        containers = frozenset(each for each in before if interpreter.heap.is_container(each))
        for each in containers:
            self.containers.extend(each, values, node, frame)
            if not isinstance(node.op, ast.Add) or len(before) > 1:
                interpreter.heap.loosen(each)
        others = before - containers
        if others or not before:
            result = self._operated(node, others, values, frame)
            self.assign(node.target, result | containers, frame)
        else:
            self.assign(node.target, containers, frame)

    def _operated(
        self, node: ast.AugAssign, before: Values, values: Values, frame: Frame
    ) -> Values:
        a, b = only_constant(before), only_constant(values)
        if a is not None and b is not None and can_fold(node.op):
            return self.interpreter.constant(folded(node.op, a.value, b.value))
        return self.tensors.operation(node, [before, values], frame)
