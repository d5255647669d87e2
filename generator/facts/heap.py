"""What the attributes and items of objects may be, and who uses a value; all of it only grows."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from .. import torch_api
from .values import (
    MADE_OF_IT,
    NOTHING,
    UNKNOWN,
    Bound,
    Constant,
    Instance,
    Object,
    Parameter,
    Partial,
    Super,
    Tensor,
    Value,
    Values,
)
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


class Use(NamedTuple):
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


_Uses: TypeAlias = dict[Use, None]
"""In the order in which they were met."""


class Around(NamedTuple):
    """A statement around a point, of which it is not known whether or how often it is run."""

    node: ast.AST
    repeats: bool


@dataclass(eq=False, slots=True)
class Slot:
    """What stands at one or more places of a container.

    Attributes:
        values: what it may be.
        name: its key or name, where it has a constant one.
        key: what its key may be, where it has none.
        many: whether it stands for any number of items.
        node: the expression that puts it there, if it is one.
        is_optional: whether it may stand for none.
        path: the loops and branches in which it is put there.
    """

    values: Values
    name: str | int | None = None
    many: bool = False
    node: ast.AST | None = None
    is_optional: bool = False
    path: tuple[Around, ...] = ()
    key: Values = NOTHING

    @property
    def is_one(self) -> bool:
        """Whether it stands for just one item."""
        return not self.many and not self.is_optional


class Heap:
    """The attributes and items of all objects, and the uses of all values.

    Attributes:
        opened: told of each value that code that is not known can get at.

    Args:
        worklist: told what grows.
    """

    opened: Callable[[Value], None]

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist
        self._attributes: dict[tuple[Value, str], Values] = {}
        self._names: dict[Value, dict[str, None]] = {}
        self._having: dict[str, dict[Value, None]] = {}
        self._slots: dict[Value, dict[Hashable, Slot]] = {}
        self._places: dict[Value, int] = {}
        self._loose: set[Value] = set()
        self._uses: dict[Value, _Uses] = {}
        self._escapes: dict[Value, _Uses] = {}
        self._open: set[Value] = set()
        self._leading_to: dict[Value, list[Value]] = {}
        self.walks: dict[Value, dict[ast.AST, None]] = {}
        self.patched: dict[ast.AST, str] = {}
        self._holders: dict[Value, dict[tuple[Value, str], None]] = {}

    def attribute(self, value: Value, name: str) -> Values:
        """What has been stored in an attribute."""
        self._worklist.read((value, name))
        return self._attributes.get((value, name), NOTHING)

    def attributes(self, value: Value) -> Iterator[tuple[str, Values]]:
        """All attributes that have been stored, in the order of their first storing."""
        self._worklist.read(("names", value))
        for name in [*self._names.get(value, ())]:
            self._worklist.read((value, name))
            yield name, self._attributes[value, name]

    def having(self, name: str) -> Iterator[Value]:
        """The instances that have something stored in an attribute."""
        self._worklist.read(("having", name))
        yield from [*self._having.get(name, ())]

    def store(self, value: Value, name: str, values: Values) -> None:
        """Note that an attribute may be something."""
        key = value, name
        before = self._attributes.get(key)
        if before is None:
            self._names.setdefault(value, {})[name] = None
            self._attributes[key] = before = NOTHING
            if isinstance(value, Instance):
                self._having.setdefault(name, {})[value] = None
                self._worklist.grew(("having", name))
            self._worklist.grew(("names", value))
        if not values <= before:
            self._attributes[key] = before | values
            self._worklist.grew(key)
            self._hold(values - before, value, name)

    def _hold(self, values: Values, holder: Value, name: str) -> None:
        """Note that a container, or an attribute, holds something more."""
        for each in values:
            self._holders.setdefault(each, {})[holder, name] = None
        if holder in self._open and (not name or isinstance(holder, (Object, Partial))):
            for each in values:
                self.open(each)

    def make_walk(self, value: Value, node: ast.AST) -> None:
        """Note that a container has what a walk over a module goes over, that a node makes."""
        self.walks.setdefault(value, {})[node] = None

    def copy_walk(self, value: Value, other: Value) -> None:
        """Note that a container has what another one has: it may be a walk."""
        for node in self.walks.get(other, ()):
            self.make_walk(value, node)

    def holders(self, value: Value) -> Iterable[tuple[Value, str]]:
        """The attributes, and the containers (with an empty name), that a value is stored in."""
        return self._holders.get(value, {})

    def make_container(self, value: Value) -> None:
        """Note that something has items."""
        if value not in self._slots:
            self._slots[value] = {}
            self._worklist.grew(("container", value))

    def is_container(self, value: Value) -> bool:
        """Whether something has items that are known of."""
        if value in self._slots:
            return True
        if isinstance(value, Instance):  # which its constructor may yet make one
            self._worklist.read(("container", value))
        return False

    def slots(self, value: Value) -> list[Slot]:
        """The items of a container, in their order as far as that is known."""
        self._worklist.read(value)
        return [*self._slots.get(value, {}).values()]

    def rewind(self, value: Value) -> None:
        """Note that what is put into a container from now on comes from its beginning on."""
        self.make_container(value)
        self._places[value] = 0

    def put(self, value: Value, key: Hashable, slot: Slot) -> None:
        """Note that a container may hold something at a place that ``key`` stands for."""
        self.make_container(value)
        slots = self._slots[value]
        if slot.name is not None:
            key = "named", type(slot.name), slot.name
        if key not in slots and len(slots) >= _MOST_SLOTS:
            key, slot = "rest", Slot(slot.values, many=True, is_optional=True)
            self.loosen(value)
        found = slots.get(key)
        if found is None:
            found = Slot(
                NOTHING, slot.name, slot.many, slot.node, slot.is_optional, slot.path, slot.key
            )
            self._insert(value, key, found)
            self._worklist.grew(value)
        elif value in self._places:
            self._places[value] = max(self._places[value], [*slots].index(key) + 1)
        if (slot.many and not found.many) or (slot.is_optional and not found.is_optional):
            found.many |= slot.many
            found.is_optional |= slot.is_optional
            self._worklist.grew(value)
        if slot.key:
            found.key |= slot.key
        if not slot.values <= found.values:
            more = slot.values - found.values
            found.values |= slot.values
            self._worklist.grew(value)
            self._hold(more, value, "")

    def _insert(self, value: Value, key: Hashable, slot: Slot) -> None:
        """Put an item where it belongs: it may be met later than those behind it."""
        slots = self._slots[value]
        place = self._places.get(value, len(slots))
        behind = [*slots.items()][place:]
        for each, _ in behind:
            del slots[each]
        slots[key] = slot
        slots.update(behind)
        if value in self._places:
            self._places[value] = place + 1

    def loosen(self, value: Value) -> None:
        """Note that the order of a container's items, or their number, is not known."""
        if value not in self._loose:
            self._loose.add(value)
            self._worklist.grew(value)

    def is_loose(self, value: Value) -> bool:
        """Whether the order of a container's items, or their number, is not known."""
        self._worklist.read(value)
        return value in self._loose

    def item(self, value: Value, index: Constant | None) -> Values:
        """What an item of a container may be; None for any of them."""
        slots = self.slots(value)
        key = index.value if index is not None else None
        if isinstance(key, str) or (index is not None and is_mapping(value)):
            found = [each for each in slots if each.name is None or each.name == key]
            return union(each.values for each in found)
        is_fixed = all(each.is_one for each in slots) and value not in self._loose
        if isinstance(key, int) and is_fixed and -len(slots) <= key < len(slots):
            return slots[key].values
        return union(each.values for each in slots)

    # --- what is done with them --------------------------------------------------------------

    def use(self, values: Iterable[Value], use: Use) -> None:
        """Note that something is done with each of some values."""
        is_escape = use.kind == "escape"
        for value in values:
            known = self._uses.get(value)
            if known is None:
                known = self._uses[value] = {}
            known[use] = None
            if is_escape and not isinstance(value, (Tensor, Parameter)):
                self._escapes.setdefault(value, {})[use] = None
                self.open(value)

    def open(self, value: Value) -> None:
        """Note that code that is not known can get at a value, and at all that this leads to."""
        todo = [value]
        while todo:
            each = todo.pop()
            if each not in self._open:
                self._open.add(each)
                self.opened(each)
                todo += self._next(each)

    def uses(self, value: Value) -> Iterable[Use]:
        """All that is done with a value; it escapes with what leads to it."""
        own = self._uses.get(value, {})
        if value not in self._open:
            return own
        found = dict(own)
        for holder in self._leading_to.get(value, ()):
            found.update(self._escapes[holder])
        return found

    def used(self) -> list[Value]:
        """All values with which anything is done."""
        return [*dict.fromkeys((*self._uses, *self._leading_to))]

    def settle(self) -> None:
        """Work out what has escaped with what leads to it, once nothing grows any more."""
        self._leading_to = {}
        for each in self._escapes:
            for inner in self.reachable(each):
                if inner is not each:
                    self._leading_to.setdefault(inner, []).append(each)

    def reachable(self, value: Value) -> Iterator[Value]:
        """What code can reach that is given a value: itself first, and not what modules hold."""
        seen: dict[Value, None] = {}
        todo = [value]
        while todo:
            each = todo.pop()
            if each not in seen and each is not UNKNOWN:
                seen[each] = None
                yield each
                self._worklist.read(each)
                if isinstance(each, (Object, Partial)):
                    self._worklist.read(("names", each))
                    for name in self._names.get(each, ()):
                        self._worklist.read((each, name))
                todo += self._next(each)

    def _next(self, value: Value) -> Iterator[Value]:
        """What code can get from a value in one step."""
        for slot in self._slots.get(value, {}).values():
            yield from slot.values
        match value:
            case Object():
                for name in self._names.get(value, ()):
                    yield from self._attributes[value, name]
            case Partial(function=function):
                yield function
                yield from self._attributes.get((value, PARTIAL), NOTHING)
            case Super(receiver=receiver):
                yield receiver
            case Bound(receiver=receiver, function=function, name=name):
                is_module = isinstance(receiver, Instance)
                gives = name in torch_api.GIVES_ACCESS if is_module else True
                is_plain = name in _PLAIN or name == MADE_OF_IT
                if function is not None or (gives and not is_plain):
                    yield receiver


_PLAIN: Final = torch_api.PLAIN | torch_api.TENSORS | torch_api.ABOUT_TENSORS
CACHE: Final = "@cache"
"""To whom what a function gives has escaped that gives it again."""
BY_ANY_NAME: Final = "*"
"""The attribute that stands for those whose name is not known."""
PARTIAL: Final = "arguments"
"""The attribute of a Partial in which the heap has its arguments."""


def is_mapping(value: Value) -> bool:
    """Whether the items of a container are found by their keys, and not by their places."""
    return isinstance(value, Object) and value.kind.endswith(("dict", "Dict"))


def union(many: Iterable[Values]) -> Values:
    """All values of several sets."""
    found = [*many]
    return found[0] if len(found) == 1 else NOTHING.union(*found)
