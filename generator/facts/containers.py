"""Lists, dicts and the modules that hold others: what is put into them, and taken out."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Final

from .arguments import Arguments, last_argument
from .frames import Frame
from .heap import Slot, is_mapping
from .interpreter import Interpreter
from .iteration import Iteration
from .lookups import lasting
from .new_containers import NewContainers
from .values import (
    ANYTHING,
    NOTHING,
    Instance,
    Object,
    Tensor,
    Value,
    Values,
    is_of_weight,
    only_constant,
)

_READS: Final = frozenset(("index", "count", "__len__", "__contains__", "_get_abs_string_index"))
_TAKES: Final = frozenset(("pop", "popleft", "remove", "clear", "reverse", "popitem", "discard"))


@dataclass(eq=False)
class Containers:
    """Interprets what is done with containers."""

    interpreter: Interpreter
    iteration: Iteration
    new_containers: NewContainers

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
            slots = self.iteration.entries(values, node, frame)
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
        name = self.iteration.key(index, node, frame)
        if isinstance(value, Instance) and not heap.is_container(value):
            given = Arguments((index, values))
            interpreter.special(value, "__setitem__", given, node, frame)
            interpreter.escape(values, node, frame)
        elif is_of_weight(value):
            interpreter.use(values, "operand", node, frame)
        elif not heap.is_container(value):
            if isinstance(value, Tensor):
                interpreter.use(values, "operand", node, frame)
            interpreter.escape(values, node, frame)
        elif is_mapping(value) and name is not None:
            slot = Slot(lasting(values), name)
            interpreter.put(value, None, slot, frame)
        else:
            key = index if is_mapping(value) else NOTHING
            slot = Slot(lasting(values), many=True, is_optional=True, key=key)
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
            interpreter.unknown(given, node, frame, name)
            heap.put(value, (node, "rest"), Slot(ANYTHING, many=True, is_optional=True))
            heap.loosen(value)
        elif name in ("append", "add", "appendleft"):
            self.put(value, first, node, frame, made_by=last_argument(node))
            if name != "append":
                heap.loosen(value)
        elif name in ("extend", "update"):
            self.extend(value, first, node, frame) if first else None
            for key, values in given.named.items():
                if key not in ("module", "modules"):
                    self.put(value, values, node, frame, name=key, place=key)
            return frozenset((value,)) | interpreter.constant(None)
        elif name == "insert":
            self.put(value, given.get(1, "module"), node, frame, made_by=last_argument(node))
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
                interpreter.call(key, Arguments((heap.item(value, None),)), node, frame)
            return interpreter.constant(None)
        if name in ("get", "setdefault", "__getitem__"):
            return self._get(value, given, node, frame, name == "setdefault")
        if name in ("values", "items") and is_mapping(value):
            return self._view(value, name == "items", node, frame)
        if name == "keys" and is_mapping(value):
            made = interpreter.container(node, "builtins.list", frame)
            heap.copy_walk(made, value)
            for place, slot in enumerate(heap.slots(value)):
                heap.put(made, place, self.iteration.key_slot(slot))
            return frozenset((made,))
        if name == "copy":
            kind = value.kind if isinstance(value, Object) else "builtins.list"
            return self.new_containers.copied(frozenset((value,)), kind, node, frame)
        return ANYTHING if name in _READS else None

    def _get(
        self, value: Value, given: Arguments, node: ast.AST, frame: Frame, is_put: bool
    ) -> Values:
        index = only_constant(given.get(0, "key"))
        default = given.get(1, "default")
        if is_put:
            name = self.iteration.key(given.get(0, "key"), node, frame)
            slot = Slot(lasting(default), name)
            self.interpreter.heap.put(value, (node, "default"), slot)
        found = self.interpreter.heap.item(value, index)
        return found | (default or self.interpreter.constant(None))

    def _view(self, value: Value, with_keys: bool, node: ast.AST, frame: Frame) -> Values:
        """The values of a dict, or its pairs."""
        heap, tuple_at = self.interpreter.heap, self.new_containers.tuple_at
        made = self.interpreter.container(node, "builtins.list", frame)
        heap.copy_walk(made, value)
        for place, slot in enumerate(heap.slots(value)):
            values = slot.values
            if with_keys:
                values = tuple_at(made, place, [self.iteration.key_slot(slot).values, values])
            heap.put(made, place, replace(slot, values=values, name=None, key=NOTHING))
        if heap.is_loose(value):
            heap.loosen(made)
        return frozenset((made,))
