"""Lists, dicts and the modules that hold others: what is put into them, and taken out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from .arguments import Arguments
from .heap import union
from .values import ANYTHING, NOTHING, Constant, Instance, Object, Partial, Value, Values

if TYPE_CHECKING:
    from .frames import Frame
    from .interpreter import Interpreter

_READS: Final = frozenset(
    ("index", "count", "copy", "keys", "__len__", "join", "_get_abs_string_index")
)


class Containers:
    """Interprets what is done with containers.

    Attributes:
        partials: the arguments that each functools.partial has already.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.partials: dict[Value, Arguments] = {}

    def make_partial(self, node: ast.AST, given: Arguments) -> Values:
        """What ``functools.partial`` gives."""
        rest = Arguments(given.positional[1:], given.named, given.rest, given.is_open)
        made = set()
        for function in given.get(0, "func"):
            value = self.interpreter.intern(Partial, node, function)
            self.partials[value] = rest
            made.add(value)
        return frozenset(made)

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
        self.interpreter.heap.put(value, key, values, name, bool(frame.loops), made_by)
        if isinstance(value, Instance) and name is not None:
            self.interpreter.heap.store(value, str(name), values)

    def extend(self, value: Value, values: Values, node: ast.AST, frame: Frame) -> None:
        """Put all items of something into a container."""
        heap = self.interpreter.heap
        for each in values:
            if heap.is_loose(each):
                heap.loosen(value)
        for place, slot in enumerate(self.interpreter.items(values, frame)):
            key = node, frame.context, frame.turns, place
            many = slot.many or bool(frame.loops)
            heap.put(value, key, slot.values, slot.name, many, slot.node)

    def set_item(
        self, value: Value, index: Constant | None, values: Values, node: ast.AST, frame: Frame
    ) -> None:
        """Interpret ``value[index] = ...``."""
        heap = self.interpreter.heap
        self.interpreter.use((value,), "write", node, frame, name="[]")
        if not heap.is_container(value):
            self.interpreter.escape(values, node, frame)
            return
        name = index.value if index is not None else None
        if isinstance(name, (str, int)) and not isinstance(name, bool):
            if isinstance(value, Object) and value.kind.endswith(("dict", "Dict")):
                heap.put(value, ("key", name), values, name)
                return
        heap.put(value, (node, "item"), values, many=True)
        heap.loosen(value)

    def method(
        self, value: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values | None:
        """What a method of a container does; None if it is none of a container."""
        heap, interpreter = self.interpreter.heap, self.interpreter
        if name in ("append", "add", "appendleft"):
            self.put(value, given.get(0, "module"), node, frame, made_by=_first(node))
            if name != "append":
                heap.loosen(value)
            return interpreter.constant(None)
        if name in ("extend", "update"):
            self.extend(value, given.get(0, "modules"), node, frame)
            for key, values in given.named.items():
                self.put(value, values, node, frame, name=key, place=key)
            return interpreter.constant(None)
        if name in ("add_module", "register_module"):
            return None
        if name == "insert":
            self.put(value, given.get(1, "module"), node, frame, made_by=_first(node))
            heap.loosen(value)
            return interpreter.constant(None)
        if name in ("pop", "popleft", "remove", "clear", "reverse", "sort", "popitem"):
            heap.loosen(value)
            return heap.item(value, None)
        if name in ("get", "setdefault", "__getitem__"):
            return self._get(value, given, node, frame, name == "setdefault")
        if name in ("values", "items"):
            return self._view(value, name == "items", node, frame)
        if name in _READS:
            return frozenset((value,)) if name == "copy" else ANYTHING
        return None

    def _get(
        self, value: Value, given: Arguments, node: ast.AST, frame: Frame, is_put: bool
    ) -> Values:
        index = next(iter(given.get(0, "key")), None)
        default = given.get(1, "default")
        if is_put:
            self.put(value, default, node, frame)
        found = self.interpreter.heap.item(value, index)
        return found | (default or self.interpreter.constant(None))

    def _view(self, value: Value, with_keys: bool, node: ast.AST, frame: Frame) -> Values:
        """The values of a dict, or its pairs."""
        made = self.interpreter.container(node, "builtins.list", frame)
        heap = self.interpreter.heap
        for place, slot in enumerate(heap.slots(value)):
            values = slot.values
            if with_keys:
                values = self._pair(made, place, slot.name, values)
            heap.put(made, place, values, None, slot.many, slot.node)
        if heap.is_loose(value):
            heap.loosen(made)
        return frozenset((made,))

    def _pair(self, around: Object, place: int, name: object, values: Values) -> Values:
        """A tuple that stands at a place of a container."""
        intern = self.interpreter.intern
        pair = intern(Object, around.site, f"builtins.tuple {place}", around.context, around.owner)
        key = ANYTHING if name is None else self.interpreter.constant(name)
        self.tuple_of(pair, [key, values])
        return frozenset((pair,))

    def tuple_of(self, made: Value, parts: list[Values]) -> None:
        """Fill a tuple."""
        heap = self.interpreter.heap
        heap.make_container(made)
        for place, values in enumerate(parts):
            heap.put(made, place, values)

    def rows(self, columns: list[Values], node: ast.AST, frame: Frame) -> Values:
        """What ``zip`` gives; ``enumerate`` is one with numbers in the first column."""
        heap, interpreter = self.interpreter.heap, self.interpreter
        made = interpreter.container(node, "builtins.list", frame)
        slots = [interpreter.items(each, frame) for each in columns]
        is_sure = all(len(each) == 1 for each in columns)
        lengths = {len(each) for each in slots}
        is_sure = is_sure and len(lengths) == 1 and not self._is_any_loose(columns)
        if is_sure and len({tuple(s.many for s in each) for each in slots}) == 1:
            rows = [[slot.values for slot in row] for row in zip(*slots, strict=True)]
            many = [slot.many for slot in slots[0]]
        else:
            rows = [[union(slot.values for slot in each) for each in slots]]
            many = [True]
            heap.loosen(made)
        for place, (row, repeats) in enumerate(zip(rows, many, strict=True)):
            pair = interpreter.intern(
                Object, node, f"builtins.tuple {place}", frame.context, frame.owner
            )
            self.tuple_of(pair, row)
            heap.put(made, place, frozenset((pair,)), many=repeats)
        return frozenset((made,))

    def _is_any_loose(self, columns: list[Values]) -> bool:
        return any(self.interpreter.heap.is_loose(each) for column in columns for each in column)

    def numbered(self, values: Values, node: ast.AST, frame: Frame) -> Values:
        """The numbers of the items of something, as a container of as many."""
        heap, interpreter = self.interpreter.heap, self.interpreter
        intern = interpreter.intern
        made = intern(Object, node, "builtins.list of numbers", frame.context, frame.owner)
        heap.make_container(made)
        for place, slot in enumerate(interpreter.items(values, frame)):
            number = ANYTHING if slot.many else interpreter.constant(place)
            heap.put(made, place, number, many=slot.many)
        return frozenset((made,))

    def copied(
        self, values: Values, kind: str, node: ast.AST, frame: Frame, backwards: bool = False
    ) -> Values:
        """A new container with the items of others."""
        heap = self.interpreter.heap
        made = self.interpreter.container(node, kind, frame)
        slots = self.interpreter.items(values, frame)
        for place, slot in enumerate(reversed(slots) if backwards else slots):
            heap.put(made, place, slot.values, slot.name, slot.many, slot.node)
        if any(heap.is_loose(each) for each in values) or len(values) > 1:
            heap.loosen(made)
        return frozenset((made,))

    def from_pairs(self, values: Values, kind: str, node: ast.AST, frame: Frame) -> Values:
        """A dict of pairs, or of another dict."""
        heap = self.interpreter.heap
        made = self.interpreter.container(node, kind, frame)
        for place, slot in enumerate(self.interpreter.items(values, frame)):
            if slot.name is not None:
                heap.put(made, place, slot.values, slot.name, slot.many, slot.node)
                continue
            for pair in slot.values:
                parts = heap.slots(pair)
                if len(parts) != 2:
                    heap.put(made, place, ANYTHING, many=True)
                    continue
                key = next(iter(parts[0].values), None)
                name = key.name if isinstance(key, Constant) else None
                is_name = len(parts[0].values) == 1
                heap.put(
                    made,
                    (place, pair),
                    parts[1].values,
                    name if is_name else None,
                    slot.many,
                    parts[1].node,
                )
        return frozenset((made,))


def _first(node: ast.AST) -> ast.AST | None:
    """The first argument of a call."""
    return node.args[-1] if isinstance(node, ast.Call) and node.args else None


__all__ = ["NOTHING", "Containers"]
