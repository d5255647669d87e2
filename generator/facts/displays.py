"""What displays and comprehensions make, and what subscripts take out of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from .. import torch_api
from ..reading.parts import walk
from .arguments import Arguments
from .assignment import Assignment
from .frames import Frame
from .heap import Around, Slot, union
from .interpreter import Interpreter
from .iteration import Iteration
from .loops import Loops
from .narrowing import narrowed, truth_of
from .tensors import Tensors, is_weight
from .values import (
    ANYTHING,
    NOTHING,
    Constant,
    Instance,
    Object,
    Parameter,
    Size,
    Tensor,
    Value,
    Values,
    is_of_weight,
    only_constant,
)


@dataclass(eq=False)
class Displays:
    """One function for each kind of expression that makes a container or takes an item."""

    interpreter: Interpreter
    assignment: Assignment
    iteration: Iteration
    loops: Loops
    tensors: Tensors

    def __post_init__(self) -> None:
        self.interpreter.expressions.update(
            {
                ast.List: lambda node, frame: self._display(node, "builtins.list", frame),
                ast.Tuple: lambda node, frame: self._display(node, "builtins.tuple", frame),
                ast.Set: self._set,
                ast.Dict: self._dict,
                ast.ListComp: self._list_comprehension,
                ast.SetComp: self._set_comprehension,
                ast.GeneratorExp: self._list_comprehension,
                ast.DictComp: self._dict_comprehension,
                ast.Subscript: self._subscript,
                ast.Slice: self._slice,
            }
        )

    def _display(self, node: ast.List | ast.Tuple | ast.Set, kind: str, frame: Frame) -> Values:
        interpreter = self.interpreter
        made = interpreter.container(node, kind, frame)
        for place, element in enumerate(node.elts):
            if not isinstance(element, ast.Starred):
                values = interpreter.ev(element, frame)
                slot = Slot(values, node=element)
                interpreter.heap.put(made, (place, frame.turns), slot)
                continue
            values = interpreter.ev(element.value, frame)
            interpreter.use(values, "iterate", element, frame)
            for number, slot in enumerate(interpreter.items(values, element, frame)):
                interpreter.heap.put(made, (place, number, frame.turns), _unnamed(slot))
            if len(values) != 1 or any(map(interpreter.heap.is_loose, values)):
                interpreter.heap.loosen(made)
        return frozenset((made,))

    def _set(self, node: ast.Set, frame: Frame) -> Values:
        made = self._display(node, "builtins.set", frame)
        for each in made:
            self.interpreter.heap.loosen(each)
        return made

    def _dict(self, node: ast.Dict, frame: Frame) -> Values:
        interpreter = self.interpreter
        made = interpreter.container(node, "builtins.dict", frame)
        for place, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            if key is None:
                values = interpreter.ev(value, frame)
                for number, slot in enumerate(self.iteration.entries(values, value, frame)):
                    interpreter.heap.put(made, (place, number, frame.turns), slot)
                continue
            keys = interpreter.ev(key, frame)
            name = self.iteration.key(keys, key, frame)
            values = interpreter.ev(value, frame)
            slot = Slot(values, name, node=value, key=NOTHING if name is not None else keys)
            interpreter.heap.put(made, (place, frame.turns), slot)
        return frozenset((made,))

    # --- comprehensions ----------------------------------------------------------------------

    def _list_comprehension(self, node: ast.ListComp | ast.GeneratorExp, frame: Frame) -> Values:
        return self._comprehension(node, "builtins.list", None, node.elt, node.generators, frame)

    def _set_comprehension(self, node: ast.SetComp, frame: Frame) -> Values:
        made = self._comprehension(node, "builtins.set", None, node.elt, node.generators, frame)
        for each in made:
            self.interpreter.heap.loosen(each)
        return made

    def _dict_comprehension(self, node: ast.DictComp, frame: Frame) -> Values:
        generators = node.generators
        return self._comprehension(node, "builtins.dict", node.key, node.value, generators, frame)

    def _comprehension(
        self,
        node: ast.expr,
        kind: str,
        key: ast.expr | None,
        element: ast.expr,
        generators: list[ast.comprehension],
        frame: Frame,
    ) -> Values:
        interpreter = self.interpreter
        made = interpreter.container(node, kind, frame)
        targets = {
            each.id
            for generator in generators
            for each in walk(generator.target)
            if isinstance(each, ast.Name)
        }
        hidden = {name: frame.env[name] for name in targets if name in frame.env}

        def go(left: list[ast.comprehension]) -> None:
            if not left:
                name, keys = None, NOTHING
                if key is not None:
                    keys = interpreter.ev(key, frame)
                    name = self.iteration.key(keys, key, frame)
                keys = keys if name is None else NOTHING
                slot = Slot(interpreter.ev(element, frame), name, node=element, key=keys)
                interpreter.put(made, frame.turns, slot, frame)
                return
            for slot in self.loops.turns(node, left[0].iter, frame):
                self.assignment.assign(left[0].target, slot.values, frame)
                path = frame.path
                for test in left[0].ifs:
                    if truth_of(interpreter, test, frame) is not True:
                        frame.path = (*path, Around(node, False))
                    known = narrowed(interpreter, test, frame.env, True)
                    frame.env.update({name: known[name] for name in targets & known.keys()})
                go(left[1:])
                frame.path = path

        go(generators)
        for name in targets:
            frame.env.pop(name, None)
        frame.env.update(hidden)
        return frozenset((made,))

    # --- items -------------------------------------------------------------------------------

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Values:
        interpreter = self.interpreter
        values, index = interpreter.ev(node.value, frame), interpreter.ev(node.slice, frame)
        interpreter.use(values, "item", node, frame)
        return union([self._item(node, each, index, frame) for each in values])

    def _item(self, node: ast.Subscript, value: Value, index: Values, frame: Frame) -> Values:
        interpreter = self.interpreter
        known = only_constant(index)
        if isinstance(value, Size) and value.dimension is None:
            if isinstance(node.slice, ast.Slice) and node.slice.lower is node.slice.step is None:
                return frozenset((value,))  # the first of them
            if known is not None and isinstance(known.value, int):
                return frozenset((interpreter.intern(Size, value.of, known.value),))
        if isinstance(value, (Tensor, Parameter)):
            return self.tensors.sliced(node, value, frame)
        if interpreter.heap.is_container(value):
            if isinstance(node.slice, ast.Slice):
                return self._part(node, value, frame)
            return interpreter.heap.item(value, known)
        if isinstance(value, Instance):
            given = Arguments((index,))
            return interpreter.special(value, "__getitem__", given, node, frame)
        if is_weight(value):
            return frozenset((value,)) | (NOTHING if is_of_weight(value) else ANYTHING)
        if isinstance(value, Object) and value.kind in torch_api.LAYERS:  # which raises
            return NOTHING
        interpreter.escape((value,), node, frame, "[]")
        return ANYTHING

    def _part(self, node: ast.Subscript, value: Value, frame: Frame) -> Values:
        """A slice of a container."""
        interpreter = self.interpreter
        kind = value.kind if isinstance(value, Object) else "torch.nn.Sequential"
        made = interpreter.container(node, kind, frame)
        slots = interpreter.heap.slots(value)
        bounds = self._bounds(node.slice, frame)
        is_fixed = all(each.is_one for each in slots) and not interpreter.heap.is_loose(value)
        if bounds is not None and is_fixed:
            for place, slot in enumerate(slots[bounds]):
                interpreter.heap.put(made, place, slot)
        else:
            any_of = union(each.values for each in slots)
            interpreter.heap.put(made, "any", Slot(any_of, many=True, is_optional=True))
            interpreter.heap.loosen(made)
        return frozenset((made,))

    def _bounds(self, node: ast.expr, frame: Frame) -> slice | None:
        assert isinstance(node, ast.Slice)
        found: list[int | None] = []
        for part in (node.lower, node.upper, node.step):
            known = None if part is None else only_constant(self.interpreter.ev(part, frame))
            if part is not None and not _is_int(known):
                return None
            found.append(None if known is None else int(str(known.value)))
        return slice(*found) if found[2] != 0 else None

    def _slice(self, node: ast.Slice, frame: Frame) -> Values:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.interpreter.ev(part, frame)
        return ANYTHING


def _is_int(value: Constant | None) -> bool:
    return value is not None and type(value.value) is int


def _unnamed(slot: Slot) -> Slot:
    """The same item where it has no key."""
    return replace(slot, name=None)
