"""What a Sequential gives: each item is applied to what the one before gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from .arguments import Arguments
from .frames import Frame
from .heap import Around, Slot, union
from .interpreter import Interpreter
from .values import Constant, Value, Values

_MOST_MODULES: Final = 8
"""How many modules an item may be for their results to be told apart."""


_COST: Final = 10
"""How many expressions take as long as to apply an item."""


@dataclass(eq=False)
class Sequences:
    """Applies the modules that a Sequential holds."""

    interpreter: Interpreter

    def __post_init__(self) -> None:
        self._applying: set[Value] = set()

    def through(
        self, value: Value, given: Arguments, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What a Sequential gives."""
        current = given.get(0, "input")
        heap = self.interpreter.heap
        slots = heap.slots(value)
        if value in self._applying:  # it holds itself, as far as that is known
            others = [replace(each, values=each.values - self._applying) for each in slots]
            return self._in_any_order(others, current, node, frame, (value, "itself"))
        self._applying.add(value)
        if heap.is_loose(value):
            found = self._in_any_order(slots, current, node, frame, (value, step))
        else:
            found = current
            for number, group in enumerate(_groups(slots)):
                place = value, step, number
                found = self._group(group, found, node, frame, place)
                found = self.interpreter.widened(found, node, frame, (place, "many"))
        self._applying.discard(value)
        return found

    def _in_any_order(
        self, slots: list[Slot], current: Values, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What comes of items of which any may follow any: one tensor stands for all between."""
        between = self._any_of(current, node, frame, step)
        for place, slot in enumerate(slots):
            result = self._step(slot, between, node, frame, (step, place))
            self._any_of(result, node, frame, step)
        return between

    def _group(
        self, group: list[Slot], current: Values, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What comes of one item, or of some that a loop puts in any number of times."""
        if not group[0].many:
            found = self._step(group[0], current, node, frame, step)
            return found | current if group[0].is_optional else found
        if len({_turn(each)[0] for each in group}) > 1:  # loops in a loop
            return self._in_any_order(group, current, node, frame, step)
        before = current
        while True:
            result = before
            for place, slot in enumerate(group):
                made = self._step(slot, result, node, frame, (step, place))
                result = made | result if _turn(slot)[1] else made
            if result <= before:
                return before
            before = self.interpreter.widened(before | result, node, frame, (step, "many"))

    def _any_of(self, values: Values, node: ast.AST, frame: Frame, step: object) -> Values:
        return self.interpreter.any_of(values, node, frame, step)

    def _step(
        self, slot: Slot, current: Values, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        call, given = self.interpreter.call, Arguments((current,))
        modules = [each for each in slot.values if not isinstance(each, Constant)]
        self.interpreter.spend(_COST)  # of Sequentials in others there may be very many
        found = union([call(each, given, node, frame, step) for each in modules])
        is_told = len(modules) <= _MOST_MODULES
        return found if is_told else self._any_of(found, node, frame, (step, "any"))


def _groups(slots: list[Slot]) -> Iterator[list[Slot]]:
    """The items in order; those together that one loop puts in, turn by turn."""
    group: list[Slot] = []
    for slot in slots:
        if group and (_loop(slot) is None or _loop(slot) != _loop(group[0])):
            yield group
            group = []
        group.append(slot)
    if group:
        yield group


def _loop(slot: Slot) -> Around | None:
    """The outermost loop that an item is put in by."""
    return next((each for each in slot.path if each.repeats), None)


def _turn(slot: Slot) -> tuple[tuple[Around, ...], bool]:
    """The loops that an item is put in by, and whether one turn may put in none."""
    places = [place for place, each in enumerate(slot.path) if each.repeats]
    count = places[-1] + 1 if places else 0
    return slot.path[:count], len(slot.path) > count
