"""What the attributes and items of objects may be, and who uses a value; all of it only grows."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .values import NOTHING, UNKNOWN, Constant, Context, Object, Unknown, Value, Values
from .worklist import Worklist

UseKind: TypeAlias = Literal[
    "call",
    "input",
    "argument",
    "method",
    "read",
    "write",
    "operand",
    "item",
    "iterate",
    "test",
    "compare",
    "return",
    "escape",
]


_MOST_SLOTS: Final = 64
"""How many items of a container are told apart."""


@dataclass(frozen=True)
class Use:
    """What is done with a value at one place.

    Attributes:
        kind: ``"call"``: it is called; ``"input"``: it is what a module, or a function of tensors,
            is applied to; ``"argument"``: it is handed to code of the project; ``"method"`` and
            ``"read"``: an attribute of it is called or read; ``"write"``: one is set;
            ``"escape"``: it is handed to what is not known. The others are what they say.
        node: where.
        name: of the attribute, or of the parameter.
        by: the callee, for ``"input"`` and ``"argument"``.
        result: what comes of it, if it is known.
    """

    kind: UseKind
    node: ast.AST
    name: str = ""
    by: Value | None = None
    result: Value | None = None


@dataclass(eq=False)
class Slot:
    """What stands at one or more places of a container.

    Attributes:
        values: what it may be.
        name: its key or name, where it has a constant one.
        many: whether it stands for any number of items.
        node: the expression that puts it there, if it is one.
    """

    values: Values
    name: str | int | None = None
    many: bool = False
    node: ast.AST | None = None


class Heap:
    """The attributes and items of all objects, and the uses of all values."""

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist
        self._attributes: dict[tuple[Value, str], Values] = {}
        self._names: dict[Value, dict[str, None]] = {}
        self._slots: dict[Value, dict[Hashable, Slot]] = {}
        self._loose: set[Value] = set()
        self._uses: dict[Value, dict[tuple[Hashable, ...], Use]] = {}
        self._holders: dict[Value, dict[tuple[Value, str], None]] = {}

    def attribute(self, value: Value, name: str) -> Values:
        """What has been stored in an attribute."""
        self._worklist.read((value, name))
        return self._attributes.get((value, name), NOTHING)

    def attributes(self, value: Value) -> Iterator[tuple[str, Values]]:
        """All attributes that have been stored, in the order of their first storing."""
        self._worklist.read((value, "*"))
        for name in [*self._names.get(value, ())]:
            self._worklist.read((value, name))
            yield name, self._attributes[value, name]

    def store(self, value: Value, name: str, values: Values) -> None:
        """Note that an attribute may be something."""
        key = value, name
        before = self._attributes.get(key)
        if before is None:
            self._names.setdefault(value, {})[name] = None
            self._attributes[key] = before = NOTHING
            self._worklist.grew((value, "*"))
        if not values <= before:
            self._attributes[key] = before | values
            self._worklist.grew(key)
            for each in values - before:
                self._holders.setdefault(each, {})[key] = None

    def holders(self, value: Value) -> Iterable[tuple[Value, str]]:
        """The attributes, and the containers (with an empty name), that a value is stored in."""
        return self._holders.get(value, {})

    def make_container(self, value: Value) -> None:
        """Note that something has items."""
        self._slots.setdefault(value, {})

    def is_container(self, value: Value) -> bool:
        """Whether something has items that are known of."""
        return value in self._slots

    def slots(self, value: Value) -> list[Slot]:
        """The items of a container, in their order as far as that is known."""
        self._worklist.read(value)
        return [*self._slots.get(value, {}).values()]

    def put(
        self,
        value: Value,
        key: Hashable,
        values: Values,
        name: str | int | None = None,
        many: bool = False,
        node: ast.AST | None = None,
    ) -> None:
        """Note that a container may hold something at a place that ``key`` stands for."""
        slots = self._slots.setdefault(value, {})
        slot = slots.get(key)
        if slot is None and len(slots) >= _MOST_SLOTS:
            key, name, many = "rest", None, True
            self.loosen(value)
            slot = slots.get(key)
        if slot is None:
            slot = slots[key] = Slot(NOTHING, name, many, node)
            self._worklist.grew(value)
        if many and not slot.many:
            slot.many = True
            self._worklist.grew(value)
        if not values <= slot.values:
            for each in values - slot.values:
                self._holders.setdefault(each, {})[value, ""] = None
            slot.values |= values
            self._worklist.grew(value)

    def loosen(self, value: Value) -> None:
        """Note that the order of a container's items, or their number, is not known."""
        if value not in self._loose:
            self._loose.add(value)
            self._worklist.grew(value)

    def is_loose(self, value: Value) -> bool:
        """Whether the order of a container's items, or their number, is not known."""
        self._worklist.read(value)
        return value in self._loose

    def item(self, value: Value, index: Value | None) -> Values:
        """What an item of a container may be; None for any of them."""
        slots = self.slots(value)
        if isinstance(index, Constant):
            named = [each for each in slots if each.name is not None and each.name == index.value]
            if isinstance(index.value, str):
                unnamed = [each for each in slots if each.name is None]
                return union(each.values for each in (*named, *unnamed))
            place = index.value
            is_fixed = not any(each.many for each in slots) and value not in self._loose
            if isinstance(place, int) and is_fixed and -len(slots) <= place < len(slots):
                return slots[place].values
        return union(each.values for each in slots)

    def use(self, value: Value, use: Use, context: Context) -> None:
        """Note that something is done with a value."""
        if isinstance(value, (Constant, Unknown)):
            return
        key = use.kind, use.node, use.name, use.by, use.result, context
        uses = self._uses.setdefault(value, {})
        uses.setdefault(key, use)

    def uses(self, value: Value) -> Iterable[Use]:
        """All that is done with a value."""
        return self._uses.get(value, {}).values()

    def escaped(self, value: Value) -> list[Use]:
        """Where a value is handed to what is not known."""
        return [each for each in self.uses(value) if each.kind == "escape"]

    def reachable(self, value: Value) -> Iterator[Value]:
        """What can be reached from a value through items of containers, itself first."""
        seen: dict[Value, None] = {}
        todo = [value]
        while todo:
            each = todo.pop()
            if each in seen or each is UNKNOWN:
                continue
            seen[each] = None
            yield each
            for slot in self.slots(each):
                todo += slot.values
            if isinstance(each, Object):
                for _, values in self.attributes(each):
                    todo += values


def union(many: Iterable[Values]) -> Values:
    """All values of several sets."""
    return NOTHING.union(*many)
