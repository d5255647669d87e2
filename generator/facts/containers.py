"""Lists, dicts and the modules that hold others: what is put into them, and taken out."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .arguments import Arguments
from .frames import Frame
from .heap import Slot, is_mapping, union
from .lookups import lasting
from .values import (
    ANYTHING,
    NOTHING,
    Constant,
    Instance,
    Object,
    Parameter,
    Size,
    Tensor,
    Unknown,
    Value,
    Values,
    only_constant,
)

if TYPE_CHECKING:
    from .interpreter import Interpreter

_READS: Final = frozenset(("index", "count", "__len__", "__contains__", "_get_abs_string_index"))
_TAKES: Final = frozenset(("pop", "popleft", "remove", "clear", "reverse", "popitem", "discard"))


class Containers:
    """Interprets what is done with containers."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    # --- what is in them ---------------------------------------------------------------------

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
            return [*map(self._key_slot, slots)] if is_mapping(value) else slots
        if isinstance(value, Constant) and not isinstance(value.value, (str, bytes)):
            return []  # it raises
        if isinstance(value, (Tensor, Parameter, Size)):
            parts = self.interpreter.tensors.elements(value, frame)
        else:
            parts = self._of_iterator(value, node, frame)
        return [Slot(parts, many=True, is_optional=True)]

    def _of_iterator(self, value: Value, node: ast.AST, frame: Frame) -> Values:
        """What iterating over something gives that is known for no container."""
        if isinstance(value, Instance):
            calls = self.interpreter.calls
            calls.special(value, "__next__", Arguments(), node, frame)
            found = calls.special(value, "__iter__", Arguments(), node, frame)
            self.interpreter.escape(found, node, frame, "for")
        else:
            self.interpreter.escape((value,), node, frame, "for")
        return ANYTHING

    def _key_slot(self, slot: Slot) -> Slot:
        key = ANYTHING if slot.name is None else self.interpreter.constant(slot.name)
        return replace(slot, values=key, name=None, node=None)

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
        return Slot(parts[1].values, name, many, parts[1].node, is_optional, around.path)

    def key(self, values: Values, node: ast.AST, frame: Frame) -> str | int | None:
        """The key that is told apart from others; what else is a key has escaped."""
        known = only_constant(values)
        if known is None:
            self.interpreter.escape(values, node, frame, "key")
            return None
        return known.value if isinstance(known.value, (str, int)) else None

    # --- what is put into them ---------------------------------------------------------------

    def put(
        self,
        value: Value,
        values: Values,
        node: ast.AST,
        frame: Frame,
        *,
        name: str | int | None = None,
        place: object = None,
        made_by: ast.AST | None = None,
    ) -> None:
        """Put something into a container, behind what is there."""
        key = node, frame.context, frame.turns, place
        slot = Slot(lasting(values), name, node=made_by)
        self.interpreter.put(value, key, slot, frame)
        if not is_mapping(value) and name is not None:
            self.interpreter.heap.store(value, str(name), values)

    def extend(self, value: Value, values: Values, node: ast.AST, frame: Frame) -> None:
        """Put all items of something into a container."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        if len(values) != 1 or any(map(heap.is_loose, values)):
            heap.loosen(value)
        if is_mapping(value):
            slots = self.entries(values, node, frame)
        else:
            slots = interpreter.items(values, node, frame)
        for place, slot in enumerate(slots):
            key = node, frame.context, frame.turns, place
            interpreter.put(value, key, slot, frame)

    def set_item(
        self, value: Value, index: Values, values: Values, node: ast.AST, frame: Frame
    ) -> None:
        """Interpret ``value[index] = ...``."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        interpreter.use((value,), "write", node, frame, name="[]")
        name = self.key(index, node, frame)
        if isinstance(value, Instance) and not heap.is_container(value):
            given = Arguments((index, values))
            interpreter.calls.special(value, "__setitem__", given, node, frame)
            interpreter.escape(values, node, frame)
        elif not heap.is_container(value):
            if isinstance(value, Tensor):
                interpreter.use(values, "operand", node, frame)
            interpreter.escape(values, node, frame)
        elif is_mapping(value) and name is not None:
            slot = Slot(lasting(values), name)
            interpreter.put(value, None, slot, frame)
        else:
            slot = Slot(lasting(values), many=True, is_optional=True)
            heap.put(value, (node, "item"), slot)
            heap.loosen(value)

    # --- their methods -----------------------------------------------------------------------

    def method(
        self, value: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values | None:
        """What a method of a container does; None if it is none of a container."""
        heap, interpreter = self.interpreter.heap, self.interpreter
        first = given.get(0, "module") | given.named.get("modules", NOTHING)
        if given.is_open and name in ("append", "add", "appendleft", "insert", "extend", "update"):
            interpreter.calls.unknown(given, node, frame, name)
            heap.put(value, (node, "rest"), Slot(ANYTHING, many=True, is_optional=True))
            heap.loosen(value)
        elif name in ("append", "add", "appendleft"):
            self.put(value, first, node, frame, made_by=_last(node))
            if name != "append":
                heap.loosen(value)
        elif name in ("extend", "update"):
            self.extend(value, first, node, frame) if first else None
            for key, values in given.named.items():
                if key not in ("module", "modules"):
                    self.put(value, values, node, frame, name=key, place=key)
            return frozenset((value,)) | interpreter.constant(None)
        elif name == "insert":
            self.put(value, given.get(1, "module"), node, frame, made_by=_last(node))
            heap.loosen(value)
        else:
            return self._read(value, name, given, node, frame)
        return interpreter.constant(None)

    def _read(
        self, value: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values | None:
        heap, interpreter = self.interpreter.heap, self.interpreter
        if name in _TAKES:
            heap.loosen(value)
            return heap.item(value, None) | given.get(1, "default")
        if name == "sort":
            heap.loosen(value)
            for key in given.named.get("key", NOTHING):
                interpreter.calls.call(key, Arguments((heap.item(value, None),)), node, frame)
            return interpreter.constant(None)
        if name in ("get", "setdefault", "__getitem__"):
            return self._get(value, given, node, frame, name == "setdefault")
        if name in ("values", "items") and is_mapping(value):
            return self._view(value, name == "items", node, frame)
        if name == "keys" and is_mapping(value):
            made = interpreter.container(node, "builtins.list", frame)
            for place, slot in enumerate(heap.slots(value)):
                heap.put(made, place, self._key_slot(slot))
            return frozenset((made,))
        if name == "copy":
            kind = value.kind if isinstance(value, Object) else "builtins.list"
            return self.copied(frozenset((value,)), kind, node, frame)
        return ANYTHING if name in _READS else None

    def _get(
        self, value: Value, given: Arguments, node: ast.AST, frame: Frame, is_put: bool
    ) -> Values:
        index = only_constant(given.get(0, "key"))
        default = given.get(1, "default")
        if is_put:
            self.key(given.get(0, "key"), node, frame)
            name = index.value if index is not None else None
            slot = Slot(lasting(default), name if isinstance(name, (str, int)) else None)
            self.interpreter.heap.put(value, (node, "default"), slot)
        found = self.interpreter.heap.item(value, index)
        return found | (default or self.interpreter.constant(None))

    def _view(self, value: Value, with_keys: bool, node: ast.AST, frame: Frame) -> Values:
        """The values of a dict, or its pairs."""
        made = self.interpreter.container(node, "builtins.list", frame)
        heap = self.interpreter.heap
        for place, slot in enumerate(heap.slots(value)):
            values = slot.values
            if with_keys:
                values = self.tuple_at(made, place, [self._key_slot(slot).values, values])
            heap.put(made, place, replace(slot, values=values, name=None))
        if heap.is_loose(value):
            heap.loosen(made)
        return frozenset((made,))

    # --- new ones ----------------------------------------------------------------------------

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
        if is_mapping(made):
            slots = self.entries(values, node, frame)
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
        if any(others):
            found = interpreter.tensors.operation(node, others, frame)
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


def _may_be_number(values: Values) -> bool:
    """Whether something may be a number, by which a list can be repeated."""
    return not all(isinstance(each, (Tensor, Instance)) for each in values)


def _last(node: ast.AST) -> ast.AST | None:
    """The last argument of a call."""
    return node.args[-1] if isinstance(node, ast.Call) and node.args else None
